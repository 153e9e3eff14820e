"""Recognize images that the cache holds already, under another path or with other times of change.

Reading and hashing files is far cheaper than decoding them. A source that the cache does not know
by its fingerprint is read and hashed only if an entry has the same listing, such as the same names
and sizes of files. The hash is taken while images are decoded, so that nothing is read twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path

import numpy as np

from gan_zoo.datasets.sources import Contents
from gan_zoo.files import whole_file

_BYTES = 16  # of the hash of one image


class ContentHash:
    """The hash of all that a source holds, taken while its images are read.

    Attributes:
        contents: The source, to be read instead of the given one.
    """

    def __init__(self, contents: Contents) -> None:
        """Take an opened source, of which nothing has been read."""
        self._source = contents
        self._hashes = np.zeros((len(contents.names), _BYTES), np.uint8)
        self._read = np.zeros(len(contents.names), bool)
        self.contents = contents._replace(read=self._take)

    def _take(self, i: int) -> bytes | np.ndarray:
        image = self._source.read(i)
        if isinstance(image, np.ndarray):
            digest = hashlib.blake2b(f"{image.shape}".encode(), digest_size=_BYTES)
            digest.update(np.ascontiguousarray(image).data)
        else:
            digest = hashlib.blake2b(image, digest_size=_BYTES)
        self._hashes[i] = np.frombuffer(digest.digest(), np.uint8)
        self._read[i] = True
        return image

    def hexdigest(self) -> str | None:
        """The hash of names, labels and bytes; None unless all images were read."""
        if not self._read.all():
            return None
        source = self._source
        whole = hashlib.blake2b(digest_size=20)
        for text in (*source.names, "", *source.classes, ""):
            whole.update(text.encode("utf-8", "surrogateescape") + b"\0")
        if source.labels is not None:
            whole.update(np.asarray(source.labels, np.int64).tobytes())
        whole.update(self._hashes.tobytes())
        return whole.hexdigest()


def known_copies(folder: Path, listing: str) -> dict[str, str]:
    """Return the entries of the cache with this listing: their names by the hash of their content.

    Args:
        folder: Of the cache.
        listing: A hash of what copies have in common, and of how they are decoded.
    """
    return _read(folder, f"copies-{listing}")


def remember(folder: Path, listing: str, content: str, stem: str) -> None:
    """Say which entry holds a content."""
    _write(folder, f"copies-{listing}", {**known_copies(folder, listing), content: stem})


def linked(folder: Path, stem: str) -> str | None:
    """Return the entry with the images of the entry ``stem``, if :func:`link` was told."""
    return _read(folder, f"entry-{stem}").get("stem")


def link(folder: Path, stem: str, other: str) -> None:
    """Say that the entry ``other`` holds the images of ``stem``."""
    _write(folder, f"entry-{stem}", {"stem": other})


def _read(folder: Path, name: str) -> dict[str, str]:
    try:
        saved = json.loads((folder / "index" / f"{name}.json").read_text(encoding="utf-8"))
        return saved if all(isinstance(v, str) for v in saved.values()) else {}
    except (OSError, ValueError, AttributeError):
        return {}


def _write(folder: Path, name: str, record: dict[str, str]) -> None:
    with contextlib.suppress(OSError), whole_file(folder / "index" / f"{name}.json") as part:
        part.write_text(json.dumps(record), encoding="utf-8")
