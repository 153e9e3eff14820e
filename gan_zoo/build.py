"""From settings to the things they name: data, nets, a game; and from a run's folder back to its game."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import checkpoints, images, randomness, registry, rundir, step
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset, UserError, user_path
from gan_zoo.datasets import cache_dir
from gan_zoo.layers import batch_norm_across_replicas, mixes_images


def load_data(config: Config) -> Dataset:
    """The data set that the settings name.

    Raises:
        UserError: It cannot be had, or holds fewer images than a batch.
    """
    data = registry.datasets.build(
        config.specs("data")[0],
        image_size=config.size,
        channels=config.channels or None,
        data_dir=user_path(config.data_dir) if config.data_dir else None,
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
    with _arithmetic(config):
        gen = registry.generators.build(config.specs("gen")[0], image_shape=image_shape)
    _check_net(gen, f"the generator '{config.gen}'")
    if gen.output_shape[1:] != image_shape:
        raise UserError(
            f"the generator '{config.gen}' makes images {gen.output_shape[1:]}, but {image_shape} is wanted; mend it."
        )
    return gen


@contextlib.contextmanager
def _arithmetic(config: Config) -> Iterator[None]:
    """Layers made in the body compute as the settings say, but for those that name a precision of their own."""
    before = keras.config.dtype_policy()
    if config.precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        with batch_norm_across_replicas(config.batch_norm == "global"):
            yield
    finally:
        keras.config.set_dtype_policy(before)


def _check_net(net: object, what: str) -> None:
    if not isinstance(net, keras.Model) or not net.built or len(net.inputs) != 1 or len(net.outputs) != 1:
        raise UserError(f"{what} must return a built keras.Model of one input and one output; mend what it returns.")


def build_game(config: Config, image_shape: tuple[int, int, int]) -> step.Game:
    """All that a step works with, with weights drawn from the run's seed. Call it in the strategy's scope.

    Raises:
        UserError: Parts do not fit each other or the images.
    """
    # Each net starts from a seed of its own, so that runs that differ in one of them start with the same other one.
    keras.utils.set_random_seed(randomness.stream(config.seed, "gen"))
    gen = build_generator(config, image_shape)
    keras.utils.set_random_seed(randomness.stream(config.seed, "disc"))
    with _arithmetic(config):
        disc = registry.discriminators.build(config.specs("disc")[0], image_shape=image_shape)
    _check_net(disc, f"the discriminator '{config.disc}'")
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
    update = registry.updates.build(config.specs("update")[0])
    if loss.flat and update.one_way_back:
        raise UserError(
            f"--update={config.update} cannot go with the loss '{config.loss}', which is flat in places; change one."
        )
    if update.one_way_back and mixes_images(disc):
        raise UserError(
            f"--update={config.update} cannot go with the discriminator '{config.disc}', whose batch norm mixes the images of "
            "a batch; take one without, such as --disc='dcgan(norm=False)', or --update=simultaneous."
        )
    specs = config.specs("tricks")
    offered = {"step": count, "image_shape": image_shape, "seed": config.seed, "batch": config.batch, "disc": disc}
    tricks = tuple(registry.tricks.build(spec, **offered) for spec in specs)
    for spec, trick in zip(specs, tricks, strict=True):
        if not loss.uses_targets and (trick.real_targets or trick.fake_targets or trick.gen_targets):
            raise UserError(
                f"--tricks={spec} changes targets, but the loss '{config.loss}' has none; leave out one of the two."
            )
        if (trick.penalty or trick.gen_penalty) and update.one_way_back:
            raise UserError(f"--update={config.update} cannot go with the penalty of --tricks={spec}; use another --update.")
        if trick.fake_images and update.same_fakes:
            raise UserError(
                f"--update={config.update} shows D and G the same fakes, and --tricks={spec} changes those of D alone; use "
                "--update=alternating."
            )
    gen_opt, disc_opt = (registry.optimizers.build(config.specs(name)[0]) for name in ("gen_opt", "disc_opt"))
    gen_opt.build(gen.trainable_variables)
    disc_opt.build(disc.trainable_variables)
    noise = registry.noises.build(config.specs("noise")[0])
    return step.Game(gen, disc, ema, config.ema, gen_opt, disc_opt, loss, update, tricks, noise, count, config.seed)


def split(config: Config, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the data set to train on, and those kept out by ``--holdout``, both sorted.

    The choice is the same for every seed of the run, so that runs that are compared keep out the same images.
    """
    order = np.random.default_rng(0).permutation(count)
    kept = round(count * config.holdout)
    return np.sort(order[kept:]), np.sort(order[:kept])


