"""From settings to the things that they name: data, nets, and the game that a step plays."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import conditions, randomness, registry
from gan_zoo.config import Config, held_out
from gan_zoo.contracts import Classes, Condition, Dataset, FeatureExtractor
from gan_zoo.datasets import build_dataset, cache_dir
from gan_zoo.errors import UserError
from gan_zoo.files import user_path
from gan_zoo.game import step
from gan_zoo.layers import batch_norm_across_replicas, mixes_images


def build_extractor(config: Config) -> FeatureExtractor:
    """The feature network that the settings name."""
    return registry.extractors.build(config.spec("extractor"), cache_dir=cache_dir())


def load_data(config: Config) -> Dataset:
    """The data set that the settings name.

    Raises:
        UserError: It cannot be had, or holds fewer images than a batch.
    """
    data = build_dataset(
        config.spec("data"),
        config.size,
        config.channels or None,
        user_path(config.data_dir) if config.data_dir else None,
    )
    if len(data.images) < config.batch:
        raise UserError(
            f"the data set {data.name} has {len(data.images)} images, fewer than one batch of"
            f" {config.batch}; give a --batch of at most {len(data.images)}, or more images."
        )
    return data


def build_generator(
    config: Config, image_shape: tuple[int, int, int], classes: Classes | None = None
) -> keras.Model:
    """The generator that the settings name, with fresh weights; with a condition, one of noise and labels.

    Raises:
        UserError: It cannot make images of that shape.
    """
    number = len(classes.names) if classes and config.condition else 0
    with _arithmetic(config):
        gen = registry.generators.build(config.spec("gen"), image_shape=image_shape, classes=number)
        _check_net(gen, f"the generator '{config.gen}'", labeled=number > 0)
        if number:
            gen = conditions.condition_gen(gen, number)
    if gen.output_shape[1:] != image_shape:
        raise UserError(
            f"the generator '{config.gen}' makes images {gen.output_shape[1:]}, but {image_shape}"
            " is wanted; mend it."
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


def _check_net(net: object, what: str, labeled: bool = False) -> None:
    if (
        not isinstance(net, keras.Model)
        or not net.built
        or len(net.inputs) > 1 + labeled
        or len(net.outputs) != 1
    ):
        raise UserError(
            f"{what} must return a built keras.Model of one input and one output; mend what it"
            " returns."
        )
    if len(net.inputs) == 2 and net.inputs[1].shape != (None,):
        raise UserError(
            f"{what} must take noise and labels [B], and its second input is {net.inputs[1].shape};"
            " mend that."
        )


def build_game(
    config: Config, image_shape: tuple[int, int, int], classes: Classes | None = None
) -> step.Game:
    """All that a step works with, with weights drawn from the run's seed. Call it in the strategy's scope.

    Args:
        config: The settings.
        image_shape: (H, W, C).
        classes: Those of :func:`classes_of`; needed if the settings have a condition.

    Raises:
        UserError: Parts do not fit each other or the images.
    """
    condition = registry.conditions.build(config.spec("condition")) if config.condition else None
    classes = classes if condition else None
    if condition and not classes:
        raise UserError(
            f"--condition={config.condition} needs data with classes, and there are none here;"
            " leave it out."
        )
    # Each net starts from a seed of its own, so that runs that differ in one of them start with the
    # same other one.
    keras.utils.set_random_seed(randomness.derive_seed(config.seed, "gen"))
    gen = build_generator(config, image_shape, classes)
    keras.utils.set_random_seed(randomness.derive_seed(config.seed, "disc"))
    with _arithmetic(config):
        disc = registry.discriminators.build(config.spec("disc"), image_shape=image_shape)
    _check_net(disc, f"the discriminator '{config.disc}'")
    if disc.input_shape[1:] != image_shape or disc.output_shape[1:] != (1,):
        raise UserError(
            f"the discriminator '{config.disc}' maps {disc.input_shape[1:]} to"
            f" {disc.output_shape[1:]}, but {image_shape} to one logit is wanted; mend it."
        )
    if condition and classes:
        with _arithmetic(config):
            disc = _conditioned(disc, condition, len(classes.names), config)
    ema = None
    if config.ema:
        ema = build_generator(config, image_shape, classes)
        ema.set_weights(gen.get_weights())
    count = tf.Variable(
        0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
    )
    loss = registry.losses.build(config.spec("loss"))
    update = registry.updates.build(config.spec("update"))
    if loss.has_zero_gradient and update.single_backward:
        raise UserError(
            f"--update={config.update} cannot go with the loss '{config.loss}', which is flat in"
            " places; change one."
        )
    if update.single_backward and condition and condition.loss:
        raise UserError(
            f"--update={config.update} follows one loss back through D, and"
            f" --condition={config.condition} gives D a second one; use another --update, or"
            " --condition=projection."
        )
    if update.single_backward and mixes_images(disc):
        raise UserError(
            f"--update={config.update} cannot go with the discriminator '{config.disc}', whose"
            " batch norm mixes the images of a batch; take one without, such as"
            " --disc='dcgan(norm=\"none\")', or --update=simultaneous."
        )
    specs = config.specs("tricks")
    offered = {
        "step": count,
        "image_shape": image_shape,
        "seed": config.seed,
        "batch": config.batch,
        "disc": disc,
    }
    tricks = tuple(registry.tricks.build(spec, **offered) for spec in specs)
    for spec, trick in zip(specs, tricks, strict=True):
        if not loss.uses_targets and (
            trick.real_targets or trick.fake_targets or trick.gen_targets
        ):
            raise UserError(
                f"--tricks={spec} changes targets, but the loss '{config.loss}' has none; leave out"
                " one of the two."
            )
        if (trick.penalty or trick.gen_penalty) and update.single_backward:
            raise UserError(
                f"--update={config.update} cannot go with the penalty of --tricks={spec}; use"
                " another --update."
            )
        if trick.fake_images and update.shared_fakes:
            raise UserError(
                f"--update={config.update} shows D and G the same fakes, and --tricks={spec}"
                " changes those of D alone; use --update=alternating."
            )
        if trick.fake_images and condition:
            raise UserError(
                f"--tricks={spec} changes which fakes D learns from, and under"
                f" --condition={config.condition} those of other classes would get the labels of"
                " this batch; leave out one of the two."
            )
    gen_opt = registry.optimizers.build(config.spec("gen_opt"), updates=config.steps)
    disc_opt = registry.optimizers.build(
        config.spec("disc_opt"), updates=config.steps * update.batches
    )
    gen_opt.build(gen.trainable_variables)
    disc_opt.build(disc.trainable_variables)
    noise = registry.noises.build(config.spec("noise"))
    return step.Game(
        gen, disc, ema, config.ema, gen_opt, disc_opt, loss, update, tricks, noise, count, config.seed,
        condition=condition, classes=classes,
    )  # fmt: skip


def _conditioned(
    disc: keras.Model, condition: Condition, classes: int, config: Config
) -> keras.Model:
    try:
        made = conditions.condition_disc(disc, condition, classes)
    except ValueError as e:
        raise UserError(
            f"the discriminator '{config.disc}' under --condition={config.condition}: {e}"
        ) from e
    if made.outputs[0].shape != (None, 1) or len(made.outputs) != (2 if condition.loss else 1):
        raise UserError(
            f"--condition={config.condition} must give D logits [B, 1] and, if it has a loss, one"
            " more output; mend its `disc`."
        )
    return made


def split(config: Config, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the data set to train on, and those kept out by ``--holdout``, both sorted.

    The choice is the same for every seed of the run, so that runs that are compared keep out the
    same images.
    """
    order = np.random.default_rng(0).permutation(count)
    kept = held_out(count, config.holdout)
    return np.sort(order[kept:]), np.sort(order[:kept])


def part_of(data: Dataset, config: Config, part: str) -> Dataset:
    """The images to train on (``train``) or those kept out (``held-out``), with a hash of their own if that is not all."""
    train, kept = split(config, len(data.images))
    if not len(kept) and part == "train":
        return data
    rows = {"train": train, "held-out": kept}[part]
    own = hashlib.sha256(f"{data.hash} {part} {len(rows)}".encode()).hexdigest()
    labels = {column: np.asarray(values)[rows] for column, values in data.labels.items()}
    return data._replace(images=data.images[rows], labels=labels, hash=own)
