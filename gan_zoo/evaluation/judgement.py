"""What scores say in words: a sentence for people, and marks for numbers that mean nothing.

Pure functions of results, floors and the scores of a run. No TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gan_zoo.evaluation import advice
from gan_zoo.evaluation.advice import Settings, any_of
from gan_zoo.evaluation.protocol import INCEPTION_NAMES, Result, Stamp

_KINDS = {public: kind for kind, public in INCEPTION_NAMES.items()}
_BETTER = dict.fromkeys(("FD", "KD", "MD", "SWD"), "lower")
_BETTER |= dict.fromkeys(("CS", "precision", "recall", "density", "coverage"), "higher")
_BETTER |= {"diversity": "near 1", "spectrum": "near 0"}

# What samples looked like in the runs of docs/recipes.md, from the best to the worst, and the
# Frechet distances from which on they did: as multiples of the floor, and above the floor. The
# floor of few pictures is high, so that noise may be few times as far: there the second counts. The
# bounds are no theory.
_LEVELS = (
    "by this measure, nearly the same as real pictures",
    "close to real pictures",
    "like real pictures, with faults that you can see",
    "a rough likeness of real pictures",
    "far from real pictures",
)
_TIMES_THE_FLOOR = (1.5, 3.0, 10.0, 40.0)
_ABOVE_THE_FLOOR = {"FD-embedded": (2.0, 8.0, 25.0, 100.0), "FID": (5.0, 20.0, 50.0, 150.0)}
_NOTHING = 0.02  # times that of real pictures: below, precision and recall are as of noise
_MORE = "Try more steps, or a recipe (`gan_zoo presets` lists them)."
# Coverage, as a share of real pictures' and as a number of pictures: below, the samples lie near a
# few odd pictures, whose neighborhoods are large. Noise reaches so many.
_LEAST_COVERAGE = 0.05
_FEW_PICTURES = 10
_NOISE = "the samples are near a few unusual real pictures only, as noise is"
_COLLAPSED = "the samples resemble one another and are near a few real pictures only"


class Judgement(NamedTuple):
    """What scores say.

    Attributes:
        verdict: How far the samples are from real pictures, a sentence; "" where nothing is known.
        findings: What is wrong with them, a sentence each; the worst first.
        advice: What to try, a sentence; "" for nothing.
        marks: For each metric whose number means nothing here, why: a sentence.
        unlike: Whether the samples are far from real pictures, or none is like any.
    """

    verdict: str
    findings: tuple[str, ...]
    advice: str
    marks: Mapping[str, str]
    unlike: bool = False

    def __str__(self) -> str:
        """Return the sentences in a line."""
        return " ".join(filter(None, [self.verdict, *self.findings, self.advice]))


def kind_of(stamp: Stamp) -> str:
    """Return a metric without the name of its network: ``FD`` of ``FD-embedded`` and ``FID``."""
    plain = stamp.metric.removesuffix(f"-{stamp.extractor}") if stamp.extractor else stamp.metric
    return _KINDS.get(plain, plain)


def better(stamp: Stamp) -> str:
    """Return where a metric is better: ``lower``, ``higher``, ``near 1``, ``near 0`` or ""."""
    return _BETTER.get(kind_of(stamp).split("-")[0], "")


def judge(
    results: Sequence[Result],
    floors: Mapping[str, float],
    scores: Sequence[tuple[int, float]] = (),
    settings: Settings | None = None,
    of_a_run: bool = True,
    floor_count: int = 0,
) -> Judgement:
    """Return what the scores of one evaluation say.

    Args:
        results: Of one evaluation.
        floors: What real images score against other real images, by metric; may lack any.
        scores: Steps and Frechet distances of the run's evaluations, in order, this one last.
        settings: Of the run, by name; what it has is not advised.
        of_a_run: Whether a run made the samples; of other pictures nothing is advised.
        floor_count: How many real images the floors hold against as many others; 0 if unknown.
    """
    values = {kind_of(r.stamp): r.value for r in results}
    real = {kind_of(r.stamp): floors[r.stamp.metric] for r in results if r.stamp.metric in floors}
    parts = {k: values[k] / real[k] for k in values.keys() & real.keys() if real[k] > 0}
    counts = {kind_of(r.stamp): r.stamp.n_real for r in results}
    hollow = _hollow(values, parts, counts.get("coverage", 0))
    marks = {r.stamp.metric: hollow[k] for r in results if (k := kind_of(r.stamp)) in hollow}
    distance = next((r for r in results if kind_of(r.stamp) == "FD"), None)
    seen = [
        parts[k]
        for k in ("precision", "recall")
        if k in parts and hollow.get(k, _COLLAPSED) == _COLLAPSED
    ]
    early = bool(seen) and max(seen) < _NOTHING
    verdict = _verdict(distance, parts, early, floor_count) if distance else ""
    unlike = early or (distance is not None and _level(distance, parts) == len(_LEVELS) - 1)
    found = [] if early else list(_findings(values, parts, hollow, settings or {}))[:2]
    remedy = _trend(scores, int((settings or {}).get("steps") or 0))
    if not remedy and (found or early):
        remedy = found[0][1] if found else _MORE
    findings = tuple(finding for finding, _ in found)
    return Judgement(verdict, findings, remedy if of_a_run else "", marks, unlike)


def _level(distance: Result, parts: Mapping[str, float]) -> int:
    """Return the place in :data:`_LEVELS` of a Frechet distance; 0 without a floor."""
    times = parts.get("FD", 0.0)
    above = distance.value * (1 - 1 / times) if times > 0 else 0.0
    bounds = _ABOVE_THE_FLOOR.get(distance.stamp.metric, ())
    return max(
        sum(times >= bound for bound in _TIMES_THE_FLOOR),
        sum(above >= bound for bound in bounds),
    )


def _verdict(distance: Result, parts: Mapping[str, float], early: bool, floor_count: int) -> str:
    """Return how far the samples are from real pictures; ``early`` if none is like any."""
    name, times = distance.stamp.metric, parts.get("FD")
    if times is None:
        return f"{name} is {distance.value:.4g}; what real pictures score is not known."
    level = "not yet like real pictures" if early else _LEVELS[_level(distance, parts)]
    place = f"{_times(times)} the floor"
    # The floor is of halves of the data; a score by all of them may lie below it.
    if times < 1 and not early:
        place, level = "below the floor", "no farther than real pictures are from each other"
    aside = "; ".join(filter(None, [_counts(distance.stamp, floor_count), _few(distance)]))
    floor = f"the score of real pictures{aside and f' ({aside})'}"
    return f"{name} is {place}, {floor}: {level}."


def _counts(stamp: Stamp, floor_count: int) -> str:
    """Return how many images floor and score have; "" where these are the same numbers.

    The more images, the smaller is a distance.
    """
    fake, real = stamp.n_fake, stamp.n_real
    if fake == real and floor_count in (0, fake):
        return ""
    floor = f"{floor_count:,} against {floor_count:,}" if floor_count else "equal numbers"
    return f"{floor}; of samples: {fake:,} against {real:,}"


def _few(distance: Result) -> str:
    """Return which number of images makes a distance rough; "" if there are enough."""
    fake, real = distance.stamp.n_fake, distance.stamp.n_real
    if not distance.warning:
        return ""
    what = f"{real:,} real pictures" if real < fake else f"{fake:,} samples"
    return f"rough, as {f'{fake:,} of each' if fake == real else what} are few"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:.0f} times"


def _share(part: float) -> str:
    """Return a share of real images' value in words."""
    if part < 0.05:
        return "nearly 0"
    words = ((0.15, "a tenth"), (0.29, "a fifth"), (0.4, "a third"), (0.6, "half"))
    named = next((word for bound, word in words if part < bound), f"{100 * part:.0f} %")
    return f"{named} that of real pictures"


