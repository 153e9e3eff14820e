"""The power spectrum of images, where transposed convolutions leave their marks.

Up-sampling that is badly filtered gives too much or too little power at high frequencies (Durall et
al. 2020, arXiv 2003.01826) and, with stride 2, peaks at the highest frequency of rows and columns:
the checkerboard (Odena et al. 2016, Distill).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_zoo.errors import UserError
from gan_zoo.evaluation.pixels import flattened


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
    """The difference of the spectra of fake and real images; both values are 0 where they match.

    Attributes:
        high: Mean excess of power over the upper half of the frequencies, in decibel.
        checkerboard: Excess of the checkerboard peak, in decibel.
    """

    high: float
    checkerboard: float


def spectrum(images: np.ndarray) -> Spectrum:
    """Compute the spectrum of uint8 images ``[N, H, W, C]`` under a Hann window.

    Channels are averaged first. Of RGBA images it is the mean of the spectra over black and over
    white.

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
        views = flattened(images[start : start + 256])
        for view in views:
            gray = view.mean(axis=3, dtype=np.float64)
            gray -= gray.mean(axis=(1, 2), keepdims=True)
            power += (np.abs(np.fft.fft2(gray * window)) ** 2).sum(axis=0) / len(views)
    power = power / len(images) + 1e-12 * height * width  # flat images have no logarithm
    side = min(height, width)
    radius = side * np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.rint(radius).astype(int)
    radial = np.array([power[ring == r].mean() for r in range(1, side // 2 + 1)])
    return Spectrum(radial, _checkerboard(power))


def _checkerboard(power: np.ndarray) -> float:
    """Return the largest power at a highest frequency over that of its surroundings."""
    # Under the window, a peak is three bins wide; its surroundings are three bins on each side.
    height, width = power.shape
    ratios = []
    for y, x in ((height // 2, 0), (0, width // 2), (height // 2, width // 2)):
        patch = np.roll(power, (4 - y, 4 - x), axis=(0, 1))[:9, :9]
        # Near an axis, the power of edges and ramps lies along it: compare along the axis only.
        if 0 in (x, y):
            patch = patch[:, 3:6] if x == 0 else patch[3:6].T
            peak, around = patch[3:6].mean(), np.concatenate([patch[:3], patch[6:]]).mean()
        else:
            peak = patch[3:6, 3:6].mean()
            around = (patch.sum() - patch[3:6, 3:6].sum()) / 72
        ratios.append(peak / around)
    return float(np.max(ratios))


def excess(real: Spectrum, fake: Spectrum) -> Excess:
    """Return how ``fake`` differs from ``real``; both of images of one size."""
    decibels = 10 * np.log10(fake.radial / real.radial)
    return Excess(
        float(decibels[len(decibels) // 2 :].mean()),
        float(10 * np.log10(fake.checkerboard / real.checkerboard)),
    )
