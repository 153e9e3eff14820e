"""The discriminator of R3GAN."""

from __future__ import annotations

import math

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import Conv2D, inverted_bottleneck, resolution_schedule, scaled
from gan_zoo.layers.fir import SmoothDownsample2D
from gan_zoo.registry import discriminators


@discriminators.register
def r3gan(
    width: int = 64,
    blocks: int = 2,
    group: int = 16,
    expansion: int = 2,
    max_width: int = 256,
    smooth: bool = False,
    *,
    image_shape,
):
    """Residual blocks without a norm (R3GAN, Huang et al. 2024, arXiv:2501.05441, section 3).

    [B, H, W, C] -> 1x1 convolution -> at every size ``blocks`` blocks
    (:func:`gan_zoo.layers.inverted_bottleneck`), then bilinear halving and, where the width
    changes, a 1x1 convolution -> at the last size a depthwise convolution to one value a channel ->
    dense -> logits [B, 1].

    Differs from the paper: narrower, as its generator; without ``smooth`` halving is the mean of
    2x2 pixels; and the last layer has a bias, which has no effect under the paper's loss. With
    ``smooth``, logits are those of the authors' code (19a7ddf) with the same weights.

    Args:
        width: Channels of the first map; doubled at each halving.
        blocks: Blocks at each size.
        group: Channels in each group of the 3x3 convolutions; it must divide ``expansion`` times
            the width.
        expansion: How much wider blocks are inside.
        max_width: The doubling ends here.
        smooth: Whether halving weights 4x4 pixels by (1, 3, 3, 1) in each direction, with zeros
            beyond the edges, as in the authors' code.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width, blocks=blocks, group=group, expansion=expansion)
    check_at_least(1, max_width=max_width)
    sizes = resolution_schedule(image_shape[0], image_shape[1])[::-1]
    image = keras.Input(image_shape, name="image")
    x = Conv2D(width, 1, use_bias=False, kernel_initializer=scaled())(image)
    for i in range(len(sizes)):
        if i:  # the mean is the same as bilinear halving
            halve = SmoothDownsample2D() if smooth else layers.AveragePooling2D(2, padding="same")
            x = halve(x)
        if (filters := min(max_width, width * 2**i)) != x.shape[-1]:
            x = Conv2D(filters, 1, use_bias=False, kernel_initializer=scaled())(x)
        for _ in range(blocks):
            x = inverted_bottleneck(x, expansion, group, blocks * len(sizes))
    # A channel's fan-in is the size of its map; Keras would count the maps of all channels.
    init = keras.initializers.RandomNormal(stddev=math.prod(sizes[-1]) ** -0.5)
    x = layers.DepthwiseConv2D(sizes[-1], use_bias=False, depthwise_initializer=init)(x)
    logits = layers.Dense(1, kernel_initializer=scaled(), dtype=floatx())(layers.Flatten()(x))
    return keras.Model(image, logits, name="r3gan_discriminator")
