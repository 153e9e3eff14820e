"""Tar archives as containers, packed or not, on the disk or inside another archive.

A plain tar is read at the places of its members. A packed one can only be read from its beginning
to its end, which is done once: its members are copied to a file that is deleted when the process
ends. What is in it is remembered in the cache, so that a later start does not unpack it.
"""

from __future__ import annotations

import lzma
import os
import posixpath
import tarfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from gan_zoo.datasets import listings
from gan_zoo.datasets.archives import scratch_file, window
from gan_zoo.datasets.containers import LARGEST, Container, Mark, member_path, repeated_notes
from gan_zoo.datasets.text import error_text, printable
from gan_zoo.datasets.webdataset import labels_of_shards
from gan_zoo.errors import UserError

_PACKINGS = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}
# From that many bytes on, an archive that unpacks to so many times its size is taken for a bomb.
_BOMB = (2**30, 200)
_MANY = 5000  # members from which on a list is worth keeping
_BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)


class _Member(NamedTuple):
    """A file in a tar.

    Attributes:
        offset: Of its bytes, in the archive or in the copy.
        size: Of them.
        crc: CRC-32, where the archive was unpacked; else None.
        fault: Why it cannot be read, or "".
        repeats: Whether it has the name of an earlier one, which it replaces.
    """

    offset: int
    size: int
    crc: int | None = None
    fault: str = ""
    repeats: bool = False


Members = dict[str, _Member]


