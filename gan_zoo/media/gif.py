"""Films of the grids of samples that runs save while they train. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_zoo import images
from gan_zoo.errors import UserError
from gan_zoo.files import free_path
from gan_zoo.runs.run import Run

FONT_SIZE = 14
TITLE_HEIGHT = 2 * (FONT_SIZE + 4)
GAP = 8


class Animation(NamedTuple):
    """A film that was written.

    Attributes:
        path: Of the file.
        frames: How many there are.
        names: Of the runs, from left to right, as they are titled; empty for a single run.
    """

    path: Path
    frames: int
    names: tuple[str, ...] = ()

    @property
    def megabytes(self) -> float:
        """The size of the file."""
        return self.path.stat().st_size / 1e6


class GridSequence(NamedTuple):
    """The grids of samples of a run.

    Attributes:
        name: Of the run, as it is titled.
        batch: Images a step.
        grids: uint8 ``[H, W, 3]`` each, all of one shape, by step.
    """

    name: str
    batch: int
    grids: dict[int, np.ndarray]

    def last_step(self, moment: int, by: str) -> int | None:
        """Return the step of the last grid up to a moment; None where there is none yet."""
        return max((step for step in self.grids if self.moment(step, by) <= moment), default=None)

    def moment(self, step: int, by: str) -> int:
        """Return a step as it is (``by="step"``), or as the number of images seen by then."""
        return step if by == "step" else step * self.batch


def animate_run(
    folder: Path,
    out: Path | None = None,
    *,
    fps: float = 10,
    every: int = 1,
    size: int = images.LEAST,
    loop: bool = True,
) -> Animation:
    """Write a GIF of the grids of samples of one run.

    Args:
        folder: Of the run.
        out: The file to write; a free name, ``samples.gif``, in the folder by default.
        fps: Frames a second, up to 50.
        every: Take every n-th grid, and the last.
        size: Pixels of the longer side at least, by repeating pixels; 0 keeps the size.
        loop: Whether the film starts again after its last frame.

    Raises:
        UserError: There is no grid that can be read.
    """
    grids = Run(folder).sample_grids
    if not grids:
        raise UserError(
            f"there are no samples in {folder / 'samples'}; train the run first, or check the"
            " folder."
        )
    out = out or free_path(folder / "samples.gif")
    try:
        frames = images.gif_of(grids, out, fps, every, size, loop, most=len(grids))
    except ValueError as e:
        raise UserError(f"{e} in {folder / 'samples'}; train the run further.") from None
    return Animation(out, frames)


def animate_side_by_side(
    folders: Sequence[Path],
    out: Path | None = None,
    *,
    by: str = "step",
    fps: float = 10,
    every: int = 1,
    size: int = images.LEAST,
    loop: bool = True,
) -> Animation:
    """Write a GIF of several runs side by side, each under its name.

    Args:
        folders: Of the runs.
        out: The file to write; a free name, ``side-by-side.gif``, in this folder by default.
        by: What the runs are matched by: ``step``, or ``images`` that they have seen.
        fps: Frames a second, up to 50.
        every: Take every n-th moment at which some run has a grid, and the last.
        size: As for :func:`animate_run`, of each grid.
        loop: Whether the film starts again after its last frame.

    Raises:
        UserError: A run is given twice, or has no grid that can be read.
    """
    names = run_names(folders)
    out = out or free_path(Path("side-by-side.gif"))
    sequences = [
        read_grids(folder, name, size) for folder, name in zip(folders, names, strict=True)
    ]
    frames = [side_by_side_frame(sequences, moment, by) for moment in moments(sequences, by, every)]
    images.save_gif(out, frames, fps, loop)
    return Animation(out, len(frames), tuple(names))


def read_grids(folder: Path, name: str, size: int = images.LEAST) -> GridSequence:
    """Return a run's grids, without damaged ones and those of another size than the last.

    Raises:
        UserError: There is no run, or no grid that can be read.
    """
    run = Run(folder)
    batch = run.config.batch
    found = {int(path.stem): images.read(path) for path in run.sample_grids}
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
    grids = {step: images.enlarge(images.reduce(grid), size) for step, grid in grids.items()}
    shape = grids[max(grids)].shape
    kept = {step: grid for step, grid in grids.items() if grid.shape == shape}
    return GridSequence(name, batch, kept)


def run_names(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that differ between all runs.

    Raises:
        UserError: A folder is given twice.
    """
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(p[-length:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    twice = next(folder for folder, p in zip(folders, parts, strict=True) if parts.count(p) > 1)
    raise UserError(f"{twice} is given twice; give different runs.")


def moments(sequences: Sequence[GridSequence], by: str, every: int = 1) -> list[int]:
    """Return the moments at which some run has a grid, in order: every n-th, and the last."""
    found = sorted({run.moment(step, by) for run in sequences for step in run.grids})
    return found[::every] + ([found[-1]] if (len(found) - 1) % every else [])


def side_by_side_frame(sequences: Sequence[GridSequence], moment: int, by: str) -> np.ndarray:
    """Return one frame, uint8 ``[H, W, 3]``: the runs' grids from left to right on white.

    Small grids are enlarged by whole factors. A run without a grid at this moment shows its last
    one before it.
    """
    shapes = [next(iter(run.grids.values())).shape[:2] for run in sequences]
    tallest = max(height for height, _ in shapes)
    factors = [tallest // height for height, _ in shapes]
    widths = [width * factor for (_, width), factor in zip(shapes, factors, strict=True)]
    sheet_width = sum(widths) + GAP * (len(sequences) - 1)
    sheet = Image.new("RGB", (sheet_width, TITLE_HEIGHT + tallest), "white")
    draw, font, x = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE), 0
    for run, factor, width in zip(sequences, factors, widths, strict=True):
        step = run.last_step(moment, by)
        for line, text in enumerate((run.name, _moment_text(run, step, by))):
            place = (x + 2, 1 + line * (FONT_SIZE + 3))
            draw.text(place, _shortened(text, font, width), fill="black", font=font)
        if step is not None:
            grid = run.grids[step].repeat(factor, axis=0).repeat(factor, axis=1)
            sheet.paste(images.as_pil(grid), (x, TITLE_HEIGHT))
        x += width + GAP
    return np.asarray(sheet)


def _moment_text(run: GridSequence, step: int | None, by: str) -> str:
    """Return the second line of a title."""
    if step is None:
        return "-"
    return f"step {step:,}" if by == "step" else f"{run.moment(step, by):,} images"


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Return the end of a text that fits; the ends of names are what differs between runs."""
    short = text
    while len(short) > 1 and font.getlength(short) > width - 4:
        short = ".." + short.removeprefix("..")[1:]
    return short
