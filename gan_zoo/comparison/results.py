"""Results of a comparison: scores of its runs, verdicts by seed, and tables."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_zoo.comparison import halving
from gan_zoo.comparison.paired import Paired, paired, sentence
from gan_zoo.errors import UserError
from gan_zoo.runs.logs import is_number, training_clock
from gan_zoo.runs.run import Run

Record = dict[str, Any]
ALARMED = "an alarm stopped it"
ONE_SEED = (
    "One seed has no interval; the same command with --seeds=3 adds two, and then there is one."
)
BESIDE = ("precision", "recall", "diversity")  # metrics shown beside the score


def folder_of(comparison: Record, variant: str, seed: int) -> str:
    """Return the name of a run's folder in the folder of its comparison."""
    return f"{comparison['variants'][variant]['slug']}-seed{seed}"


def selected_score(comparison: Record) -> str:
    """Return which score of a run counts: ``best`` or ``last``."""
    # Comparisons from before the flag --select have the key "choose".
    return comparison.get("select") or comparison.get("choose") or "best"


def command_of(comparison: Record) -> str:
    """Return the command that made a comparison, as it is written today; "" if unknown."""
    command = comparison.get("command")
    if not isinstance(command, str):
        return ""
    command = re.sub(r"^python \S*compare\.py\b", "gan_zoo compare", command)
    return command.replace(" --choose=", " --select=")


def budget_of(comparison: Record) -> str:
    """Return the budget of each run in words, such as ``6,400 images a run``; "" if unknown."""
    budget = comparison.get("budget")
    if not isinstance(budget, dict) or not budget:
        return ""
    amounts = (
        f"{amount:,} {kind}" if is_number(amount) else f"{amount} {kind}"
        for kind, amount in budget.items()
    )
    return f"{', '.join(amounts)} a run"


def many_verdicts(count: int) -> str:
    """Return a warning about so many verdicts; "" for one or none."""
    if count < 2:
        return ""
    return (
        f"Each of these {count} verdicts is at 95 %: where nothing differs, one in twenty is wrong"
        " by chance."
    )


def outcome(
    run: Run,
    steps: int,
    score: str,
    target: float | None = None,
) -> Record:
    """Return the state and the scores of a run, as its folder has them.

    Args:
        run: The run; its folder may be missing.
        steps: At which it is done.
        score: The key of the score, such as ``eval/FD-embedded``.
        target: A distance to reach.

    Returns:
        A record of ``state`` (``done``, ``running`` or ``missing``), ``best``, ``best_step``,
        ``last``, ``ratio`` (of the last score to the best), ``images``, ``seconds`` (of training,
        evaluations apart), ``target_images`` and ``target_seconds`` (at the first evaluation that
        reached the target), ``precision``, ``recall`` and ``diversity`` at the best step. Missing
        values are None.
    """
    metrics, scored = run.metrics, []
    found: Record = dict.fromkeys(
        ("best", "best_step", "last", "ratio", "images", "seconds", "target_images")
    )
    found |= dict.fromkeys(("target_seconds", *BESIDE))
    for record, seconds in zip(metrics, training_clock(metrics), strict=True):
        if (images := record.get("images")) is None:
            continue
        found["images"], found["seconds"] = images, seconds
        if (value := record.get(score)) is not None:
            scored.append((value, record))
            if target is not None and value <= target and found["target_images"] is None:
                found["target_images"], found["target_seconds"] = images, seconds
    if scored:
        best, record = min(scored, key=lambda each: each[0])
        last = scored[-1][0]
        found |= {
            "best": best,
            "best_step": record["step"],
            "last": last,
            "ratio": last / best if best > 0 else None,
        }
        extractor = score.partition("-")[2]
        for name in BESIDE:
            beside = record.get(f"eval/{name}-{extractor}")
            found[name] = record.get(f"eval/{name}") if beside is None else beside
    found["state"] = "done" if _finished(run, steps) else "running" if metrics else "missing"
    return found


def _finished(run: Run, steps: int) -> bool:
    """Return whether a run reached its last step and wrote its exports."""
    try:
        return run.step >= steps and run.exported_step == steps
    except UserError:
        return False


