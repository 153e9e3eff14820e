"""The sliced Wasserstein distance against the arithmetic of its authors' code."""

import numpy as np
import pytest

from gan_zoo.errors import UserError
from gan_zoo.evaluation.sliced_wasserstein import laplacian_pyramid, refusal, sliced_wasserstein


def waves(seed):
    """64 images of 32 pixels: a wave of its own direction, colors and contrast in each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32] / 32
    f, phase = rng.uniform(1, 4, (64, 2, 1, 1)), rng.uniform(0, 6.28, (64, 3, 1, 1))
    height = rng.uniform(20, 90, (64, 3, 1, 1))
    wave = np.sin(2 * np.pi * (f[:, :1] * x + f[:, 1:] * y) + phase) * height + 128
    noisy = wave + rng.normal(0, 8, wave.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def contrasts(images):
    """The images, each with a contrast of its own."""
    factors = np.random.default_rng(5).choice([0.2, 1.6], (64, 1, 1, 1))
    return np.clip(128 + (images.astype(float) - 128) * factors, 0, 255).astype(np.uint8)


# The distances at 32 and 16 pixels by metrics/sliced_wasserstein.py of
# progressive_growing_of_gans 2504c3f, means over 4 seeds, whose deviation is up to 3.2.
AUTHORS = {"same": (59.86, 69.52), "half": (59.82, 69.52), "own contrasts": (268.96, 265.84)}


@pytest.mark.parametrize("name", AUTHORS)
def test_it_is_that_of_the_authors_code(name):
    real, fake = waves(0), waves(1)
    if name == "half":
        fake = (64 + fake // 2).astype(np.uint8)
    if name == "own contrasts":
        fake = contrasts(fake)
    found = sliced_wasserstein(real, fake)
    assert list(found) == [32, 16]
    assert list(found.values()) == pytest.approx(AUTHORS[name], rel=0.05)


def test_the_pyramid_is_that_of_opencv_by_hand():
    image = np.zeros((1, 16, 16, 1), np.uint8)
    image[0, 0, 0, 0] = 16  # in a corner, where the kernel is mirrored
    fine, coarse = laplacian_pyramid(image, 2)
    assert coarse[0, :3, :3, 0].tolist() == [[2.25, 0.375, 0], [0.375, 0.0625, 0], [0, 0, 0]]
    # Doubled, the corner has 36/64 of 2.25 and 6/64 of its neighbors, twice: mirrored 2 pixels.
    doubled = 4 * (36 * 2.25 + 2 * 12 * 0.375 + 4 * 0.0625) / 256
    assert fine[0, 0, 0, 0] == pytest.approx(16 - doubled)


def test_it_depends_on_its_seed_alone_and_bears_flat_images():
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 255, (2, 4, 16, 16, 3), np.uint8)
    assert sliced_wasserstein(one, two) == sliced_wasserstein(one, two)
    assert sliced_wasserstein(one, two, seed=1) != sliced_wasserstein(one, two)
    assert sliced_wasserstein(np.zeros_like(one), np.full_like(one, 9)) == {16: 0.0}


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 32, 32, 1), "3 channels"),
        ((4, 32, 48, 3), "square"),
        ((4, 75, 75, 3), "halved"),
        ((4, 8, 8, 3), "16 pixels"),
    ],
)
def test_it_says_what_it_cannot_do(shape, words):
    images = np.zeros(shape, np.uint8)
    with pytest.raises(UserError, match=words):
        sliced_wasserstein(images, images)
    assert words in refusal(shape[1:])
    with pytest.raises(UserError, match="as many"):
        sliced_wasserstein(images, images[:3])


@pytest.mark.parametrize(("side", "levels"), [(16, [16]), (28, [28]), (48, [48, 24]), (90, None)])
def test_it_computes_what_it_does_not_refuse(side, levels):
    images = np.random.default_rng(0).integers(0, 255, (2, side, side, 3), np.uint8)
    assert (refusal(images.shape) is None) == (levels is not None)
    if levels:
        assert list(sliced_wasserstein(images, images[::-1])) == levels
