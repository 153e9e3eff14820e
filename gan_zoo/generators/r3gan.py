"""The generator of R3GAN."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import (
    Basis,
    Conv2D,
    Upsample2D,
    crop_to,
    inverted_bottleneck,
    resolution_schedule,
    scaled,
)
from gan_zoo.layers.fir import SmoothUpsample2D
from gan_zoo.registry import generators


@generators.register
def r3gan(
    width: int = 64,
    blocks: int = 2,
    group: int = 16,
    expansion: int = 2,
    latent: int = 64,
    max_width: int = 256,
    smooth: bool = False,
    *,
    image_shape,
):
    """Residual blocks without a norm (R3GAN, Huang et al. 2024, arXiv:2501.05441, section 3).

    Noise [B, latent] -> dense, times a learned small map (:class:`gan_zoo.layers.Basis`) -> at
    every size ``blocks`` blocks (:func:`gan_zoo.layers.inverted_bottleneck`), then bilinear
    doubling and, where the width changes, a 1x1 convolution -> 1x1 convolution -> tanh [B, H, W,
    C].

    Differs from the paper: narrower (its nets for CIFAR-10 have 768 channels at every size); a
    tanh; and without ``smooth`` the doubling repeats the pixels at the edges. With it, images
    before the tanh are those of the authors' code (19a7ddf) with the same weights.

    The paper trains the pair under a relativistic loss with the penalties R1 and R2 and Adam
    without momentum, beta_1 = 0. Without a GPU, grouped convolutions are computed group by group,
    see :class:`gan_zoo.layers.Conv2D`.

    Args:
        width: Channels of the last map; doubled at each size below it.
        blocks: Blocks at each size.
        group: Channels in each group of the 3x3 convolutions; it must divide ``expansion`` times
            the width.
        expansion: How much wider blocks are inside.
        latent: Number of noise values.
        max_width: The doubling ends here.
        smooth: Whether there are zeros beyond the edges of a map that is doubled, as in the
            authors' code: ones become 0.75 at edges and 0.5625 in corners.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width, blocks=blocks, group=group, expansion=expansion)
    check_at_least(1, latent=latent, max_width=max_width)
    sizes = resolution_schedule(image_shape[0], image_shape[1])
    widths = [min(max_width, width * 2**i) for i in reversed(range(len(sizes)))]
    z = keras.Input((latent,), name="noise")
    x = Basis(sizes[0])(layers.Dense(widths[0], use_bias=False, kernel_initializer=scaled())(z))
    for i, (size, filters) in enumerate(zip(sizes, widths, strict=True)):
        # Before the doubling, it computes the same as after it, with a quarter of the arithmetic.
        if filters != x.shape[-1]:
            x = Conv2D(filters, 1, use_bias=False, kernel_initializer=scaled())(x)
        if i:
            double = SmoothUpsample2D() if smooth else Upsample2D(2, interpolation="bilinear")
            x = crop_to(double(x), size)
        for _ in range(blocks):
            x = inverted_bottleneck(x, expansion, group, blocks * len(sizes))
    x = Conv2D(image_shape[-1], 1, use_bias=False, kernel_initializer=scaled(), dtype=floatx())(x)
    return keras.Model(z, layers.Activation("tanh", dtype=floatx())(x), name="r3gan_generator")
