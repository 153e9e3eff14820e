"""The run: build, restore, then chunks of compiled steps; everything slow happens at the seam between two chunks."""

from __future__ import annotations

import dataclasses
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import checkpoints, feed, images, randomness, registry, rundir, step
from gan_zoo.config import Config, load_plugins
from gan_zoo.contracts import Dataset, UserError
from gan_zoo.datasets import cache_dir
from gan_zoo.report import Report


def load_data(config: Config) -> Dataset:
    """The data set that the settings name.

    Raises:
        UserError: It cannot be had, or holds fewer images than a batch.
    """
    data = registry.datasets.build(
        config.specs("data")[0],
        image_size=config.size,
        channels=config.channels or None,
        data_dir=Path(config.data_dir).expanduser() if config.data_dir else None,
        cache_dir=cache_dir(),
    )
    if len(data.images) < config.batch:
        raise UserError(
            f"the data set {data.name} has {len(data.images)} images, fewer than one batch of {config.batch}; give a "
            f"--batch of at most {len(data.images)}, or more images."
        )
    return data


def build_generator(config: Config, image_shape: tuple[int, int, int]) -> keras.Model:
    """The generator that the settings name, with fresh weights.

    Raises:
        UserError: It cannot make images of that shape.
    """
    gen = registry.generators.build(config.specs("gen")[0], image_shape=image_shape)
    if gen.output_shape[1:] != image_shape:
        raise UserError(
            f"the generator '{config.gen}' makes images {gen.output_shape[1:]}, but {image_shape} is wanted; mend it."
        )
    return gen


