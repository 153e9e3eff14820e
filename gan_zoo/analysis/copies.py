"""Does the generator copy its training images?

The test needs held-out images: real ones of the same source that were not trained on. If the
generator has learned the distribution and not the images, a sample's nearest real image is a
held-out one as often as one of as many training images. So the share of samples that are nearer to
training images is one half, *whatever the samples look like*: blurred ones are nearer to
everything, but equally to both sets, and near-duplicates within the data are equally in both sets.
Only memorization of the training images changes the share. (The same share is used to audit
synthetic tables. A test on distances to the training set alone, as in Meehan et al. 2020, arXiv
2004.05675, may take blurred samples for copies.)

A generator that has overfitted a little changes the share a little. A copy is more: its distance to
its training image is less than half the distance to any held-out one. In many dimensions that
hardly ever happens by chance; if near-duplicates in the data make it happen, it happens as often
with the two sets exchanged, and that share is subtracted.

Intervals: without copying, each *real image* (not each sample) is in either set with probability
one half. Samples with the same nearest image are not independent. So they count as n^2 / sum(c^2)
samples, where c are the numbers of samples that share a nearest image: a collapsed generator does
not fail the test by one chance. No TensorFlow.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.neighbors import nearest
from gan_zoo.evaluation.pixels import pixel_vectors

PIXELS = 32  # the side at which pixels are compared


class Copies(NamedTuple):
    """The result in one space (features or pixels).

    Attributes:
        space: ``features of <extractor>`` or ``pixels``.
        n: Number of samples.
        m: Number of held-out images, and of training images that they were compared with.
        closer: Share of samples nearer to a training image than to any held-out one (a tie counts
            half); 0.5 without copying.
        closer_interval: Its 99 % interval (Wilson 1927).
        copied: Share of samples less than half as far from a training image as from any held-out
            one, less the share with the two sets exchanged; 0 without copying.
        copied_interval: Its 99 % interval (Wilson's, of the first among both).
        verdict: ``copies``, ``suspicious`` (nearer to the training images, but no copies) or ``no
            evidence``.
    """

    space: str
    n: int
    m: int
    closer: float
    closer_interval: tuple[float, float]
    copied: float
    copied_interval: tuple[float, float]
    verdict: str

    def __str__(self) -> str:
        """Return one sentence."""
        low, high = (100 * x for x in self.closer_interval)
        verdict = {
            "copies": (
                f"copies: {100 * self.copied:.1f} % of samples are near-copies of training images"
            ),
            "suspicious": (
                "suspicious: samples are nearer to training images than they should be, without"
                " being copies"
            ),
            "no evidence": "no evidence of copying",
        }[self.verdict]
        return (
            f"{verdict}. In {self.space}, {100 * self.closer:.1f} % of {self.n} samples"
            f" ({low:.1f} to {high:.1f}) are nearer to one of {self.m} training images than to any"
            f" of {self.m} held-out ones; without copying it is 50 %."
        )


def wilson(p: float, n: float, z: float = 2.576) -> tuple[float, float]:
    """Return Wilson's interval (1927) of a share ``p`` in ``n`` trials; ``z`` 2.576 is 99 %."""
    w = z * z / n
    half = z * np.sqrt(p * (1 - p) / n + w / (4 * n))
    return float((p + w / 2 - half) / (1 + w)), float((p + w / 2 + half) / (1 + w))


def find_copies(
    samples: np.ndarray,
    train: np.ndarray,
    held_out: np.ndarray,
    *,
    extractor: FeatureExtractor | None,
    seed: int = 0,
) -> list[Copies]:
    """Look for copies of training images among samples, in pixels and in feature space.

    As many training images as there are held-out ones are drawn at random. With a tenth of them a
    tenth of the copies is found: enough for a verdict, and ``m`` tells how many were compared.

    Args:
        samples: uint8 ``[N, H, W, C]``, of the generator.
        train: uint8 ``[T, H, W, C]``, its training images.
        held_out: uint8 ``[M, H, W, C]``, a random choice of real images of the same source that
            were not trained on.
        extractor: For the feature space; None compares pixels only.
        seed: Of the choice of training images.

    Returns:
        One result for each space, pixels first. Pixels are compared at 32x32.

    Raises:
        UserError: No held-out images.
    """
    spaces: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "pixels": functools.partial(pixel_vectors, size=PIXELS)
    }
    if extractor is not None:
        spaces[f"features of {extractor.name}"] = extractor.features
    if not len(held_out):
        raise UserError(
            "copies cannot be found without held-out images; keep some real images from training"
            " and give them."
        )
    rng = np.random.default_rng(seed)
    m = min(len(train), len(held_out))
    train = train[np.sort(rng.permutation(len(train))[:m])]
    held_out = held_out[np.sort(rng.permutation(len(held_out))[:m])]
    return [
        _compare(space, function(samples), function(train), function(held_out))
        for space, function in spaces.items()
    ]


def _compare(space: str, samples: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> Copies:
    n, m = len(samples), len(train)
    to_train, at_train = (x[:, 0] for x in nearest(samples, train))
    to_held_out, at_held_out = (x[:, 0] for x in nearest(samples, held_out))
    image = np.where(to_train <= to_held_out, at_train, m + at_held_out)
    closer, closer_interval = _share(np.sign(to_held_out - to_train), image)
    taken, mirrored = to_train < to_held_out / 2, to_held_out < to_train / 2
    either = taken | mirrored
    among, (low, high) = _share(np.where(taken, 1, -1)[either], image[either])
    copied = either.mean() * (2 * among - 1)
    verdict = "suspicious" if closer_interval[0] > 0.5 else "no evidence"
    if low > 0.5 and copied > 0.005:
        verdict = "copies"
    interval = (float(either.mean() * (2 * low - 1)), float(either.mean() * (2 * high - 1)))
    return Copies(space, n, m, closer, closer_interval, float(copied), interval, verdict)


def _share(signs: np.ndarray, image: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return the share of +1 among signs (0 counts half) and its interval (see the module)."""
    if not len(signs):
        return 0.5, (0.0, 1.0)
    p = float((1 + signs.mean()) / 2)
    return p, wilson(p, independent_count(image))


def independent_count(image: np.ndarray) -> float:
    """Return n^2 / sum(c^2) for c samples of the same nearest image ``[N]``: see the module."""
    counts = np.unique(image, return_counts=True)[1]
    return len(image) ** 2 / float((counts**2).sum())
