"""Statistics of the real images, and the metrics of a snapshot in training.

No TensorFlow but the extractor's.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation import distances, protocol
from gan_zoo.evaluation.cache import cached
from gan_zoo.evaluation.monge import monge_distance
from gan_zoo.evaluation.neighbors import LEAST as LEAST_NEIGHBORS
from gan_zoo.evaluation.neighbors import manifold
from gan_zoo.evaluation.pixels import check_images
from gan_zoo.evaluation.protocol import Result, Stamp
from gan_zoo.evaluation.spectrum import Spectrum, excess, spectrum


class Real(NamedTuple):
    """Statistics of the real images, so that an evaluation needs only the fake ones.

    Attributes:
        features: float32 ``[n_real, D]``, in random order.
        statistics: Their mean and covariance.
        diversity: Their mean pairwise distance.
        spectrum: Of the images; None where they are too small.
        stamp: The stamp of every result, without ``metric`` and ``n_fake``.
        rows: Their indices in the data set, int64 ``[n_real]``, in the order of the features.
    """

    features: np.ndarray
    statistics: distances.Statistics
    diversity: float
    spectrum: Spectrum | None
    stamp: Stamp
    rows: np.ndarray


def real_statistics(
    data: Dataset,
    extractor: FeatureExtractor,
    *,
    n: int = 10_000,
    split: str = "train",
    seed: int = 0,
    cache_dir: str | Path | None = None,
) -> Real:
    """Return the statistics of the real images, from the cache if they are there.

    Args:
        data: The real images.
        extractor: The feature network.
        n: How many images at most, drawn without replacement by ``seed``.
        split: What part of the data this is, in a word, for the stamp.
        seed: Goes into the stamp.
        cache_dir: Where features are kept, by the hashes of data and extractor; None keeps nothing.

    Raises:
        UserError: Fewer than 2 images, or features that are not finite.
    """
    n = min(n, len(data.images))
    rows = np.sort(np.random.default_rng(seed).permutation(len(data.images))[:n])
    # Sorted reads are kind to memory maps; the shuffle keeps the features in random order.
    rows_shuffled = np.random.default_rng(seed).permutation(n)

    def compute() -> dict[str, np.ndarray]:
        return {
            "features": np.asarray(extractor.features(data.images[rows])[rows_shuffled], np.float32)
        }

    key = f"real-{data.hash[:16]}-{_key(extractor)}-{n}-{seed}"
    features = cached(cache_dir, key, compute)["features"]
    resize = f"{data.resize}, {extractor.resize}"
    stamp = Stamp(
        "",
        extractor.name,
        extractor.hash,
        resize,
        n,
        0,
        split,
        None,
        data.hash,
        seed,
        protocol.versions(),
        data.name,
    )
    average_spectrum = (
        spectrum(data.images[rows[:: max(1, n // 2000)]])
        if min(data.image_shape[:2]) >= 16
        else None
    )
    return Real(
        features,
        distances.Statistics.of(features),
        distances.diversity(features)[0],
        average_spectrum,
        stamp,
        rows[rows_shuffled],
    )


def _key(extractor: FeatureExtractor) -> str:
    """Return what features depend on beside the images, for the name of a file."""
    # One network may be given several resizes.
    resize = re.sub(r"\W+", "_", extractor.resize)
    return f"{extractor.name}-{extractor.hash[:16]}-{resize}"


def score_snapshot(
    real: Real, fake_images: np.ndarray, extractor: FeatureExtractor, *, ema: bool | None = None
) -> list[Result]:
    """Return all metrics of our own formulas, in a second or two at 2,000 images of 64x64.

    In this order: ``FD`` (equal to TF-GAN's); ``precision``, ``recall``, ``density``, ``coverage``
    (of as many real images as fake ones, or the reverse; left out of fewer than 6); ``diversity``
    (mean pairwise distance of fake images over that of real ones, 1 when equal; left out where all
    real images are the same);
    ``spectrum-high`` and ``spectrum-checkerboard`` (decibel over real images, 0 when equal; see
    :mod:`.spectrum`).

    Args:
        real: From :func:`real_statistics`.
        fake_images: uint8 ``[N, H, W, C]``, in random order.
        extractor: The one that ``real`` was made with.
        ema: Whether averaged weights drew them.

    Raises:
        UserError: Too few images, or another extractor than that of ``real``.
    """
    if extractor.hash != real.stamp.extractor_hash or not real.stamp.resize.endswith(
        extractor.resize
    ):
        raise UserError(
            f"the real statistics are of {real.stamp.extractor}, not of this {extractor.name};"
            " compute them again."
        )
    check_images(fake_images)
    return compute_metrics(real, fake_images, extractor.features(fake_images), extractor, ema=ema)


def compute_metrics(
    real: Real,
    fake_images: np.ndarray,
    fake: np.ndarray,
    extractor: FeatureExtractor,
    *,
    ema: bool | None,
) -> list[Result]:
    """Return the metrics of :func:`score_snapshot`, given the features ``fake``."""
    results = []
    stamp = real.stamp._replace(n_fake=len(fake), ema=ema)

    def add(
        metric: str, value: float, error: float | None = None, warning: str = "", **change: Any
    ) -> None:
        results.append(
            Result(
                value,
                error,
                stamp._replace(metric=protocol.named(metric, extractor), **change),
                warning,
            )
        )

    value = distances.frechet(real.statistics, distances.Statistics.of(fake))
    small = protocol.small_sample_warning(min(len(fake), real.statistics.n), fake.shape[1])
    add("FD", value, distances.frechet_error(real.statistics, fake), small)
    results[0] = results[0]._replace(stamp=results[0].stamp.by(protocol.GAN_ZOO))
    n = min(len(fake), len(real.features))
    if n >= LEAST_NEIGHBORS:
        for metric, (value, error) in manifold(real.features[:n], fake[:n])._asdict().items():
            add(metric, value, error, n_real=n, n_fake=n)
    if real.diversity > 0:
        fake_diversity, error = distances.diversity(fake)
        add("diversity", fake_diversity / real.diversity, error / real.diversity)
    if real.spectrum is not None:
        difference = excess(real.spectrum, spectrum(fake_images))
        pixels = stamp._replace(
            extractor="", extractor_hash="", resize=stamp.resize.rsplit(", ", 1)[0]
        )
        results.append(Result(difference.high, None, pixels._replace(metric="spectrum-high")))
        results.append(
            Result(difference.checkerboard, None, pixels._replace(metric="spectrum-checkerboard"))
        )
    return results


def monge_result(real: Real, fake: np.ndarray, extractor: FeatureExtractor, stamp: Stamp) -> Result:
    """Return the Monge distance of features ``fake``, by the stamp of another metric of them."""
    value, error = monge_distance(real.features, fake)
    return Result(value, error, stamp._replace(metric=protocol.named("MD", extractor)))


def real_floor(
    data: Dataset,
    extractor: FeatureExtractor,
    n: int,
    *,
    split: str = "train",
    seed: int = 0,
    cache_dir: str | Path | None = None,
) -> list[Result]:
    """Return the metrics of :func:`score_snapshot` for real images against other real images.

    Beside them there is the Monge distance, which is not 0 for two sets of real images. It is the
    best score that a generator can be expected to reach.

    Args:
        data: The real images.
        extractor: The feature network.
        n: How many images in each of the two disjoint parts; half the data at most. Compare with
            scores at this N.
        split: For the stamp, which says ``<split>/<split> floor``.
        seed: Of the parts.
        cache_dir: Where the result is kept, by the hashes of data and extractor; None keeps
            nothing.

    Returns:
        The results; none for fewer than 4 images, and fewer metrics for fewer than 12.
    """
    n = min(n, len(data.images) // 2)
    if n < 2:
        return []
    order = np.random.default_rng(seed).permutation(len(data.images))
    first, second = np.sort(order[:n]), np.sort(order[n : 2 * n])

    def compute() -> dict[str, np.ndarray]:
        one = data._replace(images=data.images[first])
        real = real_statistics(one, extractor, n=n, split=f"{split}/{split} floor", seed=seed)
        others = data.images[second][np.random.default_rng(seed).permutation(n)]
        features = extractor.features(others)
        results = compute_metrics(real, others, features, extractor, ema=None)
        results.append(monge_result(real, features, extractor, results[0].stamp))
        return {"records": np.array(json.dumps([r.as_dict() for r in results]))}

    # The digit counts the sets of metrics there have been.
    key = f"floor2-{data.hash[:16]}-{_key(extractor)}-{n}-{seed}-{split}"
    return [
        Result.from_dict(r) for r in json.loads(str(cached(cache_dir, key, compute)["records"]))
    ]
