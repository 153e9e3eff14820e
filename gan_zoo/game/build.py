"""From settings to the objects that they name: data, nets, and the game that a step plays."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import conditions, randomness, registry
from gan_zoo.config import LEAST_STEPS, Config, held_out
from gan_zoo.contracts import Classes, Condition, Dataset, FeatureExtractor, Trick
from gan_zoo.datasets import cache_dir
from gan_zoo.datasets.reading import load_data as load_data
from gan_zoo.errors import PartError, UserError
from gan_zoo.evaluation.pixels import over_black_and_white
from gan_zoo.game import step
from gan_zoo.game.compatibility import Parts, check_compatible
from gan_zoo.images import RGBA
from gan_zoo.layers import batch_norms_of

Start = Callable[[keras.Model, keras.Model, keras.Model | None], None]


def build_extractor(config: Config, channels: int) -> FeatureExtractor:
    """Return the feature network that the settings name, for images of so many channels."""
    extractor = registry.extractors.build(config.spec("extractor"), cache_dir=cache_dir())
    return over_black_and_white(extractor) if channels == RGBA else extractor


def fitting_batch(batch: int, count: int, replicas: int = 1) -> int:
    """Return the batch for so few training images: at most ``batch``.

    A batch that is larger than the set becomes the largest power of two that is not: a real image
    is then at most once in it, as all images of G are different, and powers of two can be divided
    into the groups of minibatch statistics. It is a multiple of the replicas and at least 2, so
    that images repeat in it where there are fewer.

    Args:
        batch: What the settings ask for.
        count: Training images.
        replicas: Among which it is shared out.
    """
    if batch <= count:
        return batch
    power = 1 << (count.bit_length() - 1)
    return min(batch, max(power - power % replicas, replicas, 2))


def fitting_steps(config: Config, count: int, before: int = 0) -> int:
    """Return the steps for so few training images: at most ``config.steps``.

    Args:
        config: The settings; its ``passes`` are the limit.
        count: Training images.
        before: The steps of a run that began earlier, which stay.
    """
    if not config.passes:
        return config.steps
    a_step = config.batch * registry.updates.build(config.spec("update")).batches
    limit = max(LEAST_STEPS, round(config.passes * count / a_step))
    return min(config.steps, max(limit, before))


def split_rows(config: Config, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a data set for training and those held out by ``--holdout``, both sorted.

    The choice is the same for every seed of the run, so that runs that are compared hold out the
    same images.
    """
    order = np.random.default_rng(0).permutation(count)
    number = held_out(count, config.holdout)
    return np.sort(order[number:]), np.sort(order[:number])


def data_split(data: Dataset, config: Config, part: str) -> Dataset:
    """Return the images of one split, ``train`` or ``held-out``.

    Its hash differs from that of the whole set, unless it is the whole set.
    """
    train, held = split_rows(config, len(data.images))
    if not len(held) and part == "train":
        return data
    rows = {"train": train, "held-out": held}[part]
    digest = hashlib.sha256(f"{data.hash} {part} {len(rows)}".encode()).hexdigest()
    labels = {column: np.asarray(values)[rows] for column, values in data.labels.items()}
    return data._replace(images=data.images[rows], labels=labels, hash=digest)


def build_generator(
    config: Config, image_shape: tuple[int, int, int], classes: Classes | None = None
) -> keras.Model:
    """Return the generator that the settings name, with new weights.

    With a condition, it takes noise and labels.

    Raises:
        UserError: It cannot make images of that shape.
    """
    number = len(classes.names) if classes and config.condition else 0
    with _precision(config):
        gen = registry.generators.build(config.spec("gen"), image_shape=image_shape, classes=number)
        _check_net(gen, f"the generator '{config.gen}'", labeled=number > 0)
        if number:
            gen = conditions.condition_gen(gen, number)
    if gen.output_shape[1:] != image_shape:
        raise UserError(
            f"the generator '{config.gen}' makes images {gen.output_shape[1:]}, but {image_shape}"
            " is needed; correct it."
        )
    _set_batch_norm(gen, config)
    return gen


