"""The content of a page about a comparison."""

from __future__ import annotations

import math
import re
from typing import Any

from gan_zoo.comparison.results import (
    ONE_SEED,
    budget_of,
    command_of,
    many_verdicts,
    selected_score,
)
from gan_zoo.reporting import plots
from gan_zoo.reporting.curves import Group, overlaid_curves, overlaid_scores
from gan_zoo.reporting.html import (
    About,
    Column,
    Frames,
    Html,
    command_box,
    duration,
    figures,
    head,
    join,
    notice,
    page,
    section,
    table,
    tag,
    text,
)
from gan_zoo.reporting.many import (
    NOT_COMPARABLE,
    about_samples,
    each_run,
    not_comparable,
    real_images,
    side_by_side,
)
from gan_zoo.reporting.read import Comparison, dictionary, records
from gan_zoo.runs.logs import finite as number


def page_of_comparison(comparison: Comparison, asked: About) -> str:
    """Return the page of a comparison, whatever is there of it yet."""
    about, results = comparison.about, comparison.results
    name = str(about.get("name") or comparison.folder.resolve().name)
    runs = [run for _, _, run in comparison.runs]
    names = [f"{variant}, seed {seed}" for variant, seed, _ in comparison.runs]
    variants = {
        variant: {str(seed): run for v, seed, run in comparison.runs if v == variant}
        for variant in about["variants"]
    }
    colors = {variant: i for i, variant in enumerate(variants)}
    groups = [Group(name, list(runs.values()), colors[name]) for name, runs in variants.items()]
    floor = number(results.get("floor"))
    if floor is None:
        floor = next((run.floor for run in runs if run.floor), None)
    frames = Frames(runs)
    ratios = section("Against the baseline", _ratios(results, colors), about=_about_ratios(about))
    title = asked.title or str(about.get("question") or name)
    parts = [
        head(f"gan_zoo comparison {name}", title, _lead(about)),
        _verdicts(results),
        notice([*_progress(comparison), *comparison.missing]),
        notice(not_comparable(runs, names), NOT_COMPARABLE),
    ]
    if runs:
        real = real_images(runs, asked)
        player = frames.player(list(variants.items()), "seed", real=real)
        parts.append(section("Samples", player, about=about_samples(frames)))
    parts += [
        tag("div", section("Scores", overlaid_scores(groups, floor)), ratios, class_="two"),
        section("Leaderboard", _leaderboard(about, results), about=_protocol(about, results)),
        section("Rungs", _rungs(about), about=_ABOUT_RUNGS),
        section("More curves", overlaid_curves(groups)),
    ]
    if runs:
        parts.append(section("All runs", side_by_side(runs, names)))
    parts.append(section("Variants", _variants(about), *_command(about)))
    if runs:
        parts.append(each_run(runs, names, frames, asked))
    return page(join(parts), frames, asked, title)


def _seed_count(about: dict[str, Any]) -> int:
    seeds = about.get("seeds")
    return len(seeds) if isinstance(seeds, list) else 0


def _lead(about: dict[str, Any]) -> str:
    """Return what was compared, in a line."""
    count = _seed_count(about)
    seeds = f"{count} seed{'s' * (count != 1)} {'in the final' if about.get('search') else 'each'}"
    budget = budget_of(about)
    return (
        f"{len(about['variants'])} variants, {seeds}, on {about.get('data') or 'unknown data'}"
        f"{'; ' if budget else ''}{budget}"
    )


def _progress(comparison: Comparison) -> list[str]:
    """Return a sentence if some runs are not done."""
    results = comparison.results
    if not results or results.get("complete") is True:
        return []
    done = sum(run.get("state") == "done" for run in records(results.get("runs")))
    total = len(comparison.about["variants"]) * _seed_count(comparison.about)
    return [f"{done} of {total} runs are done"]


def _command(about: dict[str, Any]) -> list[Html]:
    """Return the command that makes the comparison again; nothing if it was not recorded."""
    command = command_of(about)
    return [tag("h3", "To run it again"), command_box(command)] if command else []


