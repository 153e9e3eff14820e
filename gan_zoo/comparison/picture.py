"""One small picture of a comparison, for a page of the repository: intervals, and samples of each variant beside them."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo.comparison.results import Record
from gan_zoo.files import whole_file
from gan_zoo.runs import rundir


def samples_of(folder: Path, count: int) -> np.ndarray | None:
    """The first ``count`` samples of a run's last grid in a row, uint8 [H, W, 3]; None where there is no grid."""
    frames = rundir.sample_grids(folder)
    if not frames:
        return None
    try:
        shape = rundir.read(folder)["data"]["shape"]
        with Image.open(frames[-1]) as picture:
            sheet = np.asarray(picture.convert("RGB"))
    except Exception:  # a damaged picture or record: the row stays empty
        return None
    height, width = (
        shape[0] + 2,
        shape[1] + 2,
    )  # gan_zoo.images.grid puts two white pixels between images
    cells = [
        sheet[y : y + height, x : x + width]
        for y in range(0, sheet.shape[0] - height + 1, height)
        for x in range(0, sheet.shape[1] - width + 1, width)
    ]
    return np.concatenate(cells[:count], axis=1) if cells else None


def draw(comparison: Record, found: Record, folder: Path, path: Path, count: int = 8) -> None:
    """Draw a row a variant, best first: its name and score, its ratio to the baseline with the interval, samples of one run.

    The samples are those of the first seed at its last step, always from the same noise.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    # Names are text: dollar signs in them mean nothing, and letters that the font lacks need no
    # warning.
    with plt.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        drawn = _drawn(plt, comparison, found, folder, count)
    with whole_file(path) as part:  # a third of the bytes, and no difference to the eye
        Image.open(drawn).convert("RGB").quantize(200, dither=Image.Dither.NONE).save(
            part, format="PNG", optimize=True
        )


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}\N{HORIZONTAL ELLIPSIS}"


def _drawn(plt: Any, comparison: Record, found: Record, folder: Path, count: int) -> io.BytesIO:
    """The picture as the bytes of a PNG."""
    choose, seed = comparison["choose"], comparison["seeds"][0]
    names = sorted(found["variants"], key=lambda name: found["variants"][name][choose] or np.inf)
    against = {each["variant"]: each for each in found["comparisons"]}
    colors = {"better": "#1a7f4b", "worse": "#c0432b", "no evidence": "#5b6470"}
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9, 0.5 * len(names) + 0.7), width_ratios=[4, 5], layout="constrained"
    )
    for row, name in enumerate(names):
        each = against.get(name)
        if each and each["ratio"]:
            color = colors[each["verdict"]]
            left.plot(each["ratio"], row, "o", color=color, markersize=5)
            if each.get("low") is not None:
                left.plot([each["low"], each["high"]], [row, row], color=color, linewidth=2)
        elif each is None:
            left.plot(1, row, "s", color="black", markersize=5)
        slug = comparison["variants"][name]["slug"]
        strip = samples_of(folder / f"{slug}-seed{seed}", count)
        if strip is not None:
            right.imshow(strip, extent=(0, strip.shape[1], row + 0.45, row - 0.45), aspect="auto")
    labels = []
    for name in names:
        value = found["variants"][name][choose]
        none = "failed" if found["variants"][name].get("failed") else "no score"
        labels.append(f"{_short(name)}   {value:.3g}" if value else f"{_short(name)}   {none}")
    left.set(
        xscale="log",
        ylim=(len(names) - 0.5, -0.5),
        xlabel=f"{choose} {comparison['score']}, ratio to {_short(comparison['baseline'])}",
    )
    ratios = [each["ratio"] for each in found["comparisons"] if each["ratio"]]
    # An interval may be as wide as it likes, but no ratio may lie outside.
    left.set_xlim(
        max(left.get_xlim()[0], min([0.2, *(0.8 * r for r in ratios)])),
        min(left.get_xlim()[1], max([50, *(1.25 * r for r in ratios)])),
    )
    low, high = left.get_xlim()
    wide, narrow = (
        (1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000, 1e4),
        (
            0.25,
            0.5,
            0.7,
            1,
            1.4,
            2,
            4,
            8,
            16,
            32,
        ),
    )
    ticks = [t for t in (wide if high / low > 300 else narrow) if low <= t <= high]
    left.set_xticks(ticks, [f"{t:g}" for t in ticks])
    left.minorticks_off()
    left.set_yticks(range(len(names)), labels)
    left.axvline(1, color="black", linewidth=0.8)
    left.grid(axis="x", alpha=0.3)
    right.set(ylim=(len(names) - 0.5, -0.5), xticks=[], yticks=[])
    right.set_xlabel(f"samples of seed {seed} at the last step")
    for axes in (left, right):
        axes.spines[["top", "right", "left"]].set_visible(False)
    right.spines["bottom"].set_visible(False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    plt.close(figure)
    return drawn
