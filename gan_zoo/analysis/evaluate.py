"""The final protocol on a run or on pictures of any program."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.analysis.subject import (
    Fakes,
    Subject,
    build_extractor,
    data_changed,
    data_changed_message,
    load_fakes,
    load_real,
    split_of,
)
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import cache_dir
from gan_zoo.errors import UserError
from gan_zoo.evaluation.judgement import judge, score_lines
from gan_zoo.evaluation.protocol import Result
from gan_zoo.files import user_path

SAMPLES = 10_000


class Evaluation(NamedTuple):
    """The scores of a run or of pictures.

    Attributes:
        subject: What was judged.
        fakes: The images that were judged.
        data: The real images.
        split: Which split of the data set they are.
        results: The scores.
        floor: The same metrics of real images against other real images.
        left_out: A sentence for each metric that these images do not allow.
        notes: Sentences for the user.
        by: Who made the scores, for the ``evaluations.jsonl`` of a run.
    """

    subject: Subject
    fakes: Fakes
    data: Dataset
    split: str
    results: list[Result]
    floor: list[Result]
    left_out: list[str]
    notes: list[str]
    by: str = "gan_zoo evaluate"

    def __repr__(self) -> str:
        """Return the table of scores, as a notebook shows it."""
        return "\n".join(evaluation_lines(self))


def check_split(subject: Subject, split: str) -> None:
    """Check that the settings have such a split, before anything is loaded.

    Raises:
        UserError: ``held-out`` was asked for, and no images were kept from training.
    """
    if split == "held-out" and not subject.config.holdout:
        raise UserError(
            "--split=held-out needs images that were kept from training, but --holdout is 0;"
            " train a run with --holdout=0.1, say, or use --split=train."
        )


def evaluate_subject(
    subject: Subject,
    *,
    n: int = SAMPLES,
    n_real: int = SAMPLES,
    split: str = "train",
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
    save_statistics: Path | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> Evaluation:
    """Score a run or pictures by the full protocol.

    Args:
        subject: From :func:`~gan_zoo.analysis.subject.find_subject`.
        n: How many fake images; pictures may be fewer.
        n_real: How many real images at most.
        split: Of the data: ``train``, ``held-out`` or ``all``.
        step: Of a run: the step of the checkpoint; None for the newest one.
        best: Of a run: the best checkpoint instead.
        ema: Of a run: whether to draw from the moving average, if it has one.
        save_statistics: An ``.npz`` for mean and covariance of the real images.
        progress: Called with a few words before each stage.

    Raises:
        UserError: Data, checkpoint or pictures cannot be loaded, or are too few.
    """
    from gan_zoo.evaluation import tfgan
    from gan_zoo.evaluation.evaluate import evaluate, left_out
    from gan_zoo.evaluation.snapshot import real_floor, real_statistics
    from gan_zoo.evaluation.statistics_files import write_statistics

    check_split(subject, split)
    progress("reading images")
    whole, notes = load_real(subject)
    notes += tfgan.notes()
    if split == "held-out" and subject.training_data and data_changed(subject, whole):
        raise UserError(data_changed_message(subject, whole))
    if split == "train" and not subject.training_data and not subject.config.holdout:
        split = "all"  # nothing was trained on these
    data = split_of(whole, subject, split)
    extractor = build_extractor(subject.config, data.image_shape[2])
    progress("drawing samples" if subject.run else "reading pictures")
    fakes = load_fakes(subject, data, n, step=step, best=best, ema=ema)
    notes += fakes.notes
    notes += _compression(subject)
    identical = 0 if subject.run else shared(fakes.images, data.images)
    if identical:
        notes.append(_shared_note(identical, len(fakes.images)))
    protocol: dict[str, Any] = {"split": split, "seed": subject.seed, "cache_dir": cache_dir()}
    results = evaluate(
        data,
        fakes.images,
        extractor,
        n_real=n_real,
        ema=fakes.ema,
        progress=progress,
        **protocol,
    )
    if identical == len(fakes.images) == len(data.images) == results[0].stamp.n_real:
        # Of a set and itself the distance is 0, whatever the choice and the number of images.
        results[0] = results[0]._replace(error=None, warning="")
    progress("real against real")
    floor = real_floor(data, extractor, len(fakes.images), **protocol)
    if save_statistics:
        real = real_statistics(data, extractor, n=n_real, **protocol)
        write_statistics(
            save_statistics, real.features, extractor, stamp=real.stamp, floor=floor[:1]
        )
        notes.append(
            f"{save_statistics}: mean and covariance of the features of"
            f" {len(real.features):,} real images ({extractor.name}, {extractor.resize})."
        )
    omitted = left_out(data, extractor, len(fakes.images))
    if fakes.preprocessing:  # of the fake images alone: part of the protocol, too
        results = [_with_preprocessing(result, fakes.preprocessing) for result in results]
    other = subject.run and (not subject.training_data or data_changed(subject, whole))
    by = "gan_zoo evaluate"
    if other:
        by += f", by other data than the run's: {Path(subject.config.data_dir).name or data.name}"
    return Evaluation(subject, fakes, data, split, results, floor, omitted, notes, by)


def _compression(subject: Subject) -> list[str]:
    """Return a sentence if JPEG files are held against others; of a run there are no files."""
    from gan_zoo.analysis.pictures import compression_note

    config = subject.config
    if subject.run or config.spec("data").name != "files" or not config.data_dir:
        return []
    note = compression_note(subject.path, user_path(config.data_dir))
    return [note] if note else []


def shared(fake: np.ndarray, real: np.ndarray) -> int:
    """Return how many of the images ``[N, H, W, C]`` are also among the real ones."""
    digests = {hashlib.blake2b(image.tobytes()).digest() for image in real}
    return sum(hashlib.blake2b(image.tobytes()).digest() in digests for image in fake)


def _shared_note(identical: int, count: int) -> str:
    return (
        f"{identical:,} of {count:,} pictures are also among the real ones, pixel for pixel: scores"
        " of real pictures against themselves say nothing about a generator."
    )


def evaluate_by_statistics(
    subject: Subject,
    path: Path,
    *,
    n: int = SAMPLES,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
    progress: Callable[[str], None] = lambda stage: None,
) -> Evaluation:
    """Score a run or pictures against mean and covariance of real images in a file.

    Args:
        subject: From :func:`~gan_zoo.analysis.subject.find_subject`; no real images are needed.
        path: The ``.npz``; see :func:`~gan_zoo.evaluation.statistics_files.read_statistics`.
        n: How many fake images; pictures may be fewer.
        step: Of a run: the step of the checkpoint; None for the newest one.
        best: Of a run: the best checkpoint instead.
        ema: Of a run: whether to draw from the moving average, if it has one.
        progress: Called with a few words before each stage.

    Raises:
        UserError: Statistics, checkpoint or pictures cannot be loaded, or do not fit.
    """
    from gan_zoo.evaluation import protocol, tfgan
    from gan_zoo.evaluation.evaluate import score_by_statistics
    from gan_zoo.evaluation.statistics_files import read_statistics

    stored = read_statistics(path)
    height, width = subject.config.size
    shape = (height, width, subject.config.channels)
    if subject.run:
        shape = tuple(subject.run.record["data"]["shape"])
    extractor = build_extractor(subject.config, shape[2] or 3)
    unknown = stored.check(extractor)
    # Only the size of the images counts.
    data = Dataset(str(path), np.empty((0, *shape), np.uint8), {}, {}, stored.hash, "none")
    progress("drawing samples" if subject.run else "reading pictures")
    fakes = load_fakes(subject, data, n, step=step, best=best, ema=ema)
    stamp = protocol.Stamp(
        "",
        extractor.name,
        extractor.hash,
        f"none, {extractor.resize}",
        stored.n,
        0,
        f"of {path.name}",
        fakes.ema,
        stored.hash,
        subject.seed,
        protocol.versions(),
    )
    if stored.stamp.get("seed") == subject.seed:  # as by the images that the file is of
        stamp = stamp._replace(**stored.stamp)
    progress("fake features")
    results = score_by_statistics(stored, fakes.images, extractor, stamp=stamp)
    floor = [
        Result(value, None, results[0].stamp._replace(n_real=count, n_fake=count))
        for value, count in stored.floor
    ]
    if fakes.preprocessing:
        results = [_with_preprocessing(result, fakes.preprocessing) for result in results]
    omitted = [
        "all other metrics are left out: they need real images, and only their statistics are known"
        " (--data_dir gives images)."
    ]
    notes = [*subject.notes, *([unknown] if unknown else []), *fakes.notes]
    if stored.source:
        notes.append(f"{path.name} is of the data {stored.source}.")
    if extractor.logits is not None:  # Frechet distances of statistics are always our own
        notes += tfgan.notes()
    return Evaluation(subject, fakes, data, stamp.split, results, floor, omitted, notes)


def _with_preprocessing(result: Result, preprocessing: str) -> Result:
    stamp = result.stamp
    return result._replace(stamp=stamp._replace(resize=f"{stamp.resize}; fake: {preprocessing}"))


def evaluation_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the notes, the table of scores and what they say, line by line."""
    yield from evaluation.notes
    data, floor = evaluation.data, evaluation.floor
    against = "statistics"
    if len(data.images):
        against = f"{len(data.images):,} images {'x'.join(map(str, data.image_shape))}"
    yield f"{evaluation.fakes.title}, against {against} of {data.name} ({evaluation.split}):"
    floors = {result.stamp.metric: result.value for result in floor}
    lines = [*score_lines(evaluation.results, floors), *evaluation.left_out]
    if floor:
        lines.append(_floor_line(evaluation))
    yield from (f"  {line}" for line in lines)
    subject = evaluation.subject
    settings = dataclasses.asdict(subject.config)
    count = floor[0].stamp.n_real if floor else 0
    of_a_run = bool(subject.run)
    judged = judge(
        evaluation.results, floors, settings=settings, of_a_run=of_a_run, floor_count=count
    )
    yield str(judged)


