"""The discriminator of FastGAN, for small data sets."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import Conv2D, dcgan_init, norm_kind, normalize, resolution_schedule
from gan_zoo.registry import discriminators


@discriminators.register
def lightweight(width: int = 64, norm: str = "batch", max_width: int = 512, *, image_shape):
    """Halvings by two paths, and a mean of logits (FastGAN, Liu et al. 2021, arXiv:2101.04775).

    Section 3.2. [B, H, W, C] -> 4x4 convolution of stride 2, LeakyReLU 0.2 -> one block a halving
    -> 1x1 convolution, norm, LeakyReLU -> convolution to one logit a place -> mean -> logits [B,
    1]. A block is the mean of two paths: 4x4 convolution of stride 2 and 3x3 convolution; average
    pooling and 1x1 convolution; each convolution with norm and LeakyReLU.

    Differs from the paper: it has no decoders that reconstruct real images from D's maps, nor the
    reconstruction loss, which keeps D from overfitting to few images; augment what D sees instead.
    It sees images at their full size only, and the mean of the logits is taken before the loss. The
    authors' code also has spectral normalization, skip-layer excitation like that of G, and a hinge
    loss whose margins are drawn from 0.8 to 1 for each logit.

    Args:
        width: Channels of the first convolution; doubled at each block.
        norm: ``batch``, ``layer``, ``instance`` or ``none``, see :func:`gan_zoo.layers.normalize`.
        max_width: The doubling ends here.
        image_shape: (H, W, C), any.
    """
    norm = norm_kind(norm)
    check_at_least(1, width=width, max_width=max_width)
    steps = len(resolution_schedule(*image_shape[:2])) - 1
    if not steps:
        raise ValueError(
            f"images of {image_shape[0]}x{image_shape[1]} are too small for it; use dense or larger"
            " images."
        )

    settings = {"padding": "same", "kernel_initializer": dcgan_init()}

    def conv(x, filters, kernel, stride=1):
        x = Conv2D(filters, kernel, stride, use_bias=norm == "none", **settings)(x)
        return layers.LeakyReLU(0.2)(normalize(x, norm))

    image = keras.Input(image_shape, name="image")
    x = layers.LeakyReLU(0.2)(Conv2D(width, 4, 2, "same", kernel_initializer=dcgan_init())(image))
    for i in range(1, steps):
        filters = min(max_width, width * 2**i)
        pooled = layers.AveragePooling2D(2, padding="same")(x)
        x = layers.Average()([conv(conv(x, filters, 4, 2), filters, 3), conv(pooled, filters, 1)])
    x = conv(x, x.shape[-1], 1)
    x = Conv2D(1, 4, padding="same", kernel_initializer=dcgan_init(), dtype=floatx())(x)
    return keras.Model(
        image, layers.GlobalAveragePooling2D(dtype=floatx())(x), name="lightweight_discriminator"
    )
