"""The embedded data set: cartoon faces drawn from seeded attributes, without a download.

Faces are aligned and bold on purpose: a small DCGAN learns to draw recognizable ones at 28x28
within minutes, while the :data:`ATTRIBUTES` combine into far more faces than a data set holds.
Every attribute is drawn independently of all others and every class of it can be seen in the
picture, so that the labels serve to find dropped modes. (One exception in degree: the dark lenses
of sunglasses leave only a faint view of the eyes.)

The unit of all coordinates is half the side of the face's square; points are complex numbers, x to
the right and y downwards. Names of attributes and of their classes are public; a change to what is
drawn for them needs a new :data:`VERSION`.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageDraw

from gan_zoo.contracts import Dataset
from gan_zoo.datasets import store
from gan_zoo.errors import check_at_least
from gan_zoo.pulse import make_bar
from gan_zoo.registry import datasets

# Part of the cache key, to be raised whenever a pixel or a label changes.
VERSION = 1
SIZES = range(28, 129)  # heights and widths, in pixels

# For every attribute, its classes with their shares.
ATTRIBUTES: dict[str, dict[str, float]] = {
    "background": {
        "sky": 0.2,
        "mint": 0.16,
        "lemon": 0.16,
        "coral": 0.16,
        "lilac": 0.16,
        "night": 0.16,
    },
    "skin": {
        "porcelain": 0.16,
        "peach": 0.2,
        "honey": 0.18,
        "tan": 0.16,
        "brown": 0.16,
        "deep": 0.14,
    },
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
    "hair_color": {
        "black": 0.2,
        "brown": 0.2,
        "ginger": 0.14,
        "blond": 0.16,
        "silver": 0.1,
        "pink": 0.1,
        "blue": 0.1,
    },
    "eye_shape": {"round": 0.3, "tall": 0.25, "almond": 0.25, "sleepy": 0.2},
    "eye_color": {"brown": 0.3, "blue": 0.25, "green": 0.25, "amber": 0.2},
    "brows": {"arched": 0.3, "flat": 0.3, "stern": 0.2, "worried": 0.2},
    "nose": {"button": 0.4, "long": 0.3, "wide": 0.3},
    "mouth": {"smile": 0.25, "grin": 0.2, "neutral": 0.15, "open": 0.14, "sad": 0.13, "lips": 0.13},
    "beard": {"none": 0.6, "stubble": 0.1, "moustache": 0.1, "goatee": 0.1, "full": 0.1},
    "glasses": {"none": 0.6, "round": 0.15, "square": 0.15, "sun": 0.1},
    "headwear": {"none": 0.6, "beanie": 0.1, "cap": 0.1, "headphones": 0.1, "bow": 0.1},
    "cheeks": {"plain": 0.5, "blush": 0.3, "freckles": 0.2},
    "earrings": {"none": 0.6, "studs": 0.2, "hoops": 0.2},
    "clothes": {
        "red": 0.17,
        "blue": 0.17,
        "green": 0.17,
        "yellow": 0.17,
        "white": 0.16,
        "charcoal": 0.16,
    },
}

_CLASS_NAMES = {name: tuple(shares) for name, shares in ATTRIBUTES.items()}

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
    "background_light": 0.05,  # colors
    "skin_light": 0.05,
    "hair_light": 0.08,
    "clothes_light": 0.08,
}

Color = tuple[int, int, int]
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
    "tan": (208, 146, 98),
    "brown": (174, 116, 78),
    "deep": (136, 88, 62),
}
_HAIR = {
    "black": (34, 31, 44),
    "brown": (98, 56, 32),
    "ginger": (214, 98, 40),
    "blond": (246, 206, 96),
    "silver": (202, 206, 216),
    "pink": (244, 118, 168),
    "blue": (62, 116, 222),
}
_EYES = {
    "brown": (112, 62, 30),
    "blue": (46, 128, 224),
    "green": (48, 156, 84),
    "amber": (226, 150, 34),
}
_CLOTHES = {
    "red": (222, 66, 70),
    "blue": (54, 104, 206),
    "green": (60, 156, 98),
    "yellow": (246, 188, 50),
    "white": (242, 242, 244),
    "charcoal": (62, 64, 78),
}
_INK, _WHITE, _MOUTH, _TONGUE, _LIPS = (
    (40, 30, 44),
    (255, 255, 255),
    (92, 16, 34),
    (236, 104, 110),
    (208, 52, 78),
)
_BLUSH, _GOLD, _LENS, _FRAME = (244, 96, 104), (252, 204, 60), (34, 34, 48), (52, 44, 66)


def sample_attributes(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """The attributes and traits of ``count`` faces; face i depends on ``(seed, i)`` alone.

    Args:
        count: How many faces, at least 1.
        seed: At least 0.

    Returns:
        One int32 column [count] of class numbers for every attribute of :data:`ATTRIBUTES`, and one
        float32 column [count] in [-1, 1] for every trait of :data:`TRAITS`.

    Raises:
        ValueError: The count or the seed is out of range.
    """
    check_at_least(1, count=count)
    check_at_least(0, seed=seed)
    names = [*ATTRIBUTES, *TRAITS]
    # Raw bits, as NumPy promises to keep this stream the same in every release; 53 of them make a
    # float in [0, 1).
    raw = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(count * len(names)) >> np.uint64(
        11
    )
    uniforms = (raw * 2.0**-53).reshape(count, len(names))
    columns = {}
    for name, uniform in zip(names, uniforms.T, strict=True):
        if name in ATTRIBUTES:
            upper = np.cumsum(list(ATTRIBUTES[name].values()))[:-1]
            columns[name] = np.searchsorted(upper, uniform, side="right").astype(np.int32)
        else:
            columns[name] = (2 * uniform - 1).astype(np.float32)
    return columns


def draw(
    face: Mapping[str, str | int | float], size: int | tuple[int, int] = 128, channels: int = 3
) -> Image.Image:
    """Draw one face.

    Args:
        face: Attributes, as names or numbers of classes, and traits in [-1, 1]. What is left out
            has class 0 or is 0.
        size: The side in pixels, or (height, width); the face's square is centered.
        channels: 3 for RGB, 1 for gray.

    Returns:
        A Pillow image of mode ``RGB`` or ``L``.

    Raises:
        ValueError: An attribute, a class, a size or the channels do not exist; the sentence names
            it.

    Example:
        ``draw({"hair_style": "bob", "mouth": "grin", "yaw": 0.5}, 64).save("face.png")``
    """
    height, width = size if isinstance(size, tuple) else (size, size)
    _check_shape(height, width, channels)
    classes = dict.fromkeys(ATTRIBUTES, "")
    traits = dict.fromkeys(TRAITS, 0.0)
    if unknown := [name for name in face if name not in classes and name not in traits]:
        raise ValueError(
            f"a cartoon face has no '{unknown[0]}'; it has {', '.join([*classes, *traits])}."
        )
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
    raise ValueError(
        f"the attribute '{attribute}' has no class {value!r}; it has {', '.join(names)}."
    )


# --- Shapes: closed outlines as complex arrays, around the middle of a head 1.16 wide and 1.3 high.
# ---


def _points(text: str) -> np.ndarray:
    """The points of ``x,y x,y ...``."""
    return np.array([complex(*map(float, point.split(","))) for point in text.split()])


def _smooth(p: np.ndarray) -> np.ndarray:
    """Return a closed Catmull-Rom curve through points; a point given twice is a corner."""
    t = np.linspace(0, 1, 6)[:-1, None]
    before, start, end, after = np.roll(p, 1), p, np.roll(p, -1), np.roll(p, -2)
    bend = 2 * before - 5 * start + 4 * end - after
    curve = start + 0.5 * (
        t * (end - before) + t**2 * bend + t**3 * (3 * (start - end) + after - before)
    )
    return curve.T.ravel()


def _curve(text: str) -> np.ndarray:
    return _smooth(_points(text))


def _mirrored(text: str) -> np.ndarray:
    """Return a smooth closed curve, symmetric in x, from the points of its right half.

    Points with x = 0 are not doubled.
    """
    right = _points(text)
    return _smooth(np.concatenate([right, -right[right.real != 0][::-1].conjugate()]))


def _circle(points: int) -> np.ndarray:
    return np.exp(2j * np.pi * np.arange(points) / points)


def _head(width: float, height: float, jaw: float, power: float) -> np.ndarray:
    z = _circle(44)
    x = np.sign(z.real) * np.abs(z.real) ** power
    y = np.sign(z.imag) * np.abs(z.imag) ** power
    return width * x * (1 - jaw * np.maximum(y, 0) ** 2) + 1j * height * y


def _scalloped(outline: np.ndarray, curls: int, depth: float) -> np.ndarray:
    turn = np.arange(len(outline)) / len(outline)
    return outline * (1 + depth * np.abs(np.sin(np.pi * curls * turn)))


_DOT, _OVAL = _circle(14), _circle(26)
_U = np.concatenate([np.linspace(-1, 1, 13), np.linspace(1, -1, 13)])
_BEND = 1 - _U**2
_EDGE = np.sqrt(1 - 0.96 * _U**4) * np.repeat([-1, 1], 13)
_UPPER = np.exp(1j * np.linspace(np.pi, 2 * np.pi, 18))  # upper half of a circle
_LOWER = -_UPPER
_RING = np.concatenate([_OVAL, _OVAL[:1], 0.72 * _OVAL[:1], 0.72 * _OVAL])
_BOX = (
    np.sign(_OVAL.real) * np.abs(_OVAL.real) ** 0.45
    + 1j * np.sign(_OVAL.imag) * np.abs(_OVAL.imag) ** 0.45
)
_BOX_RING = np.concatenate([_BOX, _BOX[:1], 0.76 * _BOX[:1], 0.76 * _BOX])

_HEADS = {
    "round": _head(0.59, 0.63, 0.0, 0.94),
    "oval": _head(0.58, 0.66, 0.14, 1.0),
    "square": _head(0.58, 0.62, -0.02, 0.6),
    "heart": _head(0.60, 0.68, 0.46, 0.88),
}
_STRETCH = {"round": (1.06, 0.96), "oval": (0.91, 1.05), "square": (1.0, 1.0), "heart": (1.0, 1.0)}
_CHEEKS = _points("-.47,.2 -.38,.36 -.2,.36 0,.34 .2,.36 .38,.36 .47,.2")
_BEARDS = {name: np.concatenate([head[1:22] * 1.04, _CHEEKS]) for name, head in _HEADS.items()}
_ALMOND = _mirrored("0,-1 .55,-.8 1,.05 1,.05 .5,.85 0,1")
_MOUSTACHE = _mirrored("0,.29 .14,.27 .27,.37 .33,.33 .29,.43 .14,.42 0,.37")

# Hair behind the head, and hair over it.
_HAIR_BACK = {
    "curly": _scalloped(_mirrored("0,-.8 .5,-.68 .76,-.2 .72,.26 .4,.5 0,.5"), 15, 0.1),
    "bob": _mirrored("0,-.76 .46,-.66 .7,-.2 .74,.5 .6,.66 .3,.66 0,.6"),
    "long": _mirrored("0,-.76 .46,-.66 .68,-.2 .72,.5 .8,1 .6,1.16 .3,1.1 0,.9"),
}
_HAIR_FRONT = {
    "buzz": _mirrored("0,-.69 .34,-.62 .56,-.36 .6,-.1 .53,-.16 .46,-.34 .3,-.42 0,-.42"),
    "short": _mirrored("0,-.78 .36,-.74 .6,-.46 .64,.06 .55,.06 .51,-.22 .34,-.32 0,-.36"),
    "side_part": _curve(
        "-.64,-.06 -.58,-.42 -.34,-.68 0,-.74 .36,-.76 .66,-.5 .66,.04 .58,0 .5,-.2 .2,-.28"
        " -.14,-.4 -.3,-.52 -.4,-.34 -.54,-.2 -.57,.02"
    ),
    "spiky": _points(
        "-.66,.06 -.74,-.2 -.62,-.24 -.78,-.52 -.52,-.52 -.54,-.86 -.26,-.68 -.1,-.98 .1,-.7"
        " .36,-.92 .4,-.64 .68,-.72 .6,-.42 .8,-.34 .66,-.14 .66,.06 .56,-.02 .5,-.32 .4,-.24"
        " .26,-.4 .12,-.25 -.02,-.42 -.18,-.25 -.3,-.4 -.44,-.24 -.5,-.32 -.56,-.02"
    ),
    "curly": _scalloped(
        _mirrored("0,-.8 .42,-.7 .62,-.36 .6,-.16 .46,-.28 .24,-.38 0,-.38"), 12, 0.1
    ),
    "bob": _mirrored(
        "0,-.76 .4,-.7 .66,-.36 .7,.2 .66,.56 .56,.5 .54,.1 .5,-.27 .5,-.27 .2,-.3 0,-.3"
    ),
    "long": _mirrored(
        "0,-.76 .4,-.7 .66,-.36 .68,.3 .74,.9 .62,.96 .56,.5 .55,0 .4,-.24 .1,-.5 0,-.6"
    ),
    "pigtails": _mirrored(
        "0,-.74 .34,-.68 .58,-.42 .64,-.06 .58,.04 .52,-.14 .36,-.3 .14,-.46 0,-.58"
    ),
    "buns": _mirrored(
        "0,-.74 .34,-.68 .58,-.42 .64,-.06 .6,.12 .55,-.1 .44,-.26 .36,-.28 .16,-.36 .04,-.3 0,-.3"
    ),
}
_SHINE = _curve("-.42,-.46 -.26,-.6 -.04,-.66 -.02,-.6 -.22,-.53 -.36,-.4")
_PIGTAIL = _curve(".62,-.1 .74,-.2 .88,-.06 .9,.22 .82,.54 .74,.5 .66,.2")
_BEANIE = _mirrored("0,-.84 .4,-.77 .64,-.54 .66,-.36 .3,-.42 0,-.44")
_BRIM = _mirrored("0,-.54 .4,-.5 .68,-.42 .7,-.33 .64,-.29 .34,-.37 0,-.39")
_CAP = _mirrored("0,-.84 .4,-.77 .64,-.52 .66,-.36 .3,-.4 0,-.42")
_PEAK = _curve(
    "-.66,-.42 -.3,-.48 .1,-.5 .6,-.48 .88,-.4 .9,-.32 .66,-.28 .3,-.36 -.1,-.39 -.4,-.37 -.66,-.3"
)
_BAND = np.concatenate([0.8 * _UPPER, 0.7 * _UPPER[::-1]]) - 0.02j
_BOW = 1.2 * _curve("0,0 0,0 .2,-.16 .26,0 .2,.16")
_GLINT = _points("-.14,-.14 -.06,-.14 -.13,.06 -.19,.04")
_NECK = _mirrored("0,.3 .18,.3 .2,.62 .28,.74 .16,.84 0,.87")
_COLLAR = _curve("-.82,1.3 -.8,1.02 -.62,.82 -.26,.7 .26,.7 .62,.82 .8,1.02 .82,1.3")[:36]
_SHOULDERS = np.concatenate([_COLLAR, _points(".82,9 -.82,9")])  # down to below any canvas


class _Pen:
    """Fills shapes on a canvas through one affine map of the plane."""

    def __init__(
        self,
        canvas: ImageDraw.ImageDraw,
        origin: complex,
        turn: complex,
        stretch: tuple[float, float] = (1, 1),
    ):
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

    def fill(self, shape: np.ndarray, color: Color) -> None:
        self._fill(self.origin, self.direct, self.flipped, shape, color)

    def oval(
        self, center: complex, rx: float, ry: float, color: Color, shape: np.ndarray = _OVAL
    ) -> None:
        """Fill a shape of the unit circle's extent, stretched to the radii and put at a center."""
        mean, rest = (rx + ry) / 2, (rx - ry) / 2
        origin = self.origin + self.direct * center + self.flipped * complex(center).conjugate()
        direct, flipped = (
            self.direct * mean + self.flipped * rest,
            self.direct * rest + self.flipped * mean,
        )
        self._fill(origin, direct, flipped, shape, color)

    def _fill(
        self, origin: complex, direct: complex, flipped: complex, shape: np.ndarray, color: Color
    ) -> None:
        z = direct * shape + flipped * shape.conjugate() + origin
        self.canvas.polygon(z.view(np.float64).tolist(), color)

    def arc(
        self,
        center: complex,
        half: float,
        bend: float,
        thick: float,
        color: Color,
        slope: float = 0,
    ) -> None:
        """Fill a stroke with thin ends; ``bend`` lowers its middle, ``slope`` its right end."""
        self.fill(center + half * _U + 1j * (bend * _BEND + slope * _U + thick * _EDGE), color)


