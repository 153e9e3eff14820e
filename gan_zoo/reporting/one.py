"""What the page of one run says."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from gan_zoo.config import held_out
from gan_zoo.reporting import plots
from gan_zoo.reporting.html import (
    Column,
    Frames,
    Html,
    capital,
    chart,
    duration,
    figures,
    fold,
    head,
    join,
    legend,
    notice,
    page,
    pairs,
    section,
    table,
    tag,
)
from gan_zoo.reporting.read import DEFAULTS, alarms_of, command, dictionary, picture_uri
from gan_zoo.runs.run import Run

ALARMS = {
    "nan": "NaN",
    "collapse": "Collapse",
    "disc_saturated": "D is saturated",
    "gen_stuck": "G is stuck",
    "past_best": "Far past its best",
}

# What the curves of a run show: title, unit, (name, key) of each line; {} stands for the feature
# network.
_Curves = tuple[str, str, list[tuple[str, str]], dict[str, bool]]
CURVES: list[_Curves] = [
    ("Losses", "means over the chunks of steps", [("D", "loss/disc"), ("G", "loss/gen")], {}),
    ("Logits of D", "0: undecided", [("real", "logits/real"), ("fake", "logits/fake")], {}),
    (
        "Accuracy of D",
        "share of images; 0.5: it cannot tell",
        [("accuracy", "accuracy/disc")],
        {"share": True},
    ),
    (
        "Gradient norms",
        "logarithmic",
        [("D", "grad_norm/disc"), ("G", "grad_norm/gen")],
        {"log": True},
    ),
    (
        "Speed",
        "images a second, evaluations not counted",
        [("speed", "speed/images_per_second")],
        {"zero": True},
    ),
]
SHARES: _Curves = (
    "Precision, recall, diversity",
    "shares of images; diversity is 1 for real ones",
    [
        ("precision", "eval/precision-{}"),
        ("recall", "eval/recall-{}"),
        ("diversity", "eval/diversity-{}"),
    ],
    {"share": True},
)
_PLAIN = {key for _, _, lines, _ in CURVES for _, key in lines}


def _curves(run: Run) -> Html:
    """All curves of one run but the score, over its steps."""
    charts = [_chart(run, *curves) for curves in [*CURVES, *_others(run)]]
    return tag("div", *charts, class_="charts") if any(charts) else Html("")


def _chart(
    run: Run, title: str, unit: str, lines: Sequence[tuple[str, str]], how: dict[str, bool]
) -> Html:
    drawn = [(name, run.series(key.replace("{}", run.extractor))) for name, key in lines]
    drawn = [(name, points) for name, points in drawn if points]
    svg = plots.chart(
        [plots.Line(points, i) for i, (_, points) in enumerate(drawn)], title, x="steps", **how
    )
    return chart(
        title,
        unit,
        svg,
        legend([(name, i) for i, (name, _) in enumerate(drawn)]) if len(drawn) > 1 else "",
    )


def _score(run: Run) -> Html:
    """The score over the steps, with its floor and its best."""
    if not run.best:
        return Html("")
    lines, about = [plots.Line(run.scores)], f"{run.score_name} over steps"
    svg = plots.chart(lines, about, x="steps", log=True, floor=run.floor, marks=[run.best])
    floor = [] if run.floor is None else [("real against real", None)]
    return chart(
        run.score_name,
        "lower is better, logarithmic; the ring is the best",
        svg,
        legend([("samples", 0), *floor]),
    )


def _others(run: Run) -> list[_Curves]:
    """What tricks logged: one chart for each."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for key in dict.fromkeys(key for record in run.metrics for key in record):
        trick, slash, name = key.partition("/")
        if slash and key not in _PLAIN and trick not in ("eval", "speed", "event"):
            groups.setdefault(trick, []).append((name, key))
    return [(trick, "logged by the trick", lines, {}) for trick, lines in list(groups.items())[:6]]


