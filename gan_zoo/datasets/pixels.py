"""Preprocess one image file: upright, 8 bits, at the size of training, and flat or transparent."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from gan_zoo.datasets import damage, deep, tiff
from gan_zoo.datasets.color import to_srgb
from gan_zoo.datasets.picture_formats import FORMATS, HEAD, sniff, why_unidentified
from gan_zoo.datasets.store import available_memory
from gan_zoo.datasets.values import Levels, Values, scale_of, to_8_bits
from gan_zoo.errors import UserError
from gan_zoo.images import RGBA

VERSION = 5  # part of the cache key, to be raised whenever a pixel changes

_GRAY = ("1", "L", "LA", "La", "F")
_FITS = ("crop", "pad", "stretch")
_FILTERS = ("lanczos", "bicubic", "bilinear", "box")

# Pixels from which on an image is decoded alone, from which on it is made smaller while decoding
# (Pillow refuses such by itself), and from which on it is refused.
_LARGE, _SHRUNK, _MOST = 2**25, 89_478_485, 2**29
_ONE_LARGE, _LIMIT = threading.Lock(), threading.Lock()
_STRIP = 2**22  # pixels of a strip of a large image
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}  # of a pixel in memory; 4 in others

_ORIENTATION = 0x0112  # EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_INVISIBLE = 1  # of 255: who has no larger opacity sees nothing, or has a mask of 0 and 1 in it
_GAIN_MAPS = (b"hdrgm:Version", b"HDRGainMap", b"ts:21496")


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
        channels: 1, 3, 4 (transparency is kept) or None: 1 or 3, as the image has.
        fit: How another aspect is met: ``crop`` (the center), ``pad`` or ``stretch``.
        resample: The filter: ``lanczos``, ``bicubic``, ``bilinear`` or ``box``, all antialiased.
        crop: What is cut out first.
        background: The color behind transparent pixels and of padding; with 4 channels, padding is
            transparent.
        levels: What black and white are in values that do not say it.
    """

    size: tuple[int, int]
    channels: int | None
    fit: str = "crop"
    resample: str = "lanczos"
    crop: Crop | None = None
    background: str = "white"
    levels: Levels = Levels()

    def check(self) -> None:
        """Complain of impossible settings.

        Raises:
            UserError: ``fit``, ``resample`` or ``background`` is unknown.
        """
        for name, value, known in (("fit", self.fit, _FITS), ("resample", self.resample, _FILTERS)):
            if value not in known:
                raise UserError(
                    f"{name}={value!r} is unknown to --data; choose from: {', '.join(known)}."
                )
        try:
            if len(ImageColor.getrgb(self.background)) > 3:
                raise UserError(
                    f"background={self.background!r} has an opacity; give a color without one, such"
                    " as '#ff8800'."
                )
        except (ValueError, AttributeError):
            raise UserError(
                f"background={self.background!r} is no color; give a name such as 'black', or"
                " '#ff8800'."
            ) from None
        if self.channels == RGBA and self.background != Preprocessing._field_defaults["background"]:
            raise UserError(
                f"--channels=4 keeps transparency, so that nothing stands on background="
                f"{self.background!r}; leave one of them out."
            )

    @property
    def flattened_on(self) -> str:
        """The color behind transparent pixels, or "" if they are kept."""
        return "" if self.channels == RGBA else self.background

    def describe(self, resized: bool) -> str:
        """The words for ``Dataset.resize``; ``resized``: whether any image was."""
        words = [self.crop.name] if self.crop else []
        words += [f"{self.fit}+{self.resample} (Pillow)"] if resized else []
        return ", ".join(words) or "none"


class Picture(NamedTuple):
    """One preprocessed image.

    Attributes:
        pixels: uint8 ``[H, W, C]``; of 4 channels RGBA, where fully transparent pixels are 0.
        gray: Whether the original was gray.
        resized: Whether it was resized.
        values: What the original's values were.
    """

    pixels: np.ndarray
    gray: bool
    resized: bool
    values: Values = Values()


