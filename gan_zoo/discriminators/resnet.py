"""The residual discriminators of SNGAN and SAGAN."""

from __future__ import annotations

import math

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import (
    Conv2D,
    DownConv2D,
    SelfAttention,
    attention_at,
    resolution_schedule,
)
from gan_zoo.registry import discriminators


@discriminators.register
def resnet(
    width: int = 64, max_width: int = 1024, smallest: int = 4, flat: int = 1, *, image_shape
):
    """Residual blocks down to a logit (Miyato et al. 2018, arXiv:1802.05957, appendix B.4).

    [B, H, W, C] -> one residual block a halving -> ``flat`` blocks at the last size -> ReLU, sum
    over positions -> dense -> logits [B, 1]. A block is ReLU, 3x3 convolution, ReLU, 3x3
    convolution, average pooling, plus the pooled input by a 1x1 convolution (Gulrajani et al. 2017,
    arXiv:1704.00028, appendix F); the first one has no ReLU at its start. At 128x128 the blocks are
    those of the paper's table 6b: 64 to 1024 channels and one more of 1024; at 48x48 those of table
    5; at 32x32 those of table 4 with ``width=128, max_width=128, smallest=8, flat=2``. Kernels
    start as in the authors' code. Their net for 64x64 (snresnet_64) is
    ``resnet(smallest=2, flat=0)``: its last block halves, too.

    Differs from the paper: its spectral normalization is not part of the net here, which has no
    normalization at all. Otherwise it computes the same, see :class:`gan_zoo.layers.DownConv2D`.
    The paper's loss, optimizers and updates are those of the preset ``sngan32``.

    Args:
        width: Channels of the first block; doubled at each block.
        max_width: The doubling ends here.
        smallest: The halving ends at the first map whose longer side is at most this.
        flat: Blocks at the last size.
        image_shape: (H, W, C), any.
    """
    return _residual(width, max_width, smallest, flat, 0, image_shape, "resnet_discriminator")


@discriminators.register
def sagan(
    width: int = 64,
    attention: int = 16,
    max_width: int = 1024,
    smallest: int = 4,
    flat: int = 1,
    *,
    image_shape,
):
    """Residual blocks and self-attention (Zhang et al. 2019, arXiv:1805.08318, section 3).

    As ``resnet``, with :class:`gan_zoo.layers.SelfAttention` after the block that ends in the
    chosen map.

    Differs from the paper: no class projection; its spectral normalization is not part of the net
    here; and the channels of a block grow in its second convolution, as in ``resnet``, where in the
    authors' code they grow in the first. The paper's loss and optimizers, and spectral
    normalization of both nets, are those of the preset ``sagan64``.

    Args:
        width: Channels of the first block; doubled at each block.
        attention: Side of the map with attention: the largest one with no longer side than this.
        max_width: The doubling ends here.
        smallest: The halving ends at the first map whose longer side is at most this.
        flat: Blocks at the last size.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, attention=attention)  # resnet is the same net without it
    return _residual(
        width, max_width, smallest, flat, attention, image_shape, "sagan_discriminator"
    )


def _residual(width, max_width, smallest, flat, attention, image_shape, name):
    check_at_least(1, width=width, max_width=max_width, smallest=smallest)
    check_at_least(0, flat=flat)
    sizes = resolution_schedule(image_shape[0], image_shape[1], smallest)[::-1]
    if len(sizes) < 2:
        raise ValueError(
            f"images of {image_shape[0]}x{image_shape[1]} are too small for it; use dense or larger"
            " images."
        )
    attentive = attention_at(sizes[:0:-1], attention) if attention else None
    widths = [min(max_width, width * 2**i) for i in range(len(sizes))]
    image = x = keras.Input(image_shape, name="image")
    for i, (size, filters) in enumerate(zip(sizes[1:], widths, strict=False)):
        x = residual_down(x, filters, first=i == 0)
        x = SelfAttention()(x) if size == attentive else x
    for _ in range(flat):
        x = residual_flat(x, widths[-1])
    # The sum in full precision: a mean, times the number of positions.
    x = layers.GlobalAveragePooling2D(dtype=floatx())(layers.ReLU()(x))
    x = layers.Rescaling(float(math.prod(sizes[-1])), dtype=floatx())(x)
    return keras.Model(image, layers.Dense(1, dtype=floatx())(x), name=name)


def residual_down(x, filters: int, *, first: bool = False):
    """Return one block's output: [B, H, W, C] -> [B, H / 2, W / 2, filters], rounded up.

    The ``first`` block does not begin with a ReLU.
    """
    inner = filters if first else x.shape[-1]
    y = Conv2D(inner, 3, padding="same", kernel_initializer=_he())(x if first else layers.ReLU()(x))
    y = DownConv2D(filters, 3, kernel_initializer=_he())(layers.ReLU()(y))
    return layers.Add()([Conv2D(filters, 1)(layers.AveragePooling2D(2, padding="same")(x)), y])


def residual_flat(x, filters: int):
    """Return the output of a block that keeps the size: [B, H, W, C] -> [B, H, W, filters].

    If C equals ``filters``, its shortcut is the input itself.
    """
    y = Conv2D(x.shape[-1], 3, padding="same", kernel_initializer=_he())(layers.ReLU()(x))
    y = Conv2D(filters, 3, padding="same", kernel_initializer=_he())(layers.ReLU()(y))
    return layers.Add()([x if x.shape[-1] == filters else Conv2D(filters, 1)(x), y])


def _he() -> keras.Initializer:
    return keras.initializers.VarianceScaling(2.0, "fan_avg", "uniform")
