"""What takes long to find out about an archive or a folder, kept for the next start."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from gan_zoo.datasets import cache, cache_dir
from gan_zoo.files import whole_file

_VERSION = 2  # to be raised whenever a listing changes


def key_of(path: Path) -> str:
    """Return a text that changes whenever a file does."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return "\0".join(map(str, (path.resolve(), status.st_size, status.st_mtime_ns)))


def _file(key: str) -> Path:
    digest = hashlib.sha256(f"{_VERSION}\0{key}".encode("utf-8", "surrogateescape"))
    return cache_dir() / "index" / f"listing-{digest.hexdigest()[:24]}.json"


def recall(key: str) -> Any:
    """Return what :func:`keep` kept under a key, or None; it counts as used now."""
    path = _file(key)
    try:
        found = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError):
        return None
    cache.touch(path)
    return found


def keep(key: str, listing: Any) -> None:
    """Keep something in JSON under a key, if there is one."""
    if key:
        with contextlib.suppress(OSError), whole_file(_file(key)) as part:
            part.write_text(json.dumps(listing), encoding="utf-8", errors="surrogateescape")
