"""Compare variants and seeds: plan, measure, run, and verdicts with intervals.

``study`` reads variants, ``plan`` checks them, ``measure`` sets their steps, ``queue`` runs them,
``results`` and ``paired`` compare their scores, ``kept`` and ``picture`` keep what came out.
``halving`` says which candidates of a search leave it early.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock

from gan_zoo import cli
from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.interrupts import short_interrupt

if TYPE_CHECKING:
    from gan_zoo.comparison.plan import Plan
    from gan_zoo.comparison.queue import Device


_STOPPED = "stopped; the same call continues."


@short_interrupt(_STOPPED)
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


@short_interrupt(_STOPPED)
def search(
    variants: Mapping[str, Mapping[str, Any]],
    base: Config,
    *,
    workdir: str | Path,
    eta: int = 2,
    finalists: int = 2,
    jobs: int = 0,
    **settings: Any,
) -> dict[str, Any]:
    """Find the best of many variants by successive halving, and compare the last few with seeds.

    On each rung, all candidates train to a share of the budget with the seed ``base.seed``, and the
    best ones go on where they stopped. The finalists and the baseline, which never leaves, then
    train to the whole budget with all seeds. The same call continues a search that was interrupted.

    Args:
        variants: See :func:`compare`.
        base: The settings of all variants.
        workdir: The folder of the search: empty, new, or that of an earlier call.
        eta: A rung keeps one candidate in ``eta``, and the next goes to ``eta`` times its steps.
        finalists: Candidates that come to the final, beside the baseline.
        jobs: See :func:`compare`.
        **settings: ``seeds`` (of the final), a budget and all else that :func:`compare` takes.

    Returns:
        What :func:`compare` returns. In ``variants`` and ``runs`` are all candidates; in
        ``comparisons`` only the finalists. ``comparison.json`` in ``workdir`` has under ``rungs``
        the scores of each rung, and for each candidate that left the number of the rung as
        ``left``.

    Raises:
        UserError: An argument is wrong, a variant is not possible, the folder is in use, or no
            candidate came through a rung.
        KeyboardInterrupt: Ctrl-C or SIGTERM stopped it after the runs had saved.
    """
    from gan_zoo.comparison.plan import make_plan

    copied = {name: dict(changes) for name, changes in variants.items()}
    plan = make_plan(copied, base, workdir, eta=eta, finalists=finalists, **settings)
    found, stopped = run_plan(plan, jobs)
    if stopped:
        raise KeyboardInterrupt
    return found


def run_plan(plan: Plan, jobs: int = 0, verbose: bool = False) -> tuple[dict[str, Any], int]:
    """Train the runs of a plan that are not done; of a search, rung by rung.

    Args:
        plan: What :func:`gan_zoo.comparison.plan.make_plan` returned.
        jobs: Runs at a time; 0 means one per GPU, or one run on a machine without a GPU.
        verbose: Whether TensorFlow prints its own messages.

    Returns:
        The content of ``results.json``, and the number of the signal that stopped the runs, or 0.

    Raises:
        UserError: The folder is in use, the data cannot be read, a variant is not possible, or no
            candidate came through a rung.
    """
    from gan_zoo.comparison import queue
    from gan_zoo.comparison.measure import measure_variants

    if jobs < 0:
        raise UserError(f"--jobs={jobs} is too small; give 0 or more.")
    with _locked(plan.folder):
        cli.load_tensorflow(verbose)
        devices = queue.devices(jobs)
        measure_variants(plan, devices[0])
        if "search" in plan.record:
            return _run_rungs(plan, devices)
        plan.save()
        return _run_queue(plan, devices)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder of a comparison, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise UserError(
            f"{folder} is in use by another process; wait for it, or choose another --workdir."
        ) from None
    with lock:
        yield


def _run_queue(plan: Plan, devices: list[Device]) -> tuple[dict[str, Any], int]:
    from gan_zoo.comparison.queue import RunQueue

    runs = RunQueue(plan.record, plan.run_settings(), plan.folder, devices)
    return runs.run(), runs.stopped


def _run_rungs(plan: Plan, devices: list[Device]) -> tuple[dict[str, Any], int]:
    """Run a search from the rung that is not decided yet to its final."""
    from gan_zoo.comparison import halving
    from gan_zoo.comparison.results import failed_otherwise, selected_score

    for name, config in plan.configs.items():
        plan.configs[name] = halving.fix_rates(config, plan.record["variants"][name]["steps"])
    plan.save()
    print(halving.about(plan.record), flush=True)
    while True:
        found, stopped = _run_queue(plan, devices)
        rung = halving.current_rung(plan.record)
        if rung is None or stopped:
            return found, stopped
        if again := failed_otherwise(plan.record, found["runs"]):
            print(f"once more, since not their training failed: {', '.join(again)}", flush=True)
            found, stopped = _run_queue(plan, devices)
            if stopped:
                return found, stopped
        print(halving.decide(plan.record, found["runs"], selected_score(plan.record)), flush=True)
        plan.save()
