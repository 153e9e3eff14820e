"""Preprocess one image file: upright, transparency on white, 8 bits, at the size of training."""

from __future__ import annotations

import contextlib
import io
import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from gan_zoo.errors import UserError

VERSION = 1  # part of the cache key, to be raised whenever a pixel changes

# Pillow loads its rarer formats at first use, and not safely from several threads at once.
Image.init()

# Raster formats only: Pillow would hand an EPS to Ghostscript.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GRAY = ("1", "L", "LA", "La", "F")
_FITS = ("crop", "pad", "stretch")
_FILTERS = ("lanczos", "bicubic", "bilinear", "box")


class Crop(NamedTuple):
    """A named part of images that all have one size.

    Attributes:
        name: With its version, such as ``close_v1``.
        box: Left, top, right, bottom, in pixels.
        whole: (width, height) that an image must have.
    """

    name: str
    box: tuple[int, int, int, int]
    whole: tuple[int, int]


class Preprocessing(NamedTuple):
    """What is done to every image.

    Attributes:
        size: (H, W) of the result.
        channels: 1, 3 or None, for as many as the image has.
        fit: How another aspect is met: ``crop`` (the center), ``pad`` (white) or ``stretch``.
        resample: The filter: ``lanczos``, ``bicubic``, ``bilinear`` or ``box``, all antialiased.
        crop: What is cut out first.
    """

    size: tuple[int, int]
    channels: int | None
    fit: str = "crop"
    resample: str = "lanczos"
    crop: Crop | None = None

    def check(self) -> None:
        """Complain of impossible settings.

        Raises:
            UserError: ``fit`` or ``resample`` is unknown.
        """
        for name, value, known in (("fit", self.fit, _FITS), ("resample", self.resample, _FILTERS)):
            if value not in known:
                raise UserError(
                    f"{name}={value!r} is unknown to --data; choose from: {', '.join(known)}."
                )

    def describe(self, resized: bool) -> str:
        """The words for ``Dataset.resize``; ``resized``: whether any image was."""
        words = [self.crop.name] if self.crop else []
        words += [f"{self.fit}+{self.resample} (Pillow)"] if resized else []
        return ", ".join(words) or "none"


class Picture(NamedTuple):
    """One preprocessed image.

    Attributes:
        pixels: uint8 ``[H, W, C]``.
        gray: Whether the original was gray.
        resized: Whether it was resized.
    """

    pixels: np.ndarray
    gray: bool
    resized: bool


def preprocess(data: bytes | np.ndarray, preprocessing: Preprocessing) -> Picture:
    """Decode one image and bring it to size.

    Args:
        data: An encoded file, or uint8 ``[H, W]`` or ``[H, W, C]``.
        preprocessing: What to do.

    Raises:
        Exception: Whatever Pillow raises on a file that it cannot decode.
    """
    image = _decode(data)
    gray = image.mode == "L"
    mode = {1: "L", 3: "RGB", None: image.mode}[preprocessing.channels]
    image = image if image.mode == mode else image.convert(mode)
    if preprocessing.crop:
        if image.size != preprocessing.crop.whole:
            raise ValueError(
                f"{_text(image.size)} pixels where the crop {preprocessing.crop.name} expects"
                f" {_text(preprocessing.crop.whole)}"
            )
        image = image.crop(preprocessing.crop.box)
    resized = image.size != preprocessing.size[::-1]
    if resized:
        image = _resize(image, preprocessing)
    return Picture(np.asarray(image).reshape(*preprocessing.size, -1), gray, resized)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _resize(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """Bring an image to ``preprocessing.size``."""
    height, width = preprocessing.size
    resample = Image.Resampling[preprocessing.resample.upper()]
    if preprocessing.fit == "pad":
        return ImageOps.pad(image, (width, height), resample, color="white")
    if preprocessing.fit == "stretch":
        return image.resize((width, height), resample)
    # The part may have a fractional size, so that nothing is distorted, but starts at a whole
    # pixel, so that a part which has the wanted size already is copied and not resampled.
    scale = min(image.width / width, image.height / height)
    part = width * scale, height * scale
    left, top = int((image.width - part[0]) / 2), int((image.height - part[1]) / 2)
    box = left, top, min(left + part[0], image.width), min(top + part[1], image.height)
    return image.resize((width, height), resample, box=box)


def _decode(data: bytes | np.ndarray) -> Image.Image:
    """The first frame in mode L or RGB."""
    if isinstance(data, np.ndarray):
        return _flat(
            Image.fromarray(data[..., 0] if data.ndim == 3 and data.shape[-1] == 1 else data)
        )
    if not data:
        raise ValueError("empty")
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        most = Image.MAX_IMAGE_PIXELS  # of twice as many, Pillow only warns
        if most and math.prod(image.size) > most:
            raise Image.DecompressionBombError(f"more than {most} pixels")
        image.load()  # raises on truncated files
        with contextlib.suppress(Exception):  # broken metadata do not make the pixels bad
            ImageOps.exif_transpose(image, in_place=True)
        return _flat(image)


def _flat(image: Image.Image) -> Image.Image:
    """To 8 bits, in mode L or RGB, with whatever is transparent on white."""
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    target = "L" if image.mode in _GRAY else "RGB"
    if image.mode == "F":
        pixels = np.asarray(image)
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            raise ValueError("floating-point pixels outside [0, 1]")
        return Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        return image.getchannel(0) if target == "L" else image
    return image if image.mode == target else image.convert(target)


def _from_16_bits(image: Image.Image) -> Image.Image:
    """Gray of 16 bits, which Pillow keeps in its integer modes and would clip at 255."""
    pixels = np.asarray(image).astype(np.int64)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError("integer pixels outside 0..65535")
    return Image.fromarray(((pixels * 255 + 32767) // 65535).astype(np.uint8))
