"""HTML by hand: elements, tables, legends, and the page around them.

Every text passes through :func:`text`, which escapes all but what is marked as HTML of our own; and
a page forbids itself all scripts but its one, and all loading.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_zoo.reporting import plots
from gan_zoo.reporting.read import uris
from gan_zoo.runs.run import Run

MARK = (  # by it, a page is known to be ours
    '<meta name="generator" content="gan_zoo gan_zoo report">'
)
_ONE, _ALL = 3e6, 8e6  # bytes of grids in the page of one run, and of several
_VOID = ("img", "input")
_HERE = Path(__file__).parent


class Html(str):
    """HTML of our own, which is not escaped."""

    __slots__ = ()


def text(value: Any) -> Html:
    """Anything as HTML: numbers for people, a dash for None, texts escaped."""
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
    """A number with so many significant digits, and a true minus."""
    shown = f"{value:,.0f}" if 10 ** (digits - 1) <= abs(value) < 1e9 else f"{value:#.{digits}g}"
    return shown.replace("-", "−")


def duration(seconds: float | None) -> str | None:
    """A time in the unit that suits it."""
    if seconds is None:
        return None
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def capital(words: str) -> str:
    """Words as a sentence, with its full stop; nothing for none."""
    return f"{words[0].upper()}{words[1:]}." if words else ""


def tag(name: str, *children: Any, **attributes: Any) -> Html:
    """An element; attributes as keywords: ``class_`` for class, ``data_x`` for data-x, None for none."""
    words = "".join(
        f' {k.rstrip("_").replace("_", "-")}="{html.escape(str(v))}"'
        for k, v in attributes.items()
        if v is not None
    )
    return Html(
        f"<{name}{words}>" if name in _VOID else f"<{name}{words}>{join(children)}</{name}>"
    )


def join(parts: Iterable[Any]) -> Html:
    """One after the other."""
    return Html("".join(map(text, parts)))


class Column(NamedTuple):
    """The head of a column, whether it holds numbers, and what it means, for the pointer."""

    head: str
    numbers: bool = True
    title: str | None = None


def table(columns: Sequence[Column], rows: Iterable[Sequence[Any]], **attributes: Any) -> Html:
    """A table that scrolls by itself where it is too wide; the first cell of a row names it."""
    kinds = ["n" if column.numbers else None for column in columns]
    head = join(
        tag("th", c.head, class_=k, title=c.title, scope="col")
        for c, k in zip(columns, kinds, strict=True)
    )
    body = []
    for first, *cells in rows:
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


def pairs(content: dict[str, Any]) -> Html:
    """Names and values."""
    rows = [
        (k, tag("code", v if isinstance(v, str) else json.dumps(v))) for k, v in content.items()
    ]
    return table([Column("", False), Column("", False)], rows, class_="pairs")


def section(title: str, *children: Any, about: Any = "") -> Html:
    """A part of the page; nothing where there is nothing in it."""
    if not any(children):
        return Html("")
    return tag(
        "section", tag("h2", title), tag("p", about, class_="about") if about else "", *children
    )


def fold(summary: Any, *children: Any, **attributes: Any) -> Html:
    """What is shown when it is asked for."""
    return tag("details", tag("summary", summary), *children, **attributes)


def notice(sentences: Sequence[str], title: str = "Not all of it is there") -> Html:
    """A box at the top of the page; nothing where there is nothing to say."""
    return (
        tag("aside", tag("b", title), tag("ul", *(tag("li", s) for s in sentences)))
        if sentences
        else Html("")
    )


def head(kind: str, title: str, lead: str) -> Html:
    """The top of the page."""
    return tag(
        "header", tag("p", kind, class_="kind"), tag("h1", title), tag("p", lead, class_="lead")
    )


def legend(names: Iterable[tuple[str, int | None]]) -> Html:
    """Names with the number of their color; None is the floor's dashes."""
    entries = []
    for name, color in names:
        style = None if color is None else f"--k:var(--c{color % plots.COLORS})"
        dashed = "dash" if color is None or color >= plots.COLORS else None
        entries.append(tag("span", tag("i", style=style, class_=dashed), name))
    return tag("div", *entries, class_="key")


