"""A fully convolutional generator whose noise has the shape of the image."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import BatchNorm, Conv2D, Conv2DTranspose, crop_to, resolution_schedule
from gan_zoo.registry import generators


@generators.register
def unet_noise(width: int = 32, kernel: int = 4, max_width: int = 256, *, image_shape):
    """Image-shaped noise through a U-Net (Ronneberger et al. 2015, arXiv:1505.04597).

    Noise [B, H, W, C] -> 3x3 convolution -> stride-2 convolutions down the resolution schedule
    (:func:`gan_zoo.layers.resolution_schedule`) -> stride-2 transposed convolutions up it, each but
    the last joined with the map of its size on the way down -> 3x3 convolution -> tanh [B, H, W,
    C]. Every layer but the last has LeakyReLU 0.2 and then batch norm. It is the idea of
    ``conv_noise28`` for any size, without a dense layer: the smallest map depends on all of the
    noise and arranges the image, and the skips bring noise for the detail.

    The largest map has no skip, and the last layer starts near zero. With a skip there and a start
    four times as large, G at 32 pixels (width 16) still showed its noise after 100 steps, and
    FD-embedded after 300 steps was 52 in place of 33 (one run each, against ``dcgan(width=32)``).

    Args:
        width: Channels of the largest maps; doubled at each size below.
        kernel: Side of the kernels of stride 2.
        max_width: The doubling ends here.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width, kernel=kernel, max_width=max_width)
    sizes = resolution_schedule(image_shape[0], image_shape[1])[::-1]
    if len(sizes) < 2:
        raise ValueError(
            f"images of {image_shape[0]}x{image_shape[1]} are too small for it; use dense or larger"
            " images."
        )
    widths = [min(max_width, width * 2**i) for i in range(len(sizes))]
    settings = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}

    z = keras.Input(image_shape, name="noise")
    maps = [_finish(Conv2D(width, 3, **settings)(z))]
    for filters in widths[1:]:
        maps.append(_finish(Conv2D(filters, kernel, 2, **settings)(maps[-1])))
    x = maps.pop()
    for size, filters in zip(sizes[-2::-1], widths[-2::-1], strict=True):
        x = _finish(crop_to(Conv2DTranspose(filters, kernel, 2, **settings)(x), size))
        skip = maps.pop()
        x = layers.Concatenate()([x, skip]) if maps else x
    small = keras.initializers.RandomNormal(stddev=0.005)
    x = Conv2D(image_shape[-1], 3, padding="same", kernel_initializer=small, dtype=floatx())(x)
    return keras.Model(z, layers.Activation("tanh", dtype=floatx())(x), name="unet_noise")


def _finish(x):
    return BatchNorm()(layers.LeakyReLU(0.2)(x))
