"""Measure the variants of a comparison: sizes, arithmetic and speed, and from them the steps."""

from __future__ import annotations

import dataclasses
import math
import statistics
import tempfile
import time
from pathlib import Path

from gan_zoo.comparison import queue
from gan_zoo.comparison.plan import Plan, evaluation_schedule
from gan_zoo.comparison.queue import Device
from gan_zoo.comparison.results import Record
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.errors import UserError
from gan_zoo.phases import phase
from gan_zoo.runs.logs import read_metrics

_SPEED_SECONDS = 15.0  # how long the speed of a variant is measured
_SPEED_CHUNKS = 6  # at least so many chunks of steps after the first, which compiles


def measure_variants(plan: Plan, device: Device) -> None:
    """Complete the record of a plan: the data, the score, and the steps and sizes of each variant.

    Variants that were measured by an earlier call keep their steps.

    Args:
        plan: The plan; its record is changed.
        device: Where to measure speeds.

    Raises:
        UserError: The data cannot be read or changed, a variant is not possible, or the budget is
            less than a step.
    """
    from gan_zoo.evaluation import protocol
    from gan_zoo.game import build

    record, base = plan.record, plan.configs[plan.record["baseline"]]
    with phase("read images"):
        data = build.load_data(base)  # problems with the data are reported before the first run
    for name, config in plan.configs.items():
        count = len(build.split_rows(config, len(data.images))[0])
        if (batch := build.fitting_batch(config.batch, count)) < config.batch:
            raise UserError(
                f"the variant '{name}' has {count} images to train on, fewer than its batch of"
                f" {config.batch}; give --batch={batch} for all variants, or more images."
            )
    shape = "x".join(map(str, data.image_shape))
    record["data"] = f"{data.name} {shape}, {len(data.images):,} images"
    if record.setdefault("data_hash", data.hash) != data.hash:
        raise UserError(
            "the data changed since this comparison began, and scores on other data are not"
            " comparable; restore the data, or choose another --workdir."
        )
    record["score"] = protocol.named("FD", build.build_extractor(base, data.image_shape[2]))
    for name, variant in record["variants"].items():
        if "steps" in variant:
            continue
        try:
            with phase(f"build nets of {name}"):
                flops = _measure_sizes(variant, plan.configs[name], data)
            steps = _budgeted_steps(plan, name, flops, device)
        except UserError as e:
            raise UserError(f"the variant '{name}': {e}") from None
        _set_steps(record, name, steps)
    _warn_of_fewer_evaluations(plan)


def _measure_sizes(variant: Record, settings: Config, data: Dataset) -> float:
    """Set the numbers of parameters and the arithmetic per image; return the FLOP of a step."""
    from gan_zoo.game import build
    from gan_zoo.game import labels as game_labels
    from gan_zoo.game.flops import step_flops

    classes = game_labels.condition_classes(settings, data)
    game = build.build_game(settings, data.image_shape, classes)
    flops = step_flops(settings, data.image_shape, classes)
    variant["parameters"] = {"gen": game.gen.count_params(), "disc": game.disc.count_params()}
    variant["gflop_per_image"] = flops / settings.batch / 1e9
    variant["images_per_second"] = None
    return flops


def _budgeted_steps(plan: Plan, name: str, flops: float, device: Device) -> float:
    """Return how many steps of a variant its budget pays for, as a fraction."""
    ((kind, amount),) = plan.record["budget"].items()
    variant, settings = plan.record["variants"][name], plan.configs[name]
    if kind == "minutes":
        print(f"measuring the speed of {name} ...", flush=True)
        variant["images_per_second"] = _speed(settings, device)
        return 60 * amount * variant["images_per_second"] / settings.batch
    if kind == "petaflop":
        return amount * 1e15 / flops
    return amount / settings.batch


def _set_steps(record: Record, name: str, budgeted: float) -> None:
    """Set the steps of a variant: as many as its budget allows, at most its own ``--steps``."""
    ((kind, amount),) = record["budget"].items()
    variant = record["variants"][name]
    own = variant["settings"].get("steps", math.inf)
    variant["steps"] = min(round(budgeted), own)
    if not variant["steps"]:
        raise UserError(
            f"--{kind}={amount:g} is {budgeted:.2g} of a step of '{name}'; give a larger budget, or"
            " a smaller --batch."
        )
    note = ""
    if own < budgeted:
        note = f" of the {round(budgeted):,} of its budget"
    elif own is not math.inf:
        note = ", the steps of its budget"
    print(
        f"{name}: {variant['steps']:,} steps{note}, {variant['gflop_per_image']:.3g} GFLOP per"
        " image",
        flush=True,
    )


def _warn_of_fewer_evaluations(plan: Plan) -> None:
    """Print which variants have too few steps for as many evaluations as were asked for."""
    evals = plan.record["evals"]
    counts = {}
    for name, variant in plan.record["variants"].items():
        every, _ = evaluation_schedule(variant["steps"], evals, plan.configs[name].log_every)
        counts[name] = math.ceil(variant["steps"] / every)
    if set(counts.values()) != {evals}:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        bias = "; the best of more is lower by chance" if len(set(counts.values())) > 1 else ""
        print(f"there are too few steps for {evals} evaluations: {listed}{bias}")


def _speed(settings: Config, device: Device) -> float:
    """Return images/s, the median over chunks of steps, of a run that is stopped after a while."""
    with tempfile.TemporaryDirectory() as folder:
        workdir, log = Path(folder) / "run", Path(folder) / "log.txt"
        short = dataclasses.replace(
            settings,
            workdir=str(workdir),
            steps=10**6,
            log_every=5,
            eval_every=0,
            sample_every=10**6,
            save_every=10**6,
        )
        run = queue.start(short, log, device)
        began = None
        try:
            while True:
                speeds = [
                    record["speed/images_per_second"]
                    for record in read_metrics(workdir)[0]
                    if "loss/disc" in record
                ]
                began = began or (time.monotonic() if speeds else None)
                long_enough = began and time.monotonic() - began > _SPEED_SECONDS
                if len(speeds) > _SPEED_CHUNKS and long_enough:
                    return statistics.median_high(speeds[1:])
                if run.poll() is not None:
                    raise UserError(f"the speed cannot be measured: {queue.last_line(log)}")
                time.sleep(0.2)
        finally:
            run.kill()
            run.wait()