def build_discriminator(
    config: Config,
    image_shape: tuple[int, int, int],
    condition: Condition | None = None,
    classes: Classes | None = None,
) -> keras.Model:
    """Return the discriminator that the settings name, with new weights.

    With a condition, it takes images and labels, if the condition uses the labels in D.

    Raises:
        UserError: It does not take images of that shape, or does not go with the condition.
    """
    with _precision(config):
        disc = registry.discriminators.build(config.spec("disc"), image_shape=image_shape)
        _check_net(disc, f"the discriminator '{config.disc}'")
        if disc.input_shape[1:] != image_shape or disc.output_shape[1:] != (1,):
            raise UserError(
                f"the discriminator '{config.disc}' maps {disc.input_shape[1:]} to"
                f" {disc.output_shape[1:]}, but {image_shape} to one logit is needed; correct it."
            )
        if condition and classes:
            disc = _condition_disc(disc, condition, len(classes.names), config)
    _set_batch_norm(disc, config)
    return disc


@contextlib.contextmanager
def _precision(config: Config) -> Iterator[None]:
    """Build layers in the precision of the settings, except those that name their own."""
    before = keras.config.dtype_policy()
    if config.precision == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _set_batch_norm(net: keras.Model, config: Config) -> None:
    """Apply ``--batch_norm=replica`` to a net, whose builder need not know of it."""
    if config.batch_norm == "replica":
        for layer in batch_norms_of(net):
            layer.synchronized = False


def _check_net(net: object, name: str, labeled: bool = False) -> None:
    if (
        not isinstance(net, keras.Model)
        or not net.built
        or len(net.inputs) > 1 + labeled
        or len(net.outputs) != 1
    ):
        raise UserError(
            f"{name} must return a built keras.Model of one input and one output; correct what it"
            " returns."
        )
    if len(net.inputs) == 2 and net.inputs[1].shape != (None,):
        raise UserError(
            f"{name} must take noise and labels [B], and its second input is {net.inputs[1].shape};"
            " correct that."
        )


def _condition_disc(
    disc: keras.Model, condition: Condition, classes: int, config: Config
) -> keras.Model:
    try:
        conditioned = conditions.condition_disc(disc, condition, classes)
    except ValueError as e:
        raise UserError(
            f"the discriminator '{config.disc}' under --condition={config.condition}: {e}"
        ) from e
    outputs = conditioned.outputs
    if outputs[0].shape != (None, 1) or len(outputs) != (2 if condition.loss else 1):
        raise UserError(
            f"--condition={config.condition} must give D logits [B, 1] and, if it has a loss, one"
            " more output; correct its `disc`."
        )
    return conditioned


# Each net has its own seed, so that a run with another D starts with the same G.


def initial_generator(
    config: Config, image_shape: tuple[int, int, int], classes: Classes | None = None
) -> keras.Model:
    """Return :func:`build_generator`'s net with the weights that a run starts with."""
    keras.utils.set_random_seed(randomness.derive_seed(config.seed, "gen"))
    return build_generator(config, image_shape, classes)


def initial_discriminator(
    config: Config,
    image_shape: tuple[int, int, int],
    condition: Condition | None = None,
    classes: Classes | None = None,
) -> keras.Model:
    """Return :func:`build_discriminator`'s net with the weights that a run starts with."""
    keras.utils.set_random_seed(randomness.derive_seed(config.seed, "disc"))
    return build_discriminator(config, image_shape, condition, classes)


class Nets(NamedTuple):
    """The nets of a run.

    Attributes:
        gen: G.
        disc: D.
        ema: A second G for the moving average of its weights, or None.
    """

    gen: keras.Model
    disc: keras.Model
    ema: keras.Model | None


def build_nets(
    config: Config,
    image_shape: tuple[int, int, int],
    condition: Condition | None = None,
    classes: Classes | None = None,
) -> Nets:
    """Return the nets of a run, their weights drawn from its seed.

    Args:
        config: The settings.
        image_shape: (H, W, C).
        condition: That of :func:`build_condition`.
        classes: Those of the run; needed with a condition.

    Raises:
        UserError: A net does not fit the images or the condition.
    """
    gen = initial_generator(config, image_shape, classes)
    disc = initial_discriminator(config, image_shape, condition, classes)
    ema = None
    if config.ema:
        ema = build_generator(config, image_shape, classes)
        ema.set_weights(gen.get_weights())
    return Nets(gen, disc, ema)


