"""Seven corruptions of a set of images at several levels, to validate a distance.

A distance that ranks generators must rise with every level of every fault that generators have. The
idea is that of Heusel et al. (2017, arXiv 1706.08500, appendix A1); the faults of diversity
(dropped modes, few distinct images) are added here. No TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageFilter

LEVELS: Mapping[str, tuple[float, ...]] = {
    "noise": (6, 12, 25, 50),  # standard deviation, in gray levels of 255
    "blur": (0.01, 0.02, 0.04, 0.08),  # radius of the Gaussian, in sides of the image
    "rectangles": (
        0.1,
        0.2,
        0.3,
        0.4,
    ),  # side of each of three black rectangles, in sides of the image
    "salt_and_pepper": (0.01, 0.03, 0.1, 0.3),  # share of pixels
    "dropped_modes": (1 / 8, 1 / 4, 1 / 2, 3 / 4),  # share of modes that are never drawn
    "few_distinct": (1 / 4, 1 / 16, 1 / 64, 1 / 256),  # distinct images, as a share of all
    "scrambled": (0.125, 0.25, 0.5, 1.0),  # share of the 4x4 patches that change places
}


def corrupt(
    name: str,
    pool: np.ndarray,
    count: int,
    level: float,
    *,
    seed: int,
    modes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw ``count`` images from a pool and corrupt them.

    Args:
        name: A key of :data:`LEVELS`.
        pool: uint8 ``[N, H, W, C]``, N >= count.
        count: How many images to return.
        level: In the unit of :data:`LEVELS`; 0 (1 for ``few_distinct``) corrupts nothing.
        seed: One seed draws the same images, places and modes at every level.
        modes: Class of each image, int ``[N]``; needed by ``dropped_modes``. Without labels, use
            :func:`clusters`.

    Returns:
        uint8 ``[count, H, W, C]``. With dropped modes, images are repeated if fewer than
        ``count`` are left.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pool))
    if name == "dropped_modes":
        assert modes is not None, "dropped_modes needs the class of every image"
        classes = rng.permutation(np.unique(modes))
        dropped = classes[: round(level * len(classes))]
        left = order[~np.isin(modes[order], dropped)]
        return pool[np.resize(left, count)]
    if name == "few_distinct":
        return pool[np.resize(order[: max(1, round(level * count))], count)]
    return _CORRUPT[name](pool[order[:count]], level, rng)


def _noise(images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(images.shape, np.float32)
    return np.clip(np.rint(images + level * noise), 0, 255).astype(np.uint8)


def _blur(images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    blur = ImageFilter.GaussianBlur(level * images.shape[1])
    planes = images[..., 0] if images.shape[3] == 1 else images
    return np.reshape(
        [np.asarray(Image.fromarray(x).filter(blur)) for x in planes], images.shape
    ).astype(np.uint8)


def _rectangles(images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    out = images.copy()
    height, width = images.shape[1:3]
    h, w = round(level * height), round(level * width)
    for image, places in zip(out, rng.uniform(size=(len(images), 3, 2)), strict=True):
        for y, x in places:
            top, left = int(y * (height - h + 1)), int(x * (width - w + 1))
            image[top : top + h, left : left + w] = 0
    return out


def _salt_and_pepper(images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    where = rng.uniform(size=(*images.shape[:3], 1))
    salt = rng.uniform(size=where.shape) < 0.5
    return np.where(where < level, np.where(salt, 255, 0), images).astype(np.uint8)


def _scrambled(images: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    out = images.copy()
    h, w = images.shape[1] // 4, images.shape[2] // 4
    for image, source in zip(out, images, strict=True):
        moved = rng.permutation(16)[: round(16 * level)]
        for a, b in zip(moved, np.roll(moved, 1), strict=True):
            (ya, xa), (yb, xb) = divmod(int(a), 4), divmod(int(b), 4)
            image[ya * h : (ya + 1) * h, xa * w : (xa + 1) * w] = source[
                yb * h : (yb + 1) * h, xb * w : (xb + 1) * w
            ]
    return out


_CORRUPT: Mapping[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "noise": _noise,
    "blur": _blur,
    "rectangles": _rectangles,
    "salt_and_pepper": _salt_and_pepper,
    "scrambled": _scrambled,
}


def clusters(images: np.ndarray, count: int = 8, *, seed: int = 0) -> np.ndarray:
    """Return the modes of images without labels: k-means of 8x8 pixels, int64 ``[N]``."""
    side = 8
    planes = images[..., 0] if images.shape[3] == 1 else images
    box = Image.Resampling.BOX
    x = np.array(
        [np.asarray(Image.fromarray(p).resize((side, side), box)) for p in planes], np.float32
    ).reshape(len(images), -1)
    centers = x[np.random.default_rng(seed).choice(len(x), count, replace=False)]
    for _ in range(30):
        nearest = ((x**2).sum(1)[:, None] - 2 * x @ centers.T + (centers**2).sum(1)).argmin(axis=1)
        centers = np.stack(
            [
                x[nearest == k].mean(axis=0) if (nearest == k).any() else centers[k]
                for k in range(count)
            ]
        )
    return nearest


def severity_sweep(
    distance: Callable[[np.ndarray], float],
    pool: np.ndarray,
    count: int,
    *,
    modes: np.ndarray,
    draws: int,
    seed: int = 0,
    names: Sequence[str] = tuple(LEVELS),
) -> dict[str, np.ndarray]:
    """Measure the distance at every level of every corruption.

    Args:
        distance: A function of uint8 ``[count, H, W, C]``: its distance from real images that are
            not in the pool.
        pool: See :func:`corrupt`.
        count: How many images to draw each time.
        modes: See :func:`corrupt`.
        draws: How many times images, places and modes are drawn.
        seed: Of the draws.
        names: Which corruptions.

    Returns:
        For each corruption float64 ``[draws, levels + 1]``; the first column is without it.
    """
    clean = [
        distance(corrupt("few_distinct", pool, count, 1.0, seed=seed + draw))
        for draw in range(draws)
    ]
    return {
        name: np.array(
            [
                [clean[draw]]
                + [
                    distance(corrupt(name, pool, count, level, seed=seed + draw, modes=modes))
                    for level in LEVELS[name]
                ]
                for draw in range(draws)
            ]
        )
        for name in names
    }