def _mix(a: Color, b: Color, share: float) -> Color:
    return (
        int(a[0] + (b[0] - a[0]) * share + 0.5),
        int(a[1] + (b[1] - a[1]) * share + 0.5),
        int(a[2] + (b[2] - a[2]) * share + 0.5),
    )


def _lit(color: Color, light: float) -> Color:
    return _mix(color, _WHITE, light) if light > 0 else _mix(color, (0, 0, 0), -light)


def _draw(
    a: Mapping[str, str], t: Mapping[str, float], height: int, width: int, channels: int
) -> Image.Image:
    """Draw a face of classes ``a`` and traits ``t`` (in their units)."""
    side = min(height, width)
    over = 4 if side <= 32 else 3 if side <= 64 else 2
    unit = side * over / 2
    middle = complex(width * over / 2, height * over / 2)
    background = _lit(_BACKGROUND[a["background"]], t["background_light"])
    skin = _lit(_SKIN[a["skin"]], t["skin_light"])
    hair = _lit(_HAIR[a["hair_color"]], t["hair_light"])
    clothes = _lit(_CLOTHES[a["clothes"]], t["clothes_light"])

    image = Image.new("RGB", (width * over, height * over), background)
    canvas = ImageDraw.Draw(image)
    scale = 1.06 * unit * (1 + t["zoom"])
    place = middle + unit * complex(t["shift_x"], t["shift_y"])
    body = _Pen(canvas, place, scale)
    across, along = _STRETCH[a["face_shape"]]
    stretch = (across * (1 + t["head_width"]), along * (1 + t["head_height"]))
    head = _Pen(
        canvas,
        place + 0.07j * scale,
        scale * complex(math.cos(t["roll"]), math.sin(t["roll"])),
        stretch,
    )
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


