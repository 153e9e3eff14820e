"""Self-attention over the positions of a map."""

from __future__ import annotations

import keras
import tensorflow as tf

from gan_zoo.errors import check_at_least
from gan_zoo.layers.conv import Conv2D


@keras.saving.register_keras_serializable("gan_zoo")
class SelfAttention(keras.layers.Layer):
    """Self-attention (Zhang et al. 2019, arXiv:1805.08318, section 3, equations 1 to 3).

    ``x + gamma v(sum_i b_ji h(x_i))`` at position j, where ``b_j`` is the softmax over i of
    ``f(x_i) . g(x_j)``, and f, g, h to ``C / ratio`` channels and v back to C are 1x1 convolutions
    without bias. gamma starts at 0, so that the layer does nothing at first. The softmax is
    computed in float32.

    Differs from the paper's code, which halves the sides of the outputs of f and h by max pooling,
    and where h has C / 2 channels; the paper's text has neither.
    """

    def __init__(self, ratio: int = 8, **kwargs):
        """Use 1 / ``ratio`` of the channels inside, at least one."""
        super().__init__(**kwargs)
        check_at_least(1, ratio=ratio)
        self.ratio = ratio

    def build(self, input_shape):
        """Create the four convolutions and gamma, a scalar."""
        channels = input_shape[-1]
        inner = max(1, channels // self.ratio)
        for name, filters in (("f", inner), ("g", inner), ("h", inner), ("v", channels)):
            layer = Conv2D(filters, 1, use_bias=False, name=name, dtype=self.dtype_policy)
            layer.build((*input_shape[:-1], inner if name == "v" else channels))
            setattr(self, name, layer)
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def call(self, x):
        """[B, H, W, C] -> [B, H, W, C]; memory grows with (H W)^2."""
        height, width = x.shape[1:3]
        f, g, h = (
            tf.reshape(conv(x), [-1, height * width, conv.filters])
            for conv in (self.f, self.g, self.h)
        )
        weights = tf.nn.softmax(
            tf.cast(tf.matmul(g, f, transpose_b=True), tf.as_dtype(self.variable_dtype))
        )
        attended = tf.matmul(tf.cast(weights, x.dtype), h)  # [B, j, i] [B, i, C / ratio]
        return x + self.gamma * self.v(tf.reshape(attended, [-1, height, width, h.shape[-1]]))

    def compute_output_shape(self, input_shape):
        """Return the shape of the input."""
        return input_shape

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), "ratio": self.ratio}


def attention_at(sizes: list[tuple[int, int]], most: int) -> tuple[int, int]:
    """Return the largest of some sizes whose longer side is at most ``most``.

    Raises:
        ValueError: There is none.
    """
    fitting = [size for size in sizes if max(size) <= most]
    if not fitting:
        sides = ", ".join(f"{h}x{w}" for h, w in sizes)
        raise ValueError(
            f"attention={most} is smaller than all maps ({sides}); give the side of one of them."
        )
    return max(fitting)
