"""The standard deviation over the images of a batch, as a map that D sees."""

from __future__ import annotations

import keras
import tensorflow as tf

from gan_zoo.errors import check_at_least


@keras.saving.register_keras_serializable("gan_zoo")
class MinibatchStd(keras.layers.Layer):
    """One map more: the standard deviation over a group of images (Karras et al. 2017).

    arXiv:1710.10196, section 3. A group is ``group`` successive images (or fewer, a divisor of the
    batch), where the paper's code takes every B/4-th one: so groups lie within a replica, and two
    replicas do what one device does if each has a multiple of ``group`` images.
    """

    def __init__(self, group: int = 4, **kwargs):
        """Compare ``group`` images, 1 or more."""
        check_at_least(1, group=group)
        super().__init__(**kwargs)
        self.group = group

    def call(self, x):
        """[B, H, W, C] -> [B, H, W, C + 1]; the map is computed in at least float32."""
        batch, height, width, channels = x.shape
        if batch is None:  # while the net is built, or in a program for any number of images
            batch = tf.shape(x)[0]
            divisors = tf.range(1, self.group + 1)
            group = tf.reduce_max(tf.where(batch % divisors == 0, divisors, 1))
        else:
            group = max(n for n in range(1, self.group + 1) if batch % n == 0)
        wide = x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
        members = tf.reshape(wide, [-1, group, height, width, channels])
        variance = tf.reduce_mean(tf.square(members - tf.reduce_mean(members, 1, keepdims=True)), 1)
        spread = tf.reduce_mean(tf.sqrt(variance + 1e-8), [1, 2, 3])
        maps = tf.repeat(tf.cast(spread, x.dtype), group)[:, None, None, None]
        return tf.concat([x, tf.broadcast_to(maps, [batch, height, width, 1])], -1)

    def compute_output_shape(self, input_shape):
        """Return the shape of the input with one channel more."""
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), "group": self.group}
