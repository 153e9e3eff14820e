"""What a generator can make of a picture: the latent whose image is nearest to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import images, randomness
from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.pixels import check_images
from gan_zoo.game import sampling
from gan_zoo.game.labels import labels_of_one_class
from gan_zoo.game.step import Game
from gan_zoo.game.styles import require_styles, style_based
from gan_zoo.pulse import make_bar

_TAG = "projection"  # the random stream of the first latents
_BLOCK = 64  # latents that are moved at a time
_RATE, _RISE, _FALL = 0.1, 0.05, 0.25  # of Adam; the shares of the steps in which it rises, falls
_NOISE, _NOISE_ENDS = 0.05, 0.75  # beside a latent at first; the share of the steps with noise


class Projection(NamedTuple):
    """What was found for N pictures.

    Attributes:
        pictures: uint8 ``[N, H, W, C]``.
        images: The nearest images that were found, uint8 ``[N, H, W, C]``.
        latents: Of these, float32 ``[N, ...]``: noise or styles.
        labels: Of these, int32 ``[N]``; None without a condition.
        space: ``z`` for noise, ``w`` for styles.
        distance: The mean of the squared distances in pixels and in features, each divided by that
            of two samples, ``[N]``: about 1 for an unrelated image, 0 for the same one.
        before: The distance of the nearest of the first samples, ``[N]``.
        starts: The distance that was reached from each start, ``[N, starts]``.
        gray_levels: The root mean square of the difference in gray levels, ``[N]``.
    """

    pictures: np.ndarray
    images: np.ndarray
    latents: np.ndarray
    labels: np.ndarray | None
    space: str
    distance: np.ndarray
    before: np.ndarray
    starts: np.ndarray
    gray_levels: np.ndarray


class _Latents(NamedTuple):
    """Latents of samples, and how images are made of any latent.

    Attributes:
        draw: Latents ``[B, ...]`` and labels ``[B]`` or None -> float images ``[B, H, W, C]``.
        keep: Latents -> the nearest ones that may be used.
        values: Of the samples, float32 ``[M, ...]``.
        labels: Of the samples.
        images: Of the samples, float32 ``[M, H, W, C]``.
    """

    draw: Callable[..., tf.Tensor]
    keep: Callable[[tf.Tensor], tf.Tensor]
    values: np.ndarray
    labels: np.ndarray | None
    images: np.ndarray


class _Measure(NamedTuple):
    """The distance; its two parts are divided by their means between samples."""

    features: Callable[[tf.Tensor], tf.Tensor]
    pixel_unit: float
    feature_unit: float

    def __call__(self, made: tf.Tensor, wanted: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
        """Return the distances [B] of images to pictures with the features ``known``."""
        in_pixels = tf.reduce_mean(tf.square(made - wanted), [1, 2, 3]) / self.pixel_unit
        in_features = tf.reduce_mean(tf.square(self.features(made) - known), 1) / self.feature_unit
        return (in_pixels + in_features) / 2


def project(
    game: Game,
    pictures: np.ndarray,
    extractor: FeatureExtractor,
    *,
    space: str = "auto",
    starts: int = 3,
    steps: int = 300,
    samples: int = 512,
    seed: int = 0,
    label: str = "",
    ema: bool = True,
) -> Projection:
    """Find the latents of the images of G nearest to pictures, by gradient descent.

    After Karras et al. 2019 (arXiv:1912.04958, appendix D): Adam with a rate that rises and falls,
    and noise beside the latent that fades. Differs: the distance is that of the extractor's
    features and of pixels, in place of LPIPS; it begins at the samples nearest to the picture, and
    the best of several starts counts, where the paper begins at the average style; the rate and
    the noise are multiples of the spread of one value of a latent; the noise inputs of a
    style-based G stay as they are, and so need no regularization; and fewer steps. Noise z stays
    within the values and the lengths of the samples'. What is found for a picture does not depend
    on the others.

    Args:
        game: The game whose G it is.
        pictures: uint8 ``[N, H, W, C]``, of the shape of G's images.
        extractor: The feature network; it must be differentiable.
        space: ``w``, the styles of a style-based G; ``z``, the noise of any; ``auto``: w where
            there are styles.
        starts: From how many samples.
        steps: Of the descent.
        samples: Among which the starts are looked for.
        seed: Of these samples and of the noise.
        label: The class of all images; by default each picture takes the classes of its starts.
        ema: Whether to take the moving average of G, if there is one.

    Raises:
        UserError: The pictures have another type or shape, the extractor has no gradient, or there
            is no such space or class.
    """
    net = game.ema if game.ema is not None and ema else game.gen
    shape = tuple(net.output_shape[1:])
    check_images(pictures)
    if pictures.shape[1:] != shape or not len(pictures):
        raise UserError(
            f"pictures to project must be [N, {', '.join(map(str, shape))}], as this run makes"
            f" them, but are {list(pictures.shape)}; bring them to that size."
        )
    if extractor.differentiable is None:
        raise UserError(
            f"the extractor {extractor.name} has no gradient, which a projection needs; take"
            " another one, such as --extractor=embedded."
        )
    if space == "auto":
        space = "z" if style_based(game, ema=ema) is None else "w"
    latents = _sample_latents(game, net, space, max(samples, starts), seed, label, ema)
    measure = _measure_of(latents.images, extractor.differentiable)
    order = _nearest_samples(latents, measure, pictures, starts)
    descend = _descent(latents, measure, steps, seed, game.random_version)
    found = [
        _project_block(latents, measure, descend, pictures[rows], order[rows])
        for rows in _blocks(len(pictures), max(1, _BLOCK // starts))
    ]
    made, values, reached, before = (
        np.concatenate(parts) for parts in zip(*(block[:4] for block in found), strict=True)
    )
    labels = None if latents.labels is None else np.concatenate([block[4] for block in found])
    difference = made.astype(np.float64) - pictures
    return Projection(
        pictures, made, values, labels, space, reached.min(1), before, reached,
        np.sqrt(np.mean(difference**2, axis=(1, 2, 3))),
    )  # fmt: skip


def _blocks(count: int, size: int) -> Iterator[np.ndarray]:
    """Yield rows in blocks; all but the last have one size, as each size is compiled anew."""
    starts = range(0, count, size)
    for first in make_bar(
        starts, desc="projecting", unit=f" x {size}", leave=False, disable=None, delay=1
    ):
        yield np.arange(first, min(first + size, count))


def _sample_latents(
    game: Game, net: keras.Model, space: str, count: int, seed: int, label: str, ema: bool
) -> _Latents:
    z = sampling.sample_noise(game, count, seed, tag=_TAG)
    labels = sampling.sample_labels(game, count, seed, tag=_TAG)
    if label:
        labels, _ = labels_of_one_class(game, label, count)
    made = images.to_float(sampling.generate(game, z, labels, ema=ema))
    if space == "z":
        return _Latents(_drawing_of_noise(net), _keep_among(z), z, labels, made)
    parts = require_styles(game, "--space=w", ema=ema)

    def draw(w: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        return parts.draw(parts.repeat(w))

    return _Latents(draw, lambda w: w, parts.styles(z, labels), labels, made)


def _drawing_of_noise(net: keras.Model) -> Callable[..., tf.Tensor]:
    def draw(z: tf.Tensor, labels: tf.Tensor | None) -> tf.Tensor:
        return tf.cast(net(z if labels is None else [z, labels], training=False), tf.float32)

    return draw


def _keep_among(z: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a function that brings noise into the range and the greatest length of samples."""
    axes = list(range(1, z.ndim))
    low, high = float(z.min()), float(z.max())
    longest = float(np.sqrt(np.square(z).sum(tuple(axes))).max())

    def keep(moved: tf.Tensor) -> tf.Tensor:
        moved = tf.clip_by_value(moved, low, high)
        length = tf.sqrt(tf.reduce_sum(tf.square(moved), axes, keepdims=True))
        return moved * tf.minimum(1.0, longest / tf.maximum(length, 1e-12))

    return keep


