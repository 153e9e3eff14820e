"""A discriminator of patches."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import Conv2D, dcgan_init, norm_kind, normalize
from gan_zoo.registry import discriminators


@discriminators.register
def patch(
    width: int = 64,
    downs: int = 2,
    kernel: int = 4,
    norm: str = "batch",
    max_width: int = 512,
    *,
    image_shape,
):
    """The mean of logits of overlapping patches (PatchGAN, Isola et al. 2017, arXiv:1611.07004).

    Section 3.2.2, appendix 6.1.2. [B, H, W, C] -> ``downs`` convolutions of stride 2 and one of
    stride 1 with LeakyReLU 0.2 and, but for the first, a norm -> a convolution to one logit a
    position -> mean -> logits [B, 1]. With 4x4 kernels, a logit depends on a patch of 16, 34, 70 or
    142 pixels at 1 to 4 ``downs``. Only the texture of larger images counts, not their layout.

    Differs from the paper: patches of 34 pixels, where it takes 70 for images of 256; the loss is
    that of the mean logit, where the paper takes the mean of the patches' losses (the same under
    losses that are linear in the logits); and maps keep their size at stride 1, where the authors'
    code makes them a pixel smaller.

    Args:
        width: Channels of the first convolution; doubled at each.
        downs: Convolutions of stride 2.
        kernel: Side of the kernels.
        norm: ``batch``, ``layer``, ``instance`` or ``none``, see :func:`gan_zoo.layers.normalize`.
            The last keeps the logits of distant patches independent.
        max_width: The doubling ends here.
        image_shape: (H, W, C), any of at least 2^downs pixels a side.
    """
    norm = norm_kind(norm)
    check_at_least(1, width=width, downs=downs, kernel=kernel, max_width=max_width)
    if min(image_shape[:2]) < 2**downs:
        raise ValueError(
            f"downs={downs} is too large for images of {image_shape[0]}x{image_shape[1]}; give a"
            " smaller one."
        )
    image = x = keras.Input(image_shape, name="image")
    for i in range(downs + 1):
        bare = i == 0 or norm == "none"  # without a norm
        filters, stride = min(max_width, width * 2**i), 2 if i < downs else 1
        settings = {"use_bias": bare, "kernel_initializer": dcgan_init()}
        x = Conv2D(filters, kernel, stride, "same", **settings)(x)
        x = layers.LeakyReLU(0.2)(x if bare else normalize(x, norm))
    x = Conv2D(1, kernel, 1, "same", kernel_initializer=dcgan_init(), dtype=floatx())(x)
    return keras.Model(
        image, layers.GlobalAveragePooling2D(dtype=floatx())(x), name="patch_discriminator"
    )
