"""Charts of what runs logged: all curves of one run over its steps, or one curve of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan_zoo import registry
from gan_zoo.evaluation import protocol
from gan_zoo.evaluation.protocol import Stamp
from gan_zoo.reporting import plots
from gan_zoo.reporting.html import Html, chart, join, legend, tag
from gan_zoo.runs.run import Run

_MOST_TRICKS = 6  # with a chart each
_APART = "; the numbers of one chart cannot be compared with those of another"


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
    """Runs with one name and the number of a color: those of a variant, or a single run."""

    name: str
    runs: list[Run]
    color: int


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


def score_stamp(run: Run) -> Stamp | None:
    """Return how the last score of a run was made; None where that is not known."""
    results = [record["result"] for record in run.results if not record["by"]]
    stamps = [result.stamp for result in results if result.stamp.metric == run.score_name]
    return stamps[-1] if stamps else None


def why_not_comparable(a: Run, b: Run) -> str:
    """Return why scores of two runs must not be ranked together, as far as known; "" if they may.

    Whether weights are averaged may differ, since that may be what is compared.
    """
    first, second = score_stamp(a), score_stamp(b)
    return "" if first is None or second is None else _difference(first, second)


def _difference(first: Stamp, second: Stamp) -> str:
    return protocol.comparable(first, second, subject=("ema",))


def _kinds(groups: Sequence[Group]) -> list[list[Group]]:
    """Return the groups in lists of those whose scores may stand on one axis."""
    firsts: list[Stamp] = []  # of each kind

    def kind_of(run: Run) -> int:
        stamp = score_stamp(run)
        if stamp is None:
            return 0
        own = (i for i, first in enumerate(firsts) if not _difference(first, stamp))
        if (kind := next(own, len(firsts))) == len(firsts):
            firsts.append(stamp)
        return kind

    kinds: dict[int, list[Group]] = {}
    for group in groups:
        parts: dict[int, list[Run]] = {}
        for run in group.runs:
            parts.setdefault(kind_of(run), []).append(run)
        for kind, runs in parts.items():
            kinds.setdefault(kind, []).append(group._replace(runs=runs))
    return [kinds[kind] for kind in sorted(kinds)] if len(kinds) > 1 else [list(groups)]


def overlaid_scores(groups: Sequence[Group], floor: float | None = None) -> Html:
    """Return the scores of several runs over the images that they saw.

    They are in one chart if they may be compared, else in one for each kind.

    Args:
        groups: The runs.
        floor: What real images score; that of each kind is its own runs'.
    """
    kinds = _kinds(groups)
    unit = f"lower is better, logarithmic{_APART if len(kinds) > 1 else ''}"
    if any(len(group.runs) > 1 for group in groups):
        unit += "; pale: each seed, strong: their geometric mean"
    charts = []
    for kind in kinds:
        runs = [run for group in kind for run in group.runs]
        floors = {run.floor for run in runs} if len(kinds) > 1 else {floor}
        line = floors.pop() if len(floors) == 1 else None
        key = [*_key(kind), *([("real against real", None)] if line is not None else [])]
        for score in sorted({run.score_name for run in runs} - {""}):
            curves = Curves(score, unit, [("", f"eval/{score}")], "log")
            charts.append(_overlaid(kind, curves, line, legend(key)))
    return tag("div", *charts, class_="charts main") if charts else Html("")


def overlaid_curves(groups: Sequence[Group]) -> Html:
    """Return the other curves of several runs, one line of each run per chart."""
    kinds, drawn = _kinds(groups), []
    for single in _split(SHARES):
        if len(kinds) == 1:
            drawn.append(_overlaid(groups, single))
            continue
        apart = single._replace(unit=f"{single.unit}{_APART}")
        drawn += [_overlaid(kind, apart, names=legend(_key(kind))) for kind in kinds]
    drawn += [_overlaid(groups, single) for curves in CURVES for single in _split(curves)]
    charts = [each for each in drawn if each]
    if not charts:
        return Html("")
    return join([legend(_key(groups)), tag("div", *charts, class_="charts")])


def _key(groups: Sequence[Group]) -> list[tuple[str, int | None]]:
    """Return the entries of a legend."""
    return [(group.name, group.color) for group in groups]


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
    for group in groups:
        series = [run.series(key.replace("{}", run.extractor), "images") for run in group.runs]
        series = [points for points in series if points]
        weak = len(series) > 1
        lines += [plots.Line(points, group.color, weak, group.name) for points in series]
        if weak:
            mean = mean_curve(series, geometric=curves.scale == "log")
            means.append(plots.Line(mean, group.color, name=group.name))
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
