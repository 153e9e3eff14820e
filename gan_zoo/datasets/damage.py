"""Damage of files that their decoders do not see, such as downloads that were never finished."""

from __future__ import annotations

import zlib

# Bytes and share of a packed picture that are 0 at its end only if it was not downloaded. Large
# flat pictures end with zeros, too, which take less.
_LEAST, _SHARE = 64, 1 / 4
_QOI_END = bytes(7) + b"\1"


def check(data: bytes, kind: str) -> None:
    """Complain of a file that is damaged.

    Args:
        data: The file.
        kind: Pillow's name of its format.

    Raises:
        ValueError: It is.
    """
    if kind == "PNG":
        _check_png(data)
    elif kind == "QOI" and not data.rstrip(b"\0").endswith(_QOI_END):
        raise ValueError("its end is missing")
    elif kind == "WEBP":
        _check_end(data, 8 + int.from_bytes(data[4:8], "little"))
    elif kind in ("AVIF", "HEIF"):
        _check_end(data, _end_of_boxes(data))


def _check_png(data: bytes) -> None:
    """Compare the checksums of the pixels, of which Pillow knows nothing."""
    view, at = memoryview(data), 8
    while (end := at + 8 + int.from_bytes(data[at : at + 4], "big")) + 4 <= len(data):
        kind, checksum = data[at + 4 : at + 8], int.from_bytes(data[end : end + 4], "big")
        if kind == b"IDAT" and zlib.crc32(view[at + 4 : end]) != checksum:
            raise ValueError("damaged: a checksum of its pixels is wrong")
        if kind == b"IEND":
            return
        at = end + 4


def _check_end(data: bytes, end: int) -> None:
    end = min(end, len(data))
    zeros = max(_LEAST, int(_SHARE * end))
    if data[max(0, end - zeros) : end].count(0) == zeros:
        raise ValueError("its end is missing: there are zeros in its place")


def _end_of_boxes(data: bytes) -> int:
    """Return where the last box of a file in ISO's base format ends."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0 for a box up to the file's end; zeros behind the last box, too
            return len(data) if size == 0 and data[at + 4 : at + 8].isalnum() else at
        at += size
    return at
