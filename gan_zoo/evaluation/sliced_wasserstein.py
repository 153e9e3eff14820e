"""The sliced Wasserstein distance of patches, in the form of the paper."""

from __future__ import annotations

import numpy as np

from gan_zoo.errors import UserError

PATCH = 7  # pixels a side
PATCHES = 128  # of each image and level
DIRECTIONS = 512
_SMALLEST = 16  # pixels of the last level, at least
_BATCH = 256
_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16


def refusal(shape: tuple[int, ...]) -> str | None:
    """Return why the distance cannot be computed for images ``(..., H, W, C)``, or None."""
    height, width, channels = shape[-3:]
    if channels != 3:
        return f"it wants 3 channels and the images have {channels}"
    if height != width:
        return f"it wants square images and these are {height}x{width}"
    if height < _SMALLEST:
        return f"it wants {_SMALLEST} pixels or more and the images have {height}"
    halvings = _levels(height) - 1
    if height % 2**halvings:
        return f"it halves the image {halvings} times and {height} pixels cannot be halved so often"
    return None


def sliced_wasserstein(real: np.ndarray, fake: np.ndarray, *, seed: int = 0) -> dict[int, float]:
    """Return the sliced Wasserstein distance of patches on each level of a Laplacian pyramid.

    Karras et al. 2018, arXiv 1710.10196, section 5: from each level, 128 patches of 7x7 pixels of
    each image; of all patches of a set, each color channel is normalized to mean 0 and deviation 1;
    the distance is the mean over 512 random directions. So it does not see a change of the contrast
    or color of the whole set, but it does see one that differs between images. (TF-GAN normalizes
    each patch by its own mean and deviation, over all channels: another number.)

    Args:
        real: uint8 ``[N, H, H, 3]``. Numbers depend on N, and compare with the paper's at its
            16,384 images only.
        fake: uint8 ``[N, H, H, 3]``.
        seed: Of patches and directions.

    Returns:
        For each level's height in pixels, from the image's down to 16 or a little more, the
        distance times 1e3, as in the paper. It is 0 for constant images of one color.

    Raises:
        UserError: The images differ in shape or number, or have a shape that cannot be measured.
    """
    if real.shape != fake.shape:
        raise UserError(
            f"sliced Wasserstein wants as many real images as fake, of one size; got {real.shape}"
            f" and {fake.shape}."
        )
    reason = refusal(real.shape)
    if reason:
        raise UserError(f"sliced Wasserstein cannot be computed: {reason}; leave it out.")
    rng = np.random.default_rng(seed)
    sets = [_patches(images, rng) for images in (real, fake)]
    distances = {}
    for level in range(_levels(real.shape[1])):
        one, two = (_normalized(patches[level]) for patches in sets)
        distances[real.shape[1] >> level] = 1e3 * _distance(one, two, rng)
    return distances


def _levels(side: int) -> int:
    return int(np.log2(side / _SMALLEST)) + 1


def _patches(images: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Return float32 ``[128 N, C, 7, 7]`` for each level of the pyramid of uint8 images."""
    levels: list[list[np.ndarray]] = [[] for _ in range(_levels(images.shape[1]))]
    for start in range(0, len(images), _BATCH):
        pyramid = laplacian_pyramid(images[start : start + _BATCH], len(levels))
        for maps, patches in zip(pyramid, levels, strict=True):
            windows = np.lib.stride_tricks.sliding_window_view(maps, (PATCH, PATCH), axis=(1, 2))
            count, height, width = windows.shape[:3]
            of = np.repeat(np.arange(count), PATCHES)
            rows, columns = (rng.integers(0, n, len(of)) for n in (height, width))
            patches.append(windows[of, rows, columns])
    return [np.concatenate(patches) for patches in levels]


def laplacian_pyramid(images: np.ndarray, levels: int) -> list[np.ndarray]:
    """Return the differences of float32 maps ``[N, H, W, C]`` to those of half the side.

    The last of the ``levels`` has the smallest maps themselves. Maps are halved and doubled by the
    binomial kernel (1, 4, 6, 4, 1), mirrored at the edges, as OpenCV's ``pyrDown`` does.
    """
    pyramid = [images.astype(np.float32)]
    for _ in range(1, levels):
        small = _blurred(pyramid[-1])[:, ::2, ::2]
        spread = np.zeros_like(pyramid[-1])
        spread[:, ::2, ::2] = 4 * small
        pyramid[-1] -= _blurred(spread)
        pyramid.append(small)
    return pyramid


def _blurred(maps: np.ndarray) -> np.ndarray:
    for axis in (1, 2):
        margins = [(2, 2) if i == axis else (0, 0) for i in range(4)]
        padded = np.moveaxis(np.pad(maps, margins, mode="reflect"), axis, 0)
        side = maps.shape[axis]
        blurred = sum(weight * padded[i : i + side] for i, weight in enumerate(_BINOMIAL))
        maps = np.moveaxis(blurred, 0, axis)
    return maps


def _normalized(patches: np.ndarray) -> np.ndarray:
    """Return patches as rows, each channel of the whole set with mean 0 and deviation 1."""
    # The mean in float64: float32 would lose digits over millions of values.
    patches = patches - patches.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    deviation = patches.std(axis=(0, 2, 3), keepdims=True)
    deviation[deviation == 0] = 1.0  # a channel without any pattern
    return (patches / deviation).astype(np.float32).reshape(len(patches), -1)


def _distance(one: np.ndarray, two: np.ndarray, rng: np.random.Generator) -> float:
    """Return the mean distance of the projections of two sets of rows to random directions."""
    directions = rng.normal(size=(DIRECTIONS, one.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    total = 0.0
    for some in np.split(directions.astype(np.float32), 16):
        # Sorted along rows, which are contiguous in memory.
        projected = [np.sort(some @ rows.T, axis=1) for rows in (one, two)]
        total += float(np.abs(projected[0] - projected[1]).mean(dtype=np.float64)) / 16
    return total
