"""How often do the intervals of a comparison enclose the truth? Simulated: ``python tools/coverage.py``.

Scores are drawn around a known ratio, with logarithms that are normal, heavy-tailed (Student's t of
4 degrees) or skewed (gamma of shape 4), and, where files of ``gan_zoo compare --save`` are given,
drawn from the scatter of their pairs around the mean of their variant.
"""

import json
import math
import sys

import numpy as np
from absl import flags

from gan_zoo import cli
from gan_zoo.compare.paired import paired
from gan_zoo.errors import UserError
from gan_zoo.files import user_path

SHAPES = {
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


def measured(paths: list[str]) -> np.ndarray:
    """The logarithms of all ratios in kept comparisons, each less the mean of its variant and in units of their scatter."""
    found = []
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
                f"{path} holds no kept comparison ({type(e).__name__}); give files of compare.py"
                " --save."
            ) from None
        for name in about["variants"]:
            pairs = [
                (best[name, s], best[about["baseline"], s])
                for s in about["seeds"]
                if {(name, s), (about["baseline"], s)} <= best.keys()
            ]
            logs = np.log([a / b for a, b in pairs]) if name != about["baseline"] else []
            if len(logs) > 2 and np.std(logs) > 0:
                found += list((logs - np.mean(logs)) / np.std(logs, ddof=1))
    return np.array(found)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if not math.isfinite(values.scatter):
        raise UserError(
            f"--scatter={values.scatter} is no standard deviation; give a number above 0, such as"
            " 0.2."
        )
    seeds = [int(n) for n in values.seeds if n.isdigit() and int(n) > 1]
    if len(seeds) < len(values.seeds) or not seeds:
        raise UserError(
            f"--seeds={','.join(values.seeds)} are no numbers of seeds; give whole numbers, 2 or"
            " more."
        )
    shapes = dict(SHAPES)
    if rest:
        pool = measured(rest)
        if len(pool) < 10:
            raise UserError(
                f"there are only {len(pool)} pairs in these files; give more comparisons."
            )
        shapes[f"{len(pool)} measured pairs"] = lambda rng, shape: rng.choice(
            pool - pool.mean(), shape
        )
    print(
        "| scatter of the logarithms | seeds | Student's interval | bootstrap over seeds | told"
        " apart though equal |"
    )
    print("|---|---|---|---|---|")
    for name, draw in shapes.items():
        for n in seeds:
            logs = values.scatter * draw(np.random.default_rng(n), (values.trials, n))
            found = [paired(np.exp(row), np.ones(n)) for row in logs]
            student = np.mean([f.low <= 1 <= f.high for f in found])
            bootstrap = np.mean([f.bootstrap_low <= 1 <= f.bootstrap_high for f in found])
            alarms = np.mean([f.verdict != "no evidence" for f in found])
            print(
                f"| {name} | {n} | {100 * student:.1f} % | {100 * bootstrap:.1f} % |"
                f" {100 * alarms:.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
