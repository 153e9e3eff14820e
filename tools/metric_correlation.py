"""Correlate logged scalars with the score: ``python tools/metric_correlation.py runs/a runs/b``.

The arguments are runs, or folders of comparisons. Within a run everything has a trend, so that any
two curves correlate. So the trend of both is removed first: a parabola over the logarithm of the
images seen, after the first fifth of the run. The residuals are correlated by ranks (Spearman), run
by run: those of the score with those of each scalar's level, and of its change since the evaluation
before. Scalars are means over the steps between two evaluations. Printed are means over runs with
Student's 95 % intervals (of Fisher's z). A positive correlation with the level: the score is worse,
that is, higher, when the scalar is high. One with the change: it is worse while the scalar rises.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags
from scipy import stats

from gan_zoo import cli
from gan_zoo.errors import UserError
from gan_zoo.files import user_path
from gan_zoo.runs.logs import read_metrics

SCALARS = (
    "loss/gen",
    "loss/disc",
    "logits/real",
    "logits/fake",
    "accuracy/disc",
    "grad_norm/gen",
    "grad_norm/disc",
)


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "score",
        "",
        "key of the score in metrics.jsonl; eval/FID or eval/FD-... by default",
        flag_values=values,
    )
    flags.DEFINE_list("scalars", list(SCALARS), "keys of the scalars", flag_values=values)
    flags.DEFINE_integer("least", 10, "evaluations that a run must have", 5, flag_values=values)


def runs_in(path: Path) -> Iterator[Path]:
    """Yield the folder of a run itself, or the runs in the folder of a comparison.

    Raises:
        UserError: It is neither.
    """
    if (path / "comparison.json").is_file():
        yield from sorted(p.parent for p in path.glob("*/metrics.jsonl"))
    elif (path / "metrics.jsonl").is_file():
        yield path
    else:
        raise UserError(
            f"{path} is neither a run nor a comparison; give folders that hold metrics.jsonl or"
            " comparison.json."
        )


def series(
    log: list[dict], score: str, scalars: list[str]
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return the images seen and the scores at the evaluations, and the scalars, by name.

    A scalar's value at an evaluation is its mean since the evaluation before; NaN without any.
    """
    images: list[float] = []
    scores: list[float] = []
    means: dict[str, list[float]] = {name: [] for name in scalars}
    since: dict[str, list[float]] = {name: [] for name in scalars}
    for record in log:
        for name in scalars:
            if (value := record.get(name)) is not None:
                since[name].append(value)
        value, seen = record.get(score), record.get("images")
        if value and value > 0 and seen and seen > 0:
            images.append(seen)
            scores.append(value)
            for name in scalars:
                means[name].append(float(np.mean(since[name])) if since[name] else np.nan)
                since[name] = []
    return (
        np.array(images, float),
        np.array(scores, float),
        {name: np.array(v) for name, v in means.items()},
    )


def detrend(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the residuals of a parabola in x fitted to y."""
    return y - np.polyval(np.polyfit(x, y, 2), x)


def correlations(images: np.ndarray, scores: np.ndarray, scalar: np.ndarray) -> tuple[float, float]:
    """Return Spearman's correlations of the score with a scalar's level and with its change.

    Trends are removed before; NaN if undefined.
    """
    kept = images >= 0.2 * images[-1]
    kept[0] = False  # it has no evaluation before it
    if kept.sum() < 5 or np.ptp(scores[kept]) == 0:  # a parabola takes three of them
        return float("nan"), float("nan")
    change = np.concatenate([[np.nan], np.diff(scalar)])
    x = np.log(images)
    residuals = detrend(x[kept], np.log(scores)[kept])
    found = []
    for values in (scalar, change):
        y = values[kept]
        if not np.isfinite(y).all() or np.ptp(y) == 0:
            found.append(float("nan"))
        else:
            found.append(float(stats.spearmanr(residuals, detrend(x[kept], y)).statistic))
    return found[0], found[1]


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return the mean of correlations over runs and its 95 % interval, of Fisher's z.

    The ends are NaN for a single run.
    """
    z = np.arctanh(np.clip([v for v in values if np.isfinite(v)], -0.999, 0.999))
    if not len(z):
        return float("nan"), float("nan"), float("nan")
    half = (
        stats.t.ppf(0.975, len(z) - 1) * z.std(ddof=1) / np.sqrt(len(z)) if len(z) > 1 else np.nan
    )
    return (
        float(np.tanh(z.mean())),
        float(np.tanh(z.mean() - half)),
        float(np.tanh(z.mean() + half)),
    )


def default_score(log: list[dict]) -> str:
    """Return the key of the score in a log, FID first; empty without evaluations."""
    names = {
        key for record in log for key in record if key == "eval/FID" or key.startswith("eval/FD-")
    }
    return min(names, default="")


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if not rest:
        raise UserError("no run was given; give one or more, such as runs/NAME.")
    # By their real paths: a run that is given twice counts once.
    logs = {
        folder.resolve(): read_metrics(folder)[0]
        for path in rest
        for folder in runs_in(user_path(path))
    }
    score = values.score or next(filter(None, map(default_score, logs.values())), "")
    if not score:
        raise UserError("none of these runs was evaluated; train them with --eval_every above 0.")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in values.scalars}
    used = 0
    for log in logs.values():
        images, scores, means = series(log, score, values.scalars)
        if len(images) >= values.least:
            used += 1
            for name in values.scalars:
                found[name].append(correlations(images, scores, means[name]))
    if not used:
        raise UserError(
            f"none of these {len(logs)} runs has {values.least} evaluations; evaluate more often,"
            " or lower --least."
        )
    print(f"{score[5:]} against scalars, {used} of {len(logs)} runs\n")
    print("| scalar | with its level | with its change |\n|---|---|---|")
    for name, pairs in found.items():
        cells = [
            "{:.2f} ({:.2f} to {:.2f})".format(*interval([pair[i] for pair in pairs]))
            for i in (0, 1)
        ]
        print(f"| {name} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    sys.exit(cli.call(main, define_flags, __doc__))
