"""The content of a page about one run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from typing import Any

from gan_zoo.config import held_out
from gan_zoo.evaluation.alarms import Alarm
from gan_zoo.evaluation.judgement import judge
from gan_zoo.reporting.curves import SHARES, draw, score_curve, training_curves
from gan_zoo.reporting.html import (
    About,
    Column,
    Frames,
    Html,
    capital,
    command_box,
    duration,
    figures,
    fold,
    head,
    join,
    notice,
    page,
    pairs,
    real_figure,
    section,
    table,
    tag,
)
from gan_zoo.reporting.metrics import metrics_section
from gan_zoo.reporting.read import DEFAULTS, alarms_of, command, dictionary, picture_uri
from gan_zoo.runs.run import Run

ALARMS = {
    "nan": "NaN",
    "collapse": "Collapse",
    "disc_saturated": "D is saturated",
    "gen_stuck": "G is stuck",
    "past_best": "Far past its best",
}

# Sheets of a generator: title, file without its ending, what is to be seen, how to read it.
SHEETS = (
    (
        "Directions",
        "directions",
        "samples that change along the main directions of the generator",
        "Each row goes along one direction of the noise or style, through the same sample in the"
        " middle; found without labels from the first weights of the generator.",
    ),
    (
        "Mixed styles",
        "mix",
        "samples that have some styles of another sample",
        "Each image within has the styles of the image on the left, but at the sizes named there"
        " those of the image above.",
    ),
)


def page_of_run(run: Run, about: About) -> str:
    """Return the page of one run."""
    frames = Frames([run])
    title = about.title or run.name
    top = head(f"gan_zoo run {run.name}" if about.title else "gan_zoo run", title, title_of(run))
    return page(join([top, body(run, frames, 0, about, alone=True)]), frames, about, title)


def body(run: Run, frames: Frames, place: int, about: About, alone: bool) -> Html:
    """Return all about one run except its title.

    Args:
        run: The run.
        frames: The grids of the page.
        place: The number of the run among those of the page.
        about: Of the page.
        alone: Whether the page is about this run only.
    """
    now, ended = alarms_of(run)
    return join(
        [
            *_verdict(run),
            tag("p", _summary(run, now), class_="story"),
            _alarms(now, ended),
            notice(run.problems) if alone else "",
            _facts(run),
            _samples(run, frames, place, about, alone),
            section("Training", training_curves(run)),
            metrics_section(run),
            *_sheets(run, 1e6 if alone else 2e5),
            _nearest_images(run, 1e6 if alone else 2e5) if about.real else "",
            _settings(run),
        ]
    )


def _verdict(run: Run) -> list[Html]:
    """Return what the newest scores of the run say; nothing without scores."""
    own = [record for record in run.results if not record["by"]]
    if not own:
        return []
    last = max(own, key=lambda record: (record["step"], record["final"]))
    newest = [r["result"] for r in own if (r["step"], r["final"]) == (last["step"], last["final"])]
    scores = [(int(step), score) for step, score in run.scores if step <= last["step"]]
    judged = judge(newest, run.floors, scores, run.settings)
    rest = " ".join(filter(None, [*judged.findings, judged.advice]))
    return [
        tag("p", _whole_flags(words), class_=kind)
        for words, kind in ((judged.verdict, "judgment"), (rest, "story"))
        if words
    ]


def _whole_flags(words: str) -> Html:
    """Return a text in which no line ends within a flag."""
    parts = re.split(r"(--[^\s,;]+|`[^`]+`)", words)
    return join(
        tag("span", part.strip("`"), class_="flag") if i % 2 else part
        for i, part in enumerate(parts)
    )


def title_of(run: Run) -> str:
    """Return the nets, the method and the data of a run in a line."""
    s, data = run.settings, dictionary(run.readable_record.get("data"))
    nets = f"{s['gen']} against {s['disc']}" if "gen" in s and "disc" in s else "unknown nets"
    shape = data.get("shape")
    size = "×".join(map(str, shape)) if isinstance(shape, list) else ""
    count, share, images = data.get("count"), s.get("holdout"), ""
    if isinstance(count, int):
        kept = held_out(count, share) if isinstance(share, float) and 0 < share < 1 else 0
        images = f", {count - kept:,} images" + (f" ({kept:,} more were held out)" if kept else "")
    method = [str(s[k]) for k in ("loss", "tricks", "condition") if s.get(k)]
    name = s.get("data") or data.get("name") or "unknown data"
    return f"{', '.join([nets, *method])}, on {name} {size}{images}"


def _summary(run: Run, alarms: Sequence[Alarm]) -> str:
    """Return how the training went, in one to three sentences."""
    steps = run.settings.get("steps")
    planned = f" of {steps:,}" if isinstance(steps, int) and run.step < steps else ""
    sentences = [f"Trained for {run.step:,} steps{planned}."]
    if run.origin:
        where, at = (run.origin.get(name, "unknown") for name in ("run", "step"))
        sentences.append(f"Its first weights were those of {where}, step {at}.")
    if run.best:
        sentences.append(_best_sentence(run, *run.best))
    rollbacks = sum("event/rollback" in record for record in run.metrics)
    if rollbacks:
        times = "once" if rollbacks == 1 else f"{rollbacks} times"
        sentences.append(f"It was rolled back to its best weights {times}.")
    if run.metrics:
        names = ", ".join(ALARMS.get(alarm.name, alarm.name) for alarm in alarms)
        sentences.append(f"Alarms at the end: {names}." if alarms else "No alarm at the end.")
    return " ".join(sentences)


def _best_sentence(run: Run, step: float, value: float) -> str:
    floor = f" (real against real: {figures(run.floor)})" if run.floor is not None else ""
    start = f"Its best {run.score_name} is {figures(value)}{floor}, at step {step:,.0f}"
    last_step, last = run.scores[-1]
    if len(run.scores) == 1:
        return f"{start}, its only evaluation."
    if step == last_step:
        return f"{start}, its last evaluation: longer training may improve it."
    times = f", {run.ratio:.2f} times the best" if run.ratio else ""
    return f"{start}; the last is {figures(last)}{times}."


def _facts(run: Run) -> Html:
    """Return the main numbers, for the top of the page."""
    images = run.metrics[-1].get("images") if run.metrics else None
    facts: list[tuple[str, Any, str]] = []
    if run.best:
        step, value = run.best
        floor = "of real images: not recorded"
        if run.floor is not None:
            floor = f"real images: {figures(run.floor)}, the floor"
        facts.append((f"Best {run.score_name}", value, f"at step {step:,.0f}; {floor}"))
    if run.scores:
        ratio = f"{run.ratio:.2f} times the best" if run.ratio else ""
        note = "the best" if run.ratio == 1 else ratio
        facts.append((f"Last {run.score_name}", run.scores[-1][1], note))
    facts.append(("Steps", run.step, f"{int(images):,} images" if images else ""))
    if run.training_seconds:
        speed = f"{images / run.training_seconds:,.0f} images/s" if images else ""
        facts.append(("Training time", duration(run.training_seconds), speed))
    cells = [
        tag("div", tag("dt", name), tag("dd", value, " ", tag("small", note)))
        for name, value, note in facts
    ]
    return tag("dl", *cells, class_="facts")


def _alarms(now: Sequence[Alarm], ended: Sequence[Alarm]) -> Html:
    """Return the alarms; those that still hold have advice."""
    boxes = []
    for alarm in now:
        name = tag("b", ALARMS.get(alarm.name, alarm.name))
        text = tag("p", name, f" since step {alarm.since:,}: {alarm.seen}.")
        advice = tag("p", "To try: ", _whole_flags(alarm.advice), ".")
        boxes.append(tag("div", text, advice, class_="alarm now"))
    for alarm in ended:
        name = tag("b", ALARMS.get(alarm.name, alarm.name))
        text = tag("p", name, f" from step {alarm.since:,}, ended later: {alarm.seen}.")
        boxes.append(tag("div", text, class_="alarm before"))
    return join(boxes)


def _samples(run: Run, frames: Frames, place: int, about: About, alone: bool) -> Html:
    """Return the grids with their slider, real images beside them, and the scores."""
    real = real_figure(about.real_uri(run) if alone else "")
    player = frames.player([("", {"": run})], still=alone, real=real)
    scores = [curve for curve in (score_curve(run), draw(run, SHARES)) if curve]
    notes = capital("; ".join(frames.notes[place]))
    if not player:
        charts = tag("div", *scores, class_="charts") if scores else ""
        return section("Scores", charts, about=notes)
    # The animation has the same pixels; with it, the page would be twice as large.
    animation = ""
    if (run.folder / "samples.gif").is_file():
        animation = " As an animation: samples.gif in the run's folder."
    sentences = f"Always from the same noise.{animation} {notes}"
    if not scores:
        return section("Samples", player, about=sentences)
    if real:
        content = [player, tag("div", *scores, class_="charts main")]
    else:
        content = [tag("div", player, tag("div", *scores), class_="beside")]
    return section("Samples and scores", *content, about=sentences)


def _sheets(run: Run, budget: float) -> list[Html]:
    """Return the newest sheet of each kind that was made of the run's generator."""
    sections = []
    for title, name, words, about in SHEETS:
        made = [*run.folder.glob(f"{name}.png"), *run.folder.glob(f"{name}-*.png")]
        path = max(made, key=lambda path: path.stat().st_mtime, default=None)
        if path and (uri := picture_uri(path, budget)):
            picture = tag("img", src=uri, alt=words)
            sections.append(_wide_section(title, picture, f"{about} ({path.name})"))
    return sections


