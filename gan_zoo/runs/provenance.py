"""With which versions, on which commit and by which command a run was made. No TensorFlow here."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gan_zoo.evaluation.protocol import package_version
from gan_zoo.version import __version__

PACKAGES = ("tensorflow", "keras", "numpy", "pillow", "tensorflow-gan")


def provenance() -> dict[str, Any]:
    """Return versions, commit, command and time, as ``config.json`` has them."""
    return {
        "versions": {
            "gan_zoo": __version__,
            "python": platform.python_version(),
            **{name: package_version(name) for name in PACKAGES},
        },
        "commit": source_commit(),
        "command": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def source_commit(package: Path = Path(__file__).parents[1]) -> str | None:
    """Return the commit of gan_zoo's own checkout, with a plus sign if files are changed.

    None where gan_zoo is installed: in an environment inside a user's repository git would answer
    with the user's commit.
    """
    git = ["git", "-C", str(package)]
    try:
        root = _output(*git, "rev-parse", "--show-toplevel")
        if Path(root).resolve() != package.parent.resolve():
            return None
        changed = _output(*git, "status", "--porcelain", "-uno")
        return _output(*git, "rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
