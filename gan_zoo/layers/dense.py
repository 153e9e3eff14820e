"""The dense layer of the zoo."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable("gan_zoo")
class Dense(keras.layers.Dense):
    """Keras' dense layer under a type of ours, so that what changes weights (spectral normalization) knows it."""
