"""Frechet distance and diversity of features, in numpy and float64.

For the many snapshots of a training run: equal to TF-GAN's distance (a test holds it to that), some
ten times as fast, and from statistics of the real images that are computed once. TensorFlow is not
imported.
"""

from __future__ import annotations

import contextlib
import functools
from typing import NamedTuple

import numpy as np
import threadpoolctl

from gan_zoo.errors import UserError

SMALL = 256  # dimensions up to which a factorization takes milliseconds


def checked(*features: np.ndarray, least: int = 2) -> list[np.ndarray]:
    """Return sets of features as float64 ``[N, D]``.

    Bad features raise an error: metrics of them would be NaN without a warning.

    Args:
        *features: Arrays ``[N, D]`` with one D; each may have its own N.
        least: The smallest N allowed.

    Raises:
        UserError: Not ``[N, D]``, differing D, N too small, or values that are not finite.
    """
    arrays = [np.asarray(x, np.float64) for x in features]
    for x in arrays:
        if x.ndim != 2 or x.shape[1:] != arrays[0].shape[1:]:
            shapes = " and ".join(str(list(a.shape)) for a in arrays)
            raise UserError(
                f"features must be [N, D] with one D, but got {shapes}; use one extractor for all"
                " images."
            )
        if len(x) < least:
            raise UserError(
                f"this metric needs at least {least} images in each set, but got {len(x)}; give"
                " more."
            )
        if not np.isfinite(x).all():
            raise UserError(
                f"{int((~np.isfinite(x)).any(axis=1).sum())} of {len(x)} images have features that"
                " are NaN or infinite; look for NaN in the generator's weights or in the"
                " extractor."
            )
    return arrays


_libraries = functools.cache(threadpoolctl.ThreadpoolController)


def _threads(dimensions: int) -> contextlib.AbstractContextManager:
    """Limit small factorizations to one thread.

    Further threads of OpenBLAS wait in a busy loop, which takes many times as long while other
    trainings run.
    """
    if dimensions > SMALL:
        return contextlib.nullcontext()
    return _libraries().limit(limits=1, user_api="blas")


class Statistics(NamedTuple):
    """Mean and covariance of a set of features, the covariance as a root of itself.

    Attributes:
        mean: float64 ``[D]``.
        root: float64 ``[min(N, D), D]`` with ``root.T @ root`` the unbiased covariance.
        n: The number of rows that they were computed from.
    """

    mean: np.ndarray
    root: np.ndarray
    n: int

    @classmethod
    def of(cls, features: np.ndarray) -> Statistics:
        """Compute the statistics of features ``[N, D]``, N >= 2.

        Raises:
            UserError: See :func:`checked`.
        """
        (x,) = checked(features)
        mean = x.mean(axis=0)
        root = (x - mean) / np.sqrt(len(x) - 1)
        if len(x) > x.shape[1]:
            with _threads(x.shape[1]):
                root = np.linalg.qr(root, mode="r")
        return cls(mean, root, len(x))


def frechet(a: Statistics, b: Statistics) -> float:
    """Return the Frechet distance of two Gaussians.

    Dowson and Landau 1982; Heusel et al. 2017, arXiv 1706.08500, section 3. With roots A and B of
    the covariances, tr sqrt(A'A B'B) is the nuclear norm of A B'. So no matrix root is taken, no
    digits are lost on directions of little variance, and N < D costs less, not more.

    Returns:
        The distance, in squared units of the features; >= 0.
    """
    if a.mean.shape != b.mean.shape:
        raise UserError(
            f"features of {a.mean.size} and {b.mean.size} dimensions cannot be compared; use one"
            " extractor."
        )
    mean_term = float(((a.mean - b.mean) ** 2).sum())
    covariance_term = float((a.root**2).sum() + (b.root**2).sum())
    with _threads(a.mean.size):
        cross_term = float(np.linalg.svd(a.root @ b.root.T, compute_uv=False).sum())
    return max(0.0, mean_term + covariance_term - 2 * cross_term)