def _verdicts(results: dict[str, Any]) -> Html:
    """Return a sentence for each variant."""
    items = []
    for each in records(results.get("comparisons")):
        if isinstance(each.get("sentence"), str):
            verdict = str(each.get("verdict"))
            kind = verdict if verdict in ("better", "worse") else None
            sentence = each["sentence"]
            # Others begin with the name of a variant, which stays.
            sentence = re.sub("^no evidence", "No evidence", sentence)
            items.append(tag("li", sentence, class_=kind))
    if not items:
        return Html("")
    warning = many_verdicts(len(items))
    note = tag("p", warning, class_="about") if warning else ""
    return join([tag("ul", *items, class_="verdicts"), note])


def _select(about: dict[str, Any]) -> str:
    """Return which score of a run counts: ``best`` or ``last``."""
    return "last" if selected_score(about) == "last" else "best"


def _protocol(about: dict[str, Any], results: dict[str, Any]) -> str:
    """Return how the scores were computed."""
    words = [str(results.get("score") or about.get("score") or "")]
    floor, target = (number(results.get(key)) for key in ("floor", "target"))
    words += [] if floor is None else [f"real against real {figures(floor)}"]
    words += [] if target is None else [f"target {figures(target)}"]
    scores = ", ".join(filter(None, words))
    sentences = [f"{scores}; lower is better. Ranked by the {_select(about)} score of a run."]
    if floor is not None:
        sentences.append("Real against real (the floor) is what other real images score.")
    if target is not None:
        sentences.append("The columns of the target: how many runs reached it, and how soon.")
    return " ".join(sentences)


_ABOUT_RUNGS = (
    "The score of each candidate at the end of each rung, with the first seed. The best go on where"
    " they stopped; the baseline always does."
)


def _rungs(about: dict[str, Any]) -> Html:
    """Return the scores of the candidates of a search at each rung; nothing for a comparison."""
    rungs = records(about.get("rungs"))
    if not rungs:
        return Html("")
    scores = [dictionary(rung.get("scores")) for rung in rungs]
    columns = [Column("candidate", False)]
    for k, rung in enumerate(rungs):
        share = number(rung.get("share"))
        of_budget = "" if share is None else f": {share:.3g} of the budget"
        columns.append(Column(f"rung {k + 1}{of_budget}"))
    columns.append(Column("left at rung"))
    rows = [
        (name, *(number(found.get(name)) for found in scores), _left(facts))
        for name, facts in about["variants"].items()
    ]
    rows.sort(key=lambda row: -(row[-1] or math.inf))
    return table(columns, rows)


def _left(facts: dict[str, Any]) -> int | None:
    """Return the rung at which a candidate of a search left, or None."""
    left = facts.get("left")
    return left if isinstance(left, int) and left > 0 else None


def _leaderboard(about: dict[str, Any], results: dict[str, Any]) -> Html:
    """Return a table with a row for each variant, the best first, those that left at the end."""
    summaries = {name: dictionary(v) for name, v in dictionary(results.get("variants")).items()}
    select = _select(about)

    def place(name: str) -> tuple[float, float]:
        value = number(summaries.get(name, {}).get(select))
        return -(_left(about["variants"][name]) or math.inf), math.inf if value is None else value

    heads = [
        "best",
        "last",
        "last/best",
        "reached target",
        "images to target",
        "time to target",
        "precision",
        "recall",
        "parameters G + D",
        "GFLOP per image",
    ]
    rows = [
        _variant_row(about, name, summaries.get(name, {}))
        for name in sorted(about["variants"], key=place)
    ]
    return table([Column("variant", False), *map(Column, heads)], rows)