def results(comparison: Record, folder: Path, failures: Mapping[str, str] | None = None) -> Record:
    """Return all results so far, as ``results.json`` has them.

    Args:
        comparison: The content of ``comparison.json``.
        folder: The folder of the comparison.
        failures: Why runs failed, by the names of their folders.
    """
    opened = {
        (name, seed): Run(folder / folder_of(comparison, name, seed))
        for name in comparison["variants"]
        for seed in halving.seeds_of(comparison, name)
    }
    failures = _earlier_failures(comparison) | dict(failures or {})
    target = comparison.get("target")
    if target is None:
        runs = _all_runs(comparison, failures, opened, None)
        target = _worst_best(comparison, runs)
    runs = _all_runs(comparison, failures, opened, target)
    protocol, floor = _protocol(folder, runs.values(), comparison["score"])
    return {
        "score": protocol or comparison["score"],
        "floor": floor,
        "target": target,
        "complete": halving.current_rung(comparison) is None
        and all(run["state"] in ("done", "failed") for run in runs.values()),
        "runs": list(runs.values()),
        "variants": {
            name: _summary([runs[name, seed] for seed in halving.seeds_of(comparison, name)])
            for name in comparison["variants"]
        },
        "comparisons": [
            _comparison(comparison, runs, name)
            for name in comparison["variants"]
            if name != comparison["baseline"] and not halving.left_at(comparison, name)
        ],
    }


def _earlier_failures(comparison: Record) -> dict[str, str]:
    """Return why candidates of a search left it without a score, by the folders of their runs."""
    return {
        folder_of(comparison, name, comparison["search"]["seed"]): variant["why"]
        for name, variant in comparison["variants"].items()
        if variant.get("left") and variant.get("why")
    }


_Runs = dict[tuple[str, int], Record]  # by (variant, seed)


def _all_runs(
    comparison: Record,
    failures: Mapping[str, str],
    opened: Mapping[tuple[str, int], Run],
    target: float | None,
) -> _Runs:
    """Return the outcome of each run."""
    runs: _Runs = {}
    for (name, seed), opened_run in opened.items():
        run, steps = folder_of(comparison, name, seed), halving.steps_of(comparison, name)
        found = outcome(opened_run, steps, f"eval/{comparison['score']}", target)
        if run in failures:
            found["state"] = "failed"
        about = {"variant": name, "seed": seed, "folder": run, "why": failures.get(run, "")}
        runs[name, seed] = about | found
    return runs


def _worst_best(comparison: Record, runs: _Runs) -> float | None:
    """Return the worst of the best scores of the baseline's finished runs."""
    baseline = comparison["baseline"]
    base = [runs[baseline, seed] for seed in halving.seeds_of(comparison, baseline)]
    scores = [run["best"] for run in base if run["state"] == "done" and run["best"] is not None]
    return max(scores, default=None)


def _summary(runs: list[Record]) -> Record:
    """Return medians over a variant's finished runs, and geometric means of their scores."""
    found: Record = {
        state: sum(run["state"] == state for run in runs) for state in ("done", "failed")
    }
    runs = [run for run in runs if run["state"] == "done"]
    found["reached"] = sum(run["target_images"] is not None for run in runs)
    for name in ("best", "last"):
        values = [run[name] for run in runs if run[name] and run[name] > 0]
        found[name] = math.exp(statistics.fmean(map(math.log, values))) if values else None
    for name in ("ratio", "target_images", "target_seconds", "seconds", *BESIDE):
        values = [run[name] for run in runs if run[name] is not None]
        found[name] = statistics.median(values) if values else None
    return found


class _Pairs(NamedTuple):
    """Runs of a variant and of the baseline.

    Attributes:
        seeds: How many seeds the comparison has.
        ended: Pairs of which both runs are done or failed.
        done: Pairs of which both runs are done.
        scored: Pairs of scores above 0.
        failures: Why runs failed, of the variant.
        baseline_failures: The same of the baseline.
    """

    seeds: int
    ended: list[tuple[Record, Record]]
    done: list[tuple[Record, Record]]
    scored: list[tuple[float, float]]
    failures: list[str]
    baseline_failures: list[str]


