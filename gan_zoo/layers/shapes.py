"""The sizes of a net's maps, and DCGAN's initial weights."""

from __future__ import annotations

import keras


def resolution_schedule(
    height: int, width: int, smallest: int = 6, steps: int | None = None
) -> list[tuple[int, int]]:
    """Return the sizes from a small map up to the image, each half of the next (rounded up).

    A stride-2 convolution with padding ``same`` goes down this schedule exactly; a transposed one
    goes up it with :func:`crop_to`. So 28, 48, 96 and 100x75 need no special case.

    Args:
        height: The height of the image, in pixels.
        width: The width of the image, in pixels.
        smallest: The schedule begins at the largest size whose longer side is at most this.
        steps: The number of halvings, in place of ``smallest``.
    """
    sizes = [(height, width)]
    while len(sizes) <= steps if steps is not None else max(sizes[0]) > smallest:
        h, w = sizes[0]
        sizes.insert(0, ((h + 1) // 2, (w + 1) // 2))
    return sizes


def crop_to(x, size: tuple[int, int]):
    """Return x [B, h, w, C] without the last row or column where doubling exceeded an odd size.

    The result is [B, *size, C].
    """
    rows, columns = x.shape[1] - size[0], x.shape[2] - size[1]
    return keras.layers.Cropping2D(((0, rows), (0, columns)))(x) if rows or columns else x


def dcgan_init() -> keras.Initializer:
    """Return normal(0, 0.02), as in Radford et al. 2015 (arXiv:1511.06434), section 4."""
    return keras.initializers.RandomNormal(stddev=0.02)
