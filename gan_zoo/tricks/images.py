"""Tricks that change the images D sees."""

from __future__ import annotations

import math

import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness, replicas
from gan_zoo.contracts import Trick
from gan_zoo.errors import check_non_negative, check_positive, check_share
from gan_zoo.registry import tricks
from gan_zoo.spec import american
from gan_zoo.tricks import transforms


@tricks.register
def instance_noise(stddev: float = 0.1, decay_steps: int = 0, *, step) -> Trick:
    """Add N(0, stddev^2) to all images that D sees (Soenderby et al. 2016, arXiv:1610.04490).

    Also Arjovsky & Bottou 2017, arXiv:1701.04862.

    Args:
        stddev: The standard deviation at step 0, in units of the range [-1, 1] of images.
        decay_steps: It falls linearly to 0 at this step; with 0 it stays.
        step: The step variable, from the framework.
    """
    check_non_negative(stddev=stddev, decay_steps=decay_steps)

    def current():
        progress = tf.cast(step, floatx()) / decay_steps if decay_steps else tf.zeros([], floatx())
        return stddev * tf.maximum(1.0 - progress, 0.0)

    return Trick(
        images=lambda images, seed: images + current() * randomness.normal(images.shape, seed),
        metrics=lambda: {"stddev": current()},
    )


@tricks.register
def flip_images(rate: float = 0.5) -> Trick:
    """Mirror each real image left to right with probability ``rate``; G learns both forms."""
    check_share(rate=rate)
    return Trick(real_images=lambda images, seed: transforms.mirror(images, seed, rate))


@tricks.register
def diff_augment(policy: str = "color,translation,cutout") -> Trick:
    """Augment all images that D sees, in both updates (DiffAugment: Zhao et al. 2020).

    arXiv:2006.10738, section 3. The draws differ for each image, as in the authors' code. ``color``
    adds U(-0.5, 0.5) to the brightness, multiplies the saturation by U(0, 2) and the contrast by
    U(0.5, 1.5); ``translation`` moves by up to 1/8 of the sides; ``cutout`` covers a rectangle of
    half the sides. Both fill with 0, the gray in the middle of the range. Of images with
    transparency, ``color`` changes no opacity, and the others fill with transparent pixels.

    Args:
        policy: Which of ``color``, ``translation``, ``cutout``, with commas.
    """
    # A policy of True, too, is answered with the known ones.
    names = [name.strip() for name in american(str(policy)).split(",")]
    if unknown := [name for name in names if name not in _POLICIES]:
        raise ValueError(
            f"policy has '{unknown[0]}'; give some of {', '.join(_POLICIES)}, with commas."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"policy='{policy}' has one name twice; leave one of them out.")

    def augment(images, seed):
        for name in names:
            k = list(_POLICIES).index(name) + 1
            images = _POLICIES[name](images, randomness.split(seed, k))
        return images

    return Trick(images=augment)


