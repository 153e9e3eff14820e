"""Arrays of images in an .npz or .npy file, made uint8."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np

from gan_zoo.datasets import array_labels
from gan_zoo.datasets.archives import open_zip
from gan_zoo.datasets.array_values import flat_side, images_of, reshaping
from gan_zoo.datasets.class_labels import wanted_parts
from gan_zoo.datasets.sources import Contents, Source, fingerprint
from gan_zoo.datasets.store import available_memory, memory_map
from gan_zoo.datasets.text import error_text
from gan_zoo.errors import UserError

_IMAGES = ("x_train", "train_images", "images", "imgs", "data", "x", "arr_0")
_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def npz(path: Path, classes: str = "auto", split: str = "train") -> Source:
    """The images of an .npz, with its labels where it has as many.

    Args:
        path: The file.
        classes: ``auto`` (or ``folders``) for an array of labels by its name, ``none``, or the name
            of an array.
        split: ``train``, ``val``, ``test`` or ``all``; several with a plus.

    Raises:
        UserError: It is broken, or holds no images, no such part or no such labels.
    """
    with open_zip(path) as archive:
        marks = [(info.filename, info.CRC, info.file_size) for info in archive.infolist()]
        shapes = _shapes(path, archive)
    keys, notes = _part_keys(path, shapes, split)
    labels, names, told = array_labels.read(path, shapes, keys, classes)
    given = [] if (classes, split) == ("auto", "train") else [classes, split]
    return Source(
        str(path),
        fingerprint("npz", *marks, *given),
        lambda: _contents(path, keys, labels, names),
        (*notes, *told),
    )


def _part_keys(
    path: Path, shapes: dict[str, tuple[int, ...]], split: str
) -> tuple[list[str], list[str]]:
    """Return the names of the arrays of images in the parts asked for, and sentences on others."""
    fit = {key: shape for key, shape in shapes.items() if len(shape) in (3, 4)}
    parts = array_labels.test_parts(fit)
    if split == "train" or not parts:
        parts["train"] = _choose(path, shapes)
    elif own := {key: shapes[key] for key in fit if array_labels.part_of(key) == "train"}:
        parts["train"] = _choose(path, own)
    keys = [parts[part] for part in wanted_parts(split, parts, str(path))]
    left = ", ".join(f"{key} {shape}" for key, shape in fit.items() if key not in keys)
    note = f"of {path}, {left} is left out; --data='files(split=...)' takes parts."
    return keys, [note] if left else []


def npy(path: Path) -> Source:
    """The images of an .npy, which are read from the disk one by one.

    Raises:
        UserError: It is broken or holds no images.
    """
    try:
        images = memory_map(path)
        status = path.stat()
    except Exception as e:  # NumPy raises many types
        raise UserError(
            f"{path} is no array of NumPy, is damaged or holds objects ({error_text(e)}); save"
            " uint8 images [N, H, W] or [N, H, W, C] in it."
        ) from None
    if images.ndim not in (3, 4):
        raise UserError(
            f"{path} has the shape {images.shape}; save images [N, H, W] or [N, H, W, C] in it."
        )
    shape = (images.shape, images.dtype)
    return Source(
        str(path),
        fingerprint("npy", path.resolve(), status.st_size, status.st_mtime_ns, *shape),
        lambda: _scaled(images, f"the array of {path}"),
        array_labels.beside(path),
        listing=fingerprint("npy", *shape),
    )


def _shapes(path: Path, archive: zipfile.ZipFile) -> dict[str, tuple[int, ...]]:
    """The shape of every array, read from its header alone."""
    shapes = {}
    for info in archive.infolist():
        if info.filename.endswith(".npy"):
            try:
                with archive.open(info) as file:
                    shape, _, dtype = _READ_HEADER[np.lib.format.read_magic(file)](file)
            except KeyError:  # a format for records
                continue
            except Exception as e:  # zipfile, zlib and NumPy raise many types
                raise UserError(
                    f"{path} is damaged at {info.filename} ({error_text(e)}); save it again."
                ) from None
            size = math.prod(shape) * dtype.itemsize
            if not dtype.hasobject and not size < info.file_size <= size + 2**16:
                raise UserError(
                    f"{path} is damaged at {info.filename}: its size is not that of its shape; save"
                    " it again."
                )
            if size > available_memory():
                raise UserError(
                    f"{path} unpacks to {size / 2**30:,.1f} GiB, more than is free; give image"
                    " files instead."
                )
            shapes[info.filename.removesuffix(".npy")] = shape
    return shapes


def _choose(path: Path, shapes: dict[str, tuple[int, ...]]) -> str:
    """The name of the array of images."""
    fit = [key for key, shape in shapes.items() if len(shape) in (3, 4)]
    named = sorted((_IMAGES.index(key.lower()), key) for key in fit if key.lower() in _IMAGES)
    if named:
        return named[0][1]
    if len(fit) == 1:
        return fit[0]
    flat = [key for key, shape in shapes.items() if len(shape) == 2 and key.lower() in _IMAGES]
    if not fit and len(flat) == 1:
        if flat_side(shapes[flat[0]]):
            return flat[0]
        if remedy := reshaping(shapes[flat[0]]):
            raise UserError(
                f"the array '{flat[0]}' of {path} has the shape {shapes[flat[0]]}, which is flat;"
                f" save {remedy}."
            )
    held = ", ".join(f"{key} {shape}" for key, shape in list(shapes.items())[:8]) or "nothing"
    raise UserError(
        f"{path} holds {'more than one array' if fit else 'no array'} that may be images ({held}); "
        "save them as 'images', uint8 [N, H, W] or [N, H, W, C]."
    )


def _contents(
    path: Path, keys: list[str], labels: np.ndarray | None, classes: tuple[str, ...]
) -> Contents:
    key = keys[0]
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file[key] if len(keys) == 1 else np.concatenate([file[key] for key in keys])
    except Exception as e:
        raise UserError(
            f"the array '{key}' of {path} cannot be read ({error_text(e)}); save it as uint8."
        ) from None
    return _scaled(images, f"the array '{key}' of {path}", labels, classes)


def _scaled(
    images: np.ndarray,
    where: str,
    labels: np.ndarray | None = None,
    classes: tuple[str, ...] = (),
) -> Contents:
    """Return the images of an array, each made uint8 when it is read."""
    found = images_of(images, where)
    names = [f"image {i}" for i in range(found.total)]
    return Contents(names, found.read, labels, classes, found.notes)
