"""A plugin: the generator of the CelebA 28x28 project with a noise vector, for ``noise_shape``."""

from __future__ import annotations

import math

import keras

from gan_zoo.generators.conv_noise import conv_noise28
from gan_zoo.registry import generators


@generators.register
def vector_noise28(latent: int = 100, width: int = 64, hidden: int = 3000, *, image_shape):
    """``conv_noise28`` behind a trainable dense layer from ``latent`` values to image shape."""
    body = conv_noise28(width, hidden, image_shape=image_shape)
    z = keras.Input((latent,), name="noise")
    # The body then sees noise of variance 1, as with image-shaped noise.
    spread = keras.initializers.RandomNormal(stddev=latent**-0.5)
    x = keras.layers.Dense(math.prod(image_shape), use_bias=False, kernel_initializer=spread)(z)
    return keras.Model(z, body(keras.layers.Reshape(image_shape)(x)), name="vector_noise28")