def _draw_body(
    body: _Pen, head: _Pen, a: Mapping[str, str], skin: Color, hair: Color, clothes: Color
) -> None:
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
    body.fill(_SHOULDERS, clothes)
    body.fill(_NECK, _mix(skin, (120, 30, 40), 0.25))


def _draw_head(head: _Pen, features: _Pen, a: Mapping[str, str], skin: Color, hair: Color) -> None:
    shade = _mix(skin, (150, 40, 30), 0.18)
    for x in (-0.6, 0.6) if a["hair_style"] not in ("bob", "long") else ():
        head.oval(complex(x, 0.06), 0.12, 0.15, skin)
        head.oval(complex(x, 0.07), 0.06, 0.09, shade, _DOT)
    outline = _HEADS[a["face_shape"]]
    head.fill(outline, shade)
    head.fill(outline * 0.955 - 0.022j, skin)  # leaves a crescent of shade at the chin
    if a["cheeks"] == "blush":
        for x in (-0.38, 0.38):
            features.oval(complex(x, 0.29), 0.12, 0.085, _mix(skin, _BLUSH, 0.45), _DOT)
    elif a["cheeks"] == "freckles":
        for x in (-0.36, 0.36):
            for dot in (-0.08 + 0.275j, 0.08 + 0.275j, 0.345j):
                features.oval(x + dot, 0.034, 0.034, _mix(skin, (130, 40, 0), 0.6), _DOT[::2])
    beard = a["beard"]
    if beard == "full":
        head.fill(_BEARDS[a["face_shape"]], hair)
    elif beard == "stubble":
        head.fill(_BEARDS[a["face_shape"]] * 0.96, _mix(skin, _mix(hair, _INK, 0.75), 0.35))
    elif beard == "goatee":
        features.oval(0.5j, 0.23, 0.22, hair)


