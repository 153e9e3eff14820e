"""The classes of a run with a condition: which there are, how users name them, how a grid shows them."""

from __future__ import annotations

import hashlib

import numpy as np

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.contracts import Classes, Dataset
from gan_zoo.errors import UserError
from gan_zoo.game import step
from gan_zoo.game.build import split
from gan_zoo.spec import american


def classes_of(config: Config, data: Dataset) -> Classes | None:
    """The classes that the condition of the settings is about; None without a condition.

    Raises:
        UserError: The data set has no such labels, they are all the same, or they are not what a
            data set promises.
    """
    if not (specs := config.specs("condition")):
        return None
    column = registry.conditions.build(specs[0]).column
    if column not in data.labels and american(column) in data.labels:
        column = american(column)  # as in runs from before cartoon_faces named it hair_color
    if column not in data.labels:
        there = (
            f"has {', '.join(data.labels)}; choose by --condition='{specs[0].name}(\"...\")'"
            if data.labels
            else "has none"
        )
        there += "".join(
            f": {note.rstrip('.')}" for note in data.notes if note.startswith("labels")
        )
        raise UserError(
            f"--condition={config.condition} needs the labels '{column}', and the data set"
            f" {data.name} {there}"
            + (
                "."
                if data.labels
                else (
                    "; give a folder for each class, or an npz with 'labels', whole numbers or"
                    " text, [N]."
                )
            )
        )
    given, names = np.asarray(data.labels[column]), data.label_values[column]
    right = given.shape == (len(data.images),) and given.dtype.kind in "iu"
    if not right or not 0 <= given.min() <= given.max() < len(names):
        raise UserError(
            f"the labels '{column}' of {data.name} must be {len(data.images)} whole numbers, one an"
            f" image, from 0 to below the number of classes, {len(names)}; mend what that data set"
            " returns."
        )
    labels = given.astype(np.int32)
    counts = np.bincount(labels[split(config, len(labels))[0]], minlength=len(names))
    if (counts > 0).sum() < 2:
        raise UserError(
            f"--condition={config.condition} needs two classes or more, and all images of"
            f" {data.name} to train on are of one ({column}: {names[int(counts.argmax())]}); leave"
            " the flag out."
        )
    return Classes(column, tuple(names), tuple(map(int, counts)), label_hash(labels))


def label_hash(labels: np.ndarray) -> str:
    """SHA-256 (hex) of class numbers [N]: their identity in ``config.json``."""
    return hashlib.sha256(np.asarray(labels, np.int32).tobytes()).hexdigest()


def parse_label(game: step.Game, text: str) -> int:
    """The number of the class that a user names, by its name or, unless names are numbers themselves, its number.

    Raises:
        UserError: There are no classes, none of that name, or no image of it to train on.
    """
    if game.classes is None:
        raise UserError(
            f"--label={text} asks for a class, and this run learned none (it has no --condition);"
            " leave it out."
        )
    names = game.classes.names
    # Where the names are numbers themselves, say 3, 5 and 9, a 2 that would mean the 9 is a
    # mistake.
    numbers = (
        []
        if all(name.isdigit() for name in names)
        else [str(number) for number in range(len(names))]
    )
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
        f"--label={text} is no class of this run; its classes, by {game.classes.column}, are:"
        f" {some}."
    )


def grid_layout(game: step.Game, number: int) -> tuple[np.ndarray | None, int | None, str]:
    """How a grid of samples shows the classes: labels int32 ``[number]``, images in a row, and the order in words.

    Up to 16 classes have a column each; more are sorted. Without a condition: None, None and no
    words.
    """
    if game.classes is None:
        return None, None, ""
    names, places = game.classes.names, np.arange(number, dtype=np.int32)
    if len(names) <= 16:
        shown = min(len(names), number)
        return (
            places % len(names),
            shown,
            f"columns of samples, by {game.classes.column}: {', '.join(names[:shown])}",
        )
    sorted_labels = places * len(names) // number
    return (
        sorted_labels,
        None,
        (
            f"samples are sorted by {game.classes.column}, from {names[0]} to"
            f" {names[sorted_labels[-1]]}"
        ),
    )


def rare_class_warning(classes: Classes | None) -> str:
    """Sentences on the classes of which there is no image to train on, or one alone; no words where there are no such."""
    if classes is None:
        return ""
    said = []
    for number, have, their in (
        (0, "no image", "mean nothing"),
        (1, "one image", "can only copy it"),
    ):
        few = [
            name
            for name, count in zip(classes.names, classes.counts, strict=True)
            if count == number
        ]
        some = ", ".join(few[:5]) + (", ..." if len(few) > 5 else "")
        if few:
            said.append(
                f"{len(few)} of {len(classes.names)} classes by {classes.column} have {have} to"
                f" train on ({some}): their samples {their}."
            )
    return " ".join(said)
