"""What black and white are in values that do not say it, decided over a whole set of images.

A single dark image is dark. A set whose 16-bit files never exceed 4,095 holds 12-bit data.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gan_zoo.images import RGBA

_WHITES = (255, 1023, 4095, 16383, 65535)
_ROUNDING = 0.01  # how far floats may lie outside of [0, 1] or [-1, 1]
_LEAST_WHITE = 64  # floats beyond 1 but never beyond this are no 0 to 255
_FLAT_SPAN = 64  # of 255: a set with a smaller one is told
_DARK, _DARK_SHARE = 16, 0.95  # most pixels of 16-bit files at or below this of 255 are told
_SHARE = 1 / 2  # of the images that must have 16 bits, so that these decide what white is


class Levels(NamedTuple):
    """What becomes black and white.

    Attributes:
        deep: White in files of 16 bits: up to 65535, or 1 for masks.
        real: Black and white in files of floats; None if these are refused.
        small: White in files of 8 bits: 255, or 1 for masks.
    """

    deep: int = 65535
    real: tuple[float, float] | None = (0.0, 1.0)
    small: int = 255


class Values(NamedTuple):
    """What the values of one image were, before black and white were decided.

    Attributes:
        deep: The largest of a file of 16 bits, else -1.
        real: The smallest and the largest of a file of floats, else None.
        small: The largest of 8 bits, else -1.
        profile: The name of a color profile that was converted to sRGB, or "".
        traits: Words on what else is told of a set: ``transparent``, ``invisible``, ``frames``,
            ``gain map``, ``more channels`` or ``two squares``.
    """

    deep: int = -1
    real: tuple[float, float] | None = None
    small: int = -1
    profile: str = ""
    traits: frozenset[str] = frozenset()

    def merged(self, other: Values) -> Values:
        """Return the values of two parts of an image."""
        ranges = [x for x in (self.real, other.real) if x]
        real = (min(r[0] for r in ranges), max(r[1] for r in ranges)) if ranges else None
        return Values(
            max(self.deep, other.deep),
            real,
            max(self.small, other.small),
            self.profile or other.profile,
            self.traits | other.traits,
        )


def white_of(largest: float) -> int:
    """Return what is white in whole numbers of up to 16 bits, by the largest of a set."""
    return next(white for white in _WHITES if largest <= white)


def black_and_white(low: float, high: float) -> tuple[float, float] | None:
    """Return what is black and what is white in floats, by the range of a set; None if unclear.

    A little beyond [0, 1] or [-1, 1], as by rounding, is clipped. Values that would all be black
    are unclear.
    """
    if 1 / 255 < high <= 1 + _ROUNDING or low == high == 0:
        if low >= -_ROUNDING:
            return 0.0, 1.0
        return (-1.0, 1.0) if low >= -1 - _ROUNDING else None
    if -1 - _ROUNDING <= low < -_ROUNDING and high <= 1:
        return -1.0, 1.0
    return (0.0, 255.0) if low >= -0.5 and _LEAST_WHITE < high <= 255.5 else None


def scale_of(black: float, white: float) -> tuple[float, float]:
    """Return the factor and the offset that bring black to 0 and white to 255."""
    scale = 255.0 / (white - black)
    return scale, 0.0 - black * scale


def to_8_bits(pixels: np.ndarray, scale: float, offset: float) -> np.ndarray:
    """Return rounded pixels in uint8; what is beyond black and white is clipped."""
    return np.clip(np.rint(pixels * scale + offset), 0, 255).astype(np.uint8)


class Tally:
    """What the values of all images of a set are."""

    def __init__(self) -> None:
        """Start without images."""
        self._count = self._flat = 0
        self._deep: list[int] = []
        self._deep_pixels = np.zeros(256, np.int64)  # how many have each value, as they are used
        self._real: list[tuple[float, float]] = []
        self._small = -1  # the largest of 8 bits; 256 with images of another kind
        self._ones = 0  # images of 8 bits that hold no value above 1, but 1
        self._span = [255, 0]
        self._traits: collections.Counter[str] = collections.Counter()
        self._profiles: collections.Counter[str] = collections.Counter()

    def add(self, pixels: np.ndarray, values: Values) -> None:
        """Add an image.

        Args:
            pixels: uint8 ``[H, W, C]``, as it is used.
            values: Of the original.
        """
        self._count += 1
        low, high = int(pixels.min()), int(pixels.max())
        self._span = [min(self._span[0], low), max(self._span[1], high)]
        # Few images are flat, and most of these have one color in two corners.
        corner = pixels[0, 0]
        flat = (pixels[-1, -1] == corner).all() and (pixels == corner).all()
        self._flat += bool(flat)
        if pixels.shape[-1] == RGBA:
            pixels = pixels[pixels[..., 3] > 0][:, :3]  # nobody sees the others
        if values.deep >= 0:
            self._deep.append(values.deep)
            self._deep_pixels += np.bincount(pixels.reshape(-1), minlength=256)
        if values.real:
            self._real.append(values.real)
        self._small = max(self._small, values.small if values.small >= 0 else 256)
        self._ones += values.small == 1
        self._traits.update(values.traits)
        self._profiles.update([values.profile] if values.profile else [])

    def levels(self) -> Levels:
        """What is black and white in this set."""
        levels = Levels()
        if self._deep and len(self._deep) >= _SHARE * self._count:
            deep = max(self._deep)
            levels = levels._replace(deep=1 if deep == 1 else white_of(deep))
        if self._real:
            levels = levels._replace(real=black_and_white(*self._range()))
        if self._small == 1:
            levels = levels._replace(small=1)
        return levels

    def _range(self) -> tuple[float, float]:
        return min(low for low, _ in self._real), max(high for _, high in self._real)

    @property
    def has_transparency(self) -> bool:
        """Whether any image has transparent parts."""
        return self._traits["transparent"] > 0

    def notes(self, where: str, levels: Levels, background: str = "white") -> list[str]:
        """Sentences on what was converted, and on what makes a set useless.

        Args:
            where: What they call the place of the images.
            levels: What was taken as black and white.
            background: The color behind transparent pixels; "" if they stay transparent.
        """
        return [
            *self._notes_on_levels(where, levels),
            *self._notes_on_darkness(where, levels),
            *self._notes_on_traits(where, background),
            *self._notes_on_sameness(where),
        ]

    def _notes_on_levels(self, where: str, levels: Levels) -> Iterator[str]:
        deep = max(self._deep, default=-1)
        if levels.deep == 1:
            yield (
                f"the 16-bit files in {where} hold only 0 and 1, so they are taken as masks: 1"
                " becomes white (255)."
            )
        elif self._deep and levels.deep != 65535:
            bits = levels.deep.bit_length()
            yield (
                f"the 16-bit files in {where} hold values up to {deep:,}, so they are taken as"
                f" {bits}-bit data: {levels.deep:,} becomes white."
            )
        elif 0 <= deep < 16384 and len(self._deep) < _SHARE * self._count:
            yield (
                f"{len(self._deep):,} of {self._count:,} images in {where} have 16 bits and values"
                f" up to {deep:,} of 65,535: they are taken as dark images; scale them if they hold"
                f" {white_of(deep).bit_length()}-bit data."
            )
        if levels.real and levels.real != (0.0, 1.0):
            low, high = self._range() if self._real else levels.real
            black, white = levels.real
            yield (
                f"the floating-point files in {where} hold values from {low:.6g} to {high:.6g}:"
                f" {black:g} becomes black and {white:g} white."
            )
        if levels.small == 1:
            yield (
                f"the images in {where} hold only 0 and 1, so they are taken as masks: 1 becomes"
                " white (255)."
            )
        elif self._ones:
            yield (
                f"{self._ones:,} of {self._count:,} images in {where} hold no value above 1 of 0"
                " to 255 and are taken as black; save them as 0 and 255 if they are masks."
            )

    def _notes_on_darkness(self, where: str, levels: Levels) -> Iterator[str]:
        if levels.deep < 256 or len(self._deep) < _SHARE * self._count or not self._deep:
            return
        shares = np.cumsum(self._deep_pixels) / max(1, self._deep_pixels.sum())
        most = int(np.searchsorted(shares, _DARK_SHARE))
        if most <= _DARK and self._span[1] - self._span[0] >= _FLAT_SPAN:
            yield (
                f"{_DARK_SHARE:.0%} or more of the pixels of 16-bit files in {where} are at most"
                f" {_DARK} of 255, nearly black, where {levels.deep:,} is white, as their largest"
                f" value is {max(self._deep):,}; if a few pixels are broken or a mark for no data,"
                " clip these and scale the rest to 0 to 65,535."
            )

    def _notes_on_traits(self, where: str, background: str) -> Iterator[str]:
        def share(count: int) -> str:
            return f"{count:,} of {self._count:,} images in {where}"

        if count := self._traits["frames"]:
            yield f"{share(count)} have several frames or pages; the first of each is taken."
        if self._traits["two squares"] == self._count > 1:
            yield (
                f"all {self._count:,} images in {where} are twice as wide as high, and the middle"
                " of each is taken; cut them first if they are two pictures side by side."
            )
        if count := self._traits["more channels"]:
            yield (
                f"{share(count)} have more channels than a picture; the first ones, gray or color,"
                " are taken."
            )
        if count := self._traits["gain map"]:
            yield (
                f"{share(count)} have an HDR gain map, which is not applied: their standard picture"
                " is taken."
            )
        if count := self._profiles.total():
            names = ", ".join(name for name, _ in self._profiles.most_common(3))
            yield f"{share(count)} have another color profile ({names}) and are converted to sRGB."
        if background and (count := self._traits["transparent"]):
            yield (
                f"{share(count)} have transparent parts, which become {background};"
                " --data='files(background=...)' takes another color, and --channels=4 trains"
                " transparency."
            )
        if count := self._traits["invisible"]:
            yield (
                f"{share(count)} have an opacity of at most 1 of 255 everywhere, so that nothing of"
                " them is seen; save them without it if they are no empty pictures."
            )
        if not background and (count := self._count - self._traits["transparent"]):
            yield f"{share(count)} have no transparent parts and are opaque in training, too."

    def _notes_on_sameness(self, where: str) -> Iterator[str]:
        low, high = self._span
        if self._count < 2:
            if self._flat:
                yield f"the one image in {where} is one flat color; check what was saved."
        elif self._flat > self._count / 2:
            yield (
                f"{self._flat:,} of {self._count:,} images in {where} are one flat color; check"
                " what was saved."
            )
        elif high - low < _FLAT_SPAN:
            yield (
                f"all pixels in {where} lie between {low} and {high} of 0 to 255, so that samples"
                " will be nearly flat; if they are labels or another range, save them as 0 to 255."
            )