def _color(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    draws = randomness.uniform([images.shape[0], 3], seed)
    images = transforms.brightness(images, draws[:, 0] - 0.5)
    images = transforms.saturation(images, 2.0 * draws[:, 1])
    return transforms.contrast(images, 0.5 + draws[:, 2])


_POLICIES = {
    "color": _color,
    "translation": lambda images, seed: transforms.translate(images, seed, 1 / 8, "zero"),
    "cutout": lambda images, seed: transforms.cutout(images, seed, 0.5),
}


@tricks.register
def ada(
    target: float = 0.6, speed: float = 500.0, start: float = 0.0, most: float = 0.8, *, image_shape
) -> Trick:
    """Augment all images that D sees, with a probability that grows as D overfits (ADA).

    Karras et al. 2020, arXiv:2006.06676, section 3. Each transform is applied to each image with
    probability p. After every 4 updates of D, p rises if the mean sign of D's logits on their real
    images, of all replicas, is above ``target``, and falls otherwise (the paper's r_t). The sign
    has no meaning under losses in which only differences of logits count, and the opposite meaning
    under ``swap_labels``.

    The transforms follow the paper's appendix B: mirroring, rotation by 90 degrees (square images
    only), whole-pixel translation (to 1/8 of the sides, each distance equally likely; in the
    authors' code, which rounds, the two ends are half as likely), isotropic scaling (2^N(0,
    0.2^2)); brightness N(0, 0.2^2), contrast 2^N(0, 0.5^2), saturation 2^N(0, 1). Left out are free
    rotation, anisotropic scaling, fractional translation, luma flip, hue, and the filters, noise
    and cutout that the paper does not use by default. Scaling is bilinear, without the paper's
    wavelet filters.

    Args:
        target: The target of the mean sign, from 0 to 1.
        speed: Thousands of real images in which p can rise from 0 to 1.
        start: p at first.
        most: The upper limit of p, which the paper does not have: beyond 0.8 or so, augmentations
            begin to leak into G's images (section 2.2).
        image_shape: (H, W, C), from the framework.
    """
    check_share(target=target, start=start, most=most)
    check_positive(speed=speed)
    if start > most:
        raise ValueError(f"start={start} must not be above most={most}.")
    p, signs, updates = transforms.state(start), transforms.state(0.0), transforms.state(0.0)

    def observe(outputs):
        real_signs = tf.sign(tf.stop_gradient(outputs.real_logits))
        total = signs + replicas.mean(tf.reduce_mean(real_signs))
        count = updates + 1.0
        due = count >= 4.0
        change = 4 * outputs.real.shape[0] * replicas.count() / (1000.0 * speed)
        moved = p + change * tf.sign(total / count - target)
        p.assign(tf.where(due, tf.clip_by_value(moved, 0.0, most), p))
        signs.assign(tf.where(due, tf.zeros_like(total), total))
        updates.assign(tf.where(due, tf.zeros_like(count), count))

    return Trick(
        images=lambda images, seed: _ada_augment(images, seed, p, image_shape),
        observe=observe,
        metrics=lambda: {"p": tf.identity(p)},
        variables=(p, signs, updates),
    )


def _ada_augment(images: tf.Tensor, seed: tf.Tensor, p: tf.Tensor, image_shape) -> tf.Tensor:
    """Apply each of ADA's transforms to each image with probability p."""
    batch = images.shape[0]
    square = image_shape[0] == image_shape[1]

    def maybe(k, drawn, neutral):
        chosen = randomness.uniform([batch], randomness.split(seed, k)) < p
        return tf.where(chosen, drawn, tf.cast(neutral, floatx()))

    def uniform(k):
        return randomness.uniform([batch], randomness.split(seed, k))

    def normal(k, stddev):
        return randomness.normal([batch], randomness.split(seed, k), stddev)

    flip = maybe(1, 1.0 - 2.0 * tf.floor(2.0 * uniform(2)), 1.0)
    angle = maybe(3, tf.floor(4.0 * uniform(4)), 0.0) * (math.pi / 2 if square else 0.0)
    limits = [int(size / 8 + 0.5) for size in image_shape[:2]]
    down, right = (
        maybe(5, tf.floor((2 * n + 1) * uniform(6 + i)) - n, 0.0) for i, n in enumerate(limits)
    )
    scale = maybe(8, 2.0 ** normal(9, 0.2), 1.0)
    cos, sin = tf.cos(angle) / scale, tf.sin(angle) / scale
    matrix = tf.stack(
        [tf.stack([flip * cos, -sin, -right], -1), tf.stack([flip * sin, cos, -down], -1)], 1
    )
    images = transforms.warp(images, matrix)
    images = transforms.brightness(images, maybe(10, normal(11, 0.2), 0.0))
    images = transforms.contrast(images, maybe(12, 2.0 ** normal(13, 0.5), 1.0), 0.0)
    return transforms.saturation(images, maybe(14, 2.0 ** normal(15, 1.0), 1.0))


@tricks.register
def history_pool(size: int = 256, *, image_shape, batch: int) -> Trick:
    """Train D on half new and half earlier fakes (Shrivastava et al. 2016, arXiv:1612.07828).

    Section 2.3. First a pool of ``size`` images fills, while D sees the newest fakes. Then, at each
    update of D, the second half of the global batch is exchanged for as many random images of the
    pool. (In the paper, the new images replace other random images of the pool.) The pool is part
    of every checkpoint.

    Args:
        size: Images in the pool, rounded down to a multiple of half a batch.
        image_shape: (H, W, C), from the framework.
        batch: Images of a global batch, from the framework.
    """
    half = batch // 2
    if not isinstance(size, int) or size < half:
        raise ValueError(f"size={size} must be a whole number, at least half a batch, {half}.")
    size -= size % half
    pool = transforms.state(tf.zeros([size, *image_shape], floatx()))
    filled = transforms.state(tf.constant(0))

    def exchange(images, seed):
        whole = replicas.gather(images)
        kept, new = whole[:-half], whole[-half:]
        full = filled == size
        slots = tf.where(
            full,
            randomness.permutation(size, seed)[:half],
            tf.minimum(filled, size - half) + tf.range(half),
        )
        pooled = tf.where(full, tf.gather(pool, slots), new)
        pool.scatter_update(tf.IndexedSlices(new, slots))
        filled.assign(tf.minimum(filled + half, size))
        return replicas.local_slice(tf.concat([kept, pooled], 0))

    return Trick(fake_images=exchange, variables=(pool, filled))
