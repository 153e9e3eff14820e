"""Early convolutions, late dense layers."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import Conv2D, Dense, Dropout
from gan_zoo.registry import discriminators


@discriminators.register
def cnn_fc(width: int = 64, hidden: tuple = (4096, 1024), dropout: float = 0.0, *, image_shape):
    """Three 3x3 convolutions, then dense layers: an image classifier of the usual kind.

    [B, H, W, C] -> convolutions of ``width``, 2 and 4 times ``width`` channels (stride 1, 2, 2) ->
    dense ``hidden`` -> logits [B, 1]; LeakyReLU 0.2 throughout. It follows the text that describes
    the CelebA 28x28 project ("early convolutions and late dense layers", about 56 million
    parameters): at the defaults it has 56.0 million for 28x28x3. The text names no normalization;
    batch norm, tried here, makes D learn slowly and G hardly at all. It takes any size, but the
    first dense layer grows with the number of pixels.

    Args:
        width: Channels of the first convolution.
        hidden: Values of the dense layers.
        dropout: Rate after each dense layer. With dropout after the convolutions as well, D learned
            so slowly that G made no faces within 200 steps.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width)
    image = x = keras.Input(image_shape, name="image")
    for filters, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
        x = layers.LeakyReLU(0.2)(Conv2D(filters, 3, stride, "same")(x))
    x = layers.Flatten()(x)
    for values in hidden:
        x = layers.LeakyReLU(0.2)(Dense(values)(x))
        x = Dropout(dropout)(x) if dropout else x
    return keras.Model(image, layers.Dense(1, dtype=floatx())(x), name="cnn_fc")
