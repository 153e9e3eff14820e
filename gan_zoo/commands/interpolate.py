"""Walk between noises, and see what G makes on the way: ``gan_zoo interpolate runs/NAME --n=8``.

    gan_zoo interpolate runs/mine --n=8 --steps=24 --walks=16 --out=walk.gif     16 faces that change side by side
    gan_zoo interpolate runs/mine --from_seeds=1,5,9 --out=walk.mp4              between the first images of these seeds
    gan_zoo interpolate runs/mine --n=4 --steps=8 --out=walk.png                 a sheet: one row from corner to corner

Corners are noises that gan_zoo sample draws too: with --n those of its first images of --seed, with
--from_seeds those of its first image of each seed. The way between two is spherical for normal
noise, whose length hardly varies, and straight for any other, such as uniform noise, whose cube no
straight way leaves. Noise in the shape of an image is one long vector. A run with classes makes all
images of one, --label.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from absl import flags

from gan_zoo import cli, images
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path, whole_file
from gan_zoo.runs import rundir

_ENDINGS = (".gif", ".mp4", ".png")


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer("n", 8, "how many corners the walk has", 2, flag_values=values)
    flags.DEFINE_integer("seed", 1, "of their noise, as for gan_zoo sample", 0, flag_values=values)
    flags.DEFINE_string(
        "from_seeds",
        "",
        "corners by their seeds, with commas, in place of --n and --seed",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "walks",
        1,
        "so many walks at the same time, each with corners of its own",
        1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "steps", 16, "images from a corner up to the next one", 1, flag_values=values
    )
    flags.DEFINE_enum(
        "path",
        "auto",
        ["auto", "slerp", "linear"],
        "the way between two corners",
        flag_values=values,
    )
    flags.DEFINE_bool("loop", True, "go back from the last corner to the first", flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "a .gif, .mp4 or .png that does not exist yet; by default walk.gif in the run's folder",
        flag_values=values,
    )
    flags.DEFINE_float("fps", 16, "images a second, of a film", 0.1, 50, flag_values=values)
    flags.DEFINE_integer(
        "size",
        256,
        "pixels of the longer side at least, by repeating pixels; 0 keeps the size",
        0,
        flag_values=values,
    )
    flags.DEFINE_string(
        "label",
        "",
        "the class of all images, its name or number; the first by default",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "ema", True, "from the moving average, if the run has one", flag_values=values
    )
    flags.DEFINE_integer(
        "step", None, "from the checkpoint of this step; the newest by default", flag_values=values
    )
    flags.DEFINE_bool(
        "best", False, "from the best checkpoint by the run's evaluations", flag_values=values
    )


def linear(start: np.ndarray, end: np.ndarray, at: float) -> np.ndarray:
    """The point on the straight way from ``start`` [...] at 0 to ``end`` at 1, both of which it gives exactly."""
    return end if at == 1 else ((1 - at) * start + at * end).astype(start.dtype)


def slerp(start: np.ndarray, end: np.ndarray, at: float) -> np.ndarray:
    """The point on the way from ``start`` [...] at 0 to ``end`` at 1 whose direction turns, and whose length grows, evenly.

    After Shoemake 1985 ("Animating Rotation with Quaternion Curves"), brought to noise by White
    2016 (arXiv:1609.04468, section 2.1). He weighs the two vectors as they are; here their
    directions are, so that the length is right between vectors of different lengths, too. Arrays of
    any shape count as one vector. Both ends come out exactly; between vectors of one direction or
    of opposite ones, and from the origin, the way is straight.
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
    return (
        (((1 - at) * lengths[0] + at * lengths[1]) * direction)
        .reshape(start.shape)
        .astype(start.dtype)
    )


def walk(corners: np.ndarray, steps: int, way: Callable[..., np.ndarray], loop: bool) -> np.ndarray:
    """Noises ``[F, ...]`` from corner to corner of ``[K, ...]``: corner k is row ``k * steps``.

    With ``loop``, F is ``K * steps`` and the first noise follows on the last; without, the last
    noise is the last corner.
    """
    following = np.roll(corners, -1, axis=0) if loop else corners[1:]
    rows = [
        way(a, b, i / steps) for a, b in zip(corners, following, strict=False) for i in range(steps)
    ]
    return np.stack(rows if loop else [*rows, corners[-1]])


