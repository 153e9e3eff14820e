"""Walks between noises: what G makes on the way from one noise to the next."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gan_zoo import images
from gan_zoo.errors import UserError
from gan_zoo.files import free_path, whole_file
from gan_zoo.phases import phase
from gan_zoo.runs.run import Run

if TYPE_CHECKING:  # TensorFlow is loaded when a walk is drawn
    from gan_zoo.game.step import Game

ENDINGS = (".gif", ".mp4", ".png")


class Walk(NamedTuple):
    """A walk that was written.

    Attributes:
        path: Of the file.
        frames: How many a film has; the rows of a sheet.
        corners: How many corners each walk has.
        method: ``slerp`` or ``linear``.
        noise: The spec of the run's noise.
        space: ``z`` for a walk between noises, ``w`` between styles.
        class_name: The class of all images; empty without a condition.
        step: Of the checkpoint.
    """

    path: Path
    frames: int
    corners: int
    method: str
    noise: str
    space: str
    class_name: str
    step: int


def linear(start: np.ndarray, end: np.ndarray, at: float) -> np.ndarray:
    """Return the point at ``at`` in [0, 1] on the straight line between two arrays [...].

    Both ends are exact.
    """
    return end if at == 1 else ((1 - at) * start + at * end).astype(start.dtype)


def slerp(start: np.ndarray, end: np.ndarray, at: float) -> np.ndarray:
    """Return the point at ``at`` in [0, 1] of the spherical interpolation between two arrays [...].

    The direction turns, and the length grows, evenly. After Shoemake 1985 ("Animating Rotation with
    Quaternion Curves"), brought to noise by White 2016 (arXiv:1609.04468, section 2.1). He weighs
    the two vectors as they are; here their directions are weighed, so that the length is right
    between vectors of different lengths, too. Arrays of any shape count as one vector. Both ends
    are exact. Between vectors of one direction or of opposite ones, and from the origin, the way is
    straight.
    """
    if at in (0, 1):
        return end if at else start
    a, b = start.astype(np.float64).ravel(), end.astype(np.float64).ravel()
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) == 0:
        return linear(start, end, at)
    a, b = a / lengths[0], b / lengths[1]
    angle = np.arccos(np.clip(a @ b, -1, 1))
    if np.sin(angle) < 1e-6:
        return linear(start, end, at)
    direction = (np.sin((1 - at) * angle) * a + np.sin(at * angle) * b) / np.sin(angle)
    length = (1 - at) * lengths[0] + at * lengths[1]
    return (length * direction).reshape(start.shape).astype(start.dtype)


METHODS: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "slerp": slerp,
    "linear": linear,
}


def walk(
    corners: np.ndarray, steps: int, method: Callable[..., np.ndarray], loop: bool
) -> np.ndarray:
    """Return noises ``[F, ...]`` from corner to corner of ``[K, ...]``; corner k is ``k * steps``.

    With ``loop``, F is ``K * steps`` and the first noise follows on the last; without, the last
    noise is the last corner.
    """
    following = np.roll(corners, -1, axis=0) if loop else corners[1:]
    rows = [
        method(a, b, i / steps)
        for a, b in zip(corners, following, strict=False)
        for i in range(steps)
    ]
    return np.stack(rows if loop else [*rows, corners[-1]])


def interpolate_run(
    folder: Path,
    out: Path | None = None,
    *,
    n: int = 8,
    seed: int = 1,
    from_seeds: Sequence[int] = (),
    walks: int = 1,
    steps: int = 16,
    method: str = "auto",
    loop: bool = True,
    fps: float = 16,
    size: int = images.LEAST,
    label: str = "",
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
    truncation: float = 1.0,
    space: str = "z",
) -> Walk:
    """Write a film or a sheet of the images on walks between noises of a run, or their styles.

    Args:
        folder: Of the run.
        out: A .gif, .mp4 or .png; a free name, ``walk.gif``, in the folder by default.
        n: Corners of each walk.
        seed: Of the noise at the corners: the first ``n * walks`` of this seed.
        from_seeds: In place of ``n`` and ``seed``: a corner is the first noise of each seed.
        walks: How many walks at the same time, side by side.
        steps: Images from a corner up to the next one.
        method: ``slerp``, ``linear``, or ``auto``: slerp for normal noise, linear for any other
            and for styles.
        loop: Whether the walk goes back from the last corner to the first.
        fps: Frames a second of a film, up to 50.
        size: Pixels of the longer side at least, by repeating pixels; 0 keeps the size.
        label: The class of all images, its name or number; the first by default.
        step: Of the checkpoint; the newest by default.
        best: Whether to take the best checkpoint.
        ema: Whether to draw from the moving average, if there is one.
        truncation: See :func:`gan_zoo.game.sampling.generate`.
        space: ``z``, or ``w`` for the styles of the same noises, of a style-based G: between these
            images change more evenly (Karras et al. 2018, arXiv:1812.04948, section 4).

    Raises:
        UserError: There is no run, no such checkpoint or class, no program that writes a .mp4, or
            G has no styles.
    """
    out = out or free_path(folder / "walk.gif")
    require_writer(out)
    run = Run(folder)
    noise = run.config.spec("noise")
    if method == "auto":
        method = "slerp" if noise.name == "normal" and space == "z" else "linear"
    game, step = run.restore(step, best=best)
    corners = _corners(game, n, seed, from_seeds, walks)
    generate = _generate_from_styles if space == "w" else _generate
    way = functools.partial(walk, steps=steps, method=METHODS[method], loop=loop)
    with phase("draw samples"):
        made, class_name = generate(game, corners, way, label, ema, truncation)
    with phase(f"write {out.name}"):
        count = _write(out, made, walks, corners.shape[1], steps, loop, fps, size)
    return Walk(out, count, corners.shape[1], method, str(noise), space, class_name, step)


def _write(
    out: Path,
    made: np.ndarray,
    walks: int,
    corners: int,
    steps: int,
    loop: bool,
    fps: float,
    size: int,
) -> int:
    """Write images ``[walks, F, H, W, C]`` as a sheet or a film; return its rows or frames."""
    if out.suffix.lower() == ".png":
        return save_sheet(out, made, corners, steps, loop, size)
    frames = [
        images.grid(made[:, i]) if walks > 1 else images.shown(made[0, i])
        for i in range(len(made[0]))
    ]
    frames = [images.enlarge(frame, size) for frame in frames]
    if out.suffix.lower() == ".mp4":
        save_mp4(out, frames, fps)
    else:
        images.save_gif(out, frames, fps, loop, hold=not loop)
    return len(frames)


def require_writer(out: Path) -> None:
    """Refuse a .mp4 where the package that writes it is not installed."""
    if out.suffix.lower() == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise UserError(
            f"{out} needs imageio-ffmpeg: pip install imageio-ffmpeg, or write a .gif or .png."
        )


def _corners(game: Game, n: int, seed: int, from_seeds: Sequence[int], walks: int) -> np.ndarray:
    """Return the noise at the corners, ``[walks, K, ...]``."""
    from gan_zoo.game import sampling

    if from_seeds:
        return np.stack([sampling.sample_noise(game, walks, each) for each in from_seeds], axis=1)
    drawn = sampling.sample_noise(game, walks * n, seed)
    return drawn.reshape(walks, n, *drawn.shape[1:])


Way = Callable[[np.ndarray], np.ndarray]  # from corners [K, ...] to all places [F, ...]


def _generate(
    game: Game, corners: np.ndarray, way: Way, label: str, ema: bool, truncation: float
) -> tuple[np.ndarray, str]:
    """Return the images ``[walks, F, H, W, C]`` between noises ``[walks, K, ...]``, and a class."""
    from gan_zoo.game import sampling
    from gan_zoo.game.labels import labels_of_one_class

    noises = np.stack([way(one) for one in corners])
    z = noises.reshape(-1, *noises.shape[2:])
    labels, class_name = labels_of_one_class(game, label, len(z))
    made = sampling.generate(game, z, labels, ema=ema, truncation=truncation)
    return made.reshape(*noises.shape[:2], *made.shape[1:]), class_name


def _generate_from_styles(
    game: Game, corners: np.ndarray, way: Way, label: str, ema: bool, truncation: float
) -> tuple[np.ndarray, str]:
    """Return the images between the styles of noises, as :func:`_generate`."""
    from gan_zoo.game.labels import labels_of_one_class
    from gan_zoo.game.styles import require_styles

    parts = require_styles(game, "--space=w", ema=ema)
    z = corners.reshape(-1, *corners.shape[2:])
    labels, class_name = labels_of_one_class(game, label, len(z))
    w = parts.styles(z, labels, truncation).reshape(*corners.shape[:2], -1)
    places = np.stack([way(one) for one in w])
    flat = places.reshape(-1, places.shape[-1])
    made = parts.generate(flat[:, None].repeat(parts.layers, axis=1))
    return made.reshape(*places.shape[:2], *made.shape[1:]), class_name


def save_sheet(
    path: Path, made: np.ndarray, corners: int, steps: int, loop: bool, size: int = 0
) -> int:
    """Write images ``[walks, F, H, W, C]`` as a sheet: one row from each corner to the next.

    Returns:
        The number of rows.
    """
    starts = np.arange(corners - (not loop)) * steps
    rows = (starts[:, None] + np.arange(steps + 1)) % made.shape[1]  # with both corners
    sheet = images.grid(made[:, rows.ravel()].reshape(-1, *made.shape[2:]), columns=steps + 1)
    images.save_png(path, images.enlarge(sheet, size))
    return len(made) * len(rows)


def save_mp4(path: Path, frames: Sequence[np.ndarray], fps: float) -> None:
    """Write a film of uint8 frames ``[H, W, C]`` of one shape.

    Odd sides get a white line more, since H.264 wants even ones.
    """
    import imageio.v3 as iio

    height, width, channels = frames[0].shape
    pad = ((0, height % 2), (0, width % 2), (0, 0))
    even = [np.pad(frame, pad, constant_values=255) for frame in frames]
    rgb = np.stack([frame.repeat(3, axis=2) if channels == 1 else frame for frame in even])
    with whole_file(path) as part:  # its name does not end in .mp4, so the format is given
        iio.imwrite(
            part,
            rgb,
            extension=".mp4",
            plugin="FFMPEG",
            fps=fps,
            codec="libx264",
            macro_block_size=2,
            output_params=["-f", "mp4"],
        )
