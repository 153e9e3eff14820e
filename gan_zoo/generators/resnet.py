"""The residual generators of SNGAN and SAGAN."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import (
    Conv2D,
    Dense,
    SelfAttention,
    UpConv2D,
    Upsample2D,
    attention_at,
    crop_to,
    label_input,
    normalize,
    resolution_schedule,
)
from gan_zoo.registry import generators


@generators.register
def resnet(
    width: int = 64, latent: int = 128, max_width: int = 1024, *, image_shape, classes: int = 0
):
    """Residual blocks up from 1-D noise (Miyato et al. 2018, arXiv:1802.05957, appendix B.4).

    Noise [B, latent] -> dense -> a small map -> one residual block a doubling -> batch norm, ReLU,
    3x3 convolution -> tanh [B, H, W, C]. A block is batch norm, ReLU, doubling, 3x3 convolution,
    batch norm, ReLU, 3x3 convolution, plus the doubled input by a 1x1 convolution (Gulrajani et al.
    2017, arXiv:1704.00028, appendix F). At 128x128 the maps are those of the paper's table 6:
    4x4x1024, then 1024, 512, 256, 128 and 64 channels; at 48x48 those of table 5; at 32x32 those of
    table 4 with ``width=256, max_width=256``. At other sizes see
    :func:`gan_zoo.layers.resolution_schedule`. Kernels start as in the authors' code.

    It computes the same as the paper's net in another way, see :class:`gan_zoo.layers.UpConv2D`.

    Args:
        width: Channels of the last hidden map; doubled at each size below it.
        latent: Number of noise values.
        max_width: The doubling ends here.
        image_shape: (H, W, C), any.
        classes: The number of classes, with a condition: then batch norm is conditional, as in
            Miyato & Koyama 2018 (arXiv:1802.05637). There the noise does not depend on the class;
            here it does, see :func:`gan_zoo.conditions.condition_gen`.
    """
    return _residual(width, latent, max_width, 0, image_shape, classes, "resnet_generator")


@generators.register
def sagan(
    width: int = 64,
    attention: int = 16,
    latent: int = 128,
    max_width: int = 1024,
    *,
    image_shape,
    classes: int = 0,
):
    """Residual blocks and self-attention (Zhang et al. 2019, arXiv:1805.08318, section 3).

    As ``resnet``, with :class:`gan_zoo.layers.SelfAttention` after the block that ends in the
    chosen map. The paper has it at 32 or 64 for 128x128 images; 16 is for ours, as its memory grows
    with the fourth power of the map's side.

    Differs from the paper: without a condition, plain batch norm; its spectral normalization, of
    both nets, is not part of the net here; and kernels start as those of ``resnet``, where the
    authors' code has no factor 2 for the 3x3 ones.

    Args:
        width: Channels of the last hidden map; doubled at each size below it.
        attention: Side of the map with attention: the largest one with no longer side than this.
        latent: Number of noise values.
        max_width: The doubling ends here.
        image_shape: (H, W, C), any.
        classes: The number of classes, with a condition: then batch norm is conditional, as in the
            paper.
    """
    check_at_least(1, attention=attention)  # resnet is the same net without it
    return _residual(width, latent, max_width, attention, image_shape, classes, "sagan_generator")


def _residual(width, latent, max_width, attention, image_shape, classes, name):
    check_at_least(1, width=width, latent=latent, max_width=max_width)
    height, breadth, channels = image_shape
    sizes = resolution_schedule(height, breadth)
    if len(sizes) < 2:
        raise ValueError(
            f"images of {height}x{breadth} are too small for stride-2 convolutions; use dense or"
            " larger images."
        )
    widths = [min(max_width, width * 2**i) for i in reversed(range(len(sizes)))]
    attentive = attention_at(sizes[1:], attention) if attention else None

    z, label = keras.Input((latent,), name="noise"), label_input(classes)
    x = Dense(math.prod(sizes[0]) * widths[0])(z)
    x = layers.Reshape((*sizes[0], widths[0]))(x)
    for size, filters in zip(sizes[1:], widths[1:], strict=True):
        x = residual_up(x, filters, size, lambda y: normalize(y, "batch", label, classes))
        x = SelfAttention()(x) if size == attentive else x
    x = layers.ReLU()(normalize(x, "batch", label, classes))
    x = Conv2D(channels, 3, padding="same", dtype=floatx())(x)
    x = layers.Activation("tanh", dtype=floatx())(x)
    return keras.Model([z, label] if classes else z, x, name=name)


def residual_up(x, filters: int, size: tuple[int, int], norm: Callable):
    """Return one block's output: [B, h, w, C] -> [B, *size, filters].

    ``size`` is at most (2h, 2w); ``norm`` normalizes a map.
    """
    he = keras.initializers.VarianceScaling(2.0, "fan_avg", "uniform")
    y = layers.ReLU()(norm(x))
    y = crop_to(UpConv2D(filters, 3, kernel_initializer=he)(y), size)
    y = layers.ReLU()(norm(y))
    y = Conv2D(filters, 3, padding="same", kernel_initializer=he)(y)
    # The same as the convolution after the doubling, with a quarter of the arithmetic.
    x = Upsample2D(2)(Conv2D(filters, 1)(x))
    return layers.Add()([crop_to(x, size), y])