def _draw_mouth(
    features: _Pen, a: Mapping[str, str], t: Mapping[str, float], skin: Color, hair: Color
) -> None:
    beard, mouth = a["beard"], a["mouth"]
    wide = 1 + t["mouth_width"]
    at = 0.45j
    if beard in ("full", "goatee"):  # lips must show in a beard of any color
        features.oval(at + 0.01j, 0.29 * wide if beard == "full" else 0.17, 0.115, skin)
    if mouth == "smile":
        features.arc(at - 0.03j, 0.23 * wide, 0.13, 0.042, _MOUTH)
    elif mouth == "sad":
        features.arc(at + 0.07j, 0.2 * wide, -0.13, 0.042, _MOUTH)
    elif mouth == "neutral":
        features.arc(at + 0.02j, 0.18 * wide, 0, 0.04, _MOUTH)
    elif mouth == "grin":
        features.fill(at - 0.06j + 0.28 * wide * _LOWER.real + 0.23j * _LOWER.imag, _MOUTH)
        features.oval(at + 0.11j, 0.13 * wide, 0.05, _TONGUE, _DOT)
        features.fill(at - 0.06j + 0.25 * wide * _LOWER.real + 0.09j * _LOWER.imag, _WHITE)
    elif mouth == "open":
        features.oval(at + 0.03j, 0.13 * wide, 0.14, _MOUTH)
        features.oval(at + 0.11j, 0.08 * wide, 0.05, _TONGUE, _DOT)
    else:  # lips
        for x in (-0.07, 0.07):
            features.oval(at + x * wide, 0.1 * wide, 0.06, _LIPS, _DOT)
        features.oval(at + 0.045j, 0.14 * wide, 0.07, _LIPS, _DOT)
        features.arc(at + 0.014j, 0.15 * wide, 0.015, 0.015, _MOUTH)
    if beard in ("moustache", "full"):
        features.fill(_MOUSTACHE, hair if beard == "moustache" else _mix(hair, _INK, 0.2))
    size = 1 + t["nose_size"]
    shade = _mix(skin, (120, 20, 16), 0.4)
    if a["nose"] == "button":
        features.oval(0.25j, 0.08 * size, 0.065 * size, shade, _DOT)
    elif a["nose"] == "long":
        features.oval(0.18j, 0.05 * size, 0.16 * size, shade, _DOT)
    else:
        features.arc(0.23j, 0.15 * size, 0.06, 0.04, shade)