def preprocess(data: bytes | np.ndarray, preprocessing: Preprocessing) -> Picture:
    """Decode one image and bring it to size.

    Args:
        data: An encoded file, or uint8 ``[H, W]`` or ``[H, W, C]``.
        preprocessing: What to do.

    Raises:
        Exception: Whatever Pillow raises on a file that it cannot decode.
    """
    image, values = decode(data, preprocessing)
    gray = image.mode == "L"
    mode = {1: "L", 3: "RGB", RGBA: "RGBA", None: image.mode}[preprocessing.channels]
    image = image if image.mode == mode else image.convert(mode)
    if preprocessing.crop:
        if image.size != preprocessing.crop.whole:
            raise ValueError(
                f"{_text(image.size)} pixels where the crop {preprocessing.crop.name} expects"
                f" {_text(preprocessing.crop.whole)}"
            )
        image = image.crop(preprocessing.crop.box)
    resized = image.size != preprocessing.size[::-1]
    if resized and preprocessing.fit == "crop" and _is_cut_in_two(image.size, preprocessing.size):
        values = values._replace(traits=values.traits | {"two squares"})
    if resized and image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255):
        image = _resize_transparent(image, preprocessing)
    elif resized:
        image = _resize(image, preprocessing)
    pixels = np.asarray(image).reshape(*preprocessing.size, -1)
    if mode == "RGBA":  # one color where none is seen, so that G need not learn what is hidden
        pixels = np.where(pixels[..., 3:] > 0, pixels, np.uint8(0))
    return Picture(pixels, gray, resized, values)


