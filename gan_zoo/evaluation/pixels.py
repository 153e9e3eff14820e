"""Preparation of uint8 images for feature networks, and hashes of weights. No TensorFlow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from gan_zoo.errors import UserError


def check_images(images: np.ndarray) -> None:
    """Check that images are uint8 ``[N, H, W, C]`` with C 1 or 3.

    Raises:
        UserError: They are not.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
        raise UserError(
            f"images to evaluate must be uint8 [N, H, W, 1 or 3], but got {images.dtype}"
            f" {list(images.shape)}; convert them with gan_zoo.images."
        )


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Return images as uint8 ``[N, size, size, 3]``: gray is repeated, Pillow resizes.

    Pillow's Lanczos filter is wide enough when it shrinks (antialiased), which the resizers of
    OpenCV and TensorFlow are not unless asked: that alone moves FID by 6 and more (Parmar et al.
    2022, arXiv 2104.11222).

    Args:
        images: uint8 ``[N, H, W, C]``, C 1 or 3.
        size: Height and width wanted, in pixels.
    """
    check_images(images)
    if images.shape[1:3] != (size, size):
        planes = images[..., 0] if images.shape[3] == 1 else images
        small = [
            np.asarray(Image.fromarray(x).resize((size, size), Image.Resampling.LANCZOS))
            for x in planes
        ]
        images = np.reshape(small, (len(images), size, size, images.shape[3])).astype(np.uint8)
    return np.repeat(images, 3, axis=3) if images.shape[3] == 1 else np.asarray(images)


def in_batches(
    function: Callable[[np.ndarray], np.ndarray], images: np.ndarray, batch: int
) -> np.ndarray:
    """Return ``function`` of images, ``batch`` at a time, as one float32 array.

    Raises:
        UserError: See :func:`check_images`; or there is no image.
    """
    check_images(images)
    if not len(images):
        raise UserError("there are no images to evaluate; give at least 2.")
    return np.concatenate(
        [
            np.asarray(function(images[i : i + batch]), np.float32)
            for i in range(0, len(images), batch)
        ]
    )


def remembering(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return ``function`` with a cache for its last result.

    Features and logits of the same images then cost one pass.
    """
    last: dict[str, np.ndarray] = {}

    def remembered(images: np.ndarray) -> np.ndarray:
        key = hash_of_arrays([images])
        if key not in last:
            last.clear()
            last[key] = function(images)
        return last[key]

    return remembered


def hash_of_arrays(arrays: Iterable[np.ndarray]) -> str:
    """Return the SHA-256 (hex) of the shapes, types and values of arrays, in their order."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def hash_of_folder(folder: Path) -> str:
    """Return the SHA-256 (hex) of the names and contents of all files under a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()
