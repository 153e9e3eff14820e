"""Simulate how often intervals hold the true ratio: ``python tools/interval_coverage.py``.

The scores of a comparison are drawn around a known ratio, with logarithms that are normal,
heavy-tailed (Student's t of 4 degrees) or skewed (gamma of shape 4). If files of ``gan_zoo compare
--save`` are given, logarithms are also drawn from the deviations of their pairs from the mean of
their variant.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags

from gan_zoo import cli
from gan_zoo.comparison.paired import paired
from gan_zoo.errors import UserError
from gan_zoo.files import user_path

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
SHAPES: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy tails": lambda rng, shape: rng.standard_t(4, shape),
    "skewed": lambda rng, shape: (rng.gamma(4.0, 1.0, shape) - 4.0) / 2.0,
}


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list("seeds", ["3", "5", "10"], "numbers of seeds", flag_values=values)
    flags.DEFINE_integer(
        "trials", 2000, "comparisons simulated in each cell", 10, flag_values=values
    )
    flags.DEFINE_float(
        "scatter",
        0.2,
        "standard deviation of the logarithm of a pair's ratio",
        1e-6,
        flag_values=values,
    )


def measured_deviations(paths: list[str]) -> np.ndarray:
    """Return the logarithms of all ratios in kept comparisons, standardized by variant.

    Raises:
        UserError: A file is not a kept comparison.
    """
    found: list[float] = []
    for path in paths:
        try:
            kept = json.loads(user_path(path).read_text(encoding="utf-8"))
            runs, about = kept["results"]["runs"], kept["comparison"]
            best = {
                (run["variant"], run["seed"]): run["best"]
                for run in runs
                if run["state"] == "done" and (run["best"] or 0) > 0
            }
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise UserError(
                f"{path} holds no kept comparison ({type(e).__name__}); give files of"
                " gan_zoo compare --save."
            ) from None
        for name in about["variants"]:
            pairs = [
                (best[name, s], best[about["baseline"], s])
                for s in about["seeds"]
                if {(name, s), (about["baseline"], s)} <= best.keys()
            ]
            logs = np.log([a / b for a, b in pairs])
            if name != about["baseline"] and len(logs) > 2 and np.std(logs) > 0:
                found += list((logs - np.mean(logs)) / np.std(logs, ddof=1))
    return np.array(found)


def coverage(logs: np.ndarray) -> tuple[float, float, float]:
    """Return how often, in comparisons of two equal variants, intervals hold the true ratio 1.

    Args:
        logs: The logarithms of the ratios, ``[comparisons, seeds]``, of mean 0.

    Returns:
        The shares of Student's intervals that hold it, of bootstrap intervals that hold it, and of
        comparisons with a false verdict.
    """
    ones = [1.0] * logs.shape[1]
    found: list[Any] = [paired(np.exp(row).tolist(), ones) for row in logs]
    return (
        float(np.mean([f.low <= 1 <= f.high for f in found])),
        float(np.mean([f.bootstrap_low <= 1 <= f.bootstrap_high for f in found])),
        float(np.mean([f.verdict != "no evidence" for f in found])),
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if not math.isfinite(values.scatter):
        raise UserError(
            f"--scatter={values.scatter} is not a standard deviation; give a number above 0, such"
            " as 0.2."
        )
    seeds = [int(n) for n in values.seeds if n.isdigit() and int(n) > 1]
    if len(seeds) < len(values.seeds) or not seeds:
        raise UserError(
            f"--seeds={','.join(values.seeds)} is not possible; give whole numbers of 2 or more,"
            " separated by commas."
        )
    shapes = dict(SHAPES)
    if rest:
        pool = measured_deviations(rest)
        if len(pool) < 10:
            raise UserError(
                f"there are only {len(pool)} pairs in these files; give more comparisons."
            )
        shapes[f"{len(pool)} measured pairs"] = lambda rng, shape: rng.choice(
            pool - pool.mean(), shape
        )
    print(
        "| distribution of the logarithms | seeds | Student's interval | bootstrap over seeds |"
        " false verdicts |"
    )
    print("|---|---|---|---|---|")
    for name, draw in shapes.items():
        for n in seeds:
            logs = values.scatter * draw(np.random.default_rng(n), (values.trials, n))
            student, bootstrap, false_verdicts = coverage(logs)
            print(
                f"| {name} | {n} | {100 * student:.1f} % | {100 * bootstrap:.1f} % |"
                f" {100 * false_verdicts:.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
