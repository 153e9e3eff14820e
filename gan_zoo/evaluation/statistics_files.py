"""Mean and covariance of real images in a file, as pytorch-fid and clean-fid keep them."""

from __future__ import annotations

import contextlib
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.distances import Statistics
from gan_zoo.evaluation.pixels import hash_of_file
from gan_zoo.evaluation.protocol import Result, Stamp
from gan_zoo.files import whole_file

_ARRAYS = ("mu", "sigma", "n", "made_by", "data", "data_hash", "floor", "floor_n", "stamp")
# What scores by a file have in common with scores by the images that it is of.
_OF_IMAGES = ("resize", "split", "data_hash", "seed", "data")


class StoredStatistics(NamedTuple):
    """Statistics from a file.

    Attributes:
        statistics: Mean and covariance.
        n: Of how many images; 0 where the file does not say it.
        made_by: Hash and resize of the extractor; "" where the file does not say it.
        hash: SHA-256 (hex) of the file.
        path: The file.
        source: Name and beginning of the hash of the data, such as ``celeba@99f1``; "" where the
            file does not say it.
        floor: The Frechet distance of real images from other real images and the number of each;
            none where the file does not say it.
        stamp: The fields of a stamp that the images of the file give to a score; none where the
            file does not say them.
    """

    statistics: Statistics
    n: int
    made_by: str
    hash: str
    path: Path
    source: str = ""
    floor: tuple[tuple[float, int], ...] = ()
    stamp: Mapping[str, Any] = MappingProxyType({})

    def check(self, extractor: FeatureExtractor) -> str:
        """Return a sentence for the user if nobody knows which network made them, else "".

        Raises:
            UserError: They are of another network or resize.
        """
        if self.made_by and self.made_by != _made_by(extractor):
            raise UserError(
                f"the statistics in {self.path} are of {self.made_by}, and the extractor is"
                f" {_made_by(extractor)}; give the --extractor that they were made with."
            )
        if self.made_by:
            return ""
        return (
            f"{self.path} does not say which network and resize made it; the distance means"
            f" something only if it was {extractor.name} with {extractor.resize}."
        )


def _made_by(extractor: FeatureExtractor) -> str:
    return f"{extractor.name}@{extractor.hash}, {extractor.resize}"


def write_statistics(
    path: Path,
    features: np.ndarray,
    extractor: FeatureExtractor,
    *,
    stamp: Stamp,
    floor: Sequence[Result] = (),
) -> None:
    """Write mean and covariance of features ``[N, D]`` as ``mu`` and ``sigma`` of an ``.npz``.

    Other programs read these two. Beside them are the number of images, what made them, the data's
    name and hash and all else that ``stamp`` says of the images, and the Frechet distance of real
    images from others, if there is one in ``floor``.
    """
    x = np.asarray(features, np.float64)
    content: dict[str, Any] = {
        "mu": x.mean(axis=0),
        "sigma": np.cov(x, rowvar=False),
        "n": len(x),
        "made_by": _made_by(extractor),
        "data": stamp.data,
        "data_hash": stamp.data_hash,
        "stamp": json.dumps({field: getattr(stamp, field) for field in _OF_IMAGES}),
    }
    for result in floor[:1]:
        content |= {"floor": result.value, "floor_n": result.stamp.n_fake}
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **content)


def read_statistics(path: Path) -> StoredStatistics:
    """Return the statistics of an ``.npz`` with ``mu [D]`` and ``sigma [D, D]``.

    Raises:
        UserError: There is no such file, or the two are missing or no mean and covariance.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}; check --real_statistics.")
    try:
        opened = np.load(path, allow_pickle=False)
        if isinstance(opened, np.ndarray):
            raise ValueError("it is one array")
        with opened as z:
            arrays = {name: z[name] for name in _ARRAYS if name in z.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as e:
        raise UserError(
            f"the statistics in {path} cannot be read ({' '.join(str(e).split())[:150]}); give an"
            " .npz with mu and sigma."
        ) from None
    mean, covariance = arrays.get("mu"), arrays.get("sigma")
    problem = ""
    if mean is None or covariance is None:
        problem = "mu or sigma is missing"
    elif mean.dtype.kind != "f" or covariance.dtype.kind != "f":
        problem = f"mu is {mean.dtype} and sigma {covariance.dtype}"
    elif mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or not len(mean):
        problem = f"mu is {list(mean.shape)} and sigma {list(covariance.shape)}"
    elif not np.isfinite(mean).all() or not np.isfinite(covariance).all():
        problem = "there are values that are NaN or infinite"
    if problem:
        raise UserError(f"{path} holds no mean [D] and covariance [D, D]: {problem}.")
    assert mean is not None and covariance is not None
    n, made_by = (arrays.get(name, np.array(0)) for name in ("n", "made_by"))
    ours = n.shape == made_by.shape == () and n.dtype.kind == "i" and made_by.dtype.kind == "U"
    return StoredStatistics(
        Statistics(mean.astype(np.float64), _root(covariance.astype(np.float64), path), 0),
        int(n) if ours else 0,
        str(made_by) if ours else "",
        hash_of_file(path),
        path,
        *(_facts(arrays) if ours else ()),
    )


def _facts(
    arrays: Mapping[str, np.ndarray],
) -> tuple[str, tuple[tuple[float, int], ...], dict[str, Any]]:
    """Return the data's name, the floor and the stamp of a file of ours; earlier ones have less."""
    texts = [arrays.get(name, np.array("")) for name in ("data", "data_hash")]
    source = ""
    if all(text.shape == () and text.dtype.kind == "U" for text in texts):
        source = f"{texts[0]}@{str(texts[1])[:4]}".removesuffix("@")
    floor, count = (arrays.get(name, np.array("")) for name in ("floor", "floor_n"))
    known = floor.shape == count.shape == () and (floor.dtype.kind, count.dtype.kind) == ("f", "i")
    fields: dict[str, Any] = {}
    with contextlib.suppress(ValueError):  # no JSON: of another program
        read = json.loads(str(arrays.get("stamp", "{}")))
        fields = read if isinstance(read, dict) and read.keys() == set(_OF_IMAGES) else {}
    return source, ((float(floor), int(count)),) if known else (), fields


def _root(covariance: np.ndarray, path: Path) -> np.ndarray:
    """Return R with ``R.T @ R`` the covariance."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    largest = max(float(np.abs(values).max()), 1e-300)
    skew = float(np.abs(covariance - covariance.T).max())
    # In float32, as some programs keep them, rounding leaves this much.
    if skew > 1e-3 * largest or values.min() < -1e-3 * largest:
        raise UserError(
            f"sigma in {path} is no covariance (not symmetric, or with variances below 0); get the"
            " file again."
        )
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
