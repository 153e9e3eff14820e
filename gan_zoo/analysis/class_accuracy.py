"""Are the samples of a class-conditional run of the class that was asked for?

The score is the share of samples that a classifier, trained apart on real images, assigns to the
class that G was asked for: "GAN-test" of Shmelkov, Schmid & Alahari 2018 ("How good is my GAN?",
arXiv:1807.09499, section 3); Odena, Olah & Shlens 2017 (AC-GAN, arXiv:1610.09585, section 4.1) call
it discriminability. Beside it stands the accuracy of the classifier on real images it has not seen.

What the score does not measure:

* Diversity: a generator with one good image for each class scores 100 % (recall, coverage and
  Shmelkov's GAN-train measure it).
* Memorization: copies of training images score as well as the classifier does on its own training
  images (see :mod:`.copies`).
* Quality beyond the class: samples may be simpler than real images and score above them.
* Images of no class: they are assigned to *some* class, often always the same one (noise to 8).

The interval is over the choice of samples only, not over classifiers (another seed trains another)
nor over trainings of G.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_zoo import images, registry
from gan_zoo.analysis import classifier
from gan_zoo.analysis.confusion import Confusion, count_confusion
from gan_zoo.analysis.pictures import data_arguments
from gan_zoo.analysis.progress import stages
from gan_zoo.config import Config, from_json
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import cache_dir
from gan_zoo.datasets.class_labels import UnknownSplitError
from gan_zoo.errors import UserError
from gan_zoo.runs.run import Run

_DATA = ("data", "data_dir", "image_size", "channels", "plugins")  # what names a run's data
_CELL = 48  # smallest side of an image in the picture
_FRAME = 3  # pixels
_RED = (0xD6, 0x27, 0x28)
_ROWS = 60  # classes in the picture, at most
_INACCURATE = 0.9  # accuracy on real images below which a note is made


class Drawn(NamedTuple):
    """Samples with the classes that were asked for.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        labels: The class numbers asked for, int32 ``[N]``.
        step: Of the checkpoint.
        ema: Whether averaged weights drew them.
    """

    images: np.ndarray
    labels: np.ndarray
    step: int
    ema: bool


class ClassAccuracy(NamedTuple):
    """How many samples are of the class that was asked for.

    Attributes:
        folder: Of the run.
        drawn: The samples of the classes that the classifier has.
        asked: The numbers of their classes for the classifier, int64 ``[N]``.
        predicted: Those that the classifier gave them, int64 ``[N]``.
        samples: The counts of both.
        real: The counts of real images that the classifier has not seen.
        test_split: Whether these are the data set's own test split.
        column: Of the labels.
        condition: The run's ``--condition``.
        data: The run's data.
        seed: Of all choices.
        notes: Sentences for the user.
    """

    folder: Path
    drawn: Drawn
    asked: np.ndarray
    predicted: np.ndarray
    samples: Confusion
    real: Confusion
    test_split: bool
    column: str
    condition: str | None
    data: Dataset
    seed: int
    notes: list[str]


def measure_class_accuracy(
    folder: Path,
    *,
    samples: int = 10_000,
    data_dir: str = "",
    seed: int = 0,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
) -> ClassAccuracy:
    """Train a classifier on a run's data, or take it from the cache, and apply it to samples.

    Args:
        folder: Of the run.
        samples: How many, rounded up to the same number for each class.
        data_dir: Where the run's data are now; "" for where they were.
        seed: Of noise, of the classifier and of its test images.
        step: The step of the checkpoint; None for the newest one.
        best: The best checkpoint instead.
        ema: Whether to draw from the moving average, if the run has one.

    Raises:
        UserError: The run was trained without classes, or its data, their labels or the checkpoint
            cannot be loaded.
    """
    run = Run(folder)
    classes = recorded_classes(run)
    config, data = _training_data(run, data_dir)
    test, notes = load_test_split(config)
    with stages() as progress:
        trained = classifier.train_classifier(
            data, classes["column"], test, seed=seed, cache_dir=cache_dir(), progress=progress
        )
    with stages(f"drawing samples of {folder}"):
        per_class = -(-samples // len(classes["names"]))
        drawn = draw_each_class(run, per_class, seed=seed, step=step, best=best, ema=ema)
    known = np.isin(drawn.labels, trained.numbers)
    drawn = drawn._replace(images=drawn.images[known], labels=drawn.labels[known])
    asked = np.searchsorted(trained.numbers, drawn.labels)
    predicted = classifier.classify(trained.model, drawn.images)
    counts = count_confusion(predicted, asked, trained.classes)
    found = ClassAccuracy(
        folder, drawn, asked, predicted, counts, trained.real, test is not None, classes["column"],
        run.record["config"].get("condition"), data, seed, [*data.notes, *notes, *trained.notes],
    )  # fmt: skip
    found.notes.extend(_warnings(found))
    return found


def recorded_classes(run: Run) -> dict[str, Any]:
    """Return the classes of a run: their ``column``, ``names`` and the ``hash`` of all labels.

    Raises:
        UserError: It was trained without classes.
    """
    if found := run.record["data"].get("classes"):
        return found
    raise UserError(
        f"the run {run.folder} was trained without classes, so none can be asked for; train one"
        " with --condition=projection on data with labels."
    )


def _training_data(run: Run, data_dir: str) -> tuple[Config, Dataset]:
    """Return the settings that name the data of a run, and the data.

    Raises:
        UserError: The data or their labels are not those that it was trained on.
    """
    from gan_zoo.game import build
    from gan_zoo.game.labels import label_hash

    saved = run.record
    config = from_json(
        {
            **{name: saved["config"][name] for name in _DATA if name in saved["config"]},
            **({"data_dir": data_dir} if data_dir else {}),
        }
    )
    data = build.load_data(config)
    if data.hash != saved["data"]["hash"]:
        raise UserError(
            f"the data are not those that {run.folder} was trained on"
            f" ({saved['data']['count']:,} images then, {len(data.images):,} now, other pixels);"
            " give the folder of the old ones with --data_dir."
        )
    recorded = saved["data"]["classes"]
    column = recorded["column"]
    labels = np.asarray(data.labels.get(column, ()), np.int32)
    if not len(labels):
        raise UserError(
            f"the data set {data.name} has no labels '{column}' now; give data with labels with"
            " --data_dir."
        )
    if label_hash(labels) != recorded["hash"] or data.label_values[column] != tuple(
        recorded["names"]
    ):
        raise UserError(
            f"the labels '{column}' are not those that {run.folder} was trained on; restore them."
        )
    return config, data


def load_test_split(config: Config) -> tuple[Dataset | None, list[str]]:
    """Return the data set's own test split, if it was not trained on, and notes for the user."""
    from gan_zoo.game import build

    spec = config.spec("data")
    signature = registry.datasets.entry(spec.name).signature
    parameter = signature.parameters.get("split") if signature else None
    given = data_arguments(config)
    if not parameter or parameter.default != "train" or given.get("split", "train") != "train":
        return None, []
    test = registry.Spec(spec.name, (), {**given, "split": "test"})
    try:
        data = build.load_data(dataclasses.replace(config, data=str(test)))
    except UnknownSplitError:
        return None, []
    except UserError as e:
        return None, [
            f"the test split of {spec.name} cannot be loaded ({str(e).rstrip('.')}): a fifth of the"
            " data is used instead."
        ]
    return data, list(data.notes)