def _pairs(comparison: Record, runs: _Runs, name: str) -> _Pairs:
    select, baseline = selected_score(comparison), comparison["baseline"]
    seeds = halving.seeds_of(comparison, name)
    both = [(runs[name, seed], runs[baseline, seed]) for seed in seeds]
    ended = [pair for pair in both if all(run["state"] in ("done", "failed") for run in pair)]
    done = [pair for pair in ended if all(run["state"] == "done" for run in pair)]
    scores = [(a[select], b[select]) for a, b in done]
    return _Pairs(
        len(both),
        ended,
        done,
        [pair for pair in scores if min(pair[0] or 0, pair[1] or 0) > 0],
        [a["why"] for a, _ in ended if a["state"] == "failed"],
        [b["why"] for _, b in ended if b["state"] == "failed"],
    )


def _comparison(comparison: Record, runs: _Runs, name: str) -> Record:
    """Return the verdict on one variant, over the seeds for which both runs ended."""
    baseline, select = comparison["baseline"], selected_score(comparison)
    pairs = _pairs(comparison, runs, name)
    record: Record = {"variant": name, "baseline": baseline, "select": select}
    found: Paired | None = None
    if pairs.scored:
        found = paired([a for a, _ in pairs.scored], [b for _, b in pairs.scored])
        record |= found._asdict()
        budget = budget_of(comparison)
        score = f"{select} {comparison['score']}{f' after {budget}' if budget else ''}"
        text = sentence(found, name, baseline, score)
        text += f" {ONE_SEED}" if pairs.seeds == 1 else ""
    else:
        record |= {"n": 0, "ratio": None, "low": None, "high": None, "verdict": "no evidence"}
        reason = "nothing to compare yet"
        if len(pairs.ended) == pairs.seeds:
            reason = "nothing to compare: there is no seed for which both have a score above 0"
        text = f"{name} against {baseline}: {reason}."
    if verdict := _verdict_of_failures(pairs):
        whose = "its" if verdict == "worse" else "the baseline's"
        text = (
            f"{name} is {verdict} than {baseline}: all {len(pairs.ended)} of {whose} runs failed,"
            " by divergence or an alarm."
        )
        return record | {"verdict": verdict, "sentence": text}
    if _better_by_survivors(found, pairs):
        record["verdict"] = "no evidence"
        text = (
            f"no evidence that {name} is better than {baseline}, since more of its runs failed in"
            f" training; of the others: {text}"
        )
    return record | {"sentence": text + _left_out(pairs, name, baseline)}


def _verdict_of_failures(pairs: _Pairs) -> str:
    """Return ``worse`` or ``better`` if all runs of one side failed in training; else ""."""
    for lost, other, verdict in (
        (pairs.failures, pairs.baseline_failures, "worse"),
        (pairs.baseline_failures, pairs.failures, "better"),
    ):
        # If both have the same failure rate, 3 of 3 against 0 of 3 has a chance of 1 in 20. With
        # fewer runs the chance is larger, so nothing is concluded.
        all_lost = len(lost) == len(pairs.ended) > 2
        if all_lost and not other and all(map(_by_training, lost)):
            return verdict
    return ""


def _better_by_survivors(found: Paired | None, pairs: _Pairs) -> bool:
    """Return whether a variant is better, but with more failures: only its best runs are left."""
    lost = sum(map(_by_training, pairs.failures))
    return (
        found is not None
        and found.verdict == "better"
        and lost > sum(map(_by_training, pairs.baseline_failures))
    )


def _left_out(pairs: _Pairs, name: str, baseline: str) -> str:
    """Return sentences about the runs that a verdict leaves out, each after a space."""
    text, lost = "", [*pairs.failures, *pairs.baseline_failures]
    if lost:
        count = len(pairs.ended)
        text += (
            f" Left out: of {count} run{'s' * (count > 1)} each, {len(pairs.failures)} of {name}"
            f" and {len(pairs.baseline_failures)} of {baseline} failed."
        )
        if not all(map(_by_training, lost)):
            text += " Some of them failed for reasons other than training."
    if 0 < len(pairs.scored) < len(pairs.done):
        without = len(pairs.done) - len(pairs.scored)
        text += f" Also left out: {without} of {len(pairs.done)} pairs without a score above 0."
    return text


