"""Alarms over the history of a run: what happened, since when, and what to try.

Pure functions of the records in ``metrics.jsonl``, so a resumed run raises the same alarms as an
uninterrupted one. Records are of two kinds, both with ``step``: of training (``loss/disc``,
``accuracy/disc``, ``grad_norm/gen`` ...) and of evaluation (``eval/...``). A value of None is what
JSON has for NaN and infinity. No TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gan_zoo.evaluation import advice
from gan_zoo.evaluation.advice import Settings, any_of

Record = Mapping[str, Any]


class Alarm(NamedTuple):
    """Something is wrong.

    Attributes:
        name: ``nan``, ``collapse``, ``disc_saturated``, ``gen_stuck`` or ``past_best``.
        since: The step at which it began.
        seen: What happened, a sentence without its full stop.
        advice: What to try, a sentence without its full stop. Parts are named as flags, such as
            ``--loss=hinge``.
    """

    name: str
    since: int
    seen: str
    advice: str

    def __str__(self) -> str:
        """One line for logs."""
        return f"{self.name} since step {self.since}: {self.seen}; {self.advice}."


def check(
    history: Sequence[Record],
    *,
    score: str = "",
    floor: float = 0.0,
    diversity: str = "",
    recall: str = "",
    settings: Settings | None = None,
) -> list[Alarm]:
    """Return all alarms that hold at the end of a history; values that are missing raise none.

    Args:
        history: Records in the order of their steps, each with ``step``.
        score: Key of the metric by which checkpoints are chosen, lower is better, such as
            ``eval/FD-embedded``.
        floor: The score of real images against real images; differences of its size are chance.
        diversity: Key of the samples' diversity over that of real images, such as
            ``eval/diversity-embedded``.
        recall: Key of recall, such as ``eval/recall-embedded``.
        settings: Of the run, by name; what it has is not advised.
    """
    own = settings or {}
    alarms = [
        nan(history, own),
        collapse(history, own, diversity=diversity, recall=recall),
        disc_saturated(history, own),
        gen_stuck(history, own),
        past_best(history, own, score=score, floor=floor),
    ]
    return [alarm for alarm in alarms if alarm is not None]


def _series(history: Sequence[Record], key: str) -> list[tuple[int, float]]:
    """Return the (step, value) pairs of one key, without values that are missing or not finite."""
    return [
        (r["step"], float(r[key]))
        for r in history
        if r.get(key) is not None and math.isfinite(r[key])
    ]


def _since(series: Sequence[tuple[int, float]], bad: Sequence[bool], least: int) -> int | None:
    """Return the step since which all values are bad; None for fewer than ``least`` of them."""
    length = 0
    while length < len(bad) and bad[-1 - length]:
        length += 1
    return series[-length][0] if length >= least else None


def nan(history: Sequence[Record], settings: Settings) -> Alarm | None:
    """A value of the newest record is NaN, infinite, or None (JSON's word for both)."""
    if not history:
        return None
    newest = history[-1]
    bad = sorted(
        k for k, v in newest.items() if v is None or (isinstance(v, float) and not math.isfinite(v))
    )
    if not bad:
        return None
    rates = [advice.lower_rate(settings, net) for net in ("disc", "gen")]
    options = [*rates, *advice.penalties(settings), *advice.spectral_norm(settings)]
    return Alarm(
        "nan",
        newest["step"],
        f"{', '.join(bad)} {'is' if len(bad) == 1 else 'are'} NaN or infinite",
        f"go back to the last good checkpoint with {any_of(options)}",
    )


def collapse(
    history: Sequence[Record],
    settings: Settings,
    *,
    diversity: str,
    recall: str,
    part: float = 0.5,
    least: int = 2,
) -> Alarm | None:
    """The samples have lost their variety, for ``least`` evaluations running.

    Their diversity has fallen below ``part`` of the best that the run has had, or recall has fallen
    below a tenth of its best (where that was at least 0.1), or diversity is below a quarter of the
    real images' after five evaluations. A fall below a quarter of the run's best raises the alarm
    at the first evaluation.
    An untrained generator has no variety, so none is expected of it at first.
    """
    options = [
        advice.lower_rate(settings, "disc"),
        *advice.penalties(settings),
        *advice.augmentations(settings),
        advice.larger_batch(settings),
    ]
    remedy = f"go back to the best checkpoint; try {any_of(options)}"
    series = _series(history, diversity)
    values = [v for _, v in series]
    best = [max(values[: i + 1]) for i in range(len(values))]
    since = _since(series, [v < part * b for v, b in zip(values, best, strict=True)], least)
    if since is None and series and values[-1] < part / 2 * best[-1]:
        since = series[-1][0]
    if since is not None:
        seen = (
            f"the samples' diversity is {values[-1]:.2f} of real images', and was {best[-1]:.2f} at"
            " its best"
        )
        return Alarm("collapse", since, seen, remedy)
    since = _since(series, [v < 0.25 and i >= 5 for i, v in enumerate(values)], least)
    if since is not None:
        return Alarm(
            "collapse",
            since,
            f"the samples' diversity is only {values[-1]:.2f} of real images'",
            remedy,
        )
    series = _series(history, recall)
    values = [v for _, v in series]
    best = [max(values[: i + 1]) for i in range(len(values))]
    since = _since(
        series, [b >= 0.1 and v < 0.1 * b for v, b in zip(values, best, strict=True)], least
    )
    if since is not None:
        seen = (
            f"recall is {values[-1]:.3f}, and was {best[-1]:.3f} at its best: kinds of images have"
            " been lost"
        )
        return Alarm("collapse", since, seen, remedy)
    return None


def disc_saturated(
    history: Sequence[Record], settings: Settings, *, accuracy: float = 0.995, least: int = 5
) -> Alarm | None:
    """D tells real from fake almost without error, for ``least`` records running.

    Then G learns little from it.
    """
    series = _series(history, "accuracy/disc")
    since = _since(series, [v >= accuracy for _, v in series], least)
    if since is None:
        return None
    options = [
        advice.fewer_steps(settings),
        advice.lower_rate(settings, "disc"),
        "a narrower D",
        *advice.harder_tasks(settings),
        *advice.penalties(settings),
    ]
    return Alarm(
        "disc_saturated",
        since,
        f"D is right about {100 * series[-1][1]:.1f} % of images",
        f"if the score no longer falls, try {any_of(options)}",
    )


def gen_stuck(
    history: Sequence[Record], settings: Settings, *, part: float = 1e-3, least: int = 5
) -> Alarm | None:
    """G no longer changes, for ``least`` records running.

    Its gradient norm is below ``part`` of its median over the first half of the run.
    """
    series = _series(history, "grad_norm/gen")
    if len(series) < 2 * least:
        return None
    first_half = sorted(v for _, v in series[: len(series) // 2])
    median = first_half[len(first_half) // 2]
    since = _since(series, [v < part * median for _, v in series], least)
    if since is None:
        return None
    options = [
        advice.lower_rate(settings, "disc"),
        "a higher one for G",
        *advice.losses(settings),
    ]
    return Alarm(
        "gen_stuck",
        since,
        f"G's gradient norm is {series[-1][1]:.2g}, and was {median:.2g} before",
        f"D may be saturated: try {any_of(options)}",
    )


def past_best(
    history: Sequence[Record],
    settings: Settings,
    *,
    score: str,
    floor: float = 0.0,
    factor: float = 1.5,
    least: int = 2,
) -> Alarm | None:
    """The metric is ``factor`` times its best or worse, for ``least`` evaluations running.

    The alarm's step is that of the best evaluation. If the best score is below 2 x floor,
    2 x floor is used: ratios of such small scores are random.
    """
    series = _series(history, score)
    if not series:
        return None
    values = [v for _, v in series]
    best = [min(values[: i + 1]) for i in range(len(values))]
    worse = [v >= factor * max(b, 2 * floor) for v, b in zip(values, best, strict=True)]
    if _since(series, worse, least) is None:
        return None
    step = series[values.index(best[-1])][0]
    options = [
        advice.lower_rate(settings, "disc"),
        advice.lower_rate(settings, "gen"),
        *advice.averages(settings),
    ]
    return Alarm(
        "past_best",
        step,
        f"{score.split('/')[-1]} is {values[-1]:.4g}, and was {best[-1]:.4g} at its best",
        f"stop and keep the best checkpoint, and end near it next time (--steps={step}); or go back"
        f" to it with {any_of(options)}",
    )
