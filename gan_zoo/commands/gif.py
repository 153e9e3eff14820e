"""Make a GIF of a run's samples: ``gan_zoo gif runs/NAME --fps=12 --size=512``.

    gan_zoo gif runs/a runs/b --out=both.gif      several runs side by side, at the same step (--by=images: after
                                                               as many images seen), each under its name

Side by side, a run that has no grid of samples at a moment shows its last one before it; under its
name stands of which step it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import flags
from PIL import Image, ImageDraw, ImageFont

from gan_zoo import cli, images
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path
from gan_zoo.runs import rundir

_FONT = 14
_HEAD = 2 * (_FONT + 4)
_GAP = 8


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "out",
        "",
        "the file to write; by default samples.gif in the run's folder; of several runs it must not"
        " exist yet, and is side-by-side.gif here by default",
        flag_values=values,
    )
    flags.DEFINE_float("fps", 10, "frames a second", 0.1, 50, flag_values=values)
    flags.DEFINE_integer(
        "every", 1, "take every n-th grid of samples, and the last", 1, flag_values=values
    )
    flags.DEFINE_integer(
        "size",
        0,
        "pixels of the longer side of a grid at least, by repeating pixels; 0 keeps the size",
        0,
        flag_values=values,
    )
    flags.DEFINE_bool("loop", True, "start again after the last frame", flag_values=values)
    flags.DEFINE_enum(
        "by", "step", ["step", "images"], "what several runs are matched by", flag_values=values
    )


class Film(NamedTuple):
    """The grids of samples of a run.

    Attributes:
        name: Of the run, as it is titled.
        batch: Images a step.
        grids: uint8 ``[H, W, 3]`` each, all of one shape, by step.
    """

    name: str
    batch: int
    grids: dict[int, np.ndarray]

    def last_before(self, moment: int, by: str) -> int | None:
        """The step of the last grid up to a moment, which is a step or a number of images seen."""
        return max((step for step in self.grids if self.moment(step, by) <= moment), default=None)

    def moment(self, step: int, by: str) -> int:
        """A step as a step, or as a number of images seen."""
        return step if by == "step" else step * self.batch


def load(folder: Path, name: str, size: int) -> Film:
    """Read a run's grids; damaged ones, and those of another size than the last, are left out.

    Raises:
        UserError: There is no run, or no grid that can be read.
    """
    batch = rundir.config_of(folder).batch
    found = {int(path.stem): images.read(path) for path in rundir.sample_grids(folder)}
    grids = {
        step: np.broadcast_to(grid, (*grid.shape[:2], 3))
        for step, grid in found.items()
        if grid is not None
    }
    if not grids:
        raise UserError(
            f"there are no samples that can be read in {folder / 'samples'}; train the run first,"
            " or leave it out."
        )
    shape = grids[max(grids)].shape
    return Film(
        name,
        batch,
        {k: images.enlarge(g, size) if size else g for k, g in grids.items() if g.shape == shape},
    )


def names_of(folders: list[Path]) -> list[str]:
    """The shortest ends of the paths that tell the runs apart."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(p[-length:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    twice = next(folder for folder, p in zip(folders, parts, strict=True) if parts.count(p) > 1)
    raise UserError(f"{twice} is given twice; give different runs.")


def moments(films: list[Film], by: str, every: int) -> list[int]:
    """All the moments at which some run has a grid, in order: every n-th, and the last."""
    found = sorted({film.moment(step, by) for film in films for step in film.grids})
    return found[::every] + ([found[-1]] if (len(found) - 1) % every else [])


def side_by_side(films: list[Film], moment: int, by: str) -> np.ndarray:
    """One frame, uint8 ``[H, W, 3]``: the films' grids from left to right on white, small ones enlarged by whole factors."""
    shapes = [next(iter(film.grids.values())).shape[:2] for film in films]
    tallest = max(height for height, _ in shapes)
    factors = [tallest // height for height, _ in shapes]
    widths = [width * factor for (_, width), factor in zip(shapes, factors, strict=True)]
    sheet = Image.new("RGB", (sum(widths) + _GAP * (len(films) - 1), _HEAD + tallest), "white")
    draw, font, x = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT), 0
    for film, factor, width in zip(films, factors, widths, strict=True):
        step = film.last_before(moment, by)
        shown = (
            "-"
            if step is None
            else f"step {step:,}"
            if by == "step"
            else f"{step * film.batch:,} images"
        )
        for line, text in enumerate((film.name, shown)):
            draw.text(
                (x + 2, 1 + line * (_FONT + 3)),
                _shortened(text, font, width),
                fill="black",
                font=font,
            )
        if step is not None:
            grid = film.grids[step].repeat(factor, axis=0).repeat(factor, axis=1)
            sheet.paste(images.as_pil(grid), (x, _HEAD))
        x += width + _GAP
    return np.asarray(sheet)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The end of a text, which is what tells runs apart, as far as it fits."""
    short = text
    while len(short) > 1 and font.getlength(short) > width - 4:
        short = ".." + short.removeprefix("..")[1:]
    return short


def _of_several(folders: list[Path], values: flags.FlagValues) -> None:
    names = names_of(folders)
    out = file_to_write(values.out, ".gif") or free_path(Path("side-by-side.gif"))
    films = [load(folder, name, values.size) for folder, name in zip(folders, names, strict=True)]
    frames = [
        side_by_side(films, moment, values.by) for moment in moments(films, values.by, values.every)
    ]
    images.save_gif(out, frames, values.fps, values.loop)
    print(f"{out}: {len(frames)} frames of {', '.join(names)}, {out.stat().st_size / 1e6:.1f} MB")


def main(values: flags.FlagValues, rest: list[str]) -> None:
    if not 0.1 <= values.fps <= 50:  # absl lets nan pass its bounds
        raise UserError(f"--fps={values.fps} is no rate; give frames a second, from 0.1 to 50.")
    if len(rest) > 1:
        _of_several([cli.one_folder([word]) for word in rest], values)
        return
    folder = cli.one_folder(rest)
    if values["by"].present:
        raise UserError(
            "--by is for several runs, but one was given; leave it out, or give another run."
        )
    frames = rundir.sample_grids(folder)
    if not frames:
        raise UserError(
            f"there are no samples in {folder / 'samples'}; train the run first, or check the"
            " folder."
        )
    out = file_to_write(values.out, ".gif") or folder / "samples.gif"
    options = {name: values[name].value for name in ("fps", "every", "size", "loop")}
    try:
        count = images.gif_of(frames, out, most=len(frames), **options)
    except ValueError as e:
        raise UserError(f"{e} in {folder / 'samples'}; train the run further.") from None
    print(f"{out}: {count} frames, {out.stat().st_size / 1e6:.1f} MB")
