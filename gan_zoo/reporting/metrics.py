"""The section of a run's page about its metrics: values, errors and protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gan_zoo.evaluation.judgement import better, judge, stamp_line
from gan_zoo.evaluation.protocol import Stamp
from gan_zoo.reporting.html import (
    Column,
    Html,
    capital,
    decimals,
    figures,
    fixed,
    fold,
    join,
    pairs,
    section,
    table,
    tag,
    text,
)
from gan_zoo.reporting.read import dictionary
from gan_zoo.runs.run import Run

_ARROWS = {"lower": "↓", "higher": "↑", "near 1": "→\u00a01", "near 0": "→\u00a00"}
_ABOUT = (
    "↓ lower is better, ↑ higher, → towards. Real against real is the floor: what other real images"
    " score, so that a generator can hardly do better. ±: standard error over the choice of images,"
    " of a Frechet distance over that of the samples alone; another training seed changes a number"
    " far more."
)
_STAMP = (
    "The stamp of a number says how it was computed: @ and the mark of the feature network, the"
    " numbers of fake and real images, the split, name and hash of the data, how they were resized,"
    " and whether the samples come from the EMA, the moving average of G's weights. Only numbers"
    " with equal stamps compare."
)


def metrics_section(run: Run) -> Html:
    """Return the numbers of a run at its end and at its best, and those that commands added."""
    own = [record for record in run.results if not record["by"]]
    finals = [record for record in own if record["final"]]
    last = max((record["step"] for record in own), default=0)
    at_end = finals or [record for record in own if record["step"] == last]
    parts = [_own_table(run, own, at_end)] if at_end else []
    if added := [record for record in run.results if record["by"]]:
        parts.append(fold(f"Recorded by commands ({len(added)})", _added_table(added)))
    stamps = [record["result"].stamp for record in at_end]
    for stamp in {s.extractor_hash: s for s in stamps if s.extractor}.values():
        names = ("extractor", "extractor_hash", "data_hash", "seed")
        stamped = {name: getattr(stamp, name) for name in names}
        content = pairs({**stamped, **dictionary(stamp.versions)})
        parts.append(fold("All of the stamp", tag("p", _STAMP, class_="about"), content))
    return section("Metrics", *parts, about=_ABOUT)


def _own_table(run: Run, own: list[dict[str, Any]], at_end: list[dict[str, Any]]) -> Html:
    """Return the table of the numbers that the run computed itself, and their stamp."""
    best_step = run.best[0] if run.best else None
    at_best = {
        record["result"].stamp.metric: record["result"]
        for record in own
        if record["step"] == best_step and not record["final"]
    }
    results = {r["result"].stamp.metric: r["result"] for r in at_end}
    marks = judge(list(results.values()), run.floors).marks
    rows = []
    for metric, result in results.items():
        name = join([_name(result.stamp), tag("small", " (*)") if metric in marks else ""])
        rows.append((name, *_alike(result, at_best.get(metric), run.floors.get(metric))))
    end = "final" if at_end[0]["final"] else "last"
    columns = [
        Column("metric", False),
        Column(f"{end}, step {at_end[0]['step']:,}"),
        Column(f"best, step {best_step:,.0f}" if best_step is not None else "best"),
        Column("real against real"),
    ]
    notes = [f"(*) {' and '.join(names)}: says nothing, {why}." for why, names in _by_value(marks)]
    warnings = {m: result.warning for m, result in results.items() if result.warning}
    notes += [
        f"{', '.join(names)}: {warning.rstrip('.')}." for warning, names in _by_value(warnings)
    ]
    notes.append(capital(stamp_line([result.stamp for result in results.values()])))
    return join([table(columns, rows), *(tag("p", note, class_="stamp") for note in notes)])


def _by_value(content: Mapping[str, str]) -> Iterable[tuple[str, list[str]]]:
    """Return the values of a mapping, each with its keys."""
    keys: dict[str, list[str]] = {}
    for key, value in content.items():
        keys.setdefault(value, []).append(key)
    return keys.items()


def _alike(last: Any, best: Any, floor: float | None) -> list[Html | None]:
    """Return a metric's last value, its best and its floor, all with as many decimals."""
    values = [floor, *(each.value for each in (last, best) if each is not None)]
    digits = decimals([value for value in values if value is not None])
    return [
        _value(last, digits),
        _value(best, digits),
        None if floor is None else text(fixed(floor, digits)),
    ]


def _added_table(added: list[dict[str, Any]]) -> Html:
    """Return the table of the numbers that commands added later."""
    rows = []
    for record in added:
        result, stamp = record["result"], record["result"].stamp
        rows.append((_name(stamp), record["step"], _value(result), stamp.short(), record["by"]))
    columns = [
        Column("metric", False),
        Column("step"),
        Column("value"),
        Column("protocol", False),
        Column("by", False),
    ]
    return table(columns, rows, class_="protocol")


def _value(result: Any, digits: int | None = None) -> Html | None:
    """Return a value with its standard error, with so many decimals if that is given."""
    if result is None:
        return None
    error = "" if result.error is None else f"± {figures(result.error, 2)}"
    value = figures(result.value) if digits is None else fixed(result.value, digits)
    return join([value, tag("small", error, class_="error")])


def _name(stamp: Stamp) -> Html:
    """Return a metric with an arrow to where it is better."""
    return join([stamp.metric, tag("small", f"\u00a0{_ARROWS.get(better(stamp), '')}")])
