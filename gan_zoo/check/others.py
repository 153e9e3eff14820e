"""Checks of losses, noises, optimizers, update rules, data sets and extractors."""

from __future__ import annotations

import functools
import inspect

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.check.contract import Part, Skipped, builds, require
from gan_zoo.contracts import Batch, Dataset, FeatureExtractor, Loss
from gan_zoo.datasets import build_dataset, cache_dir
from gan_zoo.datasets.store import pixel_hash
from gan_zoo.files import user_path
from gan_zoo.game import step

ONES, ZEROS = tf.ones([3, 1]), tf.zeros([3, 1])


def _column(*values: float) -> tf.Tensor:
    return tf.constant(values, tf.float32)[:, None]


def _gen(loss: Loss, fake: tf.Tensor, targets: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    """G's loss, which sees real logits if it is paired."""
    return loss.gen(fake, targets, *([real] if loss.needs_real_logits else []))


def says_whether_it_needs_real_logits(part: Part) -> None:
    """`paired` says what is so."""
    loss, x = part.game.loss, _column(0.3, -1, 2)
    wanted = ("fake_logits", "targets", "real_logits")[: 3 if loss.needs_real_logits else 2]
    try:
        inspect.signature(loss.gen).bind(*wanted)
    except TypeError:
        require(
            False,
            f"`gen` must take ({', '.join(wanted)}) if needs_real_logits={loss.needs_real_logits}; say needs_real_logits=True if it"
            " compares with real ones.",
        )
    alike = loss.needs_real_logits and np.array_equal(
        _gen(loss, x, ONES, x), _gen(loss, x, ONES, x + 1.0)
    )
    require(
        not alike,
        "G's loss ignores real logits; leave out needs_real_logits=True, for which D sees real images once"
        " more a step.",
    )


says_whether_it_needs_real_logits.first = True  # type: ignore[attr-defined]


def is_per_sample(part: Part) -> None:
    """One value a sample: [B, 1]."""
    loss = part.game.loss
    for name, value in (
        ("disc", loss.disc(_column(0.3, -1, 2), _column(-0.5, 0.1, 1), ONES, ZEROS)),
        ("gen", _gen(loss, _column(0.3, -1, 2), ONES, _column(-0.5, 0.1, 1))),
    ):
        value = tf.convert_to_tensor(value)
        require(
            value.shape == (3, 1),
            f"`{name}` gives {list(value.shape)} for 3 samples, not [3, 1]; the step takes the"
            " mean.",
        )
        require(value.dtype == tf.float32, f"`{name}` gives {value.dtype.name}, not float32.")


def _slopes(part: Part, real: tf.Tensor, fake: tf.Tensor) -> dict[str, np.ndarray]:
    """D's loss and G's, and their slopes by the logits; missing ones count as 0."""
    loss, ones = part.game.loss, tf.ones_like(real)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        d, g = loss.disc(real, fake, ones, tf.zeros_like(real)), _gen(loss, fake, ones, real)
    zero = tf.UnconnectedGradients.ZERO
    found = {"disc": d, "gen": g, "real": tape.gradient(d, real, unconnected_gradients=zero)}
    found["fake"] = tape.gradient(d, fake, unconnected_gradients=zero)
    found["gen by fake"] = tape.gradient(g, fake, unconnected_gradients=zero)
    return {k: np.asarray(v) for k, v in found.items()}


def is_finite(part: Part) -> None:
    """It and its slopes are finite at logits from -1000 to 1000."""
    grid = (-1000.0, -80.0, 0.0, 80.0, 1000.0)
    real, fake = (_column(*x.ravel()) for x in np.meshgrid(grid, grid))
    for name, value in _slopes(part, real, fake).items():
        bad = ~np.isfinite(value[:, 0])
        if bad.any():
            at = f"real logit {real[bad][0, 0]:g} and fake logit {fake[bad][0, 0]:g}"
            what = (
                f"`{name}`"
                if name in ("disc", "gen")
                else f"the slope of {'G' if 'gen' in name else 'D'}'s loss"
            )
            require(
                False,
                f"{what} is NaN or infinite at {at}; compute from logits, by softplus and not by"
                " log of a sigmoid.",
            )


def has_the_right_signs(part: Part) -> None:
    """D tells real from fake by it, and G climbs."""
    slope = _slopes(part, _column(0.5), _column(0.4))
    require(
        slope["real"] < 0,
        f"D's loss does not fall as real logits rise (slope {slope['real'].item():g}); turn its"
        " sign.",
    )
    require(
        slope["fake"] > 0,
        f"D's loss does not rise with fake logits (slope {slope['fake'].item():g}); turn its sign.",
    )
    climb = slope["gen by fake"]
    require(
        climb < 0,
        f"G's loss does not fall as its logits rise (slope {climb.item():g}); turn its sign.",
    )


def says_whether_targets_matter(part: Part) -> None:
    """`uses_targets` says what is so."""
    loss, x = part.game.loss, _column(0.3, -1, 2)
    moved = np.any(loss.disc(x, x, ONES, ZEROS) != loss.disc(x, x, 0.8 * ONES, ZEROS + 0.1))
    moved |= np.any(_gen(loss, x, ONES, x + 0.5) != _gen(loss, x, 0.8 * ONES, x + 0.5))
    said = part.game.loss.uses_targets
    require(
        moved or not said,
        "it ignores its targets; say uses_targets=False, so that label tricks are refused with it.",
    )
    require(said or not moved, "its targets change it; say uses_targets=True.")


def says_whether_its_gradient_is_zero(part: Part) -> None:
    """`flat` says what is so."""
    grid = _column(*np.linspace(-12, 12, 97))
    level = tf.zeros_like(grid) + 0.3
    slopes = (_slopes(part, grid, level)["real"], _slopes(part, level, grid)["fake"])
    found = any(np.any((s[1:, 0] == 0) & (s[:-1, 0] == 0)) for s in slopes)
    said = part.game.loss.has_zero_gradient
    require(
        said or not found,
        "D's loss has a zero gradient for some logits; say has_zero_gradient=True, so that --update=one_stage is"
        " refused.",
    )
    if said and not found:
        raise Skipped(
            "it says has_zero_gradient=True, but no flat part lies between logits of -12 and 12"
        )


LOSSES = [
    builds,
    says_whether_it_needs_real_logits,
    is_per_sample,
    is_finite,
    has_the_right_signs,
    says_whether_targets_matter,
    says_whether_its_gradient_is_zero,
]


def draws(part: Part) -> None:
    """It draws finite float32 noise of the shape asked for."""
    for shape in ((64, 100), (64, 4, 4, 2)):
        z = tf.convert_to_tensor(part.game.noise(shape, tf.constant([3, 4], tf.int64)))
        require(
            z.shape == shape,
            f"noise of shape {list(shape)} is asked for, and {list(z.shape)} comes.",
        )
        require(z.dtype == tf.float32, f"it draws {z.dtype.name}; cast to keras.config.floatx().")
        require(np.isfinite(z).all(), "it draws NaN or infinite values.")
        require(
            z.numpy().std(axis=0).min() > 0,
            "images of one batch get the same noise; draw for each of them.",
        )


def draws_by_seed(part: Part) -> None:
    """What it draws is a function of the seed alone, and another for another seed."""
    one, two, other = (
        part.game.noise((64, 100), tf.constant([3, k], tf.int64)).numpy().ravel() for k in (4, 4, 5)
    )
    require(
        (one == two).all(),
        "one seed gives two draws; draw with gan_zoo.randomness and the seed given.",
    )
    alike = np.corrcoef(one, other)[0, 1]
    require(
        abs(alike) < 0.1,
        f"draws of two seeds go together (correlation {alike:.2f}); use the whole seed.",
    )


NOISES = [builds, draws, draws_by_seed]


def descends(part: Part) -> None:
    """It descends a parabola."""
    optimizer = registry.optimizers.build(part.spec, updates=100)
    variable = keras.Variable([3.0])
    optimizer.build([variable])
    for _ in range(10):
        optimizer.apply([2 * variable.value], [variable])
    ended = float(variable.numpy()[0])
    require(
        abs(ended) < 3.0,
        f"on x^2, ten steps from 3 end at {ended:.3g}; give a smaller learning rate or turn the"
        " sign.",
    )


OPTIMIZERS = [builds, descends]


def gives_scalars(part: Part) -> None:
    """It returns the scalars of a step, and uses whole batches."""
    game = part.fresh()
    batches = game.update.batches
    require(
        isinstance(batches, int) and batches >= 1,
        f"batches={batches} is no whole number from 1 on.",
    )
    real = tf.random.stateless_uniform((8 * batches, *part.shape), [0, 1], -1, 1)
    found = game.update.run(game, real)
    odd = sorted(set(step.SCALARS) ^ set(found))
    require(
        not odd,
        "it must return exactly the scalars of gan_zoo.game.step.SCALARS; differing:"
        f" {', '.join(odd)}.",
    )
    shapes = [name for name, value in found.items() if tf.convert_to_tensor(value).shape != ()]
    require(not shapes, f"{', '.join(shapes)} is no single number; take the mean.")


UPDATES = [builds, gives_scalars]


def speaks_of_classes(part: Part) -> None:
    """What D says, or its loss, depends on the class."""
    game = part.fresh()
    for v in game.disc.trainable_variables:  # gains that begin at 0 are open then
        v.assign(v + 0.1)
    images = tf.random.stateless_uniform((6, *part.shape), [0, 1], -1, 1)
    said, losses = [], []
    for k in (0, 1):
        labels = tf.fill([6], k)
        logits, classes = game.disc_outputs(Batch(images, labels), images)
        said.append(logits.numpy())
        if game.condition is not None and game.condition.loss is not None:
            loss = tf.convert_to_tensor(game.condition.loss(classes, labels))
            require(
                loss.shape == (6,),
                f"its loss is {list(loss.shape)}, not [B]; give one value an image.",
            )
            require(np.isfinite(loss).all(), "its loss is NaN or infinite.")
            losses.append(loss.numpy())
    apart = max(float(np.abs(pair[0] - pair[1]).max()) for pair in (said, losses) if pair)
    require(
        apart > 0,
        "neither D's logits nor its loss depend on the class; let the label into one of them.",
    )


CONDITIONS = [builds, speaks_of_classes]


@functools.lru_cache(maxsize=2)
def _load(part: Part, again: int = 0) -> Dataset:
    return build_dataset(
        part.spec,
        part.shape[:2],
        part.shape[2],
        user_path(part.data_dir) if part.data_dir else None,
    )


def loads(part: Part) -> None:
    """It is loaded, at the size asked for."""
    data = _load(part)
    images = data.images
    require(
        images.dtype == np.uint8,
        f"its images are {images.dtype}, not uint8; see gan_zoo.images.to_uint8.",
    )
    require(images.ndim == 4, f"its images are of shape {list(images.shape)}, not [N, H, W, C].")
    require(
        images.shape[1:] == part.shape,
        f"its images are {list(images.shape[1:])}, not {list(part.shape)}; resize them.",
    )
    require(len(images) >= 2, f"it has {len(images)} images; one batch at least is needed.")


loads.first = True  # type: ignore[attr-defined]


def has_variety(part: Part) -> None:
    """Its images differ."""
    some = _load(part).images[:64]
    require(
        (some != some[:1]).any(), "its first images are all the same; look at how they are read."
    )


def has_sound_labels(part: Part) -> None:
    """Its labels are int32 [N] and have names."""
    data = _load(part)
    require(
        set(data.labels) == set(data.label_values),
        "labels and label_values must have the same columns.",
    )
    for name, column in data.labels.items():
        column, count = np.asarray(column), len(data.label_values[name])
        require(
            column.shape == (len(data.images),),
            f"labels[{name!r}] has {column.shape} values for {len(data.images)} images.",
        )
        require(column.dtype == np.int32, f"labels[{name!r}] is {column.dtype}, not int32.")
        within = column.min() >= 0 and column.max() < count
        require(
            within,
            f"labels[{name!r}] is from {column.min()} to {column.max()}, but label_values has"
            f" {count} names.",
        )
    if not data.labels:
        raise Skipped("it has no labels")


def says_what_it_is(part: Part) -> None:
    """Its name, hash, resize and notes are texts."""
    data = _load(part)
    for field in ("name", "hash", "resize"):
        value = getattr(data, field)
        require(isinstance(value, str) and value, f"`{field}` is {value!r}; give a text.")
    require(
        all(isinstance(note, str) for note in data.notes), "`notes` must be a tuple of sentences."
    )


def hash_is_of_the_pixels(part: Part) -> None:
    """Its hash is that of its pixels."""
    data = _load(part)
    right = data.hash == pixel_hash(data.images)
    require(
        right,
        f"its hash is {data.hash[:12]}..., which is not that of its pixels; use"
        " gan_zoo.datasets.store.pixel_hash.",
    )


def loads_alike(part: Part) -> None:
    """Loaded again, it is the same."""
    one, two = _load(part), _load(part, again=1)
    same = np.array_equal(one.images, two.images)
    require(
        same,
        "its pixels change from one load to the next, so that a run could not be resumed; draw with"
        " a fixed seed.",
    )


DATASETS = [
    loads,
    has_variety,
    has_sound_labels,
    says_what_it_is,
    hash_is_of_the_pixels,
    loads_alike,
]


@functools.lru_cache(maxsize=2)
def _extractor(part: Part) -> FeatureExtractor:
    return registry.extractors.build(part.spec, cache_dir=cache_dir())


def _pictures(channels: int, number: int = 8, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, *size, channels)).astype(np.uint8)


