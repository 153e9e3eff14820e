"""Does what an augmentation does to images show in what the generator draws?

Augmentations of all that D sees are meant to stay out of the samples, and may come through all the
same (Karras et al. 2020, arXiv 2006.06676, section 2.2, call it leaking). Here the samples are
taken for a mixture of real images and of treated ones, and the share of the latter is estimated:
with any fixed score s of an image, the mean over a mixture is the mixture of the means, so that

    share = (mean s(samples) - mean s(real)) / (mean s(treated) - mean s(real)),

whatever s is; s only decides on the width of the interval. It is Fisher's linear discriminant
(1936) of features, fitted on one half of the real images, as they are and treated; the means are
taken over the other half. A share of 1 is the trace that the augmentation leaves in what D sees: if
it treats every other image, a share of 1 is every other sample.

Samples are no such mixture where they differ from real images in ways of their own, and these may
look like a little more or less of the augmentation. So that difference is told too, as a multiple
of what the augmentation does. No TensorFlow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_zoo.evaluation.distances import checked


class Leak(NamedTuple):
    """How much of an augmentation is in samples.

    Attributes:
        share: Of samples that look treated; 0 none, 1 as many as of the treated images. It may lie
            outside of [0, 1].
        interval: Its 95 % interval, by a bootstrap of all images.
        otherwise: How far the samples' mean lies off the line from real to treated, over the length
            of that line; both with features scaled to a covariance of 1.
        verdict: ``cannot be told`` where the interval is wider than one half (the features do not
            know the augmentation), else ``doubtful`` where samples differ otherwise more than the
            augmentation makes them, else ``leaks`` where the whole interval lies above 5 %, else
            ``none seen``.
    """

    share: float
    interval: tuple[float, float]
    otherwise: float
    verdict: str

    def __str__(self) -> str:
        """The figures in one phrase."""
        low, high = (100 * x for x in self.interval)
        return f"{100 * self.share:.0f} % (95 % interval {low:.0f} to {high:.0f})"


def find_leak(
    real: np.ndarray, treated: np.ndarray, samples: np.ndarray, *, draws: int = 1000, seed: int = 0
) -> Leak:
    """Estimate the share of samples that look treated.

    Args:
        real: Features ``[N, D]`` of real images, N some hundred at least.
        treated: Features ``[N, D]`` of the same images, in the same order, treated.
        samples: Features ``[M, D]``.
        draws: Of the bootstrap.
        seed: Of the halves and of the bootstrap.

    Raises:
        UserError: Too few rows, other shapes, or values that are not finite.
    """
    real, treated, samples = checked(real, treated, samples, least=8)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(real))
    fit, rest = order[: len(order) // 2], order[len(order) // 2 :]
    whiten = _whitening(
        np.concatenate([real[fit] - real[fit].mean(0), treated[fit] - treated[fit].mean(0)])
    )
    real, treated, samples = (x @ whiten for x in (real, treated, samples))
    direction = treated[fit].mean(0) - real[fit].mean(0)
    r, t, s = real[rest] @ direction, treated[rest] @ direction, samples @ direction

    def share(rows: np.ndarray, those: np.ndarray) -> np.ndarray:
        base = r[rows].mean(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (s[those].mean(-1) - base) / (t[rows].mean(-1) - base)

    found = float(share(np.arange(len(r)), np.arange(len(s))))
    again = np.array(
        [
            share(rng.integers(0, len(r), len(r)), rng.integers(0, len(s), len(s)))
            for _ in range(draws)
        ]
    )
    low, high = np.nan_to_num(np.quantile(again, [0.025, 0.975]), nan=np.inf)
    line = treated[rest].mean(0) - real[rest].mean(0)
    off = samples.mean(0) - real[rest].mean(0) - found * line
    noise = len(off) * (1 / len(s) + 1 / len(r))
    otherwise = float(np.sqrt(max(0.0, off @ off - noise) / max(line @ line, 1e-12)))
    return Leak(found, (float(low), float(high)), otherwise, _verdict(found, low, high, otherwise))


def _verdict(share: float, low: float, high: float, otherwise: float) -> str:
    if not (np.isfinite(share) and high - low <= 0.5):
        return "cannot be told"
    if otherwise > 1:
        return "doubtful"
    return "leaks" if low > 0.05 else "none seen"


def _whitening(x: np.ndarray) -> np.ndarray:
    """The matrix that brings centered rows ``[N, D]`` to a covariance of 1, shrunk a little for the sake of few rows."""
    covariance = x.T @ x / len(x)
    covariance += 1e-2 * np.trace(covariance) / len(covariance) * np.eye(
        len(covariance)
    ) + 1e-12 * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance)
    return vectors / np.sqrt(values)
