"""Are the images of a class-conditional generator what was asked for? A classifier trained apart on real images says.

The score is the share of samples that the classifier takes for the class that was asked of G:
"GAN-test" of Shmelkov, Schmid & Alahari 2018 ("How good is my GAN?", arXiv:1807.09499, section 3),
and what Odena, Olah & Shlens 2017 (AC-GAN, arXiv:1610.09585, section 4.1) call discriminability.
They take a ResNet or an Inception network; here it is a small network trained on the spot, and what
it reaches on real images that it never saw stands beside the score.

What the score does not tell:

* Diversity: a generator with one good image a class scores 100 % (recall, coverage and Shmelkov's
  GAN-train tell).
* Memory: copies of training images score as well as the classifier does on what it was trained on
  (see :mod:`.copies`).
* Quality beyond the class: samples may be plainer than real images and score above them.
* What the others are: an image that looks like nothing is taken for *some* class, often for the
  same one (noise for an 8).

The interval is over the choice of samples alone, not over classifiers (another seed trains another)
nor over trainings of G.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gan_zoo.analysis.copies import wilson
from gan_zoo.contracts import Dataset
from gan_zoo.errors import UserError
from gan_zoo.evaluation.cache import cached
from gan_zoo.evaluation.pixels import check_images, hash_of_arrays

if TYPE_CHECKING:
    import keras

VERSION = 1  # part of the cache key, to be raised whenever the net or its training changes

LEAST = 10  # images of a class without which it cannot be judged
_FEW = 100  # images of a class of which it is said that they are few
_UNEVEN = 3  # how many times the smallest class the largest may have before it is said
_HELD_OUT = 0.2  # share of the data that the classifier never sees where there is no test part
_VALIDATION = 0.1  # share of the rest by which the best epoch is chosen
_UPDATES = 2000
_MOST_BYTES = 2**30  # of images to train on; there are two copies of them
_SIDE = 64  # pixels of the longer side, above which images are halved


class Recognized(NamedTuple):
    """How often images were taken for what they should be.

    Attributes:
        n: How many images.
        accuracy: Share taken for the class asked for.
        interval: Its 95 % interval (Wilson 1927), over the choice of images.
        confusion: int64 ``[C, C]``: of row's class asked for, taken for column's.
        classes: Their names.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    confusion: np.ndarray
    classes: tuple[str, ...]

    @property
    def per_class(self) -> np.ndarray:
        """The accuracy of each class, float64 ``[C]``; NaN where it was not asked for."""
        asked = self.confusion.sum(axis=1)
        return np.divide(
            np.diag(self.confusion), asked, out=np.full(len(asked), np.nan), where=asked > 0
        )

    @property
    def balanced(self) -> float:
        """The mean accuracy of the classes: what the accuracy would be if all were asked for equally often."""
        return float(np.nanmean(self.per_class))

    def mistaken(self, number: int) -> tuple[str, int] | None:
        """What images of a class are most often taken for instead, and how many; None where none is."""
        others = self.confusion[number].copy()
        others[number] = 0
        most = int(others.argmax())
        return (self.classes[most], int(others[most])) if others[most] else None


def tally(taken: np.ndarray, asked: np.ndarray, classes: Sequence[str]) -> Recognized:
    """Count which class was asked for and which one it was taken for.

    Args:
        taken: Class numbers ``[N]``.
        asked: Class numbers ``[N]``.
        classes: The names of the classes.

    Raises:
        UserError: There are no images, or numbers of no class.
    """
    asked, count = np.asarray(asked, np.int64), len(classes)
    if not len(asked) or asked.min() < 0 or asked.max() >= count:
        raise UserError(
            f"of each image, and of one at least, one of {count} classes must be asked; give labels"
            f" below {count}."
        )
    confusion = np.bincount(
        asked * count + np.asarray(taken, np.int64), minlength=count * count
    ).reshape(count, count)
    accuracy = float(np.trace(confusion) / len(asked))
    return Recognized(
        len(asked), accuracy, wilson(accuracy, len(asked), 1.96), confusion, tuple(classes)
    )


def recognize(classifier: keras.Model, images: np.ndarray) -> np.ndarray:
    """The class numbers int64 ``[N]`` that a classifier gives to images uint8 ``[N, H, W, C]``."""
    check_images(images)
    return classifier.predict(np.asarray(images), batch_size=500, verbose=0).argmax(axis=1)


def recognized(
    classifier: keras.Model, images: np.ndarray, asked: np.ndarray, classes: Sequence[str]
) -> Recognized:
    """How many of some images a classifier takes for what was asked for.

    Args:
        classifier: From :func:`train_classifier`.
        images: uint8 ``[N, H, W, C]``.
        asked: Class numbers ``[N]``.
        classes: The names of the classes.

    Raises:
        UserError: See :func:`tally`; or these are no images.
    """
    return tally(recognize(classifier, images), asked, classes)


