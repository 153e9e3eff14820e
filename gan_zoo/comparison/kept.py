"""Keep the results of a comparison as one JSON file, with a picture beside it."""

from __future__ import annotations

import json
from pathlib import Path

from gan_zoo.comparison.results import Record
from gan_zoo.errors import UserError
from gan_zoo.files import write_json
from gan_zoo.runs.run import Run


def check_free(path: Path, name: str) -> None:
    """Check, before hours of training, that the results of a comparison can be kept in a file.

    Args:
        path: The JSON file; it may hold older results of the same comparison.
        name: The name of the comparison.

    Raises:
        UserError: There is another file.
    """
    picture = path.with_suffix(".png")
    if not path.exists():
        if picture.exists():
            raise UserError(
                f"{picture} exists already, and a picture of the results is to be written there;"
                " give another --save."
            )
        return
    try:
        ours = json.loads(path.read_text(encoding="utf-8"))["comparison"]["name"] == name
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        ours = False
    if not ours:
        raise UserError(
            f"{path} holds something other than results of {name}; give another --save, or move"
            " the file."
        )


def keep(path: Path, comparison: Record, found: Record, folder: Path) -> None:
    """Write ``path``, a JSON file with all about a comparison, and a picture beside it.

    Args:
        path: The JSON file.
        comparison: The content of ``comparison.json``.
        found: The content of ``results.json``.
        folder: The folder of the comparison.
    """
    from gan_zoo.comparison import picture

    machine = _machine(Run(folder / found["runs"][0]["folder"]))
    write_json(path, {"comparison": comparison, "results": found, "machine": machine})
    picture.draw(comparison, found, folder, path.with_suffix(".png"))


def _machine(run: Run) -> Record:
    """Return the versions, devices and commit of a run; {} if they are unknown."""
    try:
        saved = run.record
    except UserError:
        return {}
    return {name: saved.get(name) for name in ("versions", "machine", "commit")}