def _is_cut_in_two(size: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Return whether half of an image that may be two squares is cut off."""
    return size[0] == 2 * size[1] and wanted[0] == wanted[1]


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _resize(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """Bring an image to ``preprocessing.size``."""
    height, width = preprocessing.size
    resample = Image.Resampling[preprocessing.resample.upper()]
    if preprocessing.fit == "pad":
        color: Any = 0  # transparent
        if image.mode not in ("F", "RGBA"):
            color = ImageColor.getcolor(preprocessing.background, image.mode)
        return ImageOps.pad(image, (width, height), resample, color=color)
    if preprocessing.fit == "stretch":
        return image.resize((width, height), resample)
    # The part may have a fractional size, so that nothing is distorted, but starts at a whole
    # pixel, so that a part which has the wanted size already is copied and not resampled.
    scale = min(image.width / width, image.height / height)
    part = width * scale, height * scale
    left, top = int((image.width - part[0]) / 2), int((image.height - part[1]) / 2)
    box = left, top, min(left + part[0], image.width), min(top + part[1], image.height)
    return image.resize((width, height), resample, box=box)


def _resize_transparent(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """Bring an RGBA image to ``preprocessing.size`` so that hidden colors leave no fringe.

    Colors are multiplied by the opacity, resized, and divided by the resized opacity. That is done
    in floats: Pillow does it in 8 bits, and the overshoot of its filters, which opacity is cut off
    at, then shows as a bright line inside of edges.
    """
    if image.width * image.height > _STRIP:
        image = image.reduce(_reduction(image.size, preprocessing))
    pixels = np.asarray(image, np.float32)
    bands = [*np.moveaxis(pixels[..., :3] * (pixels[..., 3:] / 255), 2, 0), pixels[..., 3]]
    *colors, opacity = (
        np.asarray(_resize(Image.fromarray(np.ascontiguousarray(band)), preprocessing))
        for band in bands
    )
    straight = [255 * color / np.maximum(opacity, 0.5) for color in colors]
    return Image.fromarray(to_8_bits(np.stack([*straight, opacity], axis=-1), 1.0, 0.0))


def decode(data: bytes | np.ndarray, preprocessing: Preprocessing) -> tuple[Image.Image, Values]:
    """Return the first frame, upright, in mode L, RGB or RGBA, and what its values were.

    It has its own size, unless it is so large that it is made smaller while it is decoded.

    Args:
        data: An encoded file, or uint8 ``[H, W]`` or ``[H, W, C]``.
        preprocessing: Its size says how small, its background and levels what colors become.

    Raises:
        Exception: Whatever Pillow raises on a file that it cannot decode.
    """
    if isinstance(data, np.ndarray):
        image = Image.fromarray(data[..., 0] if data.ndim == 3 and data.shape[-1] == 1 else data)
        return _flat(image, preprocessing)
    if not data:
        raise ValueError("empty")
    with open_picture(data) as image:
        damage.check(data, image.format or "")
        if image.width * image.height > _LARGE:
            with _ONE_LARGE:
                _check_memory(image)
                return _loaded(image, data, preprocessing)
        return _loaded(image, data, preprocessing)


def open_picture(data: bytes) -> ImageFile:
    """Open an encoded file of any size that can be decoded, without decoding it.

    Raises:
        Exception: Whatever Pillow raises on a file that is none, or has too many pixels.
    """
    try:
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            with _more_pixels():
                image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError(_why_unidentified(data)) from None
    if image.width * image.height > _MOST:  # of up to twice as many, Pillow only warns
        raise Image.DecompressionBombError(f"more than {_MOST} pixels")
    return image


def _why_unidentified(data: bytes) -> str:
    head = bytes(data[:HEAD])
    kind = tiff.kind_of(data) if sniff(head) == ".tif" else ""
    if not kind:
        return why_unidentified(head)
    return f"a .tif of a kind that is not read, {kind}; save it as .png"


@contextlib.contextmanager
def _more_pixels() -> Iterator[None]:
    """Let Pillow open and decode images of more pixels; it knows but one limit for all threads."""
    with _LIMIT:
        usual = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = max(usual or 0, _MOST)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = usual


def _check_memory(image: ImageFile) -> None:
    """Raise if an image does not fit in memory while it is decoded."""
    pixels, each = image.width * image.height, _BYTES.get(image.mode, 4)
    if image.format == "JPEG":
        each = 6 if "progressive" in image.info else 0  # else it may be decoded in small
    elif image.format in ("WEBP", "AVIF", "HEIF", "JPEG2000"):
        each *= 2  # their libraries have a copy of their own
    if pixels * each > 0.8 * available_memory():
        raise ValueError(
            f"{pixels / 1e6:,.0f} megapixels, which need {pixels * each / 2**30:,.1f} GiB of memory"
        )


def _loaded(
    image: ImageFile, data: bytes, preprocessing: Preprocessing
) -> tuple[Image.Image, Values]:
    """Decode an opened file; the result is upright, in mode L, RGB or RGBA."""
    traits = _traits(image)
    if image.width * image.height > _SHRUNK and image.format in ("JPEG", "MPO"):
        image.draft(None, _enough(image.size, preprocessing))
    has_deep_color, factor = deep.has_deep_color(image), deep.scale_of_few_bits(image)
    large = image.width * image.height > _SHRUNK
    with _more_pixels() if large else contextlib.nullcontext():  # TIFF asks again here
        image.load()  # raises on truncated files
    tiff.refuse_signed_bytes(image)
    if factor > 1 and "transparency" in image.info:
        image.info["transparency"] *= factor
    found = Values(traits=traits)
    decoded: Image.Image = image
    if has_deep_color:
        found = found._replace(deep=deep.largest(image, data))
        if preprocessing.levels.deep != Levels().deep and not large:
            decoded = deep.whole_values(image, data, preprocessing.levels.deep)
        if isinstance(key := image.info.get("transparency"), tuple):
            whole = to_8_bits(np.array(key), *scale_of(0, preprocessing.levels.deep))
            upper = tuple(value >> 8 for value in key)
            decoded.info["transparency"] = upper if decoded is image else tuple(whole.tolist())
    flat, values = (_shrunk if large else _flat)(decoded, preprocessing)
    values = values.merged(found)
    if has_deep_color:
        values = values._replace(small=-1)
    if tiff.is_negative(image):  # after its values were scaled by what is white in the set
        flat = ImageOps.invert(flat)
    turn = _TURNS.get(orientation(image))
    return (flat if turn is None else flat.transpose(turn)), values


def orientation(image: Image.Image) -> int:
    """Return how an opened file is to be turned, by EXIF's number; 1 for not at all."""
    with contextlib.suppress(Exception):  # broken metadata do not make the pixels bad
        return image.getexif().get(_ORIENTATION, 1)
    return 1


def _traits(image: ImageFile) -> frozenset[str]:
    """Return what the file has beside its picture."""
    more = frozenset(["more channels"] if tiff.has_more_channels(image) else [])
    parts = [part for _, part in getattr(image, "applist", ())]
    auxiliary = " ".join(map(str, image.info.get("aux") or ()))
    if "gainmap" in auxiliary.lower() or any(mark in p for p in parts for mark in _GAIN_MAPS):
        return more | {"gain map"}
    with contextlib.suppress(Exception):  # frames that are broken do not make the first one bad
        if getattr(image, "n_frames", 1) > 1:
            return more | {"frames"}
    return more


def _enough(size: tuple[int, int], preprocessing: Preprocessing) -> tuple[int, int]:
    """Return a size from which resizing gives what it gives from a larger one, nearly."""
    factor = _reduction(size, preprocessing)
    return size[0] // factor, size[1] // factor


def _reduction(size: tuple[int, int], preprocessing: Preprocessing) -> int:
    """Return by how much a large image may be made smaller before it is resized."""
    return max(1, int(min(size) / max(preprocessing.size) / 2))


def _shrunk(image: Image.Image, preprocessing: Preprocessing) -> tuple[Image.Image, Values]:
    """Do what :func:`_flat` does strip by strip, and make each smaller at once."""
    factor = _reduction(image.size, preprocessing)
    rows = factor * max(1, _STRIP // (image.width * factor))
    values = Values()
    whole, seen = None, False
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        strip, found = _flat(image.crop((0, top, image.width, bottom)), preprocessing)
        seen |= "invisible" not in found.traits
        values = values.merged(found)
        strip = strip.reduce(factor)
        if whole is None:
            height = -(-image.height // factor)
            whole = Image.new(strip.mode, (strip.width, height))
        whole.paste(strip, (0, top // factor))
    assert whole is not None
    return whole, values._replace(traits=values.traits - {"invisible"} if seen else values.traits)


def _flat(image: Image.Image, preprocessing: Preprocessing) -> tuple[Image.Image, Values]:
    """To 8 bits, in mode L or RGB with the background behind what is transparent, or in RGBA."""
    levels = preprocessing.levels
    if image.mode == "F":
        return _from_floats(image, levels.real)
    is_deep, is_bits = image.mode.startswith("I"), image.mode == "1"
    target = "L" if is_deep or image.mode in _GRAY else "RGB"
    if is_deep:
        image, values = _from_16_bits(image, levels.deep)
    else:
        image, profile = to_srgb(image)
        values = Values(profile=profile)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        least, most = image.getchannel("A").getextrema()
        if least < 255:  # type: ignore[operator]
            traits = ["transparent", *(["invisible"] if most <= _INVISIBLE else [])]  # type: ignore[operator]
            values = values._replace(traits=frozenset(traits))
        return _without_transparency(image, target, preprocessing), values
    if is_deep:
        return image, values
    image = image if image.mode == target else image.convert(target)
    if is_bits:
        return image, values
    values = values._replace(small=_largest(image))
    if levels.small == 1:
        image = image.point(([0] + [255] * 255) * len(image.getbands()))
    return image, values


def _without_transparency(
    image: Image.Image, target: str, preprocessing: Preprocessing
) -> Image.Image:
    """Return an image of mode RGBA over the background, or as it is if transparency is kept."""
    if preprocessing.channels == RGBA:
        return image
    behind = Image.new("RGBA", image.size, preprocessing.background)
    is_gray = len(set(ImageColor.getrgb(preprocessing.background)[:3])) == 1
    image = Image.alpha_composite(behind, image).convert("RGB")
    return image.getchannel(0) if target == "L" and is_gray else image


def _largest(image: Image.Image) -> int:
    extrema = image.getextrema()
    return int(max(np.ravel(extrema)))


def _from_16_bits(image: Image.Image, white: int) -> tuple[Image.Image, Values]:
    """Gray of 16 bits, which Pillow keeps in its integer modes and would clip at 255.

    It has an opacity, too, if one of its values stands for transparent pixels.
    """
    pixels = np.asarray(image).astype(np.int32)
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high > 65535:
        raise ValueError(f"values from {low:,} to {high:,}; save it with 0 to 255 or 0 to 65535")
    scaled = np.minimum((pixels * 255 + white // 2) // white, 255)
    gray = Image.fromarray(scaled.astype(np.uint8))
    if (key := image.info.get("transparency")) is not None:
        gray = Image.merge("LA", (gray, Image.fromarray(np.uint8(255) * (pixels != key))))
    return gray, Values(deep=high)


def _from_floats(
    image: Image.Image, real: tuple[float, float] | None
) -> tuple[Image.Image, Values]:
    pixels = np.asarray(image)
    low, high = float(pixels.min()), float(pixels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("values that are no finite numbers")
    if real is None:
        raise ValueError(
            f"floating-point values from {low:.6g} to {high:.6g}, outside of [0, 1], [-1, 1] and"
            " [0, 255]"
        )
    return Image.fromarray(to_8_bits(pixels, *scale_of(*real))), Values(real=(low, high))
