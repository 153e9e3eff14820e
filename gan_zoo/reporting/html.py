"""Build HTML: elements, tables, legends, and the page around them.

Every text passes through :func:`text`, which escapes everything that is not :class:`Html`. A page
allows no script but its own, and loads nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_zoo.reporting import plots
from gan_zoo.reporting.read import picture_uri, uris
from gan_zoo.runs.run import Run

MARK = '<meta name="generator" content="gan_zoo'  # all our pages have it, also older ones
_RUN_BYTES, _PAGE_BYTES = 3e6, 8e6  # of the grids of one run, and of all runs in a page
_REAL_BYTES = 4e5  # of a picture of real images
REAL_SHOWN = "It holds images of the training data; gan_zoo report --noreal leaves them out."
_VOID = ("img", "input")
_FOLDER = Path(__file__).parent


class Html(str):
    """HTML that is not escaped."""

    __slots__ = ()


def text(value: Any) -> Html:
    """Return any value as HTML: numbers in a readable form, a dash for None, texts escaped."""
    if isinstance(value, Html):
        return value
    if value is None:
        return Html("–")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    elif isinstance(value, int):
        value = f"{value:,}"
    elif isinstance(value, float):
        value = figures(value)
    return Html(html.escape(str(value).replace("\0", "\ufffd")))


def figures(value: float, digits: int = 4) -> str:
    """Return a number with so many significant digits, and a minus sign."""
    shown = f"{value:,.0f}" if 10 ** (digits - 1) <= abs(value) < 1e9 else f"{value:#.{digits}g}"
    return shown.replace("-", "−")


def decimals(values: Iterable[float]) -> int:
    """Return with how many decimals numbers of one kind are shown: four digits of the largest."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return min(4, max(0, 3 - math.floor(math.log10(largest)))) if largest else 0


def fixed(value: float, digits: int) -> str:
    """Return a number with so many decimals, and a minus sign; in full where that says nothing."""
    if abs(value) >= 1e9 or (value and abs(value) < 0.5 * 10**-digits):
        return figures(value, 2)
    return f"{value:,.{digits}f}".replace("-", "−")


def duration(seconds: float | None) -> str | None:
    """Return a time in seconds, minutes or hours; None for None."""
    if seconds is None:
        return None
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def capital(words: str) -> str:
    """Return words as a sentence, with a capital letter and a full stop; "" for ""."""
    return f"{words[0].upper()}{words[1:]}." if words else ""


def tag(name: str, *children: Any, **attributes: Any) -> Html:
    """Return an element.

    Args:
        name: Its tag.
        *children: Its content.
        **attributes: Its attributes: ``class_`` for class, ``data_x`` for data-x; None for none.
    """
    words = "".join(
        f' {k.rstrip("_").replace("_", "-")}="{html.escape(str(v))}"'
        for k, v in attributes.items()
        if v is not None
    )
    return Html(
        f"<{name}{words}>" if name in _VOID else f"<{name}{words}>{join(children)}</{name}>"
    )


def join(parts: Iterable[Any]) -> Html:
    """Return the parts one after the other."""
    return Html("".join(map(text, parts)))


class Column(NamedTuple):
    """The head of a column, whether it holds numbers, and its meaning, shown on hovering."""

    head: str
    numbers: bool = True
    title: str | None = None


def table(columns: Sequence[Column], rows: Iterable[Sequence[Any]], **attributes: Any) -> Html:
    """Return a table, which scrolls if it is too wide; the first cell of a row names it."""
    kinds = ["n" if column.numbers else None for column in columns]
    head = join(
        tag("th", c.head, class_=k, title=c.title, scope="col")
        for c, k in zip(columns, kinds, strict=True)
    )
    body = []
    for first, *cells in _aligned(rows):
        named = tag("th", first, scope="row")
        body.append(
            tag(
                "tr",
                named,
                *(tag("td", cell, class_=k) for cell, k in zip(cells, kinds[1:], strict=True)),
            )
        )
    return tag(
        "div",
        tag("table", tag("thead", tag("tr", head)), tag("tbody", *body), **attributes),
        class_="wide",
        tabindex=0,
    )


