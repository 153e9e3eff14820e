"""Curves and intervals as SVG to stand in a page, drawn by matplotlib.

Colors are written as CSS variables (``--c0`` ... ``--c7``, ``--ink``, ``--mute``, ``--rule``), so
that the page decides on them, for light and dark alike; text stays text in the page's own font.
"""

from __future__ import annotations

import hashlib
import html
import io
import logging
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells when it builds its list of fonts

import matplotlib  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

COLORS = 8
_STEPS = [1, 2, 2.5, 5, 10]  # between ticks
_MAXIMUM = 1e30
_POINTS = 300  # of a line; more are averaged, since no screen shows them
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
        color: Its number; from 8 on they come again, dashed.
        weak: Thin and pale, as one of several that a stronger one sums up.
    """

    points: Sequence[tuple[float, float]]
    color: int = 0
    weak: bool = False


def chart(
    lines: Sequence[Line],
    about: str,
    *,
    x: str,
    log: bool = False,
    zero: bool = False,
    share: bool = False,
    floor: float | None = None,
    marks: Sequence[tuple[float, float]] = (),
) -> str:
    """Lines over steps or images; "" where there is no point.

    Args:
        lines: What is drawn.
        about: What it shows, for those who cannot see it.
        x: What the horizontal axis counts.
        log: Whether the vertical axis is logarithmic, where all values are above 0.
        zero: Whether the vertical axis begins at 0.
        share: Whether values are shares, of which the axis shows all from 0 to 1.
        floor: A level to draw dashed.
        marks: Points to mark.
    """
    # What no axis can hold is a file's mistake.
    lines = [
        line._replace(points=[p for p in line.points if max(map(abs, p)) < _MAXIMUM])
        for line in lines
    ]
    floor, marks = (
        (None if floor is None or abs(floor) >= _MAXIMUM else floor),
        [(x, y) for x, y in marks if abs(y) < _MAXIMUM],
    )
    values = [y for line in lines for _, y in line.points] + ([] if floor is None else [floor])
    if not any(line.points for line in lines):
        return ""
    log = log and min(values) > 1 / _MAXIMUM
    with _style():
        figure, axes = _figure(2.5)
        for line in lines:
            points = _thinned(line.points)
            how = {"linewidth": 0.9, "alpha": 0.3} if line.weak else {}
            # A line of one point would not be seen.
            dot = {"marker": "o", "markersize": 3} if len(points) == 1 else {}
            style = "-" if line.color < COLORS else "--"
            (
                axes.plot(*zip(*points, strict=True), style, color=_color(line.color), **how, **dot)
                if points
                else None
            )
        if floor is not None:
            axes.axhline(floor, color=_MUTE, linewidth=1, linestyle=(0, (4, 3)))
        for at in marks:
            axes.plot(
                *at,
                "o",
                markersize=6,
                markeredgecolor=_INK,
                markerfacecolor="none",
                markeredgewidth=1.3,
            )
        if log:
            axes.set_yscale("log")
            _log_ticks(axes.yaxis, min(values), max(values))
        else:
            axes.yaxis.set_major_locator(MaxNLocator(6, steps=_STEPS, min_n_ticks=3))
            axes.yaxis.set_major_formatter(FuncFormatter(short))
            if share:
                _, high = axes.get_ylim()
                axes.set_ylim(0.0, max(1.0, high) if max(values) > 0.5 else high)
            if zero and min(values) >= 0:
                axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=_STEPS, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(short))
        axes.set_xlabel(x)
        axes.margins(x=0.02)
        return _inline(figure, about)


class Interval(NamedTuple):
    """A row of a forest plot: its name, the ratio and the ends of its interval (None: not known)."""

    name: str
    ratio: float
    low: float | None
    high: float | None
    color: int


def forest(rows: Sequence[Interval], *, x: str, about: str) -> str:
    """Ratios with their intervals on a logarithmic axis, and a line at 1; "" where there is no row."""
    rows = [row for row in rows if 1 / _MAXIMUM < row.ratio < _MAXIMUM]
    if not rows:
        return ""
    with _style():
        figure, axes = _figure(0.75 + 0.5 * len(rows), 0.05)
        ends = [1.0]
        for i, row in enumerate(rows):
            at, color = -i, _color(row.color)
            if (
                row.low is not None
                and row.high is not None
                and 1 / _MAXIMUM < row.low <= row.high < _MAXIMUM
            ):
                axes.plot([row.low, row.high], [at, at], color=color, linewidth=2.4)
                ends += [row.low, row.high]
            axes.plot([row.ratio], [at], "o", color=color, markersize=7)
            ends.append(row.ratio)
            # The names are put in last, so that nothing is made of what may stand in them.
            axes.text(
                0,
                at + 0.22,
                f"@{i}@",
                transform=axes.get_yaxis_transform(),
                va="bottom",
                color=_INK,
            )
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
        return re.sub(r"@(\d+)@", lambda m: html.escape(names[int(m[1])]), _inline(figure, about))


def short(value: float, _: object = None) -> str:
    """A number for an axis: 12800 as 12.8k."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.4g}{letter}"
    return f"{value:.4g}".replace("-", "−")


def _style() -> Any:
    """Our style and no other: what a user's own matplotlibrc says must not change a page."""
    own = {**matplotlib.rcParamsDefault, **_STYLE}
    own.pop("backend", None)
    return matplotlib.rc_context(own)


def _color(number: int) -> str:
    return f"#00a0{number % COLORS:02x}"


def _figure(height: float, left: float = 0.5) -> tuple[Figure, Any]:
    """A figure with its axes; margins in inches, alike in all, so that those above each other are in line."""
    figure = Figure(figsize=(4.6, height))
    figure.patch.set_alpha(0)
    axes = figure.add_axes(
        (left / 4.6, 0.44 / height, (4.55 - left) / 4.6, (height - 0.52) / height)
    )
    axes.patch.set_alpha(0)
    return figure, axes


def _log_ticks(axis: Any, low: float, high: float) -> None:
    """Ticks at 1, 2, 5 of every decade, at round numbers where less than two of them would be seen, at decades over many."""
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
    """At most some hundred points, each the mean of as many neighbors."""
    n = math.ceil(len(points) / _POINTS)
    if n <= 1:
        return list(points)
    blocks = (points[i : i + n] for i in range(0, len(points), n))
    return [(sum(x for x, _ in b) / len(b), sum(y for _, y in b) / len(b)) for b in blocks]


def _inline(figure: Figure, about: str) -> str:
    """A figure as an ``<svg>`` element that may stand beside others in one page."""
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
    mark = f"s{hashlib.sha256(body.encode()).hexdigest()[:8]}-"  # ids are of the whole page
    body = re.sub(r'( id="|url\(#|href="#)', lambda m: m[0] + mark, body)
    body = re.sub(r"\n\s*", "\n", body)
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(about)}">{body}'
    )
