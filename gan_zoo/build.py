"""From settings to the things they name: data, nets, a game; and from a run's folder back to its game."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import checkpoints, conditions, images, randomness, registry, rundir, step
from gan_zoo.config import Config, held_out
from gan_zoo.contracts import Classes, Condition, Dataset, FeatureExtractor, UserError, user_path
from gan_zoo.datasets import cache_dir
from gan_zoo.layers import batch_norm_across_replicas, has_batch_norm, mixes_images, statistics_aside


def build_extractor(config: Config) -> FeatureExtractor:
    """The feature network that the settings name."""
    return registry.extractors.build(config.specs("extractor")[0], cache_dir=cache_dir())


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


def classes_of(config: Config, data: Dataset) -> Classes | None:
    """The classes that the condition of the settings is about; None without a condition.

    Raises:
        UserError: The data set has no such labels, they are all the same, or they are not what a data set promises.
    """
    if not (specs := config.specs("condition")):
        return None
    column = registry.conditions.build(specs[0]).column
    if column not in data.labels:
        there = f"has {', '.join(data.labels)}; choose by --condition='{specs[0].name}(\"...\")'" if data.labels else "has none"
        there += "".join(f": {note.rstrip('.')}" for note in data.notes if note.startswith("labels"))
        raise UserError(
            f"--condition={config.condition} needs the labels '{column}', and the data set {data.name} {there}"
            + ("." if data.labels else "; give a folder for each class, or an npz with 'labels', whole numbers or text, [N].")
        )
    given, names = np.asarray(data.labels[column]), data.label_values[column]
    right = given.shape == (len(data.images),) and given.dtype.kind in "iu"
    if not right or not 0 <= given.min() <= given.max() < len(names):
        raise UserError(
            f"the labels '{column}' of {data.name} must be {len(data.images)} whole numbers, one an image, from 0 to below the "
            f"number of classes, {len(names)}; mend what that data set returns."
        )
    labels = given.astype(np.int32)
    counts = np.bincount(labels[split(config, len(labels))[0]], minlength=len(names))
    if (counts > 0).sum() < 2:
        raise UserError(
            f"--condition={config.condition} needs two classes or more, and all images of {data.name} to train on are of one "
            f"({column}: {names[int(counts.argmax())]}); leave the flag out."
        )
    return Classes(column, tuple(names), tuple(map(int, counts)), hash_of_labels(labels))


def hash_of_labels(labels: np.ndarray) -> str:
    """SHA-256 (hex) of class numbers [N]: their identity in ``config.json``."""
    return hashlib.sha256(np.asarray(labels, np.int32).tobytes()).hexdigest()


def build_generator(config: Config, image_shape: tuple[int, int, int], classes: Classes | None = None) -> keras.Model:
    """The generator that the settings name, with fresh weights; with a condition, one of noise and labels.

    Raises:
        UserError: It cannot make images of that shape.
    """
    number = len(classes.names) if classes and config.condition else 0
    with _arithmetic(config):
        gen = registry.generators.build(config.specs("gen")[0], image_shape=image_shape, classes=number)
        _check_net(gen, f"the generator '{config.gen}'", labelled=number > 0)
        if number:
            gen = conditions.condition_gen(gen, number)
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


def _check_net(net: object, what: str, labelled: bool = False) -> None:
    if not isinstance(net, keras.Model) or not net.built or len(net.inputs) > 1 + labelled or len(net.outputs) != 1:
        raise UserError(f"{what} must return a built keras.Model of one input and one output; mend what it returns.")
    if len(net.inputs) == 2 and net.inputs[1].shape != (None,):
        raise UserError(f"{what} must take noise and labels [B], and its second input is {net.inputs[1].shape}; mend that.")


def build_game(config: Config, image_shape: tuple[int, int, int], classes: Classes | None = None) -> step.Game:
    """All that a step works with, with weights drawn from the run's seed. Call it in the strategy's scope.

    Args:
        config: The settings.
        image_shape: (H, W, C).
        classes: Those of :func:`classes_of`; needed if the settings have a condition.

    Raises:
        UserError: Parts do not fit each other or the images.
    """
    condition = registry.conditions.build(config.specs("condition")[0]) if config.condition else None
    classes = classes if condition else None
    if condition and not classes:
        raise UserError(f"--condition={config.condition} needs data with classes, and there are none here; leave it out.")
    # Each net starts from a seed of its own, so that runs that differ in one of them start with the same other one.
    keras.utils.set_random_seed(randomness.stream(config.seed, "gen"))
    gen = build_generator(config, image_shape, classes)
    keras.utils.set_random_seed(randomness.stream(config.seed, "disc"))
    with _arithmetic(config):
        disc = registry.discriminators.build(config.specs("disc")[0], image_shape=image_shape)
    _check_net(disc, f"the discriminator '{config.disc}'")
    if disc.input_shape[1:] != image_shape or disc.output_shape[1:] != (1,):
        raise UserError(
            f"the discriminator '{config.disc}' maps {disc.input_shape[1:]} to {disc.output_shape[1:]}, but {image_shape} to "
            "one logit is wanted; mend it."
        )
    if condition and classes:
        with _arithmetic(config):
            disc = _conditioned(disc, condition, len(classes.names), config)
    ema = None
    if config.ema:
        ema = build_generator(config, image_shape, classes)
        ema.set_weights(gen.get_weights())
    count = tf.Variable(0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
    loss = registry.losses.build(config.specs("loss")[0])
    update = registry.updates.build(config.specs("update")[0])
    if loss.flat and update.one_way_back:
        raise UserError(
            f"--update={config.update} cannot go with the loss '{config.loss}', which is flat in places; change one."
        )
    if update.one_way_back and condition and condition.loss:
        raise UserError(
            f"--update={config.update} follows one loss back through D, and --condition={config.condition} gives D a second "
            "one; use another --update, or --condition=projection."
        )
    if update.one_way_back and mixes_images(disc):
        raise UserError(
            f"--update={config.update} cannot go with the discriminator '{config.disc}', whose batch norm mixes the images of "
            "a batch; take one without, such as --disc='dcgan(norm=\"none\")', or --update=simultaneous."
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
        if trick.fake_images and condition:
            raise UserError(
                f"--tricks={spec} changes which fakes D learns from, and under --condition={config.condition} those of other "
                "classes would get the labels of this batch; leave out one of the two."
            )
    gen_opt = registry.optimizers.build(config.specs("gen_opt")[0], updates=config.steps)
    disc_opt = registry.optimizers.build(config.specs("disc_opt")[0], updates=config.steps * update.batches)
    gen_opt.build(gen.trainable_variables)
    disc_opt.build(disc.trainable_variables)
    noise = registry.noises.build(config.specs("noise")[0])
    return step.Game(
        gen, disc, ema, config.ema, gen_opt, disc_opt, loss, update, tricks, noise, count, config.seed,
        condition=condition, classes=classes,
    )  # fmt: skip


def _conditioned(disc: keras.Model, condition: Condition, classes: int, config: Config) -> keras.Model:
    try:
        made = conditions.condition_disc(disc, condition, classes)
    except ValueError as e:
        raise UserError(f"the discriminator '{config.disc}' under --condition={config.condition}: {e}") from e
    if made.outputs[0].shape != (None, 1) or len(made.outputs) != (2 if condition.loss else 1):
        raise UserError(
            f"--condition={config.condition} must give D logits [B, 1] and, if it has a loss, one more output; mend its `disc`."
        )
    return made


def split(config: Config, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the data set to train on, and those kept out by ``--holdout``, both sorted.

    The choice is the same for every seed of the run, so that runs that are compared keep out the same images.
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


@functools.lru_cache(maxsize=2)  # G and its average: a run draws from them again and again, and compiles each once
def _inference(net: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(lambda *inputs: _made(net, inputs, training=False))


def _made(net: keras.Model, inputs: tuple[tf.Tensor, ...], training: bool) -> tf.Tensor:
    """What a net makes of noise, or of noise and labels."""
    return net(list(inputs) if len(inputs) > 1 else inputs[0], training=training)


def noise(game: step.Game, number: int, seed: int, *, place: str = "sample", first: int = 0, batch: int = 64) -> np.ndarray:
    """The noise float32 ``[number, ...]`` from which :func:`sample` draws images ``first`` and on.

    ``first`` is a multiple of ``batch``. Row i depends on ``seed``, ``place``, ``batch`` and ``first + i`` alone.
    """
    shape, source = (batch, *game.noise_shape), randomness.stream(seed, place)
    blocks = range(first, first + number, batch)
    return np.concatenate([game.noise(shape, randomness.at(source, tf.constant(at))) for at in blocks])[:number]


def draw_labels(
    game: step.Game, number: int, seed: int, *, place: str = "sample", first: int = 0, batch: int = 64
) -> np.ndarray | None:
    """Labels int32 ``[number]`` as frequent as in the training data, for the noise of :func:`noise`; None without a condition.

    Label i depends on ``seed``, ``place``, ``batch`` and ``first + i`` alone.
    """
    if game.classes is None:
        return None
    shares = np.asarray(game.classes.counts) / sum(game.classes.counts)
    source = randomness.stream(seed, place, "labels")
    blocks = [np.random.default_rng([source, at]) for at in range(first, first + number, batch)]
    return np.concatenate([rng.choice(len(shares), batch, p=shares) for rng in blocks])[:number].astype(np.int32)


def label_of(game: step.Game, text: str) -> int:
    """The number of the class that a user names, by its name or, unless names are numbers themselves, its number.

    Raises:
        UserError: There are no classes, none of that name, or no image of it to train on.
    """
    if game.classes is None:
        raise UserError(f"--label={text} asks for a class, and this run learned none (it has no --condition); leave it out.")
    names = game.classes.names
    # Where the names are numbers themselves, say 3, 5 and 9, a 2 that would mean the 9 is a mistake.
    numbers = [] if all(name.isdigit() for name in names) else [str(number) for number in range(len(names))]
    for known in (names, numbers):
        if text in known:
            number = known.index(text)
            if not game.classes.counts[number]:
                raise UserError(f"--label={text} is a class of which the run had no image to train on; choose another.")
            return number
    some = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    raise UserError(f"--label={text} is no class of this run; its classes, by {game.classes.column}, are: {some}.")


def grid_of(game: step.Game, number: int) -> tuple[np.ndarray | None, int | None, str]:
    """How a grid of samples shows the classes: labels int32 ``[number]``, images in a row, and the order in words.

    Up to 16 classes have a column each; more are sorted. Without a condition: None, None and no words.
    """
    if game.classes is None:
        return None, None, ""
    names, places = game.classes.names, np.arange(number, dtype=np.int32)
    if len(names) <= 16:
        shown = min(len(names), number)
        return places % len(names), shown, f"columns of samples, by {game.classes.column}: {', '.join(names[:shown])}"
    sorted_labels = places * len(names) // number
    return sorted_labels, None, f"samples are sorted by {game.classes.column}, from {names[0]} to {names[sorted_labels[-1]]}"


def sparse_classes(classes: Classes | None) -> str:
    """Sentences on the classes of which there is no image to train on, or one alone; no words where there are no such."""
    if classes is None:
        return ""
    said = []
    for number, have, their in ((0, "no image", "mean nothing"), (1, "one image", "can only copy it")):
        few = [name for name, count in zip(classes.names, classes.counts, strict=True) if count == number]
        some = ", ".join(few[:5]) + (", ..." if len(few) > 5 else "")
        if few:
            said.append(
                f"{len(few)} of {len(classes.names)} classes by {classes.column} have {have} to train on ({some}): their "
                f"samples {their}."
            )
    return " ".join(said)


def generate(
    game: step.Game, z: np.ndarray, labels: np.ndarray | None = None, *, from_ema: bool = True, batch: int = 64
) -> np.ndarray:
    """The images uint8 ``[N, H, W, C]`` of noise ``[N, ...]``: of the average if there is one and it is wanted, or of G.

    With a condition, each is of the class that ``labels`` int32 ``[N]`` has for it.
    """
    if (labels is None) != (game.classes is None):
        raise ValueError("a G with a condition wants labels, and one without wants none")
    net = game.ema if game.ema is not None and from_ema else game.gen
    drawn = []
    for first in range(0, len(z), batch):
        parts = [inputs[first : first + batch] for inputs in ((z,) if labels is None else (z, labels))]
        count = len(parts[0])  # one shape to compile
        full = [np.concatenate([part, np.zeros((batch - count, *part.shape[1:]), part.dtype)]) for part in parts]
        drawn.append(images.to_uint8(_inference(net)(*full))[:count])
    return np.concatenate(drawn)


def settle_average(game: step.Game, batches: int = 16, batch: int = 64) -> None:
    """Give the average, if there is one, the statistics of batch norm that its own weights make, on fixed noise.

    Its weights are behind G's, and under G's moving statistics it makes other images than it can: on anime faces of 64 pixels
    pale ones, with an FD-embedded of 27 in place of 16 (2,475 steps at 3e-4, ``ema=0.999``). Its own are the "standing
    statistics" of BigGAN (Brock et al. 2018, arXiv:1809.11096), there of 100 batches. Batch norms other than ours keep G's.
    """
    if game.ema is None or not has_batch_norm(game.ema):
        return
    measured: list[list[tf.Tensor]] = []
    variables, measure = _statistics(game.ema)
    for first in range(0, batches * batch, batch):
        z = noise(game, batch, game.seed, place="statistics", first=first, batch=batch)
        labels = draw_labels(game, batch, game.seed, place="statistics", first=first, batch=batch)
        measured.append(measure(*([z] if labels is None else [z, labels])))
    for variable, *values in zip(variables, *measured, strict=True):
        variable.assign(tf.reduce_mean(tf.stack(values), 0))


@functools.lru_cache(maxsize=2)
def _statistics(net: keras.Model) -> tuple[list[keras.Variable], Callable[..., list[tf.Tensor]]]:
    """The moving statistics of a net, and what gives those of one batch of its inputs, in the same order."""
    variables: list[keras.Variable] = []

    @tf.function
    def measure(*inputs: tf.Tensor) -> list[tf.Tensor]:
        # The scope keeps what else training would move, such as the statistics of Keras' own batch norm.
        with statistics_aside() as taken, keras.StatelessScope():
            _made(net, inputs, training=True)
        variables[:] = [variable for variable, _ in taken]
        return [value for _, value in taken]

    return variables, measure


def sample(game: step.Game, number: int, seed: int, **how: Any) -> np.ndarray:
    """The images of :func:`sample_blocks`, which says what ``how`` may hold, as one array uint8 ``[number, H, W, C]``."""
    return np.concatenate([drawn for drawn, _ in sample_blocks(game, number, seed, **how)])


def sample_blocks(
    game: step.Game,
    number: int,
    seed: int,
    *,
    labels: np.ndarray | None = None,
    from_ema: bool = True,
    place: str = "sample",
    batch: int = 64,
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Draw images from the average if there is one and it is wanted, else from G, in inference mode.

    Image i depends on ``seed`` and ``place`` alone, not on ``number``; with a condition, also on label i.

    Args:
        game: Whose G it is.
        number: Of images.
        seed: Of noise and labels.
        labels: int32 ``[number]``; by default, with a condition, as frequent as in the training data.
        from_ema: Whether the average is wanted.
        place: What they are drawn for; other places have other noise.
        batch: Images made at a time.

    Yields:
        uint8 ``[B, H, W, C]`` and, with a condition, their labels int32 ``[B]``, else None: block by block, since images may be
        many and noise may be large.
    """
    for first in range(0, number, batch):
        z = noise(game, batch, seed, place=place, first=first, batch=batch)
        own = draw_labels(game, batch, seed, place=place, first=first, batch=batch)
        own = own if labels is None else np.resize(labels[first : first + batch], batch)
        count = min(batch, number - first)
        drawn = generate(game, z, own, from_ema=from_ema, batch=batch)
        yield drawn[:count], None if own is None else own[:count]


