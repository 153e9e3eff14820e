"""The generators of two old projects on the faces of The Simpsons."""

from __future__ import annotations

import math

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import (
    BatchNorm,
    Conv2D,
    Conv2DTranspose,
    Dense,
    crop_to,
    dcgan_init,
    resolution_schedule,
)
from gan_zoo.registry import generators


@generators.register
def simpsons_dcgan(width: int = 64, latent: int = 100, *, image_shape):
    """A DCGAN with 5x5 kernels and biases, whose last convolution has stride 1.

    Noise [B, latent] -> dense -> [B, H/16, W/16, 16 width], LeakyReLU 0.2 -> transposed
    convolutions of stride 2 to 8, 4, 2 and 1 times ``width`` channels, each with batch norm
    (epsilon 5e-5) and LeakyReLU 0.2 -> transposed convolution of stride 1 -> tanh [B, H, W, C]. At
    the defaults and 128x128x3 it has the 24,036,739 parameters (24,034,819 trainable) of the
    project it comes from; see the preset ``simpsons_dcgan128``.

    Args:
        width: Channels of the last hidden map.
        latent: Number of noise values.
        image_shape: (H, W, C), any; sizes that 16 does not divide are cropped on the way up.
    """
    check_at_least(1, width=width, latent=latent)
    return _four_doublings(
        width, latent, image_shape, {}, [], Conv2DTranspose, "simpsons_dcgan_generator"
    )


@generators.register
def simpsons_stages(width: int = 64, latent: int = 100, *, image_shape):
    """Four stages of transposed convolution, batch norm and LeakyReLU 0.2, with 5x5 kernels.

    Noise [B, latent] -> dense -> [B, H/16, W/16, 16 width] -> stages of stride 2 to 8, 4, 2 and 1
    times ``width`` channels -> convolution of stride 1 -> tanh [B, H, W, C]. It follows the text
    that describes the project (see the preset ``simpsons_hacks``), which gives the stages and the
    kernels but no widths.

    Args:
        width: Channels of the last hidden map.
        latent: Number of noise values.
        image_shape: (H, W, C), any; sizes that 16 does not divide are cropped on the way up.
    """
    check_at_least(1, width=width, latent=latent)
    first = {"use_bias": False, "kernel_initializer": dcgan_init()}
    norm = [BatchNorm(epsilon=5e-5)]
    return _four_doublings(
        width, latent, image_shape, first, norm, Conv2D, "simpsons_stages_generator"
    )


def _four_doublings(width, latent, image_shape, first, norm, last, name):
    """Return the net that both share.

    ``first`` are settings of the dense layer and ``norm`` the layers before its activation;
    ``last`` is the class of the last convolution.
    """
    sizes = resolution_schedule(image_shape[0], image_shape[1], steps=4)
    z = keras.Input((latent,), name="noise")
    x = Dense(math.prod(sizes[0]) * 16 * width, **first)(z)
    x = layers.Reshape((*sizes[0], 16 * width))(x)
    for layer in (*norm, layers.LeakyReLU(0.2)):
        x = layer(x)
    for size, factor in zip(sizes[1:], (8, 4, 2, 1), strict=True):
        x = Conv2DTranspose(factor * width, 5, 2, "same", kernel_initializer=dcgan_init())(x)
        x = layers.LeakyReLU(0.2)(BatchNorm(epsilon=5e-5)(crop_to(x, size)))
    x = last(image_shape[-1], 5, 1, "same", kernel_initializer=dcgan_init(), dtype=floatx())(x)
    return keras.Model(z, layers.Activation("tanh", dtype=floatx())(x), name=name)