def chart(title: str, unit: str, svg: str, key: Html | str = "") -> Html:
    """A picture of curves with its title; nothing where there is no picture."""
    if not svg:
        return Html("")
    caption = tag("figcaption", tag("b", title), " ", tag("span", unit), key)
    return tag("figure", caption, Html(svg), class_="chart")


class Frames:
    """The grids of samples in a page: each run's once, however often it is shown.

    Attributes:
        notes: By run, what was left out, in words.
    """

    def __init__(self, runs: Sequence[Run]):
        """Read and compress those of all runs, within the budget of the page."""
        self._runs = list(runs)
        found = [uris(run, min(_ONE, _ALL / len(runs))) for run in runs]
        self._uris = [pairs for pairs, _ in found]
        self.notes = [note for _, note in found]
        self._by_images = len(runs) > 1 and all(run.batch for run in runs)

    def json(self) -> str:
        """All of them for the page's script: by number of the run, [place on the slider, step, URI] of each."""
        by = [run.batch or 1 if self._by_images else 1 for run in self._runs]
        content = {
            i: [[step * b, step, uri] for step, uri in self._uris[i]] for i, b in enumerate(by)
        }
        return json.dumps(content, separators=(",", ":"))

    def player(
        self, wanted: Sequence[tuple[str, dict[str, Run]]], choice: str = "", still: bool = True
    ) -> Html:
        """Grids beside each other with one slider over the steps.

        Args:
            wanted: For each grid its title and its runs, by what is chosen.
            choice: What is chosen by a control, such as ``seed``; "" where there is one run each.
            still: Whether the last grid also stands in the page itself, for readers without
                scripts.
        """
        shown, options = [], list(dict.fromkeys(option for _, runs in wanted for option in runs))
        for title, runs in wanted:
            numbers = {option: self._number(run) for option, run in runs.items()}
            if not any(self._uris[i] for i in numbers.values()):
                continue
            last = (
                next(pairs[-1][1] for i in numbers.values() if (pairs := self._uris[i]))
                if still
                else None
            )
            picture = tag(
                "img", src=last, alt=f"samples {title}".strip(), data_runs=json.dumps(numbers)
            )
            caption = [tag("b", title), " "] if title else []
            shown.append(
                tag("figure", picture, tag("figcaption", *caption, tag("span", class_="at")))
            )
        if not shown:
            return Html("")
        select = tag("select", *(tag("option", option, value=option) for option in options))
        control = [tag("label", f"{choice} ", select)] if choice and len(options) > 1 else []
        unit = "images seen" if self._by_images else "step"
        slider = tag("input", type="range", min=0, max=0, value=0, aria_label=unit)
        bar = tag(
            "div",
            tag("button", "Play", type="button"),
            slider,
            tag("output"),
            *control,
            class_="bar",
        )
        grids = tag("div", *shown, class_="grids" if len(shown) > 1 else "grids single")
        return tag("div", grids, bar, class_="player", data_unit=unit, data_first=options[0])

    def _number(self, run: Run) -> int:
        return next(i for i, r in enumerate(self._runs) if r is run)


def page(title: str, body: Html, frames: Frames, date: str) -> str:
    """The whole file."""
    style, script = (
        (_HERE / f"page.{ending}").read_text(encoding="utf-8") for ending in ("css", "js")
    )
    known = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{known}'"
    )
    # "</script" and "<!--" in data would end it or change how it is read.
    data = frames.json().replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{MARK}
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
<footer>Made by gan_zoo, gan_zoo report, on {text(date)}. Nothing in this page is loaded from elsewhere.</footer>
</main>
<script type="application/json" id="frames">{data}</script>
<script>{script}</script>
</body>
</html>
"""
