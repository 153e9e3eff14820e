"""The user's own images: a folder, an archive, an array or a table."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from gan_zoo.contracts import Dataset
from gan_zoo.datasets.arrays import npz
from gan_zoo.datasets.class_labels import class_notes, label_pictures
from gan_zoo.datasets.load import load
from gan_zoo.datasets.opened import open_source
from gan_zoo.datasets.pixels import Preprocessing
from gan_zoo.datasets.places import KINDS
from gan_zoo.datasets.sources import Source, require_path
from gan_zoo.errors import UserError
from gan_zoo.images import RGBA
from gan_zoo.registry import datasets


@datasets.register
def files(
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    classes: str = "auto",
    split: str = "train",
    background: str = "white",
    *,
    image_size: tuple[int, int],
    channels: int | None = None,
    data_dir: Path | None = None,
    cache_dir: Path,
) -> Dataset:
    """The images in a folder, .zip, .tar, .npz, .npy or .parquet given by --data_dir.

    Files count as images by their endings, or by their content where these tell nothing; folders
    are read with all their subfolders. Classes come from dataset.json (StyleGAN's) or metadata.csv
    or metadata.jsonl (ImageFolder's), else from the folders if all images lie in two or more of
    them, else from a table with a row for each image. An .npz holds ``images`` (or ``x_train``),
    and maybe ``labels`` (or ``y_train``). Archives in a folder or a zip that holds no images are
    taken together.

    Args:
        fit: How images of another aspect are fitted: crop (the center), pad or stretch.
        resample: lanczos, bicubic, bilinear or box; all antialiased.
        drop_duplicates: Keep only the first of images that are equal once resized.
        classes: auto; folders (of any name, and masks are images, too); none; or a column of a
            table beside the images, or an array of the .npz.
        split: Where there are folders (or arrays) of parts: train, val, test or all.
        background: The color behind transparent pixels and of padding: a name, or as '#ff8800'.
            With --channels=4, both are transparent.
        image_size: (H, W) in pixels.
        channels: 1, 3 or 4 (RGBA); with None, there is one if all images are gray, else 3.
        data_dir: Where the images are.
        cache_dir: The folder for decoded images.

    Raises:
        UserError: There are no images there, or they cannot be read.
    """
    if data_dir is None:
        raise UserError(
            f"--data=files needs to know where the images are; give {KINDS} as --data_dir."
        )
    source = open_files(require_path(data_dir), classes, split)
    preprocessing = Preprocessing(image_size, channels, fit, resample, background=background)
    data = load("files", source, preprocessing, drop_duplicates, cache_dir)
    refuse_black(data.images, str(data_dir))
    uneven = [class_notes(data.labels[name], data.label_values[name]) for name in data.labels]
    return data._replace(notes=(*(note for notes in uneven for note in notes), *data.notes))


def open_files(path: Path, classes: str = "auto", split: str = "train") -> Source:
    """Open a path, which exists, with its classes; see :func:`files`.

    Raises:
        UserError: It holds no images, is broken, or has no such part or labels.
    """
    label = functools.partial(label_pictures, classes=classes, split=split, where=str(path))
    return open_source(
        path, label=label, arrays=functools.partial(npz, classes=classes, split=split)
    )


def refuse_black(images: np.ndarray, where: str) -> None:
    """Complain of images that are all black.

    Args:
        images: uint8 ``[N, H, W, C]``.
        where: What the message calls their place.

    Raises:
        UserError: They are, and there are at least two.
    """
    if len(images) > 1 and not any(image.any() for image in images):  # the first one has more
        if images.shape[-1] == RGBA:
            raise UserError(
                f"all {len(images):,} images in {where} are transparent everywhere, so that there"
                " is nothing to learn; save them without their opacity, and use --channels=3."
            )
        raise UserError(
            f"all {len(images):,} images in {where} are black, so that there is nothing to learn;"
            " check how they were saved, such as floats in [0, 1] that were cut to whole numbers."
        )
