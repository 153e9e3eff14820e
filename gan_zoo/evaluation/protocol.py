"""The protocol of a number: how it was made, and with which others it may be ranked.

One checkpoint scored 14.0 or 10.2 under two protocols that both called it FID. So here no number
goes without its stamp. No TensorFlow.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.version import __version__

GAN_ZOO = f"gan_zoo {__version__}"  # the program of our own formulas, in stamps
INCEPTION_NAMES = {
    "FD": "FID",
    "KD": "KID",
    "MD": "MIND",
    "CS": "IS",
    "CS-10-parts": "IS-10-parts",
}

_NIGHTLY = {"tensorflow": ("tf-nightly",), "keras": ("keras-nightly",)}


class Stamp(NamedTuple):
    """How a number was made.

    Two numbers may be ranked only if all fields are equal but the versions and the data's name.

    Attributes:
        metric: Its full name, such as ``FID`` or ``FD-embedded``; see :func:`named`.
        extractor: Name of the feature network, or "" where the metric is of pixels.
        extractor_hash: SHA-256 (hex) of its weights.
        resize: How the data set and then the extractor brought images to their size.
        n_real: Number of real images; 0 where a file of statistics does not say it.
        n_fake: Number of generated images.
        split: Which part of the data: ``train``, ``held-out``, ``all`` ...
        ema: Whether the generator's averaged weights drew the images; None where that is not known
            (a folder of images).
        data_hash: The data set's identity, which depends on its image size and preprocessing.
        seed: Of the choice of real images and of the noise.
        versions: Of the libraries involved; of a Frechet distance and of a classifier score also
            ``program``, which computed it: TF-GAN or gan_zoo.
        data: The data set's name; "" where it is not known (earlier records, files of statistics).
    """

    metric: str
    extractor: str
    extractor_hash: str
    resize: str
    n_real: int
    n_fake: int
    split: str
    ema: bool | None
    data_hash: str
    seed: int
    versions: Mapping[str, str]
    data: str = ""

    def by(self, program: str) -> Stamp:
        """Return the stamp of a number that a program computed.

        It stands among the versions: programs of one formula differ by rounding only.
        """
        return self._replace(versions={**self.versions, "program": program})

    def short(self) -> str:
        """Return how it was made, for logs and tables.

        Such as ``FD-embedded@1a2b (5k fake/10k real train of celeba@99f1, none, lanczos 64)``.
        """
        name = f"{self.metric}@{self.extractor_hash[:4]}" if self.extractor else self.metric
        ema = {True: ", EMA", False: ", no EMA", None: ""}[self.ema]
        return f"{name} ({self.counts()} {self.reference()}, {self.resize}{ema})"

    def reference(self) -> str:
        """Return which real images: the split, the data's name and the beginning of their hash."""
        of = f" of {self.data}" if self.data else ""
        return f"{self.split}{of}{'@' if self.data_hash else ''}{self.data_hash[:4]}"

    def counts(self) -> str:
        """Return the numbers of images, such as ``5k fake/10k real``."""
        return f"{_count(self.n_fake)} fake/{_count(self.n_real)} real"


class Result(NamedTuple):
    """A number and how it was made.

    Attributes:
        value: In the metric's own unit.
        error: Its standard error over the choice of images (of a Frechet distance, of the samples
            alone), or None where that is not cheap. It says nothing about training seeds, which
            move the number far more.
        stamp: How it was made.
        warning: A sentence to show beside it, or "".
    """

    value: float
    error: float | None
    stamp: Stamp
    warning: str = ""

    def short(self) -> str:
        """Return it for logs: the short stamp, the value and its error."""
        error = "" if self.error is None else f" +- {self.error:.2g}"
        return f"{self.stamp.short()}: {self.value:.4g}{error}"

    def as_dict(self) -> dict[str, Any]:
        """Return one flat record: the fields of the stamp, ``value``, ``error`` and ``warning``."""
        return {
            **self.stamp._asdict(),
            "versions": dict(self.stamp.versions),
            "value": self.value,
            "error": self.error,
            "warning": self.warning,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Result:
        """Return the result of a record of :meth:`as_dict`."""
        return cls(
            record["value"],
            record["error"],
            Stamp(**{"data": "", **{f: record[f] for f in Stamp._fields if f in record}}),
            record.get("warning", ""),
        )


def named(metric: str, extractor: FeatureExtractor) -> str:
    """Return the public name of a metric: only the Inception of 2015 gives FID, KID, MIND, IS.

    Args:
        metric: ``FD`` (Frechet distance), ``KD`` (kernel distance), ``MD`` (Monge distance),
            ``CS`` (classifier score), ``recall`` ...
        extractor: The feature network; the name of any but ``inception`` is appended:
            ``FD-embedded``.
    """
    if extractor.name == "inception" and metric in INCEPTION_NAMES:
        return INCEPTION_NAMES[metric]
    return f"{metric}-{extractor.name}"


def comparable(a: Stamp, b: Stamp, *, subject: Collection[str] = ()) -> str:
    """Return why two numbers may not be ranked together; "" where they may.

    Versions of libraries may differ: they move the number by rounding only, or else change the
    extractor's hash. So may the data's name: their hash tells whether they are the same.

    Args:
        a: One stamp.
        b: The other.
        subject: Fields that differ on purpose, such as ``("ema",)`` in a table of what EMA does.
    """
    pairs = {
        field: (getattr(a, field), getattr(b, field))
        for field in Stamp._fields
        if field not in ("versions", "data", *subject)
    }
    differing = [
        "the data" if field == "data_hash" else f"{field} ({x} and {y})"
        for field, (x, y) in pairs.items()
        if x != y
    ]
    return f"they differ in {', '.join(differing)}" if differing else ""


def small_sample_warning(n: int, dimensions: int) -> str:
    """Return a warning if N is too small for a Frechet distance, else "".

    Estimated from fewer than 10 D images, a covariance of D dimensions has large random errors,
    which raise the distance. Two samples of 500 images from one distribution of 64 dimensions have
    a distance of about 4 % of its variance, not 0.
    """
    if n >= 10 * dimensions:
        return ""
    return (
        f"only {n} images for {dimensions} features: the distance is biased upwards; compare it"
        f" with real against real at the same number of images, or take {10 * dimensions} and more."
    )


def versions() -> dict[str, str]:
    """Return the versions for a stamp, without importing the libraries."""
    packages = {
        "tensorflow": "tensorflow",
        "tfgan": "tensorflow-gan",
        "numpy": "numpy",
        "pillow": "pillow",
    }
    return {
        "gan_zoo": __version__,
        **{name: package_version(package) or "none" for name, package in packages.items()},
    }


def package_version(package: str) -> str | None:
    """Return the version of an installed package; None where it is not installed.

    TensorFlow and Keras may also have come as their nightly packages.
    """
    for name in (package, *_NIGHTLY.get(package, ())):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return None


def _count(n: int) -> str:
    if not n:
        return "?"
    return f"{n / 1000:g}k" if n >= 1000 and n % 100 == 0 else str(n)
