"""Successive halving: the weaker candidates leave a comparison while they have cost little.

Jamieson & Talwalkar 2016, arXiv:1502.07943. All candidates train for a small share of the budget,
with one seed; the best of them go on where they stopped, to a larger share, until a few are left.
What differs from the paper: the baseline goes on whatever its score, so that the last verdicts have
something to compare with, and the rest is a comparison of the finalists with all seeds.

A candidate is seen at a share of its own training: learning rates that fall over a run fall over
the whole of it. So its early scores are those of the long run, and no weight depends on the rungs.
No TensorFlow.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Sequence
from typing import Any

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.spec import Spec

Record = dict[str, Any]


def rungs_of(candidates: int, eta: int, finalists: int) -> list[Record]:
    """Return the rungs on which candidates leave: ``share`` of the budget, and how many it keeps.

    Args:
        candidates: How many there are, without the baseline.
        eta: A rung keeps one in so many, and the next trains as many times as long.
        finalists: How many are kept at least.
    """
    keeps = []
    while candidates > finalists:
        candidates = max(finalists, math.ceil(candidates / eta))
        keeps.append(candidates)
    return [{"share": float(eta) ** (k - len(keeps)), "keep": keep} for k, keep in enumerate(keeps)]


def current_rung(comparison: Record) -> int | None:
    """Return the place of the rung that is not decided; None in the final or without rungs."""
    rungs = comparison.get("rungs", ())
    return next((k for k, rung in enumerate(rungs) if "scores" not in rung), None)


def left_at(comparison: Record, variant: str) -> int | None:
    """Return the rung at which a variant left, from 1 on; None where it did not."""
    return comparison["variants"][variant].get("left")


def seeds_of(comparison: Record, variant: str) -> list[int]:
    """Return the seeds of a variant: the first alone before the final, or where it did not come."""
    if left_at(comparison, variant) or current_rung(comparison) is not None:
        return [comparison["search"]["seed"]]
    return comparison["seeds"]


def steps_of(comparison: Record, variant: str) -> int:
    """Return the steps that a variant trains now: those of its last rung, or all in the final."""
    steps, left, now = (
        comparison["variants"][variant]["steps"],
        left_at(comparison, variant),
        current_rung(comparison),
    )
    rung = left - 1 if left else now
    return steps if rung is None else max(1, round(steps * comparison["rungs"][rung]["share"]))


def decide(comparison: Record, runs: Sequence[Record], select: str) -> str:
    """Let the weaker candidates leave at the current rung; return a sentence about it.

    Args:
        comparison: The content of ``comparison.json``; it is changed.
        runs: The runs of this rung, as ``results.json`` has them.
        select: Which score of a run counts: ``best`` or ``last``.

    Raises:
        UserError: No candidate has a score.
    """
    k = current_rung(comparison)
    assert k is not None
    rung, variants = comparison["rungs"][k], comparison["variants"]
    found = {run["variant"]: run for run in runs if not left_at(comparison, run["variant"])}
    scores = {name: run[select] if run["state"] == "done" else None for name, run in found.items()}

    def score(name: str) -> float:
        value = scores[name]
        return math.inf if value is None else value

    ranked = sorted((name for name in scores if name != comparison["baseline"]), key=score)
    kept = [name for name in ranked[: rung["keep"]] if scores[name] is not None]
    if not kept:
        why = found[ranked[0]]["why"] or "it has no score"
        raise UserError(
            f"no candidate came through rung {k + 1} of the search; {ranked[0]}: {why}; mend that,"
            " and the same command goes on."
        )
    rung["scores"] = scores
    left = [name for name in ranked if name not in kept]
    for name in left:
        variants[name] |= {"left": k + 1, "why": found[name]["why"]}
    return (
        f"rung {k + 1} of {len(comparison['rungs'])}, {rung['share']:.3g} of the budget: "
        f"{_listed(kept, scores, found)} go on; {_listed(left, scores, found)} leave; baseline"
        f" {_listed([comparison['baseline']], scores, found)}"
    )


def _listed(names: Sequence[str], scores: Record, found: Record) -> str:
    """Return names with their scores, or why they have none."""
    words = (
        f"{name} ({found[name]['why'] or 'no score'})"
        if scores[name] is None
        else f"{name} ({scores[name]:.4g})"
        for name in names
    )
    return ", ".join(words)


def about(comparison: Record) -> str:
    """Return a sentence about the rungs of a search, and what they save."""
    rungs, search = comparison["rungs"], comparison["search"]
    candidates, seeds = len(comparison["variants"]) - 1, len(comparison["seeds"])
    words, cost, before, count = [], 0.0, 0.0, candidates
    for k, rung in enumerate(rungs):
        words.append(f"rung {k + 1}: {count} for {rung['share']:.3g} of it, {rung['keep']} go on")
        cost += (count + 1) * (rung["share"] - before)
        before, count = rung["share"], rung["keep"]
    cost += (count + 1) * (seeds - before)
    return (
        f"{candidates} candidates and the baseline {comparison['baseline']}; budget of a run:"
        f" {', '.join(f'{v:,} {k}' for k, v in comparison['budget'].items())}; "
        f"{'; '.join(words)} (seed {search['seed']}); final: {count} and the baseline, {seeds}"
        f" seed{'s' * (seeds > 1)}: {cost:.3g} budgets in place of {(candidates + 1) * seeds}."
    )


def fix_rates(config: Config, steps: int) -> Config:
    """Return settings whose learning rates end at ``steps``, whatever ``--steps`` is.

    Raises:
        UserError: An optimizer takes its length from ``--steps`` and has no argument for it.
    """
    batches = registry.updates.build(config.spec("update")).batches
    gen = _fixed(config.spec("gen_opt"), steps)
    disc = _fixed(config.spec("disc_opt"), steps * batches)
    return dataclasses.replace(config, gen_opt=str(gen), disc_opt=str(disc))


def _fixed(spec: Spec, updates: int) -> Spec:
    """Return the spec of an optimizer with ``until=updates``, if a schedule of it has no end."""
    signature = inspect.signature(registry.optimizers[spec.name])
    parameters = signature.parameters
    if "updates" not in parameters:
        return spec
    if not {"until", "schedule"} <= set(parameters):
        raise UserError(
            f"the optimizer {spec.name} takes its length from --steps, so that a short run of it is"
            " another recipe; give it the arguments schedule= and until=, or compare without"
            " rungs (gan_zoo compare)."
        )
    given = dict(signature.bind_partial(*spec.args, **spec.kwargs).arguments)
    values = {name: p.default for name, p in parameters.items()} | given
    if values["schedule"] == "constant" or values["until"]:
        return spec
    return Spec(spec.name, (), given | {"until": updates})
