"""Compare the scores of a variant and a baseline, paired by seed. No TensorFlow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

POWER = 0.8  # chance to see a ratio that is called detectable
_RESAMPLES = 10_000


class Paired(NamedTuple):
    """The ratio of a variant's scores to those of a baseline; lower scores are better.

    Attributes:
        n: Number of pairs of runs, one per seed.
        ratio: Geometric mean over seeds of the variant's score over the baseline's.
        low: Lower end of the ratio's interval; None for a single pair.
        high: Upper end.
        confidence: Confidence level of the interval.
        bootstrap_low: Lower end of the percentile bootstrap's interval over seeds, which is too
            narrow for few seeds.
        bootstrap_high: Upper end.
        detectable: The smallest ratio that would be seen four times in five, with as many seeds
            and as much scatter; None for a single pair.
        verdict: ``better`` or ``worse`` if the whole interval lies on that side of 1, else ``no
            evidence``.
    """

    n: int
    ratio: float
    low: float | None
    high: float | None
    confidence: float
    bootstrap_low: float | None
    bootstrap_high: float | None
    detectable: float | None
    verdict: str


def paired(
    variant: Sequence[float],
    baseline: Sequence[float],
    confidence: float = 0.95,
    bootstrap: bool = True,
) -> Paired:
    """Compare scores by the logarithm of their ratio in each pair.

    The interval is Student's for the mean of n logarithms. The bootstrap over seeds is given beside
    it, but covers the truth too rarely: no resampling of three seeds reaches beyond the three
    ratios, and these enclose the truth three times in four at best.

    Args:
        variant: A score above 0 for each seed.
        baseline: The baseline's scores for the same seeds in the same order.
        confidence: Confidence level of both intervals, 0 to 1.
        bootstrap: Whether to compute the bootstrap's interval.

    Raises:
        ValueError: No pairs, lists of different lengths, or scores that are not finite and above 0.
    """
    from scipy import stats  # takes half a second, which --help must not pay for

    x, y = np.asarray(variant, float), np.asarray(baseline, float)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise ValueError(f"scores come in pairs, one or more, but there are {len(x)} and {len(y)}")
    if not (np.isfinite([x, y]).all() and (x > 0).all() and (y > 0).all()):
        raise ValueError("scores must be finite and above 0")
    logs = np.log(x / y)
    n, mean = len(logs), float(logs.mean())
    if n == 1:
        return Paired(1, _exp(mean), None, None, confidence, None, None, None, "no evidence")
    error = float(logs.std(ddof=1)) / math.sqrt(n)
    t = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    low, high = mean - t * error, mean + t * error
    bootstrap_low, bootstrap_high = _bootstrap(logs, confidence) if bootstrap else (None, None)
    return Paired(
        n,
        _exp(mean),
        _exp(low),
        _exp(high),
        confidence,
        bootstrap_low,
        bootstrap_high,
        _exp((t + float(stats.t.ppf(POWER, n - 1))) * error),
        "better" if high < 0 else "worse" if low > 0 else "no evidence",
    )


def _bootstrap(logs: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return percentiles of the mean over resampled seeds; over all resamples if they are few."""
    n = len(logs)
    if n**n <= _RESAMPLES:
        rows = np.array(list(itertools.product(range(n), repeat=n)))
    else:
        rows = np.random.default_rng(0).integers(0, n, (_RESAMPLES, n))
    low, high = np.quantile(logs[rows].mean(axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
    return _exp(float(low)), _exp(float(high))


def _exp(x: float) -> float:
    """Return the exponential, limited to numbers that a file can hold."""
    return math.exp(min(700.0, max(-700.0, x)))


def sentence(found: Paired, variant: str, baseline: str, score: str) -> str:
    """Return the verdict as a sentence.

    Args:
        found: The comparison.
        variant: The name of the variant.
        baseline: The name of the baseline.
        score: The name of the score, such as ``best FD-embedded``.
    """
    seeds = f"{found.n} seed{'s' if found.n > 1 else ''}"
    if found.low is None or found.high is None:
        return (
            f"{variant} against {baseline}: no evidence of a difference, since one seed tells"
            f" nothing about others (its {score} is {_times(found.ratio)} times as high)."
        )
    if found.low == found.high == 1:
        return (
            f"no evidence of a difference between {variant} and {baseline}: with each of {seeds},"
            f" both have the same {score}."
        )
    interval = (
        f"{100 * found.confidence:.0f} % interval {_times(found.low)} to {_times(found.high)}"
    )
    span = f"{_times(found.ratio)} times as high ({interval}, {seeds})"
    if found.verdict != "no evidence":
        return f"{variant} is {found.verdict} than {baseline}: its {score} is {span}."
    smallest = found.detectable or math.inf
    seen = (
        f"above {_times(smallest)} or below {_times(1 / smallest)} times"
        if smallest < 100
        else "of more than a hundred times only"
    )
    return (
        f"no evidence of a difference between {variant} and {baseline}: its {score} is {span}; with"
        f" {seeds} of this scatter you would see differences {seen}."
    )


def _times(ratio: float) -> str:
    """Return a ratio with two decimals, or as many as it takes to differ from 1 and from 0."""
    if not 0.1 <= ratio < 100:
        return f"{ratio:.2g}"
    return f"{ratio:.2f}" if ratio == 1 or f"{ratio:.2f}" != "1.00" else f"{ratio:.4f}"
