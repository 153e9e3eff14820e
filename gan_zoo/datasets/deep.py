"""Color of 16 bits, of which Pillow keeps the upper 8.

Pillow reads the upper byte of each value. Told that the order of bytes is the other one, it reads
the lower byte; the two make the whole value.
"""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo.datasets.picture_formats import FORMATS
from gan_zoo.datasets.values import scale_of, to_8_bits

_OTHER_ORDER = {"16B": "16L", "16L": "16B", "16N": "16B"}
_DEEP = re.compile(r"16[BLN]$")


def has_deep_color(image: Any) -> bool:
    """Whether an opened file, which has not been loaded, has color of 16 bits."""
    return image.mode in ("RGB", "RGBA") and any(_raw_mode(tile) for tile in _tiles(image))


def scale_of_few_bits(image: Any) -> int:
    """Return what Pillow multiplies gray of 2 or 4 bits by, but not its transparent value.

    Args:
        image: An opened file, which has not been loaded.
    """
    modes = [tile.args if isinstance(tile.args, str) else "" for tile in _tiles(image)]
    return {"L;2": 85, "L;4": 17}.get(modes[0] if modes else "", 1)


def largest(image: Image.Image, data: bytes) -> int:
    """Return the largest value that color of 16 bits may have, by its upper bytes.

    Where these are all 0, as in masks of 0 and 1, it is exact.

    Args:
        image: As Pillow loaded it.
        data: The file.
    """
    upper = max(high for _, high in _bands(image)[:3])
    return 256 * upper + 255 if upper else int(_lower_bytes(data)[..., :3].max())


def _bands(image: Image.Image) -> list[tuple[int, int]]:
    return [band.getextrema() for band in image.split()]  # type: ignore[misc]


def _lower_bytes(data: bytes) -> np.ndarray:
    """Return the lower bytes of color of 16 bits, uint8 ``[H, W, C]``; zeros if unknown."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as other:
        try:
            other.tile = [  # type: ignore[attr-defined]
                tile._replace(args=_swapped(tile.args)) for tile in _tiles(other)
            ]
            return np.asarray(other)
        except ValueError:  # Pillow has no name for the other order in this mode
            return np.zeros((1, 1, 1), np.uint8)


def whole_values(image: Image.Image, data: bytes, white: int) -> Image.Image:
    """Return color of 16 bits with another white as 8 bits.

    Args:
        image: As Pillow loaded it.
        data: The file.
        white: The value that becomes 255.
    """
    lower = _lower_bytes(data)
    upper = np.asarray(image)
    scaled = to_8_bits(upper.astype(np.float32) * 256 + lower, *scale_of(0, white))
    if image.mode == "RGBA":
        scaled[..., 3] = upper[..., 3]
    result = Image.fromarray(scaled)
    result.info = dict(image.info)
    return result


def _tiles(image: Any) -> list[Any]:
    return list(getattr(image, "tile", ()))


def _raw_mode(tile: Any) -> str:
    args = tile.args
    mode = args if isinstance(args, str) else next((a for a in args or () if a), "")
    return mode if isinstance(mode, str) and _DEEP.search(mode) else ""


def _swapped(args: Any) -> Any:
    if isinstance(args, str):
        return _DEEP.sub(lambda m: _OTHER_ORDER[m[0]], args)
    return tuple(_swapped(a) if isinstance(a, str) else a for a in args)
