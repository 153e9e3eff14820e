"""oneDNN's convolutions, which TensorFlow leaves off on CPUs without AVX-512 or AMX units.

On such a CPU (AMD Zen 3, 2 cores) quick64 trains 1.8 times as fast with them. TensorFlow reads the
variable when it first runs an operation. Their sums are rounded in another way, so a run goes on
with what it began with.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

VARIABLE = "TF_ENABLE_ONEDNN_OPTS"


def use() -> None:
    """Turn oneDNN on, unless the user decided or TensorFlow is there already."""
    if "tensorflow" not in sys.modules:
        os.environ.setdefault(VARIABLE, "1")


def follow(folder: Path) -> None:
    """Take the choice that the run in ``folder`` began with, if there is one to go on.

    It has no effect once TensorFlow is imported.
    """
    if "tensorflow" in sys.modules:
        return
    try:
        machine = json.loads((folder / "config.json").read_text(encoding="utf-8"))["machine"]
        chosen = machine["onednn"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # no run, or one that is refused later
    if chosen == "default":
        os.environ.pop(VARIABLE, None)
    elif isinstance(chosen, str):
        os.environ[VARIABLE] = chosen
