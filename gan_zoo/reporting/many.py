"""What the pages of several runs and of a comparison say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.evaluation import protocol
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
    section,
    table,
    tag,
    text,
)
from gan_zoo.reporting.one import ALARMS, CURVES, SHARES, body, show, title_of
from gan_zoo.reporting.read import DEFAULTS, Comparison, alarms_of, dictionary, records
from gan_zoo.runs.logs import finite as number
from gan_zoo.runs.run import Run


class _Group(NamedTuple):
    """Runs that are shown by one name and color: those of a variant, or one run."""

    name: str
    runs: list[Run]


def _overlaid(groups: Sequence[_Group], floor: float | None = None) -> tuple[Html, Html]:
    """The score, and the other curves, of several runs in one picture each, over the images that were seen."""
    several = any(len(group.runs) > 1 for group in groups)
    names = [(group.name, i) for i, group in enumerate(groups)]

    def overlaid(
        title: str, unit: str, key: str, key_at: Sequence[tuple[str, int | None]] = (), **how: Any
    ) -> Html:
        lines, strong = [], []
        for i, group in enumerate(groups):
            all_points = [
                points
                for run in group.runs
                if (points := run.series(key.replace("{}", run.extractor), "images"))
            ]
            lines += [plots.Line(points, i, weak=len(all_points) > 1) for points in all_points]
            strong += (
                [plots.Line(_mean(all_points, bool(how.get("log"))), i)]
                if len(all_points) > 1
                else []
            )
        svg = plots.chart([*lines, *strong], f"{title} over images", x="images seen", **how)
        return chart(title, unit, svg, legend(key_at) if key_at else "")

    scores = sorted({run.score_name for group in groups for run in group.runs} - {""})
    shown = []
    for score in scores:
        beside = [("real against real", None)] if floor is not None else []
        unit = "lower is better, logarithmic" + (
            "; pale: each seed, strong: their geometric mean" if several else ""
        )
        shown.append(
            overlaid(score, unit, f"eval/{score}", [*names, *beside], log=True, floor=floor)
        )
    rest = []
    for title, unit, lines, how in [SHARES, *CURVES]:
        for name, key in lines:
            whole = title if len(lines) == 1 else f"{title}: {name}"
            whole = name.capitalize() if title.startswith("Precision") else whole
            unit = (
                "share"
                if name in ("precision", "recall")
                else "1: as real images"
                if name == "diversity"
                else unit
            )
            rest.append(overlaid(whole, unit, key, **how))
    rest = [curves for curves in rest if curves]
    more = join([legend(names), tag("div", *rest, class_="charts")]) if rest else Html("")
    return tag("div", *shown, class_="charts main") if shown else Html(""), more


def _mean(
    series: Sequence[Sequence[tuple[float, float]]], geometric: bool
) -> list[tuple[float, float]]:
    """The mean of several lines, where all of them have begun and none has ended."""
    low, high = max(points[0][0] for points in series), min(points[-1][0] for points in series)
    at = sorted({x for points in series for x, _ in points if low <= x <= high})
    values = np.array([np.interp(at, *zip(*points, strict=True)) for points in series])
    geometric = geometric and bool((values > 0).all())
    mean = np.exp(np.log(values).mean(0)) if geometric else values.mean(0)
    return list(zip(at, mean.tolist(), strict=True))


def _names(runs: Sequence[Run]) -> list[str]:
    """Names of runs that tell them apart: of their folders, with those above where these are equal."""
    paths = [run.folder.resolve() for run in runs]
    deep = 1
    while len({p.parts[-deep:] for p in paths}) < len(set(paths)):
        deep += 1
    return ["/".join(p.parts[-deep:]) for p in paths]


def of_runs(runs: Sequence[Run], date: str, more: Sequence[str] = ()) -> str:
    """The page of several runs; ``more`` are sentences about what is missing."""
    frames, names = Frames(runs), _names(runs)
    missing = [
        *more,
        *(
            f"{name}: {sentence}"
            for name, run in zip(names, runs, strict=True)
            for sentence in run.problems
        ),
    ]
    groups = [_Group(name, [run]) for name, run in zip(names, runs, strict=True)]
    floors = {run.floor for run in runs}
    scores, rest = _overlaid(groups, floors.pop() if len(floors) == 1 else None)
    lead = f"{', '.join(names[:4])}{' …' if len(names) > 4 else ''}"
    players = frames.player([(name, {"": run}) for name, run in zip(names, runs, strict=True)])
    parts = [
        head("gan_zoo runs", f"{len(runs)} runs", lead),
        notice(missing),
        notice(_unlike(runs, names), "Scores that may not be ranked together"),
        section("Side by side", _beside(runs, names)),
        section("Scores", scores),
        section("Samples", players, about=_left_out(frames)),
        section("More curves", rest),
        section("Differences of settings", _differences(runs, names)),
        _each(runs, names, frames),
    ]
    return page(f"{len(runs)} runs", join(parts), frames, date)


def _left_out(frames: Frames) -> str:
    notes = "; ".join(dict.fromkeys(note for of_run in frames.notes for note in of_run))
    return f"Of each run always from the same noise. {capital(notes)}"


def _each(runs: Sequence[Run], names: Sequence[str], frames: Frames) -> Html:
    """Each run's own page, folded."""
    folded = []
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        best = f"best {run.score_name} {figures(run.best[1])}" if run.best else "no score"
        summary = join([tag("b", name), " ", tag("span", best)])
        folded.append(
            fold(
                summary,
                tag("p", title_of(run), class_="lead"),
                body(run, frames, i, alone=False),
                class_="run",
            )
        )
    return section("Each run", *folded)