def build_condition(config: Config) -> Condition | None:
    """Return the condition that the settings name, or None."""
    return registry.conditions.build(config.spec("condition")) if config.condition else None


def _build_optimizer(
    config: Config, flag: str, updates: int, random_version: int
) -> keras.Optimizer:
    """Return the optimizer of a net; an error names its flag, since both nets have one."""
    spec = config.spec(flag)
    try:
        optimizer = registry.optimizers.build(spec, updates=updates, random_version=random_version)
    except PartError:
        raise  # it names the part's file
    except UserError as e:
        raise UserError(f"--{flag}: {e}") from None
    if not isinstance(optimizer, keras.Optimizer):
        raise UserError(
            f"--{flag}: the optimizer {spec} is a {type(optimizer).__name__}, not one of Keras; fix"
            " what it returns."
        )
    for update, rate in _rates(optimizer, updates):
        if not 0 <= rate < math.inf:
            raise UserError(
                f"--{flag}: the learning rate of {spec} is {rate:g} at update {update:,}; give one"
                " that is 0 or more."
            )
    return optimizer


def _rates(optimizer: keras.Optimizer, updates: int) -> Iterator[tuple[int, float]]:
    """Yield some updates, counted from 0, and their learning rates; one where the rate is fixed."""
    rate = optimizer._learning_rate
    if not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        # A variable that has a copy on each device becomes a number only as a tensor.
        yield 0, float(tf.convert_to_tensor(optimizer.learning_rate))
        return
    for update in np.unique(np.linspace(0, updates - 1, 33, dtype=int)).tolist():
        yield update, float(tf.convert_to_tensor(rate(update)))


def build_game(
    config: Config,
    image_shape: tuple[int, int, int],
    classes: Classes | None = None,
    random_version: int = randomness.NEWEST,
    start: Start | None = None,
) -> step.Game:
    """Return all that a step works with, its weights drawn from the run's seed.

    Call it in the strategy's scope.

    Args:
        config: The settings.
        image_shape: (H, W, C).
        classes: Those of :func:`gan_zoo.game.labels.condition_classes`; needed with a condition.
        random_version: That of the run's numbers, see :mod:`gan_zoo.randomness`.
        start: ``(gen, disc, ema)``: gives the nets other first weights, before tricks see them.

    Raises:
        UserError: Parts do not fit each other or the images.
    """
    condition = build_condition(config)
    classes = classes if condition else None
    loss = registry.losses.build(config.spec("loss"))
    update = registry.updates.build(config.spec("update"))
    parts = Parts(config, loss, update, condition, classes)
    check_compatible(parts)  # before the nets are built, which takes time
    gen, disc, ema = build_nets(config, image_shape, condition, classes)
    if start is not None:
        start(gen, disc, ema)
    steps_done = tf.Variable(
        0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
    )
    gens = (gen,) if ema is None else (gen, ema)
    tricks = _build_tricks(config, image_shape, disc, gens, steps_done)
    specs = config.specs("tricks")
    check_compatible(parts._replace(disc=disc), list(zip(specs, tricks, strict=True)))
    gen_opt, disc_opt = (
        _build_optimizer(config, name, config.steps * batches, random_version)
        for name, batches in (("gen_opt", 1), ("disc_opt", update.batches))
    )
    gen_opt.build(gen.trainable_variables)
    disc_opt.build(disc.trainable_variables)
    noise = registry.noises.build(config.spec("noise"))
    return step.Game(
        gen, disc, ema, config.ema, gen_opt, disc_opt, loss, update, tricks, noise, steps_done,
        config.seed, random_version, condition, classes,
    )  # fmt: skip


def _build_tricks(
    config: Config,
    image_shape: tuple[int, int, int],
    disc: keras.Model,
    gens: tuple[keras.Model, ...],
    steps_done: tf.Variable,
) -> tuple[Trick, ...]:
    offered = {
        "step": steps_done,
        "image_shape": image_shape,
        "seed": config.seed,
        "batch": config.batch,
        "disc": disc,
        "gens": gens,
    }
    return tuple(registry.tricks.build(spec, **offered) for spec in config.specs("tricks"))
