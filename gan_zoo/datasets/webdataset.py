"""WebDataset shards: a tar in which ``KEY.jpg`` stands beside ``KEY.cls`` or ``KEY.json``.

See https://github.com/webdataset/webdataset. The key ends at the first dot of the file's name.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Collection, Sequence

import numpy as np

from gan_zoo.datasets.containers import Classes, OwnLabels
from gan_zoo.errors import UserError

_FIELDS = ("cls", "label", "class", "class_name", "label_name", "category", "class_id", "label_id")
_LARGEST = 2**20  # bytes of a file with a label


def labels_of_shards(
    names: Sequence[str], members: Collection[str], read: Callable[[str], bytes]
) -> OwnLabels | None:
    """Return the labels that images have in files beside them, or None if there are none.

    Args:
        names: Of the images.
        members: The names of all files.
        read: Returns the bytes of a file.
    """
    keys = [_key(name) for name in names]
    for ending in (".cls", ".json"):
        beside = sum(key + ending in members for key in keys)
        if not beside:
            continue
        notes = []
        if beside < len(keys):
            if ending == ".json":
                continue
            notes.append(
                f"labels are left out, since {len(keys) - beside:,} of {len(keys):,} images have no"
                f" file {ending} beside them."
            )
            return OwnLabels(lambda: (None, ()), tuple(notes))
        if ending == ".json" and _field(read(keys[0] + ending)) is None:
            continue  # a caption, or the like
        twice = [key for key, n in collections.Counter(keys).items() if n > 1]
        if twice:
            notes.append(
                f"{len(twice):,} keys of the shards, such as {twice[0]}, have several images; all"
                " are taken."
            )
        return OwnLabels(lambda ending=ending: _classes(keys, ending, read), tuple(notes))  # type: ignore[misc]
    return None


def _key(name: str) -> str:
    head, slash, tail = name.rpartition("/")
    return head + slash + tail.split(".")[0]


def _field(data: bytes) -> str | None:
    """Return the label in a JSON record, or None."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    values = (record.get(field) for field in _FIELDS)
    return next((str(v) for v in values if isinstance(v, (int, str)) and str(v)), None)


def _classes(keys: Sequence[str], ending: str, read: Callable[[str], bytes]) -> Classes:
    values = []
    for key in keys:
        try:
            data = read(key + ending)[:_LARGEST]
            text = _field(data) if ending == ".json" else data.decode("utf-8").strip()
        except Exception:  # a damaged member
            text = None
        if not text:
            raise UserError(
                f"'{key}{ending}' holds no label, while others do; mend it, or remove all"
                f" {ending} files from the shards."
            )
        values.append(text)
    if all(value.isascii() and value.isdigit() for value in values):
        numbers, labels = np.unique(np.array(values, np.int64), return_inverse=True)
        return labels.astype(np.int32), tuple(map(str, numbers.tolist()))
    names, labels = np.unique(values, return_inverse=True)
    return labels.astype(np.int32), tuple(map(str, names.tolist()))