def _unlike(runs: Sequence[Run], names: Sequence[str]) -> list[str]:
    """Why scores of some runs may not be ranked with those of the first; averaged weights may be what is compared."""
    stamps = []
    for run, name in zip(runs, names, strict=True):
        own = [
            r["result"].stamp
            for r in run.results
            if r["result"].stamp.metric == run.score_name and not r["by"]
        ]
        stamps += [(name, own[-1])] if own else []
    found = []
    for name, stamp in stamps[1:]:
        why = protocol.comparable(stamps[0][1], stamp, subject=("ema",))
        found += [f"{name} and {stamps[0][0]}: {why}"] if why else []
    return found


def _beside(runs: Sequence[Run], names: Sequence[str]) -> Html:
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
        "alarms",
    ]
    columns = [Column("run", False), *map(Column, heads[:-1]), Column(heads[-1], False)]
    rows = []
    for run, name in zip(runs, names, strict=True):
        last = [
            (run.series(f"eval/{m}-{run.extractor}") or [(0, None)])[-1][1]
            for m in ("precision", "recall", "diversity")
        ]
        images = run.metrics[-1].get("images") if run.metrics else None
        speed = int(images / run.training_seconds) if images and run.training_seconds else None
        at, best = run.best or (None, None)
        told = ", ".join(ALARMS.get(a.name, a.name) for a in alarms_of(run)[0]) or "none"
        final = run.scores[-1][1] if run.scores else None
        ratio = f"{run.ratio:.2f}" if run.ratio else None
        rows.append(
            (
                name,
                best,
                None if at is None else int(at),
                final,
                ratio,
                *last,
                run.step,
                speed,
                told,
            )
        )
    return table(columns, rows)


def _differences(runs: Sequence[Run], names: Sequence[str]) -> Html:
    """A row for each setting in which runs differ; data, versions and commit among them."""
    flat = []
    for run in runs:
        kinds = {
            kind: dictionary(run.readable_record.get(kind))
            for kind in ("data", "versions", "machine")
        }
        extra = {f"{kind}: {k}": v for kind, content in kinds.items() for k, v in content.items()}
        flat.append({**run.settings, **extra, "commit": run.readable_record.get("commit")})
    rows = []
    for key in dict.fromkeys(key for content in flat for key in content):
        values = [content.get(key, DEFAULTS.get(key)) for content in flat]
        if any(value != values[0] for value in values):
            rows.append(
                (
                    key,
                    *(tag("code", show(value)) if value is not None else None for value in values),
                )
            )
    if not rows:
        return tag("p", "None: settings, data, versions and machine are the same.")
    return table(
        [Column("setting", False), *(Column(name, False) for name in names)],
        rows,
        class_="settings",
    )


