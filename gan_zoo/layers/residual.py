"""The block that both nets of R3GAN are made of."""

from __future__ import annotations

import keras
from keras import layers

from gan_zoo.layers.conv import Conv2D

SLOPE = 0.2
GAIN = (2 / (1 + SLOPE**2)) ** 0.5  # keeps the variance under a LeakyReLU


def inverted_bottleneck(x, expansion: int, group: int, blocks: int):
    """Return x plus a branch that is 0 at first: [B, H, W, C] -> the same shape.

    Huang et al. 2024, arXiv:2501.05441, section 3. The branch: 1x1 convolution to ``expansion`` C
    channels, LeakyReLU 0.2, 3x3 convolution in groups, LeakyReLU, 1x1 convolution back. In place of
    a norm it has Fixup initialization (Zhang et al. 2019, arXiv:1901.09321): the last kernel starts
    at 0 and the two others at ``blocks^-1/4`` of their usual size, so that activations do not grow
    with depth.

    Args:
        x: The map.
        expansion: The channels of the branch, in multiples of C.
        group: Channels in each group of the 3x3 convolution.
        blocks: The number of blocks of the whole net.

    Raises:
        ValueError: The group does not divide the channels of the branch.
    """
    channels = x.shape[-1]
    inner = expansion * channels
    if inner % group:
        raise ValueError(
            f"group={group} does not divide the {inner} channels of a block; give a width that it"
            " divides."
        )
    init = scaled(GAIN * blocks**-0.25)
    y = layers.LeakyReLU(SLOPE)(Conv2D(inner, 1, kernel_initializer=init)(x))
    y = Conv2D(inner, 3, padding="same", groups=inner // group, kernel_initializer=init)(y)
    y = Conv2D(channels, 1, use_bias=False, kernel_initializer="zeros")(layers.LeakyReLU(SLOPE)(y))
    return layers.Add()([x, y])


def scaled(gain: float = 1.0) -> keras.Initializer:
    """Return the initializer normal(0, gain^2 / fan_in)."""
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")
