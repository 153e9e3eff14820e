"""Make a GIF of a run's samples: ``gan_zoo gif runs/NAME --fps=12 --size=512``.

    gan_zoo gif runs/NAME                       samples.gif in the run's folder
    gan_zoo gif runs/a runs/b --out=both.gif    several runs side by side, each under its name

Several runs are matched by their steps, or with --by=images by the number of images that they have
seen. A run that has no grid of samples at a moment shows its last one before it; the line under its
name gives the step of that grid.
"""

from __future__ import annotations

from absl import flags

from gan_zoo import cli
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write
from gan_zoo.images import LEAST
from gan_zoo.media import gif


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "out",
        "",
        "the file to write, which must not exist yet; by default a free name: samples.gif in"
        " the run's folder, or for several runs side-by-side.gif in the present folder",
        flag_values=values,
    )
    flags.DEFINE_float("fps", 10, "frames per second", 0.1, 50, flag_values=values)
    flags.DEFINE_integer(
        "every", 1, "take every n-th grid of samples, and the last", 1, flag_values=values
    )
    flags.DEFINE_integer(
        "size",
        LEAST,
        "pixels of the longer side of a grid at least, by repeating pixels; 0 keeps the size",
        0,
        flag_values=values,
    )
    flags.DEFINE_bool("loop", True, "start again after the last frame", flag_values=values)
    flags.DEFINE_enum(
        "by", "step", ["step", "images"], "match several runs by this", flag_values=values
    )


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if not 0.1 <= values.fps <= 50:  # absl lets nan pass its bounds
        raise UserError(f"--fps={values.fps} is not possible; give a number from 0.1 to 50.")
    folders = [cli.one_folder([word]) for word in rest] if len(rest) > 1 else [cli.one_folder(rest)]
    options = {name: getattr(values, name) for name in ("fps", "every", "size", "loop")}
    if len(folders) == 1 and values["by"].present:
        raise UserError("--by needs several runs; leave it out, or give another run.")
    out = file_to_write(values.out, ".gif")
    if len(folders) > 1:
        film = gif.animate_side_by_side(folders, out, by=values.by, **options)
        print(
            f"{film.path}: {film.frames} frames of {', '.join(film.names)}, {film.megabytes:.1f} MB"
        )
    else:
        film = gif.animate_run(folders[0], out, **options)
        print(f"{film.path}: {film.frames} frames, {film.megabytes:.1f} MB")
