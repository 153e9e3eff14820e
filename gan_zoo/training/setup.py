"""From settings to all that the training loop works with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from gan_zoo import images, randomness
from gan_zoo.config import Config, load_plugins
from gan_zoo.contracts import Classes, Dataset
from gan_zoo.datasets import cache_dir
from gan_zoo.distributed import machine, strategy
from gan_zoo.errors import UserError
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.game.build import (
    build_extractor,
    build_game,
    data_split,
    fitting_batch,
    fitting_steps,
    load_data,
    split_rows,
)
from gan_zoo.game.labels import condition_classes, layout_of, rare_class_warning
from gan_zoo.game.step import Game
from gan_zoo.phases import phase
from gan_zoo.runs.checkpoints import Checkpoints
from gan_zoo.runs.resume import (
    check_resumable,
    edited_plugins,
    record_resume,
    trained_already,
)
from gan_zoo.runs.run import Run
from gan_zoo.runs.writer import Writer
from gan_zoo.training import notes, origin, trainer
from gan_zoo.training.chief import EVALUATION_SEED, Chief, Follower
from gan_zoo.training.estimate import beginning
from gan_zoo.training.hints import hints
from gan_zoo.training.logger import Logger, OnGrid
from gan_zoo.training.real import real_grid
from gan_zoo.training.trackers import Tracker, open_services, settings_text
from gan_zoo.training.trackers.tensorboard import TensorBoard


class Session(NamedTuple):
    """What the training loop works with.

    Attributes:
        config: The settings.
        run: The run.
        distribution: The strategy of TensorFlow.
        game: The nets and their step.
        checkpoints: Of the game.
        chief: The one that evaluates, logs, samples and saves, or its null object.
        train_chunk: ``(n) -> scalars``: trains n steps.
        start: The steps done before.
    """

    config: Config
    run: Run
    distribution: tf.distribute.Strategy
    game: Game
    checkpoints: Checkpoints
    chief: Chief | Follower
    train_chunk: Callable[[int], dict[str, float]]
    start: int


def resolve(config: Config, run: Run, distribution: tf.distribute.Strategy) -> Config:
    """Return the settings with a definite precision, and the full paths of plugins."""
    plugins = ",".join(map(str, load_plugins(config.plugins)))
    precision = config.precision
    if precision == "auto":  # what the run began with, else what this machine is faster in
        if run.exists:
            precision = run.record["config"].get("precision", "float32")
        else:
            with phase("measure bfloat16"):
                speeds = machine.arithmetic_speeds()
                faster = strategy.highest(distribution, speeds.faster)
            precision = "bfloat16" if faster else "float32"
            if strategy.leads(config.strategy):
                print(speeds.sentence(precision))
    return dataclasses.replace(
        config,
        plugins=plugins,
        precision=precision,
        start_from=origin.resolve(config, run),
    )


def set_up(
    config: Config,
    run: Run,
    distribution: tf.distribute.Strategy,
    *,
    is_chief: bool,
    read: Callable[[], Dataset] | None = None,
    on_grid: OnGrid | None = None,
) -> Session | None:
    """Build or restore a run; return None where it is trained to its end already.

    ``read`` returns the data set, where its reading began before.

    Raises:
        UserError: The settings, the data or the folder do not fit each other.
    """
    with phase("read images"):
        data = read() if read else load_data(config)
    given, count = config, len(split_rows(config, len(data.images))[0])
    config = fit_steps(fit_batch(config, count, run, distribution), count, run)
    classes = condition_classes(config, data)
    identity = _identity(data, classes)
    resumed = is_chief and check_resumable(run, config, identity)
    _check_batch(config, distribution)
    _check_jit(config, distribution)
    start_weights = _start_weights(config, classes, run)
    with phase("build nets"), distribution.scope():
        random_version = run.random_version if run.exists else randomness.NEWEST
        game = build_game(config, data.image_shape, classes, random_version, start_weights)
        writer = Writer()
        checkpoints = Checkpoints(game, run.folder / "checkpoints", config.keep, writer)
    if is_chief:
        checkpoints.remove_leftovers()
    start = checkpoints.restore()
    _check_start(config, run, distribution, start, resumed)
    if start >= config.steps and run.exported_step == start:
        print(trained_already(given, run.folder, start))
        return None
    # A mistake in the extractor must come before anything is recorded.
    about = [*notes.few_images(given, config, data)]
    scored = config.eval_every and count > 1
    extractor = build_extractor(config, data.image_shape[2]) if scored and is_chief else None
    before = config.steps
    if resumed:
        about += edited_plugins(run, config)
        before = record_resume(run, config, start)
    elif is_chief:
        run.start(
            config,
            identity,
            machine.describe(distribution),
            random_version,
            start_weights.record if start_weights else None,
        )
    if start_weights and is_chief:
        checkpoints.save(0)  # from here on, the other run may change or go
    chief: Chief | Follower = Follower()
    if is_chief:
        # The logger drops what lies beyond `start` before the evaluator reads the metrics.
        trackers = _open_trackers(config, run, data, classes)
        logger = Logger(run, start, config.steps, config.batch, on_grid, writer.submit, trackers)
        advice = _advice(config, game, data, before, start)
        if start_weights:
            advice += start_weights.notes(data)
        opening = notes.opening(config, run.folder, data, start)
        takes = beginning(config, game, data, start)
        for line in (*data.notes, *about, *checkpoints.notes, *advice, opening, takes):
            logger.print(line)
        with phase("features of real images"):
            evaluator = extractor and build_evaluator(config, extractor, run, data)
        chief = Chief(config, run, game, checkpoints, logger, evaluator, writer, start)
        for line in filter(None, [chief.grid_order, rare_class_warning(classes)]):
            logger.print(line)
    train_chunk = trainer.chunk_trainer(config, game, distribution, data, start, chief.print)
    return Session(config, run, distribution, game, checkpoints, chief, train_chunk, start)


def _open_trackers(
    config: Config, run: Run, data: Dataset, classes: Classes | None
) -> list[Tracker]:
    """Return the trackers of a run, with its settings; TensorBoard has real images, too.

    Real images lie beside the samples. They go to no service, which may be elsewhere.
    """
    board = TensorBoard(run.folder)
    board.begin(config)
    if not run.real_grid.exists():
        labels, columns, _ = layout_of(classes, config.samples)
        column = classes.column if classes else ""
        train = data_split(data, config, "train")
        sheet = real_grid(train, config.samples, labels, column, columns)
        images.save_png(run.real_grid, images.enlarge(sheet))
        board.picture(0, "real images", sheet)
    trackers: list[Tracker] = [board, *open_services(config, run, print)]
    settings = settings_text(dataclasses.asdict(config))
    for tracker in trackers:
        tracker.text(0, "settings", settings)
    return trackers


def _advice(config: Config, game: Game, data: Dataset, before: int, start: int) -> list[str]:
    """Return sentences about settings that may not do what was meant.

    ``before`` is what ``--steps`` was before; ``start`` the steps done.
    """
    advice = [*notes.off_chunks(config), *notes.early_zero_rates(game, config.steps)]
    if start:
        return advice + [*notes.changed_rates(game, config, before, start)]
    advice += notes.unchecked_parts(config)
    advice += notes.frozen_weights(game, config)
    return advice + [*hints(config, game, data)]


def fit_batch(config: Config, count: int, run: Run, distribution: tf.distribute.Strategy) -> Config:
    """Return the settings with a batch for so few training images.

    A run that began with a larger batch than that keeps it.
    """
    if run.exists and run.record["config"].get("batch") == config.batch:
        return config
    batch = fitting_batch(config.batch, count, distribution.num_replicas_in_sync)
    return dataclasses.replace(config, batch=batch)


def fit_steps(config: Config, count: int, run: Run) -> Config:
    """Return the settings with the steps that ``--passes`` leaves for so few training images.

    A run that began with more than that keeps them.
    """
    begun = run.exists and not run.untrained
    before = run.record["config"].get("steps") if begun else 0
    steps = fitting_steps(config, count, before if isinstance(before, int) else 0)
    return dataclasses.replace(config, steps=steps)


def _start_weights(config: Config, classes: Classes | None, run: Run) -> origin.FirstWeights | None:
    """Return the first weights of a run that starts from another, until it has its own."""
    if not config.start_from or run.has_checkpoint:
        return None
    with phase("read the weights of another run"):
        return origin.FirstWeights(config, classes, run)


def _identity(data: Dataset, classes: Classes | None) -> dict:
    """Return what ``config.json`` records of the data, by which a resumed run knows them."""
    identity = {
        "name": data.name,
        "hash": data.hash,
        "count": len(data.images),
        "shape": data.image_shape,
        "resize": data.resize,
    }
    return identity | ({"classes": classes._asdict()} if classes else {})


def _check_batch(config: Config, distribution: tf.distribute.Strategy) -> None:
    replicas = distribution.num_replicas_in_sync
    if config.batch % replicas:
        raise UserError(
            f"--batch={config.batch} cannot be divided among {replicas} devices; give a multiple"
            f" of {replicas}."
        )


def _check_jit(config: Config, distribution: tf.distribute.Strategy) -> None:
    if config.jit == "on" and distribution.num_replicas_in_sync > 1:
        raise UserError(
            "--jit=on trains on one device, and --strategy here uses"
            f" {distribution.num_replicas_in_sync}; leave out one of the two flags."
        )


def _check_start(
    config: Config, run: Run, distribution: tf.distribute.Strategy, start: int, resumed: bool
) -> None:
    """Check that the run can go on from the step of its checkpoint."""
    highest = strategy.highest(distribution, start)
    lowest = -strategy.highest(distribution, -start)
    if not lowest == start == highest:
        other = highest if highest != start else lowest
        raise UserError(
            f"the workers are at different steps ({start} here, {other} elsewhere); give all of"
            " them the same --workdir, on a disk that they share."
        )
    if start > config.steps:
        raise UserError(
            f"{run.folder} is at step {start} already, beyond --steps={config.steps}; give a larger"
            " one to go on."
        )
    if resumed and not start and (run.folder / "generator.keras").exists():
        raise UserError(
            f"{run.folder} holds a trained generator but no checkpoint to go on from; start a new"
            " run in another --workdir."
        )


def build_evaluator(config: Config, extractor, run: Run, data: Dataset) -> Evaluator:
    """Return the evaluator of a run, whose real images are those that it trains on."""
    return Evaluator(
        data_split(data, config, "train"),
        extractor,
        run.metrics,
        samples=config.eval_samples,
        split="train",
        ema=config.ema > 0,
        seed=EVALUATION_SEED,
        budget=config.eval_budget,
        cache_dir=cache_dir(),
        settings=dataclasses.asdict(config),
    )
