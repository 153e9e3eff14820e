"""Sizes on the way to an image, and where weights start."""

from __future__ import annotations

import keras


def resolution_schedule(
    height: int, width: int, smallest: int = 6, steps: int | None = None
) -> list[tuple[int, int]]:
    """The sizes on the way from a small map up to the image, each half of the next (rounded up).

    A stride-2 convolution with padding ``same`` walks down this schedule exactly; a transposed one
    walks up it after :func:`crop_to`. So 28, 48, 96 and 100x75 need no special case.

    Args:
        height: Of the image, in pixels.
        width: Likewise.
        smallest: The schedule ends at the first size whose longer side is at most this.
        steps: In place of ``smallest``, how often the image is halved.
    """
    sizes = [(height, width)]
    while len(sizes) <= steps if steps is not None else max(sizes[0]) > smallest:
        h, w = sizes[0]
        sizes.insert(0, ((h + 1) // 2, (w + 1) // 2))
    return sizes


def crop_to(x, size: tuple[int, int]):
    """Cut the last row or column off where doubling went one pixel past an odd size. x: [B, h, w, C] -> [B, *size, C]."""
    down, right = x.shape[1] - size[0], x.shape[2] - size[1]
    return keras.layers.Cropping2D(((0, down), (0, right)))(x) if down or right else x


def dcgan_init() -> keras.Initializer:
    """normal(0, 0.02), as Radford et al. 2015 (arXiv:1511.06434), section 4, initialize all weights."""
    return keras.initializers.RandomNormal(stddev=0.02)