def _seeds(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if (
        not all(word.isascii() and word.isdigit() and int(word) < 2**63 for word in words)
        or len(words) < 2
    ):
        raise UserError(
            f"--from_seeds={text} names no seeds; give two whole numbers or more, with commas, such"
            " as 1,5,9."
        )
    return [int(word) for word in words]


def save_mp4(path: Path, frames: Sequence[np.ndarray], fps: float) -> None:
    """Write a film of uint8 frames ``[H, W, C]`` of one shape; sides are made even in white, as H.264 wants them."""
    import imageio.v3 as iio

    height, width, channels = frames[0].shape
    pad = ((0, height % 2), (0, width % 2), (0, 0))
    even = [np.pad(frame, pad, constant_values=255) for frame in frames]
    rgb = np.stack([frame.repeat(3, axis=2) if channels == 1 else frame for frame in even])
    with whole_file(path) as part:  # whose ending tells ffmpeg nothing
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


def main(values: flags.FlagValues, rest: list[str]) -> None:
    folder = cli.one_folder(rest)
    if values.from_seeds and (values["n"].present or values["seed"].present):
        raise UserError(
            "--from_seeds names the corners, and so do --n and --seed; leave out one of the two."
        )
    if values.best and values.step is not None:
        raise UserError("--best and --step name two checkpoints; give one of them.")
    if not 0.1 <= values.fps <= 50:  # absl lets nan pass its bounds
        raise UserError(f"--fps={values.fps} is no rate; give images a second, from 0.1 to 50.")
    seeds = _seeds(values.from_seeds) if values.from_seeds else []
    rundir.read(folder)
    out = file_to_write(values.out, *_ENDINGS) or free_path(folder / "walk.gif")
    if out.suffix.lower() == ".mp4" and importlib.util.find_spec("imageio_ffmpeg") is None:
        raise UserError(
            f"--out={values.out} needs imageio-ffmpeg: pip install imageio-ffmpeg, or write a .gif"
            " or .png."
        )
    cli.load_tensorflow(values.verbose)
    from gan_zoo.game import labels as game_labels
    from gan_zoo.game import sampling
    from gan_zoo.runs import restore

    noise = rundir.config_of(folder).spec("noise")
    name = values.path if values.path != "auto" else "slerp" if noise.name == "normal" else "linear"
    game, step = restore.restore(folder, values.step, best=values.best)
    if seeds:
        corners = np.stack(
            [sampling.sample_noise(game, values.walks, seed) for seed in seeds], axis=1
        )
    else:
        drawn = sampling.sample_noise(game, values.walks * values.n, values.seed)
        corners = drawn.reshape(values.walks, values.n, *drawn.shape[1:])
    way = {"slerp": slerp, "linear": linear}[name]
    walks = np.stack(
        [walk(one, values.steps, way, values.loop) for one in corners]
    )  # [walks, F, ...]
    z, labels, of_class = walks.reshape(-1, *walks.shape[2:]), None, ""
    if values.label or game.classes is not None:
        number = game_labels.parse_label(game, values.label) if values.label else 0
        labels, of_class = (
            np.full(len(z), number, np.int32),
            f"class {game.classes.names[number]}, ",
        )
    made = sampling.generate(game, z, labels, from_ema=values.ema)
    made = made.reshape(*walks.shape[:2], *made.shape[1:])
    if out.suffix.lower() == ".png":
        starts = np.arange(corners.shape[1] - (not values.loop)) * values.steps
        legs = (starts[:, None] + np.arange(values.steps + 1)) % made.shape[1]  # with both corners
        sheet = images.grid(
            made[:, legs.ravel()].reshape(-1, *made.shape[2:]), columns=values.steps + 1
        )
        images.save_png(out, images.enlarge(sheet, values.size) if values.size else sheet)
        rows = len(made) * len(legs)
        print(
            f"{out}: {rows} rows from corner to corner ({name}, {noise} noise), {of_class}{folder}"
            f" at step {step}"
        )
        return
    frames = [
        images.grid(made[:, i]) if values.walks > 1 else made[0, i] for i in range(made.shape[1])
    ]
    frames = [images.enlarge(frame, values.size) if values.size else frame for frame in frames]
    if out.suffix.lower() == ".mp4":
        save_mp4(out, frames, values.fps)
    else:
        images.save_gif(out, frames, values.fps, values.loop, hold=not values.loop)
    print(
        f"{out}: {len(frames)} frames between {corners.shape[1]} corners ({name}, {noise} noise),"
        f" {of_class}{folder} at step {step}, {out.stat().st_size / 1e6:.1f} MB"
    )
