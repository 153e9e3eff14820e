"""Draw curves and intervals with matplotlib, as SVG to be put into a page.

Colors are CSS variables (``--c0`` ... ``--c7``, ``--ink``, ``--mute``, ``--rule``), which the page
sets for its light and its dark mode. Text stays text, in the font of the page.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import logging
import math
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

# Before the import, since matplotlib prints a line when it builds its list of fonts.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

import matplotlib  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import (  # noqa: E402
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

# linear; log: logarithmic, if all values are above 0; zero: from 0 on; share: 0 to 1
Scale = Literal["linear", "log", "zero", "share"]

COLORS = 8
_STEPS = [1, 2, 2.5, 5, 10]  # between ticks
_MAXIMUM = 1e30
_POINTS = 300  # per line; more are averaged, since no screen shows them
_COLOR = {f"#00a0{i:02x}": f"var(--c{i})" for i in range(COLORS)}
_INK, _MUTE, _RULE = "#00b000", "#00b001", "#00b002"
_COLOR |= {_INK: "var(--ink)", _MUTE: "var(--mute)", _RULE: "var(--rule)"}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gan_zoo",
    "text.parse_math": False,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": _MUTE,
    "axes.labelcolor": _MUTE,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": _RULE,
    "grid.linewidth": 0.8,
    "xtick.color": _MUTE,
    "ytick.color": _MUTE,
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "text.color": _INK,
    "path.simplify": False,
}


class Line(NamedTuple):
    """A line of a chart.

    Attributes:
        points: (x, y) in the order of x.
        color: Its number; from 8 on the colors repeat, with dashed lines.
        weak: Thin and pale, for one of several lines of which a stronger one is the mean.
        name: What the page says before the value that is pointed at; "" for the only line.
    """

    points: Sequence[tuple[float, float]]
    color: int = 0
    weak: bool = False
    name: str = ""


def chart(
    lines: Sequence[Line],
    about: str,
    *,
    x: str,
    scale: Scale = "linear",
    floor: float | None = None,
    marks: Sequence[tuple[float, float]] = (),
) -> str:
    """Return lines over steps or images as SVG; "" if there are no points.

    Args:
        lines: The lines.
        about: A description, for those who cannot see the chart.
        x: The label of the horizontal axis.
        scale: The vertical axis.
        floor: A level to draw as a dashed line.
        marks: Points to mark with a ring.
    """
    # Larger numbers are errors of a file, and no axis can show them.
    lines = [
        line._replace(points=[p for p in line.points if max(map(abs, p)) < _MAXIMUM])
        for line in lines
    ]
    if not any(line.points for line in lines):
        return ""
    floor = None if floor is None or abs(floor) >= _MAXIMUM else floor
    values = [y for line in lines for _, y in line.points]
    values += [] if floor is None else [floor]
    with _style():
        figure, axes = _figure(2.5)
        for line in lines:
            _draw_line(axes, line)
        if floor is not None:
            axes.axhline(floor, color=_MUTE, linewidth=1, linestyle=(0, (4, 3)))
        for at in marks:
            if abs(at[1]) < _MAXIMUM:
                _draw_ring(axes, at)
        _set_scale(axes, scale, values)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=_STEPS, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(short))
        axes.set_xlabel(x)
        axes.margins(x=0.02)
        return _inline(figure, about, _readable(figure, axes, lines, x))


def _readable(figure: Figure, axes: Any, lines: Sequence[Line], x: str) -> str:
    """Return what the page's script needs to show values: axes and strong lines, as JSON.

    An axis is [value, place, value, place] at its two ends, places in the units of the SVG.
    """
    width, height = (72.0 * inches for inches in figure.get_size_inches())
    box = axes.get_position()
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    content = {
        "unit": x,
        "x": [left, box.x0 * width, right, box.x1 * width],
        "y": [bottom, (1 - box.y0) * height, top, (1 - box.y1) * height],
        "log": axes.get_yscale() == "log",
        "lines": [
            {
                "name": line.name,
                "color": line.color % COLORS,
                "points": [[_brief(a), _brief(b)] for a, b in _thinned(line.points)],
            }
            for line in lines
            if line.points and not line.weak
        ],
    }
    return json.dumps(content, separators=(",", ":"))


def _brief(value: float) -> float:
    """Return a number with four significant digits, and those of whole numbers."""
    return float(f"{value:.4g}") if abs(value) < 1e4 else round(value)


def _draw_line(axes: Any, line: Line) -> None:
    points = _thinned(line.points)
    if not points:
        return
    options: dict[str, Any] = {"linewidth": 0.9, "alpha": 0.3} if line.weak else {}
    if len(points) == 1:  # a line of one point would not be seen
        options |= {"marker": "o", "markersize": 3}
    style = "-" if line.color < COLORS else "--"
    axes.plot(*zip(*points, strict=True), style, color=_color(line.color), **options)


def _draw_ring(axes: Any, at: tuple[float, float]) -> None:
    edge = {"markeredgecolor": _INK, "markeredgewidth": 1.3}
    axes.plot(*at, "o", markersize=6, markerfacecolor="none", **edge)


def _set_scale(axes: Any, scale: Scale, values: Sequence[float]) -> None:
    """Set the scale of the vertical axis and its ticks."""
    if scale == "log" and min(values) > 1 / _MAXIMUM:
        axes.set_yscale("log")
        _log_ticks(axes.yaxis, min(values), max(values))
        return
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=_STEPS, min_n_ticks=3))
    axes.yaxis.set_major_formatter(FuncFormatter(short))
    if scale == "share":
        _, high = axes.get_ylim()
        axes.set_ylim(0.0, max(1.0, high) if max(values) > 0.5 else high)
    if scale == "zero" and min(values) >= 0:
        axes.set_ylim(bottom=0)


class Interval(NamedTuple):
    """A row of a forest plot: its name, the ratio and the ends of its interval (None: unknown)."""

    name: str
    ratio: float
    low: float | None
    high: float | None
    color: int


def forest(rows: Sequence[Interval], *, x: str, about: str) -> str:
    """Return ratios with their intervals on a logarithmic axis, with a line at 1; "" for no rows.

    Args:
        rows: From top to bottom.
        x: The label of the axis.
        about: A description, for those who cannot see the chart.
    """
    rows = [row for row in rows if 1 / _MAXIMUM < row.ratio < _MAXIMUM]
    if not rows:
        return ""
    with _style():
        figure, axes = _figure(0.75 + 0.5 * len(rows), 0.05)
        ends = [1.0]
        for i, row in enumerate(rows):
            ends += _draw_interval(axes, i, row)
        axes.axvline(1, color=_INK, linewidth=1)
        axes.set_xscale("log")
        spread = max(1.15, *(max(end, 1 / end) for end in ends)) ** 1.1
        axes.set_xlim(1 / spread, spread)  # better and worse have the same room
        axes.set_ylim(-len(rows) + 0.55, 0.75)
        axes.grid(axis="x", visible=True)
        axes.grid(axis="y", visible=False)
        axes.yaxis.set_major_locator(NullLocator())
        _log_ticks(axes.xaxis, 1 / spread, spread)
        axes.set_xlabel(x)
        names = [row.name if len(row.name) <= 44 else row.name[:43] + "…" for row in rows]
        # The names are put in last, so that nothing in them is changed.
        return re.sub(r"@(\d+)@", lambda m: html.escape(names[int(m[1])]), _inline(figure, about))


def _draw_interval(axes: Any, i: int, row: Interval) -> list[float]:
    """Draw row ``i`` of a forest plot, with ``@i@`` for its name; return all its ratios."""
    at, color, ends = -i, _color(row.color), [row.ratio]
    low, high = row.low, row.high
    if low is not None and high is not None and 1 / _MAXIMUM < low <= high < _MAXIMUM:
        axes.plot([low, high], [at, at], color=color, linewidth=2.4)
        ends += [low, high]
    axes.plot([row.ratio], [at], "o", color=color, markersize=7)
    place = axes.get_yaxis_transform()
    axes.text(0, at + 0.22, f"@{i}@", transform=place, va="bottom", color=_INK)
    return ends


def short(value: float, _: object = None) -> str:
    """Return a number for an axis: 12800 as 12.8k."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{letter}"
    return f"{value:.4g}".replace("-", "−")


