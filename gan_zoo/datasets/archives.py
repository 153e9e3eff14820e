"""Zip archives as containers, on the disk or inside another archive."""

from __future__ import annotations

import copy
import io
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from gan_zoo.datasets import cache_dir
from gan_zoo.datasets.containers import (
    BOMB,
    LARGEST,
    Container,
    Mark,
    member_path,
    repeated_notes,
)
from gan_zoo.datasets.picture_formats import HEAD
from gan_zoo.datasets.text import error_text, printable
from gan_zoo.errors import UserError

_DEFLATE64 = 9
_UTF_8 = 0x800  # the flag of a member whose name is in UTF-8
_READ = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_METHODS = {
    _DEFLATE64: "Deflate64",
    93: "Zstandard",
    95: "xz",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
    99: "encryption by AES",
}


def open_zip(file: Path | BinaryIO, where: Path | None = None) -> zipfile.ZipFile:
    """Open an archive for reading.

    Args:
        file: The archive.
        where: Its name in messages, if ``file`` is no path.

    Raises:
        UserError: It is broken, or may not be read.
    """
    where = where or Path(file)  # type: ignore[arg-type]
    try:
        return zipfile.ZipFile(file)
    except OSError as e:
        raise UserError(
            f"{where} cannot be read ({error_text(e)}); check its permissions."
        ) from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as e:
        if "multiple disks" in str(e) or _other_parts(where):
            raise UserError(
                f"{where} is one part of a zip archive that was split; join the parts with"
                f" 'zip -s 0 {where.name} --out whole.zip', or unpack them and give the folder."
            ) from None
        raise UserError(
            f"{where} is not a zip archive, or is damaged ({error_text(e)}); download or pack it"
            " again."
        ) from None


def _other_parts(path: Path) -> bool:
    return any(path.with_suffix(ending).exists() for ending in (".z01", ".Z01", ".zip.001"))


def zip_container(where: Path, file: BinaryIO | None = None) -> Container:
    """The files in a zip archive.

    Args:
        where: The archive, or its name in messages.
        file: The archive, if it is not at ``where``.

    Raises:
        UserError: It is broken or unsafe.
    """
    archive = open_zip(file or where, where)
    _unwrap_offsets(archive)
    members: dict[str, zipfile.ZipInfo] = {}
    repeated = []
    given, old = _names_of(archive.infolist())
    for text, info in zip(given, archive.infolist(), strict=True):
        name = member_path(text, where)
        if not info.is_dir():
            repeated += [name] if name in members else []
            members[name] = info

    def refuse(name: str) -> None:
        _refuse(members[name], name, where)

    def read(name: str) -> bytes:
        info = members[name]
        if info.compress_type == _DEFLATE64:
            return _inflate64(archive, info)
        return archive.read(info)  # which checks the CRC

    def open_member(name: str) -> BinaryIO:
        info = members[name]
        refuse_method(info, where)
        if info.file_size > max(2**30, BOMB[1] * info.compress_size):
            raise UserError(
                f"the archive {where} is refused, since its member '{printable(name)}' would unpack"
                f" to more than {BOMB[1]} times its size; unpack it and give the folder."
            )
        return _seekable(archive, members[name], where)

    def head(name: str) -> bytes:
        if members[name].compress_type == _DEFLATE64:
            return read(name)
        with archive.open(members[name]) as member:
            return member.read(HEAD)

    marks: dict[str, Mark] = {name: (info.CRC, info.file_size) for name, info in members.items()}
    notes = (*repeated_notes(repeated, where), *_old_names_notes(old, where))
    return Container(where, ("zip",), marks, read, refuse, open_member, notes=notes, head=head)


def _names_of(infos: Sequence[zipfile.ZipInfo]) -> tuple[list[str], list[str]]:
    """Return the names of members, and those of which the encoding is unknown.

    macOS and others write UTF-8 without the flag that says so; ``zipfile`` takes it for cp437. As
    short names in other encodings may be UTF-8 by chance, all must be.
    """
    names = [info.filename for info in infos]
    old = [i for i, info in enumerate(infos) if not info.flag_bits & _UTF_8]
    old = [i for i in old if not names[i].isascii()]
    try:
        read = [names[i].encode("cp437").decode("utf-8") for i in old]
    except UnicodeError:
        return names, [names[i] for i in old]
    for i, name in zip(old, read, strict=True):
        names[i] = name
    return names, []


def _old_names_notes(names: Sequence[str], where: Path) -> tuple[str, ...]:
    """Return the sentence on names that are not in UTF-8, such as those of old Windows."""
    if not names:
        return ()
    count = f"the names of {len(names):,} files are" if names[1:] else "the name of 1 file is"
    shown = printable(names[0])
    return (
        f"in {where}, {count} not in UTF-8 and may look wrong, such as {shown}; if so, unpack it"
        " and give the folder.",
    )


