"""Checks of data sets and feature extractors."""

from __future__ import annotations

import functools

import numpy as np

from gan_zoo import registry
from gan_zoo.check.contract import Noted, Part, Skipped, checks, require
from gan_zoo.contracts import Dataset, FeatureExtractor
from gan_zoo.datasets import build_dataset, cache_dir
from gan_zoo.datasets.store import pixel_hash
from gan_zoo.files import user_path
from gan_zoo.images import RGBA

MOST_EXTREMES = 0.9  # of MNIST's values, 82 % are 0 or 255


@functools.lru_cache(maxsize=2)
def _load(part: Part, again: int = 0) -> Dataset:
    return build_dataset(
        part.spec,
        part.shape[:2],
        part.shape[2],
        user_path(part.data_dir) if part.data_dir else None,
    )


@checks("datasets", required=True)
def loads(part: Part) -> None:
    """It is loaded, at the size asked for."""
    data = _load(part)
    images = data.images
    require(
        images.dtype == np.uint8,
        f"its images are {images.dtype} from {images.min():.4g} to {images.max():.4g}, not uint8"
        " from 0 to 255; gan_zoo.images.to_uint8 makes them of floats from -1 to 1.",
    )
    require(images.ndim == 4, f"its images are of shape {list(images.shape)}, not [N, H, W, C].")
    require(
        images.shape[1:] == part.shape,
        f"its images are {list(images.shape[1:])}, not {list(part.shape)}; resize them.",
    )
    require(len(images) >= 2, f"it has {len(images)} images; at least one batch is needed.")


@checks("datasets")
def images_differ(part: Part) -> None:
    """Its images differ."""
    some = _load(part).images[:64]
    require((some != some[:1]).any(), "its first images are all the same; check how they are read.")
    require(
        (some != some[:, :1, :1]).any(),
        "each of its first images is of a single color; check how they are read.",
    )


@checks("datasets")
def uses_the_range(part: Part) -> None:
    """Its pixels use the range from 0 to 255."""
    some = _load(part).images[:256]
    if some.shape[-1] == RGBA:
        some = some[some[..., 3] > 0][:, :3]  # transparent pixels are black
    lowest, highest = int(some.min(initial=255)), int(some.max(initial=0))
    require(
        highest > 1,
        f"no pixel of its first images is above {highest}, so all are black; multiply values from 0"
        " to 1 by 255 before they become uint8.",
    )
    require(
        lowest not in (127, 128) or highest < 250,
        f"no pixel of its first images is below {lowest}, the gray in the middle, as where floats"
        " from 0 to 1 are taken for floats from -1 to 1; multiply them by 255 instead.",
    )
    share = float(np.mean((some == 0) | (some == 255)))
    if share > MOST_EXTREMES:
        raise Noted(
            f"{share:.0%} of the values of its first images are 0 or 255, the ends of the range; if"
            " they are not meant to be black and white alone, they were made too large before they"
            " became uint8."
        )


@checks("datasets")
def has_valid_labels(part: Part) -> None:
    """Its labels are int32 [N], and its classes have names."""
    data = _load(part)
    require(
        set(data.labels) == set(data.label_values),
        "labels and label_values must have the same columns.",
    )
    for name, column in data.labels.items():
        column, count = np.asarray(column), len(data.label_values[name])
        require(
            column.shape == (len(data.images),),
            f"labels[{name!r}] has {column.shape} values for {len(data.images)} images.",
        )
        require(column.dtype == np.int32, f"labels[{name!r}] is {column.dtype}, not int32.")
        in_range = column.min() >= 0 and column.max() < count
        require(
            in_range,
            f"labels[{name!r}] is from {column.min()} to {column.max()}, but label_values has"
            f" {count} names.",
        )
    if not data.labels:
        raise Skipped("it has no labels")


@checks("datasets")
def has_dataset_metadata(part: Part) -> None:
    """Its name, hash, resize and notes are strings."""
    data = _load(part)
    for field in ("name", "hash", "resize"):
        value = getattr(data, field)
        require(isinstance(value, str) and value, f"`{field}` is {value!r}; give a string.")
    require(
        all(isinstance(note, str) for note in data.notes), "`notes` must be a tuple of sentences."
    )


@checks("datasets")
def hash_matches_pixels(part: Part) -> None:
    """Its hash is the hash of its pixels."""
    data = _load(part)
    right = data.hash == pixel_hash(data.images)
    require(
        right,
        f"its hash is {data.hash[:12]}..., which is not the hash of its pixels; use"
        " gan_zoo.datasets.store.pixel_hash.",
    )


@checks("datasets")
def loads_equal(part: Part) -> None:
    """Loaded again, it has the same pixels."""
    one = np.array(_load(part).images)  # not a view of what the second load may change in place
    same = np.array_equal(one, _load(part, again=1).images)
    require(
        same,
        "its pixels change from one load to the next, so that no run could be resumed; use a fixed"
        " seed.",
    )


@functools.lru_cache(maxsize=2)
def _extractor(part: Part) -> FeatureExtractor:
    return registry.extractors.build(part.spec, cache_dir=cache_dir())


def _pictures(channels: int, number: int = 8, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, *size, channels)).astype(np.uint8)


@checks("extractors", required=True)
def extracts(part: Part) -> None:
    """Its features are finite float [N, D], of color and of gray images."""
    for channels in (3, 1):
        x = np.asarray(_extractor(part).features(_pictures(channels, size=part.shape[:2])))
        require(
            x.ndim == 2 and len(x) == 8,
            f"its features of 8 images are of shape {list(x.shape)}, not [8, D].",
        )
        require(
            x.dtype.kind == "f" and np.isfinite(x).all(),
            f"its features ({x.dtype}) must be finite floats.",
        )
        require(x.std(axis=0).max() > 0, "different images have the same features.")


@checks("extractors")
def features_independent_of_batch(part: Part) -> None:
    """An image's features do not depend on the others of its batch."""
    images = _pictures(min(part.shape[2], 3), 8, part.shape[:2])  # RGBA comes as two of RGB
    before = images.copy()
    whole, some = _extractor(part).features(images), _extractor(part).features(images[:3])
    require(
        np.array_equal(images, before),
        "it changes the images that it gets, from which other scores are computed; copy them.",
    )
    off = np.abs(whole[:3] - some).max() / max(np.abs(whole).max(), 1e-12)
    require(
        off < 1e-3, f"they change by {off:.2g} of their size; run the network in inference mode."
    )


@checks("extractors")
def has_extractor_metadata(part: Part) -> None:
    """Its name, hash and resize are strings."""
    for field in ("name", "hash", "resize"):
        value = getattr(_extractor(part), field)
        require(
            isinstance(value, str) and value,
            f"`{field}` is {value!r}; give a string: every score carries it.",
        )


@checks("extractors")
def classifies(part: Part) -> None:
    """Its logits are finite float [N, classes]."""
    logits = _extractor(part).logits
    if logits is None:
        raise Skipped("it is not a classifier")
    x = np.asarray(logits(_pictures(min(part.shape[2], 3), size=part.shape[:2])))
    require(
        x.ndim == 2 and len(x) == 8,
        f"its logits of 8 images are of shape {list(x.shape)}, not [8, classes].",
    )
    require(np.isfinite(x).all(), "its logits are NaN or infinite.")
