"""A small classifier of a data set's classes, with its accuracy on real images it has not seen.

It judges the samples of class-conditional generators; see :mod:`.class_accuracy`. The papers use a
ResNet or an Inception network; this is a small network, trained in a minute and kept in the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gan_zoo.analysis.confusion import Confusion, count_confusion
from gan_zoo.contracts import Dataset
from gan_zoo.errors import UserError
from gan_zoo.evaluation.cache import cached
from gan_zoo.evaluation.pixels import check_images, hash_of_arrays, seen

if TYPE_CHECKING:
    import keras

VERSION = 1  # part of the cache key, to be raised whenever the net or its training changes

LEAST = 10  # images that a class needs
_FEW = 100  # images of a class below which a note is made
_UNEVEN = 3  # ratio of the largest to the smallest class above which a note is made
_HELD_OUT = 0.2  # share of the data not trained on if there is no test split
_VALIDATION = 0.1  # share of the rest that chooses the best epoch
_UPDATES = 2000
_MAXIMUM_BYTES = 2**30  # of images to train on; there are two copies of them
_SIDE = 64  # pixels of the longer side, above which images are halved


def stratified(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows in two so that the second part has the same ``share`` of each class.

    It has at least one row of each class, but never the only one.

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
    """Return the rows, sorted, of as many images of ``each`` bytes as may be in memory.

    Each class gives the same share of its rows, at least two.
    """
    if len(labels) * each <= _MAXIMUM_BYTES:
        return np.arange(len(labels))
    share, rng = _MAXIMUM_BYTES / (len(labels) * each), np.random.default_rng(seed)
    by_class = [rng.permutation(np.flatnonzero(labels == number)) for number in np.unique(labels)]
    return np.sort(np.concatenate([rows[: max(2, round(share * len(rows)))] for rows in by_class]))


def _net(image_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Build the network from uint8 ``[B, H, W, C]`` to logits ``[B, classes]``.

    Batch normalization has momentum 0.9: with Keras' 0.99 its averages would be too old after so
    short a training.
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
    x = layers.GaussianNoise(0.15)(x)  # without it, slightly noisy digits are classified as 8
    width = 32
    while min(x.shape[1:3]) > 4:
        x = layers.Conv2D(width, 3 if width > 32 else 5, strides=2, padding="same", use_bias=False)(
            x
        )
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        width += 32
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(classes)(x), name="classifier")


def fit_network(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    seed: int = 0,
    *,
    epochs: int | None = None,
    progress: Callable[[str], object] = lambda text: None,
) -> keras.Model:
    """Train a small convolutional network on labeled images.

    It seeds the global generators of Keras, NumPy and Python. In training, images are shifted a
    little and get some noise. The epoch with the smallest loss on a tenth of the images of each
    class is kept; training stops if that loss has not fallen for 8 epochs. Each class has the same
    weight, as G is asked for each equally often.

    Args:
        images: uint8 ``[N, H, W, C]``, of which there will be two copies in memory.
        labels: Class numbers ``[N]``, below ``classes``.
        classes: How many there are.
        seed: Of weights, shifts, order and the choice of the tenth.
        epochs: By default 2,000 updates of up to 128 images, from 3 to 40 epochs.
        progress: Called with a few words at each stage.

    Returns:
        A model from uint8 ``[B, H, W, C]`` to logits ``[B, classes]``; of RGBA images it takes
        :func:`seen`.

    Raises:
        UserError: A class has fewer than 2 images, or these are no images.
    """
    import keras

    check_images(images)
    images, labels = seen(images), np.asarray(labels, np.int32)
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
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
    )
    # With all variables made before, the update is traced once and not twice.
    net.optimizer.build(net.trainable_variables)

    def report(epoch: int, logs: dict[str, float]) -> None:
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
            keras.callbacks.LambdaCallback(on_epoch_end=report),
        ],
    )
    return net


def classify(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the class numbers int64 ``[N]`` that a model predicts for uint8 ``[N, H, W, C]``."""
    check_images(images)
    return model.predict(np.asarray(seen(images)), batch_size=500, verbose=0).argmax(axis=1)


class Classifier(NamedTuple):
    """A classifier with its accuracy on real images it has not seen.

    Attributes:
        model: From uint8 ``[B, H, W, C]`` to logits ``[B, K]``.
        numbers: The class numbers in the data of its K classes, int64 ``[K]``, in the order of its
            logits.
        classes: Their names.
        real: On real images it has not seen: the most that can be expected of samples.
        notes: Sentences for the user.
    """

    model: keras.Model
    numbers: np.ndarray
    classes: tuple[str, ...]
    real: Confusion
    notes: tuple[str, ...]