def of_comparison(comparison: Comparison, date: str) -> str:
    """The page of a comparison."""
    about, results = comparison.about, comparison.results
    variants = {
        name: [(seed, run) for v, seed, run in comparison.runs if v == name]
        for name in about["variants"]
    }
    runs, names = (
        [run for _, _, run in comparison.runs],
        [f"{v}, seed {s}" for v, s, _ in comparison.runs],
    )
    frames = Frames(runs)
    colors = {name: i for i, name in enumerate(variants)}
    floor = number(results.get("floor"))
    groups = [_Group(name, [run for _, run in some]) for name, some in variants.items()]
    scores, rest = _overlaid(
        groups, floor if floor is not None else next((r.floor for r in runs if r.floor), None)
    )
    player = frames.player(
        [(name, {str(seed): run for seed, run in some}) for name, some in variants.items()], "seed"
    )
    name = str(about.get("name") or comparison.folder.resolve().name)
    seeds = about.get("seeds")
    n = len(seeds) if isinstance(seeds, list) else 0
    budget = ", ".join(
        f"{v:,} {k}" if number(v) is not None else f"{v} {k}"
        for k, v in dictionary(about.get("budget")).items()
    )
    data = about.get("data") or "data that are not known"
    lead = (
        f"{len(variants)} variants, {n} seed{'s' * (n != 1)} each, on {data};"
        f" {budget}{' a run' if budget else ''}"
    )
    command = (
        tag("pre", about["command"], tabindex=0) if isinstance(about.get("command"), str) else ""
    )
    done = sum(r.get("state") == "done" for r in records(results.get("runs")))
    state = (
        []
        if results.get("complete") is True or not results
        else [f"{done} of {len(variants) * n} runs are done"]
    )
    parts = [
        head(f"gan_zoo comparison {name}", str(about.get("question") or name), lead),
        notice([*state, *comparison.missing]),
        notice(_unlike(runs, names), "Scores that may not be ranked together"),
        _verdicts(results),
        section("Leaderboard", _leaderboard(about, results), about=_protocol(about, results)),
        tag(
            "div",
            section("Scores", scores),
            section("Against the baseline", _forest(results, colors), about=_forest_words(about)),
            class_="two",
        ),
        section("Samples", player, about=_left_out(frames)) if runs else "",
        section("More curves", rest),
        section("All runs", _beside(runs, names) if runs else ""),
        section("Variants", _variants(about), command and tag("h3", "To make it again"), command),
        _each(runs, names, frames) if runs else "",
    ]
    return page(name, join(parts), frames, date)


def _verdicts(results: dict[str, Any]) -> Html:
    """What was found, a sentence for each variant."""
    found = []
    for c in records(results.get("comparisons")):
        if isinstance(c.get("sentence"), str):
            verdict = str(c.get("verdict"))
            kind = f" {verdict}" if verdict in ("better", "worse") else ""
            found.append(
                tag("li", tag("span", verdict, class_=f"verdict{kind}"), " ", c["sentence"])
            )
    return tag("ul", *found, class_="verdicts") if found else Html("")


def _protocol(about: dict[str, Any], results: dict[str, Any]) -> str:
    words = [str(results.get("score") or about.get("score") or "")]
    for key, what in (("floor", "real against real"), ("target", "target")):
        value = number(results.get(key))
        words += [f"{what} {figures(value)}"] if value is not None else []
    words = [", ".join(filter(None, words)) + "; lower is better."]
    choose = about.get("choose")
    return " ".join(
        [*words, f"Ranked by the {choose} of a run." if choose in ("best", "last") else ""]
    )