def _unwrap_offsets(archive: zipfile.ZipFile) -> None:
    """Mend the places of members behind 4 GiB, in an archive that has no zip64 records.

    Such archives come from macOS's Finder, which keeps the lower 32 bits of each place.
    """
    infos = archive.infolist()
    # What ``zipfile`` takes for bytes in front of the archive, and adds to all places.
    lost = archive.start_dir - _directory_offset(archive)
    if not infos or lost <= 0 or lost % 2**32:
        return
    high, last = 0, -1
    for info in infos:
        low = (info.header_offset - lost) % 2**32
        high += (low < last) << 32
        last = low
        info.header_offset = high + low


def _directory_offset(archive: zipfile.ZipFile) -> int:
    """Return where the directory begins as the archive's end says it, in 32 bits."""
    file = archive.fp
    assert file is not None
    file.seek(0, os.SEEK_END)
    size = file.tell()
    file.seek(max(0, size - 2**16 - 22))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    offset = int.from_bytes(tail[at + 16 : at + 20], "little")
    return archive.start_dir if at < 0 or offset == 0xFFFFFFFF else offset


def refuse_method(info: zipfile.ZipInfo, where: Path) -> None:
    """Raise a UserError if a member is encrypted, or packed in a way that is not read."""
    method = info.compress_type
    if info.flag_bits & 1 or method == 99:
        raise UserError(
            f"the archive {where} is encrypted; unpack it and give the folder as --data_dir."
        )
    if method in _READ or method == getattr(zipfile, "ZIP_ZSTANDARD", None):
        return
    if method == _DEFLATE64 and _has_inflate64():
        return
    help_ = "pip install 'gan_zoo[deflate64]', or " if method == _DEFLATE64 else ""
    raise UserError(
        f"the archive {where} is packed by {_METHODS.get(method, f'method {method}')}, which is"
        f" not read; {help_}unpack it and give the folder as --data_dir."
    )


def _refuse(info: zipfile.ZipInfo, name: str, where: Path) -> None:
    refuse_method(info, where)
    size, ratio = info.file_size, info.file_size / max(info.compress_size, 1)
    if size > LARGEST or (size > BOMB[0] and ratio > BOMB[1]):
        raise UserError(
            f"the archive {where} is refused, since its member '{printable(name)}' would unpack"
            f" to {size / 2**20:,.0f} MiB; leave it out or make that image smaller."
        )


def _has_inflate64() -> bool:
    try:
        import inflate64  # noqa: F401
    except ImportError:
        return False
    return True


def _inflate64(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member that Windows packed by Deflate64, checked as ``zipfile`` checks others."""
    import inflate64

    raw = copy.copy(info)  # the packed bytes, as if they were a member that is not packed
    raw.compress_type, raw.file_size = zipfile.ZIP_STORED, info.compress_size
    raw.CRC = None  # type: ignore[assignment]  # so that zipfile does not check these
    inflater, out = inflate64.Inflater(), bytearray()
    with archive.open(raw) as file:
        while len(out) < info.file_size and (piece := file.read(2**14)):
            out += inflater.inflate(piece)
    if len(out) != info.file_size or zlib.crc32(out) != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
    return bytes(out)


class _Window(io.RawIOBase):
    """A part of a file as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._start + self._at)
        piece = self._file.read(max(0, min(len(buffer), self._size - self._at)))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def window(path: Path, start: int, size: int) -> BinaryIO:
    """Open a part of a file as a file of its own."""
    return io.BufferedReader(_Window(path.open("rb"), start, size))  # type: ignore[arg-type]


def _seekable(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: Path) -> BinaryIO:
    """Open an archive within an archive: in place if it is stored as it is, else a copy."""
    if info.compress_type == zipfile.ZIP_STORED and archive.filename:
        with open(archive.filename, "rb") as file:
            file.seek(info.header_offset + 26)
            lengths = file.read(4)
        skip = 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
        return window(Path(archive.filename), info.header_offset + skip, info.file_size)
    try:
        scratch = scratch_file()
        with archive.open(info) as source:  # yields no more than the announced size
            shutil.copyfileobj(source, scratch, 2**20)
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as e:
        raise UserError(
            f"'{printable(info.filename)}' in {where} cannot be unpacked ({error_text(e)});"
            " unpack it yourself and give the folder as --data_dir."
        ) from None
    scratch.seek(0)
    return scratch


def scratch_file() -> BinaryIO:
    """Open a file beside the cache that is gone once it is closed, or the process ends."""
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)  # type: ignore[return-value]
    except OSError:
        return tempfile.TemporaryFile()  # type: ignore[return-value]
