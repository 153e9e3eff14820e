"""The DCGAN discriminator for any image size."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import (
    Conv2D,
    Dropout,
    MinibatchStd,
    dcgan_init,
    norm_kind,
    normalize,
    resolution_schedule,
)
from gan_zoo.registry import discriminators


@discriminators.register
def dcgan(
    width: int = 64,
    kernel: int = 4,
    slope: float = 0.2,
    norm: str = "batch",
    dropout: float = 0.0,
    max_width: int = 512,
    minibatch_std: bool = False,
    bias: bool = True,
    *,
    image_shape,
):
    """Strided convolutions down to a logit (Radford et al. 2015, arXiv:1511.06434).

    [B, H, W, C] -> stride-2 convolutions with LeakyReLU and, but for the first, a norm -> dense ->
    logits [B, 1]. At 64x64 the maps are 32x32x64, 16x16x128, 8x8x256, 4x4x512. The paper's sigmoid
    is in the loss.

    Args:
        width: Channels of the first map; doubled at each stride.
        kernel: Side of the kernels.
        slope: Negative slope of LeakyReLU.
        norm: ``batch``, ``layer``, ``instance`` or ``none``, see :func:`gan_zoo.layers.normalize`;
            True and False mean the first and the last. Batch norm cannot go with a penalty on the
            gradient of single samples.
        dropout: Rate after each activation; the paper has none.
        max_width: The doubling ends here.
        minibatch_std: Whether the last layer also sees the standard deviation over images, see
            :class:`gan_zoo.layers.MinibatchStd`.
        bias: Whether layers without a norm, the first and the last, have a bias; in the Torch code
            of one of the authors and in PyTorch's example they have none.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width, kernel=kernel, max_width=max_width)
    norm = norm_kind(norm)
    steps = len(resolution_schedule(*image_shape[:2])) - 1
    if not steps:
        raise ValueError(
            f"images of {image_shape[0]}x{image_shape[1]} are too small for it; use dense or larger"
            " images."
        )
    image = x = keras.Input(image_shape, name="image")
    for i in range(steps):
        bare = i == 0 or norm == "none"  # without a norm
        filters = min(max_width, width * 2**i)
        settings = {"use_bias": bare and bias, "kernel_initializer": dcgan_init()}
        x = Conv2D(filters, kernel, 2, "same", **settings)(x)
        x = layers.LeakyReLU(slope)(x if bare else normalize(x, norm))
        x = Dropout(dropout)(x) if dropout else x
    x = MinibatchStd()(x) if minibatch_std else x
    settings = {"use_bias": bias, "kernel_initializer": dcgan_init()}
    logits = layers.Dense(1, dtype=floatx(), **settings)(layers.Flatten()(x))
    return keras.Model(image, logits, name="dcgan_discriminator")
