"""WebDataset shards: a tar in which ``KEY.jpg`` stands beside ``KEY.cls`` or ``KEY.json``.

See https://github.com/webdataset/webdataset. The key ends at the first dot of the file's name.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Collection, Sequence

import numpy as np

from gan_zoo.datasets.containers import Classes, OwnLabels
from gan_zoo.datasets.label_files import left_out
from gan_zoo.errors import UserError

_FIELDS = ("cls", "label", "class", "class_name", "label_name", "category", "class_id", "label_id")
_LARGEST = 2**20  # bytes of a file with a label
_DIGITS = 100  # from which on a number is a name


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
        beside = [key for key in keys if key + ending in members]
        if not beside or (ending == ".json" and not _has_field(read, beside[0] + ending)):
            continue  # a caption, or the like
        notes = []
        if lacking := len(keys) - len(beside):
            notes.append(
                f"labels are left out, since {lacking:,} of {len(keys):,} images have no"
                f" file {ending} beside them."
            )
            return OwnLabels(lambda: (None, ()), tuple(notes))
        twice = [key for key, n in collections.Counter(keys).items() if n > 1]
        if twice:
            notes.append(
                f"{len(twice):,} keys of the shards, such as {twice[0]}, have several images; all"
                " are taken."
            )
        return OwnLabels(lambda ending=ending: _classes(keys, ending, read), tuple(notes))  # type: ignore[misc]
    return None


def unread_labels(names: Sequence[str], members: Collection[str]) -> tuple[str, ...]:
    """Return the sentence on ``.cls`` files beside images that are in no tar."""
    count = sum(_key(name) + ".cls" in members for name in names)
    if not count:
        return ()
    files = f"the {count:,} files .cls beside the images are" if count > 1 else "a file .cls is"
    return (
        left_out(
            f"{files} read in a .tar only; pack the folder (tar -cf set.tar -C FOLDER .) and give"
            " that"
        ),
    )


def _key(name: str) -> str:
    head, slash, tail = name.rpartition("/")
    return head + slash + tail.split(".")[0]


def _has_field(read: Callable[[str], bytes], name: str) -> bool:
    try:
        return _field(read(name)) is not None
    except Exception:  # a damaged member may have one
        return True


def _field(data: bytes) -> str | None:
    """Return the label in a JSON record, or None."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    values = (record.get(field) for field in _FIELDS)
    values = (int(v) if isinstance(v, float) and v.is_integer() else v for v in values)
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
                f"'{key}{ending}' holds no label, while others do; fix it, or remove all"
                f" {ending} files from the shards."
            )
        values.append(text)
    if all(value.isascii() and value.isdigit() and len(value) < _DIGITS for value in values):
        numbers = [int(value) for value in values]  # of any size
        places = {number: i for i, number in enumerate(sorted(set(numbers)))}
        return np.array([places[n] for n in numbers], np.int32), tuple(map(str, places))
    names, labels = np.unique(values, return_inverse=True)
    return labels.astype(np.int32), tuple(map(str, names.tolist()))
