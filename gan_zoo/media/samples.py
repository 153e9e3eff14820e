"""Samples of a run as a grid, as one array, or as single files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_zoo import images
from gan_zoo.datasets.store import available_memory
from gan_zoo.errors import UserError
from gan_zoo.files import free_path
from gan_zoo.game import labels as game_labels
from gan_zoo.game import sampling, step
from gan_zoo.phases import phase
from gan_zoo.runs.run import Run

_ON_CHECKERBOARD = "; over a checkerboard, and with --out=FOLDER or a .npz with transparency"

Blocks = Iterable[tuple[np.ndarray, np.ndarray | None]]


class Samples(NamedTuple):
    """Samples that were written.

    Attributes:
        path: Of the file or folder.
        images: How many.
        step: Of the checkpoint.
        order: How the classes are arranged, in words; empty without a condition.
        transparency: A remark on a grid of images with transparency, or "".
    """

    path: Path
    images: int
    step: int
    order: str
    transparency: str = ""


def sample_run(
    folder: Path,
    out: Path | None = None,
    *,
    n: int | None = None,
    seed: int = 1,
    label: str = "",
    columns: int | None = None,
    size: int = images.LEAST,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
    truncation: float = 1.0,
) -> Samples:
    """Draw samples from a run and write them.

    Args:
        folder: Of the run.
        out: A .png for one grid, a .npz for the array ``images`` (and ``labels``), or a folder for
            single files; by default a grid, ``samples-seedSEED.png`` or a free name after it, in
            the run's folder.
        n: How many images; by default 64, or in a grid with a column for each class as many as fill
            whole rows.
        seed: Of the noise; image i depends on the seed alone, not on ``n``.
        label: The name or number of one class for all images. By default, a grid shows all classes,
            and other forms have them as often as the data.
        columns: Images in a row of the grid.
        size: Pixels of the grid's longer side at least, by repeating pixels; 0 keeps the size.
        step: Of the checkpoint; the newest by default.
        best: Whether to take the best checkpoint.
        ema: Whether to draw from the moving average, if there is one.
        truncation: See :func:`gan_zoo.game.sampling.generate`.

    Raises:
        UserError: There is no run, checkpoint or class of that name, or too little memory.
    """
    game, at = Run(folder).restore(step, best=best)
    less = "" if truncation == 1 else f"-truncation{truncation:g}"
    path = out or folder / f"samples-seed{seed}{less}.png"
    number = 64 if n is None else n
    labels, order = None, ""
    _require_memory(game, number, path)
    if label:
        labels = np.broadcast_to(np.int32(game_labels.parse_label(game, label)), number)
        order = f"all of class {game.classes.names[labels[0]]}" if game.classes else ""
        path = out or path.with_stem(f"{path.stem}-class{labels[0]}")
    elif path.suffix.lower() == ".png" and columns is None:
        labels, columns, order = game_labels.grid_layout(game, number)
        if labels is not None and columns and n is None:
            number -= number % columns  # whole rows, so that all classes have as many
            labels = labels[:number]
    blocks = sampling.sample_blocks(
        game, number, seed, labels=labels, ema=ema, truncation=truncation
    )
    path = path if out else free_path(path)
    with phase("draw samples"):
        write_samples(path, blocks, columns, size)
    is_flat = path.suffix.lower() == ".png" and game.disc.input_shape[-1] == images.RGBA
    return Samples(path, number, at, order, _ON_CHECKERBOARD if is_flat else "")


def write_samples(
    path: Path, blocks: Blocks, columns: int | None = None, size: int = images.LEAST
) -> None:
    """Write blocks of images uint8 ``[B, H, W, C]`` and their labels ``[B]``, or None.

    Args:
        path: A .png for one grid, a .npz for an array, else a folder for single files.
        blocks: At least one; for a folder, they are written one after the other.
        columns: Images in a row of the grid.
        size: Pixels of the grid's longer side at least; 0 keeps the size.
    """
    if path.suffix.lower() == ".png":
        sheet = images.grid(np.concatenate([x for x, _ in blocks]), columns)
        images.save_png(path, images.enlarge(sheet, size))
    elif path.suffix.lower() == ".npz":
        drawn, known = zip(*blocks, strict=True)
        labels = None if known[0] is None else np.concatenate(known)
        images.save_npz(path, np.concatenate(drawn), labels)
    else:
        path.mkdir(parents=True, exist_ok=True)
        i = 0
        for block, classes in blocks:
            for k, image in enumerate(block):
                of_class = "" if classes is None else f"-class{classes[k]}"
                images.save_png(path / f"{i:06d}{of_class}.png", image)
                i += 1


def _require_memory(game: step.Game, number: int, path: Path) -> None:
    """Refuse more images in one file than the memory holds."""
    needed = 4 * number * np.prod(game.disc.input_shape[1:], dtype=float)
    if path.suffix.lower() in (".png", ".npz") and needed > available_memory():
        raise UserError(
            f"--n={number} images in one file need more memory than there is; give --out=FOLDER for"
            " single files."
        )
