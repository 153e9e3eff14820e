"""What several tricks do to images, each image by a draw of its own; and the state that tricks keep.

All are differentiable. ``images`` are [B, H, W, C] in [-1, 1].
"""

from __future__ import annotations

import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness


def state(value: tf.Tensor | float) -> tf.Variable:
    """A variable of a trick, which is the same on all replicas; it belongs into ``Trick.variables``."""
    start = tf.constant(value, floatx()) if isinstance(value, float) else value
    return tf.Variable(
        start, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
    )


def check_share(**shares: float) -> None:
    """Raise ``ValueError`` for what is no share from 0 to 1."""
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}={value} is no such share; give a value from 0 to 1.")


def mirror(images: tf.Tensor, seed: tf.Tensor, rate: float = 0.5) -> tf.Tensor:
    """Mirror a share of the images left to right."""
    return tf.where(
        randomness.uniform([images.shape[0], 1, 1, 1], seed) < rate, images[:, :, ::-1], images
    )


def translate(images: tf.Tensor, seed: tf.Tensor, share: float, fill: str) -> tf.Tensor:
    """Move by whole pixels, up to a share of the sides; what comes in is 0 (``fill="zero"``) or ``reflect``ed."""
    draws = randomness.uniform([images.shape[0], 2], seed)
    for axis, draw in ((1, draws[:, 0]), (2, draws[:, 1])):
        size = images.shape[axis]
        most = int(share * size + 0.5)
        move = tf.cast(tf.floor(draw * (2 * most + 1)), tf.int32) - most
        source = tf.range(size)[None] - move[:, None]
        # A product with a matrix of zeros and ones picks each row or column: its gradient is
        # another such product.
        picks = tf.one_hot(
            reflect(source, size) if fill == "reflect" else source, size, dtype=images.dtype
        )
        images = tf.einsum("bij,bjwc->biwc" if axis == 1 else "bij,bhjc->bhic", picks, images)
    return images


def reflect(index: tf.Tensor, size: int) -> tf.Tensor:
    """Indices beyond the edges turn back, the outermost pixel not being repeated."""
    period = max(2 * size - 2, 1)
    index = tf.math.floormod(index, period)
    return tf.minimum(index, period - index)


def cutout(images: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Set a rectangle of this share of both sides to 0; its center lies anywhere, so that it may be cut off by the edge."""
    draws = randomness.uniform([images.shape[0], 2], seed)
    inside = []
    for axis, draw in ((1, draws[:, 0]), (2, draws[:, 1])):
        size = images.shape[axis]
        length = int(share * size + 0.5)
        first = tf.cast(tf.floor(draw * (size + 1 - length % 2)), tf.int32) - length // 2
        at = tf.range(size)[None]
        inside.append((at >= first[:, None]) & (at < first[:, None] + length))
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    return images * tf.cast(~hole[..., None], images.dtype)


def brightness(images: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Add an amount [B]."""
    return images + amount[:, None, None, None]


def contrast(
    images: tf.Tensor, factor: tf.Tensor, center: tf.Tensor | float | None = None
) -> tf.Tensor:
    """Multiply the distance from a center, or from each image's own mean, by a factor [B]."""
    center = tf.reduce_mean(images, [1, 2, 3], keepdims=True) if center is None else center
    return (images - center) * factor[:, None, None, None] + center


def saturation(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiply the distance of each pixel's channels from their mean by a factor [B]."""
    gray = tf.reduce_mean(images, -1, keepdims=True)
    return (images - gray) * factor[:, None, None, None] + gray


def warp(images: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Pixel (x, y) of the result is what lies at ``matrix`` (x, y, 1) in the image; bilinear, reflected at the edges.

    Args:
        images: [B, H, W, C].
        matrix: [B, 2, 3], in pixels from the center of the image.

    Returns:
        [B, H, W, C]; linear in the images, and copied exactly where the place is a whole pixel.
    """
    batch, height, width, channels = images.shape
    y, x = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    middle = [(width - 1) / 2, (height - 1) / 2]
    grid = [
        tf.cast(tf.reshape(axis, [-1]), images.dtype) - at
        for axis, at in zip((x, y), middle, strict=True)
    ]
    places = tf.matmul(matrix, tf.stack([*grid, tf.ones_like(grid[0])])[None])  # [B, 2, H W]
    flat, total = tf.reshape(images, [batch, height * width, channels]), 0.0
    # The rounding of a rotation must not move a whole pixel by a hair.
    places = tf.round(places * 1024) / 1024 + tf.constant(middle, images.dtype)[None, :, None]
    low = tf.floor(places)
    high = places - low
    for down in (0, 1):
        for right in (0, 1):
            weight = (high[:, 0] if right else 1.0 - high[:, 0]) * (
                high[:, 1] if down else 1.0 - high[:, 1]
            )
            column = reflect(tf.cast(low[:, 0], tf.int32) + right, width)
            row = reflect(tf.cast(low[:, 1], tf.int32) + down, height)
            total += weight[..., None] * tf.gather(flat, row * width + column, batch_dims=1)
    return tf.reshape(total, images.shape)
