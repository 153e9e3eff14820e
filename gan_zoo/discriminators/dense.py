"""The dense baseline."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.layers import Dense
from gan_zoo.registry import discriminators


@discriminators.register
def dense(widths: tuple = (512, 256), *, image_shape):
    """Dense layers only, the baseline (Goodfellow et al. 2014, arXiv:1406.2661).

    In the form of Keras-GAN: [B, H, W, C] -> flatten -> dense layers with LeakyReLU 0.2 -> logits
    [B, 1]. For 28x28x3 it has 1,336,321 parameters.

    Args:
        widths: Values of the hidden layers.
        image_shape: (H, W, C), any.
    """
    image = keras.Input(image_shape, name="image")
    x = layers.Flatten()(image)
    for values in widths:
        x = layers.LeakyReLU(0.2)(Dense(values)(x))
    return keras.Model(image, layers.Dense(1, dtype=floatx())(x), name="dense_discriminator")
