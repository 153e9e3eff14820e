"""What ``--data`` takes. Nothing here imports TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Where decoded and drawn images are kept: $GAN_ZOO_CACHE, else gan_zoo in the user's cache folder."""
    if own := os.environ.get("GAN_ZOO_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gan_zoo"
