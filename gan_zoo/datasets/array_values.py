"""Arrays of images as uint8 [N, H, W(, C)]: what their axes and values mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_zoo.datasets.values import black_and_white, scale_of, to_8_bits, white_of
from gan_zoo.errors import UserError

_CHANNELS = (1, 2, 3, 4)
_OPAQUE = (1.0, 255.0, 65535.0)
_LEAST_SIDE = 8  # of the images in flat arrays
_MOST_ASPECT = 16  # of images whose number is their height, else the last axis counts them


class ArrayImages(NamedTuple):
    """Images in an array.

    Attributes:
        total: How many there are.
        read: Returns the image of an index, uint8 ``[H, W]`` or ``[H, W, C]``.
        notes: Sentences on what was taken for what.
    """

    total: int
    read: Callable[[int], np.ndarray]
    notes: tuple[str, ...]


def flat_side(shape: tuple[int, ...]) -> int | None:
    """Return the side of square gray images in a flat array ``[N, side * side]``, else None."""
    if len(shape) != 2:
        return None
    side = math.isqrt(shape[1])
    return side if side >= _LEAST_SIDE and side * side == shape[1] else None


def reshaping(shape: tuple[int, ...]) -> str:
    """Return how to reshape a flat array of square color images; "" for others."""
    if len(shape) != 2 or shape[1] % 3:
        return ""
    side = math.isqrt(shape[1] // 3)
    if side < _LEAST_SIDE or 3 * side * side != shape[1]:
        return ""
    return (
        f"array.reshape(-1, {side}, {side}, 3), or array.reshape(-1, 3, {side}, {side}) if each"
        " image has its red values first"
    )


def images_of(array: np.ndarray, where: str) -> ArrayImages:
    """Return the images in an array; nothing but its range is computed.

    Args:
        array: ``[N, H, W]``, ``[N, H, W, C]``, ``[N, C, H, W]`` or ``[N, side * side]``.
        where: What messages call it.

    Raises:
        UserError: Its shape, its type or its values are unclear.
    """
    if not array.size:
        raise UserError(f"{where} is empty, {array.shape}; save uint8 images [N, H, W, C] in it.")
    array, notes = _with_channels_last(array, where)
    own = _opacity_scale(array)
    scale, offset, note = _scale(array if own is None else array[..., :-1], where)

    def read(i: int) -> np.ndarray:
        image = np.asarray(array[i])
        if image.dtype == np.uint8:
            return image
        found = to_8_bits(image, scale, offset)
        if own is not None:
            found[..., -1] = to_8_bits(image[..., -1], own, 0.0)
        return found

    return ArrayImages(len(array), read, (*notes, *([f"{where} {note}."] if note else [])))


def _with_channels_last(array: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    shape = array.shape
    if side := flat_side(shape):
        note = f"{where} has the shape {shape} and is taken as {side}x{side} gray images."
        return array.reshape(-1, side, side), [note]
    if array.ndim == 3 and shape[2] in (3, 4) and min(shape[:2]) >= _LEAST_SIDE:
        raise UserError(
            f"{where} has the shape {shape}, which looks like one image; save several as"
            " [N, H, W, C], or this one as array[None]."
        )
    if array.ndim == 3:
        return array, _notes_on_order(shape, where)
    if shape[-1] in _CHANNELS:
        return array, []
    if shape[1] in (1, 3, 4):
        note = f"{where} has the shape {shape} and is taken as [N, C, H, W]."
        return np.moveaxis(array, 1, -1), [note]
    remedy = "save it as [N, H, W, C] with C of 1, 3 or 4"
    if shape[2] in (1, 3) and shape[0] == shape[1]:
        remedy = "save it with the images first: np.transpose(array, (3, 0, 1, 2))"
    elif min(shape[1], shape[3]) < min(sides := sorted(shape[1:])[1:]) and sides[0] == sides[1]:
        axis = 3 if shape[3] < shape[1] else 1
        taken = "array[..., [a, b, c]]" if axis == 3 else "array[:, [a, b, c]]"
        remedy = f"save the 1 or 3 of its {shape[axis]} channels that are the picture: {taken}"
    raise UserError(f"{where} has the shape {shape}; {remedy}.")


def _notes_on_order(shape: tuple[int, ...], where: str) -> list[str]:
    """Return a sentence on an array ``[N, H, W]`` that may be [H, W, N], as MATLAB has it.

    Raises:
        UserError: It is that for certain.
    """
    count, height, width = shape
    if count != height or height == width or height < _LEAST_SIDE:
        return []
    remedy = "np.transpose(array, (2, 0, 1))"
    if width > _MOST_ASPECT * height:
        raise UserError(
            f"{where} has the shape {shape}, which looks like {width:,} images of"
            f" {height}x{height}; save it with the images first: {remedy}."
        )
    return [
        f"{where} has the shape {shape} and is taken as {count:,} images of {height}x{width}; if it"
        f" holds {width:,} of {height}x{height}, save {remedy}."
    ]


def _opacity_scale(array: np.ndarray) -> float | None:
    """Return the factor of an opacity with a white of its own, else None.

    Colors of 12 bits or of 0 to 255 may stand beside an opacity of 0 to 65535 or of 0 to 1.
    """
    if array.ndim < 4 or array.shape[-1] not in (2, 4) or array.dtype.kind not in "iuf":
        return None
    if array.dtype == np.uint8:
        return None
    opacity = array[..., -1]
    high = float(opacity.max())
    return 255.0 / high if high in _OPAQUE and opacity.min() >= 0 else None


def _scale(array: np.ndarray, where: str) -> tuple[float, float, str]:
    """Return the factor and the offset that bring the values to 0..255, and words on them."""
    if array.dtype == bool:
        return 255.0, 0.0, ""
    if array.dtype.kind not in "iuf":
        raise UserError(f"{where} holds values of type {array.dtype}; save it as uint8.")
    if array.dtype == np.uint8:
        return 1.0, 0.0, ""
    low, high = float(array.min()), float(array.max())
    held = f"holds values from {low:.6g} to {high:.6g}"
    found = _black_and_white(array, low, high)
    if found is None:
        hint = ""
        if low >= 0 and 0 < high <= 1 / 255:
            hint = " (were they divided by 255 twice?)"
        raise UserError(
            f"{where} has values from {low:.6g} to {high:.6g}{hint}; save it as uint8, or as"
            " floats in [0, 1] or [-1, 1]."
        )
    black, white = found
    scale, offset = scale_of(black, white)
    clipped = low < black or high > white
    usual = found in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)) and (white < 255 or _is_whole(array))
    if found == (0.0, 65535.0) or (usual and not clipped):
        return scale, offset, ""
    return scale, offset, f"{held}: {black:g} becomes black and {white:g} white"


def _black_and_white(array: np.ndarray, low: float, high: float) -> tuple[float, float] | None:
    is_float = array.dtype.kind == "f"
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    if is_float and (found := black_and_white(low, high)):
        # The halves of [-1, 1] are never that exact: these are values in [0, 1] less 0.5.
        if found == (-1.0, 1.0) and max(-low, high) <= 0.501 and min(-low, high) > 0.45:
            return -0.5, 0.5
        return found
    if low < 0:
        return None
    if high <= 255:
        return (0.0, 255.0) if _is_whole(array) and (high > 1 or not is_float) else None
    return (0.0, float(white_of(high))) if not is_float and high <= 65535 else None


def _is_whole(array: np.ndarray) -> bool:
    if array.dtype.kind != "f":
        return True
    return all(np.array_equal(image, np.rint(image)) for image in array)
