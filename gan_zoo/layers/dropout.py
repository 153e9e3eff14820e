"""Dropout that is the same on one device and on several."""

from __future__ import annotations

import keras
import tensorflow as tf

from gan_zoo import randomness
from gan_zoo.errors import check_decay


@keras.saving.register_keras_serializable("gan_zoo")
class Dropout(keras.layers.Dropout):
    """Keras' dropout, with one mask for the global batch.

    Each replica applies its slice of the mask, so that several replicas drop the same values as one
    device. Keras' own drops the same positions on each replica.
    """

    def __init__(self, rate, **kwargs):
        """Drop a share ``rate`` of values, from 0 to below 1."""
        check_decay(dropout=rate)
        super().__init__(rate, **kwargs)

    def call(self, inputs, training=False):
        """Return [B, ...] with a share ``rate`` of the values set to 0, if ``training``.

        The others are scaled to keep the mean.
        """
        if not training or not self.rate:
            return inputs
        batch = tf.shape(inputs)[0] if inputs.shape[0] is None else inputs.shape[0]
        shape = [batch, *inputs.shape[1:]]
        kept = randomness.uniform(shape, tf.cast(self.seed_generator.next(), tf.int64)) >= self.rate
        return tf.where(kept, inputs / (1.0 - self.rate), tf.zeros([], inputs.dtype))
