"""A generator."""

import math

import keras

from gan_zoo.registry import generators


@generators.register
def two_layers(width: int = 256, *, image_shape):
    """Two dense layers from 32 noise values."""
    z = keras.Input((32,))
    x = keras.layers.Dense(width, activation="relu")(z)
    x = keras.layers.Dense(math.prod(image_shape), activation="tanh", dtype="float32")(x)
    return keras.Model(z, keras.layers.Reshape(image_shape, dtype="float32")(x))