def title_of(run: Run) -> str:
    """What was trained on what, in a line."""
    s, data = run.settings, dictionary(run.readable_record.get("data"))
    nets = (
        f"{s['gen']} against {s['disc']}"
        if "gen" in s and "disc" in s
        else "nets that are not known"
    )
    shape = data.get("shape")
    size = "×".join(map(str, shape)) if isinstance(shape, list) else ""
    count, share, images = data.get("count"), s.get("holdout"), ""
    if isinstance(count, int):
        kept = held_out(count, share) if isinstance(share, float) and 0 < share < 1 else 0
        images = f", {count - kept:,} images" + (f" ({kept:,} more were held out)" if kept else "")
    rest = [str(s[k]) for k in ("loss", "tricks", "condition") if s.get(k)]
    return (
        f"{', '.join([nets, *rest])}, on"
        f" {s.get('data') or data.get('name') or 'data that are not known'} {size}{images}"
    )


def _story(run: Run, alarms: Sequence[Any]) -> str:
    """How a run went, in a sentence or three."""
    steps = run.settings.get("steps")
    done = f"{run.step:,} steps" + (
        f" of {steps:,}" if isinstance(steps, int) and run.step < steps else ""
    )
    words = [f"Trained for {done}."]
    if run.best:
        at, value = run.best
        floor = run.floor
        beside = f" (real against real: {figures(floor)})" if floor is not None else ""
        words.append(f"Its best {run.score_name} is {figures(value)}{beside}, at step {at:,.0f}")
        if len(run.scores) == 1:
            words[-1] += ", its only evaluation."
        elif at == run.scores[-1][0]:
            words[-1] += ", its last evaluation: it was still getting better, or had just done so."
        else:
            times = f", {run.ratio:.2f} times the best" if run.ratio else ""
            words[-1] += f"; the last is {figures(run.scores[-1][1])}{times}."
    back = sum("event/rollback" in record for record in run.metrics)
    if back:
        words.append(
            f"It went back to its best weights {'once' if back == 1 else f'{back} times'}."
        )
    if run.metrics:
        names = ", ".join(ALARMS.get(a.name, a.name) for a in alarms)
        words.append(f"Alarms at the end: {names}." if alarms else "No alarm at the end.")
    return " ".join(words)


def _facts(run: Run) -> Html:
    """The figures of the head."""
    value = run.best[1] if run.best else None
    last = run.scores[-1][1] if run.scores else None
    floor = f"real images: {figures(run.floor)}" if run.floor is not None else "floor not recorded"
    images = run.metrics[-1].get("images") if run.metrics else None
    speed = (
        f"{images / run.training_seconds:,.0f} images/s" if images and run.training_seconds else ""
    )
    facts = [
        (f"Best {run.score_name}", value, f"at step {run.best[0]:,.0f}; {floor}")
        if run.best
        else None,
        (
            (
                f"Last {run.score_name}",
                last,
                (
                    "the best"
                    if run.ratio == 1
                    else f"{run.ratio:.2f} times the best"
                    if run.ratio
                    else ""
                ),
            )
            if run.scores
            else None
        ),
        ("Steps", run.step, f"{int(images):,} images" if images else ""),
        ("Training time", duration(run.training_seconds), speed) if run.training_seconds else None,
    ]
    cells = [tag("div", tag("dt", f[0]), tag("dd", f[1]), tag("small", f[2])) for f in facts if f]
    return tag("dl", *cells, class_="facts")


def _alarms(now: Sequence[Any], before: Sequence[Any]) -> Html:
    """The alarms, each with what to try."""
    parts = []
    for kind, some in (("now", now), ("before", before)):
        for a in some:
            since = (
                f"since step {a.since:,}"
                if kind == "now"
                else f"from step {a.since:,}, and later no longer"
            )
            what = tag("p", tag("b", ALARMS.get(a.name, a.name)), f" {since}: {a.seen}.")
            parts.append(
                tag(
                    "div",
                    what,
                    tag("p", f"To try: {a.advice}.") if kind == "now" else "",
                    class_=f"alarm {kind}",
                )
            )
    return join(parts)


