"""A projection as a picture, as lines and as a record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_zoo import images
from gan_zoo.analysis.projection import Projection

_COLUMNS = ("picture", "projection", "difference")
_CELL = 96  # pixels of a picture on the sheet at least


def projection_sheet(
    parts: Sequence[tuple[str, Projection]], most: int = 24, size: int = images.LEAST
) -> np.ndarray:
    """Draw pictures, their projections and the differences side by side: uint8 ``[H, W, 3]``.

    The difference is gray where both are equal; half of it is added to the gray.

    Args:
        parts: Titles and what was found.
        most: Pictures of each part at most, the first ones.
        size: Pixels of the longer side at least, by repeating pixels.
    """
    factor = 1
    while True:
        sheet = images.stack([_part(title, found, most, factor) for title, found in parts], axis=0)
        side = max(parts[0][1].pictures.shape[1:3]) * factor
        if max(sheet.shape[:2]) >= size and side >= _CELL:
            return sheet
        factor += 1


def _part(title: str, found: Projection, most: int, factor: int) -> np.ndarray:
    wanted, made = (images.shown(x[:most]) for x in (found.pictures, found.images))
    difference = np.rint(127.5 + (made.astype(np.float32) - wanted) / 2).astype(np.uint8)
    cells = np.stack([wanted, made, difference], axis=1).reshape(-1, *wanted.shape[1:])
    cells = cells.repeat(factor, axis=1).repeat(factor, axis=2)
    across = math.ceil(math.sqrt(len(wanted) / 3))  # about a square
    grid = images.grid(cells, columns=3 * across, gap=4)
    return images.captioned(grid, title, _COLUMNS * across)


def projection_line(found: Projection) -> str:
    """Return one sentence on all pictures."""
    before, after = float(np.median(found.before)), float(np.median(found.distance))
    return (
        f"  median distance {after:.3g}, of the nearest of the first samples {before:.3g} (0 for"
        f" the same image, about 1 for an unrelated one);"
        f" {float(np.median(found.gray_levels)):.1f} gray levels, root mean square"
    )


def picture_records(found: Projection, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a record of each picture for a JSON file; the distances as in :class:`Projection`."""
    records = [
        {
            "distance": float(found.distance[i]),
            "distance_of_nearest_sample": float(found.before[i]),
            "distance_by_start": [float(x) for x in found.starts[i]],
            "gray_levels": float(found.gray_levels[i]),
            "latent": [float(x) for x in found.latents[i].ravel()],
        }
        for i in range(len(found.distance))
    ]
    for record, name in zip(records, names, strict=False):
        record["picture"] = name
    for record, label in zip(records, [] if found.labels is None else found.labels, strict=False):
        record["class"] = int(label)
    return records
