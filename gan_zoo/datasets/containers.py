"""Containers of files: a folder or a zip archive as a list of names, read one by one."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from gan_zoo.datasets.text import error_text, printable
from gan_zoo.errors import UserError

_LARGEST = 2**28  # bytes that one file of an archive may unpack to
# From that many bytes on, a file that is compressed by that factor is taken for a zip bomb.
_BOMB = (2**25, 200)

Mark = tuple[object, ...]


class Container(NamedTuple):
    """Files by name; none of them has been read.

    Attributes:
        path: The folder or the archive.
        identity: What, beside the marks of its files, tells it from other containers.
        marks: By relative POSIX path, what changes whenever that file may have changed.
        read: Returns the bytes of a path in ``marks``. Threads call it; whatever it raises says
            that this file cannot be read.
        refuse: Raises a UserError if a file with a path in ``marks`` must not be read.
    """

    path: Path
    identity: Mark
    marks: Mapping[str, Mark]
    read: Callable[[str], bytes]
    refuse: Callable[[str], None] = lambda name: None


def open_container(path: Path) -> Container:
    """Open a folder or a zip archive, which exists.

    Raises:
        UserError: It is neither, is broken or unsafe.
    """
    if path.is_dir():
        return _folder(path)
    if path.is_file() and (zipfile.is_zipfile(path) or path.suffix.lower() == ".zip"):
        return _archive(path)
    raise UserError(
        f"{path} is neither a folder nor a .zip nor an .npz; give one of these as --data_dir."
    )


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


def _folder(root: Path) -> Container:
    marks: dict[str, Mark] = {}
    regular: set[str] = set()
    for name in _files_below(root):
        try:
            status = os.stat(root / name)
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

    return Container(root, ("folder", root.resolve()), marks, read)


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


def _archive(path: Path) -> Container:
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

    def refuse(name: str) -> None:
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

    return Container(
        path,
        ("zip",),
        {name: (info.CRC, info.file_size) for name, info in members.items()},
        lambda name: archive.read(members[name]),  # which checks the CRC
        refuse,
    )
