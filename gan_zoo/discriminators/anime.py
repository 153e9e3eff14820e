"""The discriminator of an old project on anime faces."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import BatchNorm, Conv2D, Dropout
from gan_zoo.registry import discriminators


@discriminators.register
def anime_dcgan(width: int = 32, dropout: float = 0.4, slope: float = 0.3, *, image_shape):
    """Four 5x5 convolutions of stride 2, each with LeakyReLU, batch norm and dropout.

    [B, H, W, C] in [-1, 1] -> rescaled to [0, 1] -> 1, 2, 4 and 8 times ``width`` channels ->
    flatten -> logits [B, 1]. The sigmoid of the project it comes from (the preset ``anime64``) is
    in the loss.

    Args:
        width: Channels of the first convolution.
        dropout: Rate after each batch norm.
        slope: Negative slope of LeakyReLU.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width)
    image = keras.Input(image_shape, name="image")
    x = layers.Rescaling(0.5, 0.5)(image)
    for factor in (1, 2, 4, 8):
        x = layers.LeakyReLU(slope)(Conv2D(factor * width, 5, 2, "same")(x))
        x = Dropout(dropout)(BatchNorm()(x))
    logits = layers.Dense(1, dtype=floatx())(layers.Flatten()(x))
    return keras.Model(image, logits, name="anime_dcgan_discriminator")
