"""The user's own images: any folder, .zip or .npz."""

from __future__ import annotations

from gan_zoo.contracts import Dataset, ImageSpec
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
    images: ImageSpec,
) -> Dataset:
    """The images in a folder, a .zip or an .npz given by --data_dir.

    Files count as images by their endings; folders are read with all their subfolders. Where all
    images lie in two or more subfolders, these are the classes. An .npz holds ``images`` (or
    ``x_train``), and maybe ``labels`` (or ``y_train``).

    Args:
        fit: How images of another aspect are fitted: crop (the center), pad (white) or stretch.
        resample: lanczos, bicubic, bilinear or box; all antialiased.
        drop_duplicates: Keep only the first of images that are equal once resized.
        images: Their size; with channels of None, there is one if all images are gray.

    Raises:
        UserError: There are no images there, or they cannot be read.
    """
    if images.data_dir is None:
        raise UserError(
            "--data=files needs to know where the images are; give a folder, a .zip or an .npz as"
            " --data_dir."
        )
    path = require_path(images.data_dir)
    is_npz = path.suffix.lower() == ".npz" and path.is_file()
    source = npz(path) if is_npz else pictures(path)
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    return load("files", source, preprocessing, drop_duplicates, images.cache_dir)