def build_game(config: Config, image_shape: tuple[int, int, int]) -> step.Game:
    """All that a step works with, with weights drawn from the run's seed. Call it in the strategy's scope.

    Raises:
        UserError: Parts do not fit each other or the images.
    """
    keras.utils.set_random_seed(config.seed)
    gen = build_generator(config, image_shape)
    disc = registry.discriminators.build(config.specs("disc")[0], image_shape=image_shape)
    if disc.input_shape[1:] != image_shape or disc.output_shape[1:] != (1,):
        raise UserError(
            f"the discriminator '{config.disc}' maps {disc.input_shape[1:]} to {disc.output_shape[1:]}, but {image_shape} to "
            "one logit is wanted; mend it."
        )
    ema = None
    if config.ema:
        ema = build_generator(config, image_shape)
        ema.set_weights(gen.get_weights())
    count = tf.Variable(0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
    loss = registry.losses.build(config.specs("loss")[0])
    specs = config.specs("tricks")
    tricks = tuple(registry.tricks.build(spec, step=count, image_shape=image_shape) for spec in specs)
    for spec, trick in zip(specs, tricks, strict=True):
        if not loss.uses_targets and (trick.real_targets or trick.fake_targets or trick.gen_targets):
            raise UserError(
                f"--tricks={spec} changes targets, but the loss '{config.loss}' has none; leave out one of the two."
            )
    gen_opt, disc_opt = (registry.optimizers.build(config.specs(name)[0]) for name in ("gen_opt", "disc_opt"))
    gen_opt.build(gen.trainable_variables)
    disc_opt.build(disc.trainable_variables)
    noise = registry.noises.build(config.specs("noise")[0])
    return step.Game(gen, disc, ema, config.ema, gen_opt, disc_opt, loss, tricks, noise, count, config.seed)


def sample(game: step.Game, number: int, seed: int, *, from_ema: bool = True, batch: int = 64) -> np.ndarray:
    """Draw images from the average if there is one and it is wanted, else from G, in inference mode.

    Image i depends on the seed alone, not on ``number``.

    Returns:
        uint8 ``[number, H, W, C]``.
    """
    net = game.ema if game.ema is not None and from_ema else game.gen
    drawn = []
    for first in range(0, number, batch):
        place = randomness.at(randomness.stream(seed, "sample"), tf.constant(first))
        z = game.noise((batch, *net.input_shape[1:]), place)
        drawn.append(images.to_uint8(net(z, training=False)))
    return np.concatenate(drawn)[:number]


def restore(folder: Path, at: int | None = None) -> tuple[step.Game, int]:
    """The game of a run as its newest checkpoint, or that of step ``at``, has it; and that step.

    Raises:
        UserError: There is no run, or no such checkpoint that can be read.
    """
    saved = rundir.read(folder)
    config = rundir.config_of(folder)
    game = build_game(config, tuple(saved["data"]["shape"]))
    saver = checkpoints.Saver(game, folder / "checkpoints", config.keep)
    done = saver.restore(at)
    if not saver.steps:
        raise UserError(
            f"the run {folder} has no checkpoint yet; train it further (the first comes at step {config.save_every})."
        )
    return game, done


def train(config: Config) -> Path:
    """Train, or go on with the run in ``config.run_dir`` where it stopped.

    Returns:
        The folder of the run.

    Raises:
        UserError: Something in the settings, the data or the folder is wrong; the sentence says what.
        Interrupted: A signal asked to stop; the run is saved.
    """
    config = dataclasses.replace(
        config,
        plugins=",".join(map(str, load_plugins(config.plugins))),
        data_dir=str(Path(config.data_dir).expanduser().resolve()) if config.data_dir else "",
    )
    folder = config.run_dir
    with rundir.claim(folder):
        return _train(config, folder)


def _train(config: Config, folder: Path) -> Path:
    strategy = tf.distribute.get_strategy()
    data = load_data(config)
    identity = {
        "name": data.name,
        "hash": data.hash,
        "count": len(data.images),
        "shape": data.image_shape,
        "resize": data.resize,
    }
    resumed = rundir.agree(folder, config, identity)
    with strategy.scope():
        game = build_game(config, data.image_shape)
        saver = checkpoints.Saver(game, folder / "checkpoints", config.keep)
    if not resumed:
        rundir.write(folder, rundir.record(config, identity))
    done = saver.restore()
    if done >= config.steps and (folder / "generator.keras").is_file():
        print(f"{folder} is trained already, to step {done} of {config.steps}; a larger --steps goes on.")
        return folder
    report = Report(folder, done, config.steps, config.batch)
    for line in (*data.notes, *saver.notes, _opening(config, folder, data, done)):
        report.say(line)

    run = step.compile_run(game, strategy)
    iterator = feed.stream(data.images, config.batch, config.seed, done, strategy)
    if done == 0:
        report.grid(0, sample(game, config.samples, config.seed), "before training")
    with _stop_requests() as stop:
        while done < config.steps and not stop:
            n = min(config.log_every - done % config.log_every, config.steps - done)
            began = time.perf_counter()
            means = run(iterator, tf.constant(n, tf.int64))
            scalars = {name: float(value) for name, value in means.items()}  # the chunk's one wait for the device
            seconds = time.perf_counter() - began
            last, done = done, done + n
            if not all(math.isfinite(value) for value in scalars.values()):
                report.close()
                raise UserError(_diverged(scalars, done, saver.latest))
            scalars["speed/images_per_second"] = n * config.batch / seconds
            for spec, trick in zip(config.specs("tricks"), game.tricks, strict=True):
                if trick.metrics is not None:
                    scalars |= {f"{spec.name}/{name}": float(value) for name, value in trick.metrics().items()}
            report.scalars(done, scalars)

            def due(every: int, done: int = done, last: int = last) -> bool:
                return done // every > last // every or done == config.steps

            if due(config.sample_every):
                losses = f"loss D {scalars['loss/disc']:.3f} G {scalars['loss/gen']:.3f}"
                summary = f"{losses}, {scalars['speed/images_per_second']:.0f} images/s"
                report.grid(done, sample(game, config.samples, config.seed), summary)
            if due(config.save_every) or stop:
                saver.save(done)
    if stop and saver.latest != done:
        saver.save(done)
    report.close()
    if done < config.steps:
        raise Interrupted(stop[0], done, config.steps)
    export(game, folder)
    return folder


def export(game: step.Game, folder: Path) -> None:
    """Write what outlives the run: ``generator.keras``, the SavedModel ``generator/`` and ``samples.gif``."""
    net = game.ema if game.ema is not None else game.gen
    net.save(folder / "generator.keras")
    net.export(folder / "generator", verbose=False)
    paths = rundir.frames(folder)
    images.gif_of(paths, folder / "samples.gif")


class Interrupted(Exception):  # noqa: N818 -- it is no error
    """A signal asked the run to stop, and it did so with everything saved."""

    def __init__(self, number: int, done: int, steps: int):
        """Stopped by signal ``number`` after ``done`` of ``steps`` steps."""
        super().__init__(f"stopped at step {done} of {steps} and saved; the same command goes on from there.")
        self.exit_code = 128 + number


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list that SIGINT and SIGTERM put their number into; a second SIGINT stops at once."""
    asked: list[int] = []

    def ask(number: int, frame: Any) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)
        print("\nstopping after this chunk of steps; Ctrl-C again stops at once, without saving.", flush=True)

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


def _opening(config: Config, folder: Path, data: Dataset, done: int) -> str:
    height, width, channels = data.image_shape
    return (
        f"{'going on from step ' + str(done) if done else 'training'}: {config.gen} against {config.disc}, {config.loss}, "
        f"tricks: {config.tricks or 'none'}; {len(data.images):,} images {height}x{width}x{channels} of {data.name} "
        f"({data.resize}); run directory: {folder}"
    )


def _diverged(scalars: dict[str, float], done: int, latest: int | None) -> str:
    bad = ", ".join(name for name, value in scalars.items() if not math.isfinite(value))
    saved = f"the last good checkpoint is of step {latest}" if latest is not None else "there is no earlier checkpoint"
    return (
        f"training diverged before step {done}: {bad} became infinite or NaN; {saved}; start anew with lower learning rates "
        "(--gen_opt, --disc_opt) or another loss."
    )
