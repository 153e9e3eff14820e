"""Does an augmentation of the images show in the samples?

Augmentations of all images that D sees should not appear in samples, but may (Karras et al. 2020,
arXiv 2006.06676, section 2.2, call it leaking). Here the samples are taken for a mixture of real
images and of augmented ones, and the share of the latter is estimated: with any fixed score s of an
image, the mean over a mixture is the mixture of the means, so that

    share = (mean s(samples) - mean s(real)) / (mean s(augmented) - mean s(real)),

whatever s is; s only changes the width of the interval. It is Fisher's linear discriminant (1936)
of features, fitted on one half of the real images, with and without the augmentation; the means are
taken over the other half. A share of 1 means that the augmentation is as frequent in the samples as
in the images that D sees: if it changes every other image, a share of 1 is every other sample.

Samples are no such mixture if they differ from real images in other ways, and these differences may
look like a little more or less of the augmentation. So their size is given, too, as a multiple of
that of the augmentation. No TensorFlow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_zoo.evaluation.distances import checked


class Leak(NamedTuple):
    """How much of an augmentation is in samples.

    Attributes:
        share: Of samples that look augmented; 0 none, 1 as many as of the augmented images. It may
            be outside of [0, 1].
        interval: Its 95 % interval, by a bootstrap of all images.
        other_difference: The distance of the samples' mean from the line between real and
            augmented, divided by the length of that line; with features scaled to a covariance
            of 1.
        verdict: ``unknown`` if the interval is wider than one half (the features do not show the
            augmentation), else ``doubtful`` if the other difference is above 1, else ``leaks`` if
            the whole interval is above 5 %, else ``none seen``.
    """

    share: float
    interval: tuple[float, float]
    other_difference: float
    verdict: str

    def __str__(self) -> str:
        """Return the share and its interval."""
        low, high = (100 * x for x in self.interval)
        return f"{100 * self.share:.0f} % (95 % interval {low:.0f} to {high:.0f})"


def find_leak(
    real: np.ndarray,
    augmented: np.ndarray,
    samples: np.ndarray,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Leak:
    """Estimate the share of samples that look augmented.

    Args:
        real: Features ``[N, D]`` of real images, N some hundred at least.
        augmented: Features ``[N, D]`` of the same images, in the same order, augmented.
        samples: Features ``[M, D]``.
        draws: Of the bootstrap.
        seed: Of the halves and of the bootstrap.

    Raises:
        UserError: Too few rows, other shapes, or values that are not finite.
    """
    real, augmented, samples = checked(real, augmented, samples, least=8)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(real))
    fit, rest = order[: len(order) // 2], order[len(order) // 2 :]
    whiten = _whitening(
        np.concatenate([real[fit] - real[fit].mean(0), augmented[fit] - augmented[fit].mean(0)])
    )
    real, augmented, samples = (x @ whiten for x in (real, augmented, samples))
    direction = augmented[fit].mean(0) - real[fit].mean(0)
    r, t, s = real[rest] @ direction, augmented[rest] @ direction, samples @ direction

    def share(real_rows: np.ndarray, sample_rows: np.ndarray) -> np.ndarray:
        base = r[real_rows].mean(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (s[sample_rows].mean(-1) - base) / (t[real_rows].mean(-1) - base)

    found = float(share(np.arange(len(r)), np.arange(len(s))))
    bootstrap = np.array(
        [
            share(rng.integers(0, len(r), len(r)), rng.integers(0, len(s), len(s)))
            for _ in range(draws)
        ]
    )
    low, high = np.nan_to_num(np.quantile(bootstrap, [0.025, 0.975]), nan=np.inf)
    line = augmented[rest].mean(0) - real[rest].mean(0)
    off = samples.mean(0) - real[rest].mean(0) - found * line
    noise = len(off) * (1 / len(s) + 1 / len(r))
    other_difference = float(np.sqrt(max(0.0, off @ off - noise) / max(line @ line, 1e-12)))
    return Leak(
        found,
        (float(low), float(high)),
        other_difference,
        _verdict(found, low, high, other_difference),
    )


def _verdict(share: float, low: float, high: float, other_difference: float) -> str:
    if not (np.isfinite(share) and high - low <= 0.5):
        return "unknown"
    if other_difference > 1:
        return "doubtful"
    return "leaks" if low > 0.05 else "none seen"


def _whitening(x: np.ndarray) -> np.ndarray:
    """Return the matrix that whitens centered rows ``[N, D]``; shrunk a little for few rows."""
    covariance = x.T @ x / len(x)
    covariance += 1e-2 * np.trace(covariance) / len(covariance) * np.eye(
        len(covariance)
    ) + 1e-12 * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance)
    return vectors / np.sqrt(values)
