"""Which distance is the steadiest along a run? ``python tools/steadiness.py runs/mine``.

The argument is a run that was trained with a large ``--keep``, so that it has many checkpoints. For
the Frechet, the kernel and the Monge distance in the features of its extractor, the values of each
checkpoint at few samples are held against those of 10,000 other samples of it. As in training,
the real images and the noise are the same for all checkpoints. Ctrl-C ends with the checkpoints
so far. The output is a Markdown table:

* spread: the standard deviation over draws of samples, relative to the mean, a mean over
  checkpoints. (Draws are parts of one pool; the deviation is corrected for that.)
* bias: the mean over draws relative to the value of many samples, a mean over checkpoints.
* tau: Kendall's rank correlation with the values of many samples, a mean over draws.
* neighbors: the share of neighboring checkpoints that are ordered as by many samples.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from absl import flags
from scipy import stats
from tqdm import tqdm

from gan_zoo import cli
from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation import distances, monge
from gan_zoo.files import user_path

METRICS = ("FD", "KD", "MD")


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list("n", ["1000", "2000", "5000"], "numbers of samples", flag_values=values)
    flags.DEFINE_integer(
        "many",
        10_000,
        "samples that the few are held against, and to draw from",
        100,
        flag_values=values,
    )
    flags.DEFINE_integer("draws", 10, "how often the few are drawn", 2, flag_values=values)
    flags.DEFINE_list("steps", [], "checkpoints; all by default", flag_values=values)


class Steadiness(NamedTuple):
    """See the head of this file."""

    spread: float
    bias: float
    tau: float
    neighbors: float


def steadiness(few: np.ndarray, many: np.ndarray, share: float = 0.0) -> Steadiness:
    """Return how steady a distance is.

    Args:
        few: Its values ``[draws, checkpoints]``, by few samples.
        many: Its values ``[checkpoints]``, by many samples.
        share: Of the pool that one draw takes.
    """
    deviation = few.std(axis=0, ddof=1) / np.sqrt(1 - share)
    ordered = np.sign(np.diff(few, axis=1)) == np.sign(np.diff(many))
    return Steadiness(
        float((deviation / few.mean(axis=0)).mean()),
        float((few.mean(axis=0) / many).mean()),
        float(np.mean([stats.kendalltau(values, many).statistic for values in few])),
        float(ordered.mean()),
    )


class Scorer:
    """The three distances of rows of one pool of features, from work that is done once."""

    def __init__(self, real: np.ndarray):
        """Prepare the real features ``[N, D]``."""
        self._real = np.asarray(real, np.float64)
        self._statistics = distances.Statistics.of(real)
        n, d = real.shape
        whole = _kernel(self._real, self._real)
        self._within = float((whole.sum() - np.trace(whole)) / (n * (n - 1)))
        self._directions = np.random.default_rng(0).normal(size=(monge.PROJECTIONS, d))
        self._directions /= np.linalg.norm(self._directions, axis=1, keepdims=True)
        self._sorted = np.sort(self._directions @ self._real.T, axis=1)

    def of(self, pool: np.ndarray) -> Callable[[np.ndarray], list[float]]:
        """Return the function from rows of a pool ``[M, D]`` to their :data:`METRICS`."""
        pool = np.asarray(pool, np.float64)
        kernel, crossed = _kernel(pool, pool), _kernel(self._real, pool).mean(axis=0)
        projected = self._directions @ pool.T
        orders = np.argsort(projected, axis=1)
        projected = np.take_along_axis(projected, orders, axis=1)
        scale = 3 * pool.shape[1]

        def score(rows: np.ndarray) -> list[float]:
            fd = distances.frechet(self._statistics, distances.Statistics.of(pool[rows]))
            own = kernel[np.ix_(rows, rows)]
            n = len(rows)
            kd = (own.sum() - np.trace(own)) / (n * (n - 1)) + self._within
            drawn = np.isin(np.arange(len(pool)), rows)
            chosen = projected[drawn[orders]].reshape(len(orders), n)
            md = scale * monge.transport_costs(self._sorted, chosen).mean()
            return [fd, float(kd - 2 * crossed[rows].mean()), float(md)]

        return score


def _kernel(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Return the cubic kernel of the kernel distance, less 1, which cancels."""
    u = one @ two.T
    u /= one.shape[1]
    cubic = u + 3
    cubic *= u
    cubic += 3
    cubic *= u
    return cubic


