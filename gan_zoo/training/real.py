"""The grid of real images that stands beside the grids of samples. No TensorFlow."""

from __future__ import annotations

import numpy as np

from gan_zoo import images
from gan_zoo.contracts import Dataset


def spread(rows: np.ndarray, number: int) -> np.ndarray:
    """Return ``number`` of some rows or fewer, evenly, since the data may be in an order."""
    count = min(number, len(rows))
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)] if count else rows[:0]


def real_grid(
    data: Dataset,
    number: int,
    labels: np.ndarray | None = None,
    column: str = "",
    columns: int | None = None,
) -> np.ndarray:
    """Lay out images of a data set as the grid of samples is laid out.

    Args:
        data: The data set.
        number: Images in the grid.
        labels: int ``[number]``, the class of each; None for any. A class with too few images
            leaves cells white.
        column: The name of the labels in ``data``.
        columns: Images in a row; about the square root of their number by default.

    Returns:
        uint8 ``[H, W, C]``, C 1 or 3.
    """
    every = np.arange(len(data.images))
    if labels is None:
        return images.grid(np.asarray(data.images[spread(every, number)]), columns)
    classes = np.asarray(data.labels[column])
    shown = np.full((number, *data.image_shape), 255, np.uint8)
    for label in np.unique(labels):
        cells = np.flatnonzero(labels == label)
        chosen = spread(every[classes == label], len(cells))
        shown[cells[: len(chosen)]] = data.images[chosen]
    return images.grid(shown, columns)
