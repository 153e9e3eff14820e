"""The content of a page about several runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gan_zoo.reporting.curves import (
    Group,
    overlaid_curves,
    overlaid_scores,
    score_stamp,
    why_not_comparable,
)
from gan_zoo.reporting.html import (
    About,
    Column,
    Frames,
    Html,
    capital,
    figures,
    fold,
    head,
    join,
    notice,
    page,
    real_figure,
    section,
    table,
    tag,
)
from gan_zoo.reporting.one import ALARMS, body, setting_text, title_of
from gan_zoo.reporting.read import DEFAULTS, alarms_of, dictionary
from gan_zoo.runs.run import Run

NOT_COMPARABLE = "Scores that must not be ranked together"


def page_of_runs(runs: Sequence[Run], about: About) -> str:
    """Return the page of several runs."""
    frames, names = Frames(runs), _names(runs)
    missing = [
        f"{name}: {sentence}"
        for name, run in zip(names, runs, strict=True)
        for sentence in run.problems
    ]
    groups = [Group(name, [run], i) for i, (name, run) in enumerate(zip(names, runs, strict=True))]
    floors = {run.floor for run in runs}
    floor = floors.pop() if len(floors) == 1 else None
    grids = [(name, {"": run}) for name, run in zip(names, runs, strict=True)]
    players = frames.player(grids, real=real_images(runs, about))
    lead = f"{', '.join(names[:4])}{' …' if len(names) > 4 else ''}"
    title = about.title or f"{len(runs)} runs"
    parts = [
        head("gan_zoo runs", title, lead),
        notice(not_comparable(runs, names), NOT_COMPARABLE),
        notice(missing),
        section("Samples", players, about=about_samples(frames)),
        section("Scores", overlaid_scores(groups, floor)),
        section("Side by side", side_by_side(runs, names)),
        section("More curves", overlaid_curves(groups)),
        section("Differences of settings", _differences(runs, names)),
        each_run(runs, names, frames, about),
    ]
    return page(join(parts), frames, about, title)


def real_images(runs: Sequence[Run], about: About) -> Html:
    """Return a picture of real images; nothing if not all runs have the same data."""
    data = [dictionary(run.readable_record.get("data")) for run in runs]
    if len({str((each.get("hash"), each.get("shape"))) for each in data}) != 1:
        return Html("")
    return real_figure(next(filter(None, (about.real_uri(run) for run in runs)), ""))


def _names(runs: Sequence[Run]) -> list[str]:
    """Return different names of runs: their folders, with parents if these are equal."""
    paths = [run.folder.resolve() for run in runs]
    depth = 1
    while len({p.parts[-depth:] for p in paths}) < len(set(paths)):
        depth += 1
    return ["/".join(p.parts[-depth:]) for p in paths]


def about_samples(frames: Frames) -> str:
    """Return sentences about the grids of a page."""
    notes = "; ".join(dict.fromkeys(note for of_run in frames.notes for note in of_run))
    return f"For each run always from the same noise. {capital(notes)}"


def each_run(runs: Sequence[Run], names: Sequence[str], frames: Frames, about: About) -> Html:
    """Return the content of each run's page, folded."""
    folded = []
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        best = f"best {run.score_name} {figures(run.best[1])}" if run.best else "no score"
        summary = join([tag("b", name), " ", tag("span", best)])
        lead = tag("p", title_of(run), class_="lead")
        content = body(run, frames, i, about, alone=False)
        folded.append(fold(summary, lead, content, class_="run"))
    return section("Each run", *folded)


def not_comparable(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """Return why scores of some runs must not be ranked with those of the first."""
    scored = [
        (name, run) for name, run in zip(names, runs, strict=True) if score_stamp(run) is not None
    ]
    return [
        f"{name} and {scored[0][0]}: {why}"
        for name, run in scored[1:]
        if (why := why_not_comparable(scored[0][1], run))
    ]


def side_by_side(runs: Sequence[Run], names: Sequence[str]) -> Html:
    """Return a table with a row for each run."""
    heads = [
        "best score",
        "at step",
        "last",
        "last/best",
        "precision",
        "recall",
        "diversity",
        "steps",
        "images/s",
    ]
    columns = [Column("run", False), *map(Column, heads), Column("alarms", False)]
    rows = [(name, *_cells(run)) for run, name in zip(runs, names, strict=True)]
    return table(columns, rows)


def _cells(run: Run) -> list[Any]:
    """Return the row of a run."""
    step, best = run.best or (None, None)
    images = run.metrics[-1].get("images") if run.metrics else None
    return [
        best,
        None if step is None else int(step),
        run.scores[-1][1] if run.scores else None,
        f"{run.ratio:.2f}" if run.ratio else None,
        *(_last(run, metric) for metric in ("precision", "recall", "diversity")),
        run.step,
        int(images / run.training_seconds) if images and run.training_seconds else None,
        ", ".join(ALARMS.get(alarm.name, alarm.name) for alarm in alarms_of(run)[0]) or "none",
    ]


def _last(run: Run, metric: str) -> float | None:
    """Return the last value of a metric, or None."""
    values = run.series(f"eval/{metric}-{run.extractor}")
    return values[-1][1] if values else None


def _differences(runs: Sequence[Run], names: Sequence[str]) -> Html:
    """Return a row for each setting that differs; data, versions and commit are among them."""
    flat = []
    for run in runs:
        kinds = {
            kind: dictionary(run.readable_record.get(kind))
            for kind in ("data", "versions", "machine")
        }
        plugins = dictionary(run.readable_record.get("plugins"))
        kinds["plugin"] = {k: str(dictionary(v).get("sha256"))[:8] for k, v in plugins.items()}
        extra = {f"{kind}: {k}": v for kind, content in kinds.items() for k, v in content.items()}
        flat.append({**run.settings, **extra, "commit": run.readable_record.get("commit")})
    rows = []
    for key in dict.fromkeys(key for content in flat for key in content):
        values = [content.get(key, DEFAULTS.get(key)) for content in flat]
        if any(value != values[0] for value in values):
            shown = [None if v is None else tag("code", setting_text(v)) for v in values]
            rows.append((key, *shown))
    if not rows:
        return tag("p", "None: settings, data, versions and machine are the same.")
    columns = [Column("setting", False), *(Column(name, False) for name in names)]
    return table(columns, rows, class_="settings")
