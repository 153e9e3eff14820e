"""The full protocol at the end of a run: TF-GAN's metrics, those of a snapshot, and more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation import distances, protocol, sliced_wasserstein, tfgan
from gan_zoo.evaluation.distances import kernel_distance
from gan_zoo.evaluation.neighbors import LEAST as LEAST_NEIGHBORS
from gan_zoo.evaluation.pixels import check_images
from gan_zoo.evaluation.protocol import Result, Stamp
from gan_zoo.evaluation.snapshot import compute_metrics, monge_result, real_statistics
from gan_zoo.evaluation.statistics_files import StoredStatistics
from gan_zoo.images import RGBA

_LEAST_KERNEL = 8  # images of each kind that the kernel distance needs
_LEAST_PARTS = 20  # images that the classifier score of 10 parts needs


def evaluate(
    data: Dataset,
    fake_images: np.ndarray,
    extractor: FeatureExtractor,
    *,
    n_real: int = 10_000,
    split: str = "train",
    ema: bool | None = None,
    seed: int = 0,
    cache_dir: str | Path | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> list[Result]:
    """Score images by the full protocol.

    It has TF-GAN's Frechet distance and classifier score (our own where it cannot be used), the
    kernel, the Monge and the sliced Wasserstein distance, and the metrics of
    :func:`score_snapshot`.

    Args:
        data: The real images.
        fake_images: uint8 ``[N, H, W, C]``, of the same shape as the real ones, in random order.
        extractor: The feature network.
        n_real: How many real images at most.
        split: What part of the data this is, for the stamp.
        ema: Whether averaged weights drew the fake images.
        seed: Chooses the real images; give the seed of the fake images' noise.
        cache_dir: See :func:`real_statistics`.
        progress: Called with a word before each stage.

    Returns:
        First ``FD`` (``FID`` where Inception was used), then the others. The stamp says which
        program computed ``FD``. A metric that these images do not allow (sliced Wasserstein of gray
        images, say) is left out, and :func:`left_out` says why.

    Raises:
        UserError: Images of other shapes, too few, or features that are not finite.
    """
    check_images(fake_images)
    if fake_images.shape[1:] != data.image_shape:
        raise UserError(
            f"the fake images are {list(fake_images.shape[1:])} and the real ones"
            f" {list(data.image_shape)}; bring both to one size by one resizer before comparing"
            " them."
        )
    progress("real features")
    real = real_statistics(data, extractor, n=n_real, split=split, seed=seed, cache_dir=cache_dir)
    progress("fake features")
    fake = extractor.features(fake_images)
    stamp = real.stamp._replace(n_fake=len(fake), ema=ema)
    progress("neighbors and spectrum")
    first, *others = compute_metrics(real, fake_images, fake, extractor, ema=ema)
    program = tfgan.program()
    progress(f"Frechet distance by {program}")
    value = tfgan.frechet_distance(real.features, fake)
    results = [first._replace(value=value, stamp=first.stamp.by(program))]
    if min(len(fake), len(real.features)) >= _LEAST_KERNEL:
        progress("kernel distance")
        value, error = kernel_distance(real.features, fake)
        results.append(Result(value, error, stamp._replace(metric=protocol.named("KD", extractor))))
    progress("Monge distance")
    results.append(monge_result(real, fake, extractor, stamp))
    if extractor.logits is not None:
        progress(f"classifier score by {program}")
        results += classifier_scores(extractor.logits(fake_images), extractor, stamp)
    results += others
    if not sliced_wasserstein.refusal(data.image_shape):
        progress("sliced Wasserstein distance")
        n = min(len(fake_images), len(data.images), 512)  # 128 patches of each image are sorted
        rows = np.sort(np.random.default_rng(seed).permutation(len(data.images))[:n])
        pixels = stamp._replace(
            extractor="", extractor_hash="", resize=data.resize, n_real=n, n_fake=n
        )
        levels = sliced_wasserstein.sliced_wasserstein(
            data.images[rows], fake_images[:n], seed=seed
        )
        # Earlier runs have TF-GAN's form as SWD-64px and so on: other numbers, another name.
        results += [
            Result(value, None, pixels._replace(metric=f"SWD-paper-{side}px"))
            for side, value in levels.items()
        ]
    return results


def classifier_scores(
    logits: np.ndarray, extractor: FeatureExtractor, stamp: Stamp
) -> list[Result]:
    """Return the classifier score of all images, and the mean of 10 parts, as papers have it."""
    stamp = stamp.by(tfgan.program())
    scores = {"CS": tfgan.classifier_score(logits)}
    if len(logits) >= _LEAST_PARTS:
        scores["CS-10-parts"] = tfgan.classifier_score_of_parts(logits)
    return [
        Result(value, error, stamp._replace(metric=protocol.named(metric, extractor)))
        for metric, (value, error) in scores.items()
    ]


def score_by_statistics(
    stored: StoredStatistics, fake_images: np.ndarray, extractor: FeatureExtractor, *, stamp: Stamp
) -> list[Result]:
    """Score images where only mean and covariance of the real ones are known.

    Args:
        stored: The statistics.
        fake_images: uint8 ``[N, H, W, C]``, in random order.
        extractor: The feature network.
        stamp: Of the results, without ``metric`` and numbers.

    Returns:
        ``FD`` by our own formula (TF-GAN's needs the features), and the classifier scores.

    Raises:
        UserError: Features of another dimension, or not finite.
    """
    check_images(fake_images)
    fake = extractor.features(fake_images)
    stamp = stamp._replace(n_real=stored.n, n_fake=len(fake))
    value = distances.frechet(stored.statistics, distances.Statistics.of(fake))
    small = protocol.small_sample_warning(len(fake), fake.shape[1])
    named = stamp.by(protocol.GAN_ZOO)._replace(metric=protocol.named("FD", extractor))
    results = [Result(value, distances.frechet_error(stored.statistics, fake), named, small)]
    if extractor.logits is not None:
        results += classifier_scores(extractor.logits(fake_images), extractor, stamp)
    return results


def left_out(data: Dataset, extractor: FeatureExtractor, fakes: int) -> list[str]:
    """Return a sentence for each metric that :func:`evaluate` leaves out, with the reason.

    Args:
        data: The real images.
        extractor: The feature network.
        fakes: How many fake images there are.
    """
    reason = sliced_wasserstein.refusal(data.image_shape)
    sentences = [f"SWD is left out: {reason}."] if reason else []
    # Not for the default extractor, where the sentence would be printed in every run.
    if extractor.logits is None and not extractor.name.startswith("embedded"):
        why = f"{extractor.name} is not a classifier"
        if data.image_shape[2] == RGBA:
            why = "transparent images are scored over two backgrounds, and have no one class"
        sentences.append(f"{protocol.named('CS', extractor)} is left out: {why}.")
    sentences += _too_few(len(data.images), fakes, extractor)
    if min(data.image_shape[:2]) < 16:
        sentences.append("the spectrum is left out: the images have fewer than 16 pixels a side.")
    return sentences


def _too_few(real: int, fakes: int, extractor: FeatureExtractor) -> Iterator[str]:
    """Yield a sentence for the metrics that need more images than there are."""
    count = min(real, fakes)
    there = f"and there are {real:,} real and {fakes:,} generated ones"
    if count < LEAST_NEIGHBORS:
        yield (
            "precision, recall, density and coverage are not computed: they need"
            f" {LEAST_NEIGHBORS} images of each kind, {there}."
        )
    if count < _LEAST_KERNEL:
        kernel = protocol.named("KD", extractor)
        yield f"{kernel} is not computed: it needs {_LEAST_KERNEL} images of each kind, {there}."
    for least, what in ((4, "any metric"), (2 * LEAST_NEIGHBORS, "precision, recall and the like")):
        if real < least:
            yield (
                f"real against real is not computed for {what}: it needs {least} real images, and"
                f" there are {real:,}."
            )
            break
