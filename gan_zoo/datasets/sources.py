"""Sources of images: a folder, an archive or an array, opened without reading any image.

A :class:`Source` has a fingerprint that is cheap to take, and opens only when the cache does not
know that fingerprint.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gan_zoo.datasets.class_labels import Labeling, label_by_folders
from gan_zoo.datasets.containers import Container
from gan_zoo.datasets.picture_files import PictureFiles, find_pictures, text_of_endings
from gan_zoo.datasets.picture_formats import MARKS
from gan_zoo.datasets.places import KINDS, joining, open_container, whole_of_part
from gan_zoo.datasets.text import printable
from gan_zoo.datasets.webdataset import unread_labels
from gan_zoo.errors import UserError
from gan_zoo.files import near_or

_ADDRESS = re.compile("(?:^|/)(https?|ftp|s3|gs|file):/")
Select = Callable[[Sequence[str]], Sequence[str]]
# Of the pictures, all files, and what reads one of these.
Label = Callable[[Sequence[str], Iterable[str], Callable[[str], bytes]], Labeling]


class Contents(NamedTuple):
    """An opened source.

    Attributes:
        names: Of the images in messages, in the order of the data set.
        read: Returns the image of an index in ``names``: an encoded file, or uint8 ``[H, W]`` or
            ``[H, W,
            C]``. Threads call it; whatever it raises says that this image cannot be read.
        labels: int ``[N]``, the class of each image, or None.
        classes: The names of the classes.
        notes: Sentences for :attr:`Dataset.notes` that only an opened source can know.
    """

    names: Sequence[str]
    read: Callable[[int], bytes | np.ndarray]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Source(NamedTuple):
    """A place that holds images.

    Attributes:
        where: Its name in messages.
        fingerprint: Changes whenever the images may have changed.
        open: Makes the images readable.
        notes: Sentences for :attr:`Dataset.notes`.
        listing: What a copy elsewhere has in common with it, such as names and sizes of files: if
            it is known to the cache, the images are compared. "" if the fingerprint itself does
            not depend on the place.
        others: How many files there are that are not taken, by ending.
    """

    where: str
    fingerprint: str
    open: Callable[[], Contents]
    notes: tuple[str, ...] = ()
    listing: str = ""
    others: Mapping[str, int] = MappingProxyType({})


def fingerprint(*parts: object) -> str:
    """SHA-256 (hex) over the text of all parts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()


def require_path(data_dir: Path) -> Path:
    """Return the same path, if it exists.

    Raises:
        UserError: It does not exist, or cannot be reached.
    """
    try:
        if data_dir.exists():
            return data_dir
    except OSError:
        pass
    if address := _ADDRESS.search(data_dir.as_posix()):  # a path has lost one of its slashes
        raise UserError(
            f"--data_dir takes no address such as {address[1]}://; download the images and give"
            f" {KINDS}."
        )
    remedy = near_or(data_dir, f"give {KINDS} that does.")
    raise UserError(f"--data_dir={data_dir} does not exist or cannot be reached; {remedy}")


def all_of(names: Sequence[str]) -> Sequence[str]:
    """Select all images."""
    return names


def pictures(path: Path, select: Select = all_of, label: Label = label_by_folders) -> Source:
    """A folder or an archive of image files.

    Args:
        path: It exists.
        select: Which of the candidates, given as sorted relative POSIX paths, to take.
        label: Gives them their classes, and may leave out some of them.

    Raises:
        UserError: It is neither, is broken or unsafe, or holds no images.
    """
    return pictures_in(open_container(path), select, label)


def pictures_in(
    container: Container,
    select: Select = all_of,
    label: Label = label_by_folders,
    found: PictureFiles | None = None,
) -> Source:
    """The image files in a container; see :func:`pictures`.

    ``found`` are its files if they are known, those of :func:`files_in`.
    """
    found = found or files_in(container)

    def read(name: str) -> bytes:
        container.refuse(name)
        return container.read(name)

    names, labels, classes, notes = label(
        _selected(found, select, container), container.marks, read
    )
    for name in names:
        container.refuse(name)
    own = container.labels(names)  # beside the images, and so more certain than folders
    if own is None and labels is None:
        notes = (*notes, *unread_labels(names, container.marks))
    marks = [(name, *container.marks[name]) for name in names]
    digest = [] if labels is None else [hashlib.sha256(labels.tobytes()).hexdigest(), *classes]

    def contents() -> Contents:
        found = own.read() if own else (labels, classes)
        return Contents(names, lambda i: container.read(names[i]), *found)

    return Source(
        str(container.path),
        fingerprint(*container.identity, *marks, *digest),
        contents,
        (*container.notes, *found.notes, *(own.notes if own else ()), *notes),
        fingerprint(*(mark[:2] for mark in marks)),
        found.endings,
    )


def files_in(container: Container) -> PictureFiles:
    """Find the pictures among the files of a container."""

    def key(names: Sequence[str]) -> str:
        marks = ((name, *container.marks[name]) for name in names)
        return fingerprint("kinds", MARKS, *container.identity, *marks)

    return find_pictures(
        container.marks, container.head or container.read, printable(str(container.path)), key
    )


# Names of files that tell which data set a folder holds.
_KNOWN = {
    "data_batch_1": "cifar10",
    "train-images-idx3-ubyte": "mnist",
    "train-images.idx3-ubyte": "mnist",
}
_SAVE, _WRITE = "save their images as an .npz or .npy", "write their images into a folder"
_REMEDIES = {
    ".npy": "save them as one array [N, H, W, C] in an .npy",
    **dict.fromkeys((".h5", ".hdf5", ".mat", ".pkl", ".pickle"), _SAVE),
    **dict.fromkeys((".rar", ".7z", ".zst", ".gz", ".zip", ".tar"), "unpack them"),
    **dict.fromkeys((".mdb", ".tfrecord", ".tfrecords", ".arrow", ".db"), _WRITE),
}


def _remedy(container: Container, endings: Mapping[str, int]) -> str:
    """Return what to do with a place that holds no images."""
    where, names = container.path, {name.rpartition("/")[2] for name in container.marks}
    inside = sorted([*where.glob("*.zip"), *where.glob("*.npz")]) if where.is_dir() else []
    if inside and container.identity[0] != "archives":  # else they were searched
        return f"give {inside[0]} as --data_dir"
    if wholes := sorted({whole for name in names if (whole := whole_of_part(name))}):
        return joining(wholes[0])
    for name, data in _KNOWN.items():
        if name in names or f"{name}.gz" in names:
            return f"if they are those of {data}, --data={data} reads them"
    if "dataset_info.json" in names and where.is_dir():
        return f"--data='{'hub' if '.arrow' in endings else 'tfds'}(\"{where}\")' may read it"
    usual = "put files in it such as .png, .jpg, .webp or .tif, or check --data_dir"
    return next((_REMEDIES[ending] for ending in endings if ending in _REMEDIES), usual)


def _selected(found: PictureFiles, select: Select, container: Container) -> Sequence[str]:
    if not found.names:
        there = f"; it holds {text_of_endings(found.endings)}" if found.endings else ""
        raise UserError(
            f"there are no images in {container.path}{there}; {_remedy(container, found.endings)}."
        )
    return select(found.names)
