"""How often images are classified as what they should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan_zoo.analysis.copies import wilson
from gan_zoo.errors import UserError


class Confusion(NamedTuple):
    """How often images of each class were classified as each class.

    Attributes:
        n: How many images.
        accuracy: Share classified as the class that was asked for.
        interval: Its 95 % interval (Wilson 1927), over the choice of images.
        counts: int64 ``[C, C]``: asked for the row's class, classified as the column's.
        classes: Their names.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    counts: np.ndarray
    classes: tuple[str, ...]

    @property
    def per_class(self) -> np.ndarray:
        """The accuracy of each class, float64 ``[C]``; NaN where it was not asked for."""
        asked = self.counts.sum(axis=1)
        return np.divide(
            np.diag(self.counts), asked, out=np.full(len(asked), np.nan), where=asked > 0
        )

    @property
    def balanced(self) -> float:
        """The mean of the accuracies of the classes, so that each class has the same weight."""
        return float(np.nanmean(self.per_class))

    def most_frequent_error(self, number: int) -> tuple[str, int] | None:
        """Return the wrong class most often given to images of a class, and its count, or None."""
        others = self.counts[number].copy()
        others[number] = 0
        most = int(others.argmax())
        return (self.classes[most], int(others[most])) if others[most] else None


def count_confusion(predicted: np.ndarray, asked: np.ndarray, classes: Sequence[str]) -> Confusion:
    """Count which class was asked for and which one was predicted.

    Args:
        predicted: Class numbers ``[N]``.
        asked: Class numbers ``[N]``.
        classes: The names of the classes.

    Raises:
        UserError: There are no images, or a number is not one of a class.
    """
    asked, count = np.asarray(asked, np.int64), len(classes)
    if not len(asked) or asked.min() < 0 or asked.max() >= count:
        raise UserError(
            f"every image needs a label below {count}, the number of classes, and there must be one"
            " image at least."
        )
    counts = np.bincount(
        asked * count + np.asarray(predicted, np.int64), minlength=count * count
    ).reshape(count, count)
    accuracy = float(np.trace(counts) / len(asked))
    return Confusion(
        len(asked), accuracy, wilson(accuracy, len(asked), 1.96), counts, tuple(classes)
    )