def _wide_section(title: str, picture: Html, about: str) -> Html:
    """Return a section with a picture that scrolls where it is wider than the page."""
    return section(title, tag("div", picture, class_="wide sheet", tabindex=0), about=about)


def _nearest_images(run: Run, budget: float) -> Html:
    """Return the picture of gan_zoo memorization, or the command that makes it."""
    title = "Nearest training images"
    made = sorted(run.folder.glob("nearest-step*.png"), key=lambda p: (len(p.name), p.name))
    uri = picture_uri(made[-1], budget) if made else ""
    if uri:
        about = (
            "The samples that are most like copies come first, each beside its nearest training"
            " image; for comparison, the same for held-out images, which cannot be copies"
            f" ({made[-1].name})."
        )
        words = "samples beside their nearest training images"
        picture = tag("img", src=uri, alt=words, data_real="")
        return _wide_section(title, picture, about)
    held = "" if run.settings.get("holdout") else " --held_out_dir=OTHER_PICTURES"
    to_make_it = tag("code", f"gan_zoo memorization {shlex.quote(str(run.folder))}{held}")
    state = "cannot be read; it is made again by " if made else "is missing; it is made by "
    text = f"Does the run copy its training images? The picture about this {state}"
    return section(title, tag("p", text, to_make_it, "; then write this page again."))


