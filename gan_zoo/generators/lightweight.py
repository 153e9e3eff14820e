"""The generator of FastGAN, for small data sets."""

from __future__ import annotations

import math

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import (
    Conv2D,
    UpConv2D,
    crop_to,
    dcgan_init,
    glu,
    label_input,
    normalize,
    resolution_schedule,
)
from gan_zoo.registry import generators


@generators.register
def lightweight(
    width: int = 64,
    reach: int = 3,
    latent: int = 256,
    max_width: int = 512,
    *,
    image_shape,
    classes: int = 0,
):
    """Skip-layer excitation (FastGAN, Liu et al. 2021, arXiv:2101.04775, section 3.1).

    Noise [B, latent] -> dense, batch norm, GLU -> a small map -> doublings, each a nearest-neighbor
    resize, 3x3 convolution, batch norm and GLU -> 3x3 convolution -> tanh [B, H, W, C]. Each map
    that lies ``reach`` sizes above another is multiplied, channel by channel, by a gate computed
    from the lower one, see :func:`excite`.

    Differs from the paper: its skips span 4 sizes (8 to 128 pixels), and images of 32 pixels have
    only 3; its first layer is a transposed convolution from 1x1, which is the same as the dense
    layer here. The authors' code also has noise in the hidden maps (here an image is a function of
    its noise), two convolutions at every other size, spectral normalization, and a second image of
    128 pixels.

    Args:
        width: Channels of the last hidden map; doubled at each size below it.
        reach: How many sizes a skip spans; 4 is the paper's.
        latent: Number of noise values.
        max_width: The doubling ends here.
        image_shape: (H, W, C), any whose resolution_schedule
            (:func:`gan_zoo.layers.resolution_schedule`) has more than ``reach`` sizes.
        classes: The number of classes, with a condition: then batch norm is conditional.
    """
    check_at_least(1, width=width, reach=reach, latent=latent, max_width=max_width)
    height, breadth, channels = image_shape
    sizes = resolution_schedule(height, breadth)
    if len(sizes) <= reach:
        raise ValueError(
            f"reach={reach} is too large for images of {height}x{breadth}, which take"
            f" {len(sizes) - 1} doublings; give a smaller one."
        )
    widths = [min(max_width, width * 2**i) for i in reversed(range(len(sizes)))]
    init = {"use_bias": False, "kernel_initializer": dcgan_init()}

    z, label = keras.Input((latent,), name="noise"), label_input(classes)
    x = layers.Dense(math.prod(sizes[0]) * 2 * widths[0], **init)(z)
    maps = [glu(normalize(layers.Reshape((*sizes[0], 2 * widths[0]))(x), "batch", label, classes))]
    for i, (size, filters) in enumerate(zip(sizes[1:], widths[1:], strict=True), 1):
        x = crop_to(UpConv2D(2 * filters, 3, **init)(maps[-1]), size)
        x = glu(normalize(x, "batch", label, classes))
        maps.append(excite(maps[i - reach], x, 2 ** (i - reach)) if i >= reach else x)
    x = Conv2D(channels, 3, padding="same", kernel_initializer=dcgan_init(), dtype=floatx())(
        maps[-1]
    )
    x = layers.Activation("tanh", dtype=floatx())(x)
    return keras.Model([z, label] if classes else z, x, name="lightweight_generator")


def excite(low, high, factor: int):
    """Return ``high`` times a gate in (0, 1) for each channel, computed from ``low`` (equation 1).

    low [B, h, w, c] is pooled by ``factor``, convolved by a kernel of its remaining size to [B, 1,
    1, C], LeakyReLU 0.1 (in the authors' code swish), then by a 1x1 kernel, sigmoid; high and the
    result are [B, H, W, C].
    """
    channels, init = high.shape[-1], {"use_bias": False, "kernel_initializer": dcgan_init()}
    gate = layers.AveragePooling2D(factor, padding="same")(low) if factor > 1 else low
    gate = layers.LeakyReLU(0.1)(Conv2D(channels, gate.shape[1:3], **init)(gate))
    gate = layers.Activation("sigmoid")(Conv2D(channels, 1, **init)(gate))
    return layers.Multiply()([high, gate])
