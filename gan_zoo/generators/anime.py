"""The generator of an old project on anime faces."""

from __future__ import annotations

import math

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import BatchNorm, Conv2DTranspose, Dense, crop_to, resolution_schedule
from gan_zoo.registry import generators


@generators.register
def anime_dcgan(width: int = 32, latent: int = 100, slope: float = 0.3, *, image_shape):
    """A narrow DCGAN with 5x5 kernels, batch norm after the activations, and a sigmoid at the end.

    Noise [B, latent] -> dense, LeakyReLU, batch norm over its single values -> [B, H/16, W/16, 8
    width] -> transposed convolutions of stride 2 to 4, 2 and 1 times ``width`` channels, each with
    ReLU and then batch norm -> transposed convolution of stride 2 -> sigmoid s -> 2s - 1 [B, H, W,
    C]. Its discriminator undoes the last mapping, so that between them the images lie in [0, 1] as
    in the project they come from; see the preset ``anime64``.

    Args:
        width: Channels of the last hidden map.
        latent: Number of noise values.
        slope: Negative slope of LeakyReLU.
        image_shape: (H, W, C), any; sizes that 16 does not divide are cropped on the way up.
    """
    check_at_least(1, width=width, latent=latent)
    sizes = resolution_schedule(image_shape[0], image_shape[1], steps=4)
    z = keras.Input((latent,), name="noise")
    x = BatchNorm()(layers.LeakyReLU(slope)(Dense(math.prod(sizes[0]) * 8 * width)(z)))
    x = layers.Reshape((*sizes[0], 8 * width))(x)
    for size, factor in zip(sizes[1:-1], (4, 2, 1), strict=True):
        x = layers.ReLU()(Conv2DTranspose(factor * width, 5, 2, "same")(x))
        x = BatchNorm()(crop_to(x, size))
    x = crop_to(Conv2DTranspose(image_shape[-1], 5, 2, "same", dtype=floatx())(x), sizes[-1])
    x = layers.Rescaling(2.0, -1.0, dtype=floatx())(layers.Activation("sigmoid", dtype=floatx())(x))
    return keras.Model(z, x, name="anime_dcgan_generator")
