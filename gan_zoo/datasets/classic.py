"""The classic sets of small labeled images, downloaded by Keras or read from their own files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gan_zoo import cli
from gan_zoo.contracts import Dataset, ImageSpec
from gan_zoo.datasets.load import load
from gan_zoo.datasets.pixels import Preprocessing
from gan_zoo.datasets.raw_formats import read_cifar, read_idx
from gan_zoo.datasets.sources import Contents, Source, fingerprint, require_path
from gan_zoo.datasets.text import error_text
from gan_zoo.errors import UserError
from gan_zoo.registry import datasets

_FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
DIGITS = tuple("0123456789")
_PREFIX = {"train": "train", "test": "t10k"}  # of the idx files

Split = tuple[np.ndarray, np.ndarray]  # uint8 images [N, H, W] or [N, H, W, C], labels [N]


def _parts(split: str) -> tuple[str, ...]:
    known = {"train": ("train",), "test": ("test",), "all": ("train", "test")}
    if split not in known:
        raise UserError(f"split={split!r} is unknown to --data; choose from: {', '.join(known)}.")
    return known[split]


def _array_source(
    where: str, marks: object, read: Callable[[str], Split], split: str, classes: tuple[str, ...]
) -> Source:
    """Return a source over arrays; ``read`` gives the part ``train`` or ``test``."""

    def contents() -> Contents:
        images, labels = (
            np.concatenate(columns) for columns in zip(*map(read, _parts(split)), strict=True)
        )
        labels = labels.reshape(-1).astype(np.int32)
        right = (
            images.dtype == np.uint8 and images.ndim in (3, 4) and 0 < len(images) == len(labels)
        )
        if not (right and 0 <= labels.min() <= labels.max() < len(classes)):
            raise UserError(
                f"{where} does not hold uint8 images with a label 0 to {len(classes) - 1} each;"
                " download it again."
            )
        return Contents(
            [f"image {i}" for i in range(len(images))], images.__getitem__, labels, classes
        )

    return Source(where, fingerprint(marks, _parts(split)), contents)


def _marks(*paths: Path) -> list[tuple[str, int, int]]:
    return [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]


def _find(root: Path, pattern: str) -> list[Path]:
    """Return the paths of a pattern in ``root``, or else one folder below, or else two."""
    return next(
        (paths for depth in range(3) if (paths := sorted(root.glob("*/" * depth + pattern)))), []
    )


def _downloaded(name: str, split: str, classes: tuple[str, ...], origin: str) -> Source:
    """Return a source that Keras downloads, if the cache does not have it."""

    def read(part: str) -> Split:
        try:
            with cli.import_lock:
                import keras  # here, as it takes seconds and the filled cache does without

            train, test = getattr(keras.datasets, name).load_data()
        except Exception as e:  # of the network or of the file, in many shapes
            raise UserError(
                f"{name} cannot be downloaded ({error_text(e)}); get {origin} and give the folder"
                " as --data_dir."
            ) from None
        return train if part == "train" else test

    return _array_source(f"keras.datasets.{name}", ("keras", name), read, split, classes)


def _mnist_like(
    name: str, split: str, classes: tuple[str, ...], origin: str, data_dir: Path | None
) -> Source:
    """Return the source of MNIST, or of a set in the same file formats from ``origin``."""
    if data_dir is None:
        return _downloaded(name, split, classes, origin)
    path = require_path(data_dir)
    if path.is_dir():
        packed = _find(path, f"{name}.npz") + _find(path, f"{name.replace('_', '-')}.npz")
    else:
        packed = [path] if path.suffix == ".npz" else []
    if packed:

        def read_npz(part: str) -> Split:
            try:
                with np.load(packed[0], allow_pickle=False) as arrays:
                    return arrays[f"x_{part}"], arrays[f"y_{part}"]
            except Exception as e:  # zipfile, zlib and NumPy raise many types
                raise UserError(
                    f"{packed[0]} cannot be read as {name} ({error_text(e)}); download it again."
                ) from None

        return _array_source(str(packed[0]), _marks(packed[0]), read_npz, split, classes)

    folders = {p.parent for p in _find(path, "t*-ubyte*")} if path.is_dir() else {path.parent}
    if len(folders) > 1:
        raise UserError(
            f"{path} holds several sets of idx files; give one of them as --data_dir, such as"
            f" {min(folders)}."
        )
    paths = {
        (part, kind): _find(folder, f"{_PREFIX[part]}-{kind}?idx{rank}-ubyte*")
        for folder in folders
        for part in _parts(split)
        for kind, rank in (("images", 3), ("labels", 1))
    }
    if not paths or not all(paths.values()):
        raise UserError(f"{path} does not hold {name}; put {origin} there.")
    files = {key: some[0] for key, some in paths.items()}  # the unpacked one, if both are there

    def read_files(part: str) -> Split:
        return read_idx(files[part, "images"], 3), read_idx(files[part, "labels"], 1)

    return _array_source(str(path), _marks(*files.values()), read_files, split, classes)


def mnist_source(split: str, data_dir: Path | None) -> Source:
    """Return the source of MNIST: digits uint8 ``[28, 28]`` with their classes.

    Raises:
        UserError: The files are not there, or there is no such split.
    """
    origin = (
        "mnist.npz from storage.googleapis.com/tensorflow/tf-keras-datasets or the four original"
        " idx files"
    )
    return _mnist_like("mnist", split, DIGITS, origin, data_dir)


@datasets.register
def mnist(
    split: str = "train",
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    images: ImageSpec,
) -> Dataset:
    """MNIST, handwritten digits of 28x28 (LeCun et al. 1998): 60,000 to train and 10,000 to test.

    It is downloaded by Keras unless --data_dir holds mnist.npz or the original idx files.

    Args:
        split: train, test or all.
        fit: See ``files``.
        resample: See ``files``.
        drop_duplicates: See ``files``.
        images: Its data_dir may be the files or their folder.

    Raises:
        UserError: The files cannot be downloaded or read.
    """
    source = mnist_source(split, images.data_dir)
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    return load("mnist", source, preprocessing, drop_duplicates, images.cache_dir)


@datasets.register
def fashion_mnist(
    split: str = "train",
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    images: ImageSpec,
) -> Dataset:
    """Fashion-MNIST, clothes of 28x28: 60,000 to train and 10,000 to test.

    Xiao et al. 2017, arXiv 1708.07747. For the parameters see ``mnist``.
    """
    origin = "the four idx files from github.com/zalandoresearch/fashion-mnist"
    source = _mnist_like("fashion_mnist", split, _FASHION, origin, images.data_dir)
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    return load("fashion_mnist", source, preprocessing, drop_duplicates, images.cache_dir)


@datasets.register
def cifar10(
    split: str = "train",
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    images: ImageSpec,
) -> Dataset:
    """CIFAR-10, photographs of 32x32 in ten classes: 50,000 to train and 10,000 to test.

    Krizhevsky 2009. It is downloaded by Keras unless --data_dir holds cifar-10-python.tar.gz or the
    folder in it. For the parameters see ``mnist``.
    """
    origin = "cifar-10-python.tar.gz from www.cs.toronto.edu/~kriz/cifar.html"
    if images.data_dir is None:
        source = _downloaded("cifar10", split, _CIFAR10, origin)
    else:
        path = require_path(images.data_dir)
        if path.is_dir() and not (path / "test_batch").is_file():
            candidates = [
                *_find(path, "cifar-10-batches-py"),
                *_find(path, "cifar-10-python.tar.gz"),
            ]
            if not candidates:
                raise UserError(f"{path} does not hold CIFAR-10; put {origin} there.")
            path = candidates[0]
        marks = _marks(*sorted(path.glob("*_batch*"))) if path.is_dir() else _marks(path)
        batches = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
        source = _array_source(
            str(path), marks, lambda part: read_cifar(path, batches[part]), split, _CIFAR10
        )
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    return load("cifar10", source, preprocessing, drop_duplicates, images.cache_dir)
