"""Paths that users give, and files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import itertools
import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gan_zoo.errors import UserError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it replaces ``path`` when the body is done.

    A reader sees the old file or the new one, also if the process is killed. The folder of ``path``
    is made. A link stays a link: the file that it leads to is written. If the body fails, the
    temporary file is removed and ``path`` stays as it was.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the name of the file, which may have the greatest length that names can have.
    part = path.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a record as JSON, completely or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def user_path(text: str | Path) -> Path:
    """Return the path that a user means: ``~`` is expanded, and ``folder/..`` removed.

    The folder need not exist.

    Raises:
        UserError: It names the home of a user who does not exist.
    """
    try:
        path = Path(text).expanduser()
        detour = any(
            part != ".." and after == ".." for part, after in itertools.pairwise(path.parts)
        )
        return Path(os.path.realpath(path)) if detour else path
    except RuntimeError:
        raise UserError(
            f"the path {text} cannot be read, since there is no such user; write the whole path."
        ) from None


_LISTED = 2000  # names of one folder that are compared with one that is not there


def near_or(path: Path, otherwise: str, *, folder: bool = False) -> str:
    """Return what to do about a path that does not exist: ``did you mean runs/mio?``, say.

    Args:
        path: It.
        otherwise: What to do if nothing near it exists, with its full stop.
        folder: Whether only a folder will do.
    """
    try:
        near = _nearest(path)
    except (OSError, ValueError):  # a folder that may not be listed
        near = None
    fits = near is not None and (near.is_dir() or not folder)
    return f"did you mean {near}?" if fits else otherwise


def _nearest(path: Path) -> Path | None:
    """Return the path, if it exists, or one whose parts are like its parts; None without any."""
    if path.exists():
        return path
    parent = None if path.parent == path else _nearest(path.parent)
    if parent is None or not parent.is_dir():
        return None
    with os.scandir(parent) as entries:
        names = [entry.name for entry in itertools.islice(entries, _LISTED)]
    spelled = {name.lower(): name for name in sorted(names) if not name.startswith(".")}
    found = difflib.get_close_matches(path.name.lower(), spelled, n=1)
    return parent / spelled[found[0]] if found else None


def require_there(*others: str, **paths: str) -> None:
    """Check that the files or folders exist that arguments of a part name.

    Args:
        *others: What they may be instead of a path, as patterns of :mod:`fnmatch`.
        **paths: The arguments, by name.

    Raises:
        ValueError: One does not exist; the text names it.
    """
    for name, path in paths.items():
        other = any(fnmatch.fnmatchcase(path, pattern) for pattern in others)
        if other or user_path(path).exists():
            continue
        words = [f"'{pattern}'" for pattern in others if pattern]
        instead = f", or {' or '.join(words)}" if words else ""
        raise ValueError(
            f"there is no {path}; {name} must be a file or folder that exists{instead}."
        )


def file_to_write(text: str, *endings: str, again: bool = False) -> Path | None:
    """Return the path of a flag, where a file can be written; None if the flag is empty.

    Nothing is made here, so that a later error leaves nothing behind: ``whole_file`` makes the
    folder.

    Args:
        text: The value of the flag.
        endings: The endings allowed, with their dots.
        again: Whether a file may exist already; then the caller checks whether it may replace it.

    Raises:
        UserError: It has another ending, is a folder, lies where nothing can be written, or exists.
    """
    if not text:
        return None
    path = user_path(text)
    if path.suffix.lower() not in endings:
        raise UserError(
            f"{text} must end in {' or '.join(endings)}, after a name; give such a name."
        )
    require_writable(path, text)
    if path.is_dir():
        raise UserError(
            f"{text} is a folder, and a file is to be written; give a name that is free."
        )
    if not again and os.path.lexists(path):
        raise UserError(
            f"{text} exists already and is left as it is; remove it, or give another name."
        )
    return path


def require_writable(path: Path, text: str) -> None:
    """Raise ``UserError`` if nothing can be written at a path, which the user gave as ``text``."""
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(path)  # fails for a link to itself
        real = Path(os.path.realpath(path))
        nearest = next((folder for folder in (real, *real.parents) if folder.is_dir()), real)
        for part in real.relative_to(nearest).parts:
            with contextlib.suppress(FileNotFoundError):
                os.stat(nearest / part)  # fails for a name that is too long
        with tempfile.TemporaryFile(dir=nearest):  # os.access is wrong for /proc, for example
            pass
    except OSError as e:
        raise UserError(
            f"{text} cannot be written ({e.strerror}); give another place or name."
        ) from None


def new_folder(text: str) -> Path | None:
    """Return the path of a flag that names a new or empty folder; None if the flag is empty.

    Raises:
        UserError: Something exists there, or nothing can be written there.
    """
    if not text:
        return None
    path = user_path(text)
    require_writable(path, text)
    if os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir())):
        raise UserError(f"--out={text} exists already and is left as it is; give a new folder.")
    return path


def replacing(path: Path) -> str:
    """Return what to add to the line about a file that takes the place of an earlier one."""
    return ", in place of the earlier one" if path.exists() else ""


def free_path(path: Path) -> Path:
    """Return the path, or if it exists, the first free one with -2, -3 ... after its name."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free
