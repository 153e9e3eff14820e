"""Transforms of images for several tricks, and the variables that tricks keep.

All transforms are differentiable, and each image has its own draw. ``images`` are [B, H, W, C] in
[-1, 1]. Of C 4, the last channel is the opacity, by which colors are multiplied (see
:mod:`gan_zoo.images`): transforms of colors leave it as it is and change only what can be seen.
"""

from __future__ import annotations

import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness
from gan_zoo.images import RGBA


def state(value: tf.Tensor | float) -> tf.Variable:
    """Return a variable of a trick, the same on all replicas; list it in ``Trick.variables``."""
    start = tf.constant(value, floatx()) if isinstance(value, float) else value
    return tf.Variable(
        start, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
    )


def mirror(images: tf.Tensor, seed: tf.Tensor, rate: float = 0.5) -> tf.Tensor:
    """Mirror each image left to right with probability ``rate``."""
    chosen = randomness.uniform([images.shape[0], 1, 1, 1], seed) < rate
    return tf.where(chosen, images[:, :, ::-1], images)


def translate(images: tf.Tensor, seed: tf.Tensor, share: float, fill: str) -> tf.Tensor:
    """Move images by whole pixels, up to a share of the sides.

    The pixels that enter are 0, or transparent with C of 4, (``fill="zero"``) or the mirror image
    (``fill="reflect"``).
    """
    empty = _empty(images)
    images = images - empty if empty else images
    draws = randomness.uniform([images.shape[0], 2], seed)
    for axis, draw in ((1, draws[:, 0]), (2, draws[:, 1])):
        size = images.shape[axis]
        most = int(share * size + 0.5)
        move = tf.cast(tf.floor(draw * (2 * most + 1)), tf.int32) - most
        source = tf.range(size)[None] - move[:, None]
        # A product with a one-hot matrix picks each row or column; its gradient is such a product,
        # too.
        source = reflect(source, size) if fill == "reflect" else source
        picks = tf.one_hot(source, size, dtype=images.dtype)
        images = tf.einsum("bij,bjwc->biwc" if axis == 1 else "bij,bhjc->bhic", picks, images)
    return images + empty if empty else images


def _empty(images: tf.Tensor) -> float:
    """Return what stands where nothing is: 0, the gray in the middle, or -1, transparent."""
    return -1.0 if images.shape[-1] == RGBA else 0.0


def reflect(index: tf.Tensor, size: int) -> tf.Tensor:
    """Return indices mirrored at the edges, without repeating the outermost pixel."""
    period = max(2 * size - 2, 1)
    index = tf.math.floormod(index, period)
    return tf.minimum(index, period - index)


def cutout(images: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Set a rectangle of this share of both sides to 0, or with C of 4 to transparent.

    Its center is anywhere in the image, so that the edge may cut it.
    """
    draws = randomness.uniform([images.shape[0], 2], seed)
    inside = []
    for axis, draw in ((1, draws[:, 0]), (2, draws[:, 1])):
        size = images.shape[axis]
        length = int(share * size + 0.5)
        first = tf.cast(tf.floor(draw * (size + 1 - length % 2)), tf.int32) - length // 2
        at = tf.range(size)[None]
        inside.append((at >= first[:, None]) & (at < first[:, None] + length))
    hole = inside[0][:, :, None] & inside[1][:, None, :]
    kept = tf.cast(~hole[..., None], images.dtype)
    empty = _empty(images)
    return (images - empty) * kept + empty if empty else images * kept


def _split(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the colors [B, H, W, 3] of RGBA images, and their opacity [B, H, W, 1] in [0, 1]."""
    return images[..., :3], (images[..., 3:] + 1.0) / 2.0


def brightness(images: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Add an amount [B]."""
    amount = amount[:, None, None, None]
    if images.shape[-1] == RGBA:
        colors, opacity = _split(images)
        return tf.concat([colors + amount * opacity, images[..., 3:]], -1)
    return images + amount


def contrast(
    images: tf.Tensor, factor: tf.Tensor, center: tf.Tensor | float | None = None
) -> tf.Tensor:
    """Multiply the distance from a center, or from each image's own mean, by a factor [B]."""
    factor = factor[:, None, None, None]
    if images.shape[-1] == RGBA:
        colors, opacity = _split(images)
        if center is None:  # the mean of what can be seen
            area = tf.maximum(tf.reduce_sum(opacity, [1, 2, 3], keepdims=True), 1.0)
            center = tf.reduce_sum(colors + 1.0, [1, 2, 3], keepdims=True) / (3.0 * area) - 1.0
        center = opacity * (center + 1.0) - 1.0  # as transparent as the pixel
        return tf.concat([(colors - center) * factor + center, images[..., 3:]], -1)
    center = tf.reduce_mean(images, [1, 2, 3], keepdims=True) if center is None else center
    return (images - center) * factor + center


def saturation(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiply the distance of each pixel's colors from their mean by a factor [B]."""
    colors = images[..., :3] if images.shape[-1] == RGBA else images
    gray = tf.reduce_mean(colors, -1, keepdims=True)
    changed = (colors - gray) * factor[:, None, None, None] + gray
    return tf.concat([changed, images[..., 3:]], -1) if images.shape[-1] == RGBA else changed


def warp(images: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Return images whose pixel (x, y) is the value at ``matrix`` (x, y, 1) of the input.

    Interpolation is bilinear, with reflection at the edges.

    Args:
        images: [B, H, W, C].
        matrix: [B, 2, 3], in pixels from the center of the image.

    Returns:
        [B, H, W, C]; linear in the images, and exact copies at whole-pixel positions.
    """
    batch, height, width, channels = images.shape
    y, x = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    middle = [(width - 1) / 2, (height - 1) / 2]
    grid = [
        tf.cast(tf.reshape(axis, [-1]), images.dtype) - center
        for axis, center in zip((x, y), middle, strict=True)
    ]
    points = tf.matmul(matrix, tf.stack([*grid, tf.ones_like(grid[0])])[None])  # [B, 2, H W]
    flat, total = tf.reshape(images, [batch, height * width, channels]), 0.0
    # Rounding errors of a rotation must not move whole-pixel positions.
    points = tf.round(points * 1024) / 1024 + tf.constant(middle, images.dtype)[None, :, None]
    low = tf.floor(points)
    high = points - low
    for down in (0, 1):
        for right in (0, 1):
            weight = (high[:, 0] if right else 1.0 - high[:, 0]) * (
                high[:, 1] if down else 1.0 - high[:, 1]
            )
            column = reflect(tf.cast(low[:, 0], tf.int32) + right, width)
            row = reflect(tf.cast(low[:, 1], tf.int32) + down, height)
            total += weight[..., None] * tf.gather(flat, row * width + column, batch_dims=1)
    return tf.reshape(total, images.shape)
