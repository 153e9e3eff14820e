"""Compare variants and seeds: plan, measure, run, and verdicts with intervals.

``study`` reads variants, ``plan`` checks them, ``measure`` sets their steps, ``queue`` runs them,
``results`` and ``paired`` compare their scores, ``kept`` and ``picture`` keep what came out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from gan_zoo import cli
from gan_zoo.config import Config
from gan_zoo.errors import UserError

if TYPE_CHECKING:
    from gan_zoo.comparison.plan import Plan


def compare(
    variants: Mapping[str, Mapping[str, Any]],
    base: Config,
    *,
    workdir: str | Path,
    seeds: int = 3,
    images: int | None = None,
    minutes: float | None = None,
    petaflop: float | None = None,
    jobs: int = 0,
    evals: int = 8,
    select: str = "best",
    baseline: str | None = None,
    question: str = "",
    target: float | None = None,
) -> dict[str, Any]:
    """Train each variant with several seeds, and compare their scores with those of a baseline.

    All variants train on the same images in the same order for each seed, and start from the same
    weights if their networks are the same. At most one of ``images``, ``minutes`` and ``petaflop``
    is given; the default is the images of ``base.steps`` steps. The same call continues a
    comparison that was interrupted; later calls may add seeds and variants.

    Args:
        variants: By the name of each variant, the settings that it changes, such as ``{"plain": {},
            "ema": {"ema": 0.999}}``; two or more. It may set ``steps``, to end before its budget.
        base: The settings of all variants.
        workdir: The folder of the comparison: empty, new, or that of an earlier call.
        seeds: Number of runs per variant, with the seeds from ``base.seed`` on.
        images: Budget of each run: images seen.
        minutes: Budget of each run: minutes of training at the speed measured first.
        petaflop: Budget of each run: arithmetic, in 10^15 operations.
        jobs: Runs at a time; 0 means one per GPU, or one run on a machine without a GPU.
        evals: Evaluations per run, evenly spaced, the last at its end.
        select: Which score of a run counts: ``best`` or ``last``.
        baseline: The variant that the others are compared with; the first by default.
        question: The title of the results.
        target: A distance; the results tell when runs reach it. The worst of the best scores of the
            baseline's runs by default.

    Returns:
        The content of ``results.json``: ``score`` (how it was computed), ``floor`` (of real
        images), ``target``, ``complete``, ``runs``, ``variants`` (medians, and means of scores) and
        ``comparisons``, one for each variant but the baseline, with ``ratio``, ``low``, ``high``,
        ``verdict`` and ``sentence``.

    Raises:
        UserError: An argument is wrong, a variant is not possible, or the folder is in use.
        KeyboardInterrupt: Ctrl-C or SIGTERM stopped it after the runs had saved.
    """
    from gan_zoo.comparison.plan import make_plan

    plan = make_plan(
        {name: dict(changes) for name, changes in variants.items()},
        base,
        workdir,
        seeds=seeds,
        images=images,
        minutes=minutes,
        petaflop=petaflop,
        evals=evals,
        select=select,
        baseline=baseline,
        question=question,
        target=target,
    )
    found, stopped = run_plan(plan, jobs)
    if stopped:
        raise KeyboardInterrupt
    return found


def run_plan(plan: Plan, jobs: int = 0, verbose: bool = False) -> tuple[dict[str, Any], int]:
    """Train the runs of a plan that are not done.

    Args:
        plan: What :func:`gan_zoo.comparison.plan.make_plan` returned.
        jobs: Runs at a time; 0 means one per GPU, or one run on a machine without a GPU.
        verbose: Whether TensorFlow prints its own messages.

    Returns:
        The content of ``results.json``, and the number of the signal that stopped the runs, or 0.

    Raises:
        UserError: The folder is in use, the data cannot be read, or a variant is not possible.
    """
    from gan_zoo.comparison import queue
    from gan_zoo.comparison.measure import measure_variants

    if jobs < 0:
        raise UserError(f"--jobs={jobs} is too small; give 0 or more.")
    plan.folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(plan.folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"{plan.folder} is in use by another process; wait for it, or choose another --workdir."
        ) from None
    with lock:
        cli.load_tensorflow(verbose)
        devices = queue.devices(jobs)
        measure_variants(plan, devices[0])
        plan.save()
        runs = queue.RunQueue(plan.record, plan.run_settings(), plan.folder, devices)
        return runs.run(), runs.stopped
