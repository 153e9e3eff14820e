"""The DCGAN generator for any image size."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.layers import BatchNorm, Conv2DTranspose, crop_to, dcgan_init, ladder
from gan_zoo.registry import generators


@generators.register
def dcgan(width: int = 64, kernel: int = 4, slope: float = 0.2, latent: int = 100, max_width: int = 512, *, image_shape):
    """Transposed convolutions up from 1-D noise (Radford et al. 2015, arXiv:1511.06434).

    Noise [B, latent] -> dense -> a small map -> stride-2 transposed convolutions, each with batch norm and LeakyReLU -> tanh
    [B, H, W, C]. At 64x64 the maps are 4x4x512, 8x8x256, 16x16x128, 32x32x64; at other sizes see
    :func:`gan_zoo.layers.ladder`.

    Differs from the paper: LeakyReLU where the paper has ReLU (``slope=0`` gives it); 64..512 channels where figure 1 has
    128..1024 (``width=128, max_width=1024``); 4x4 kernels, as in its authors' code.

    Args:
        width: Channels of the last hidden map; doubled at each size below it.
        kernel: Side of the kernels.
        slope: Of LeakyReLU; 0 is ReLU.
        latent: Number of noise values.
        max_width: The doubling ends here.
        image_shape: (H, W, C), any.
    """
    if min(width, kernel, latent, max_width) < 1:
        raise ValueError(f"width={width}, kernel={kernel}, latent={latent} and max_width={max_width} must be 1 or more.")
    height, breadth, channels = image_shape
    sizes = ladder(height, breadth)
    widths = [min(max_width, width * 2**i) for i in reversed(range(len(sizes) - 1))]
    if not widths:
        raise ValueError(f"images of {height}x{breadth} are too small for a convolutional ladder; use dense or larger images.")

    z = keras.Input((latent,), name="noise")
    x = layers.Dense(sizes[0][0] * sizes[0][1] * widths[0], use_bias=False, kernel_initializer=dcgan_init())(z)
    x = layers.Reshape((*sizes[0], widths[0]))(x)
    x = layers.LeakyReLU(slope)(BatchNorm()(x))
    for size, filters in zip(sizes[1:-1], widths[1:], strict=True):
        x = Conv2DTranspose(filters, kernel, 2, "same", use_bias=False, kernel_initializer=dcgan_init())(x)
        x = layers.LeakyReLU(slope)(BatchNorm()(crop_to(x, size)))
    x = Conv2DTranspose(channels, kernel, 2, "same", kernel_initializer=dcgan_init(), dtype=floatx())(x)
    x = layers.Activation("tanh", dtype=floatx())(crop_to(x, sizes[-1]))
    return keras.Model(z, x, name="dcgan_generator")
