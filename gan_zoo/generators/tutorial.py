"""The generator of TensorFlow's DCGAN tutorial."""

from __future__ import annotations

import math

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import BatchNorm, Conv2DTranspose, crop_to, resolution_schedule
from gan_zoo.registry import generators


@generators.register
def tutorial_dcgan(width: int = 64, latent: int = 100, slope: float = 0.3, *, image_shape):
    """The DCGAN of TensorFlow's tutorial for MNIST, without biases.

    It starts at a quarter of the image's size and doubles twice. Noise [B, latent] -> dense, batch
    norm over its single values, LeakyReLU -> [B, H/4, W/4, 4 width] -> 5x5 transposed convolutions
    to 2 ``width`` channels (stride 1) and ``width`` (stride 2), each with batch norm and LeakyReLU
    -> to C (stride 2) -> tanh [B, H, W, C]. At the defaults and 28x28x1 it has 2,330,944
    parameters.

    Args:
        width: Channels of the last hidden map.
        latent: Number of noise values.
        slope: Negative slope of LeakyReLU; 0.3 was Keras' default when the tutorial was written.
        image_shape: (H, W, C), any; sizes that 4 does not divide are cropped on the way up.
    """
    check_at_least(1, width=width, latent=latent)
    sizes = resolution_schedule(image_shape[0], image_shape[1], steps=2)
    z = keras.Input((latent,), name="noise")
    x = layers.Dense(math.prod(sizes[0]) * 4 * width, use_bias=False)(z)
    x = layers.Reshape((*sizes[0], 4 * width))(layers.LeakyReLU(slope)(BatchNorm()(x)))
    for filters, stride, size in ((2 * width, 1, sizes[0]), (width, 2, sizes[1])):
        x = crop_to(Conv2DTranspose(filters, 5, stride, "same", use_bias=False)(x), size)
        x = layers.LeakyReLU(slope)(BatchNorm()(x))
    x = Conv2DTranspose(image_shape[-1], 5, 2, "same", use_bias=False, dtype=floatx())(x)
    x = layers.Activation("tanh", dtype=floatx())(crop_to(x, sizes[2]))
    return keras.Model(z, x, name="tutorial_dcgan_generator")