class _Header(tarfile.TarInfo):
    """A header; a damaged one is an error, and not the end of the archive as for ``tarfile``."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> tarfile.TarInfo:  # type: ignore[override]
        try:
            return super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError) as e:  # type: ignore[attr-defined]
            raise tarfile.ReadError(str(e)) from None


def packing(head: bytes) -> str:
    """Return how a file is packed by its first bytes: ``gz``, ``bz2``, ``xz`` or ""."""
    return next((name for magic, name in _PACKINGS.items() if head.startswith(magic)), "")


def is_tar(path: Path) -> bool:
    """Whether a file is a tar archive by its content, packed or not."""
    try:
        return tarfile.is_tarfile(path)
    except _BROKEN:
        return False


def tar_container(where: Path, file: BinaryIO | None = None) -> Container:
    """The files in a tar archive, ``.tar``, ``.tar.gz``, ``.tar.bz2`` or ``.tar.xz``.

    Args:
        where: The archive, or its name in messages.
        file: The archive, if it is not at ``where``.

    Raises:
        UserError: It is broken or unsafe.
    """
    try:
        source = file or where.open("rb")
        head = source.read(8)
        source.seek(0)
    except OSError as e:
        raise UserError(
            f"{where} cannot be read ({error_text(e)}); check its permissions."
        ) from None
    packed = packing(head)
    identity: Mark
    if packed:
        unpacked = _Unpacked(source, where, packed, remembered=file is None)
        members, identity = unpacked.members, ("tar",)
        read_at: Callable[[str], bytes] = unpacked.read_at
    else:
        members = _listed(source, where) if file is None else _scan(source, where)
        read_at = _reader(source, members)
        status = where.stat() if file is None else None
        identity = ("tar", where.resolve(), status.st_size, status.st_mtime_ns) if status else ()

    def read(name: str) -> bytes:
        member = members[name]
        if member.fault:
            raise OSError(member.fault)
        data = read_at(name)
        if len(data) != member.size:
            raise EOFError("the archive is cut short")
        return data

    def refuse(name: str) -> None:
        size = members[name].size
        if size > LARGEST:
            raise UserError(
                f"the archive {where} is refused, since its member '{printable(name)}' has"
                f" {size / 2**20:,.0f} MiB; leave it out or make that image smaller."
            )

    def open_member(name: str) -> BinaryIO:
        if packed or file is not None:
            raise UserError(
                f"{where} holds archives in an archive; unpack it and give the folder as"
                " --data_dir."
            )
        return window(where, members[name].offset, members[name].size)

    marks: dict[str, Mark] = {
        name: (m.size, m.offset) if m.crc is None else (m.crc, m.size)
        for name, m in members.items()
    }
    return Container(
        where,
        identity,
        marks,
        read,
        refuse,
        open_member,
        lambda names: labels_of_shards(names, marks, read),
        repeated_notes([name for name, m in members.items() if m.repeats], where),
    )


def _reader(source: BinaryIO, members: Members) -> Callable[[str], bytes]:
    lock = threading.Lock()

    def read_at(name: str) -> bytes:
        member = members[name]
        with lock:
            source.seek(member.offset)
            return source.read(member.size)

    return read_at


def _listed(source: BinaryIO, where: Path) -> Members:
    """List the files of an archive on the disk, or recall the list."""
    if saved := listings.recall(listings.key_of(where)):
        return {name: _Member(*values) for name, values in saved.items()}
    members = _scan(source, where)
    if len(members) > _MANY:
        listings.keep(listings.key_of(where), members)
    return members


def _scan(
    source: BinaryIO,
    where: Path,
    mode: Any = "r:",
    keep: Callable[[tarfile.TarFile, tarfile.TarInfo], tuple[int, int]] | None = None,
) -> Members:
    """List the files of an archive.

    Args:
        source: The archive.
        where: Its name in messages.
        mode: Of ``tarfile.open``.
        keep: Called for each regular file; returns its offset and CRC-32.

    Raises:
        UserError: It is broken or unsafe.
    """
    members: Members = {}
    links: dict[str, str] = {}
    repeated: list[str] = []
    try:
        with tarfile.open(fileobj=source, mode=mode, tarinfo=_Header) as archive:
            while (info := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # they take 1 kB each
                if info.isdir() or not (name := member_path(info.name, where)):
                    continue
                repeated += [name] if name in members else []
                links.pop(name, None)
                if info.issym():
                    links[name] = posixpath.join(posixpath.dirname(name), info.linkname)
                elif info.islnk():
                    links[name] = member_path(info.linkname, where)
                elif not info.isreg() or info.issparse():
                    members[name] = _Member(0, info.size, fault="not a regular file")
                    continue
                else:
                    offset, crc = keep(archive, info) if keep else (info.offset_data, None)
                    members[name] = _Member(offset, info.size, crc)
                    continue
                members[name] = _Member(0, 0, fault="a link that leads to no file of the archive")
    except _BROKEN as e:
        raise UserError(
            f"{where} is damaged or cut short, or is no tar archive ({error_text(e)}); download or"
            " pack it again."
        ) from None
    for name, target in links.items():
        for _ in range(8):  # links to links; a circle ends, too
            target = posixpath.normpath(target)
            if target not in links:
                break
            target = links[target]
        if (member := members.get(target)) and not member.fault:
            members[name] = member
    members.update({name: members[name]._replace(repeats=True) for name in repeated})
    return members


class _Unpacked:
    """The members of a packed archive, in a copy that is made when it is needed.

    Attributes:
        members: What is in it; the offsets are those in the copy, once there is one.
    """

    def __init__(self, source: BinaryIO, where: Path, packed: str, remembered: bool) -> None:
        self._source, self._where, self._packed = source, where, packed
        self._lock = threading.Lock()
        self._read: Callable[[str], bytes] | None = None
        saved = listings.recall(listings.key_of(where)) if remembered else None
        if saved is None:
            self.members = self._unpack()
            if remembered:
                listings.keep(listings.key_of(where), self.members)
        else:
            self.members = {name: _Member(*values) for name, values in saved.items()}

    def read_at(self, name: str) -> bytes:
        """Return the bytes of a member."""
        with self._lock:
            if self._read is None:
                self._unpack()
        assert self._read is not None
        return self._read(name)

    def _unpack(self) -> Members:
        scratch = scratch_file()
        size = self._source.seek(0, os.SEEK_END)
        self._source.seek(0)

        def keep(archive: tarfile.TarFile, info: tarfile.TarInfo) -> tuple[int, int]:
            if info.offset_data + info.size > max(_BOMB[0], _BOMB[1] * size):
                raise UserError(
                    f"the archive {self._where} is refused, since it would unpack to more than"
                    f" {_BOMB[1]} times its size; unpack it and give the folder as --data_dir."
                )
            offset, crc = scratch.tell(), 0
            if info.size <= LARGEST:  # a larger one is no image
                member = archive.extractfile(info)
                assert member is not None
                while piece := member.read(2**20):
                    crc = zlib.crc32(piece, crc)
                    self._write(scratch, piece)
            return offset, crc

        members = _scan(self._source, self._where, f"r|{self._packed}", keep)
        self._write(scratch, b"")
        self._read = _reader(scratch, members)
        return members

    def _write(self, scratch: BinaryIO, piece: bytes) -> None:
        """Write to the copy, or all that is not yet written if there is nothing more."""
        try:
            scratch.write(piece) if piece else scratch.flush()
        except OSError as e:
            raise UserError(
                f"{self._where} cannot be unpacked beside the cache ({error_text(e)}); set"
                " GAN_ZOO_CACHE to a folder with room, or unpack it and give the folder as"
                " --data_dir."
            ) from None
