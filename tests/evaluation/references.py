"""Independent computations in float64 that share no code and no formula with the package."""

import numpy as np
import scipy.linalg
from scipy.spatial.distance import cdist


def frechet(a, b):
    """From covariances and scipy's general matrix square root, as in the original code of Heusel et al."""
    a, b = np.float64(a), np.float64(b)
    c, d = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(c @ d)
    return float(
        ((a.mean(0) - b.mean(0)) ** 2).sum()
        + np.trace(c)
        + np.trace(d)
        - 2 * np.trace(np.real(root))
    )


def kernel(a, b):
    """The unbiased squared MMD of Binkowski et al., all pairs in one block."""

    def k(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    n, m = len(a), len(b)
    within = (k(a, a).sum() - np.trace(k(a, a))) / (n * (n - 1)) + (
        k(b, b).sum() - np.trace(k(b, b))
    ) / (m * (m - 1))
    return within - 2 * k(a, b).mean()


def classifier_score(logits):
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    q = p.mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.where(p > 0, p * np.log(p / q), 0).sum(1)
    return np.exp(kl.mean())


def prdc(real, fake, k, k_coverage):
    """Precision, recall, density, coverage, from whole distance matrices."""

    def radii(x, k):
        return np.sort(cdist(x, x), axis=1)[:, k]

    d = cdist(real, fake)
    return (
        (d <= radii(real, k)[:, None]).any(0).mean(),
        (d <= radii(fake, k)[None]).any(1).mean(),
        (d <= radii(real, k_coverage)[:, None]).sum(0).mean() / k_coverage,
        (d <= radii(real, k_coverage)[:, None]).any(1).mean(),
    )


def features(n, d, seed, scale=1.0, gain=1.0, shift=0.0):
    """Correlated features whose variances span six decades, with a mean."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(d, d)) / np.sqrt(d) * np.logspace(0, -3, d)
    return scale * (gain * rng.normal(size=(n, d)) @ mix + shift + 0.5)
