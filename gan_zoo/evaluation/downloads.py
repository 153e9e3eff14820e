"""Files from public addresses, whole or not at all."""

from __future__ import annotations

import http.client
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import filelock
from tqdm import tqdm

from gan_zoo.errors import UserError
from gan_zoo.evaluation.pixels import hash_of_file
from gan_zoo.pulse import make_bar

_PIECE = 1 << 18  # bytes
_SECONDS = 20  # without an answer
_NETWORK = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)


class PublicFile(NamedTuple):
    """A file that anyone can get.

    Attributes:
        name: Of the file.
        addresses: Where it lies; one after the other is tried.
        size: In bytes.
        sha256: Of its content, in hexadecimal.
        remedy: What else to do with a file that was got elsewhere, the end of a sentence.
    """

    name: str
    addresses: Sequence[str]
    size: int
    sha256: str
    remedy: str = ""


def downloaded(file: PublicFile, folder: Path) -> Path:
    """Return the path of a file in a folder, where it is downloaded if it is not there.

    What came before a connection broke is kept in ``NAME.part``, and the next attempt goes on from
    there. Of several processes, one downloads and the others wait.

    Raises:
        UserError: There is no network, or what comes is another file.
    """
    path = folder / file.name
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / f".{file.name}.lock"):
            if not path.is_file():
                _download(file, path)
    except OSError as e:
        raise UserError(
            f"{file.name} cannot be kept in {folder} ({e.strerror or e}); make room there, or set"
            " GAN_ZOO_CACHE to another folder."
        ) from None
    return path


def _download(file: PublicFile, path: Path) -> None:
    part = path.with_name(f"{file.name}.part")
    problems = []
    for address in file.addresses:
        host = urllib.parse.urlsplit(address).netloc
        try:
            _fetch(address, part, file.size)
        except _CutError as e:
            problems.append(f"{host}: {e}")
            continue
        if part.stat().st_size == file.size and hash_of_file(part) == file.sha256:
            os.replace(part, path)
            return
        problems.append(f"{host}: another file of {part.stat().st_size:,} bytes came")
        part.unlink()
    kept = ""
    if part.is_file():
        done = part.stat().st_size
        kept = f"; {done / 1e6:.1f} of {file.size / 1e6:.1f} MB are here, and the next try goes on"
    reasons = "; ".join(dict.fromkeys(problems))
    raise UserError(
        f"{file.name} cannot be downloaded ({reasons}{kept}); check the network, or get it"
        f" on another machine from {' or '.join(file.addresses)} and put it at"
        f" {path}{file.remedy}."
    )


class _CutError(Exception):
    """Why a download did not reach its end."""


def _fetch(address: str, part: Path, size: int) -> None:
    """Append to a file what it lacks, as far as the connection holds.

    Raises:
        _CutError: It did not hold to the end.
    """
    start = part.stat().st_size if part.is_file() else 0
    if start >= size:  # whole, and checked by the caller
        return
    headers = {"User-Agent": "gan_zoo", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            if start and answer.status != 206:  # the server sends all of it again
                start = 0
            with part.open("ab" if start else "wb") as out, _bar(part.stem, start, size) as bar:
                # One byte more tells a file that is too large.
                while piece := answer.read(min(_PIECE, size + 1 - out.tell())):
                    out.write(piece)
                    bar.update(len(piece))
                done = out.tell()
    except _NETWORK as e:
        raise _CutError(str(getattr(e, "reason", e)) or type(e).__name__) from None
    if done < size and answer.length:
        raise _CutError("the connection broke")


def _bar(name: str, start: int, size: int) -> tqdm:
    return make_bar(
        desc=name, initial=start, total=size, unit="B", unit_scale=True, leave=False, disable=None
    )