_EYE_RADII = {
    "round": (0.155, 0.155),
    "tall": (0.13, 0.185),
    "almond": (0.19, 0.12),
    "sleepy": (0.165, 0.15),
}


def _draw_eyes(features: _Pen, a: Mapping[str, str], t: Mapping[str, float], skin: Color) -> None:
    def seen(color: Color) -> Color:
        return _mix(color, _LENS, 0.78) if a["glasses"] == "sun" else color

    shape = a["eye_shape"]
    rx, ry = (r * (1 + t["eye_size"]) for r in _EYE_RADII[shape])
    outline = _ALMOND if shape == "almond" else _OVAL
    iris, look = 0.1 * (1 + t["eye_size"]), complex(t["gaze_x"], t["gaze_y"])
    for side in (-1, 1):
        eye = features.moved(complex(side * (0.265 + t["eye_gap"]), 0.05))
        if a["glasses"] == "sun":
            eye.oval(-0.005j, 0.245, 0.235, _LENS, _BOX)
        eye.oval(-0.018j, rx + 0.018, ry + 0.022, seen(_INK), outline)
        eye.oval(0j, rx, ry, seen(_WHITE), outline)
        eye.oval(look, iris, iris, seen(_EYES[a["eye_color"]]), _DOT)
        eye.oval(look, iris * 0.55, iris * 0.55, seen(_INK), _DOT)
        eye.oval(look + complex(-0.035, -0.045), 0.034, 0.034, seen(_WHITE), _DOT[::2])
        if shape == "sleepy":
            eye.fill(
                (rx + 0.02) * _UPPER.real + 1j * (ry + 0.04) * _UPPER.imag - 0.01j,
                seen(_mix(skin, (150, 40, 30), 0.25)),
            )
            eye.arc(-0.015j, rx + 0.02, 0.015, 0.022, seen(_INK))


