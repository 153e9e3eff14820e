"""Sources of images: a folder, a zip archive or an npz file, opened without reading any image.

A :class:`Source` has a fingerprint that is cheap to take, and opens only when the cache does not
know that fingerprint.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_zoo.errors import UserError

EXTENSIONS = (
    ".bmp",
    ".gif",
    ".jfif",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pgm",
    ".png",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

_LARGEST = 2**28  # bytes that one image of an archive may unpack to
# From that many bytes on, an image that is compressed by that factor is taken for a zip bomb.
_BOMB = (2**25, 200)

Select = Callable[[Sequence[str]], Sequence[str]]


class Contents(NamedTuple):
    """An opened source.

    Attributes:
        names: Of the images in messages, in the order of the data set.
        read: Returns the image of an index in ``names``: an encoded file, or uint8 ``[H, W]`` or
            ``[H, W,
            C]``. Threads call it; whatever it raises says that this image cannot be read.
        labels: int ``[N]``, the class of each image, or None.
        classes: The names of the classes.
    """

    names: Sequence[str]
    read: Callable[[int], bytes | np.ndarray]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()


class Source(NamedTuple):
    """A place that holds images.

    Attributes:
        where: Its name in messages.
        fingerprint: Changes whenever the images may have changed.
        open: Makes the images readable.
        notes: Sentences for :attr:`Dataset.notes`.
    """

    where: str
    fingerprint: str
    open: Callable[[], Contents]
    notes: tuple[str, ...] = ()


def fingerprint(*parts: object) -> str:
    """SHA-256 (hex) over the text of all parts."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()


def printable(name: str) -> str:
    """Return a file's name for a terminal: control and undecodable characters become ``?``."""
    return "".join(c if c.isprintable() else "?" for c in name)


def error_text(error: Exception) -> str:
    """Return an error's text on one line, to be part of a sentence."""
    text = (
        (error.strerror if isinstance(error, OSError) else None)
        or str(error)
        or type(error).__name__
    )
    return printable(" ".join(text.split()))[:200]


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
    raise UserError(
        f"--data_dir={data_dir} does not exist or cannot be reached; give a folder, a .zip or an"
        " .npz that does."
    )


def is_candidate(name: str) -> bool:
    """Whether a file counts as an image by its relative POSIX path alone."""
    parts = name.split("/")
    return parts[-1].lower().endswith(EXTENSIONS) and not any(
        p.startswith(".") or p == "__MACOSX" for p in parts
    )


def all_of(names: Sequence[str]) -> Sequence[str]:
    """Select all images."""
    return names


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


def pictures(path: Path, select: Select = all_of) -> Source:
    """A folder or a zip archive of image files.

    Args:
        path: It exists.
        select: Which of the candidates, given as sorted relative POSIX paths, to take.

    Raises:
        UserError: It is neither, is broken or unsafe, or holds no images.
    """
    if path.is_dir():
        return _folder(path, select)
    if path.is_file() and (zipfile.is_zipfile(path) or path.suffix.lower() == ".zip"):
        return _archive(path, select)
    raise UserError(
        f"{path} is neither a folder nor a .zip nor an .npz; give one of these as --data_dir."
    )


def _selected(names: Iterable[str], select: Select, where: Path) -> Sequence[str]:
    candidates = sorted(filter(is_candidate, names))
    if not candidates:
        inside = sorted([*where.glob("*.zip"), *where.glob("*.npz")]) if where.is_dir() else []
        hint = (
            f"give {inside[0]} as --data_dir"
            if inside
            else f"put files in it that end in {' '.join(EXTENSIONS)}"
        )
        raise UserError(f"there are no images in {where}; {hint}.")
    return select(candidates)


def _files_below(root: Path) -> Iterable[str]:
    """Yield the relative POSIX paths of all files; each folder is visited once.

    Raises:
        UserError: A folder cannot be listed.
    """
    seen: set[tuple[int, int]] = set()
    closed: list[str] = []
    for folder, subfolders, files in os.walk(
        root, followlinks=True, onerror=lambda e: closed.append(str(e.filename))
    ):
        try:
            mark = os.stat(folder)
        except OSError:
            continue
        if (mark.st_dev, mark.st_ino) in seen:  # a symbolic link led here again
            subfolders.clear()
            continue
        seen.add((mark.st_dev, mark.st_ino))
        subfolders.sort()
        for name in files:
            yield Path(folder, name).relative_to(root).as_posix()
    if closed:
        raise UserError(
            f"the folder {printable(closed[0])} cannot be listed; change its permissions or move it"
            f" out of {root}."
        )


def _folder(root: Path, select: Select) -> Source:
    names = _selected(_files_below(root), select, root)
    marks, regular = [], []
    for name in names:
        try:
            status = os.stat(root / name)
        except OSError:  # a dangling link
            status = None
        regular.append(status is not None and stat.S_ISREG(status.st_mode))
        marks.append((name, status and status.st_size, status and status.st_mtime_ns))

    def read(i: int) -> bytes:
        if not regular[i]:  # opening a pipe would wait for ever
            raise OSError("not a regular file, or a dangling link")
        return (root / names[i]).read_bytes()

    return Source(
        str(root),
        fingerprint("folder", root.resolve(), *marks),
        lambda: Contents(names, read, *classes_from_folders(names)),
    )


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open an archive for reading.

    Raises:
        UserError: It is broken, or may not be read.
    """
    try:
        return zipfile.ZipFile(path)
    except OSError as e:
        raise UserError(
            f"{path} cannot be read ({error_text(e)}); check its permissions."
        ) from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as e:
        raise UserError(
            f"{path} is not a zip archive, or is damaged ({error_text(e)}); download or pack it"
            " again."
        ) from None


def _archive(path: Path, select: Select) -> Source:
    archive = open_zip(path)
    members = {}
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")
        parts = name.split("/")
        if re.match("/|[A-Za-z]:", name) or ".." in parts:
            raise UserError(
                f"the archive {path} is refused, since its member '{printable(name)}' points out of"
                " it; pack the images again with plain relative paths."
            )
        if not info.is_dir():
            members["/".join(p for p in parts if p not in ("", "."))] = info
    names = _selected(members, select, path)
    for name in names:
        info = members[name]
        if info.flag_bits & 1:
            raise UserError(
                f"the archive {path} is encrypted; unpack it and give the folder as --data_dir."
            )
        size, ratio = info.file_size, info.file_size / max(info.compress_size, 1)
        if size > _LARGEST or (size > _BOMB[0] and ratio > _BOMB[1]):
            raise UserError(
                f"the archive {path} is refused, since its member '{printable(name)}' would unpack"
                f" to {size / 2**20:,.0f} MiB; leave it out or make that image smaller."
            )
    marks = [(name, members[name].CRC, members[name].file_size) for name in names]

    def read(i: int) -> bytes:
        return archive.read(members[names[i]])  # which checks the CRC

    return Source(
        str(path),
        fingerprint("zip", *marks),
        lambda: Contents(names, read, *classes_from_folders(names)),
    )
