"""Nearest neighbors in feature space, and precision, recall, density and coverage.

Everything goes block by block, so that two sets of 10,000 images need some 100 MB whatever the
number of dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gan_zoo.errors import UserError
from gan_zoo.evaluation.distances import checked

LEAST = 6  # images that :func:`manifold` needs by its defaults
_BLOCK = 1000
# A radius and a distance that are equal differ by rounding, since they are computed about different
# centers and radii are roots that are squared again.
_CLOSED = 1 + 1e-9


def _squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows of ``a`` as a slice, and their squared distances to all of ``b``."""
    center = b.mean(axis=0)  # the closer to the origin, the fewer digits are lost
    a, b = a - center, b - center
    aa, bb = (a**2).sum(axis=1), (b**2).sum(axis=1)
    for start in range(0, len(a), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(a)))
        sums = aa[rows, None] + bb
        d = sums - 2 * (a[rows] @ b.T)
        d[d < 1e-12 * sums] = 0.0  # rounding, so that equal images are at distance 0 exactly
        yield rows, d


def nearest(
    a: np.ndarray, b: np.ndarray, *, k: int = 1, same: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest rows of ``b`` for each row of ``a``.

    Args:
        a: ``[N, D]``.
        b: ``[M, D]``, M >= k (k + 1 where ``same``).
        k: How many neighbors.
        same: The two are one set, and a row is not its own neighbor.

    Returns:
        Euclidean distances float64 ``[N, k]``, nearest first, and the neighbors' places in ``b``,
        int64 ``[N, k]``.

    Raises:
        UserError: Too few rows, or values that are not finite.
    """
    a, b = checked(a, b, least=1)
    if len(b) < k + same:
        raise UserError(
            f"the {k} nearest of {len(b)} images are asked for; give at least {k + same} images."
        )
    distances, places = np.empty((len(a), k)), np.empty((len(a), k), np.int64)
    for rows, d in _squared_distances(a, b):
        if same:
            d[np.arange(len(d)), np.arange(rows.start, rows.stop)] = np.inf
        some = np.argpartition(d, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(d, some, axis=1)
        order = np.argsort(values, axis=1, kind="stable")
        places[rows] = np.take_along_axis(some, order, axis=1)
        distances[rows] = np.sqrt(np.take_along_axis(values, order, axis=1))
    return distances, places


class Manifold(NamedTuple):
    """The overlap of two sets of images; each value with its standard error over images.

    Attributes:
        precision: Share of fake images within the real manifold, 0 to 1.
        recall: Share of real images within the fake manifold, 0 to 1.
        density: Mean number of real neighborhoods around a fake image, over k, >= 0; about 1 when
            both sets have the same distribution.
        coverage: Share of real images with a fake one in their neighborhood, 0 to 1; near 1 when
            both sets have the same distribution.
    """

    precision: tuple[float, float]
    recall: tuple[float, float]
    density: tuple[float, float]
    coverage: tuple[float, float]


def manifold(real: np.ndarray, fake: np.ndarray, *, k: int = 3, k_coverage: int = 5) -> Manifold:
    """Return precision, recall, density and coverage.

    A manifold is the union of the balls around all images of a set in feature space; the radius of
    a ball is the distance to the k-th neighbor (Kynkäänniemi et al.).

    Precision and recall are defined as in Kynkäänniemi et al. (2019, arXiv 1904.06991, section 2),
    density and coverage as in Naeem et al. (2020, arXiv 2002.09797, section 3). All four depend
    on the number of images: compare only at equal N. Neighborhoods are closed balls here (``<=``),
    so that copies of one image count as neighbors; Naeem's code has open balls. Distances that
    differ by less than 1e-9 of themselves are equal.

    Args:
        real: Features ``[N, D]``.
        fake: Features ``[M, D]``; the papers take M = N.
        k: Whose neighbor's distance is the radius for precision and recall (3 in the paper).
        k_coverage: The same for density and coverage (5 in the paper).

    Raises:
        UserError: Fewer than ``k_coverage + 1`` rows, differing D, or values that are not finite.
    """
    real, fake = checked(real, fake, least=max(k, k_coverage) + 1)
    radii = nearest(real, real, k=max(k, k_coverage), same=True)[0] ** 2 * _CLOSED
    real_radius, real_radius_coverage = radii[:, k - 1, None], radii[:, k_coverage - 1, None]
    fake_radius = nearest(fake, fake, k=k, same=True)[0][:, -1] ** 2 * _CLOSED
    in_real = np.zeros(len(fake), bool)
    in_fake, covered = np.zeros(len(real), bool), np.zeros(len(real), bool)
    around = np.zeros(len(fake))
    for rows, d in _squared_distances(real, fake):
        in_real |= (d <= real_radius[rows]).any(axis=0)
        in_fake[rows] = (d <= fake_radius).any(axis=1)
        near = d <= real_radius_coverage[rows]
        covered[rows] = near.any(axis=1)
        around += near.sum(axis=0) / k_coverage
    return Manifold(*(_mean_and_error(x) for x in (in_real, in_fake, around, covered)))


def _mean_and_error(x: np.ndarray) -> tuple[float, float]:
    return float(x.mean()), float(x.std() / np.sqrt(len(x)))


def covers(real: np.ndarray, fake: np.ndarray, *, k: int = 3) -> np.ndarray:
    """For each real image, whether coverage counts it: bool ``[N]``.

    Args:
        real: Features ``[N, D]``.
        fake: Features ``[M, D]``.
        k: Whose neighbor's distance is the radius.

    Raises:
        UserError: See :func:`manifold`.
    """
    real, fake = checked(real, fake, least=k + 1)
    radius = nearest(real, real, k=k, same=True)[0][:, -1]
    return nearest(real, fake)[0][:, 0] <= radius * _CLOSED