def _style() -> Any:
    """Return a context with our style; a user's matplotlibrc must not change a page."""
    style: dict[Any, Any] = {**matplotlib.rcParamsDefault, **_STYLE}
    style.pop("backend", None)
    return matplotlib.rc_context(style)


def _color(number: int) -> str:
    return f"#00a0{number % COLORS:02x}"


def _figure(height: float, left: float = 0.5) -> tuple[Figure, Any]:
    """Return a figure and its axes; all have the same margins in inches, so that they align."""
    figure = Figure(figsize=(4.6, height))
    figure.patch.set_alpha(0)
    axes = figure.add_axes(
        (left / 4.6, 0.44 / height, (4.55 - left) / 4.6, (height - 0.52) / height)
    )
    axes.patch.set_alpha(0)
    return figure, axes


def _log_ticks(axis: Any, low: float, high: float) -> None:
    """Set ticks: decades in a wide range, 1, 2, 5 of each decade, or round numbers in a narrow."""
    if high / low > 2000:
        axis.set_major_locator(LogLocator(numticks=7))
    elif high / low > 5:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    else:
        axis.set_major_locator(MaxNLocator(6, steps=_STEPS, min_n_ticks=3))
    axis.set_major_formatter(FuncFormatter(short))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return at most 300 points, each the mean of as many neighbors."""
    n = math.ceil(len(points) / _POINTS)
    if n <= 1:
        return list(points)
    blocks = (points[i : i + n] for i in range(0, len(points), n))
    return [(sum(x for x, _ in b) / len(b), sum(y for _, y in b) / len(b)) for b in blocks]


def _inline(figure: Figure, about: str, content: str = "") -> str:
    """Return a figure as an ``<svg>`` element that can be put beside others into a page.

    Args:
        figure: The figure.
        about: A description.
        content: Of its attribute ``data-plot``, see :func:`_readable`; "" for none.
    """
    out = io.StringIO()
    figure.savefig(
        out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = out.getvalue()
    body = text[text.index(">", text.index("<svg")) + 1 :]
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()  # type: ignore[union-attr]
    body = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL
    )
    body = re.sub(r" font-family: [^;\"]*;| transform=\"rotate\(-0[^\"]*\"", "", body)
    body = body.replace("xlink:href", "href").replace(' xmlns="http://www.w3.org/2000/svg"', "")
    body = re.sub(r"#00[ab]0\w\w", lambda m: _COLOR.get(m[0], m[0]), body)
    # Two decimals are a hundredth of a pixel; text is left alone.
    body = re.sub(r' d="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), body)
    used = set(re.findall(r"url\(#([\w-]+)\)|href=\"#([\w-]+)\"", body))
    names = {name for pair in used for name in pair if name}
    body = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in names else "", body)
    # Ids must be unique in the whole page.
    mark = f"s{hashlib.sha256(body.encode()).hexdigest()[:8]}-"
    body = re.sub(r'( id="|url\(#|href="#)', lambda m: m[0] + mark, body)
    body = re.sub(r"\n\s*", "\n", body)
    plot = f' data-plot="{html.escape(content)}" tabindex="0"' if content else ""
    label = html.escape(about)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}"{plot}>{body}'
