"""How many modes of the data do samples cover, and how evenly?

The modes are the classes of the data. Where each color is a picture with a class of its own, as in
Stacked MNIST, they are all combinations: 1,000 of three digits. A classifier that was trained on
the data, apart from the run, says the mode of each sample. Two numbers are taken of the counts
(Metz et al. 2017, arXiv 1611.02163, section 3.3; Srivastava et al. 2017, arXiv 1705.07761; Lin et
al. 2018, arXiv 1712.04086, section 4.2):

* how many modes have a sample;
* the reverse KL divergence, in nats, of the samples' modes from equal shares of all modes, as in
  the program of PacGAN. Of N samples of a perfect generator of K modes it is about (K - 1) / 2N.

What they do not say: whether samples are good. Each image is given to some mode, and an image that
the classifier errs on may add one that was never shown. So its accuracy on real images stands
beside them, and both numbers of as many real images.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.analysis import classifier
from gan_zoo.analysis.class_accuracy import load_test_split
from gan_zoo.analysis.progress import stages
from gan_zoo.analysis.subject import Fakes, Subject, load_fakes, load_real
from gan_zoo.contracts import Dataset, pixel_hash
from gan_zoo.datasets import cache_dir
from gan_zoo.datasets.stacked_mnist import CHANNELS

SAMPLES = 26_000  # as VEEGAN and PacGAN; Metz et al. 2017 take 25,600
_PAPERS = {26_000: "VEEGAN and PacGAN", 25_600: "Metz et al. 2017"}
_STACKS = 40_000  # images whose colors train the classifier, at most
_BYTES = 2**28  # of these images, at most


class Recognizer(NamedTuple):
    """What says the mode of an image.

    Attributes:
        modes: uint8 ``[N, H, W, C]`` -> the mode of each, int64 ``[N]``.
        total: How many modes there are.
        colors: How many pictures an image consists of: 3 if each color is one, else 1.
        accuracy: The share of such pictures, real and not trained on, that it is right on.
        tested: Of how many.
        notes: Sentences for the user.
    """

    modes: Callable[[np.ndarray], np.ndarray]
    total: int
    colors: int
    accuracy: float
    tested: int
    notes: tuple[str, ...] = ()


class Coverage(NamedTuple):
    """How many images are of each mode, int64 ``[modes]``."""

    counts: np.ndarray

    @classmethod
    def of(cls, recognizer: Recognizer, images: np.ndarray) -> Coverage:
        """Count the modes of images uint8 ``[N, H, W, C]``."""
        return cls(np.bincount(recognizer.modes(images), minlength=recognizer.total))

    @property
    def covered(self) -> int:
        """The number of modes with one image or more."""
        return int((self.counts > 0).sum())

    @property
    def reverse_kl(self) -> float:
        """The KL divergence of the counts from equal shares of all modes, in nats; >= 0."""
        shares = self.counts[self.counts > 0] / self.counts.sum()
        return max(0.0, float((shares * np.log(shares * len(self.counts))).sum()))


class ModeCount(NamedTuple):
    """The modes that the samples of a run, or pictures, cover.

    Attributes:
        subject: What was judged.
        fakes: Its images.
        data: The real images.
        recognizer: What said the modes.
        samples: Of the images.
        real: Of as many real images.
        notes: Sentences for the user.
    """

    subject: Subject
    fakes: Fakes
    data: Dataset
    recognizer: Recognizer
    samples: Coverage
    real: Coverage
    notes: list[str]


def count_modes(
    subject: Subject,
    *,
    samples: int = SAMPLES,
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
) -> ModeCount:
    """Count the modes that samples of a run, or pictures, cover.

    Args:
        subject: From :func:`~gan_zoo.analysis.subject.find_subject`; its data have classes.
        samples: How many samples; pictures may be fewer.
        step: Of a run: the step of the checkpoint; None for the newest one.
        best: Of a run: the best checkpoint instead.
        ema: Of a run: whether to draw from the moving average, if it has one.

    Raises:
        UserError: Data, checkpoint or pictures cannot be loaded, or the data have no classes.
    """
    data, notes = load_real(subject)
    test, more = load_test_split(subject.config)
    with stages() as progress:
        recognizer = train_recognizer(data, test, seed=subject.seed, progress=progress)
    fakes = load_fakes(subject, data, samples, step=step, best=best, ema=ema)
    with stages("recognizing modes"):
        order = np.random.default_rng(subject.seed).permutation(len(data.images))
        rows = np.sort(order[: len(fakes.images)])
        found, real = (
            Coverage.of(recognizer, images) for images in (fakes.images, data.images[rows])
        )
    notes = [*notes, *more, *recognizer.notes, *fakes.notes]
    return ModeCount(subject, fakes, data, recognizer, found, real, notes)


def train_recognizer(
    data: Dataset,
    test: Dataset | None = None,
    *,
    seed: int = 0,
    progress: Callable[[str], object] = lambda text: None,
) -> Recognizer:
    """Train what says the mode of an image, or take it from the cache.

    Args:
        data: Real images, with the columns of labels ``red``, ``green`` and ``blue``, or ``class``.
        test: Others with the same classes; see
            :func:`~gan_zoo.analysis.classifier.train_classifier`.
        seed: Of all choices.
        progress: Called with a few words at each stage.

    Raises:
        UserError: There are no such labels, or too few images of the classes.
    """
    colors = len(CHANNELS) if set(CHANNELS) <= set(data.labels) else 1
    if colors > 1:
        data, test = colors_apart(data), None if test is None else colors_apart(test)
    trained = classifier.train_classifier(
        data, "class", test, seed=seed, cache_dir=cache_dir(), progress=progress
    )
    classes = len(trained.classes)

    def modes(images: np.ndarray) -> np.ndarray:
        if colors == 1:
            return classifier.classify(trained.model, images)
        each = (classifier.classify(trained.model, images[..., c : c + 1]) for c in range(colors))
        return combined(list(each), classes)

    real = trained.real
    return Recognizer(modes, classes**colors, colors, real.accuracy, real.n, trained.notes)


def combined(each: list[np.ndarray], classes: int) -> np.ndarray:
    """Return the modes of images int64 ``[N]``, given the class of each of their colors."""
    mode = np.zeros(len(each[0]), np.int64)
    for numbers in each:
        mode = mode * classes + numbers
    return mode


def colors_apart(data: Dataset) -> Dataset:
    """Return the colors of images as gray images with their classes, each once.

    At most 40,000 of the images are taken. Equal pictures are dropped: a picture trained on must
    not be among those that are kept to test the classifier.
    """
    most = min(len(data.images), _STACKS, _BYTES // data.images[0].nbytes)
    images = np.asarray(data.images[:most])
    gray = np.moveaxis(images, 3, 0).reshape(-1, *images.shape[1:3], 1)
    labels = np.concatenate([data.labels[column][:most] for column in CHANNELS])
    flat = np.ascontiguousarray(gray.reshape(len(gray), -1))
    _, first = np.unique(flat.view(f"V{flat.shape[1]}").ravel(), return_index=True)
    rows = np.sort(first)
    values = {"class": data.label_values[CHANNELS[0]]}
    gray = gray[rows]
    return data._replace(
        images=gray, labels={"class": labels[rows]}, label_values=values, hash=pixel_hash(gray)
    )


def mode_lines(found: ModeCount) -> Iterator[str]:
    """Yield the notes and the numbers, line by line."""
    yield from found.notes
    samples, real, recognizer = found.samples, found.real, found.recognizer
    n = len(found.fakes.images)
    paper = f", as {_PAPERS[n]} take" if n in _PAPERS else ""
    yield f"{found.fakes.title}, modes of {found.data.name}{paper}:"
    yield (
        f"  {samples.covered:,} of {recognizer.total:,} modes, reverse KL"
        f" {samples.reverse_kl:.3f} nats  [{real.counts.sum():,} real images: {real.covered:,},"
        f" {real.reverse_kl:.3f}]"
    )
    right, what = recognizer.accuracy, "images"
    whole = ""
    if recognizer.colors > 1:
        what = "single colors"
        whole = f", so on {100 * right**recognizer.colors:.1f} % of whole images"
    yield (
        f"  the recognizer is right on {100 * right:.2f} % of {recognizer.tested:,} real {what} not"
        f" trained on{whole}; an error may add a mode"
    )


def mode_json(found: ModeCount) -> dict[str, Any]:
    """Return the results for a JSON file, with the command line and the time."""
    recognizer, data = found.recognizer, found.data
    return {
        "subject": {
            "path": str(found.subject.path.resolve()),
            "step": found.fakes.step,
            "ema": found.fakes.ema,
        },
        "modes": recognizer.total,
        "samples": _coverage_json(found.samples),
        "real": _coverage_json(found.real),
        "recognizer": {
            "version": classifier.VERSION,
            "seed": found.subject.seed,
            "accuracy": recognizer.accuracy,
            "tested": recognizer.tested,
            "colors": recognizer.colors,
        },
        "data": {"name": data.name, "hash": data.hash, "count": len(data.images)},
        "notes": found.notes,
        "command": sys.argv,
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _coverage_json(found: Coverage) -> dict[str, Any]:
    return {
        "n": int(found.counts.sum()),
        "covered": found.covered,
        "reverse_kl": found.reverse_kl,
        "counts": found.counts.tolist(),
    }
