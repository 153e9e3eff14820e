"""Which code the parts from outside gan_zoo had in a run, and whether it changed since.

No TensorFlow here.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from gan_zoo import registry
from gan_zoo.config import Config

Code = dict[str, dict[str, Any]]


def plugin_code(config: Config) -> Code:
    """Return what ``config.json`` records of the parts from plugin files and other packages.

    By the name of each part, such as ``loss soft_margin``: its ``spec`` with all defaults, the
    ``file`` or module that registers it, and the ``sha256`` of that file, or of all Python files in
    the folder of the module; None if there is no file, as in a notebook.
    """
    found: Code = {}
    for field in dataclasses.fields(config):
        if not field.metadata["registry"]:
            continue
        table = registry.tables[field.metadata["registry"]]
        for spec in config.specs(field.name):
            module = table.entry(spec.name).module
            if not module.startswith("gan_zoo."):
                found[f"{table.label} {spec.name}"] = {
                    "spec": table.with_defaults(spec),
                    "file": module,
                    "sha256": _sha256(module),
                }
    return found


def _sha256(module: str) -> str | None:
    files = registry.source_files(module)
    if not files:
        return None
    found = hashlib.sha256()
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()


def recorded_code(record: dict[str, Any]) -> list[Code]:
    """Return the code that a run had by its ``config.json``: the last first, without damage."""
    before = record.get("plugins_before")
    pairs = before if isinstance(before, list) else []
    found = [
        record.get("plugins"),
        *(pair[-1] for pair in pairs if isinstance(pair, list) and pair),
    ]
    return [code for code in found if isinstance(code, dict)]


def edited(before: Code, now: Code) -> str:
    """Return which files have other code now, with their parts and hashes; "" if none has.

    A part without a hash, as in a run of an earlier version, is taken for the same.
    """
    changed: dict[str, list[str]] = {}
    for name, part in before.items():
        old, new = part.get("sha256"), now.get(name, {}).get("sha256")
        if old and new and old != new:
            file = f"{now[name]['file']} (SHA-256 {old[:8]} then, {new[:8]} now)"
            changed.setdefault(file, []).append(name)
    return "; ".join(
        f"{file}, which has the {' and the '.join(names)}" for file, names in changed.items()
    )