def _variant_row(about: dict[str, Any], name: str, summary: dict[str, Any]) -> tuple[Any, ...]:
    """Return the row of a variant in the leaderboard."""
    facts = about["variants"][name]
    values = {key: number(value) for key, value in summary.items()}
    done, failed = int(values.get("done") or 0), int(values.get("failed") or 0)
    base = tag("small", " baseline") if name == about.get("baseline") else ""
    lost = tag("small", f" {failed} failed") if failed else ""
    left = _left(facts)
    early = tag("small", f" left at rung {left}") if left else ""
    reached, ratio = values.get("reached"), values.get("ratio")
    images = values.get("target_images")
    return (
        join([text(name), base, lost, early]),
        values.get("best"),
        values.get("last"),
        None if ratio is None else f"{ratio:.2f}",
        None if reached is None else f"{reached:.0f}/{done + failed}",
        None if images is None else int(images),
        duration(values.get("target_seconds")),
        values.get("precision"),
        values.get("recall"),
        _parameters(facts),
        number(facts.get("gflop_per_image")),
    )


def _parameters(facts: dict[str, Any]) -> str:
    """Return the numbers of parameters of both nets, with three digits."""
    nets = dictionary(facts.get("parameters"))
    sizes = [number(nets.get(net)) for net in ("gen", "disc")]
    return " + ".join(plots.short(float(f"{size:.3g}")) for size in sizes if size is not None)


def _ratios(results: dict[str, Any], colors: dict[str, int]) -> Html:
    """Return the ratio of each variant's score to the baseline's, as a chart and a table."""
    intervals, rows = [], []
    for each in records(results.get("comparisons")):
        name, ratio = str(each.get("variant")), number(each.get("ratio"))
        low, high = number(each.get("low")), number(each.get("high"))
        if ratio is not None:
            intervals.append(plots.Interval(name, ratio, low, high, colors.get(name, 0)))
        interval = f"{low:.2f} to {high:.2f}" if low is not None and high is not None else None
        n, detectable = number(each.get("n")), number(each.get("detectable"))
        shown = [None if x is None else f"{x:.2f}" for x in (ratio, detectable)]
        rows.append((name, shown[0], None if n is None else int(n), interval, shown[1]))
    if not rows:
        return Html("")
    given = 5 if any(row.low is not None for row in intervals) else 3
    svg = plots.forest(
        intervals,
        x="ratio to the baseline (logarithmic); left of 1: better",
        about="ratios with their intervals",
    )
    columns = [
        Column("variant", False),
        Column("ratio"),
        Column("seeds"),
        Column(_interval_head(results)),
        Column("detectable", True, "the smallest ratio that would be seen"),
    ]
    drawn = tag("figure", Html(svg), class_="chart forest") if svg else ""
    return join([drawn, table(columns[:given], [row[:given] for row in rows])])


def _interval_head(results: dict[str, Any]) -> str:
    """Return the head of the intervals' column, with their confidence if all have the same."""
    levels = {number(each.get("confidence")) for each in records(results.get("comparisons"))}
    level = levels.pop() if len(levels) == 1 else None
    return "interval" if level is None else f"{100 * level:g} % interval"


def _about_ratios(about: dict[str, Any]) -> str:
    baseline = about.get("baseline") or "the baseline"
    if _seed_count(about) == 1:
        return f"Score divided by that of {baseline}. {ONE_SEED}"
    return (
        f"Score divided by that of {baseline}, the geometric mean"
        " over seeds, with its interval. If the interval contains 1, the difference may be by"
        " chance. Detectable: the smallest ratio that would be seen with so many seeds."
    )


def _variants(about: dict[str, Any]) -> Html:
    """Return the settings and the steps of each variant."""
    rows = []
    for name, facts in about["variants"].items():
        settings, steps = dictionary(facts.get("settings")), facts.get("steps")
        words = "as in the command"
        if settings:
            words = join(join([tag("code", f"--{k}={v}"), " "]) for k, v in settings.items())
        rows.append((name, words, steps if isinstance(steps, int) else None))
    columns = [Column("variant", False), Column("settings", False), Column("steps")]
    return table(columns, rows, class_="settings")