_BETTER = {
    "FD": "↓",
    "FID": "↓",
    "KD": "↓",
    "KID": "↓",
    "SWD": "↓",
    "CS": "↑",
    "IS": "↑",
    "precision": "↑",
    "recall": "↑",
}
_BETTER |= {"density": "↑", "coverage": "↑", "diversity": "→\u00a01", "spectrum": "→\u00a00"}


def _metrics(run: Run) -> Html:
    """The numbers that a run gave itself, at the end and at its best, each with its stamp; and what tools recorded."""
    own = [r for r in run.results if not r["by"]]
    finals = [r for r in own if r["final"]]
    at_end = finals or [r for r in own if r["step"] == max((r["step"] for r in own), default=0)]
    best_step = run.best[0] if run.best else None
    at_best = {
        r["result"].stamp.metric: r["result"]
        for r in own
        if r["step"] == best_step and not r["final"]
    }
    floors, rows = run.floors, []

    def value(result: Any) -> Html | None:
        if result is None:
            return None
        error = (
            tag("small", class_="error")
            if result.error is None
            else tag("small", f"± {figures(result.error, 2)}", class_="error")
        )
        return join([float(result.value), error])

    def name(metric: str) -> Html:
        return join([metric, tag("small", f"\u00a0{_BETTER.get(metric.split('-')[0], '')}")])

    for record in {r["result"].stamp.metric: r for r in at_end}.values():
        result, metric = record["result"], record["result"].stamp.metric
        stamp = result.stamp.short().partition(" ")[2].strip("()")
        mark = f"@{result.stamp.extractor_hash[:4]}, " if result.stamp.extractor else ""
        warning = f"; {result.warning}" if result.warning else ""
        rows.append(
            (
                name(metric),
                value(result),
                value(at_best.get(metric)),
                floors.get(metric),
                f"{mark}{stamp}{warning}",
            )
        )
    step = at_end[0]["step"] if at_end else 0
    ends = f"{'final' if finals else 'last'}, step {step:,}"
    best = f"best, step {best_step:,.0f}" if best_step is not None else "best"
    columns = [
        Column("metric", False),
        Column(ends),
        Column(best),
        Column("real against real"),
        Column("protocol", False),
    ]
    parts = [table(columns, rows, class_="protocol")] if rows else []
    tools = [r for r in run.results if r["by"]]
    if tools:
        rows = [
            (
                name(r["result"].stamp.metric),
                r["step"],
                value(r["result"]),
                r["result"].stamp.short(),
                r["by"],
            )
            for r in tools
        ]
        columns = [
            Column("metric", False),
            Column("step"),
            Column("value"),
            Column("protocol", False),
            Column("by", False),
        ]
        parts.append(
            fold(f"Recorded by tools ({len(tools)})", table(columns, rows, class_="protocol"))
        )
    stamps = {
        r["result"].stamp.extractor_hash: r["result"].stamp
        for r in at_end
        if r["result"].stamp.extractor
    }
    for stamp in stamps.values():
        whole = {
            k: v
            for k, v in stamp._asdict().items()
            if k in ("extractor", "extractor_hash", "data_hash", "seed")
        }
        parts.append(fold("The whole stamp", pairs({**whole, **dictionary(stamp.versions)})))
    about = (
        "±: standard error over the choice of images; another training seed moves a number far"
        " more. ↓ lower is better, "
    )
    return section("Metrics", *parts, about=about + "↑ higher, → towards.")


def _neighbors(run: Run, budget: float) -> Html:
    """The picture of gan_zoo memorization, or how to make it."""
    made = sorted(run.folder.glob("nearest-step*.png"), key=lambda p: (len(p.name), p.name))
    uri = picture_uri(made[-1], budget) if made else ""
    if uri:
        words = (
            "Samples that look most like copies first, each beside the training image nearest to"
            " it; for scale the same of "
        )
        words += f"held-out images, which it cannot have copied ({made[-1].name})."
        picture = tag("img", src=uri, alt="samples beside their nearest training images")
        return section(
            "Nearest training images",
            tag("div", picture, class_="wide neighbors", tabindex=0),
            about=words,
        )
    held = "" if run.settings.get("holdout") else " --held_out_dir=OTHER_PICTURES"
    command = tag("code", f"gan_zoo memorization {shlex.quote(str(run.folder))}{held}")
    what = "cannot be read; make it anew" if made else "is not there yet; it is made"
    return section(
        "Nearest training images",
        tag(
            "p", f"Does it copy? The picture of that {what} by ", command, ", then this page again."
        ),
    )


