"""Arrays of images in an .npz file, made uint8."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np

from gan_zoo.datasets.containers import open_zip
from gan_zoo.datasets.sources import Contents, Source, fingerprint
from gan_zoo.datasets.store import available_memory
from gan_zoo.datasets.text import error_text
from gan_zoo.errors import UserError

_IMAGES = ("x_train", "train_images", "images", "imgs", "data", "x", "arr_0")
_LABELS = ("y_train", "train_labels", "labels", "label", "y", "targets", "arr_1")
_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def npz(path: Path) -> Source:
    """The images of an .npz, with its labels where it has as many.

    Raises:
        UserError: It is broken or holds no images.
    """
    with open_zip(path) as archive:
        marks = [(info.filename, info.CRC, info.file_size) for info in archive.infolist()]
        shapes = _shapes(path, archive)
    key = _choose(path, shapes)
    count = shapes[key][0]
    labels = {
        name: shape for name, shape in shapes.items() if name.lower() in _LABELS and name != key
    }
    fit = [name for name, shape in labels.items() if shape in ((count,), (count, 1))]
    notes = [
        f"labels are left out, since '{name}' of {path} has the shape {shape}, and there are"
        f" {count:,} images."
        for name, shape in labels.items()
        if not fit
    ]
    return Source(
        str(path), fingerprint("npz", *marks), lambda: _contents(path, key, fit), tuple(notes)
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
    held = ", ".join(f"{key} {shape}" for key, shape in list(shapes.items())[:8]) or "nothing"
    raise UserError(
        f"{path} holds {'more than one array' if fit else 'no array'} that may be images ({held}); "
        "save them as 'images', uint8 [N, H, W] or [N, H, W, C]."
    )


def _contents(path: Path, key: str, columns: list[str]) -> Contents:
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file[key]
            for name in sorted(columns, key=lambda k: _LABELS.index(k.lower())):
                try:
                    column = file[name]
                except ValueError:  # objects, which are not read: images without labels are as good
                    continue
                if column.dtype.kind in "biuSU":
                    values, labels = np.unique(column.reshape(-1), return_inverse=True)
                    classes = tuple(
                        v.decode("latin1") if isinstance(v, bytes) else str(v)
                        for v in values.tolist()
                    )
                    break
    except Exception as e:
        raise UserError(
            f"the array '{key}' of {path} cannot be read ({error_text(e)}); save it as uint8."
        ) from None
    scale, offset = _range(images, f"the array '{key}' of {path}")

    def read(i: int) -> np.ndarray:
        image = images[i]
        return (
            image if image.dtype == np.uint8 else np.rint(image * scale + offset).astype(np.uint8)
        )

    return Contents([f"image {i}" for i in range(len(images))], read, labels, classes)


def _range(images: np.ndarray, where: str) -> tuple[float, float]:
    """The factor and the offset that bring the values to 0..255."""
    if not images.size:
        raise UserError(f"{where} is empty, {images.shape}; save uint8 images [N, H, W, C] in it.")
    if images.ndim == 4 and images.shape[-1] not in (1, 2, 3, 4):
        raise UserError(
            f"{where} has the shape {images.shape}; save it as [N, H, W, C] with C of 1, 3 or 4."
        )
    if images.dtype == bool:
        return 255.0, 0.0
    if images.dtype.kind not in "iuf":
        raise UserError(f"{where} holds values of type {images.dtype}; save it as uint8.")
    if images.dtype == np.uint8:
        return 1.0, 0.0
    low, high = float(images.min()), float(images.max())
    if images.dtype.kind == "f" and low >= 0 and high <= 1:
        return 255.0, 0.0
    if images.dtype.kind == "f" and low >= -1 and high <= 1:
        return 127.5, 127.5
    if low >= 0 and high <= 255 and all(np.array_equal(image, np.rint(image)) for image in images):
        return 1.0, 0.0
    raise UserError(
        f"{where} has values from {low:g} to {high:g}; save it as uint8, or as floats in [0, 1] or"
        " [-1, 1]."
    )
