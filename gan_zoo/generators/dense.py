"""The dense baseline."""

from __future__ import annotations

import math

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import BatchNorm, Dense
from gan_zoo.registry import generators


@generators.register
def dense(widths: tuple = (256, 512, 1024), latent: int = 100, *, image_shape):
    """Dense layers only, the baseline (Goodfellow et al. 2014, arXiv:1406.2661).

    In the form of Keras-GAN: noise [B, latent] -> dense layers, each with LeakyReLU 0.2 and then
    batch norm (momentum 0.8) -> tanh [B, H, W, C]. For 28x28x3 it has 3,100,720 parameters.

    Args:
        widths: Values of the hidden layers.
        latent: Number of noise values.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, latent=latent)
    z = x = keras.Input((latent,), name="noise")
    for values in widths:
        x = BatchNorm(momentum=0.8)(layers.LeakyReLU(0.2)(Dense(values)(x)))
    x = layers.Dense(math.prod(image_shape), dtype=floatx())(x)
    x = layers.Activation("tanh", dtype=floatx())(layers.Reshape(image_shape, dtype=floatx())(x))
    return keras.Model(z, x, name="dense_generator")
