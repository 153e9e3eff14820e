"""Sheets of mixed styles: some layers of a style-based generator take another image's style."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_zoo import images
from gan_zoo.files import free_path
from gan_zoo.runs.run import Run

_NAMES = ("coarse", "middle", "fine")


class Mix(NamedTuple):
    """A sheet that was written.

    Attributes:
        path: Of the file.
        bands: The names of the groups of layers, with the sizes of their maps.
        class_name: The class of all images; empty without a condition.
        step: Of the checkpoint.
    """

    path: Path
    bands: tuple[str, ...]
    class_name: str
    step: int


def bands_of(layers: int) -> list[tuple[str, slice]]:
    """Return names and layers of the coarse, middle and fine styles, of ``layers`` in all.

    The sizes of the maps are shared out evenly, the first ones getting one more; with two sizes
    there is no fine group. The first size has one convolution and any other two, and the layer that
    makes colors shares its style with the first convolution of the next size, if there is one.
    """
    parts = [part for part in np.array_split(np.arange(layers // 2), len(_NAMES)) if len(part)]
    ends = [2 * int(part[-1]) + 1 for part in parts[:-1]] + [layers]
    return [
        (name, slice(start, end))
        for name, start, end in zip(_NAMES, [0, *ends], ends, strict=False)
    ]


def mix_run(
    folder: Path,
    out: Path | None = None,
    *,
    rows: int = 2,
    columns: int = 6,
    seed: int = 1,
    size: int = 1024,
    label: str = "",
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
    truncation: float = 1.0,
) -> Mix:
    """Write a sheet of mixed styles (Karras et al. 2018, arXiv:1812.04948, figure 3).

    The first column has the images that are changed, the first row those whose styles are taken.
    Each other image is that of its row, with the coarse, middle or fine styles of that of its
    column. Differs from the figure: each group has as many rows, with images of its own.

    Args:
        folder: Of the run.
        out: A .png; a free name, ``mix.png``, in the folder by default.
        rows: Images that are changed, for each group of layers.
        columns: Images whose styles are taken.
        seed: Of the noise: the columns are its first samples, the rows the next ones.
        size: Pixels of the longer side at least, by repeating pixels; 0 keeps the size.
        label: The class of all images, its name or number; the first by default.
        step: Of the checkpoint; the newest by default.
        best: Whether to take the best checkpoint.
        ema: Whether to draw from the moving average, if there is one.
        truncation: See :func:`gan_zoo.game.sampling.generate`.

    Raises:
        UserError: There is no run, no such checkpoint or class, or G has no styles.
    """
    from gan_zoo.game import sampling
    from gan_zoo.game.labels import labels_of_one_class
    from gan_zoo.game.styles import require_styles

    game, at = Run(folder).restore(step, best=best)
    parts = require_styles(game, "gan_zoo mix", ema=ema)
    bands = bands_of(parts.layers)
    z = sampling.sample_noise(game, columns + rows * len(bands), seed)
    labels, class_name = labels_of_one_class(game, label, len(z))
    w = parts.styles(z, labels, truncation)[:, None].repeat(parts.layers, axis=1)
    own = parts.generate(w)
    mixed = parts.generate(mixed_styles(w[:columns], w[columns:], bands))
    path = out or free_path(folder / "mix.png")
    names = [name for name, _ in bands]
    images.save_png(path, mixing_sheet(own[:columns], own[columns:], mixed, names, size))
    return Mix(path, tuple(names), class_name, at)


def mixed_styles(
    sources: np.ndarray, changed: np.ndarray, bands: list[tuple[str, slice]]
) -> np.ndarray:
    """Return the styles of all mixed images, row by row.

    Args:
        sources: ``[columns, layers, D]``.
        changed: ``[rows, layers, D]``, as many for each band.
        bands: From :func:`bands_of`.
    """
    mixed = changed[:, None].repeat(len(sources), axis=1)
    each = len(changed) // len(bands)
    for i, (_, layers) in enumerate(bands):
        mixed[i * each : (i + 1) * each, :, layers] = sources[:, layers]
    return mixed.reshape(-1, *changed.shape[1:])


def mixing_sheet(
    sources: np.ndarray, changed: np.ndarray, mixed: np.ndarray, bands: list[str], size: int
) -> np.ndarray:
    """Draw the images: sources above, the changed ones to the left, the mixed ones between."""
    empty = np.full_like(sources[:1], 255)
    body = mixed.reshape(len(changed), len(sources), *mixed.shape[1:])
    lines = [np.concatenate([left[None], line]) for left, line in zip(changed, body, strict=True)]
    sheet = images.grid(np.concatenate([empty, sources, *lines]), columns=len(sources) + 1)
    sheet = images.enlarge(sheet, size)
    names = np.repeat(bands, len(changed) // len(bands))
    return images.captioned(sheet, rows=["", *names])