def _hollow(values: Mapping[str, float], parts: Mapping[str, float], real: int) -> dict[str, str]:
    """Return the kinds of metrics whose number means nothing, and why.

    Precision and density count samples within the neighborhoods of real images. The neighborhood of
    an unusual image is large, so that noise may lie in it: then coverage is of a few of the
    ``real`` images. So it is where the samples have collapsed onto a few pictures.
    Recall counts real images in the neighborhoods of samples, which are as large where samples are
    noise: then precision is nearly 0.
    """
    hollow = {}
    covered, why = parts.get("coverage", 1.0), ""
    if covered < _LEAST_COVERAGE:
        why = _NOISE
    elif covered < min(0.25, _FEW_PICTURES / max(real, 1)):
        lost = parts.get("recall", 1.0) < _NOTHING and values.get("diversity", 1.0) < 0.5
        why = _COLLAPSED if lost else _NOISE
    if why:
        hollow = {k: why for k in ("precision", "density") if parts.get(k, 0.0) >= 0.05}
    if parts.get("precision", 1.0) < 0.05 and parts.get("recall", 0.0) >= 0.05:
        hollow["recall"] = "almost no sample is near a real picture, as with noise"
    return hollow


def _findings(
    values: Mapping[str, float],
    parts: Mapping[str, float],
    hollow: Mapping[str, str],
    settings: Settings,
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and what to try that the run does not have, the worst first."""
    augment, penalty = advice.augmentations(settings), advice.penalties(settings)
    if values.get("diversity", 1.0) < 0.5:
        yield (
            f"Diversity is {values['diversity']:.2f}, where real pictures have 1: the samples"
            " resemble one another.",
            "Try more steps; if that does not help,"
            f" {any_of([*augment, advice.lower_rate(settings, 'disc')])}.",
        )
    if (part := parts.get("recall", 1.0)) < 0.75 and "recall" not in hollow:
        yield (
            f"Recall is {_share(part)}: kinds of pictures may be missing.",
            f"Try {any_of(['more steps', *augment, advice.larger_batch(settings), *penalty])}.",
        )
    if (part := parts.get("precision", 1.0)) < 0.75:
        yield (
            f"Precision is {_share(part)}: many samples are like no real picture.",
            "Try more steps, wider nets, or a recipe (`gan_zoo presets` lists them).",
        )
    if hollow.get("precision") == _NOISE or hollow.get("density") == _NOISE:
        yield (
            "The samples are near a few unusual pictures only: precision means nothing here.",
            _MORE,
        )
    if values.get("spectrum-checkerboard", 0.0) > 6.0:
        yield (
            "The samples have a checkerboard.",
            "Try other upsampling, such as --gen='dcgan(up=\"nearest\")'.",
        )
    if values.get("spectrum-high", 0.0) < -6.0:
        yield "The samples lack fine detail: they are blurred.", "Try more steps."


def _trend(scores: Sequence[tuple[int, float]], steps: int) -> str:
    """Return what the course of the scores of a run of some steps advises; "" for nothing."""
    if not scores:
        return ""
    (step, last), before = scores[-1], scores[:-1]
    best_step, best = min(before, key=lambda score: score[1], default=(step, last))
    if best > 0 and last >= 1.5 * best:
        return (
            f"At step {best_step:,} it was {best:.4g}: take that checkpoint with --best, and fewer"
            " --steps next time."
        )
    if step < steps:
        return f"This was step {step:,} of {steps:,}: the rest of the training may change it."
    if before and last < 0.9 * before[-1][1] and last < best:
        return f"It still got better at the end, step {step:,}: try a larger --steps."
    return ""


def score_lines(results: Sequence[Result], floors: Mapping[str, float]) -> list[str]:
    """Return the table of scores: metric, score, real against real, better is; then the stamp.

    Warnings and marks stand below it.
    """
    marks = judge(results, floors).marks
    header = ("metric", "score", "real against real", "better is")
    rows = [header]
    for result in results:
        metric = result.stamp.metric
        error = "" if result.error is None else f" +- {result.error:.2g}"
        score = f"{result.value:.4g}{error}{' (*)' if metric in marks else ''}"
        floor = f"{floors[metric]:.4g}" if metric in floors else "-"
        rows.append((metric, score, floor, better(result.stamp)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    reasons: dict[str, list[str]] = {}
    for metric, why in marks.items():
        reasons.setdefault(why, []).append(metric)
    lines += [f"(*) {' and '.join(names)}: says nothing, {why}" for why, names in reasons.items()]
    lines += dict.fromkeys(r.warning for r in results if r.warning)
    return [*lines, *([stamp_line([r.stamp for r in results])] if results else [])]


def stamp_line(stamps: Sequence[Stamp]) -> str:
    """Return how numbers were made: the first in full, of the others what differs."""
    first = stamps[0]
    groups: dict[str, list[str]] = {}
    for stamp in stamps[1:]:
        if difference := _difference(stamp, first):
            groups.setdefault(difference, []).append(kind_of(stamp))
    others = [f"; {', '.join(names)}: {what}" for what, names in groups.items()]
    return f"stamp (how scores were made): {first.short()}{''.join(others)}"


def _difference(stamp: Stamp, first: Stamp) -> str:
    """Return in words what of a stamp differs from the first one but the metric."""
    same = first._replace(metric=stamp.metric, versions=stamp.versions)
    pixels = "" if stamp.extractor else "of pixels"
    if pixels:  # no network resizes them
        same = same._replace(extractor="", extractor_hash="", resize=stamp.resize)
    if same == stamp:
        return pixels
    if same._replace(n_fake=stamp.n_fake, n_real=stamp.n_real) == stamp:
        return ", ".join(filter(None, [pixels, stamp.counts()]))
    return stamp.short().partition(" ")[2]
