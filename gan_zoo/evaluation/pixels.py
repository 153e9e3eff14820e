"""Preparation of uint8 images for feature networks, and hashes of weights. No TensorFlow."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.images import RGBA, over


def check_images(images: np.ndarray, channels: Sequence[int] = (1, 3, RGBA)) -> None:
    """Check that images are uint8 ``[N, H, W, C]`` with C among ``channels``.

    Raises:
        UserError: They are not.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in channels:
        known = " or ".join(map(str, channels))
        raise UserError(
            f"images to evaluate must be uint8 [N, H, W, {known}], but got {images.dtype}"
            f" {list(images.shape)}; convert them with gan_zoo.images."
        )


def flattened(images: np.ndarray) -> list[np.ndarray]:
    """Return all that is seen of images uint8 ``[N, H, W, C]``, as images of C 1 or 3.

    RGBA images are seen over black and over white. Together, both tell color and opacity; each
    alone would hide faults: over black, a black smear; over white, a white one.
    """
    return [over(images, 0), over(images, 255)] if images.shape[3] == RGBA else [images]


def seen(images: np.ndarray) -> np.ndarray:
    """Return images as they are, or of RGBA ones :func:`flattened` as uint8 ``[N, H, W, 6]``."""
    views = flattened(images)
    return views[0] if len(views) == 1 else np.concatenate(views, axis=3)


def over_black_and_white(extractor: FeatureExtractor) -> FeatureExtractor:
    """Return an extractor for RGBA images: its features over black, and then those over white.

    Scores with it have another name, and never stand beside those of opaque images. It gives no
    logits, as a picture has two of them.
    """

    def features(images: np.ndarray) -> np.ndarray:
        check_images(images, (RGBA,))
        return np.concatenate([extractor.features(view) for view in flattened(images)], axis=1)

    def both(function: Callable[[Any], Any], images: Any) -> Any:
        import tensorflow as tf

        # As floats, their colors are over black; white shines through where the opacity is low.
        colors, opacity = images[..., :3], images[..., 3:]
        return tf.concat([function(colors), function(colors + 1.0 - opacity)], axis=1)

    one = extractor.differentiable
    return extractor._replace(
        name=f"{extractor.name}-rgba",
        resize=f"{extractor.resize} over black and white",
        features=features,
        logits=None,
        differentiable=functools.partial(both, one) if one else None,
    )


def pixel_vectors(images: np.ndarray, size: int) -> np.ndarray:
    """Return the pixels of images at ``size``, as far as they are seen, as float32 ``[N, D]``."""
    views = [resized(view, size)[..., : view.shape[3]] for view in flattened(images)]
    return np.concatenate(views, axis=3).reshape(len(images), -1).astype(np.float32)


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Return images as uint8 ``[N, size, size, 3]``: gray is repeated, Pillow resizes.

    Pillow's Lanczos filter is wide enough when it shrinks (antialiased), which the resizers of
    OpenCV and TensorFlow are not unless asked: that alone moves FID by 6 and more (Parmar et al.
    2022, arXiv 2104.11222).

    Args:
        images: uint8 ``[N, H, W, C]``, C 1 or 3.
        size: Height and width wanted, in pixels.
    """
    check_images(images, (1, 3))
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
    check_images(images, (1, 3))
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


def hash_of_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
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