def logits(game: step.Game, shown: np.ndarray, labels: np.ndarray | None = None, *, batch: int = 64) -> np.ndarray:
    """D's logits float32 ``[N]`` of images ``shown``, uint8 ``[N, H, W, C]``, in inference mode.

    What tricks do to images is left out. With a condition, ``labels`` int32 ``[N]`` are the classes of the images. ``batch`` is
    a multiple of 4.
    """
    said = []
    # A multiple of 4, the size of minibatch_std's groups: in smaller ones images are more like each other.
    order = np.resize(np.arange(len(shown)), math.ceil(len(shown) / 4) * 4)
    for at in range(0, len(order), batch):
        rows = order[at : at + batch]
        own = None if labels is None else tf.constant(labels[rows])
        said.append(step.Labelled(game.disc, own)(tf.constant(images.to_float(shown[rows]))))
    return np.concatenate(said).astype(np.float32)[: len(shown), 0]


def recorded_classes(saved: dict[str, Any]) -> Classes | None:
    """The classes that the ``config.json`` of a run has on record; None for one without a condition."""
    found = saved["data"].get("classes")
    return found and Classes(found["column"], tuple(found["names"]), tuple(found["counts"]), found["hash"])


def restore(folder: Path, at: int | None = None, *, best: bool = False) -> tuple[step.Game, int]:
    """The game of a run as its newest checkpoint, or that of step ``at``, or the best, has it; and that step.

    Raises:
        UserError: There is no run, or no such checkpoint that can be read.
    """
    saved = rundir.read(folder)
    config = rundir.config_of(folder)
    game = build_game(config, tuple(saved["data"]["shape"]), recorded_classes(saved))
    saver = checkpoints.Saver(game, folder / "checkpoints", config.keep)
    done = saver.restore(at, best=best)
    if not saver.steps:
        raise UserError(
            f"the run {folder} has no checkpoint yet; train it further (the first comes at step {config.save_every})."
        )
    return game, done
