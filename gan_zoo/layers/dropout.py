"""Dropout that is the same on one device and on several."""

from __future__ import annotations

import keras
import tensorflow as tf

from gan_zoo import randomness


@keras.saving.register_keras_serializable("gan_zoo")
class Dropout(keras.layers.Dropout):
    """Keras' dropout, but every replica drops what one device would have dropped of its part of the batch.

    Keras' own drops the same places on each of them.
    """

    def __init__(self, rate, **kwargs):
        """Drop a share ``rate`` of values, from 0 to below 1."""
        if not 0 <= rate < 1:
            raise ValueError(f"dropout={rate} is no such share; give a value from 0 to below 1.")
        super().__init__(rate, **kwargs)

    def call(self, inputs, training=False):
        """Set a share ``rate`` of the values of [B, ...] to 0, and scale the others to keep the mean, if ``training``."""
        if not training or not self.rate:
            return inputs
        shape = [
            tf.shape(inputs)[0] if inputs.shape[0] is None else inputs.shape[0],
            *inputs.shape[1:],
        ]
        kept = randomness.uniform(shape, tf.cast(self.seed_generator.next(), tf.int64)) >= self.rate
        return tf.where(kept, inputs / (1.0 - self.rate), tf.zeros([], inputs.dtype))