def _draw_hair(
    head: _Pen,
    features: _Pen,
    a: Mapping[str, str],
    t: Mapping[str, float],
    hair: Color,
    skin: Color,
) -> None:
    style = a["hair_style"]
    if style != "bald":
        head.fill(_HAIR_FRONT[style], _mix(hair, skin, 0.35) if style == "buzz" else hair)
        if style not in ("buzz", "curly", "spiky"):
            head.fill(_SHINE, _mix(hair, _WHITE, 0.25))
    color = _mix(hair, _INK, 0.4)
    if max(abs(x - y) for x, y in zip(color, skin, strict=True)) < 45:  # ginger on brown skin, say
        color = _mix(hair, _INK, 0.75)
    for side in (-1, 1):
        at = complex(side * 0.27, -0.195 + t["brow_height"])
        bend, slope = {
            "arched": (-0.08, 0.0),
            "flat": (0.0, 0.0),
            "stern": (-0.02, -0.055),
            "worried": (-0.02, 0.055),
        }[a["brows"]]
        features.arc(at, 0.15, bend, 0.034, color, slope * side)


def _draw_things(
    head: _Pen, features: _Pen, a: Mapping[str, str], t: Mapping[str, float], clothes: Color
) -> None:
    earrings, glasses, headwear = a["earrings"], a["glasses"], a["headwear"]
    if earrings != "none":
        for x in (-0.64, 0.64):
            if earrings == "studs":
                head.oval(complex(x, 0.24), 0.055, 0.055, _GOLD, _DOT)
            else:
                head.oval(complex(x, 0.32), 0.1, 0.13, _GOLD, _RING)
    if glasses != "none":
        color = _LENS if glasses == "sun" else _FRAME if glasses == "round" else (196, 40, 60)
        features.arc(0.03j, 0.08, -0.02, 0.022, color)
        for side in (-1, 1):
            at = complex(side * (0.265 + t["eye_gap"]), 0.06)
            features.arc(at + side * 0.28, 0.1, 0, 0.022, color)
            if glasses == "sun":
                features.fill(at + _GLINT, _mix(_LENS, _WHITE, 0.4))
            else:
                features.oval(
                    at,
                    0.235,
                    0.235 if glasses == "round" else 0.2,
                    color,
                    _RING if glasses == "round" else _BOX_RING,
                )
    dark = _mix(clothes, _INK, 0.3)
    if headwear == "beanie":
        head.oval(-0.86j, 0.14, 0.13, _mix(clothes, _WHITE, 0.6), _DOT)
        head.fill(_BEANIE, clothes)
        head.fill(_BRIM, dark)
    elif headwear == "cap":
        head.fill(_CAP, clothes)
        head.fill(_PEAK, dark)
        head.oval(-0.66j, 0.1, 0.1, _mix(clothes, _WHITE, 0.75), _DOT)
    elif headwear == "headphones":
        head.fill(_BAND, _FRAME)
        for x in (-0.7, 0.7):
            head.oval(complex(x, 0.06), 0.15, 0.22, _FRAME)
            head.oval(complex(x, 0.06), 0.09, 0.15, clothes, _DOT)
    elif headwear == "bow":
        at = 0.38 - 0.62j
        head.fill(at + _BOW, clothes)
        head.fill(at - _BOW, clothes)
        head.oval(at, 0.08, 0.09, dark, _DOT)


