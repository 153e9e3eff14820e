"""Containers of files: a folder or an archive as a list of names, read one by one.

The archives themselves are in ``archives.py`` and ``tarballs.py``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from gan_zoo.datasets.picture_formats import HEAD
from gan_zoo.datasets.text import printable
from gan_zoo.errors import UserError

LARGEST = 2**28  # bytes that one file of an archive may unpack to
# From that many bytes on, a file that is compressed by that factor is taken for a zip bomb.
BOMB = (2**25, 200)

Mark = tuple[object, ...]
Classes = tuple[np.ndarray | None, tuple[str, ...]]


class OwnLabels(NamedTuple):
    """Labels that a container itself has for its images.

    Attributes:
        read: Returns int32 ``[N]`` or None, and the names of the classes.
        notes: Sentences for :attr:`Dataset.notes`.
    """

    read: Callable[[], Classes]
    notes: tuple[str, ...] = ()


class Container(NamedTuple):
    """Files by name; none of them has been read.

    Attributes:
        path: The folder or the archive.
        identity: What, beside the marks of its files, tells it from other containers.
        marks: By relative POSIX path, what changes whenever that file may have changed. A copy of
            the container has the same first element.
        read: Returns the bytes of a path in ``marks``. Threads call it; whatever it raises says
            that this file cannot be read.
        refuse: Raises a UserError if a file with a path in ``marks`` must not be read.
        file: Returns a file that can be opened as an archive: its path, or the open file.
        labels: Returns the labels that the container itself has for some paths, or None.
        notes: Sentences for :attr:`Dataset.notes`.
        head: Returns the first bytes of a path in ``marks``; None if ``read`` is as fast.
    """

    path: Path
    identity: Mark
    marks: Mapping[str, Mark]
    read: Callable[[str], bytes]
    refuse: Callable[[str], None] = lambda name: None
    file: Callable[[str], Path | BinaryIO] | None = None
    labels: Callable[[Sequence[str]], OwnLabels | None] = lambda names: None
    notes: tuple[str, ...] = ()
    head: Callable[[str], bytes] | None = None


def member_path(name: str, where: Path) -> str:
    """Return the relative POSIX path of a member of an archive.

    Raises:
        UserError: It points out of the archive.
    """
    name = name.replace("\\", "/")
    parts = name.split("/")
    if re.match("/|[A-Za-z]:", name) or ".." in parts:
        raise UserError(
            f"the archive {where} is refused, since its member '{printable(name)}' points out of"
            " it; pack the images again with plain relative paths."
        )
    return "/".join(p for p in parts if p not in ("", "."))


def repeated_notes(repeated: Collection[str], where: Path) -> tuple[str, ...]:
    """Return the sentence on names that several files of an archive have; nothing without such.

    Args:
        repeated: Each name, once or more often.
        where: The archive.
    """
    names = sorted(set(repeated))
    if not names:
        return ()
    which = f"the name {printable(names[0])} is"
    if names[1:]:
        which = f"{len(names):,} names, such as {printable(names[0])}, are"
    return (
        f"in {where}, {which} there more than once; the last file of a name is taken, as in"
        " unpacking.",
    )


def folder(root: Path) -> Container:
    """The files below a folder.

    Raises:
        UserError: A folder cannot be listed.
    """
    marks: dict[str, Mark] = {}
    regular: set[str] = set()
    empty: list[str] = []
    for name in _files_below(root, empty):
        try:
            status = os.stat(f"{root}/{name}")
        except OSError:  # a dangling link
            marks[name] = (None, None)
            continue
        marks[name] = (status.st_size, status.st_mtime_ns)
        if stat.S_ISREG(status.st_mode):
            regular.add(name)

    def read(name: str) -> bytes:
        if name not in regular:  # opening a pipe would wait for ever
            raise OSError("not a regular file, or a dangling link")
        return (root / name).read_bytes()

    def head(name: str) -> bytes:
        if name not in regular:
            return b""
        # Without a file object of Python, which takes longer than the file.
        descriptor = os.open(f"{root}/{name}", os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            return os.read(descriptor, HEAD)
        finally:
            os.close(descriptor)

    return Container(
        root,
        ("folder", root.resolve()),
        marks,
        read,
        file=lambda name: root / name,
        notes=_empty_notes(empty, root),
        head=head,
    )


def _empty_notes(empty: Sequence[str], root: Path) -> tuple[str, ...]:
    """Return the sentence on folders without files, which may stand for classes."""
    names = sorted(name for name in empty if not any(p.startswith(".") for p in name.split("/")))
    if not names:
        return ()
    count = "1 folder is" if len(names) == 1 else f"{len(names):,} folders are"
    return (f"in {root}, {count} empty, such as {printable(names[0])}.",)


def _files_below(root: Path, empty: list[str]) -> Iterable[str]:
    """Yield the relative POSIX paths of all files; each folder is visited once.

    Args:
        root: A folder.
        empty: Takes the relative paths of folders in which there is nothing.

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
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        if not files and not subfolders and below != ".":
            empty.append(below)
        yield from (files if below == "." else (f"{below}/{name}" for name in files))
    if closed:
        raise UserError(
            f"the folder {printable(closed[0])} cannot be listed; change its permissions or move it"
            f" out of {root}."
        )
