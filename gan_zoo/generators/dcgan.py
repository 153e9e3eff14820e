"""The DCGAN generator for any image size."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import (
    Conv2D,
    Conv2DTranspose,
    Dense,
    UpConv2D,
    Upsample2D,
    crop_to,
    dcgan_init,
    label_input,
    norm_kind,
    normalize,
    resolution_schedule,
)
from gan_zoo.registry import generators


@generators.register
def dcgan(
    width: int = 64,
    kernel: int = 4,
    slope: float = 0.2,
    latent: int = 100,
    max_width: int = 512,
    up: str = "transposed",
    norm: str = "batch",
    bias: bool = True,
    *,
    image_shape,
    classes: int = 0,
):
    """Transposed convolutions up from 1-D noise (Radford et al. 2015, arXiv:1511.06434).

    Noise [B, latent] -> dense -> a small map -> stride-2 transposed convolutions, each with batch
    norm and LeakyReLU -> tanh [B, H, W, C]. At 64x64 the maps are 4x4x512, 8x8x256, 16x16x128,
    32x32x64; at other sizes see :func:`gan_zoo.layers.resolution_schedule`.

    Differs from the paper: LeakyReLU where the paper has ReLU (``slope=0`` gives it); 64..512
    channels where figure 1 has 128..1024 (``width=128, max_width=1024``); 4x4 kernels, as in the
    Torch code of one of its authors, where figure 1 and the first code have 5x5; gains of batch
    norm start at 1, where these codes draw them from N(1, 0.02). All of the paper's settings are
    those of the preset ``dcgan_paper64``.

    Args:
        width: Channels of the last hidden map; doubled at each size below it.
        kernel: Side of the kernels.
        slope: Negative slope of LeakyReLU; 0 is ReLU.
        latent: Number of noise values.
        max_width: The doubling ends here.
        up: How maps grow: by ``transposed`` convolutions, or by ``nearest`` or ``bilinear``
            doubling and then a convolution of stride 1, which has no checkerboard (Odena et al.
            2016, distill.pub/2016/deconv-checkerboard; with it, use ``kernel=3``).
        norm: ``batch``, ``layer``, ``instance`` or ``none``, see :func:`gan_zoo.layers.normalize`.
        bias: Whether layers without a norm, such as the last one, have a bias; in the Torch code
            and in PyTorch's example they have none.
        image_shape: (H, W, C), any.
        classes: The number of classes, with a condition: then gain and shift after each norm are
            those of the image's class.
    """
    check_at_least(1, width=width, kernel=kernel, latent=latent, max_width=max_width)
    if up not in ("transposed", "nearest", "bilinear"):
        raise ValueError(f"up={up!r} must be transposed, nearest or bilinear.")
    norm = norm_kind(norm)
    height, breadth, channels = image_shape
    sizes = resolution_schedule(height, breadth)
    widths = [min(max_width, width * 2**i) for i in reversed(range(len(sizes) - 1))]
    if not widths:
        raise ValueError(
            f"images of {height}x{breadth} are too small for stride-2 convolutions; use dense or"
            " larger images."
        )

    z, label = keras.Input((latent,), name="noise"), label_input(classes)
    x = Dense(
        sizes[0][0] * sizes[0][1] * widths[0],
        use_bias=bias and norm == "none",
        kernel_initializer=dcgan_init(),
    )(z)
    x = layers.Reshape((*sizes[0], widths[0]))(x)
    x = layers.LeakyReLU(slope)(normalize(x, norm, label, classes))
    for size, filters in zip(sizes[1:-1], widths[1:], strict=True):
        x = _double(x, up, filters, kernel, use_bias=bias and norm == "none")
        x = layers.LeakyReLU(slope)(normalize(crop_to(x, size), norm, label, classes))
    x = _double(x, up, channels, kernel, use_bias=bias, dtype=floatx())
    x = layers.Activation("tanh", dtype=floatx())(crop_to(x, sizes[-1]))
    return keras.Model([z, label] if classes else z, x, name="dcgan_generator")


def _double(x, up, filters, kernel, **settings):
    settings |= {"padding": "same", "kernel_initializer": dcgan_init()}
    if up == "transposed":
        return Conv2DTranspose(filters, kernel, 2, **settings)(x)
    if up == "nearest":
        return UpConv2D(filters, kernel, **settings)(x)
    return Conv2D(filters, kernel, **settings)(Upsample2D(2, interpolation="bilinear")(x))
