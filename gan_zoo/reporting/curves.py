"""Charts of what runs logged: all curves of one run over its steps, or one curve of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan_zoo import registry
from gan_zoo.reporting import plots
from gan_zoo.reporting.html import Html, chart, join, legend, tag
from gan_zoo.runs.run import Run

_MOST_TRICKS = 6  # with a chart each


class Curves(NamedTuple):
    """A chart.

    Attributes:
        title: Its title.
        unit: The unit of its values, in words.
        lines: (name, key in the metrics) of each line; {} in a key is the feature network.
        scale: Its vertical axis.
    """

    title: str
    unit: str
    lines: list[tuple[str, str]]
    scale: plots.Scale = "linear"


class Group(NamedTuple):
    """Runs with one name and one color: those of a variant, or a single run."""

    name: str
    runs: list[Run]


CURVES = [
    Curves(
        "Losses",
        "means over the steps from one record to the next",
        [("D", "loss/disc"), ("G", "loss/gen")],
    ),
    Curves(
        "Logits of D",
        "its outputs; above 0 it says real, 0 is undecided",
        [("real", "logits/real"), ("fake", "logits/fake")],
    ),
    Curves(
        "Accuracy of D",
        "share of images; 0.5: D cannot tell real from fake",
        [("accuracy", "accuracy/disc")],
        "share",
    ),
    Curves(
        "Gradient norms",
        "logarithmic",
        [("D", "grad_norm/disc"), ("G", "grad_norm/gen")],
        "log",
    ),
    Curves(
        "Speed",
        "images per second, without evaluations",
        [("speed", "speed/images_per_second")],
        "zero",
    ),
]
SHARES = Curves(
    "Precision, recall, diversity",
    "shares of images; real images have diversity 1",
    [
        ("precision", "eval/precision-{}"),
        ("recall", "eval/recall-{}"),
        ("diversity", "eval/diversity-{}"),
    ],
    "share",
)
_KNOWN = {key for curves in CURVES for _, key in curves.lines}


def training_curves(run: Run) -> Html:
    """Return all curves of one run except the score, over its steps."""
    charts = [draw(run, curves) for curves in [*CURVES, *_trick_curves(run)]]
    return tag("div", *charts, class_="charts") if any(charts) else Html("")


def draw(run: Run, curves: Curves) -> Html:
    """Return a chart of one run over its steps; nothing if the run logged none of its lines."""
    series = [(name, run.series(key.replace("{}", run.extractor))) for name, key in curves.lines]
    series = [(name, points) for name, points in series if points]
    lines = [plots.Line(points, i, name=name) for i, (name, points) in enumerate(series)]
    svg = plots.chart(lines, curves.title, x="steps", scale=curves.scale)
    names = legend([(name, i) for i, (name, _) in enumerate(series)]) if len(series) > 1 else ""
    return chart(curves.title, curves.unit, svg, names)


def score_curve(run: Run) -> Html:
    """Return the score of one run over its steps, with its floor and its best."""
    if not run.best:
        return Html("")
    svg = plots.chart(
        [plots.Line(run.scores)],
        f"{run.score_name} over steps",
        x="steps",
        scale="log",
        floor=run.floor,
        marks=[run.best],
    )
    floor = [] if run.floor is None else [("real against real", None)]
    unit = "lower is better, logarithmic; the ring is the best"
    return chart(run.score_name, unit, svg, legend([("samples", 0), *floor]))


def _trick_curves(run: Run) -> list[Curves]:
    """Return a chart for each trick that logged something."""
    tricks: dict[str, list[tuple[str, str]]] = {}
    for key in dict.fromkeys(key for record in run.metrics for key in record):
        trick, slash, name = key.partition("/")
        if slash and key not in _KNOWN and trick not in ("eval", "speed", "event"):
            tricks.setdefault(trick, []).append((name, key))
    first = list(tricks.items())[:_MOST_TRICKS]
    return [
        Curves(trick, f"{', '.join(name for name, _ in lines)}: {_summary(trick)}", lines)
        for trick, lines in first
    ]


def _summary(trick: str) -> str:
    """Return in a sentence what a trick does, where it is known here."""
    if trick not in registry.tricks:
        return "logged by the trick"
    return registry.tricks.entry(trick).summary.replace("``", "").rstrip(".")


def overlaid_scores(groups: Sequence[Group], floor: float | None = None) -> Html:
    """Return the scores of several runs in one chart, over the images that they saw."""
    scores = sorted({run.score_name for group in groups for run in group.runs} - {""})
    unit = "lower is better, logarithmic"
    if any(len(group.runs) > 1 for group in groups):
        unit += "; pale: each seed, strong: their geometric mean"
    key: list[tuple[str, int | None]] = [(group.name, i) for i, group in enumerate(groups)]
    key += [("real against real", None)] if floor is not None else []
    charts = [
        _overlaid(groups, Curves(score, unit, [("", f"eval/{score}")], "log"), floor, legend(key))
        for score in scores
    ]
    return tag("div", *charts, class_="charts main") if charts else Html("")


def overlaid_curves(groups: Sequence[Group]) -> Html:
    """Return the other curves of several runs, one line of each run per chart."""
    drawn = [_overlaid(groups, single) for curves in [SHARES, *CURVES] for single in _split(curves)]
    charts = [each for each in drawn if each]
    if not charts:
        return Html("")
    names = legend([(group.name, i) for i, group in enumerate(groups)])
    return join([names, tag("div", *charts, class_="charts")])


def _split(curves: Curves) -> list[Curves]:
    """Return a chart for each line of a chart."""
    if curves is SHARES:
        units = {"diversity": "1: like real images"}
        return [
            Curves(name.capitalize(), units.get(name, "share"), [(name, key)], curves.scale)
            for name, key in curves.lines
        ]
    if len(curves.lines) == 1:
        return [curves]
    return [
        curves._replace(title=f"{curves.title}: {name}", lines=[(name, key)])
        for name, key in curves.lines
    ]


def _overlaid(
    groups: Sequence[Group], curves: Curves, floor: float | None = None, names: Html | str = ""
) -> Html:
    """Return a chart of one line of all runs, and of the mean of each group."""
    ((_, key),) = curves.lines
    lines, means = [], []
    for i, group in enumerate(groups):
        series = [run.series(key.replace("{}", run.extractor), "images") for run in group.runs]
        series = [points for points in series if points]
        weak = len(series) > 1
        lines += [plots.Line(points, i, weak, group.name) for points in series]
        if weak:
            mean = mean_curve(series, geometric=curves.scale == "log")
            means.append(plots.Line(mean, i, name=group.name))
    svg = plots.chart(
        [*lines, *means],
        f"{curves.title} over images",
        x="images seen",
        scale=curves.scale,
        floor=floor,
    )
    return chart(curves.title, curves.unit, svg, names)


def mean_curve(
    series: Sequence[Sequence[tuple[float, float]]], geometric: bool
) -> list[tuple[float, float]]:
    """Return the mean of several lines, where all of them have begun and none has ended.

    Args:
        series: (x, y) of each line, in the order of x; between points, lines are interpolated.
        geometric: Whether to take the geometric mean, if all values are above 0.
    """
    low, high = max(points[0][0] for points in series), min(points[-1][0] for points in series)
    at = sorted({x for points in series for x, _ in points if low <= x <= high})
    values = np.array([np.interp(at, *np.transpose(points)) for points in series])
    if geometric and bool((values > 0).all()):
        mean = np.exp(np.log(values).mean(0))
    else:
        mean = values.mean(0)
    return list(zip(at, mean.tolist(), strict=True))
