"""The Keras layers and shapes that several families share."""

from __future__ import annotations

import keras
import tensorflow as tf


def ladder(height: int, width: int, smallest: int = 6, steps: int | None = None) -> list[tuple[int, int]]:
    """The sizes on the way from a small map up to the image, each half of the next (rounded up).

    A stride-2 convolution with padding ``same`` walks down this ladder exactly; a transposed one walks up it after
    :func:`crop_to`. So 28, 48, 96 and 100x75 need no special case.

    Args:
        height: Of the image, in pixels.
        width: Likewise.
        smallest: The ladder ends at the first size whose longer side is at most this.
        steps: In place of ``smallest``, how often the image is halved.
    """
    sizes = [(height, width)]
    while len(sizes) <= steps if steps is not None else max(sizes[0]) > smallest:
        h, w = sizes[0]
        sizes.insert(0, ((h + 1) // 2, (w + 1) // 2))
    return sizes


def crop_to(x, size: tuple[int, int]):
    """Cut the last row or column off where doubling went one pixel past an odd size. x: [B, h, w, C] -> [B, *size, C]."""
    down, right = x.shape[1] - size[0], x.shape[2] - size[1]
    return keras.layers.Cropping2D(((0, down), (0, right)))(x) if down or right else x


def dcgan_init() -> keras.Initializer:
    """normal(0, 0.02), as Radford et al. 2015 (arXiv:1511.06434), section 4, initialise all weights."""
    return keras.initializers.RandomNormal(stddev=0.02)


@keras.saving.register_keras_serializable("gan_zoo")
class BatchNorm(keras.layers.Layer):
    """Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) on TensorFlow's fused kernel.

    Differs from ``keras.layers.BatchNormalization`` in three ways: it is one kernel forward and one backward, which on a CPU is
    a good part of a DCGAN's step; its momentum is 0.9, since with 0.99 a short run samples rubbish in inference mode; and its
    moving variance is the unbiased one, as that of the fused kernel.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        """Normalise over all axes but the last; ``momentum`` is the share of the old moving statistics kept at a call."""
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape):
        """Make gamma, beta and the moving statistics, each [C], in float32."""
        size = {"shape": (input_shape[-1],), "dtype": "float32"}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **size)
        self.beta = self.add_weight(name="beta", initializer="zeros", **size)
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", trainable=False, **size)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", trainable=False, **size)

    def call(self, x, training=False):
        """Normalise [B, C] or [B, H, W, C] by the batch's statistics if ``training``, else by the moving ones."""
        flat = len(x.shape) == 2
        if flat:
            x = x[:, None, None, :]
        gamma, beta = (tf.cast(v, tf.float32) for v in (self.gamma, self.beta))
        if training:
            y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x, scale=gamma, offset=beta, mean=[], variance=[], epsilon=self.epsilon, is_training=True
            )
            for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + new * (1 - self.momentum))
        else:
            y, *_ = tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=gamma,
                offset=beta,
                mean=tf.cast(self.moving_mean, tf.float32),
                variance=tf.cast(self.moving_variance, tf.float32),
                epsilon=self.epsilon,
                is_training=False,
            )
        return y[:, 0, 0, :] if flat else y

    def compute_output_shape(self, input_shape):
        """The input's own shape."""
        return input_shape

    def get_config(self):
        """For saving."""
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
