"""The file formats in which MNIST, Fashion-MNIST and CIFAR-10 were published."""

from __future__ import annotations

import gzip
import io
import math
import pickle
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.datasets.text import error_text
from gan_zoo.errors import UserError

_LARGEST = 2**28  # bytes that one file may unpack to


def read_idx(path: Path, rank: int) -> np.ndarray:
    """Read an array of unsigned bytes in the idx format, gzipped or not.

    The format: two zero bytes, the type (8 for uint8), the number of dimensions, each dimension as
    a big-endian int32, the data (http://yann.lecun.com/exdb/mnist/).

    Raises:
        UserError: It is another file or a damaged one.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(_LARGEST)
        if data[:4] != bytes([0, 0, 8, rank]):
            raise ValueError(f"it does not begin as an idx file of bytes in {rank} dimensions does")
        start = 4 + 4 * rank
        shape = np.frombuffer(data[4:start], ">i4").tolist()
        if len(data) != start + math.prod(shape):
            raise ValueError(f"it holds {len(data) - start} bytes where {shape} are announced")
        return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
    except (OSError, EOFError, ValueError, zlib.error) as e:
        raise UserError(f"{path} cannot be read ({error_text(e)}); download it again.") from None


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the encoding {encoding} is not expected")
    return text.encode(encoding)


def _frombuffer(buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: Any) -> np.ndarray:
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


# The functions and types in the pickle of an array, under their old and new names in NumPy.
# ``_reconstruct`` is not public in NumPy, so it is taken from the pickle of an empty array.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,  # bytes, as Python 3 writes them for Python 2
}


class _Unpickler(pickle.Unpickler):
    """Reads arrays, lists, dictionaries, strings and numbers only: a pickle can run any code."""

    def find_class(self, module: str, name: str) -> Any:
        """The few things that an array needs."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]


def read_cifar_batch(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Read one batch of CIFAR-10's Python version (https://www.cs.toronto.edu/~kriz/cifar.html).

    Args:
        data: The pickled dictionary with ``data`` uint8 ``[N, 3072]`` (channels first) and
            ``labels``.
        where: What messages call it.

    Returns:
        Images uint8 ``[N, 32, 32, 3]`` and labels int32 ``[N]``.

    Raises:
        UserError: It is something else, or asks for more than arrays.
    """
    try:
        batch = _Unpickler(io.BytesIO(data), encoding="bytes").load()
        batch = {k.decode() if isinstance(k, bytes) else k: v for k, v in batch.items()}
        images, labels = batch["data"], np.asarray(batch["labels"], np.int32)
        if not (
            type(images) is np.ndarray
            and images.dtype == np.uint8
            and images.shape == (len(labels), 3072)
        ):
            raise ValueError("its data are not uint8 [N, 3072] with N labels")
        if not len(labels) or labels.min() < 0 or labels.max() > 9:
            raise ValueError("its labels are not 0 to 9")
        return images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels
    except Exception as e:  # a pickle may fail in any way
        raise UserError(
            f"{where} is refused, as it is not a batch of CIFAR-10 ({error_text(e)}); download it"
            " again."
        ) from None


def read_cifar(path: Path, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read some batches of CIFAR-10 from its folder or its tar archive, without unpacking it.

    Raises:
        UserError: A batch is missing or damaged.
    """
    batches = {}
    try:
        for name, data in _files_of(path, names):
            batches[name] = read_cifar_batch(data, f"'{name}' in {path}")
    except (OSError, EOFError, tarfile.TarError, zlib.error) as e:
        raise UserError(f"{path} cannot be read ({error_text(e)}); download it again.") from None
    missing = [name for name in names if name not in batches]
    if missing:
        raise UserError(
            f"{path} has no file '{missing[0]}'; download cifar-10-python.tar.gz again."
        )
    images, labels = zip(*(batches[name] for name in names), strict=True)
    return np.concatenate(images), np.concatenate(labels)


def _files_of(path: Path, names: list[str]) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for name in names:
            if (path / name).is_file():
                yield name, (path / name).read_bytes()
        return
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.split("/")[-1]
            if (
                name in names
                and member.isfile()
                and member.size < _LARGEST
                and (file := archive.extractfile(member))
            ):
                yield name, file.read()
