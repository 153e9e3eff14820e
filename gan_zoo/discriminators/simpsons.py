"""The discriminators of two old projects on the faces of The Simpsons."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import BatchNorm, Conv2D, dcgan_init
from gan_zoo.registry import discriminators


@discriminators.register
def simpsons_dcgan(width: int = 64, *, image_shape):
    """A DCGAN discriminator with 5x5 kernels, biases, and batch norm after every convolution.

    The epsilon of batch norm is 5e-5. [B, H, W, C] -> convolutions to 1, 2, 4, 8 and 16 times
    ``width`` channels (stride 2, 2, 2, 1, 2), each with batch norm and LeakyReLU 0.2 -> flatten ->
    logits [B, 1]. At the defaults and 128x128x3 it has the 17,488,257 parameters (17,484,289
    trainable) of the project it comes from; see the preset ``simpsons_dcgan128``.

    Args:
        width: Channels of the first convolution.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width)
    image = x = keras.Input(image_shape, name="image")
    for factor, stride in ((1, 2), (2, 2), (4, 2), (8, 1), (16, 2)):
        x = _trio(x, factor * width, stride)
    logits = layers.Dense(1, dtype=floatx())(layers.Flatten()(x))
    return keras.Model(image, logits, name="simpsons_dcgan_discriminator")


@discriminators.register
def simpsons_stages(width: int = 64, convs: tuple = (1, 1, 2, 2, 2), *, image_shape):
    """Five stages of 5x5 convolutions, batch norm and LeakyReLU 0.2, and one dense layer.

    [B, H, W, C] -> stages of 1, 2, 4, 8 and 16 times ``width`` channels -> flatten -> logits [B,
    1]. The first convolution of a stage has stride 2, in place of pooling. It follows the text that
    describes the project (see the preset ``simpsons_hacks``), which says that stages differ in
    their number of convolutions, but not the numbers.

    Args:
        width: Channels of the first stage.
        convs: Convolutions in each stage; as many stages as numbers, one or more.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width, stages=len(convs))
    image = x = keras.Input(image_shape, name="image")
    for i, number in enumerate(convs):
        check_at_least(1, convs=number)
        for k in range(number):
            x = _trio(x, width * 2**i, 1 if k else 2)
    logits = layers.Dense(1, dtype=floatx())(layers.Flatten()(x))
    return keras.Model(image, logits, name="simpsons_stages_discriminator")


def _trio(x, filters, stride):
    x = Conv2D(filters, 5, stride, "same", kernel_initializer=dcgan_init())(x)
    return layers.LeakyReLU(0.2)(BatchNorm(epsilon=5e-5)(x))
