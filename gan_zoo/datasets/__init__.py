"""The data sets that ``--data`` takes. Nothing here imports TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

from gan_zoo import registry
from gan_zoo.contracts import Dataset, ImageSpec
from gan_zoo.spec import Spec


def cache_dir() -> Path:
    """Return the folder for decoded and drawn images.

    It is $GAN_ZOO_CACHE, or gan_zoo in the user's cache folder.
    """
    if folder := os.environ.get("GAN_ZOO_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gan_zoo"


def build_dataset(
    spec: str | Spec,
    size: tuple[int, int],
    channels: int | None = None,
    data_dir: Path | None = None,
    cache: Path | None = None,
) -> Dataset:
    """Build the data set that a spec names.

    Args:
        spec: Such as ``files(fit="pad")``.
        size: (H, W) in pixels.
        channels: 1, 3, 4 (with transparency), or None: 1 or 3, as the data has.
        data_dir: Where the images are, for data sets that are read from files.
        cache: The folder for decoded images; that of :func:`cache_dir` by default.

    Raises:
        UserError: The spec does not fit, or the images cannot be read.
    """
    images = ImageSpec(size, channels, data_dir, cache or cache_dir())
    return registry.datasets.build(
        spec,
        images=images,
        image_size=images.size,
        channels=images.channels,
        data_dir=images.data_dir,
        cache_dir=images.cache_dir,
    )
