"""The style-based generator of StyleGAN2."""

from __future__ import annotations

import keras
from keras import layers
from keras.config import floatx

from gan_zoo.errors import check_at_least
from gan_zoo.layers import crop_to, resolution_schedule
from gan_zoo.layers.fir import SmoothUpsample2D
from gan_zoo.layers.style import (
    MAPPING,
    SYNTHESIS,
    AnotherNoise,
    Bias,
    EqualizedDense,
    LearnedStart,
    ModulatedConv2D,
    NoiseInput,
    SecondMoment,
    Styles,
    leaky,
)
from gan_zoo.registry import generators


@generators.register
def stylegan2(
    width: int = 32,
    latent: int = 512,
    mapping: int = 2,
    max_width: int = 512,
    mixing: float = 0.9,
    noise: bool = True,
    *,
    image_shape,
):
    """A mapping network and modulated convolutions (StyleGAN2, Karras et al. 2019).

    arXiv:1912.04958. Noise [B, latent] -> scaled to a mean square of 1 -> ``mapping`` dense layers
    with LeakyReLU, the network ``mapping``: the style w [B, latent] -> one for each layer
    (:class:`gan_zoo.layers.style.Styles`) -> the network ``synthesis``: a learned small map, one
    modulated convolution, then two at each doubling, each with noise, bias and LeakyReLU; at every
    size a 1x1 modulated convolution makes colors, which are added to the doubled colors of the size
    below (the skips of figure 7) -> tanh [B, H, W, C]. All weights have equalized learning rates,
    0.01 times as high in ``mapping``.

    Differs from the paper: a tanh; narrower; 2 layers in ``mapping`` for the paper's 8, as the
    authors' later code proposes for small images; the first map is as small as
    :func:`gan_zoo.layers.resolution_schedule` gives, at most 6 pixels; noise maps are fixed in
    inference; and with a condition, the class vector is added to the noise. The paper trains the
    pair with Adam(0.002, 0, 0.99), the trick ``r1`` every 16 steps and ``path_length`` every 4.

    Args:
        width: Channels of the last map; doubled at each size below it.
        latent: Number of noise values, and of values of a style.
        mapping: Dense layers of the mapping network.
        max_width: The doubling ends here.
        mixing: The share of images that mix two styles in training; 0 for none.
        noise: Whether noise is added after each convolution.
        image_shape: (H, W, C), any.
    """
    check_at_least(1, width=width, latent=latent, mapping=mapping, max_width=max_width)
    sizes = resolution_schedule(image_shape[0], image_shape[1])
    widths = [min(max_width, width * 2**i) for i in reversed(range(len(sizes)))]
    z = keras.Input((latent,), name="noise")
    mapping_net = _mapping(latent, mapping)
    w = mapping_net(z)
    others = [mapping_net(AnotherNoise()(z))] if mixing else []
    w = Styles(2 * len(sizes), mixing, name="styles")(w, *others)
    images = _synthesis(sizes, widths, latent, image_shape[-1], noise)(w)
    return keras.Model(z, images, name="stylegan2_generator")


def _mapping(latent: int, depth: int) -> keras.Model:
    """Return the network from noise [B, latent] to styles of the same shape, in full precision."""
    z = keras.Input((latent,), name="noise")
    w = SecondMoment(dtype=floatx())(z)
    for _ in range(depth):
        w = leaky(EqualizedDense(latent, 0.01, dtype=floatx())(w), dtype=floatx())
    return keras.Model(z, w, name=MAPPING)


def _synthesis(
    sizes: list[tuple[int, int]], widths: list[int], latent: int, channels: int, noise: bool
) -> keras.Model:
    """Return the network from styles [B, 2 * len(sizes), latent] to images [B, H, W, channels]."""
    w = keras.Input((2 * len(sizes), latent), name="styles")
    x, colors, used = LearnedStart(sizes[0], widths[0])(w), None, 0

    def styled(x, filters: int, size: tuple[int, int], double: bool = False):
        nonlocal used
        x = crop_to(ModulatedConv2D(filters, index=used, double=double)(x, w), size)
        used += 1
        x = NoiseInput()(x) if noise else x
        return leaky(Bias()(x))

    for i, (size, filters) in enumerate(zip(sizes, widths, strict=True)):
        if i:
            x = styled(x, filters, size, double=True)
        x = styled(x, filters, size)
        # It shares its style with the first convolution of the next size.
        new = Bias()(ModulatedConv2D(channels, 1, index=used, demodulate=False)(x, w))
        if colors is not None:
            new = layers.Add()([new, crop_to(SmoothUpsample2D()(colors), size)])
        colors = new
    return keras.Model(w, layers.Activation("tanh", dtype=floatx())(colors), name=SYNTHESIS)
