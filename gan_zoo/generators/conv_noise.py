"""Generators whose noise has the shape of the image."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import BatchNorm, Conv2D
from gan_zoo.registry import generators


@generators.register
def conv_noise28(width: int = 64, hidden: int = 3000, *, image_shape):
    """Image-shaped noise through an image classifier's layers, to a 28x28 image.

    Noise [B, 28, 28, C] -> 3x3 convolutions (stride 1, 2, 2) -> dense ``hidden`` -> dense 28*28*C
    -> tanh [B, 28, 28, C]. It follows the text that describes the CelebA 28x28 project ("noise of
    the shape of the image", "looks like an image classifier", about 26 million parameters): at the
    defaults it has 26.0 million for color.

    The text names no normalization. Here each layer but the last has LeakyReLU 0.2 and then batch
    norm, as in the dense baseline. In the other order, the input of the last layer has a mean,
    along which Adam takes too large steps: samples differ in contrast more than in faces
    (FD-embedded 226 after 100 steps, against 101 in this order), and G collapsed after 500 to 800
    steps. The last layer starts near zero, that is, from gray images: then G finds smooth faces
    within 300 steps; from full-scale pixel noise its images were still noise after 400.

    Args:
        width: Channels of the first two convolutions; the third has twice as many.
        hidden: Values of the dense layer.
        image_shape: (28, 28, C); no other size.
    """
    if tuple(image_shape[:2]) != (28, 28):
        raise ValueError(
            f"it makes 28x28 images only, not {image_shape[0]}x{image_shape[1]}; use"
            " --image_size=28 or a generator for any size, such as dcgan."
        )
    check_at_least(1, width=width, hidden=hidden)
    z = x = keras.Input(image_shape, name="noise")
    for filters, stride in ((width, 1), (width, 2), (2 * width, 2)):
        x = Conv2D(filters, 3, stride, "same", use_bias=False, kernel_initializer="he_normal")(x)
        x = BatchNorm()(layers.LeakyReLU(0.2)(x))
    x = layers.Dense(hidden, use_bias=False, kernel_initializer="he_normal")(layers.Flatten()(x))
    x = BatchNorm()(layers.LeakyReLU(0.2)(x))
    small = keras.initializers.RandomNormal(stddev=0.002)
    x = layers.Dense(28 * 28 * image_shape[-1], kernel_initializer=small, dtype=floatx())(x)
    x = layers.Activation("tanh", dtype=floatx())(layers.Reshape(image_shape, dtype=floatx())(x))
    return keras.Model(z, x, name="conv_noise28")
