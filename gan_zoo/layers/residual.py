"""The block that both nets of R3GAN are made of."""

from __future__ import annotations

import keras
from keras import layers

from gan_zoo.layers.conv import Conv2D

SLOPE = 0.2
GAIN = (2 / (1 + SLOPE**2)) ** 0.5  # what keeps the variance under a LeakyReLU


def inverted_bottleneck(x, expansion: int, group: int, blocks: int):
    """X plus a branch that is 0 at first (Huang et al. 2024, arXiv:2501.05441, section 3): [B, H, W, C] -> the same shape.

    The branch: 1x1 convolution to ``expansion`` C channels, LeakyReLU 0.2, 3x3 convolution in
    groups, LeakyReLU, 1x1 convolution back. Fix-up (Zhang et al. 2019, arXiv:1901.09321) instead of
    a norm: the last kernel starts at 0 and the two others are ``blocks^-1/4`` of their usual size,
    so that no depth blows up.

    Args:
        x: The map.
        expansion: How much wider the branch is.
        group: Channels in each group of the 3x3 convolution.
        blocks: Blocks of the whole net.

    Raises:
        ValueError: The channels cannot be shared out over groups.
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
    """normal(0, gain^2 / fan_in)."""
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")