def frechet_error(
    real: Statistics, fake: np.ndarray, *, draws: int = 20, seed: int = 0
) -> float | None:
    """Return the standard error of the Frechet distance over the choice of the fake images.

    It is a bootstrap over the rows of ``fake``. It says nothing about training seeds, which move
    the number far more. None above SMALL dimensions, where it is not cheap.
    """
    if fake.shape[1] > SMALL:
        return None
    rng = np.random.default_rng(seed)
    n = len(fake)
    return float(
        np.std(
            [frechet(real, Statistics.of(fake[rng.integers(0, n, n)])) for _ in range(draws)],
            ddof=1,
        )
    )


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Return the kernel distance, with the cubic polynomial kernel, and its standard error.

    Bińkowski et al. 2018, arXiv 1801.01401, section 4: the unbiased squared MMD under the kernel
    (x . y / D + 1)^3. All pairs of images count once. Papers take the mean over subsets of 1,000,
    and TF-GAN over a few blocks: estimates of the same number, near 0 with the same noise (100
    subsets) and with twice as much (4 blocks).

    Args:
        real: Features ``[N, D]``.
        fake: Features ``[M, D]``.

    Returns:
        The distance, which is unbiased and therefore may lie a little below 0, and its standard
        error over the choice of images, by the jackknife. Where the distributions are equal it is
        up to 1.4 times too large.

    Raises:
        UserError: Fewer than 8 rows, differing D, or values that are not finite.
    """
    real, fake = checked(real, fake, least=8)
    n, m = len(real), len(fake)
    (a, _), (b, _) = _kernel_sums(real, real), _kernel_sums(fake, fake)
    c_real, c_fake = _kernel_sums(real, fake)
    # The image with itself does not count.
    a, b = (s - _cubic((x**2).sum(axis=1), x.shape[1]) for s, x in ((a, real), (b, fake)))
    within = a.sum() / (n * (n - 1)), b.sum() / (m * (m - 1))
    value = within[0] + within[1] - 2 * c_real.sum() / (n * m)
    variance = 0.0
    for own, crossed, count, others, rest in (
        (a, c_real, n, m, within[1]),
        (b, c_fake, m, n, within[0]),
    ):
        # The distance without each one of the images.
        without = (own.sum() - 2 * own) / ((count - 1) * (count - 2)) + rest
        without -= 2 * (crossed.sum() - crossed) / ((count - 1) * others)
        variance += (count - 1) * float(without.var())
    return float(value), float(np.sqrt(variance))


def _cubic(products: np.ndarray, dimensions: int) -> np.ndarray:
    """Return the kernel less 1, which cancels in the distance and would cost digits."""
    u = products / dimensions
    return u * (u * (u + 3) + 3)


def _kernel_sums(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of the kernel over all of ``two`` for each of ``one``, and inversely."""
    rows, columns = np.empty(len(one)), np.zeros(len(two))
    for start in range(0, len(one), 1000):
        kernel = _cubic(one[start : start + 1000] @ two.T, one.shape[1])
        rows[start : start + 1000] = kernel.sum(axis=1)
        columns += kernel.sum(axis=0)
    return rows, columns


def classifier_score(logits: np.ndarray) -> float:
    """Return the exponential of the mean KL divergence of an image's classes from those of all.

    Salimans et al. 2016, arXiv 1606.03498, section 4.

    Args:
        logits: float64 ``[N, classes]``, of which none may be far enough below the others of its
            row that its probability is 0.

    Returns:
        From 1 to the number of classes.
    """
    logs = logits - logits.max(axis=1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    probabilities = np.exp(logs)
    divergences = (probabilities * (logs - np.log(probabilities.mean(axis=0)))).sum(axis=1)
    return float(np.exp(divergences.mean()))


def diversity(features: np.ndarray, *, at_most: int = 2000) -> tuple[float, float]:
    """Return the mean Euclidean distance of two images in feature space.

    It is near 0 when a generator has collapsed.

    Args:
        features: ``[N, D]``, N >= 2, in random order.
        at_most: Only so many rows are used, since the cost is quadratic.

    Returns:
        The mean over all pairs, in units of the features, and its standard error (first term of the
        U-statistic's variance, Hoeffding 1948).
    """
    (x,) = checked(features[:at_most])
    n = len(x)
    x = x - x.mean(axis=0)
    squares = (x**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * x @ x.T, 0))
    np.fill_diagonal(distances, 0)
    means = distances.sum(axis=1) / (n - 1)
    return float(means.mean()), float(2 * means.std(ddof=1) / np.sqrt(n))
