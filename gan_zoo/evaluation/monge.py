"""The Monge distance of two sets of features: MIND, where Inception gave them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_zoo.evaluation.distances import checked

PROJECTIONS = 1000
_BATCH = 50  # directions at once, for the memory


def monge_distance(
    real: np.ndarray, fake: np.ndarray, *, projections: int = PROJECTIONS, seed: int = 0
) -> tuple[float, float]:
    """Return the Monge distance of two sets of features, and its standard error.

    Berthet et al. 2026, arXiv 2605.06797 (MIND, with the features of Inception): a sliced
    Wasserstein distance, that is, the mean over random directions of the squared 2-Wasserstein
    distance of the projections to them, times 3 D. So a common shift of all features counts three
    times its square. Sets of two sizes are compared whole, by their quantile functions; for equal
    sizes this is the formula of the paper.

    Args:
        real: Features ``[N, D]``.
        fake: Features ``[M, D]``.
        projections: The number of directions; 1,000 in torch-fidelity.
        seed: Of the directions. It is always the same in scores, so that they share them: the
            choice of 1,000 moves the distance by sqrt(2 / 1000), 4.5 %, where only means differ.

    Returns:
        The distance, in squared units of the features, and its standard error over the choice of
        images. The distance of two samples of one distribution is above 0.

    Raises:
        UserError: Fewer than 2 rows, differing D, or values that are not finite.
    """
    real, fake = checked(real, fake)
    directions = np.random.default_rng(seed).normal(size=(projections, real.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return sliced_distance(real, fake, directions)


def sliced_distance(
    real: np.ndarray, fake: np.ndarray, directions: np.ndarray
) -> tuple[float, float]:
    """Return the distance of :func:`monge_distance` over given directions, and its error.

    The error is of first order: a change of one set moves the distance by the mean of the
    potentials of optimal transport. Their derivative is twice the way that mass goes.

    Args:
        real: Features ``[N, D]``, float64.
        fake: Features ``[M, D]``, float64.
        directions: Unit vectors ``[K, D]``.
    """
    center = real.mean(axis=0)  # a common shift changes no distance; large means cost digits
    sets = real - center, fake - center
    pairs = _pairs(len(real), len(fake))
    total, potentials = 0.0, [np.zeros(len(x)) for x in sets]
    for start in range(0, len(directions), _BATCH):
        projections = [directions[start : start + _BATCH] @ x.T for x in sets]
        orders = [np.argsort(p, axis=1) for p in projections]
        x, y = (np.take_along_axis(p, o, axis=1) for p, o in zip(projections, orders, strict=True))
        way = x[:, pairs.one] - y[:, pairs.two]
        total += float((way**2 @ pairs.share).sum())
        _add_potentials(potentials[0], x, orders[0], way * pairs.share, pairs.one)
        _add_potentials(potentials[1], y, orders[1], -way * pairs.share, pairs.two)
    scale = 3 * real.shape[1] / len(directions)
    variance = sum(float(p.var(ddof=1)) / len(p) for p in potentials)
    return scale * total, scale * float(np.sqrt(variance))


def transport_costs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the squared 2-Wasserstein distances ``[K]`` of sorted rows ``[K, N]``, ``[K, M]``."""
    pairs = _pairs(x.shape[1], y.shape[1])
    return (x[:, pairs.one] - y[:, pairs.two]) ** 2 @ pairs.share


class _Pairs(NamedTuple):
    """Which of two sets of sorted values optimal transport pairs, and each pair's share."""

    one: np.ndarray
    two: np.ndarray
    share: np.ndarray


def _pairs(n: int, m: int) -> _Pairs:
    # In parts of 1 / (n m), so that all are integers.
    ends = np.union1d(m * np.arange(1, n + 1), n * np.arange(1, m + 1))
    starts = np.concatenate([[0], ends[:-1]])
    return _Pairs(starts // m, starts // n, (ends - starts) / (n * m))


def _add_potentials(
    totals: np.ndarray, values: np.ndarray, orders: np.ndarray, moved: np.ndarray, of: np.ndarray
) -> None:
    """Add the potentials of sorted ``values`` ``[K, N]`` to the totals of their images ``[N]``."""
    firsts = np.flatnonzero(np.diff(of, prepend=-1))
    ways = np.add.reduceat(moved, firsts, axis=1) * len(totals)
    rises = np.diff(values, axis=1) * (ways[:, 1:] + ways[:, :-1])  # the trapezoidal rule
    for order, rise in zip(orders, np.cumsum(rises, axis=1), strict=True):
        totals[order[1:]] += rise