def draw_each_class(
    run: Run,
    per_class: int,
    *,
    seed: int = 0,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
) -> Drawn:
    """Draw ``per_class`` samples of each class of a run; see :func:`measure_class_accuracy`.

    Raises:
        UserError: There is no such checkpoint, or the run has no classes.
    """
    from gan_zoo.game import sampling

    game, at = run.restore(step, best=best)
    assert game.classes is not None
    labels = np.tile(np.arange(len(game.classes.names), dtype=np.int32), per_class)
    drawn = sampling.sample(game, len(labels), seed, ema=ema, tag="recognition", labels=labels)
    return Drawn(drawn, labels, at, game.ema is not None and ema)


def _real_name(found: ClassAccuracy) -> str:
    return "test images" if found.test_split else "images not trained on"


def _warnings(found: ClassAccuracy) -> Iterator[str]:
    """Yield sentences on an inaccurate classifier, and on one class that most samples get."""
    samples, real = found.samples, found.real
    if real.balanced < _INACCURATE:
        yield (
            f"the classifier is right on only {_percent(real.balanced)} of real"
            f" {_real_name(found)}; compare its accuracy on samples with that."
        )
    shares = samples.counts.sum(axis=0) / samples.n
    if len(shares) > 2 and shares.max() > 0.5:
        yield (
            f"{_percent(shares.max())} of all samples are classified as"
            f" '{samples.classes[shares.argmax()]}', whatever was asked for; the classifier may put"
            " images of no class there, so look at the picture."
        )


