"""The residual discriminator of StyleGAN2."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import MinibatchStd, resolution_schedule
from gan_zoo.layers.fir import SmoothDownsample2D
from gan_zoo.layers.style import EqualizedConv2D, EqualizedDense, SmoothDownConv2D, leaky
from gan_zoo.registry import discriminators


@discriminators.register
def stylegan2(width: int = 32, max_width: int = 512, group: int = 4, *, image_shape):
    """Residual blocks with equalized learning rates (StyleGAN2, Karras et al. 2019).

    arXiv:1912.04958, figure 7. [B, H, W, C] -> 1x1 convolution -> one block a halving -> standard
    deviation of the batch (:class:`gan_zoo.layers.MinibatchStd`) -> 3x3 convolution -> dense ->
    dense -> logits [B, 1]. A block is a 3x3 convolution and one that halves, each with LeakyReLU,
    plus the halved input by a 1x1 convolution, divided by the square root of 2; halving is through
    the filter [1, 3, 3, 1] (:mod:`gan_zoo.layers.fir`).

    Differs from the paper: narrower, and the last map is as small as
    :func:`gan_zoo.layers.resolution_schedule` gives, at most 6 pixels.

    Args:
        width: Channels of the first map; doubled at each halving.
        max_width: The doubling ends here.
        group: Images that the standard deviation is of; 0 for a D without it.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width, max_width=max_width)
    check_at_least(0, group=group)
    sizes = resolution_schedule(image_shape[0], image_shape[1])[::-1]
    image = keras.Input(image_shape, name="image")
    x = leaky(EqualizedConv2D(width, 1)(image))
    for i in range(1, len(sizes)):
        x = _halve(x, min(max_width, width * 2**i))
    filters = x.shape[-1]
    x = MinibatchStd(group)(x) if group else x
    x = leaky(EqualizedConv2D(filters)(x))
    x = leaky(EqualizedDense(filters)(layers.Flatten()(x)))
    logits = EqualizedDense(1, dtype=floatx())(x)
    return keras.Model(image, logits, name="stylegan2_discriminator")


def _halve(x, filters: int):
    """Return a block's output: [B, H, W, C] -> [B, H / 2, W / 2, filters], rounded up."""
    y = leaky(EqualizedConv2D(x.shape[-1])(x))
    y = leaky(SmoothDownConv2D(filters)(y))
    x = EqualizedConv2D(filters, 1, use_bias=False)(SmoothDownsample2D()(x))
    return layers.Rescaling(0.5**0.5)(layers.Add()([x, y]))
