"""The section of a run's page about its metrics: values, errors and protocols."""

from __future__ import annotations

from typing import Any

from gan_zoo.reporting.html import Column, Html, figures, fold, join, pairs, section, table, tag
from gan_zoo.reporting.read import dictionary
from gan_zoo.runs.run import Run

_BETTER = dict.fromkeys(("FD", "FID", "KD", "KID", "SWD"), "↓")
_BETTER |= dict.fromkeys(("CS", "IS", "precision", "recall", "density", "coverage"), "↑")
_BETTER |= {"diversity": "→\u00a01", "spectrum": "→\u00a00"}
_ABOUT = (
    "±: standard error over the choice of images; another training seed changes a number far"
    " more. ↓ lower is better, ↑ higher, → towards."
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
        parts.append(fold("All of the stamp", pairs({**stamped, **dictionary(stamp.versions)})))
    return section("Metrics", *parts, about=_ABOUT)


def _own_table(run: Run, own: list[dict[str, Any]], at_end: list[dict[str, Any]]) -> Html:
    """Return the table of the numbers that the run computed itself, with the protocol of each."""
    best_step = run.best[0] if run.best else None
    at_best = {
        record["result"].stamp.metric: record["result"]
        for record in own
        if record["step"] == best_step and not record["final"]
    }
    rows, floors = [], run.floors
    for metric, record in {r["result"].stamp.metric: r for r in at_end}.items():
        result = record["result"]
        rows.append(
            (
                _name(metric),
                _value(result),
                _value(at_best.get(metric)),
                floors.get(metric),
                _protocol(result),
            )
        )
    end = "final" if at_end[0]["final"] else "last"
    columns = [
        Column("metric", False),
        Column(f"{end}, step {at_end[0]['step']:,}"),
        Column(f"best, step {best_step:,.0f}" if best_step is not None else "best"),
        Column("real against real"),
        Column("protocol", False),
    ]
    return table(columns, rows, class_="protocol")


def _added_table(added: list[dict[str, Any]]) -> Html:
    """Return the table of the numbers that commands added later."""
    rows = []
    for record in added:
        result, stamp = record["result"], record["result"].stamp
        rows.append(
            (_name(stamp.metric), record["step"], _value(result), stamp.short(), record["by"])
        )
    columns = [
        Column("metric", False),
        Column("step"),
        Column("value"),
        Column("protocol", False),
        Column("by", False),
    ]
    return table(columns, rows, class_="protocol")


def _value(result: Any) -> Html | None:
    """Return a value with its standard error."""
    if result is None:
        return None
    error = "" if result.error is None else f"± {figures(result.error, 2)}"
    return join([float(result.value), tag("small", error, class_="error")])


def _name(metric: str) -> Html:
    """Return a metric with an arrow to where it is better."""
    return join([metric, tag("small", f"\u00a0{_BETTER.get(metric.split('-')[0], '')}")])


def _protocol(result: Any) -> str:
    """Return how a number was computed, without the name of its metric."""
    stamp = result.stamp.short().partition(" ")[2].strip("()")
    extractor = f"@{result.stamp.extractor_hash[:4]}, " if result.stamp.extractor else ""
    warning = f"; {result.warning}" if result.warning else ""
    return f"{extractor}{stamp}{warning}"
