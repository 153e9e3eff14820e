"""Class labels of image files, found in their paths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def classes_from_folders(names: Sequence[str]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return classes by the first folder below the one that holds all images.

    There are none unless every image is in such a folder, and there are at least two of them.

    Args:
        names: Relative POSIX paths.

    Returns:
        int32 ``[N]`` or None, and the names of the classes, sorted.
    """
    paths = [name.split("/")[:-1] for name in names]
    first, last = min(paths), max(paths)  # what these two share, all share
    depth = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )
    if any(len(path) <= depth for path in paths):
        return None, ()
    values, labels = np.unique([path[depth] for path in paths], return_inverse=True)
    return labels.astype(np.int32), tuple(map(str, values))