def _settings(run: Run) -> Html:
    """Return the settings, how to train the same run again, and on which machine it was."""
    columns = [Column("setting", False), Column("value", False), Column("default", False)]
    given = {k: v for k, v in run.settings.items() if k not in DEFAULTS or v != DEFAULTS[k]}
    rest = {k: v for k, v in run.settings.items() if k not in given}
    parts = []
    if given:
        rows = [_setting(name, value) for name, value in given.items()]
        parts.append(table(columns, rows, class_="settings"))
    if rest:
        pairs_of_rest = [_setting(name, value)[:2] for name, value in rest.items()]
        defaults = table(columns[:2], pairs_of_rest, class_="settings")
        parts.append(fold(f"{len(rest)} settings at their defaults", defaults))
    if run.settings:
        parts += _train_again(run)
    machine: dict[str, Any] = {
        name: run.readable_record[name]
        for name in ("started", "commit", "command")
        if name in run.readable_record
    }
    for kind in ("from", "data", "versions", "machine"):
        machine |= {f"{kind}: {k}": v for k, v in dictionary(run.readable_record.get(kind)).items()}
    for name, part in dictionary(run.readable_record.get("plugins")).items():
        mark = str(dictionary(part).get("sha256") or "unknown")[:8]
        machine[f"plugin: {name}"] = f"{dictionary(part).get('spec')}, SHA-256 {mark}"
    if machine:
        parts.append(fold("Data, versions and machine", pairs(machine)))
    return section("Settings", *parts)


def _setting(name: str, value: Any) -> tuple[str, Html, Any]:
    """Return the name, the value and the default of a setting."""
    default: Any = "unknown to this version"
    if name in DEFAULTS:
        default = tag("code", setting_text(DEFAULTS[name]))
    return name, tag("code", setting_text(value)), default


def _train_again(run: Run) -> list[Html]:
    """Return the command that trains the same run again, and its version."""
    commit = run.readable_record.get("commit")
    version = f"At commit {str(commit).rstrip('+')[:12]}" if commit else "The version is unknown"
    changed = ", with uncommitted changes" if str(commit).endswith("+") else ""
    parts = [
        tag("h3", "To train it again"),
        command_box(command(run)),
        tag("p", f"{version}{changed}."),
    ]
    if history := run.steps_history:
        lengths = ", ".join(f"--steps={steps} up to step {step:,}" for step, steps in history)
        text = (
            f"It had another length before ({lengths}): a learning rate that decays to the last"
            " step was different there."
        )
        parts.append(tag("p", text))
    return parts


def setting_text(value: Any) -> str:
    """Return the value of a setting as text."""
    return value or "(empty)" if isinstance(value, str) else json.dumps(value)
