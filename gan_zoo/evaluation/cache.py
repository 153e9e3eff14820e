"""A cache on disk for arrays that depend on data and extractor alone."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from gan_zoo.files import whole_file


def cached(
    cache_dir: str | Path | None, key: str, compute: Callable[[], Mapping[str, np.ndarray]]
) -> Mapping[str, np.ndarray]:
    """Return arrays from ``<cache_dir>/evaluation/<key>.npz``, or compute and keep them.

    A file that cannot be read (cut short by a full disk, say) is computed again. Files appear
    complete or not at all, so that processes can share a cache.

    Args:
        cache_dir: The cache; None keeps nothing.
        key: All that the arrays depend on.
        compute: Gives the arrays.
    """
    if cache_dir is None:
        return compute()
    path = Path(cache_dir) / "evaluation" / f"{key}.npz"
    try:
        with np.load(path) as z:
            return dict(z)
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        pass
    arrays = compute()
    # A cache that cannot be written costs time at the next run, and no more.
    with contextlib.suppress(OSError), whole_file(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return arrays