def _leaderboard(about: dict[str, Any], results: dict[str, Any]) -> Html:
    aggregated = {name: dictionary(v) for name, v in dictionary(results.get("variants")).items()}
    by = "last" if about.get("choose") == "last" else "best"
    scores = {name: number(aggregated.get(name, {}).get(by)) for name in about["variants"]}
    order = sorted(scores, key=lambda name: math.inf if scores[name] is None else scores[name])
    heads = [
        "best",
        "last",
        "last/best",
        "reached target",
        "images to target",
        "time to target",
        "precision",
        "recall",
    ]
    heads += ["parameters G + D", "GFLOP an image"]
    rows = []
    for name in order:
        v, facts = aggregated.get(name, {}), about["variants"][name]
        get = {key: number(value) for key, value in v.items()}.get
        done, failed = int(get("done") or 0), int(get("failed") or 0)
        base = tag("small", " baseline") if name == about.get("baseline") else ""
        lost = tag("small", f" {failed} failed") if failed else ""
        reached = None if get("reached") is None else f"{get('reached'):.0f}/{done + failed}"
        ratio = None if get("ratio") is None else f"{get('ratio'):.2f}"
        nets = [number(dictionary(facts.get("parameters")).get(net)) for net in ("gen", "disc")]
        sizes = " + ".join(plots.short(float(f"{size:.3g}")) for size in nets if size is not None)
        images = get("target_images")
        rows.append(
            (
                join([text(name), base, lost]),
                get("best"),
                get("last"),
                ratio,
                reached,
                None if images is None else int(images),
                duration(get("target_seconds")),
                get("precision"),
                get("recall"),
                sizes,
                number(facts.get("gflop_per_image")),
            )
        )
    return table([Column("variant", False), *map(Column, heads)], rows)


def _forest(results: dict[str, Any], colors: dict[str, int]) -> Html:
    """The ratio of each variant's score to that of the baseline, with its interval, drawn and in figures."""
    drawn, rows = [], []
    for c in records(results.get("comparisons")):
        name, ratio = str(c.get("variant")), number(c.get("ratio"))
        low, high = number(c.get("low")), number(c.get("high"))
        if ratio is not None:
            drawn.append(plots.Interval(name, ratio, low, high, colors.get(name, 0)))
        interval = f"{low:.2f} to {high:.2f}" if low is not None and high is not None else None
        n, detectable = number(c.get("n")), number(c.get("detectable"))
        shown = [None if x is None else f"{x:.2f}" for x in (ratio, detectable)]
        rows.append((name, shown[0], interval, None if n is None else int(n), shown[1]))
    if not rows:
        return Html("")
    svg = plots.forest(
        drawn,
        x="ratio to the baseline (logarithmic); left of 1: better",
        about="ratios with their intervals",
    )
    share = {number(c.get("confidence")) for c in records(results.get("comparisons"))}
    percent = (
        f"{100 * share.pop():g} % interval" if len(share) == 1 and None not in share else "interval"
    )
    heads = ["ratio", percent, "seeds"]
    columns = [
        Column("variant", False),
        *map(Column, heads),
        Column("detectable", True, "ratio from which on it would be seen"),
    ]
    return join(
        [tag("figure", Html(svg), class_="chart forest") if svg else "", table(columns, rows)]
    )


def _forest_words(about: dict[str, Any]) -> str:
    return (
        f"Score over that of {about.get('baseline') or 'the baseline'}, the geometric mean over"
        " seeds, with its interval. Where the interval holds 1, chance may have made the"
        " difference. Detectable: the ratio from which on a difference would be seen with so many"
        " seeds."
    )


def _variants(about: dict[str, Any]) -> Html:
    rows = []
    for name, facts in about["variants"].items():
        settings = dictionary(facts.get("settings"))
        words = (
            join(join([tag("code", f"--{k}={v}"), " "]) for k, v in settings.items())
            if settings
            else "as in the command"
        )
        rows.append(
            (name, words, facts.get("steps") if isinstance(facts.get("steps"), int) else None)
        )
    return table(
        [Column("variant", False), Column("settings", False), Column("steps")],
        rows,
        class_="settings",
    )