def extracts(part: Part) -> None:
    """Its features are finite float [N, D], of color and of gray images."""
    for channels in (part.shape[2], 4 - part.shape[2]):
        x = np.asarray(_extractor(part).features(_pictures(channels, size=part.shape[:2])))
        require(
            x.ndim == 2 and len(x) == 8,
            f"its features of 8 images are of shape {list(x.shape)}, not [8, D].",
        )
        require(
            x.dtype.kind == "f" and np.isfinite(x).all(),
            f"its features ({x.dtype}) must be finite floats.",
        )
        require(x.std(axis=0).max() > 0, "different images have the same features.")


extracts.first = True  # type: ignore[attr-defined]


def extracts_alike(part: Part) -> None:
    """An image's features do not depend on the others of its batch."""
    images = _pictures(part.shape[2], 8, part.shape[:2])
    whole, some = _extractor(part).features(images), _extractor(part).features(images[:3])
    off = np.abs(whole[:3] - some).max() / max(np.abs(whole).max(), 1e-12)
    require(off < 1e-3, f"they move by {off:.2g} of their size; run the network in inference mode.")


def names_itself(part: Part) -> None:
    """Its name, hash and resize are texts."""
    for field in ("name", "hash", "resize"):
        value = getattr(_extractor(part), field)
        require(
            isinstance(value, str) and value,
            f"`{field}` is {value!r}; every number made with it carries it.",
        )


def classifies(part: Part) -> None:
    """Its logits are finite float [N, classes]."""
    logits = _extractor(part).logits
    if logits is None:
        raise Skipped("it is no classifier")
    x = np.asarray(logits(_pictures(part.shape[2], size=part.shape[:2])))
    require(
        x.ndim == 2 and len(x) == 8,
        f"its logits of 8 images are of shape {list(x.shape)}, not [8, classes].",
    )
    require(np.isfinite(x).all(), "its logits are NaN or infinite.")


EXTRACTORS = [extracts, extracts_alike, names_itself, classifies]
