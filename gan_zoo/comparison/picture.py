"""Draw a comparison as one small picture: intervals, with samples of each variant beside them."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan_zoo import images
from gan_zoo.comparison.halving import left_at
from gan_zoo.comparison.results import Record, folder_of, ranked, selected_score
from gan_zoo.files import whole_file
from gan_zoo.runs.run import Run

_COLORS = {"better": "#1a7f4b", "worse": "#c0432b", "no evidence": "#5b6470"}
_WIDE_TICKS = (1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000, 1e4)
_NARROW_TICKS = (0.25, 0.5, 0.7, 1, 1.4, 2, 4, 8, 16, 32)


def sample_row(folder: Path, count: int) -> np.ndarray | None:
    """Return the first samples of a run's last grid in a row, uint8 [H, W, 3], or None."""
    frames = Run(folder).sample_grids
    if not frames:
        return None
    try:
        shape = Run(folder).record["data"]["shape"]
        with Image.open(frames[-1]) as picture:
            sheet = images.reduce(np.asarray(picture.convert("RGB")))
    except Exception:  # a damaged picture or record: the row stays empty
        return None
    # gan_zoo.images.grid puts two white pixels between images.
    height, width = shape[0] + 2, shape[1] + 2
    cells = [
        sheet[y : y + height, x : x + width]
        for y in range(0, sheet.shape[0] - height + 1, height)
        for x in range(0, sheet.shape[1] - width + 1, width)
    ]
    return np.concatenate(cells[:count], axis=1) if cells else None


def draw(comparison: Record, found: Record, folder: Path, path: Path, count: int = 8) -> None:
    """Write a PNG with a row per variant, best first: score, ratio with its interval, samples.

    The samples are those of the first seed at its last step, always from the same noise.

    Args:
        comparison: The content of ``comparison.json``.
        found: The content of ``results.json``.
        folder: The folder of the comparison.
        path: The file to write.
        count: Samples per row.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    # Names are text: dollar signs in them mean nothing, and letters that the font lacks need no
    # warning.
    with plt.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        drawn = _draw(plt, comparison, found, folder, count)
    # A palette takes a third of the bytes, and looks the same.
    palette = Image.open(drawn).convert("RGB").quantize(200, dither=Image.Dither.NONE)
    with whole_file(path) as part:
        palette.save(part, format="PNG", optimize=True)


def _draw(plt: Any, comparison: Record, found: Record, folder: Path, count: int) -> io.BytesIO:
    """Return the bytes of the picture as a PNG."""
    names = ranked(comparison, found["variants"])
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9, 0.5 * len(names) + 0.7), width_ratios=[4, 5], layout="constrained"
    )
    _draw_intervals(left, names, comparison, found)
    _draw_samples(right, names, comparison, folder, count)
    for axes in (left, right):
        axes.spines[["top", "right", "left"]].set_visible(False)
    right.spines["bottom"].set_visible(False)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    plt.close(figure)
    return drawn


def _draw_intervals(axes: Any, names: list[str], comparison: Record, found: Record) -> None:
    """Draw the ratio of each variant to the baseline, with its interval and its name."""
    select = selected_score(comparison)
    against = {each["variant"]: each for each in found["comparisons"]}
    for row, name in enumerate(names):
        each = against.get(name)
        if each and each["ratio"]:
            color = _COLORS[each["verdict"]]
            axes.plot(each["ratio"], row, "o", color=color, markersize=5)
            if each.get("low") is not None:
                axes.plot([each["low"], each["high"]], [row, row], color=color, linewidth=2)
        elif name == comparison["baseline"]:
            axes.plot(1, row, "s", color="black", markersize=5)
    axes.set(
        xscale="log",
        ylim=(len(names) - 0.5, -0.5),
        xlabel=f"{select} {comparison['score']}, ratio to {_short(comparison['baseline'])}",
    )
    _limit_ratios(axes, [each["ratio"] for each in found["comparisons"] if each["ratio"]])
    labels = [_label(name, found["variants"][name], select) for name in names]
    for row, name in enumerate(names):
        if rung := left_at(comparison, name):
            labels[row] += f", left at rung {rung}"
    axes.set_yticks(range(len(names)), labels)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.grid(axis="x", alpha=0.3)


def _limit_ratios(axes: Any, ratios: list[float]) -> None:
    """Set the limits and the ticks of the ratios' axis."""
    # Intervals may be cut off, ratios may not.
    axes.set_xlim(
        max(axes.get_xlim()[0], min([0.2, *(0.8 * ratio for ratio in ratios)])),
        min(axes.get_xlim()[1], max([50, *(1.25 * ratio for ratio in ratios)])),
    )
    low, high = axes.get_xlim()
    ticks = [t for t in (_WIDE_TICKS if high / low > 300 else _NARROW_TICKS) if low <= t <= high]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()


def _draw_samples(
    axes: Any, names: list[str], comparison: Record, folder: Path, count: int
) -> None:
    """Draw samples of the first seed of each variant."""
    seed = comparison["seeds"][0]
    for row, name in enumerate(names):
        strip = sample_row(folder / folder_of(comparison, name, seed), count)
        if strip is not None:
            axes.imshow(strip, extent=(0, strip.shape[1], row + 0.45, row - 0.45), aspect="auto")
    axes.set(ylim=(len(names) - 0.5, -0.5), xticks=[], yticks=[])
    axes.set_xlabel(f"samples of seed {seed} at the last step")


def _label(name: str, summary: Record, select: str) -> str:
    value = summary[select]
    missing = "failed" if summary.get("failed") else "no score"
    return f"{_short(name)}   {value:.3g}" if value else f"{_short(name)}   {missing}"


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}\N{HORIZONTAL ELLIPSIS}"