def _settings(run: Run) -> Html:
    """What was set, what was not, how to do it again, and on which machine it was."""
    columns = [Column("setting", False), Column("value", False), Column("default", False)]

    def row(name: str, value: Any) -> tuple[Any, Any, Any]:
        default = (
            tag("code", show(DEFAULTS[name])) if name in DEFAULTS else "unknown to this version"
        )
        return name, tag("code", show(value)), default

    given = {k: v for k, v in run.settings.items() if k not in DEFAULTS or v != DEFAULTS[k]}
    rest = {k: v for k, v in run.settings.items() if k not in given}
    parts = (
        [table(columns, [row(*item) for item in given.items()], class_="settings")] if given else []
    )
    if rest:
        defaults = table(columns[:2], [row(*item)[:2] for item in rest.items()], class_="settings")
        parts.append(fold(f"{len(rest)} settings at their defaults", defaults))
    if run.settings:
        commit = run.readable_record.get("commit")
        exact = (
            f"At commit {str(commit).rstrip('+')[:12]}"
            if commit
            else "Of a version that is not known"
        )
        changed = ", with changes that were not committed" if str(commit).endswith("+") else ""
        parts += [
            tag("h3", "To make it again"),
            tag("pre", command(run), tabindex=0),
            tag("p", f"{exact}{changed}."),
        ]
        if lengths := run.steps_history:
            were = ", ".join(f"--steps={steps} up to step {step:,}" for step, steps in lengths)
            parts.append(
                tag(
                    "p",
                    f"It had another length before ({were}): a rate that falls to the last step was"
                    " another there.",
                )
            )
    machine = {
        k: run.readable_record[k]
        for k in ("started", "commit", "command")
        if k in run.readable_record
    }
    for kind in ("data", "versions", "machine"):
        machine |= {f"{kind}: {k}": v for k, v in dictionary(run.readable_record.get(kind)).items()}
    if machine:
        parts.append(fold("Data, versions and machine", pairs(machine)))
    return section("Settings", *parts)


def show(value: Any) -> str:
    """A setting, as it is written."""
    return value or "(empty)" if isinstance(value, str) else json.dumps(value)


def body(run: Run, frames: Frames, place: int, alone: bool) -> Html:
    """All of one run but its title."""
    now, before = alarms_of(run)
    return join(
        [
            tag("p", _story(run, now), class_="story"),
            notice(run.problems) if alone else "",
            _facts(run),
            _alarms(now, before),
            _samples(run, frames, place, alone),
            section("Training", _curves(run)),
            _metrics(run),
            _neighbors(run, 1e6 if alone else 2e5),
            _settings(run),
        ]
    )


def _samples(run: Run, frames: Frames, place: int, alone: bool) -> Html:
    """The grids with their slider, and beside them what they were judged to be."""
    player = frames.player([("", {"": run})], still=alone)
    scores = [found for found in (_score(run), _chart(run, *SHARES)) if found]
    notes = capital("; ".join(frames.notes[place]))
    if not player:
        return section(
            "Scores", tag("div", *scores, class_="charts") if scores else "", about=notes
        )
    # The film has the same pixels; with it, the page would be twice as large.
    film = (
        " The same as a film: samples.gif in the run's folder."
        if (run.folder / "samples.gif").is_file()
        else ""
    )
    about = f"Always from the same noise.{film} {notes}"
    if not scores:
        return section("Samples", player, about=about)
    return section(
        "Samples and scores", tag("div", player, tag("div", *scores), class_="beside"), about=about
    )


def of_run(run: Run, date: str) -> str:
    """The page of one run."""
    frames = Frames([run])
    top = head("gan_zoo run", run.name, title_of(run))
    return page(run.name, join([top, body(run, frames, 0, alone=True)]), frames, date)
