"""Faces by name: where to download each set, its file layout, and the crop that is used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gan_zoo.contracts import Dataset, ImageSpec
from gan_zoo.datasets.load import load
from gan_zoo.datasets.pixels import Crop, Preprocessing
from gan_zoo.datasets.sources import Source, pictures, require_path
from gan_zoo.errors import UserError
from gan_zoo.registry import datasets

# Boxes on the aligned and cropped images, where the eyes are near y=111 and the mouths near y=152.
# Both were chosen by looking at some hundred faces. A box that changes gets a new name: the name is
# part of a data set's identity.
_CELEBA_SIZE = 178, 218
CELEBA_CROPS = {
    # Brow to chin; 112 pixels are 4 a pixel at 28.
    "close_v1": Crop("close_v1", (33, 66, 145, 178), _CELEBA_SIZE),
    # Head and hair: the largest centered square.
    "align178_v1": Crop("align178_v1", (0, 20, 178, 198), _CELEBA_SIZE),
}
_CLOSE_UP_TO = 32  # pixels: below it, a whole head leaves too few for the face


class _DownloadedFaces(NamedTuple):
    """A data set of image files that nobody can download without an account.

    Attributes:
        name: Of the data set.
        folder: The name of the folder with the images, alone or in the archive.
        archives: Patterns for the archive, if ``--data_dir`` is the folder that holds it.
        home: Where to download it.
    """

    name: str
    folder: str
    archives: tuple[str, ...]
    home: str

    def source(self, data_dir: Path | None) -> Source:
        """Find the images.

        Raises:
            UserError: There is no ``--data_dir``, or it holds something else.
        """
        accepted = f"its zip, its folder {self.folder}/, or the folder that holds either"
        if data_dir is None:
            raise UserError(
                f"--data={self.name} cannot be downloaded by a program; get {self.home} and give"
                f" {accepted} as --data_dir."
            )
        path = require_path(data_dir)
        if path.is_dir():
            below = (
                self.folder,
                f"*/{self.folder}",
                f"*/*/{self.folder}",
                *self.archives,
                "archive.zip",
            )
            path = next((match for pattern in below for match in sorted(path.glob(pattern))), path)

        def select(names: Sequence[str]) -> Sequence[str]:
            # Some of these archives hold everything twice, in data/ and in data/data/: the
            # outermost folder counts.
            parents = {str(PurePosixPath(name).parent) for name in names}
            named = [parent for parent in parents if PurePosixPath(parent).name == self.folder]
            chosen = min(named or parents, key=lambda parent: (parent.count("/"), parent))
            if PurePosixPath(chosen).name != self.folder and len(parents) > 1:
                raise UserError(
                    f"{path} has no folder {self.folder}/ as {self.home} has; give {accepted}, or"
                    " use --data=files."
                )
            return [name for name in names if str(PurePosixPath(name).parent) == chosen]

        return pictures(path, select)


@datasets.register
def simpsons(
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    images: ImageSpec,
) -> Dataset:
    """Cropped faces of The Simpsons, 9,877 of 200x200; give Kaggle's download as --data_dir.

    For the parameters see ``files``.
    """
    gallery = _DownloadedFaces(
        "simpsons", "cropped", ("*simpsons*.zip",), "'Simpsons Faces' by kostastokis from Kaggle"
    )
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    return load(
        "simpsons",
        gallery.source(images.data_dir),
        preprocessing,
        drop_duplicates,
        images.cache_dir,
    )


@datasets.register
def anime_faces(
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    images: ImageSpec,
) -> Dataset:
    """Anime faces, 21,551 of 64x64; give Kaggle's download as --data_dir.

    For the parameters see ``files``.
    """
    gallery = _DownloadedFaces(
        "anime_faces", "data", ("*anime*.zip",), "'Anime Faces' by soumikrakshit from Kaggle"
    )
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    return load(
        "anime_faces",
        gallery.source(images.data_dir),
        preprocessing,
        drop_duplicates,
        images.cache_dir,
    )


@datasets.register
def celeba(
    crop: str = "auto",
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    images: ImageSpec,
) -> Dataset:
    """CelebA, 202,599 aligned faces of 178x218; give img_align_celeba.zip as --data_dir.

    Liu et al. 2015, arXiv 1411.7766.

    Args:
        crop: close_v1 (brow to chin), align178_v1 (the whole head), none (the whole image), or
            auto: close_v1 up to 32 pixels, align178_v1 above.
        fit: See ``files``; it applies to what ``crop`` leaves.
        resample: See ``files``.
        drop_duplicates: See ``files``.
        images: Its data_dir is the zip, the folder img_align_celeba, or the folder of either.

    Raises:
        UserError: The images are not there, or are not the aligned ones.
    """
    if crop == "auto":
        crop = "close_v1" if max(images.size) <= _CLOSE_UP_TO else "align178_v1"
    if crop not in (*CELEBA_CROPS, "none"):
        raise UserError(
            f"--data=celeba has no crop {crop!r}; choose from: auto, {', '.join(CELEBA_CROPS)},"
            " none."
        )
    home = (
        "img_align_celeba.zip from mmlab.ie.cuhk.edu.hk/projects/CelebA.html or from 'CelebFaces"
        " Attributes' on Kaggle"
    )
    gallery = _DownloadedFaces(
        "celeba", "img_align_celeba", ("img_align_celeba*.zip", "*celeba*.zip"), home
    )
    preprocessing = Preprocessing(
        images.size, images.channels, fit, resample, CELEBA_CROPS.get(crop)
    )
    return load(
        "celeba", gallery.source(images.data_dir), preprocessing, drop_duplicates, images.cache_dir
    )
