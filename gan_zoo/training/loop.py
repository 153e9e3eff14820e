"""The run: build, restore, then chunks of compiled steps; everything slow happens at the seam between two chunks."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from gan_zoo import images, registry
from gan_zoo.config import Config, load_plugins
from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.datasets import cache_dir
from gan_zoo.distributed import machine, strategy
from gan_zoo.errors import UserError
from gan_zoo.evaluation.evaluator import Watch
from gan_zoo.files import user_path
from gan_zoo.game import step
from gan_zoo.game.build import build_extractor, build_game, load_data, part_of, split
from gan_zoo.game.labels import classes_of, grid_layout, rare_class_warning
from gan_zoo.game.sampling import compute_standing_statistics, sample
from gan_zoo.runs import checkpoints, rundir
from gan_zoo.training import feed
from gan_zoo.training.logger import Report, Silent

# Runs of all training seeds are judged on the same noise and the same real images, so that their
# scores compare.
EVALUATION_SEED = 0
ALARMED = 3  # the exit code of a run that an alarm stopped
ROLLBACK = 1  # no exit code: the other thing that a collapse may ask for


def train(config: Config) -> Path:
    """Train, or go on with the run in ``config.run_dir`` where it stopped.

    Returns:
        The folder of the run.

    Raises:
        UserError: Something in the settings, the data or the folder is wrong; the sentence says
            what.
        Interrupted: A signal asked to stop; the run is saved.
        PeerLost: Another worker went, under ``--strategy=multi_worker``.
    """
    folder = config.run_dir
    distribution = strategy.make(config.strategy)
    lead = strategy.leads(config.strategy)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        where = str(user_path(config.data_dir).resolve()) if config.data_dir else ""
        plugins = ",".join(map(str, load_plugins(config.plugins)))
        with (
            rundir.lock(folder) if lead else contextlib.nullcontext(),
            strategy.peers(distribution),
        ):
            arithmetic = _precision(config, folder, distribution)
            fixed = dataclasses.replace(
                config, plugins=plugins, data_dir=where, precision=arithmetic
            )
            return _train(fixed, folder, distribution, lead)
    except (tf.errors.OpError, OSError) as e:
        if registry.third_party and isinstance(
            e, (tf.errors.InvalidArgumentError, tf.errors.UnknownError)
        ):
            raise  # a part's own doing, most likely, as the program will say
        what = " ".join((e.message if isinstance(e, tf.errors.OpError) else str(e)).split())[:200]
        raise UserError(
            f"the run in {folder} stopped ({type(e).__name__}: {what}); mend that, and the same"
            " command goes on from its last checkpoint (--verbose shows more)."
        ) from e


def _train(config: Config, folder: Path, distribution: tf.distribute.Strategy, lead: bool) -> Path:
    """The run itself. With several workers, the one that leads evaluates, draws and writes; the others only train."""
    data = load_data(config)
    rows, kept = split(config, len(data.images))
    identity = {
        "name": data.name,
        "hash": data.hash,
        "count": len(data.images),
        "shape": data.image_shape,
        "resize": data.resize,
    }
    classes = classes_of(config, data)
    if classes:
        identity["classes"] = classes._asdict()
    resumed = lead and rundir.check_resumable(folder, config, identity)
    replicas = distribution.num_replicas_in_sync
    if config.batch % replicas:
        raise UserError(
            f"--batch={config.batch} cannot be shared out over {replicas} devices; give a multiple"
            f" of {replicas}."
        )
    with distribution.scope():
        game = build_game(config, data.image_shape, classes)
        saver = checkpoints.Saver(game, folder / "checkpoints", config.keep)
    if lead:
        saver.sweep()
    done = saver.restore()
    if (most := strategy.highest(distribution, done)) != done or -strategy.highest(
        distribution, -done
    ) != done:
        raise UserError(
            f"the workers are at different steps ({done} here, {most} elsewhere); give all of them"
            " the same --workdir, on a disk that they share."
        )
    if done > config.steps:
        raise UserError(
            f"{folder} is at step {done} already, beyond --steps={config.steps}; give a larger one"
            " to go on."
        )
    if resumed and not done and (folder / "generator.keras").exists():
        raise UserError(
            f"{folder} holds a trained generator but no checkpoint to go on from; start anew in"
            " another --workdir."
        )
    if done >= config.steps and rundir.exported(folder) == done:
        print(
            f"{folder} is trained already, to step {done} of {config.steps}; a larger --steps"
            " goes on."
        )
        return folder
    extractor = (
        build_extractor(config) if config.eval_every and lead else None
    )  # first: a mistake in it records nothing
    before = config.steps
    if resumed:
        before = rundir.record_resume(folder, config, done)
    elif lead:
        rundir.write(folder, rundir.record(config, identity, machine.describe(distribution)))
    report = Report(folder, done, config.steps, config.batch) if lead else Silent()
    grid_labels, columns, order = grid_layout(game, config.samples)

    def draw_grid() -> None:
        report.grid(done, sample(game, config.samples, config.seed, labels=grid_labels), columns)

    def evaluate(judge: Watch) -> dict[str, float]:
        began = time.perf_counter()
        fake = sample(game, config.eval_samples, EVALUATION_SEED, place="evaluation")
        scores = judge.judge(done, fake, time.perf_counter() - began)
        if judge.best and judge.best[1] == done:
            saver.save_best(done)
        return scores

    said = filter(None, [order, rare_class_warning(classes)])
    rates = (
        *_ended_rates(game, config.steps),
        *(_moved_rates(game, config, before, done) if done else ()),
    )
    for line in (*data.notes, *saver.notes, *rates, _opening(config, folder, data, done), *said):
        report.say(line)
    judge = build_evaluator(config, extractor, folder, data) if extractor else None

    run = step.compile_run(game, distribution)
    used = rows if len(kept) else None
    labels = data.labels[classes.column] if classes else None
    iterator = feed.train_iterator(
        data.images,
        config.batch,
        config.seed,
        done,
        distribution,
        used,
        game.update.batches,
        labels,
    )
    if done == 0 and lead:
        draw_grid()
        report.show(done, "before training", line=True)
    stop = 0  # the exit code with which the run is to stop, the same for all workers
    with _stop_requests("after this chunk of steps") as signals:
        while done < config.steps and not stop:
            n = min(config.log_every - done % config.log_every, config.steps - done)
            began = time.perf_counter()
            with strategy.exchanges(distribution):
                means = run(iterator, tf.constant(n, tf.int64))
                scalars = {
                    name: float(value) for name, value in means.items()
                }  # the chunk's one wait for the device
            seconds = time.perf_counter() - began
            last, done = done, done + n
            if not all(math.isfinite(value) for value in scalars.values()):
                report.close()
                raise UserError(_diverged(scalars, done, saver.latest))
            scalars["speed/images_per_second"] = n * config.batch / seconds
            for spec, trick in zip(config.specs("tricks"), game.tricks, strict=True):
                if trick.metrics is not None:
                    scalars |= {
                        f"{spec.name}/{name}": float(value)
                        for name, value in trick.metrics().items()
                    }
            summary = f"loss D {scalars['loss/disc']:.3f} G {scalars['loss/gen']:.3f}"
            collapse = 0

            def due(every: int, done: int = done, last: int = last) -> bool:
                return done // every > last // every or done == config.steps

            if lead and any(
                due(every)
                for every in (config.eval_every, config.sample_every, config.save_every)
                if every
            ):
                compute_standing_statistics(game)
            if judge and due(config.eval_every) and (judge.affordable() or done == config.steps):
                scalars |= evaluate(judge)
                summary += f", {judge.score[5:]} {scalars[judge.score]:.4g}"
            record = report.scalars(done, scalars)
            scored, sampled = (
                judge is not None and judge.score in scalars,
                lead and due(config.sample_every),
            )
            report.show(done, summary, scalars["speed/images_per_second"], line=scored or sampled)
            if sampled:
                draw_grid()
            if judge:
                judge.note(record)
                if scored:
                    collapse = _handle_alarms(judge, config, report)
            collapse = strategy.highest(distribution, collapse)
            if collapse == ROLLBACK and (back := saver.roll_back()) is not None:
                report.say(
                    f"rolled back to the weights of step {back}; the run goes on with new batches"
                    " and noise."
                )
                record = report.scalars(done, {"event/rollback": back})
                if judge:
                    judge.note(record)
            elif collapse:
                stop = ALARMED
            # After a rollback, too, or a resumed run would not know of it.
            if lead and (due(config.save_every) or collapse == ROLLBACK):
                saver.save(done)
            stop = strategy.highest(distribution, max([stop, *signals]))
        if lead and saver.latest != done:
            compute_standing_statistics(game)
            saver.save(done)
    # Whoever stopped a run in its last steps does not wait for its end; going on makes up for it.
    ended = done >= config.steps and stop in (0, ALARMED)
    if lead and ended:
        if judge:
            if not judge.scored(
                done
            ):  # of a run that was stopped between its evaluations and ends where it stopped
                judge.note(report.scalars(done, evaluate(judge)))
            for line in judge.final(
                done, sample(game, config.eval_samples, EVALUATION_SEED, place="evaluation")
            ):
                report.say(line)
        export(game, folder, done)
    report.close()
    # No worker leaves before the leading one is through; an exception out of a signal would fare
    # badly in TensorFlow's hands.
    with contextlib.nullcontext() if lead else _stop_requests("when the first worker is through"):
        strategy.highest(distribution, 0)
    if not ended:
        raise Interrupted(stop, done, config.steps)
    return folder


def _precision(config: Config, folder: Path, distribution: tf.distribute.Strategy) -> str:
    """What ``--precision=auto`` means: what the run began with, else what the machine is faster in."""
    if config.precision != "auto":
        return config.precision
    if (folder / "config.json").is_file():
        return rundir.read(folder)["config"].get("precision", "float32")
    return "bfloat16" if strategy.highest(distribution, machine.faster_in_bfloat16()) else "float32"


def build_evaluator(
    config: Config, extractor: FeatureExtractor, folder: Path, data: Dataset
) -> Watch:
    """The judge of a run, whose real images are those that it trains on."""
    return Watch(
        part_of(data, config, "train"),
        extractor,
        folder,
        samples=config.eval_samples,
        split="train",
        ema=config.ema > 0,
        seed=EVALUATION_SEED,
        budget=config.eval_budget,
        cache_dir=cache_dir(),
    )


def _handle_alarms(judge: Watch, config: Config, report: Report | Silent) -> int:
    """Tell the alarms; returns what the settings want done about a collapse: nothing (0), ROLLBACK or ALARMED."""
    wanted = 0
    for alarm in judge.new_alarms():
        report.say(f"ALARM {alarm}")
        if alarm.name == "collapse" and config.on_collapse != "warn":
            wanted = (
                ROLLBACK if config.on_collapse == "rollback" and judge.rollbacks < 3 else ALARMED
            )
    return wanted


def export(game: step.Game, folder: Path, done: int) -> None:
    """Write what outlives the run: ``generator.keras``, the SavedModel ``generator/`` and ``samples.gif``.

    All are made aside and then take the place of earlier ones; last, ``config.json`` says of which
    step they are.
    """
    net = game.ema if game.ema is not None else game.gen
    aside = folder / ".export"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    net.save(aside / "generator.keras")
    net.export(aside / "generator", verbose=False)
    images.gif_of(rundir.sample_grids(folder), aside / "samples.gif")
    shutil.rmtree(folder / "generator", ignore_errors=True)
    for made in list(aside.iterdir()):
        made.replace(folder / made.name)
    aside.rmdir()
    rundir.write(folder, {**rundir.read(folder), "exported": done})


class Interrupted(Exception):  # noqa: N818 -- it is no error
    """A signal or an alarm stopped the run, with everything saved."""

    def __init__(self, exit_code: int, done: int, steps: int):
        """Stopped after ``done`` of ``steps`` steps, for the reason that the exit code gives."""
        super().__init__(
            f"stopped at step {done} of {steps} and saved; the same command goes on from there."
        )
        self.exit_code = exit_code


@contextlib.contextmanager
def _stop_requests(when: str) -> Iterator[list[int]]:
    """A list that SIGINT and SIGTERM put their exit code (128 + number) into; a second SIGINT stops at once."""
    told = f"\nstopping {when}; Ctrl-C again stops at once, without saving.\n".encode()
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(128 + number)
        # Not print(): a handler may run in the middle of another print, and the reader of a pipe
        # may have stopped as well.
        with contextlib.suppress(OSError):
            os.write(2, told)

    old = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            old[number] = signal.signal(number, ask)
    except ValueError:  # not in the main thread: signals are not ours to take
        pass
    try:
        yield asked
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _optimizers(game: step.Game) -> tuple[tuple[str, Any, int], ...]:
    """Both optimizers, each with its flag and the updates that it makes in a step."""
    return ("gen_opt", game.gen_opt, 1), ("disc_opt", game.disc_opt, game.update.batches)


def _ended_rates(game: step.Game, steps: int) -> Iterator[str]:
    """A sentence for each net whose learning rate is 0 before the run ends."""
    for flag, optimizer, updates in _optimizers(game):
        until = getattr(optimizer._learning_rate, "until", 0)
        if until and until < steps * updates:
            yield (
                f"--{flag}: the learning rate is 0 from step {until // updates} of {steps} on, and"
                f" it learns nothing after that; without until={until} it lasts to the end."
            )


def _moved_rates(game: step.Game, config: Config, before: int, done: int) -> Iterator[str]:
    """A sentence for each net whose learning rate falls to the run's end, where that was another when the run was left."""
    for flag, optimizer, updates in _optimizers(game):
        rate, spec = optimizer._learning_rate, config.specs(flag)[0]
        if (
            before == config.steps
            or getattr(rate, "until", 0) != config.steps * updates
            or "until" in spec.kwargs
        ):
            continue
        was, now = (
            float(type(rate)(**(rate.get_config() | {"until": end * updates}))(done * updates))
            for end in (before, config.steps)
        )
        yield (
            f"--{flag}: the learning rate falls to 0 at step {config.steps} now, not {before};"
            f" here, at step {done}, it goes from {was:.2g} to {now:.2g}."
        )


def _opening(config: Config, folder: Path, data: Dataset, done: int) -> str:
    height, width, channels = data.image_shape
    rows, kept = split(config, len(data.images))
    held = f"{len(rows):,} images " + (f"({len(kept):,} more held out) " if len(kept) else "")
    how = "not resized" if data.resize == "none" else data.resize
    return (
        f"{'going on from step ' + str(done) if done else 'training'}: {config.gen} against"
        f" {config.disc}, {config.loss}, {config.update}, noise: {config.noise}, tricks:"
        f" {config.tricks or 'none'}, "
        + (f"condition: {config.condition}, " if config.condition else "")
        + f"{config.precision}; "
        f"{held}{height}x{width}x{channels} of {data.name} ({how}); run directory: {folder}"
    )


def _diverged(scalars: dict[str, float], done: int, latest: int | None) -> str:
    bad = ", ".join(name for name, value in scalars.items() if not math.isfinite(value))
    saved = (
        f"the last good checkpoint is of step {latest}"
        if latest is not None
        else "there is no earlier checkpoint"
    )
    return (
        f"training diverged before step {done}: {bad} became infinite or NaN; {saved}; start anew"
        " with lower learning rates (--gen_opt, --disc_opt) or another loss."
    )
