"""Doubling and halving of maps through the low-pass filter of StyleGAN2."""

from __future__ import annotations

import keras
import tensorflow as tf

# Karras et al. 2019 (arXiv:1912.04958), as in the authors' code: [1, 3, 3, 1] / 8 in each
# direction, and zeros beyond the edges.


def smooth(x, margins: tuple[tuple[int, int], tuple[int, int]], stride: int = 1, gain: float = 1.0):
    """Return a map through the filter, in each direction: [B, H, W, C] -> [B, h, w, C].

    A side becomes (side + margins - 3) / ``stride``, rounded up.

    Args:
        x: The map.
        margins: Zeros before and after each side.
        stride: The distance of the positions that are computed.
        gain: The sum of the filter's values.
    """
    x = tf.pad(x, [(0, 0), *margins, (0, 0)])
    for axis in (1, 2):
        last = x.shape[axis] - 4  # where the filter is at last
        first, second, third, fourth = (_taps(x, axis, k, last + k, stride) for k in range(4))
        x = (first + 3.0 * (second + third) + fourth) * (gain**0.5 / 8)
    return x


def _taps(x, axis: int, first: int, last: int, stride: int):
    """Return the rows (or columns) from ``first`` to ``last``."""
    cut = slice(first, last + 1, stride)
    return x[:, cut] if axis == 1 else x[:, :, cut]


@keras.saving.register_keras_serializable("gan_zoo")
class SmoothUpsample2D(keras.layers.Layer):
    """Doubling through the filter: [B, H, W, C] -> [B, 2H, 2W, C].

    It is zeros between the pixels, and then the filter: inside it is bilinear doubling, and at the
    edges there are zeros beyond.
    """

    def call(self, x):
        """Return the doubled map."""
        for axis in (1, 2):
            margin = [(1, 1) if a == axis else (0, 0) for a in range(4)]
            padded, side = tf.pad(x, margin), x.shape[axis]
            before, after = (_taps(padded, axis, k, k + side - 1, 1) for k in (0, 2))
            pairs = tf.stack([(before + 3.0 * x) / 4, (3.0 * x + after) / 4], axis + 1)
            sides = [2 * n if a == axis - 1 else n for a, n in enumerate(x.shape[1:])]
            x = tf.reshape(pairs, [-1, *sides])
        return x

    def compute_output_shape(self, input_shape):
        """Return [B, 2H, 2W, C]."""
        batch, height, width, channels = input_shape
        return (batch, 2 * height, 2 * width, channels)


@keras.saving.register_keras_serializable("gan_zoo")
class SmoothDownsample2D(keras.layers.Layer):
    """Halving through the filter: [B, H, W, C] -> [B, H / 2, W / 2, C], rounded up."""

    def call(self, x):
        """Return the halved map."""
        return smooth(x, _margins(x, 1), stride=2)

    def compute_output_shape(self, input_shape):
        """Return [B, H / 2, W / 2, C], rounded up."""
        batch, height, width, channels = input_shape
        return (batch, -(-height // 2), -(-width // 2), channels)


def _margins(x, margin: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return margins for halving, with one more after an odd side."""
    height, width = x.shape[1:3]
    return (margin, margin + height % 2), (margin, margin + width % 2)


def before_halving(x):
    """Return a map through the filter for a 3x3 convolution of stride 2 without padding.

    The convolution then returns [B, H / 2, W / 2, ...], rounded up.
    """
    return smooth(x, _margins(x, 2))


def after_doubling(x):
    """Return a map through the filter, after a transposed 3x3 convolution of stride 2.

    That convolution, without padding, returns x [B, 2H + 1, 2W + 1, C]; this returns
    [B, 2H, 2W, C].
    """
    return smooth(x, ((1, 1), (1, 1)), gain=4.0)