def _percent(share: float) -> str:
    """Return a share as ``97.3 %``, or a dash for NaN."""
    return "-" if np.isnan(share) else f"{100 * share:.1f} %"


def class_accuracy_lines(found: ClassAccuracy) -> Iterator[str]:
    """Yield the notes, the accuracy and a table of the classes, line by line."""
    yield from found.notes
    drawn, samples = found.drawn, found.samples
    yield (
        f"{found.folder}, step {drawn.step}{' (EMA)' if drawn.ema else ''}, '{found.column}' of"
        f" {found.data.name}:"
    )
    low, high = (f"{100 * x:.1f}" for x in samples.interval)
    yield (
        f"{_percent(samples.accuracy)} ({low} to {high}) of {samples.n:,} samples are classified as"
        f" the class asked for; real {_real_name(found)}: {_percent(found.real.balanced)}"
    )
    yield from _table(samples, found.real)


def _table(samples: Confusion, real: Confusion) -> Iterator[str]:
    rows = [("class", "asked for", "correct", "real", "most frequent error")]
    for i, name in enumerate(samples.classes):
        error = samples.most_frequent_error(i)
        row = (
            name,
            f"{samples.counts[i].sum():,}",
            _percent(samples.per_class[i]),
            _percent(real.per_class[i]),
            f"{error[0]} ({error[1]:,})" if error else "",
        )
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for name, *numbers, wrong in rows:
        cells = [
            name.ljust(widths[0]),
            *(number.rjust(widths[i + 1]) for i, number in enumerate(numbers)),
            wrong,
        ]
        yield "  " + "  ".join(cells).rstrip()


def class_accuracy_json(found: ClassAccuracy) -> dict[str, Any]:
    """Return the results for a JSON file, with the command line and the time."""
    drawn, data = found.drawn, found.data
    return {
        "subject": {"path": str(found.folder.resolve()), "step": drawn.step, "ema": drawn.ema},
        "condition": found.condition,
        "column": found.column,
        "classes": found.samples.classes,
        "samples": _counts_json(found.samples),
        "real": {**_counts_json(found.real), "source": f"real {_real_name(found)}"},
        "data": {"name": data.name, "hash": data.hash, "count": len(data.images)},
        "classifier": {"version": classifier.VERSION, "seed": found.seed},
        "notes": found.notes,
        "command": sys.argv,
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _counts_json(found: Confusion) -> dict[str, Any]:
    return {
        "n": found.n,
        "accuracy": found.accuracy,
        "interval_95": found.interval,
        "balanced": found.balanced,
        "per_class": [None if np.isnan(share) else float(share) for share in found.per_class],
        "confusion": found.counts.tolist(),
    }


def class_accuracy_picture(
    drawn: np.ndarray,
    asked: np.ndarray,
    predicted: np.ndarray,
    classes: tuple[str, ...],
    columns: int,
) -> np.ndarray:
    """Draw the first samples of each class in a row, those of a wrong class framed in red.

    Args:
        drawn: uint8 ``[N, H, W, C]``.
        asked: Class numbers ``[N]``.
        predicted: Class numbers ``[N]``.
        classes: Their names.
        columns: Samples in a row.

    Returns:
        uint8 ``[H', W', 3]``.
    """
    drawn = images.shown(drawn)
    height, width = (side + 2 * _FRAME for side in images.enlarge(drawn[0], _CELL).shape[:2])
    names = [
        name if len(name) <= 24 else f"{name[:23]}\N{HORIZONTAL ELLIPSIS}"
        for name in classes[:_ROWS]
    ]
    cells = np.full((len(names) * columns, height, width, 3), 255, np.uint8)
    for row in range(len(names)):
        for i, at in enumerate(np.flatnonzero(asked == row)[:columns]):
            cell = cells[row * columns + i]
            if predicted[at] != row:
                cell[:] = _RED
            cell[_FRAME:-_FRAME, _FRAME:-_FRAME] = images.enlarge(drawn[at], _CELL)
    return images.captioned(images.grid(cells, columns), rows=names)
