"""The nearest of all training images, for samples and, as a scale, for held-out images.

The test in :mod:`.copies` uses as many training images as there are held-out ones. As these may be
few, near-copies are also sought among all training images. No TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_zoo import images
from gan_zoo.analysis.copies import independent_count, wilson
from gan_zoo.evaluation.neighbors import nearest
from gan_zoo.pulse import make_bar

_BLOCK = 2000  # training images whose features are in memory at a time

Share = tuple[float, float, float]  # and its 99 % interval


class Space(NamedTuple):
    """Where distances are measured: a name, and a function from images to ``[N, D]``."""

    name: str
    function: Callable[[np.ndarray], np.ndarray]


class Nearest(NamedTuple):
    """The nearest training image of each of N images.

    Attributes:
        distance: To it, ``[N]``.
        row: Its row in the data, ``[N]``.
        ratio: The distance divided by that to the nearest held-out image, ``[N]``; well below 1 is
            suspicious.
    """

    distance: np.ndarray
    row: np.ndarray
    ratio: np.ndarray


def nearest_training_images(
    space: Space,
    samples: np.ndarray,
    held_out: np.ndarray,
    scale: np.ndarray,
    images: np.ndarray,
    train: np.ndarray,
) -> tuple[Nearest, Nearest]:
    """Find the nearest of all training images, block by block.

    Args:
        space: Where distances are measured.
        samples: uint8 ``[N, H, W, C]``.
        held_out: uint8 ``[M, H, W, C]``.
        scale: The rows of ``held_out`` to look up as well.
        images: The whole data set.
        train: The rows of it that were trained on.

    Returns:
        The nearest images of the samples, and of the held-out images in ``scale``.
    """
    held_out_points = space.function(held_out)
    points = [space.function(samples), held_out_points[scale]]
    best = [(np.full(len(p), np.inf), np.zeros(len(p), np.int64)) for p in points]
    starts = range(0, len(train), _BLOCK)
    for start in make_bar(
        starts, desc=f"nearest training images, {space.name}", leave=False, disable=None, delay=1
    ):
        rows = train[start : start + _BLOCK]
        block = space.function(images[rows])
        for p, (distance, row) in zip(points, best, strict=True):
            d, at = (x[:, 0] for x in nearest(p, block))
            closer = d < distance
            distance[closer], row[closer] = d[closer], rows[at[closer]]
    # Of a held-out image, the first nearest held-out image is itself.
    others = (
        nearest(points[0], held_out_points)[0][:, 0],
        nearest(points[1], held_out_points, k=2)[0][:, 1],
    )
    found = []
    for (distance, row), other in zip(best, others, strict=True):
        ratio = np.divide(distance, other, out=np.where(distance > 0, np.inf, 1.0), where=other > 0)
        found.append(Nearest(distance, row, ratio))
    return found[0], found[1]


class NearCopies(NamedTuple):
    """Shares of images less than half as far from a training image as from any held-out one.

    Attributes:
        samples: Of the samples, and its 99 % interval.
        held_out: The same of held-out images: chance and repeats in the data.
        copies: Whether samples are near-copies more often than held-out images, beyond both
            intervals and by 1 % of them at least.
    """

    samples: Share
    held_out: Share
    copies: bool


def near_copies(found: tuple[Nearest, Nearest]) -> NearCopies:
    """Count the near-copies among samples and held-out images."""
    shares = []
    for each in found:
        share = float((each.ratio < 0.5).mean())
        shares.append((share, *wilson(share, independent_count(each.row))))
    samples, held_out = shares
    return NearCopies(
        samples, held_out, samples[1] > held_out[2] and samples[0] > held_out[0] + 0.01
    )


def pairs_picture(
    title: str,
    samples: np.ndarray,
    held_out: np.ndarray,
    data: np.ndarray,
    found: tuple[Nearest, Nearest],
    count: int,
) -> np.ndarray:
    """Draw samples and held-out images, each beside its nearest training image.

    Args:
        title: A line above it.
        samples: uint8 ``[N, H, W, C]``.
        held_out: uint8 ``[M, H, W, C]``, the rows ``scale``.
        data: The whole data set.
        found: From :func:`nearest_training_images`.
        count: How many rows; the most suspicious are first.

    Returns:
        uint8 ``[H', W', 3]``.
    """
    orders = [np.argsort(each.ratio, kind="stable")[:count] for each in found]
    cells = []
    for a, b in zip(*orders, strict=False):
        cells += [samples[a], data[found[0].row[a]], held_out[b], data[found[1].row[b]]]
    factor = max(1, 96 // max(samples.shape[1:3]))
    enlarged = np.stack(cells).repeat(factor, axis=1).repeat(factor, axis=2)
    columns = ("sample", "training", "held-out", "training")
    return images.captioned(images.grid(enlarged, columns=4, gap=4), title, columns)
