"""The classes of a run with a condition: their names, a user's choice, their order in a grid."""

from __future__ import annotations

import hashlib

import numpy as np

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.contracts import Classes, Dataset
from gan_zoo.errors import UserError
from gan_zoo.game import step
from gan_zoo.game.build import split_rows
from gan_zoo.spec import american


def condition_classes(config: Config, data: Dataset) -> Classes | None:
    """Return the classes of the data that the condition uses; None without a condition.

    Raises:
        UserError: The data set has no such labels, they are all the same, or they are not valid.
    """
    if not (specs := config.specs("condition")):
        return None
    column = registry.conditions.build(specs[0]).column
    if column not in data.labels and american(column) in data.labels:
        column = american(column)  # as in runs from before cartoon_faces named it hair_color
    if column not in data.labels:
        raise UserError(_missing_column(config, data, column))
    labels, names = np.asarray(data.labels[column]), data.label_values[column]
    valid = labels.shape == (len(data.images),) and labels.dtype.kind in "iu"
    if not valid or not 0 <= labels.min() <= labels.max() < len(names):
        raise UserError(
            f"the labels '{column}' of {data.name} must be {len(data.images)} whole numbers, one"
            f" for each image, from 0 to below the number of classes, {len(names)}; correct what"
            " that data set returns."
        )
    labels = labels.astype(np.int32)
    counts = np.bincount(labels[split_rows(config, len(labels))[0]], minlength=len(names))
    if (counts > 0).sum() < 2:
        raise UserError(
            f"--condition={config.condition} needs two classes or more, and all images of"
            f" {data.name} to train on are of one ({column}: {names[int(counts.argmax())]}); leave"
            " the flag out."
        )
    return Classes(column, tuple(names), tuple(map(int, counts)), label_hash(labels))


def _missing_column(config: Config, data: Dataset, column: str) -> str:
    """Return the sentence for a data set without the labels that the condition needs."""
    notes = "".join(f": {note.rstrip('.')}" for note in data.notes if note.startswith("labels"))
    sentence = f"--condition={config.condition} needs the labels '{column}', and the data set"
    if data.labels:
        name = config.specs("condition")[0].name
        return (
            f"{sentence} {data.name} has {', '.join(data.labels)}; choose by"
            f" --condition='{name}(\"...\")'{notes}."
        )
    return (
        f"{sentence} {data.name} has none{notes}; give a folder for each class, or an npz with"
        " 'labels', whole numbers or text, [N]."
    )


def label_hash(labels: np.ndarray) -> str:
    """Return the SHA-256 (hex) of class numbers [N]: their identity in ``config.json``."""
    return hashlib.sha256(np.asarray(labels, np.int32).tobytes()).hexdigest()


def parse_label(game: step.Game, text: str) -> int:
    """Return the number of the class that a user gives by name or by number.

    Where all names are numbers themselves, only names count.

    Raises:
        UserError: There are no classes, none of that name, or no image of it to train on.
    """
    if game.classes is None:
        raise UserError(
            f"--label={text} asks for a class, and this run learned none (it has no --condition);"
            " leave it out."
        )
    names = game.classes.names
    # Where the names are, say, 3, 5 and 9, a 2 that would mean the 9 is a mistake.
    digits = all(name.isdigit() for name in names)
    numbers = [] if digits else [str(number) for number in range(len(names))]
    for known in (names, numbers):
        if text in known:
            number = known.index(text)
            if not game.classes.counts[number]:
                raise UserError(
                    f"--label={text} is a class of which the run had no image to train on; choose"
                    " another."
                )
            return number
    some = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    raise UserError(
        f"--label={text} is not a class of this run; its classes ({game.classes.column}) are"
        f" {some}."
    )


def labels_of_one_class(game: step.Game, text: str, number: int) -> tuple[np.ndarray | None, str]:
    """Return labels int32 ``[number]`` of one class, and its name; None and "" without classes.

    Args:
        game: The game.
        text: The class, by name or number; the first if it is empty.
        number: How many labels.

    Raises:
        UserError: See :func:`parse_label`.
    """
    label = parse_label(game, text) if text else 0
    if game.classes is None:
        return None, ""
    return np.full(number, label, np.int32), game.classes.names[label]


def grid_layout(game: step.Game, number: int) -> tuple[np.ndarray | None, int | None, str]:
    """Return how a grid of a game's samples shows the classes, see :func:`layout_of`."""
    return layout_of(game.classes, number)


def layout_of(classes: Classes | None, number: int) -> tuple[np.ndarray | None, int | None, str]:
    """Return how a grid of samples shows the classes.

    Up to 16 classes have a column each; more are sorted.

    Returns:
        Labels int32 ``[number]``, the number of columns, and a sentence about the order; without a
        condition None, None and "".
    """
    if classes is None:
        return None, None, ""
    column, names = classes.column, classes.names
    cells = np.arange(number, dtype=np.int32)
    if len(names) <= 16:
        columns = min(len(names), number)
        caption = f"the columns of samples are, by {column}, {', '.join(names[:columns])}"
        return cells % len(names), columns, caption
    labels = cells * len(names) // number
    caption = f"samples are sorted by {column}, from {names[0]} to {names[labels[-1]]}"
    return labels, None, caption


def rare_class_warning(classes: Classes | None) -> str:
    """Return warnings for classes with zero or one training image; empty if there are none."""
    if classes is None:
        return ""
    warnings = []
    for number, images, consequence in (
        (0, "no image", "mean nothing"),
        (1, "one image", "can only copy it"),
    ):
        counts = zip(classes.names, classes.counts, strict=True)
        rare = [name for name, count in counts if count == number]
        some = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
        if rare:
            warnings.append(
                f"{len(rare)} of {len(classes.names)} classes by {classes.column} have {images} to"
                f" train on ({some}): their samples {consequence}."
            )
    return " ".join(warnings)
