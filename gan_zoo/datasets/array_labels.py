"""Class labels in an .npz, beside its images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from gan_zoo.datasets.class_labels import in_order
from gan_zoo.datasets.folder_names import split_of
from gan_zoo.datasets.label_files import Labels, classes_of_array, left_out, odd_class_notes
from gan_zoo.datasets.text import error_text
from gan_zoo.errors import UserError

# The names of labels, and whether the name of a part is with them: y_train, labels ...
_LABELS = (
    ("y", True),
    ("labels", True),
    ("label", True),
    ("labels", False),
    ("label", False),
    ("y", False),
    ("targets", True),
    ("targets", False),
    ("arr_1", False),
)
_MAY_LABEL = re.compile("class|categor|label|target")
_IMAGES = ("x", "images", "image", "imgs", "data", "")

Shapes = Mapping[str, tuple[int, ...]]


def part_of(key: str) -> str:
    """Return the part that an array's name means, as ``test`` for x_test; else ``train``."""
    meaning = split_of(key)
    return meaning[0] if meaning else "train"


def test_parts(keys: Iterable[str]) -> dict[str, str]:
    """Return the arrays of images that are named as parts to test with, by part."""
    found = [key for key in keys if _kind(key) in _IMAGES and part_of(key) != "train"]
    return {part_of(key): key for key in reversed(found)}


def _kind(key: str) -> str:
    """Return the name of an array without its part, as ``y`` for y_test."""
    meaning = split_of(key)
    return (meaning[1] if meaning else key).strip("_-. ").lower()


def read(
    path: Path, shapes: Shapes, keys: Sequence[str], classes: str
) -> tuple[np.ndarray | None, tuple[str, ...], list[str]]:
    """Return the labels of arrays of images, the names of the classes, and sentences.

    Args:
        path: The .npz.
        shapes: Of its arrays.
        keys: The arrays of images, one of a part.
        classes: ``auto``, ``none``, or the name of an array.

    Raises:
        UserError: There is no array of that name, or it has no labels.
    """
    if classes == "none":
        return None, (), []
    if classes not in ("auto", "folders"):
        if classes not in shapes:
            raise UserError(
                f"{path} has no array '{classes}' for files(classes=...); choose from:"
                f" {', '.join(shapes)}."
            )
        if len(keys) > 1:
            raise UserError(
                f"the array '{classes}' of {path} cannot label several parts; leave classes= out."
            )
        found = _read(path, shapes, {keys[0]: classes})
        if isinstance(found, str):
            raise UserError(f"{found}; give another array to files(classes=...).")
        return *found, list(odd_class_notes(f"'{classes}' of {path}", found))
    notes: list[str] = []
    for kind, tagged in _LABELS:
        columns = {
            key: name
            for key in keys
            for name in shapes
            if name not in keys
            and (_kind(name), split_of(name) is not None) == (kind, tagged)
            and part_of(name) == part_of(key)
        }
        if len(columns) < len(keys):
            continue
        found = _read(path, shapes, columns)
        if not isinstance(found, str):
            told = odd_class_notes(f"'{columns[keys[0]]}' of {path}", found)
            return *_as_in_training(path, shapes, kind, keys, found), list(told)
        notes.append(left_out(found))
    return None, (), notes or _unnamed(path, shapes, keys)


def _unnamed(path: Path, shapes: Shapes, keys: Sequence[str]) -> list[str]:
    """Return the sentence on an array that may be labels by its name, if none is for certain."""
    fit = [name for name, shape in shapes.items() if shape == (shapes[keys[0]][0],)]
    fit = [name for name in fit if _MAY_LABEL.search(name.lower())]
    if not fit or len(keys) > 1:
        return []
    return [
        left_out(
            f"no array of {path} is named labels or y; --data='files(classes=\"{fit[0]}\")' takes"
            f" '{fit[0]}'"
        )
    ]


def beside(path: Path) -> tuple[str, ...]:
    """Return the sentence on an .npy with labels beside one with images: y_train by X_train."""
    kind = {"x": "y", "images": "labels", "data": "labels"}
    own = _kind(path.stem)
    if own not in kind:
        return ()
    for file in sorted(path.parent.glob("*.npy")):
        if _kind(file.stem) in (kind[own], "y", "labels") and part_of(file.stem) == part_of(
            path.stem
        ):
            return (
                left_out(
                    f"{file} is not read; save both in one file: np.savez('set.npz',"
                    f" images=np.load('{path.name}'), labels=np.load('{file.name}'))"
                ),
            )
    return ()


def _as_in_training(
    path: Path, shapes: Shapes, kind: str, keys: Sequence[str], found: Labels
) -> Labels:
    """Return labels with the numbers that their classes have in the part to train on."""
    train = [name for name in shapes if _kind(name) == kind and part_of(name) == "train"]
    if not train or "train" in map(part_of, keys):
        return found
    first = _read(path, {**shapes, "": shapes[train[0]]}, {"": train[0]})
    return found if isinstance(first, str) else in_order(found, first[1])


def _read(path: Path, shapes: Shapes, columns: Mapping[str, str]) -> Labels | str:
    """Return the classes in the arrays of labels of arrays of images, or why there are none."""
    arrays = []
    for key, name in columns.items():
        count = shapes[key][0]
        if shapes[name][:1] != (count,):
            return (
                f"'{name}' of {path} has the shape {shapes[name]}, and there are {count:,} images"
            )
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays.append(file[name])
        except ValueError:
            return f"'{name}' of {path} has Python objects; save it as whole numbers or text"
        except Exception as e:  # zipfile, zlib and NumPy raise many types
            return f"'{name}' of {path} cannot be read ({error_text(e)})"
    if len({array.shape[1:] for array in arrays}) > 1:
        return f"the labels of the parts of {path} have several shapes"
    column = np.concatenate(arrays)
    found = classes_of_array(column, len(column))
    return f"'{name}' of {path} {found}" if isinstance(found, str) else found
