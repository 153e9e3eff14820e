"""Stacked MNIST: three digits as the colors of one image, which makes 1,000 modes to cover."""

from __future__ import annotations

import numpy as np

from gan_zoo.contracts import Dataset, ImageSpec
from gan_zoo.datasets.classic import DIGITS, mnist_source
from gan_zoo.datasets.load import load
from gan_zoo.datasets.pixels import Preprocessing
from gan_zoo.datasets.sources import Contents, Source, fingerprint
from gan_zoo.errors import UserError
from gan_zoo.registry import datasets

# The columns of labels of a data set whose colors are pictures of their own, each with its class.
CHANNELS = ("red", "green", "blue")
_COUNTS = {"test": 26_000}  # if none is given
_COUNT = 128_000


@datasets.register
def stacked_mnist(
    n: int = 0,
    split: str = "train",
    seed: int = 0,
    fit: str = "crop",
    resample: str = "lanczos",
    *,
    images: ImageSpec,
) -> Dataset:
    """MNIST's digits three by three, as red, green and blue of one image: 1,000 modes.

    Metz et al. 2017, arXiv 1611.02163, section 3.3. Digits are drawn at random, with repetition.
    Srivastava et al. 2017 (VEEGAN) and Lin et al. 2018 (PacGAN) train on 128,000 such images; Metz
    et al. draw new ones all the time. PacGAN's program draws from all 70,000 digits
    (``split="all"``); here the 10,000 test digits are kept for the recognizer of ``gan_zoo modes``.

    The columns of labels are ``red``, ``green`` and ``blue``, and ``class`` with all three digits.

    Args:
        n: How many images; 0 for 128,000, and 26,000 of ``split="test"``.
        split: Of MNIST: train, test or all.
        seed: Of the choice of digits.
        fit: See ``files``.
        resample: See ``files``.
        images: For its data_dir see ``mnist``.

    Raises:
        UserError: The files cannot be downloaded or read, or ``--channels=1``.
    """
    if n < 0:
        raise UserError(f"n={n} images cannot be stacked; give stacked_mnist a larger n.")
    if images.channels == 1:
        raise UserError(
            "--channels=1 would mix the three digits of stacked_mnist into one; leave it out, or"
            " use --data=mnist."
        )
    digits = mnist_source(split, images.data_dir)
    source = _stacked(digits, n or _COUNTS.get(split, _COUNT), seed)
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    data = load("stacked_mnist", source, preprocessing, False, images.cache_dir)
    number = data.labels["class"]
    each = {c: number // 10 ** (2 - i) % 10 for i, c in enumerate(CHANNELS)}
    return data._replace(
        labels={**data.labels, **each},
        label_values={**data.label_values, **dict.fromkeys(CHANNELS, DIGITS)},
    )


def _stacked(digits: Source, n: int, seed: int) -> Source:
    """Return a source of ``n`` images, each of three of the digits of another source."""

    def contents() -> Contents:
        single = digits.open()
        rows = np.random.default_rng(seed).integers(len(single.names), size=(n, 3))
        assert single.labels is not None
        return Contents(
            [f"image {i}" for i in range(n)],
            lambda i: np.stack([np.asarray(single.read(row)) for row in rows[i]], axis=-1),
            single.labels[rows] @ [100, 10, 1],
            tuple(f"{i:03d}" for i in range(1000)),
        )

    return Source(digits.where, fingerprint(digits.fingerprint, "stacked", n, seed), contents)