def _check_shape(height: int, width: int, channels: int) -> None:
    if not all(isinstance(n, (int, np.integer)) and n in SIZES for n in (height, width)):
        raise ValueError(
            f"faces are drawn at {SIZES[0]} to {SIZES[-1]} pixels a side, not at {height}x{width};"
            " choose another --image_size, or give pictures of your own by --data_dir."
        )
    if channels not in (1, 3):
        raise ValueError(f"faces are drawn with 1 or 3 channels, not {channels!r}.")


@datasets.register
def cartoon_faces(
    count: int = 20_000,
    seed: int = 0,
    *,
    image_size: tuple[int, int],
    channels: int | None,
    cache_dir: Path,
) -> Dataset:
    """Cartoon faces with 16 labeled attributes, drawn at 28 to 128 pixels; needs no download.

    Face i depends on ``(seed, i)`` alone: a smaller count gives the first of the same faces,
    another size the same faces.

    Args:
        count: How many, at least 1.
        seed: Of their attributes, at least 0.
        image_size: (H, W), 28 to 128 each.
        channels: 3 for RGB, 1 for gray; None for 3.
        cache_dir: Where they are kept once drawn. If it cannot be written, a note says so.

    Raises:
        ValueError: An argument is out of range.
    """
    height, width = image_size
    channels = 3 if channels is None else channels
    _check_shape(height, width, channels)
    columns = sample_attributes(count, seed)
    # Another release of Pillow may draw an edge otherwise.
    stem = (
        f"cartoon_faces-v{VERSION}-pillow{PIL.__version__}-{count}-seed{seed}"
        f"-{height}x{width}x{channels}"
    )
    entry = store.fetch(
        Path(cache_dir),
        stem,
        lambda: store.Producer(count, _drawn(columns, count, height, width, channels)),
    )
    labels = {attribute: columns[attribute] for attribute in ATTRIBUTES}
    notes = tuple(entry.report["notes"])
    return Dataset(
        "cartoon_faces", entry.images, labels, dict(_CLASS_NAMES), entry.hash, "drawn", notes
    )


