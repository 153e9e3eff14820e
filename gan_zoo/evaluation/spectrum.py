"""The power spectrum of images, where transposed convolutions leave their marks.

Up-sampling that is badly filtered gives too much or too little power at high frequencies (Durall et
al. 2020, arXiv 2003.01826) and, with stride 2, peaks at the highest frequency of rows and columns:
the checkerboard (Odena et al. 2016, Distill).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_zoo.errors import UserError


class Spectrum(NamedTuple):
    """The mean power spectrum of a set of images.

    Attributes:
        radial: Power by distance from the origin in cycles an image side, float64 ``[side // 2]``,
            for 1, 2, ... cycles.
        checkerboard: Power at the highest frequency of rows, columns and both, over that of its
            surroundings.
    """

    radial: np.ndarray
    checkerboard: float


class Excess(NamedTuple):
    """How the spectrum of fake images differs from that of the real ones; all three are 0 where they are alike.

    Attributes:
        slope: Difference of the slopes of log power over log frequency (photographs have about -2);
            negative is too smooth.
        high: Mean excess of power over the upper half of the frequencies, in decibel.
        checkerboard: Excess of the checkerboard peak, in decibel.
    """

    slope: float
    high: float
    checkerboard: float


def spectrum(images: np.ndarray) -> Spectrum:
    """The spectrum of uint8 images ``[N, H, W, C]``, of their mean over channels, under a Hann window.

    Raises:
        UserError: Fewer than 16 pixels a side.
    """
    height, width = images.shape[1:3]
    if min(height, width) < 16:
        raise UserError(
            f"the spectrum needs images of 16 pixels or more, but these are {height}x{width}; leave"
            " it out."
        )
    window = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]
    power = np.zeros((height, width))
    for start in range(0, len(images), 256):
        gray = images[start : start + 256].mean(axis=3, dtype=np.float64)
        gray -= gray.mean(axis=(1, 2), keepdims=True)
        power += (np.abs(np.fft.fft2(gray * window)) ** 2).sum(axis=0)
    power = power / len(images) + 1e-12 * height * width  # flat images have no logarithm
    side = min(height, width)
    radius = side * np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.rint(radius).astype(int)
    radial = np.array([power[ring == r].mean() for r in range(1, side // 2 + 1)])
    return Spectrum(radial, _checkerboard(power))


def _checkerboard(power: np.ndarray) -> float:
    # Under the window a peak is three bins wide; its surroundings are the next three on either
    # side.
    height, width = power.shape
    ratios = []
    for y, x in ((height // 2, 0), (0, width // 2), (height // 2, width // 2)):
        patch = np.roll(power, (4 - y, 4 - x), axis=(0, 1))[:9, :9]
        if (
            0
            in (
                x,
                y,
            )
        ):  # near an axis the power of edges and ramps runs along it, so compare along the axis only
            patch = patch[:, 3:6] if x == 0 else patch[3:6].T
            peak, around = patch[3:6].mean(), np.concatenate([patch[:3], patch[6:]]).mean()
        else:
            peak = patch[3:6, 3:6].mean()
            around = (patch.sum() - patch[3:6, 3:6].sum()) / 72
        ratios.append(peak / around)
    return float(np.max(ratios))


def excess(real: Spectrum, fake: Spectrum) -> Excess:
    """How ``fake`` differs from ``real``; both of images of one size."""
    frequency = np.log10(np.arange(1, len(real.radial) + 1))
    upto = slice(1, None)  # the lowest frequency is the window's own
    slopes = [np.polyfit(frequency[upto], np.log10(s.radial[upto]), 1)[0] for s in (fake, real)]
    decibels = 10 * np.log10(fake.radial / real.radial)
    return Excess(
        float(slopes[0] - slopes[1]),
        float(decibels[len(decibels) // 2 :].mean()),
        float(10 * np.log10(fake.checkerboard / real.checkerboard)),
    )
