"""Pictures: [-1, 1] <-> uint8, grids, PNG and GIF. No TensorFlow here.

Pictures of four channels have an opacity (alpha). As uint8 they are RGBA as in a PNG. As floats,
which nets make and see, their colors are multiplied by the opacity, that is, over black: a fully
transparent pixel is -1 in all channels, whatever color a file hides there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_zoo.files import whole_file

LINE = 15  # height of a line of text in pixels
LEAST = 512  # pixels of the longer side of pictures for people, unless they ask for another size
RGBA = 4  # channels of pictures with transparency

_SQUARES = 8  # of a checkerboard, along the longer side of a picture
_DARK, _LIGHT = 112, 160  # its grays: black and white both stand out, and so does either gray


def to_uint8(images: np.ndarray) -> np.ndarray:
    """From [-1, 1] to 0..255, rounded; what lies outside is clipped.

    Colors of four channels are divided by the opacity. Where that is 0, they are 0.

    Args:
        images: Float ``[..., C]``.
    """
    made = np.clip(np.rint((np.asarray(images, np.float32) + 1.0) * 127.5), 0, 255)
    if made.shape[-1:] == (RGBA,):
        opacity = made[..., 3:]
        colors = (np.asarray(images, np.float32)[..., :3] + 1.0) * (127.5 * 255)
        straight = np.clip(np.rint(colors / np.maximum(opacity, 1)), 0, 255)
        made = np.concatenate([np.where(opacity > 0, straight, 0), opacity], axis=-1)
    return made.astype(np.uint8)


def to_float(images: np.ndarray) -> np.ndarray:
    """From uint8 to float32 in [-1, 1]; the inverse of :func:`to_uint8`."""
    made = np.asarray(images, np.float32) / 127.5 - 1.0
    if made.shape[-1:] == (RGBA,):
        opacity = (made[..., 3:] + 1.0) / 2.0
        made = np.concatenate([(made[..., :3] + 1.0) * opacity - 1.0, made[..., 3:]], axis=-1)
    return made


def over(images: np.ndarray, background: np.ndarray | int) -> np.ndarray:
    """Return RGBA uint8 ``[..., H, W, 4]`` over a background, uint8 ``[..., H, W, 3]``.

    Args:
        images: The pictures.
        background: One gray from 0 to 255, or gray levels ``[H, W, 1]``.
    """
    opacity = images[..., 3:].astype(np.float32) / 255.0
    return np.rint(images[..., :3] * opacity + background * (1.0 - opacity)).astype(np.uint8)


def shown(images: np.ndarray) -> np.ndarray:
    """Return pictures that look alike on any page: RGBA ones over a gray checkerboard.

    Args:
        images: uint8 ``[..., H, W, C]``; they are returned as they are but for C of 4.
    """
    if images.shape[-1] != RGBA:
        return images
    height, width = images.shape[-3:-1]
    side = max(1, max(height, width) // _SQUARES)
    odd = (np.arange(height)[:, None] // side + np.arange(width) // side) % 2
    return over(images, np.where(odd, _DARK, _LIGHT)[..., None])


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Lay images out in rows on white, those with transparency over a checkerboard.

    Args:
        images: uint8 ``[N, H, W, C]``, C 1, 3 or 4.
        columns: Images in a row; about the square root of N by default.
        gap: White pixels between images and around them.

    Returns:
        uint8 ``[rows, columns, C]`` pixels, C 3 for 4.
    """
    images = shown(images)
    n, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    sheet = np.full(
        (rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, np.uint8
    )
    for i, image in enumerate(images):
        y, x = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[y : y + height, x : x + width] = image
    return sheet


def cut_out(sheet: np.ndarray, height: int, width: int, count: int, gap: int = 2) -> np.ndarray:
    """Make what :func:`grid` left white transparent, so that a sheet fits a dark page, too.

    Args:
        sheet: uint8 ``[H, W, 3]``.
        height: Pixels of each image.
        width: Pixels of each image.
        count: How many images there are.
        gap: White pixels between images and around them.

    Returns:
        uint8 ``[H, W, 4]``; the sheet as it is where it is no such grid.
    """
    rows, down = divmod(sheet.shape[0] - gap, height + gap)
    columns, right = divmod(sheet.shape[1] - gap, width + gap)
    if down or right or not rows * columns - columns < count <= rows * columns:
        return sheet
    y, x = np.arange(sheet.shape[0])[:, None], np.arange(sheet.shape[1])
    cell = (y - gap) // (height + gap) * columns + (x - gap) // (width + gap)
    white = (y % (height + gap) < gap) | (x % (width + gap) < gap) | (cell >= count)
    if (sheet[white] != 255).any():
        return sheet
    return np.dstack([sheet, np.where(white, 0, 255).astype(np.uint8)])


def captioned(
    picture: np.ndarray,
    title: str = "",
    columns: Sequence[str] = (),
    rows: Sequence[str] = (),
) -> np.ndarray:
    """Write a title and the names of columns above a picture, and the names of rows to its left.

    Args:
        picture: uint8 ``[H, W, C]``, a :func:`grid`.
        title: One line.
        columns: Names of columns of equal width.
        rows: Names of rows of equal height.

    Returns:
        uint8 ``[H', W', 3]``: the picture in the lower right or, if the title is longer, with white
        to its right.
    """
    font = ImageFont.load_default(12)  # Pillow's default of 10 points loses spaces
    lines = (title != "") + (len(columns) > 0)
    top, left = LINE * lines, 0
    if rows:
        left = math.ceil(max(font.getlength(name) for name in rows)) + 8
    height, width = picture.shape[:2]
    total = max(left + width, math.ceil(font.getlength(title)) + 8)
    canvas = Image.new("RGB", (total, top + height), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text((4, 1), title, fill="black", font=font)
    for i, name in enumerate(columns):
        x = left + 4 + i * width // len(columns)
        draw.text((x, top - LINE + 1), name, fill="gray", font=font)
    for i, name in enumerate(rows):
        y = top + (2 * i + 1) * height / (2 * len(rows))
        draw.text((4, y), name, fill="black", font=font, anchor="lm")
    canvas.paste(as_pil(picture), (left, top))
    return np.asarray(canvas)


def stack(pictures: Sequence[np.ndarray], axis: int, gap: int = 8) -> np.ndarray:
    """Put pictures below each other (``axis`` 0) or side by side (1), with white between them.

    Args:
        pictures: uint8 ``[H, W, C]`` each, of one C; smaller ones are filled up with white.
        axis: 0 or 1.
        gap: White pixels between two pictures.

    Returns:
        uint8 ``[H', W', C]``.
    """
    other = 1 - axis
    extent = max(picture.shape[other] for picture in pictures)
    padded = []
    for i, picture in enumerate(pictures):
        pad = [(0, 0), (0, 0), (0, 0)]
        pad[axis] = (gap if i else 0, 0)
        pad[other] = (0, extent - picture.shape[other])
        padded.append(np.pad(picture, pad, constant_values=255))
    return np.concatenate(padded, axis=axis)


def enlarge(image: np.ndarray, least: int = LEAST) -> np.ndarray:
    """Repeat pixels by a whole factor until the longer side has at least ``least`` of them.

    With 0, the image stays as it is.
    """
    factor = max(1, math.ceil(least / max(image.shape[:2])))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def reduce(image: np.ndarray) -> np.ndarray:
    """Undo :func:`enlarge` to :data:`LEAST`; an image that it did not make stays as it is."""
    height, width = image.shape[:2]
    for factor in range(min(height, width), 1, -1):
        if height % factor or width % factor:
            continue
        small = image[::factor, ::factor]
        enlarged = enlarge(small)
        if enlarged.shape == image.shape and np.array_equal(enlarged, image):
            return small
    return image


def as_pil(image: np.ndarray) -> Image.Image:
    """A Pillow image of uint8 ``[H, W, C]``, C 1, 3 or 4."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def save_png(path: Path, image: np.ndarray) -> None:
    """Write uint8 ``[H, W, C]`` so that a reader sees the whole file or none."""
    with whole_file(path) as part:
        as_pil(image).save(part, format="PNG")


def save_npz(path: Path, images: np.ndarray, labels: np.ndarray | None = None) -> None:
    """Write uint8 images [N, H, W, C], and labels [N], as a .npz, completely or not at all."""
    with whole_file(path) as part, part.open("wb") as f:
        if labels is None:
            np.savez_compressed(f, images=images)
        else:
            np.savez_compressed(f, images=images, labels=labels)


def save_gif(
    path: Path, frames: Iterable[np.ndarray], fps: float, loop: bool = True, hold: bool = True
) -> None:
    """Write an animation.

    Args:
        path: The file to write, as a whole or not at all.
        frames: uint8 ``[H, W, C]``, all of one shape.
        fps: Frames a second, up to 50 (the format counts in hundredths of a second).
        loop: Whether it starts again.
        hold: Whether the last frame stays for a second.
    """
    pictures = [f[..., 0] if f.shape[-1] == 1 else f for f in frames]
    each = max(20, round(1000 / fps))
    # "loop" counts repetitions in the file, where 0 stands for "for ever" and its absence for
    # "once".
    options: dict[str, Any] = {"loop": 0} if loop else {}
    # Pillow wants one number, not a list of one.
    options["duration"] = (
        [each] * (len(pictures) - 1) + [max(each, 1000)] if hold and len(pictures) > 1 else each
    )
    with whole_file(path) as part:
        iio.imwrite(part, pictures, extension=".gif", **options)


def gif_of(
    paths: Sequence[Path],
    target: Path,
    fps: float = 10,
    every: int = 1,
    size: int = LEAST,
    loop: bool = True,
    most: int = 200,
) -> int:
    """Make an animation of picture files, without damaged ones.

    Pictures of another size than the last one are left out, too; whether one was enlarged before
    makes no difference.

    Args:
        paths: The pictures in their order.
        target: The GIF to write.
        fps: Frames a second.
        every: Take every n-th picture, and the last.
        size: Pixels of the longer side at least, by repeating pixels; 0 takes that of the images.
        loop: Whether it starts again.
        most: Take fewer pictures, evenly, if there would be more than this.

    Returns:
        The number of frames.

    Raises:
        ValueError: There are no pictures that can be read.
    """
    if not paths:
        raise ValueError("there are no frames")
    every = max(every, math.ceil(len(paths) / most))
    chosen = list(paths[::every])
    if chosen[-1] != paths[-1]:
        chosen.append(paths[-1])
    found = [frame for path in chosen if (frame := read(path)) is not None]
    frames = [enlarge(reduce(frame), size) for frame in found]
    frames = [
        frame for frame in frames if frame.shape == frames[-1].shape
    ]  # --samples may have changed on the way
    if not frames:
        raise ValueError("there are no frames that can be read")
    save_gif(target, frames, fps, loop)
    return len(frames)


def read(path: Path) -> np.ndarray | None:
    """A picture on the disk as uint8 [H, W, C], or None where the file is damaged."""
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
    except OSError:
        return None
    return pixels[..., None] if pixels.ndim == 2 else pixels
