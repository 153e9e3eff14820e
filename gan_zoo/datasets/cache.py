"""The folder of the cache: what is in it, how large it may be, and what is removed first.

In it are images (decoded or drawn), statistics (features of real images, weights of classifiers),
compiled programs, an index, and downloads. The bound is for all but downloads: what was used
longest ago is removed first, but never images that a running process uses.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import shutil
import time
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gan_zoo.errors import UserError

VARIABLE = "GAN_ZOO_CACHE_SIZE"
_DEFAULT = 20 * 10**9
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# Names that gan_zoo gives: only such files are ever removed, as the folder may hold a user's own.
_IMAGES = re.compile(r"(?P<stem>.+-\d+x\d+(?:x\d|-[0-9a-f]{20}))\.(?:npy|json)")
_STATISTICS = re.compile(r"(?:real|floor|classifier)-.+\.npz")
_MACHINE = re.compile(r"[0-9a-f]{12}")
_INDEX = re.compile(r"(?:listing|copies|entry)-.+\.json")


class CacheEntry(NamedTuple):
    """Something in the cache that is kept or removed as a whole.

    Attributes:
        name: Its path in the folder of the cache, without the ending of images.
        kind: ``images``, ``statistics``, ``programs``, ``index`` or ``download``.
        files: Its files or folder.
        size: Bytes on the disk.
        used: When it was used last, in seconds since 1970.
    """

    name: str
    kind: str
    files: tuple[Path, ...]
    size: int
    used: float


def cache_limit(folder: Path) -> int:
    """Return how many bytes the cache may hold: 20 GB, or half of the disk if that is less.

    ``GAN_ZOO_CACHE_SIZE`` sets another bound: ``50GB``, ``800MB``, ``0`` for what is in use alone.

    Raises:
        UserError: The variable is no size.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if text:
        size = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", text, re.IGNORECASE)
        if not size or (not size[2] and float(size[1])):
            raise UserError(f"{VARIABLE}={text} is no size; write it as 50GB or 800MB.")
        return int(float(size[1]) * _UNITS[size[2].upper()])
    try:
        return min(_DEFAULT, shutil.disk_usage(folder).total // 2)
    except OSError:
        return _DEFAULT


def cache_entries(folder: Path) -> list[CacheEntry]:
    """Return what is in the cache, what was used longest ago first."""
    return sorted(_entries(folder), key=lambda entry: (entry.used, entry.name))


def _entries(folder: Path) -> Iterator[CacheEntry]:
    images: dict[str, list[os.DirEntry]] = {}
    for item in _scan(folder):
        if item.is_dir(follow_symlinks=False):
            if item.name == "evaluation":
                yield from _files(item, "statistics", _STATISTICS)
            elif item.name == "index":
                yield from _files(item, "index", _INDEX)
            elif item.name == "xla":
                for machine in _scan(Path(item)):
                    if _MACHINE.fullmatch(machine.name):
                        yield from _files(machine, "programs", re.compile(r".+"), "xla/")
            elif item.name == "downloads":
                yield from _files(item, "download", re.compile(r"[^.].*"))
            elif item.name.startswith("inception"):
                files = [f for f in Path(item).rglob("*") if f.is_file()]
                yield _entry(item.name, "download", [Path(item)], [f.stat() for f in files])
        elif match := _IMAGES.fullmatch(item.name):
            images.setdefault(match["stem"], []).append(item)
    for stem, items in images.items():
        paths = sorted((Path(item) for item in items), key=lambda path: path.suffix)
        with contextlib.suppress(OSError):  # another process removed it
            yield _entry(stem, "images", paths, [path.stat() for path in paths])


def _files(
    folder: os.DirEntry, kind: str, names: re.Pattern, above: str = ""
) -> Iterator[CacheEntry]:
    for item in _scan(Path(folder)):
        if names.fullmatch(item.name) and item.is_file(follow_symlinks=False):
            with contextlib.suppress(OSError):
                yield _entry(f"{above}{folder.name}/{item.name}", kind, [Path(item)], [item.stat()])


def _scan(folder: Path) -> Iterable[os.DirEntry]:
    try:
        return list(os.scandir(folder))
    except OSError:
        return []


def _entry(name: str, kind: str, files: list[Path], status: list[os.stat_result]) -> CacheEntry:
    # Reading a file sets its time of access at most once a day on most systems; ``touch`` is exact.
    used = max((max(s.st_atime, s.st_mtime) for s in status), default=0.0)
    if kind == "images":  # their .npy is read by other programs, such as a backup
        used = max(s.st_mtime for s in status)
    # What was reserved and never written takes no room: blocks, and not the length.
    size = sum(getattr(s, "st_blocks", s.st_size / 512) * 512 for s in status)
    return CacheEntry(name, kind, tuple(files), int(size), used)


def touch(path: Path) -> None:
    """Say that an entry is used now."""
    with contextlib.suppress(OSError):
        os.utime(path)


def hold(path: Path, user: Any) -> None:
    """Keep a file of the cache from being removed by other processes for as long as ``user`` lives.

    It has no effect on systems without ``flock``.
    """
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        weakref.finalize(user, os.close, handle)


def in_use(entry: CacheEntry) -> bool:
    """Whether a running process uses the images."""
    if entry.kind != "images":
        return False
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        for path in entry.files:
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return True
    return False


def trim(folder: Path, limit: int | None = None, free: int = 0) -> list[CacheEntry]:
    """Remove what was used longest ago until the cache fits its bound.

    Args:
        folder: Of the cache.
        limit: Bytes that may stay; those of :func:`cache_limit` by default.
        free: Bytes that must be free on the disk afterwards. If that cannot be reached, nothing is
            removed for it.

    Returns:
        What was removed.
    """
    entries = [entry for entry in cache_entries(folder) if entry.kind != "download"]
    excess = sum(entry.size for entry in entries) - (
        cache_limit(folder) if limit is None else limit
    )
    if free:
        lacking = free - shutil.disk_usage(folder).free
        if sum(entry.size for entry in entries if not in_use(entry)) >= lacking:
            excess = max(excess, lacking)
    removed = []
    for entry in entries:
        if excess <= 0:
            break
        if _remove(entry):
            removed.append(entry)
            excess -= entry.size
    return removed


def clear(folder: Path, names: Iterable[str] = ()) -> tuple[list[CacheEntry], list[CacheEntry]]:
    """Remove entries by name, or all but downloads.

    Args:
        folder: Of the cache.
        names: Names, folders such as ``xla``, or patterns such as ``files-*``.

    Returns:
        What was removed, and what was not, as it is in use.

    Raises:
        UserError: A name fits nothing.
    """
    entries = cache_entries(folder)
    chosen = [entry for entry in entries if entry.kind != "download"]
    if wanted := [name.rstrip("/") for name in names]:
        fit = {
            name: [
                e
                for e in entries
                if fnmatch.fnmatchcase(e.name, name) or e.name.startswith(f"{name}/")
            ]
            for name in wanted
        }
        for name, found in fit.items():
            if not found:
                raise UserError(
                    f"there is no '{name}' in the cache {folder}; gan_zoo cache lists all."
                )
        chosen = [e for e in entries if any(e in found for found in fit.values())]
    removed = [entry for entry in chosen if _remove(entry)]
    return removed, [entry for entry in chosen if entry not in removed]


def _remove(entry: CacheEntry) -> bool:
    """Remove an entry unless it is in use; whether it is gone."""
    if in_use(entry):
        return False
    try:
        for path in entry.files:  # the .json first: without it, an entry counts as absent
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def remove_leftovers(folder: Path) -> None:
    """Remove what runs that were killed have left behind, once it is a day old."""
    for old in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > 86400:
                old.unlink()