def _drawn(
    columns: Mapping[str, np.ndarray], count: int, height: int, width: int, channels: int
) -> Generator[np.ndarray, None, store.Report]:
    """Draw the faces, uint8 [n, H, W, C] at a time."""
    # One process does, at half a millisecond a face; workers would be up against the caller's
    # TensorFlow and its threads.
    with make_bar(
        total=count, desc="drawing cartoon_faces", unit="face", disable=None, delay=1
    ) as bar:
        for start in range(0, count, 256):
            rows = slice(start, start + 256)
            classes = [
                [_CLASS_NAMES[name][k] for k in columns[name][rows].tolist()] for name in ATTRIBUTES
            ]
            traits = [
                [x * unit for x in columns[name][rows].tolist()] for name, unit in TRAITS.items()
            ]
            faces = zip(zip(*classes, strict=True), zip(*traits, strict=True), strict=True)
            images = [
                _draw(
                    dict(zip(ATTRIBUTES, a, strict=True)),
                    dict(zip(TRAITS, t, strict=True)),
                    height,
                    width,
                    channels,
                )
                for a, t in faces
            ]
            bar.update(len(images))
            yield np.stack([np.asarray(image) for image in images]).reshape(
                -1, height, width, channels
            )
    return {"labels": {}, "notes": []}  # the labels come from the seed