def _floor_line(evaluation: Evaluation) -> str:
    """Return how real images were scored against real images."""
    n, stamp = evaluation.floor[0].stamp.n_fake, evaluation.results[0].stamp
    difference = ""
    if n < stamp.n_fake:
        difference = "; fewer than the fake images, which makes a distance larger"
    elif n > stamp.n_fake:
        difference = "; more than the fake images, which makes a distance smaller"
    elif n < stamp.n_real:
        difference = (
            f"; the score used {stamp.n_real:,} real images, and with fewer a distance is larger"
        )
    return f"real against real: {n:,} images against {n:,} others of the same data{difference}."


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return all of the evaluation for a JSON file, with the command line and the time."""
    subject, data, fakes = evaluation.subject, evaluation.data, evaluation.fakes
    return {
        "subject": {
            "path": str(subject.path.resolve()),
            "run": subject.run is not None,
            "step": fakes.step,
            "title": fakes.title,
        },
        "data": {
            "name": data.name,
            "hash": data.hash,
            "count": len(data.images),
            "shape": data.image_shape,
        },
        "results": [r.as_dict() for r in evaluation.results],
        "floor": [r.as_dict() for r in evaluation.floor],
        "left_out": evaluation.left_out,
        "notes": evaluation.notes,
        "command": sys.argv,
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