def _aligned(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Return rows with the floats of each column as texts with equally many decimals."""
    columns = []
    for column in zip(*rows, strict=True):
        floats = [value for value in column if isinstance(value, float)]
        digits = decimals(floats)
        columns.append([fixed(v, digits) if isinstance(v, float) else v for v in column])
    return [list(row) for row in zip(*columns, strict=True)]


def command_box(command: str) -> Html:
    """Return a command that wraps, with a button that copies it."""
    button = tag("button", "Copy", type="button", class_="copy")
    return tag("div", tag("pre", command, tabindex=0), button, class_="command")


def real_figure(uri: str) -> Html:
    """Return the picture of real images with its caption; nothing without a picture."""
    if not uri:
        return Html("")
    caption = tag("figcaption", tag("b", "Real images"), " ", tag("span", "of the training data"))
    picture = tag("img", src=uri, alt="real images of the training data", data_real="")
    return tag("figure", picture, caption, class_="real")


def pairs(content: dict[str, Any]) -> Html:
    """Return a table of names and values."""
    rows = [
        (k, tag("code", v if isinstance(v, str) else json.dumps(v))) for k, v in content.items()
    ]
    return table([Column("", False), Column("", False)], rows, class_="pairs")


def section(title: str, *children: Any, about: Any = "") -> Html:
    """Return a section of the page; nothing if it is empty."""
    if not any(children):
        return Html("")
    return tag(
        "section", tag("h2", title), tag("p", about, class_="about") if about else "", *children
    )


def fold(summary: Any, *children: Any, **attributes: Any) -> Html:
    """Return an element that is folded until the reader opens it."""
    return tag("details", tag("summary", summary), *children, **attributes)


def notice(sentences: Sequence[str], title: str = "Some of it is missing") -> Html:
    """Return a box at the top of the page; nothing if there are no sentences."""
    if not sentences:
        return Html("")
    return tag("aside", tag("b", title), tag("ul", *(tag("li", s) for s in sentences)))


def head(kind: str, title: str, lead: str) -> Html:
    """Return the top of the page."""
    return tag(
        "header", tag("p", kind, class_="kind"), tag("h1", title), tag("p", lead, class_="lead")
    )


def legend(names: Iterable[tuple[str, int | None]]) -> Html:
    """Return a legend of names with the number of their color; None is a dashed line."""
    entries = []
    for name, color in names:
        style = None if color is None else f"--k:var(--c{color % plots.COLORS})"
        dashed = "dash" if color is None or color >= plots.COLORS else None
        entries.append(tag("span", tag("i", style=style, class_=dashed), name))
    return tag("div", *entries, class_="key")


def chart(title: str, unit: str, svg: str, key: Html | str = "") -> Html:
    """Return a picture of curves with its title; nothing if there is no picture."""
    if not svg:
        return Html("")
    caption = tag("figcaption", tag("b", title), " ", tag("span", unit, class_="unit"), key)
    return tag("figure", caption, Html(svg), class_="chart")


class Frames:
    """The grids of samples in a page: those of each run once, however often they are shown.

    Attributes:
        notes: For each run, sentences about grids that were left out.
    """

    def __init__(self, runs: Sequence[Run]):
        """Read and compress the grids of all runs, within the budget of the page."""
        self._runs = list(runs)
        read = [uris(run, min(_RUN_BYTES, _PAGE_BYTES / len(runs))) for run in runs]
        self._uris = [grids for grids, _ in read]
        self.notes = [notes for _, notes in read]
        self._by_images = len(runs) > 1 and all(run.batch for run in runs)

    def json(self) -> str:
        """Return all grids for the page's script: by number of the run, [place, step, URI].

        The place on the slider is the step, or the images seen if all runs of several know them.
        """
        batches = [run.batch or 1 if self._by_images else 1 for run in self._runs]
        content = {
            i: [[step * batch, step, uri] for step, uri in self._uris[i]]
            for i, batch in enumerate(batches)
        }
        return json.dumps(content, separators=(",", ":"))

    def player(
        self,
        groups: Sequence[tuple[str, dict[str, Run]]],
        choice: str = "",
        still: bool = True,
        real: Html | str = "",
    ) -> Html:
        """Return grids beside each other with one slider over the steps.

        Args:
            groups: For each grid its title, and its runs by option of the choice.
            choice: The name of the choice, such as ``seed``; "" if there is one run each.
            still: Whether the page shows the last grid also without scripts.
            real: A figure of real images, to stand beside the grids.
        """
        figures = [self._figure(title, runs, still) for title, runs in groups]
        shown = [figure for figure in figures if figure]
        if not shown:
            return Html("")
        options = list(dict.fromkeys(option for _, runs in groups for option in runs))
        select = tag("select", *(tag("option", option, value=option) for option in options))
        control = [tag("label", f"{choice} ", select)] if choice and len(options) > 1 else []
        unit = "images seen" if self._by_images else "step"
        slider = tag("input", type="range", min=0, max=0, value=0, aria_label=unit)
        play = tag("button", "Play", type="button")
        bar = tag("div", play, slider, tag("output"), *control, class_="bar")
        words = {"data_unit": unit, "data_first": options[0]}
        if len(shown) > 1:
            grids = tag("div", *shown, real, class_="grids")
            return tag("div", grids, bar, class_="player", **words)
        kind = "player pair" if real else "player"
        grids = tag("div", *shown, class_="grids single")
        return tag("div", grids, bar, real, class_=kind, **words)

    def _figure(self, title: str, runs: dict[str, Run], still: bool) -> Html:
        """Return the grid of a player; nothing if none of its runs has grids."""
        numbers = {option: self._number(run) for option, run in runs.items()}
        with_grids = [i for i in numbers.values() if self._uris[i]]
        if not with_grids:
            return Html("")
        last = self._uris[with_grids[0]][-1][1] if still else None
        picture = tag(
            "img", src=last, alt=f"samples {title}".strip(), data_runs=json.dumps(numbers)
        )
        caption = [tag("b", title or "Samples"), " "]
        return tag("figure", picture, tag("figcaption", *caption, tag("span", class_="at")))

    def _number(self, run: Run) -> int:
        return next(i for i, r in enumerate(self._runs) if r is run)


class About(NamedTuple):
    """What is asked of a page.

    Attributes:
        date: When it is written.
        title: Its title; "" for one made of names.
        real: Whether real images are shown, those of training data.
        follows: For a page from a server: the mark of what it shows; "" for a file.
    """

    date: str
    title: str = ""
    real: bool = True
    follows: str = ""

    def real_uri(self, run: Run) -> str:
        """Return the grid of real images that a run trains on, or ""."""
        return picture_uri(run.real_grid, _REAL_BYTES, run) if self.real else ""


def page(body: Html, frames: Frames, about: About, title: str) -> str:
    """Return the whole file."""
    style, script = (
        (_FOLDER / f"page.{ending}").read_text(encoding="utf-8") for ending in ("css", "js")
    )
    known = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{known}'"
    )
    policy += "; connect-src 'self'" if about.follows else ""
    follows = f' data-follows="{about.follows}"' if about.follows else ""
    shown = ' data-real="' in body
    footer = join(
        [
            f"Written by gan_zoo report on {about.date}. This page loads nothing from elsewhere.",
            f" {REAL_SHOWN}" if shown else "",
        ]
    )
    # "</script" and "<!--" in data would end it or change how it is read.
    data = frames.json().replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en"{follows}>
<head>
<meta charset="utf-8">
{MARK} report">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{text(title)} · gan_zoo</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
<footer>{footer}</footer>
</main>
<script type="application/json" id="frames">{data}</script>
<script>{script}</script>
</body>
</html>
"""