def features_of(
    path: str, steps: list[int], count: int
) -> tuple[np.ndarray, FeatureExtractor, Iterator[tuple[int, np.ndarray]]]:
    """Return features of the real images, the extractor, and those of the run's samples.

    The last are step and features ``[count, D]`` of each checkpoint.
    """
    from gan_zoo.analysis import subject as subjects
    from gan_zoo.datasets import cache_dir
    from gan_zoo.evaluation.snapshot import real_statistics
    from gan_zoo.runs.checkpoints import stored_steps

    subject = subjects.find_subject(user_path(path))
    if subject.run is None:
        raise UserError(f"{path} is no run; give the folder of one, such as runs/NAME.")
    found = steps or stored_steps(subject.path / "checkpoints")
    if len(found) < 3:
        raise UserError(
            f"{path} has {len(found)} checkpoints, and 3 are needed; train with --keep=100, say."
        )
    data, _ = subjects.load_real(subject)
    extractor = subjects.build_extractor(subject.config, data.image_shape[2])
    real = real_statistics(data, extractor, cache_dir=cache_dir())

    def samples() -> Iterator[tuple[int, np.ndarray]]:
        for step in tqdm(found, "checkpoints", disable=None):
            fakes = subjects.load_fakes(subject, data, count, step=step)
            yield step, extractor.features(fakes.images)

    return real.features, extractor, samples()


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if len(rest) != 1:
        raise UserError("give one run, such as runs/NAME.")
    numbers, many = [int(n) for n in values.n], values.many
    if max(numbers) >= many:
        raise UserError(f"--n={max(numbers)} must be less than --many={many}.")
    cli.load_tensorflow(values.verbose)
    real, extractor, checkpoints = features_of(rest[0], [int(s) for s in values.steps], 2 * many)
    scorer, rng = Scorer(real), np.random.default_rng(0)
    draws = {n: [rng.permutation(many)[:n] for _ in range(values.draws)] for n in numbers}
    scores: dict[int, tuple[list[float], list[np.ndarray]]] = {}
    try:
        for step, features in checkpoints:
            many_of = scorer.of(features[many:])(np.arange(many))
            score = scorer.of(features[:many])
            few = [np.array([score(rows) for rows in draws[n]]) for n in numbers]
            scores[step] = many_of, few
            values_of = zip(METRICS, many_of, strict=True)
            print(f"step {step}:", *(f"{m} {v:.5g}" for m, v in values_of), flush=True)
    except KeyboardInterrupt:
        print("interrupted: the table is of the checkpoints so far.")
    if len(scores) < 3:
        raise UserError(f"{len(scores)} checkpoints were scored, and a table needs 3.")
    print(
        f"\n{extractor.name}@{extractor.hash[:4]}, {len(real):,} real images, {len(scores)}"
        f" checkpoints, {values.draws} draws, held against {many:,} samples\n"
    )
    print_table([scores[step] for step in sorted(scores)], numbers, many)


def print_table(
    scores: list[tuple[list[float], list[np.ndarray]]], numbers: list[int], many: int
) -> None:
    """Print the table of the scores of checkpoints, in their order.

    Args:
        scores: Of each checkpoint, the metrics by many samples, and for each of ``numbers`` those
            by few ``[draws, metrics]``.
        numbers: Of samples.
        many: The number of samples in the pool.
    """
    print("| samples | distance | spread | bias | tau | neighbors |\n|---|---|---|---|---|---|")
    references = np.array([reference for reference, _ in scores])
    for k, n in enumerate(numbers):
        table = np.stack([few[k] for _, few in scores], axis=1)  # [draws, checkpoints, metrics]
        for i, metric in enumerate(METRICS):
            found = steadiness(table[..., i], references[:, i], n / many)
            print(
                f"| {n:,} | {metric} | {100 * found.spread:.2g} % | {found.bias:.3g} |"
                f" {found.tau:.3f} | {100 * found.neighbors:.0f} % |"
            )


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
