"""Which kinds of images does a generator never draw? Coverage, told apart by the real images' labels. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gan_zoo.evaluation.distances import checked
from gan_zoo.evaluation.neighbors import covers


class Lost(NamedTuple):
    """A class of real images that the fake ones reach less than they should.

    Attributes:
        label: The column, such as ``glasses``.
        value: The name of the class, such as ``round``.
        n: Number of real images in it.
        coverage: Share of them with a fake image in their neighborhood.
        expected: That share where the fakes are distributed as the real images are, whatever the
            class.
        deviation: By how many standard errors it is too low.
    """

    label: str
    value: str
    n: int
    coverage: float
    expected: float
    deviation: float

    def __str__(self) -> str:
        """One sentence."""
        coverage, expected = f"{100 * self.coverage:.0f} %", f"{100 * self.expected:.0f} %"
        return (
            f"{self.label}={self.value} is missing or rare: {coverage} of its real images are"
            f" covered, {expected} expected."
        )


def expected_coverage(n: int, m: int, k: int) -> float:
    """The coverage of n real images by m fake ones of the same distribution (Naeem et al. 2020, arXiv 2002.09797, lemma 2).

    It is one less the chance that the k nearest among the n - 1 + m others of an image are all
    real, whatever the distribution.
    """
    j = np.arange(k)
    return float(1 - np.prod((n - 1 - j) / (n - 1 + m - j)))


def lost_modes(
    real: np.ndarray,
    labels: Mapping[str, np.ndarray],
    label_values: Mapping[str, Sequence[str]],
    fake: np.ndarray,
    *,
    k: int = 3,
    least: int = 30,
    threshold: float = 4.0,
) -> list[Lost]:
    """The classes that fake images reach less than they should, worst first.

    Coverage as a whole hardly moves when one value of one of many attributes is never drawn, since
    its images resemble others in all but that. Among the images that have it, it does, and what it
    should be there is known. Features are first whitened: where one attribute rules the raw
    distances, the others would not be seen. That is done by the covariance of real and fake
    together, since that of either alone would not treat the two alike.

    Args:
        real: Features of real images ``[N, D]``.
        labels: Their classes, columns ``[N]``.
        label_values: The names of each column's classes.
        fake: Features of fake images ``[M, D]``.
        k: Neighbors.
        least: Classes with fewer real images are not judged.
        threshold: How many standard errors are too many; at 4, some 70 classes give a false alarm
            in one of 400 evaluations.

    Raises:
        UserError: Too few images, or values that are not finite.
    """
    real, fake = checked(real, fake, least=k + 1)
    variances, axes = np.linalg.eigh(np.cov(np.concatenate([real, fake]), rowvar=False))
    white = axes / np.sqrt(variances + 1e-3 * variances.mean() + 1e-300)
    covered = covers(real @ white, fake @ white, k=k)
    expected = expected_coverage(len(real), len(fake), k)
    found = []
    for label, column in labels.items():
        for number, value in enumerate(label_values[label]):
            inside = np.asarray(column) == number
            n = int(inside.sum())
            if n < least or n == len(inside):
                continue
            coverage = float(covered[inside].mean())
            trials = n * min(
                1.0, len(fake) / len(real)
            )  # one of few fakes covers several images at once
            deviation = float((expected - coverage) / np.sqrt(expected * (1 - expected) / trials))
            if deviation > threshold:
                found.append(Lost(label, value, n, coverage, expected, deviation))
    return sorted(found, key=lambda lost: -lost.deviation)