def failed_otherwise(comparison: Record, runs: Iterable[Record]) -> list[str]:
    """Return the folders of failed runs whose training went well, as before a kill.

    Candidates of a search that left it are not among them.
    """
    return [
        run["folder"]
        for run in runs
        if run["state"] == "failed"
        and not _by_training(run["why"])
        and not halving.left_at(comparison, run["variant"])
    ]


def _by_training(why: str) -> bool:
    """Return whether training went wrong in a run that failed, unlike a full disk or a kill."""
    return why.startswith(("training diverged", ALARMED))


def _protocol(folder: Path, runs: Iterable[Record], score: str) -> tuple[str, float | None]:
    """Return how the scores were computed, and what real images score, from the first run."""
    for run in runs:
        for record in Run(folder / run["folder"]).results:
            stamp = record["result"].stamp
            if stamp.metric == score and not record["final"]:
                return stamp.short(), record["floor"]
    return "", None


def format_number(value: float | None, digits: int = 3) -> str:
    """Return a number for a table, with so many significant digits; "" for None."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if abs(value) < 1e4 else f"{value:,.0f}"


def markdown(comparison: Record, found: Record) -> Iterator[str]:
    """Yield the leaderboard, best variant first, and the verdicts as lines of Markdown."""
    target = format_number(found["target"])
    intervals = any(each.get("low") is not None for each in found["comparisons"])
    titles = [
        "variant",
        "runs",
        f"best {comparison['score']}",
        "last",
        "last/best",
        f"ratio to baseline{' (95 %)' if intervals else ''}",
        f"reached {target}",
        "images to it",
        ", ".join(BESIDE),
    ]
    yield _row(titles)
    yield "|---" * len(titles) + "|"
    against = {each["variant"]: each for each in found["comparisons"]}
    for name in ranked(comparison, found["variants"]):
        ratio, seeds = "baseline", len(halving.seeds_of(comparison, name))
        if rung := halving.left_at(comparison, name):
            ratio = f"left at rung {rung} of {len(comparison['rungs'])}"
        elif name in against:
            ratio = _ratio(against[name])
        yield _row(_cells(name, found["variants"][name], ratio, seeds))
    yield ""
    if found["target"] is not None:
        origin = "the worst of the best scores of the baseline's runs"
        if comparison.get("target"):
            origin = "the given target"
        yield (
            f"Reached: how many runs reached {target}, {origin}; images to it: the median over"
            " these runs. Last/best: 1 if the last score is the best."
        )
        yield ""
    if warning := many_verdicts(len(found["comparisons"])):
        yield warning
        yield ""
    for each in found["comparisons"]:
        yield f"- {each['sentence']}"


def ranked(comparison: Record, summaries: Mapping[str, Record]) -> list[str]:
    """Return the names of the variants, best first; after them those that left at a rung.

    Args:
        comparison: The content of ``comparison.json``.
        summaries: The ``variants`` of ``results.json``.
    """
    select = selected_score(comparison)

    def place(name: str) -> tuple[float, float]:
        left = halving.left_at(comparison, name)
        return -(left or math.inf), summaries.get(name, {}).get(select) or math.inf

    return sorted(comparison["variants"], key=place)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ratio(against: Record) -> str:
    """Return the ratio of a variant to the baseline, with its interval and the verdict."""
    ratio = format_number(against["ratio"])
    if against.get("low") is not None:
        low, high = format_number(against["low"]), format_number(against["high"])
        return f"{ratio} ({low} to {high}), {against['verdict']}"
    return f"{ratio} {against['verdict']}" if against["n"] else ratio


def _cells(name: str, summary: Record, ratio: str, seeds: int) -> list[str]:
    """Return a row of the leaderboard."""
    failed = f", {summary['failed']} failed" if summary["failed"] else ""
    return [
        name.replace("|", "\\|"),
        f"{summary['done']}/{seeds}{failed}",
        format_number(summary["best"]),
        format_number(summary["last"]),
        format_number(summary["ratio"]),
        ratio,
        f"{summary['reached']}/{seeds}",
        format_number(summary["target_images"], 5),
        ", ".join(format_number(summary.get(each), 2) or "-" for each in BESIDE),
    ]