def train_classifier(
    data: Dataset,
    column: str,
    test: Dataset | None = None,
    *,
    seed: int = 0,
    cache_dir: str | Path | None = None,
    epochs: int | None = None,
    progress: Callable[[str], object] = lambda text: None,
) -> Classifier:
    """Return the classifier of a data set, newly trained or from the cache.

    Args:
        data: Real images to train on; above 1 GiB only a part of each class is used, for training
            and for the test.
        column: Of their labels.
        test: Other real images with the same classes; without them a fifth of each class of
            ``data`` is kept from training.
        seed: Of all choices.
        cache_dir: Where weights are kept, by the hashes of images and labels, the seed and the
            version; None keeps nothing.
        epochs: See :func:`fit_network`.
        progress: See :func:`fit_network`.

    Raises:
        UserError: There are no such labels, or fewer than two classes with 10 images.
    """
    names, labels = _labels(data, column)
    counts = np.bincount(labels, minlength=len(names))
    numbers = np.flatnonzero(counts >= LEAST)
    if len(numbers) < 2:
        raise UserError(
            f"the labels '{column}' of the data set {data.name} have fewer than two classes with"
            f" {LEAST} images, too few for a classifier; give more images."
        )
    split = _split_rows(data, labels, column, numbers, test, seed)
    notes = (*_size_notes(column, names, counts), *split.notes)
    classes = tuple(names[i] for i in numbers)
    asked = np.searchsorted(numbers, split.test_labels[split.test])

    def compute() -> dict[str, np.ndarray]:
        targets = np.searchsorted(numbers, labels[split.train])
        net = fit_network(
            data.images[split.train], targets, len(numbers), seed, epochs=epochs, progress=progress
        )
        progress(f"testing the classifier on {len(split.test):,} real images")
        return {
            "taken": classify(net, split.test_data.images[split.test]),
            **{f"w{i}": w for i, w in enumerate(net.get_weights())},
        }

    marks = hash_of_arrays([labels, split.test_labels, numbers])[:16]
    hashes = f"{data.hash[:16]}-{split.test_data.hash[:16]}"
    arrays = cached(cache_dir, f"classifier-{VERSION}-{hashes}-{marks}-{seed}-{epochs}", compute)
    model = _net(seen(data.images[:1]).shape[1:], len(numbers))
    model.set_weights([arrays[f"w{i}"] for i in range(len(arrays) - 1)])
    real = count_confusion(arrays["taken"], asked, classes)
    return Classifier(model, numbers, classes, real, notes)


class _Split(NamedTuple):
    """Images to train on and to test on.

    Attributes:
        train: Rows of the data.
        test_data: The data, or other data.
        test_labels: Its class numbers ``[M]``.
        test: Rows of ``test_data`` without images that are trained on.
        notes: Sentences for the user.
    """

    train: np.ndarray
    test_data: Dataset
    test_labels: np.ndarray
    test: np.ndarray
    notes: tuple[str, ...]


def _split_rows(
    data: Dataset,
    labels: np.ndarray,
    column: str,
    numbers: np.ndarray,
    test: Dataset | None,
    seed: int,
) -> _Split:
    """Choose the images of the classes ``numbers`` to train on and to test on.

    Raises:
        UserError: ``test`` has other classes, or no images that are not trained on.
    """
    rows = np.flatnonzero(np.isin(labels, numbers))
    if test is None:
        first, second = stratified(labels[rows], _HELD_OUT, seed)
        rows, unseen, other, other_labels = rows[first], rows[second], data, labels
    else:
        other_names, other_labels = _labels(test, column)
        if other_names != tuple(data.label_values[column]):
            raise UserError(
                f"{test.name} has other classes than {data.name} in '{column}'; test on images of"
                " the same classes."
            )
        other, unseen = test, np.flatnonzero(np.isin(other_labels, numbers))
    # Data sets may be larger than memory: only the rows that are used are read from the disk.
    each = data.images[0].nbytes
    rows = rows[_in_memory(labels[rows], each, seed)]
    unseen = unseen[_in_memory(other_labels[unseen], each, seed)]
    known = {_digest(data.images[i]) for i in rows}
    fresh = np.array([i for i in unseen if _digest(other.images[i]) not in known], np.int64)
    if not len(fresh):
        raise UserError(
            f"all test images of {other.name} are training images of the classifier, too; give data"
            " without repeats."
        )
    notes: tuple[str, ...] = ()
    if repeated := len(unseen) - len(fresh):
        notes = (
            (
                f"{repeated:,} of {len(unseen):,} real test images are among the training images"
                " and were left out."
            ),
        )
    return _Split(rows, other, other_labels, fresh, notes)


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def _labels(data: Dataset, column: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of the classes of a column, and the class numbers ``[N]``."""
    if column not in data.labels:
        known = f"it has {', '.join(data.labels)}" if data.labels else "it has none"
        raise UserError(
            f"the data set {data.name} has no labels '{column}' ({known}); give data that have"
            " them."
        )
    return tuple(data.label_values[column]), np.asarray(data.labels[column])


def _size_notes(column: str, names: tuple[str, ...], counts: np.ndarray) -> list[str]:
    """Return sentences on classes that are small or of different sizes."""
    kept = counts[counts >= LEAST]
    least, most = (int(np.flatnonzero(counts == c)[0]) for c in (kept.min(), kept.max()))
    notes = []
    if out := [f"{names[i]} ({counts[i]})" for i in np.flatnonzero(counts < LEAST)]:
        notes.append(
            f"classes of '{column}' with fewer than {LEAST} real images are left out:"
            f" {', '.join(out)}."
        )
    if counts[most] > _UNEVEN * counts[least]:
        notes.append(
            f"classes of '{column}' differ in size, from {counts[least]:,} real images"
            f" ({names[least]}) to {counts[most]:,} ({names[most]}): each has the same weight, and"
            " small ones are classified less well."
        )
    if few := int((kept < _FEW).sum()):
        notes.append(
            f"{few} of {len(kept)} classes have fewer than {_FEW} real images, so the classifier is"
            " inaccurate."
        )
    return notes
