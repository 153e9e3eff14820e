"""Lists of what is in an archive that must be unpacked for it, kept for the next start."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from gan_zoo.datasets import cache_dir
from gan_zoo.files import whole_file

_VERSION = 2  # to be raised whenever a listing changes


def _file(path: Path) -> Path:
    status = path.stat()
    parts = (_VERSION, path.resolve(), status.st_size, status.st_mtime_ns)
    digest = hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape"))
    return cache_dir() / "index" / f"listing-{digest.hexdigest()[:24]}.json"


def recall(path: Path) -> Any:
    """Return what :func:`keep` kept of a file as it is now, or None."""
    try:
        return json.loads(_file(path).read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError):
        return None


def keep(path: Path, listing: Any) -> None:
    """Keep something in JSON about a file, until the file changes."""
    with contextlib.suppress(OSError), whole_file(_file(path)) as part:
        part.write_text(json.dumps(listing), encoding="utf-8", errors="surrogateescape")
