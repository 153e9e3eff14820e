"""The discriminator of TensorFlow's DCGAN tutorial."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import Conv2D, Dropout
from gan_zoo.registry import discriminators


@discriminators.register
def tutorial_dcgan(width: int = 64, dropout: float = 0.3, slope: float = 0.3, *, image_shape):
    """The discriminator of TensorFlow's DCGAN tutorial for MNIST.

    [B, H, W, C] -> 5x5 convolutions of stride 2 to ``width`` and 2 ``width`` channels, each with
    LeakyReLU and dropout -> flatten -> logits [B, 1]. At the defaults and 28x28x1 it has 212,865
    parameters.

    Args:
        width: Channels of the first convolution.
        dropout: Rate after each convolution.
        slope: Negative slope of LeakyReLU; 0.3 was Keras' default when the tutorial was written.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width)
    image = x = keras.Input(image_shape, name="image")
    for filters in (width, 2 * width):
        x = Dropout(dropout)(layers.LeakyReLU(slope)(Conv2D(filters, 5, 2, "same")(x)))
    logits = layers.Dense(1, dtype=floatx())(layers.Flatten()(x))
    return keras.Model(image, logits, name="tutorial_dcgan_discriminator")