def stratified(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows so that each class gives its ``share`` (one row at least, but not its only one) to the second part.

    Returns:
        The rows of both parts, sorted.
    """
    rng = np.random.default_rng(seed)
    second = []
    for number in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == number))
        second.append(rows[: min(max(1, round(share * len(rows))), len(rows) - 1)])
    taken = np.sort(np.concatenate(second))
    return np.setdiff1d(np.arange(len(labels)), taken), taken


def _in_memory(labels: np.ndarray, each: int, seed: int) -> np.ndarray:
    """Of images of ``each`` bytes, the rows, sorted, of as many as memory is given for: a share of each class, but two."""
    if len(labels) * each <= _MOST_BYTES:
        return np.arange(len(labels))
    share, rng = _MOST_BYTES / (len(labels) * each), np.random.default_rng(seed)
    by_class = [rng.permutation(np.flatnonzero(labels == number)) for number in np.unique(labels)]
    return np.sort(np.concatenate([rows[: max(2, round(share * len(rows)))] for rows in by_class]))


def _net(image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """From uint8 ``[B, H, W, C]`` to logits ``[B, classes]``.

    Batch normalization has momentum 0.9: with Keras' 0.99 its averages lag behind in so short a
    training.
    """
    import keras

    layers = keras.layers
    inputs = layers.Input(image_shape, dtype="uint8")
    x = layers.Rescaling(1 / 127.5, -1.0)(inputs)
    while max(x.shape[1:3]) > _SIDE:
        x = layers.AveragePooling2D(2, padding="same")(x)
    x = layers.RandomTranslation(0.07, 0.07, fill_mode="nearest")(
        x
    )  # mirroring would change digits and letters
    x = layers.GaussianNoise(0.15)(x)  # without it a trace of noise makes an 8 of any digit
    width = 32
    while min(x.shape[1:3]) > 4:
        x = layers.Conv2D(width, 3 if width > 32 else 5, strides=2, padding="same", use_bias=False)(
            x
        )
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        width += 32
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(classes)(x), name="classifier")


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    seed: int = 0,
    *,
    epochs: int | None = None,
    progress: Callable[[str], object] = lambda text: None,
) -> keras.Model:
    """Train a small convolutional network to tell classes apart. It seeds the global generators of Keras, NumPy and Python.

    Real images are shifted a little and get some noise while it trains. The epoch with the least
    loss on a tenth of the images, of each class, is kept, and it stops early where that has not
    fallen for 8 epochs. Each class weighs the same, as each is asked of G as often.

    Args:
        images: uint8 ``[N, H, W, C]``, of which there will be two copies in memory.
        labels: Class numbers ``[N]``, below ``classes``.
        classes: How many there are.
        seed: Of weights, shifts, order and the choice of the tenth.
        epochs: By default for 2,000 updates of up to 128 images, from 3 to 40.
        progress: Told how far it is, in a few words.

    Returns:
        A model from uint8 ``[B, H, W, C]`` to logits ``[B, classes]``.

    Raises:
        UserError: A class has fewer than 2 images, or these are no images.
    """
    import keras

    check_images(images)
    labels = np.asarray(labels, np.int32)
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes or counts.min() < 2:
        raise UserError(
            f"a classifier of {classes} classes needs two images of each at least; give more, or"
            " fewer classes."
        )
    train, check = stratified(labels, _VALIDATION, seed)
    batch = int(np.clip(len(train) // 50, 16, 128))
    updates = -(-len(train) // batch)
    epochs = epochs or int(np.clip(round(_UPDATES / updates), 3, 40))

    keras.utils.set_random_seed(seed)
    net = _net(images.shape[1:], classes)
    net.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, epochs * updates)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
    )

    def tell(epoch: int, logs: dict[str, float]) -> None:
        progress(
            f"training a classifier, epoch {epoch + 1} of {epochs}: {logs['val_accuracy']:.2%}"
        )

    weights = (len(labels) / (classes * counts))[labels]
    progress(f"training a classifier of {len(train):,} images, {epochs} epochs at most")
    net.fit(
        images[train],
        labels[train],
        sample_weight=weights[train],
        validation_data=(images[check], labels[check], weights[check]),
        batch_size=batch,
        epochs=epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("val_loss", patience=8, restore_best_weights=True),
            keras.callbacks.LambdaCallback(on_epoch_end=tell),
        ],
    )
    return net


class Judge(NamedTuple):
    """A classifier with what it reaches on real images that it never saw.

    Attributes:
        model: From uint8 ``[B, H, W, C]`` to logits ``[B, K]``.
        numbers: The class numbers of the data that it tells apart, int64 ``[K]``, in the order of
            its logits.
        classes: Their names.
        real: Of real images that it never saw: the most that can be expected of samples.
        notes: Sentences to tell.
    """

    model: keras.Model
    numbers: np.ndarray
    classes: tuple[str, ...]
    real: Recognized
    notes: tuple[str, ...]


def judge(
    data: Dataset,
    column: str,
    test: Dataset | None = None,
    *,
    seed: int = 0,
    cache_dir: str | Path | None = None,
    epochs: int | None = None,
    progress: Callable[[str], object] = lambda text: None,
) -> Judge:
    """The classifier of a data set, trained or from the cache.

    Args:
        data: Real images to train on; above 1 GiB a part of them, of each class, is used, here and
            of those to test on.
        column: Of their labels.
        test: Other real images with the same classes; without them a fifth of ``data``, of each
            class, is kept from training.
        seed: Of all choices.
        cache_dir: Where weights are kept, by the hashes of images and labels, the seed and the
            version; None keeps nothing.
        epochs: See :func:`train_classifier`.
        progress: The same.

    Raises:
        UserError: There are no such labels, or not two classes of 10 images.
    """
    names, labels = _labels(data, column)
    counts = np.bincount(labels, minlength=len(names))
    numbers = np.flatnonzero(counts >= LEAST)
    if len(numbers) < 2:
        raise UserError(
            f"the data set {data.name} has no two classes of {LEAST} images in its labels"
            f" '{column}', so that none can be told from another; give more images."
        )
    notes = _notes(column, names, counts)
    rows = np.flatnonzero(np.isin(labels, numbers))
    if test is None:
        first, second = stratified(labels[rows], _HELD_OUT, seed)
        rows, unseen, other, other_labels = rows[first], rows[second], data, labels
    else:
        other_names, other_labels = _labels(test, column)
        if other_names != names:
            raise UserError(
                f"{test.name} has other classes than {data.name} in '{column}'; test on images of"
                " the same classes."
            )
        other, unseen = test, np.flatnonzero(np.isin(other_labels, numbers))
    # Sets may be larger than memory: no more of them leaves the disk than is used.
    each = data.images[0].nbytes
    rows, unseen = (
        rows[_in_memory(labels[rows], each, seed)],
        unseen[_in_memory(other_labels[unseen], each, seed)],
    )
    known = {_digest(data.images[i]) for i in rows}
    fresh = np.array([i for i in unseen if _digest(other.images[i]) not in known], np.int64)
    if len(fresh) < len(unseen):
        notes.append(
            f"{len(unseen) - len(fresh):,} of {len(unseen):,} real images to test on are among"
            " those trained on: left out."
        )
    if not len(fresh):
        raise UserError(
            f"{other.name} has no real images that the classifier was not trained on; give data"
            " without repeats."
        )
    classes = tuple(names[i] for i in numbers)
    asked = np.searchsorted(numbers, other_labels[fresh])

    def compute() -> dict[str, np.ndarray]:
        own = np.searchsorted(numbers, labels[rows])
        net = train_classifier(
            data.images[rows], own, len(numbers), seed, epochs=epochs, progress=progress
        )
        progress(f"testing the classifier on {len(fresh):,} real images")
        return {
            "taken": recognize(net, other.images[fresh]),
            **{f"w{i}": w for i, w in enumerate(net.get_weights())},
        }

    marks = hash_of_arrays([labels, other_labels, numbers])[:16]
    key = f"classifier-{VERSION}-{data.hash[:16]}-{other.hash[:16]}-{marks}-{seed}-{epochs}"
    arrays = cached(cache_dir, key, compute)
    model = _net(data.image_shape, len(numbers))
    model.set_weights([arrays[f"w{i}"] for i in range(len(arrays) - 1)])
    return Judge(model, numbers, classes, tally(arrays["taken"], asked, classes), tuple(notes))


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def _labels(data: Dataset, column: str) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of the classes of a column, and its class numbers ``[N]``."""
    if column not in data.labels:
        there = f"it has {', '.join(data.labels)}" if data.labels else "it has none"
        raise UserError(
            f"the data set {data.name} has no labels '{column}' ({there}); give data that have"
            " them."
        )
    return tuple(data.label_values[column]), np.asarray(data.labels[column])


def _notes(column: str, names: tuple[str, ...], counts: np.ndarray) -> list[str]:
    """What is to be said of the sizes of classes."""
    kept = counts[counts >= LEAST]
    least, most = (int(np.flatnonzero(counts == c)[0]) for c in (kept.min(), kept.max()))
    notes = []
    if out := [f"{names[i]} ({counts[i]})" for i in np.flatnonzero(counts < LEAST)]:
        notes.append(
            f"classes of '{column}' with fewer than {LEAST} real images are not judged:"
            f" {', '.join(out)}."
        )
    if counts[most] > _UNEVEN * counts[least]:
        notes.append(
            f"classes of '{column}' are uneven, from {counts[least]:,} real images ({names[least]})"
            f" to {counts[most]:,} ({names[most]}): each weighs the same here, and those of few"
            " images are told less well."
        )
    if few := int((kept < _FEW).sum()):
        notes.append(
            f"{few} of {len(kept)} classes have fewer than {_FEW} real images: the classifier is a"
            " rough one."
        )
    return notes