def part_of(data: Dataset, config: Config, part: str) -> Dataset:
    """The images to train on (``train``) or those kept out (``held-out``), with a hash of their own if that is not all."""
    train, kept = split(config, len(data.images))
    if not len(kept) and part == "train":
        return data
    rows = {"train": train, "held-out": kept}[part]
    own = hashlib.sha256(f"{data.hash} {part} {len(rows)}".encode()).hexdigest()
    return data._replace(images=data.images[rows], labels={}, hash=own)


@functools.lru_cache(maxsize=2)  # G and its average: a run draws from them again and again, and compiles each once
def _inference(net: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(lambda z: net(z, training=False))


def noise(game: step.Game, number: int, seed: int, *, place: str = "sample", first: int = 0, batch: int = 64) -> np.ndarray:
    """The noise float32 ``[number, ...]`` from which :func:`sample` draws images ``first`` and on.

    ``first`` is a multiple of ``batch``. Row i depends on ``seed``, ``place``, ``batch`` and ``first + i`` alone.
    """
    shape, source = (batch, *game.gen.input_shape[1:]), randomness.stream(seed, place)
    blocks = range(first, first + number, batch)
    return np.concatenate([game.noise(shape, randomness.at(source, tf.constant(at))) for at in blocks])[:number]


def generate(game: step.Game, z: np.ndarray, *, from_ema: bool = True, batch: int = 64) -> np.ndarray:
    """The images uint8 ``[N, H, W, C]`` of noise ``[N, ...]``: of the average if there is one and it is wanted, or of G."""
    net = game.ema if game.ema is not None and from_ema else game.gen
    drawn = []
    for first in range(0, len(z), batch):
        part = z[first : first + batch]
        full = np.concatenate([part, np.zeros((batch - len(part), *part.shape[1:]), part.dtype)])  # one shape to compile
        drawn.append(images.to_uint8(_inference(net)(full))[: len(part)])
    return np.concatenate(drawn)


def sample(
    game: step.Game, number: int, seed: int, *, from_ema: bool = True, place: str = "sample", batch: int = 64
) -> np.ndarray:
    """Draw images from the average if there is one and it is wanted, else from G, in inference mode.

    Image i depends on ``seed`` and ``place`` alone, not on ``number``.

    Returns:
        uint8 ``[number, H, W, C]``.
    """
    drawn = []
    for first in range(0, number, batch):  # block by block, since noise may be large
        z = noise(game, batch, seed, place=place, first=first, batch=batch)
        drawn.append(generate(game, z, from_ema=from_ema, batch=batch))
    return np.concatenate(drawn)[:number]


def restore(folder: Path, at: int | None = None, *, best: bool = False) -> tuple[step.Game, int]:
    """The game of a run as its newest checkpoint, or that of step ``at``, or the best, has it; and that step.

    Raises:
        UserError: There is no run, or no such checkpoint that can be read.
    """
    saved = rundir.read(folder)
    config = rundir.config_of(folder)
    game = build_game(config, tuple(saved["data"]["shape"]))
    saver = checkpoints.Saver(game, folder / "checkpoints", config.keep)
    done = saver.restore(at, best=best)
    if not saver.steps:
        raise UserError(
            f"the run {folder} has no checkpoint yet; train it further (the first comes at step {config.save_every})."
        )
    return game, done