def _measure_of(made: np.ndarray, features: Callable[[tf.Tensor], tf.Tensor]) -> _Measure:
    """Return the distance with the units of these samples: each is compared with the next one."""
    known = _features(made, features)
    units = (np.mean((x - np.roll(x, 1, axis=0)) ** 2) for x in (made, known))
    # Where all samples are one image there is no unit.
    return _Measure(features, *(float(unit) if unit > 0 else 1.0 for unit in units))


def _features(made: np.ndarray, features: Callable[[tf.Tensor], tf.Tensor]) -> np.ndarray:
    blocks = range(0, len(made), _BLOCK)
    return np.concatenate([features(tf.constant(made[i : i + _BLOCK])).numpy() for i in blocks])


def _nearest_samples(
    latents: _Latents, measure: _Measure, pictures: np.ndarray, count: int
) -> np.ndarray:
    """Return the numbers of the samples nearest to each picture, ``[N, count]``."""
    known = _features(latents.images, measure.features)
    order = []
    for picture in images.to_float(pictures):
        feature = _features(picture[None], measure.features)
        in_pixels = np.mean((latents.images - picture) ** 2, axis=(1, 2, 3)) / measure.pixel_unit
        in_features = np.mean((known - feature) ** 2, axis=1) / measure.feature_unit
        order.append(np.argsort(in_pixels + in_features, kind="stable")[:count])
    return np.stack(order)


