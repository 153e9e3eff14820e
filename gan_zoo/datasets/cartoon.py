"""The embedded data set: cartoon faces drawn from a seeded list of attributes, so that a run needs no download.

Faces are aligned and bold on purpose: a small DCGAN learns to draw recognisable ones at 28x28 within minutes, while the
:data:`ATTRIBUTES` combine into far more faces than a data set holds. Every attribute is drawn independently of all others and
every class of it can be seen in the picture, so that the labels serve to find dropped modes. (One exception in degree: the
dark lenses of sunglasses leave only a faint view of the eyes.)

The unit of all coordinates is half the side of the face's square; points are complex numbers, x to the right and y downwards.
Names of attributes and of their classes are public; a change to what is drawn for them needs a new :data:`VERSION`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageDraw
from tqdm import tqdm

from gan_zoo.contracts import Dataset
from gan_zoo.registry import datasets

VERSION = 1  # of what is drawn: part of the cache key, to be raised whenever a pixel or a label changes
SIZES = range(28, 129)  # heights and widths, in pixels

# For every attribute, its classes with their shares.
ATTRIBUTES: dict[str, dict[str, float]] = {
    "background": {"sky": 0.2, "mint": 0.16, "lemon": 0.16, "coral": 0.16, "lilac": 0.16, "night": 0.16},
    "skin": {"porcelain": 0.16, "peach": 0.2, "honey": 0.18, "tan": 0.16, "brown": 0.16, "deep": 0.14},
    "face_shape": {"round": 0.3, "oval": 0.3, "square": 0.2, "heart": 0.2},
    "hair_style": {
        "bald": 0.08,
        "buzz": 0.08,
        "short": 0.12,
        "side_part": 0.12,
        "spiky": 0.1,
        "curly": 0.1,
        "bob": 0.1,
        "long": 0.12,
        "pigtails": 0.09,
        "buns": 0.09,
    },
    "hair_colour": {
        "black": 0.2,
        "brown": 0.2,
        "ginger": 0.14,
        "blond": 0.16,
        "silver": 0.1,
        "pink": 0.1,
        "blue": 0.1,
    },
    "eye_shape": {"round": 0.3, "tall": 0.25, "almond": 0.25, "sleepy": 0.2},
    "eye_colour": {"brown": 0.3, "blue": 0.25, "green": 0.25, "amber": 0.2},
    "brows": {"arched": 0.3, "flat": 0.3, "stern": 0.2, "worried": 0.2},
    "nose": {"button": 0.4, "long": 0.3, "wide": 0.3},
    "mouth": {"smile": 0.25, "grin": 0.2, "neutral": 0.15, "open": 0.14, "sad": 0.13, "lips": 0.13},
    "beard": {"none": 0.6, "stubble": 0.1, "moustache": 0.1, "goatee": 0.1, "full": 0.1},
    "glasses": {"none": 0.6, "round": 0.15, "square": 0.15, "sun": 0.1},
    "headwear": {"none": 0.6, "beanie": 0.1, "cap": 0.1, "headphones": 0.1, "bow": 0.1},
    "cheeks": {"plain": 0.5, "blush": 0.3, "freckles": 0.2},
    "earrings": {"none": 0.6, "studs": 0.2, "hoops": 0.2},
    "clothes": {"red": 0.17, "blue": 0.17, "green": 0.17, "yellow": 0.17, "white": 0.16, "charcoal": 0.16},
}

# Continuous traits, uniform in [-1, 1], each with what 1 stands for.
TRAITS: dict[str, float] = {
    "roll": math.radians(6),  # head pose
    "shift_x": 0.04,
    "shift_y": 0.04,
    "zoom": 0.05,
    "yaw": 0.05,  # how far the features move against the head
    "pitch": 0.03,
    "head_width": 0.05,  # proportions
    "head_height": 0.05,
    "eye_size": 0.1,
    "eye_gap": 0.02,
    "brow_height": 0.03,
    "nose_size": 0.15,
    "mouth_width": 0.15,
    "gaze_x": 0.035,
    "gaze_y": 0.025,
    "background_light": 0.05,  # colours
    "skin_light": 0.05,
    "hair_light": 0.08,
    "clothes_light": 0.08,
}

Colour = tuple[int, int, int]
_BACKGROUND = {
    "sky": (126, 196, 236),
    "mint": (142, 216, 180),
    "lemon": (250, 222, 120),
    "coral": (244, 150, 128),
    "lilac": (190, 168, 236),
    "night": (66, 78, 118),
}
_SKIN = {
    "porcelain": (255, 226, 205),
    "peach": (250, 202, 166),
    "honey": (232, 174, 124),
    "tan": (204, 142, 94),
    "brown": (156, 100, 66),
    "deep": (112, 70, 50),
}
_HAIR = {
    "black": (44, 38, 48),
    "brown": (110, 66, 40),
    "ginger": (214, 98, 40),
    "blond": (246, 206, 96),
    "silver": (202, 206, 216),
    "pink": (244, 118, 168),
    "blue": (62, 116, 222),
}
_EYES = {"brown": (112, 62, 30), "blue": (46, 128, 224), "green": (48, 156, 84), "amber": (226, 150, 34)}
_CLOTHES = {
    "red": (222, 66, 70),
    "blue": (54, 104, 206),
    "green": (60, 156, 98),
    "yellow": (246, 188, 50),
    "white": (242, 242, 244),
    "charcoal": (62, 64, 78),
}
_INK, _WHITE, _MOUTH, _TONGUE, _LIPS = (40, 30, 44), (255, 255, 255), (112, 26, 40), (236, 104, 110), (208, 52, 78)
_BLUSH, _GOLD, _LENS, _FRAME = (244, 96, 104), (252, 204, 60), (34, 34, 48), (52, 44, 66)


def sample_attributes(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """The attributes and traits of ``count`` faces; face i depends on ``(seed, i)`` alone.

    Args:
        count: How many faces, at least 1.
        seed: At least 0.

    Returns:
        One int32 column [count] of class numbers for every attribute of :data:`ATTRIBUTES`, and one float32 column [count] in
        [-1, 1] for every trait of :data:`TRAITS`.

    Raises:
        ValueError: The count or the seed is out of range.
    """
    _check_whole("count", count, 1)
    _check_whole("seed", seed, 0)
    names = [*ATTRIBUTES, *TRAITS]
    # Raw bits, as NumPy promises to keep this stream the same in every release; 53 of them make a float in [0, 1).
    raw = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(count * len(names)) >> np.uint64(11)
    uniforms = (raw * 2.0**-53).reshape(count, len(names))
    columns = {}
    for name, uniform in zip(names, uniforms.T, strict=True):
        if name in ATTRIBUTES:
            upper = np.cumsum(list(ATTRIBUTES[name].values()))[:-1]
            columns[name] = np.searchsorted(upper, uniform, side="right").astype(np.int32)
        else:
            columns[name] = (2 * uniform - 1).astype(np.float32)
    return columns


def draw(face: Mapping[str, str | int | float], size: int | tuple[int, int] = 128, channels: int = 3) -> Image.Image:
    """Draw one face.

    Args:
        face: Attributes, as names or numbers of classes, and traits in [-1, 1]. What is left out has class 0 or is 0.
        size: The side in pixels, or (height, width); the face's square is centred.
        channels: 3 for RGB, 1 for grey.

    Returns:
        A Pillow image of mode ``RGB`` or ``L``.

    Raises:
        ValueError: An attribute, a class, a size or the channels do not exist; the sentence names it.

    Example:
        ``draw({"hair_style": "bob", "mouth": "grin", "yaw": 0.5}, 64).save("face.png")``
    """
    height, width = (size, size) if isinstance(size, int) else size
    _check_shape(height, width, channels)
    classes = dict.fromkeys(ATTRIBUTES, "")
    traits = dict.fromkeys(TRAITS, 0.0)
    if unknown := [name for name in face if name not in classes and name not in traits]:
        raise ValueError(f"a cartoon face has no '{unknown[0]}'; it has {', '.join([*classes, *traits])}.")
    for name in classes:
        classes[name] = _class_name(name, face.get(name, 0))
    for name, unit in TRAITS.items():
        traits[name] = float(face.get(name, 0.0)) * unit
    return _draw(classes, traits, height, width, channels)


def _class_name(attribute: str, value: str | int | float) -> str:
    names = _CLASS_NAMES[attribute]
    if isinstance(value, str):
        if value in names:
            return value
    elif 0 <= value < len(names) and int(value) == value:
        return names[int(value)]
    raise ValueError(f"the attribute '{attribute}' has no class {value!r}; it has {', '.join(names)}.")


_CLASS_NAMES = {name: tuple(shares) for name, shares in ATTRIBUTES.items()}


# --- Shapes: closed outlines as complex arrays, around the middle of a head 1.16 wide and 1.3 high. ---


def _smooth(*points: tuple[float, float]) -> np.ndarray:
    """A closed Catmull-Rom curve through points; a point given twice is a corner."""
    p = np.array([complex(*q) for q in points])
    t = np.linspace(0, 1, 6)[:-1, None]
    before, start, end, after = np.roll(p, 1), p, np.roll(p, -1), np.roll(p, -2)
    bend = 2 * before - 5 * start + 4 * end - after
    curve = start + 0.5 * (t * (end - before) + t**2 * bend + t**3 * (3 * (start - end) + after - before))
    return curve.T.ravel()


def _mirrored(*right: tuple[float, float]) -> np.ndarray:
    """A smooth closed curve, symmetric in x, from the points of its right half from top to bottom."""
    return _smooth(*right, *[(-x, y) for x, y in reversed(right) if x != 0])


def _circle(points: int) -> np.ndarray:
    return np.exp(2j * np.pi * np.arange(points) / points)


def _head(width: float, height: float, jaw: float, power: float) -> np.ndarray:
    z = _circle(44)
    x = np.sign(z.real) * np.abs(z.real) ** power
    y = np.sign(z.imag) * np.abs(z.imag) ** power
    return width * x * (1 - jaw * np.maximum(y, 0) ** 2) + 1j * height * y


def _around(outline: np.ndarray, teeth: int, depth: float) -> np.ndarray:
    """Blow scallops into an outline: curls."""
    turn = np.arange(len(outline)) / len(outline)
    return outline * (1 + depth * np.abs(np.sin(np.pi * teeth * turn)))


_DOT, _OVAL = _circle(14), _circle(26)
_U = np.concatenate([np.linspace(-1, 1, 13), np.linspace(1, -1, 13)])
_BEND = 1 - _U**2
_EDGE = np.sqrt(1 - 0.96 * _U**4) * np.repeat([-1, 1], 13)
_UPPER = np.exp(1j * np.linspace(np.pi, 2 * np.pi, 14))  # upper half of a circle
_LOWER = -_UPPER
_RING = np.concatenate([_OVAL, _OVAL[:1], 0.72 * _OVAL[:1], 0.72 * _OVAL])
_BOX = np.sign(_OVAL.real) * np.abs(_OVAL.real) ** 0.45 + 1j * np.sign(_OVAL.imag) * np.abs(_OVAL.imag) ** 0.45
_BOX_RING = np.concatenate([_BOX, _BOX[:1], 0.76 * _BOX[:1], 0.76 * _BOX])
_ALMOND = _mirrored((0, -1), (0.55, -0.8), (1.0, 0.05), (1.0, 0.05), (0.5, 0.85), (0, 1))

_HEADS = {
    "round": _head(0.60, 0.61, 0.0, 0.96),
    "oval": _head(0.54, 0.66, 0.1, 1.0),
    "square": _head(0.57, 0.63, 0.0, 0.74),
    "heart": _head(0.60, 0.66, 0.3, 0.96),
}
_BEARDS = {
    name: np.concatenate(
        [
            head[1:22] * 1.04,
            [complex(-0.46, 0.14), complex(-0.36, 0.30), complex(-0.2, 0.33), 0.32j],
            [complex(0.2, 0.33), complex(0.36, 0.30), complex(0.46, 0.14)],
        ]
    )
    for name, head in _HEADS.items()
}
_MOUSTACHE = _mirrored((0, 0.29), (0.14, 0.27), (0.27, 0.37), (0.33, 0.33), (0.29, 0.43), (0.14, 0.42), (0, 0.37))

# Hair behind the head, and hair over it.
_HAIR_BACK = {
    "curly": _around(_mirrored((0, -0.8), (0.5, -0.68), (0.76, -0.2), (0.72, 0.26), (0.4, 0.5), (0, 0.5)), 15, 0.1),
    "bob": _mirrored((0, -0.76), (0.46, -0.66), (0.7, -0.2), (0.74, 0.5), (0.6, 0.66), (0.3, 0.66), (0, 0.6)),
    "long": _mirrored((0, -0.76), (0.46, -0.66), (0.68, -0.2), (0.72, 0.5), (0.8, 1.0), (0.6, 1.16), (0.3, 1.1), (0, 0.9)),
}
_SKULL = ((0.0, -0.74), (0.34, -0.68), (0.58, -0.42), (0.64, -0.06))  # top right quarter of combed hair
_HAIR_FRONT = {
    "buzz": _mirrored((0, -0.69), (0.34, -0.62), (0.56, -0.36), (0.6, -0.1), (0.53, -0.16), (0.46, -0.34), (0.3, -0.42), (0, -0.42)),
    "short": _mirrored(
        (0, -0.78), (0.36, -0.74), (0.6, -0.46), (0.64, 0.06), (0.55, 0.06), (0.51, -0.22), (0.34, -0.32), (0, -0.36)
    ),
    "side_part": _smooth(
        *[(-x, y) for x, y in reversed(_SKULL)],
        (0.36, -0.76), (0.66, -0.5), (0.66, 0.04), (0.58, 0.0), (0.5, -0.2), (0.2, -0.24), (-0.14, -0.36), (-0.3, -0.52),
        (-0.4, -0.34), (-0.54, -0.2), (-0.57, 0.02),
    ),
    "spiky": np.array([
        complex(*p) for p in [
            (-0.66, 0.06), (-0.74, -0.2), (-0.62, -0.24), (-0.78, -0.52), (-0.52, -0.52), (-0.54, -0.86), (-0.26, -0.68),
            (-0.1, -0.98), (0.1, -0.7), (0.36, -0.92), (0.4, -0.64), (0.68, -0.72), (0.6, -0.42), (0.8, -0.34), (0.66, -0.14),
            (0.66, 0.06), (0.56, -0.02), (0.5, -0.26), (0.4, -0.14), (0.26, -0.32), (0.12, -0.16), (-0.02, -0.34),
            (-0.18, -0.16), (-0.3, -0.32), (-0.44, -0.14), (-0.5, -0.26), (-0.56, -0.02),
        ]
    ]),
    "curly": _around(_mirrored((0, -0.8), (0.42, -0.7), (0.62, -0.36), (0.6, -0.16), (0.46, -0.24), (0.24, -0.34), (0, -0.34)), 12, 0.1),
    "bob": _mirrored(
        (0, -0.76), (0.4, -0.7), (0.66, -0.36), (0.7, 0.2), (0.66, 0.56), (0.56, 0.5), (0.54, 0.1), (0.5, -0.2), (0.5, -0.2), (0.2, -0.24), (0, -0.24)
    ),
    "long": _mirrored(
        (0, -0.76), (0.4, -0.7), (0.66, -0.36), (0.68, 0.3), (0.74, 0.9), (0.62, 0.96), (0.56, 0.5), (0.55, 0.0), (0.4, -0.24), (0.1, -0.5), (0, -0.6)
    ),
    "pigtails": _mirrored(*_SKULL, (0.58, 0.04), (0.52, -0.14), (0.36, -0.3), (0.14, -0.46), (0, -0.58)),
    "buns": _mirrored(*_SKULL, (0.6, 0.12), (0.55, -0.1), (0.44, -0.2), (0.36, -0.22), (0.16, -0.3), (0.04, -0.24), (0, -0.24)),
}
_SHINE = _smooth((-0.42, -0.46), (-0.26, -0.6), (-0.04, -0.66), (-0.02, -0.6), (-0.22, -0.53), (-0.36, -0.4))
_PIGTAIL = _smooth((0.62, -0.1), (0.74, -0.2), (0.94, -0.08), (0.98, 0.22), (0.86, 0.56), (0.78, 0.5), (0.68, 0.2))
_BEANIE = _mirrored((0, -0.9), (0.4, -0.82), (0.64, -0.54), (0.66, -0.36), (0.3, -0.42), (0, -0.44))
_BRIM = _mirrored((0, -0.54), (0.4, -0.5), (0.68, -0.42), (0.7, -0.3), (0.64, -0.26), (0.34, -0.34), (0, -0.36))
_CAP = _mirrored((0, -0.88), (0.4, -0.8), (0.64, -0.52), (0.66, -0.36), (0.3, -0.4), (0, -0.42))
_PEAK = _mirrored((0, -0.5), (0.36, -0.48), (0.6, -0.38), (0.62, -0.26), (0.3, -0.34), (0, -0.36))
_BOW = _smooth((0, 0), (0, 0), (0.2, -0.16), (0.26, 0), (0.2, 0.16))
_BAND = np.concatenate([0.8 * np.exp(1j * np.linspace(np.pi, 2 * np.pi, 20)), 0.7 * np.exp(1j * np.linspace(2 * np.pi, np.pi, 20))])
_SHOULDERS = _mirrored((0, 0.66), (0.3, 0.7), (0.66, 0.84), (0.8, 1.2), (0.8, 9), (0.8, 9), (0, 9))
_NECK = _mirrored((0, 0.3), (0.18, 0.3), (0.2, 0.62), (0.28, 0.74), (0.16, 0.84), (0, 0.87))


class _Pen:
    """Fills shapes on a canvas through one affine map of the plane."""

    def __init__(self, canvas: ImageDraw.ImageDraw, origin: complex, turn: complex, stretch: tuple[float, float] = (1, 1)):
        self.canvas = canvas
        # Pillow cuts coordinates down to whole pixels; the half makes that rounding.
        self.origin = origin + 0.5 + 0.5j
        self.direct = turn * (stretch[0] + stretch[1]) / 2
        self.flipped = turn * (stretch[0] - stretch[1]) / 2

    def moved(self, by: complex) -> _Pen:
        """The same pen with its origin elsewhere."""
        pen = object.__new__(_Pen)
        pen.canvas, pen.direct, pen.flipped = self.canvas, self.direct, self.flipped
        pen.origin = self.origin + self.direct * by + self.flipped * by.conjugate()
        return pen

    def fill(self, shape: np.ndarray, colour: Colour) -> None:
        z = self.direct * shape + self.flipped * shape.conjugate() + self.origin
        self.canvas.polygon(z.view(np.float64).tolist(), colour)

    def oval(self, centre: complex, rx: float, ry: float, colour: Colour, shape: np.ndarray = _OVAL) -> None:
        self.fill(centre + (rx + ry) / 2 * shape + (rx - ry) / 2 * shape.conjugate(), colour)

    def arc(self, centre: complex, half: float, bend: float, thick: float, colour: Colour, slope: float = 0) -> None:
        """A stroke that thins at its ends; ``bend`` lifts its middle down (or up, if below 0), ``slope`` its right end."""
        self.fill(centre + half * _U + 1j * (bend * _BEND + slope * _U + thick * _EDGE), colour)


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    return (
        int(a[0] + (b[0] - a[0]) * share + 0.5),
        int(a[1] + (b[1] - a[1]) * share + 0.5),
        int(a[2] + (b[2] - a[2]) * share + 0.5),
    )


def _lit(colour: Colour, light: float) -> Colour:
    return _mix(colour, _WHITE, light) if light > 0 else _mix(colour, (0, 0, 0), -light)


def _draw(a: Mapping[str, str], t: Mapping[str, float], height: int, width: int, channels: int) -> Image.Image:
    """Draw a face of classes ``a`` and traits ``t`` (in their units)."""
    side = min(height, width)
    over = 4 if side <= 32 else 3 if side <= 64 else 2
    unit = side * over / 2
    middle = complex(width * over / 2, height * over / 2)
    background = _lit(_BACKGROUND[a["background"]], t["background_light"])
    skin = _lit(_SKIN[a["skin"]], t["skin_light"])
    hair = _lit(_HAIR[a["hair_colour"]], t["hair_light"])
    clothes = _lit(_CLOTHES[a["clothes"]], t["clothes_light"])

    image = Image.new("RGB", (width * over, height * over), background)
    canvas = ImageDraw.Draw(image)
    scale = unit * (1 + t["zoom"])
    place = middle + unit * complex(t["shift_x"], t["shift_y"])
    body = _Pen(canvas, place, scale)
    stretch = (1 + t["head_width"], 1 + t["head_height"])
    head = _Pen(canvas, place + 0.06j * scale, scale * complex(math.cos(t["roll"]), math.sin(t["roll"])), stretch)
    features = head.moved(complex(t["yaw"], t["pitch"]))

    _Pen(canvas, middle, unit).oval(0.04j, 0.93, 0.93, _mix(background, _WHITE, 0.3), _circle(48))
    _draw_body(body, head, a, skin, hair, clothes)
    _draw_head(head, features, a, skin, hair)
    _draw_mouth(features, a, t, skin, hair)
    _draw_eyes(features, a, t, skin)
    _draw_hair(head, features, a, t, hair, skin)
    _draw_things(head, features, a, t, clothes)
    image = image.reduce(over)
    return image if channels == 3 else image.convert("L")


def _draw_body(body: _Pen, head: _Pen, a: Mapping[str, str], skin: Colour, hair: Colour, clothes: Colour) -> None:
    body.fill(_SHOULDERS, clothes)
    shade = _mix(hair, _INK, 0.25)
    style = a["hair_style"]
    if style in _HAIR_BACK:
        head.fill(_HAIR_BACK[style], shade)
    elif style == "pigtails":
        head.fill(_PIGTAIL, hair)
        head.fill(-_PIGTAIL.conjugate(), hair)
    elif style == "buns":
        for x in (-0.48, 0.48):
            head.oval(complex(x, -0.66), 0.25, 0.25, hair)
            head.arc(complex(x, -0.68), 0.13, -0.06, 0.03, shade)
    body.fill(_NECK, _mix(skin, (120, 30, 40), 0.25))


def _draw_head(head: _Pen, features: _Pen, a: Mapping[str, str], skin: Colour, hair: Colour) -> None:
    shade = _mix(skin, (150, 40, 30), 0.18)
    for x in (-0.6, 0.6):
        head.oval(complex(x, 0.06), 0.12, 0.15, skin)
        head.oval(complex(x, 0.07), 0.06, 0.09, shade, _DOT)
    outline = _HEADS[a["face_shape"]]
    head.fill(outline, shade)
    head.fill(outline * 0.955 - 0.022j, skin)
    if a["cheeks"] == "blush":
        for x in (-0.38, 0.38):
            features.oval(complex(x, 0.25), 0.12, 0.085, _mix(skin, _BLUSH, 0.45), _DOT)
    elif a["cheeks"] == "freckles":
        for x in (-0.36, 0.36):
            for dot in (-0.075 + 0.19j, 0.075 + 0.19j, 0.265j):
                features.oval(x + dot, 0.032, 0.032, _mix(skin, (140, 50, 10), 0.5), _DOT[::2])
    beard = a["beard"]
    if beard in ("full", "stubble"):
        head.fill(_BEARDS[a["face_shape"]] if beard == "full" else _BEARDS[a["face_shape"]] * 0.96, hair if beard == "full" else _mix(skin, hair, 0.3))
    elif beard == "goatee":
        features.oval(0.5j, 0.2, 0.2, hair)


def _draw_mouth(features: _Pen, a: Mapping[str, str], t: Mapping[str, float], skin: Colour, hair: Colour) -> None:
    beard, mouth = a["beard"], a["mouth"]
    wide = 1 + t["mouth_width"]
    at = 0.43j
    if beard in ("full", "goatee"):  # lips must show in a beard of any colour
        features.oval(at + 0.01j, 0.24 * wide if beard == "full" else 0.15, 0.1, skin)
    if mouth == "smile":
        features.arc(at - 0.03j, 0.2 * wide, 0.11, 0.035, _MOUTH)
    elif mouth == "sad":
        features.arc(at + 0.07j, 0.17 * wide, -0.11, 0.035, _MOUTH)
    elif mouth == "neutral":
        features.arc(at + 0.02j, 0.15 * wide, 0, 0.032, _MOUTH)
    elif mouth == "grin":
        features.fill(at - 0.05j + 0.25 * wide * _LOWER.real + 0.2j * _LOWER.imag, _MOUTH)
        features.oval(at + 0.1j, 0.12 * wide, 0.05, _TONGUE, _DOT)
        features.fill(at - 0.05j + 0.22 * wide * _LOWER.real + 0.075j * _LOWER.imag, _WHITE)
    elif mouth == "open":
        features.oval(at + 0.03j, 0.11 * wide, 0.13, _MOUTH)
        features.oval(at + 0.1j, 0.07 * wide, 0.05, _TONGUE, _DOT)
    else:  # lips
        for x in (-0.06, 0.06):
            features.oval(at + x * wide, 0.085 * wide, 0.05, _LIPS, _DOT)
        features.oval(at + 0.035j, 0.12 * wide, 0.06, _LIPS, _DOT)
        features.arc(at + 0.012j, 0.13 * wide, 0.015, 0.013, _MOUTH)
    if beard == "moustache" or beard == "full":
        features.fill(_MOUSTACHE, hair if beard == "moustache" else _mix(hair, _INK, 0.2))
    size = 1 + t["nose_size"]
    shade = _mix(skin, (140, 30, 20), 0.32)
    if a["nose"] == "button":
        features.oval(0.21j, 0.075 * size, 0.06 * size, shade, _DOT)
    elif a["nose"] == "long":
        features.oval(0.15j, 0.045 * size, 0.14 * size, shade, _DOT)
    else:
        features.arc(0.2j, 0.14 * size, 0.06, 0.035, shade)


_EYE_RADII = {"round": (0.155, 0.155), "tall": (0.13, 0.19), "almond": (0.19, 0.12), "sleepy": (0.165, 0.15)}


def _draw_eyes(features: _Pen, a: Mapping[str, str], t: Mapping[str, float], skin: Colour) -> None:
    def seen(colour: Colour) -> Colour:
        return _mix(colour, _LENS, 0.72) if a["glasses"] == "sun" else colour

    shape = a["eye_shape"]
    rx, ry = (r * (1 + t["eye_size"]) for r in _EYE_RADII[shape])
    outline = _ALMOND if shape == "almond" else _OVAL
    iris, look = 0.1 * (1 + t["eye_size"]), complex(t["gaze_x"], t["gaze_y"])
    for side in (-1, 1):
        eye = features.moved(complex(side * (0.265 + t["eye_gap"]), 0.0))
        if a["glasses"] == "sun":
            eye.oval(complex(side * 0.01, 0.01), 0.25, 0.2, _LENS, _BOX)
        eye.oval(-0.018j, rx + 0.018, ry + 0.022, seen(_INK), outline)
        eye.oval(0j, rx, ry, seen(_WHITE), outline)
        eye.oval(look, iris, iris, seen(_EYES[a["eye_colour"]]), _DOT)
        eye.oval(look, iris * 0.55, iris * 0.55, seen(_INK), _DOT)
        eye.oval(look + complex(-0.035, -0.045), 0.034, 0.034, seen(_WHITE), _DOT[::2])
        if shape == "sleepy":
            eye.fill((rx + 0.02) * _UPPER.real + 1j * (ry + 0.04) * _UPPER.imag - 0.01j, seen(_mix(skin, (150, 40, 30), 0.25)))
            eye.arc(-0.015j, rx + 0.02, 0.015, 0.022, seen(_INK))


def _draw_hair(head: _Pen, features: _Pen, a: Mapping[str, str], t: Mapping[str, float], hair: Colour, skin: Colour) -> None:
    style = a["hair_style"]
    if style != "bald":
        head.fill(_HAIR_FRONT[style], _mix(hair, skin, 0.35) if style == "buzz" else hair)
        if style not in ("buzz", "curly", "spiky"):
            head.fill(_SHINE, _mix(hair, _WHITE, 0.25))
    for side in (-1, 1):
        at = complex(side * 0.27, -0.235 + t["brow_height"])
        colour = _mix(hair, _INK, 0.35)
        bend, slope = {"arched": (-0.08, 0.0), "flat": (0.0, 0.0), "stern": (-0.02, -0.055), "worried": (-0.02, 0.055)}[a["brows"]]
        features.arc(at, 0.15, bend, 0.034, colour, slope * side)


def _draw_things(head: _Pen, features: _Pen, a: Mapping[str, str], t: Mapping[str, float], clothes: Colour) -> None:
    earrings, glasses, headwear = a["earrings"], a["glasses"], a["headwear"]
    if earrings != "none":
        for x in (-0.64, 0.64):
            if earrings == "studs":
                head.oval(complex(x, 0.24), 0.055, 0.055, _GOLD, _DOT)
            else:
                head.oval(complex(x, 0.32), 0.1, 0.13, _GOLD, _RING)
    if glasses != "none":
        colour = _LENS if glasses == "sun" else _FRAME if glasses == "round" else (196, 40, 60)
        features.arc(-0.02j, 0.08, -0.02, 0.022, colour)
        for side in (-1, 1):
            at = complex(side * (0.265 + t["eye_gap"]), 0.01)
            features.arc(at + side * 0.28, 0.1, 0, 0.022, colour)
            if glasses == "sun":
                features.fill(at + np.array([-0.14 - 0.14j, -0.06 - 0.14j, -0.13 + 0.06j, -0.19 + 0.04j]), _mix(_LENS, _WHITE, 0.4))
            else:
                features.oval(at, 0.235, 0.235 if glasses == "round" else 0.2, colour, _RING if glasses == "round" else _BOX_RING)
    dark = _mix(clothes, _INK, 0.3)
    if headwear == "beanie":
        head.oval(-0.9j, 0.13, 0.13, _mix(clothes, _WHITE, 0.6), _DOT)
        head.fill(_BEANIE, clothes)
        head.fill(_BRIM, dark)
    elif headwear == "cap":
        head.fill(_CAP, clothes)
        head.fill(_PEAK, dark)
        head.oval(-0.66j, 0.1, 0.1, _mix(clothes, _WHITE, 0.75), _DOT)
    elif headwear == "headphones":
        head.fill(_BAND - 0.02j, _FRAME)
        for x in (-0.7, 0.7):
            head.oval(complex(x, 0.06), 0.15, 0.22, _FRAME)
            head.oval(complex(x, 0.06), 0.09, 0.15, clothes, _DOT)
    elif headwear == "bow":
        at = 0.38 - 0.62j
        head.fill(at + 1.2 * _BOW, clothes)
        head.fill(at - 1.2 * _BOW, clothes)
        head.oval(at, 0.08, 0.09, dark, _DOT)


def _check_whole(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}.")


def _check_shape(height: int, width: int, channels: int) -> None:
    if height not in SIZES or width not in SIZES:
        raise ValueError(f"faces are drawn at {SIZES[0]} to {SIZES[-1]} pixels a side, not at {height}x{width}.")
    if channels not in (1, 3):
        raise ValueError(f"faces are drawn with 1 or 3 channels, not {channels!r}.")
