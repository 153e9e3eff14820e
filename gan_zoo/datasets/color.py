"""Color profiles: pixels in another space become sRGB, in which nets and screens see them."""

from __future__ import annotations

import functools
import io
import threading

import numpy as np
from PIL import Image, ImageCms

_LOCK = threading.Lock()
_SPACES = {"RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK"}
_SAME = 2  # of 255: a profile that changes no color by more is sRGB by another name

Transform = ImageCms.ImageCmsTransform


def to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Return an image in sRGB, and the name of the profile that it had; "" if none was needed.

    A profile that is broken, or for another mode than that of the image, is ignored; so is one of
    gray.

    Args:
        image: In any mode.
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return image, ""
    given = image
    if image.mode == "P" or (image.mode == "RGB" and image.has_transparency_data):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode not in _SPACES:
        return given, ""
    try:
        with _LOCK:  # one thread makes the transform, the others wait and take it
            transform, name = _transform(profile, image.mode)
        if transform is None:
            return given, ""
        return ImageCms.applyTransform(image, transform) or given, name
    except Exception:  # whatever is wrong with a profile, the pixels are as good without it
        return given, ""


@functools.lru_cache(32)
def _transform(profile: bytes, mode: str) -> tuple[Transform | None, str]:
    """Return what converts to sRGB, None if there is nothing to convert; and the profile's name."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if source.profile.xcolor_space.strip() != _SPACES[mode]:
        return None, ""
    target = "RGB" if mode == "CMYK" else mode
    made = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)
    if mode != "CMYK" and not _changes_colors(made, mode):
        return None, ""
    name = " ".join((source.profile.profile_description or "without a name").split())
    return made, name[:40]


def _changes_colors(transform: Transform, mode: str) -> bool:
    steps = np.arange(0, 256, 51)
    colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(6, 36, 3).astype(np.uint8)
    image = Image.fromarray(colors).convert(mode)
    changed = ImageCms.applyTransform(image, transform) or image
    difference = np.asarray(changed, np.int16) - np.asarray(image, np.int16)
    return int(np.abs(difference).max()) > _SAME