def _project_block(
    latents: _Latents,
    measure: _Measure,
    descend: Callable[..., tf.Tensor],
    pictures: np.ndarray,
    order: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Any]:
    """Return images, latents, the distances [N, starts] and [N] after and before, and labels."""
    count, starts = order.shape
    rows = order.ravel()
    labels = None if latents.labels is None else tf.constant(latents.labels[rows])
    wanted = tf.constant(images.to_float(pictures).repeat(starts, axis=0))
    known = measure.features(wanted)
    first = tf.constant(latents.values[rows])
    last = descend(first, labels, wanted, known, starts)

    def distances(x: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        made = latents.draw(x, labels)
        return images.to_uint8(made.numpy()), measure(made, wanted, known).numpy()

    (made, before), (moved, after) = distances(first), distances(last)
    worse = ~(after < before)  # also where it is no number
    after = np.where(worse, before, after)
    values = np.where(_columns(worse, first.shape), first, last)
    made = np.where(_columns(worse, made.shape), made, moved)
    after, before = after.reshape(count, starts), before.reshape(count, starts)
    best = np.arange(count) * starts + after.argmin(1)
    kept = None if labels is None else labels.numpy()[best]
    return made[best], values[best], after, before.min(1), kept


def _columns(chosen: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return chosen.reshape(-1, *[1] * (len(shape) - 1))


def _descent(
    latents: _Latents, measure: _Measure, steps: int, seed: int, version: int
) -> Callable[..., tf.Tensor]:
    """Return the function ``(latents, labels, pictures, features, starts) -> latents``."""
    varied = latents.values - latents.values.mean(0)
    spread = float(varied.std())
    stream = randomness.derive_seed(seed, _TAG, "noise")

    @tf.function
    def descend(
        x: tf.Tensor, labels: tf.Tensor | None, wanted: tf.Tensor, known: tf.Tensor, starts: int
    ) -> tf.Tensor:
        mean, square = tf.zeros_like(x), tf.zeros_like(x)
        for i in tf.range(steps):
            at = tf.cast(i, tf.float32) / steps
            # The same for all pictures, so that none depends on the place of another.
            noise = randomness.normal([starts, *x.shape[1:]], randomness.fold_in(stream, i))
            noise = tf.concat([noise] * (x.shape[0] // starts), 0)
            scale = spread * _NOISE * tf.square(tf.maximum(0.0, 1.0 - at / _NOISE_ENDS))
            with tf.GradientTape() as tape:
                tape.watch(x)
                made = latents.draw(x + scale * noise, labels)
                total = tf.reduce_sum(measure(made, wanted, known))
            gradient = tape.gradient(total, x)
            # Adam (Kingma & Ba 2014, arXiv:1412.6980); each value of x has its own.
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * tf.square(gradient)
            power = tf.cast(i + 1, tf.float32)
            step = (mean / (1.0 - 0.9**power)) / (tf.sqrt(square / (1.0 - 0.999**power)) + 1e-8)
            rise = tf.minimum(1.0, (1.0 - at) / _FALL)
            ramp = (0.5 - 0.5 * tf.cos(math.pi * rise)) * tf.minimum(1.0, at / _RISE)
            x = latents.keep(x - _RATE * spread * ramp * step)
        return x

    def call(*arguments: Any) -> tf.Tensor:
        with randomness.version(version):
            return descend(*arguments)

    return call
