"""Pictures of one's own: any folder, .zip or .npz."""

from __future__ import annotations

from pathlib import Path

from gan_zoo.contracts import Dataset
from gan_zoo.datasets.arrays import npz
from gan_zoo.datasets.load import load
from gan_zoo.datasets.pixels import Preprocessing
from gan_zoo.datasets.sources import pictures, require_path
from gan_zoo.errors import UserError
from gan_zoo.registry import datasets


@datasets.register
def files(
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    image_size: tuple[int, int],
    channels: int | None,
    data_dir: Path | None,
    cache_dir: Path,
) -> Dataset:
    """The images in a folder, a .zip or an .npz given by --data_dir.

    Files count as images by their endings; folders are read with all their subfolders. Where all
    images lie in two or more subfolders, these are the classes. An .npz holds ``images`` (or
    ``x_train``), and maybe ``labels`` (or ``y_train``).

    Args:
        fit: How images of another aspect are fitted: crop (the center), pad (white) or stretch.
        resample: lanczos, bicubic, bilinear or box; all antialiased.
        drop_duplicates: Keep only the first of images that are equal once resized.
        image_size: (H, W).
        channels: 1, 3, or None for what the data has: 1 if all images are gray.
        data_dir: Where they are.
        cache_dir: Where decoded images are kept.

    Raises:
        UserError: There are no images there, or they cannot be read.
    """
    if data_dir is None:
        raise UserError(
            "--data=files needs to know where the images are; give a folder, a .zip or an .npz as"
            " --data_dir."
        )
    source = (
        npz(data_dir)
        if require_path(data_dir).suffix.lower() == ".npz" and data_dir.is_file()
        else pictures(data_dir)
    )
    return load(
        "files",
        source,
        Preprocessing(image_size, channels, fit, resample),
        drop_duplicates,
        cache_dir,
    )
