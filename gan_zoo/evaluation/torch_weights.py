"""Weights that PyTorch saved (``torch.save``), as arrays: no PyTorch, and nothing is executed.

A pickle can call any function of Python. Here it may only name those few that a table of weights
consists of, and these are stand-ins of our own.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from gan_zoo.errors import UserError

_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
# How a file of before PyTorch 1.6 begins: a pickle of this number, then one of the version.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_VERSION = 1001
_MOST_PICKLE = 64 << 20  # bytes; a network of ten thousand weights has 1 MB


class _RefusedError(Exception):
    """Why a file is not read."""


class _Tensor(NamedTuple):
    """A view of a storage, which may come later in the file."""

    storage: str
    dtype: str
    numel: int
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def array(self, content: bytes) -> np.ndarray:
        """Return the values as an array of its own."""
        numbers = (self.numel, self.offset, *self.size, *self.stride)
        if not all(type(x) is int and x >= 0 for x in numbers):
            raise _RefusedError("a weight has a bad shape")
        count = math.prod(self.size)
        last = self.offset + sum(
            (n - 1) * step for n, step in zip(self.size, self.stride, strict=True)
        )
        # A view may not repeat values without end, or reach out of its storage.
        if count and (count > self.numel or last >= self.numel):
            raise _RefusedError("a weight is larger than its values")
        values = np.frombuffer(content, self.dtype)
        if len(values) != self.numel:
            raise _RefusedError(f"{len(values):,} values in place of {self.numel:,}")
        if not count:
            return np.zeros(self.size, self.dtype)
        strides = [step * values.itemsize for step in self.stride]
        view = np.lib.stride_tricks.as_strided(values[self.offset :], self.size, strides)
        return view.copy()


def _allowed() -> dict[tuple[str, str], Any]:
    """Return what a pickle may name; new objects for each file, since a pickle can change them."""

    class Table(dict):
        pass

    def tensor(
        storage: _Tensor, offset: int, size: tuple, stride: tuple, *_: Any
    ) -> _Tensor:  # what follows tells of gradients
        if not isinstance(storage, _Tensor) or len(size) != len(stride):
            raise _RefusedError("a weight has a bad shape")
        return storage._replace(offset=offset, size=tuple(size), stride=tuple(stride))

    def parameter(data: Any, *_: Any) -> Any:
        return data

    return {
        ("collections", "OrderedDict"): Table,
        ("torch._utils", "_rebuild_tensor_v2"): tensor,
        ("torch._utils", "_rebuild_parameter"): parameter,
        **{("torch", name): f"storage {name}" for name in _TYPES},
    }


class _Unpickler(pickle.Unpickler):
    """Reads a table of weights and refuses all else."""

    def __init__(self, file: BinaryIO):
        super().__init__(file, encoding="utf-8")
        self._known = _allowed()

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of that name."""
        try:
            return self._known[module, name]
        except KeyError:
            raise _RefusedError(
                f"it asks for {module}.{name}"[:120] + ", which a table of weights does not need"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        """Return a storage; its values are read later."""
        kind, storage, key, _, numel, *view = pid
        name = str(storage).removeprefix("storage ")
        if kind != "storage" or name not in _TYPES or any(view):
            raise _RefusedError("it has values of an unknown kind")
        return _Tensor(str(key), _TYPES[name], numel, 0, (), ())


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the weights of a file of PyTorch by their names.

    Both forms are read: the zip that ``torch.save`` has written since PyTorch 1.6, and the row of
    pickles before it.

    Raises:
        UserError: It is no such file, it is cut, or it asks for more than a table of weights needs.
    """
    try:
        with path.open("rb") as file:
            is_zip = file.read(4) == b"PK\3\4"
            file.seek(0)
            with _zipped(file) if is_zip else _legacy(file) as (table, content):
                return _arrays(table, content)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}; check the name.") from None
    except _RefusedError as e:
        reason = str(e)
    except (OSError, zipfile.BadZipFile) as e:
        reason = " ".join(str(e).split())[:200]
    except Exception as e:  # a damaged pickle raises almost anything
        reason = f"its table is damaged: {type(e).__name__}"
    raise UserError(
        f"{path} cannot be read as weights of PyTorch ({reason}); get the file again, and from a"
        " source that you trust."
    )


def _arrays(table: Any, content: Callable[[str, str, int], bytes]) -> dict[str, np.ndarray]:
    if not isinstance(table, dict) or not table:
        raise _RefusedError("it holds no table of weights")
    weights = {}
    for name, tensor in table.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise _RefusedError(f"'{str(name)[:60]}' is not a weight")
        weights[name] = tensor.array(content(tensor.storage, tensor.dtype, tensor.numel))
    return weights


@contextlib.contextmanager
def _zipped(file: BinaryIO) -> Iterator[tuple[Any, Callable[[str, str, int], bytes]]]:
    """Yield the table of a zip, and a function for the bytes of a storage."""
    with zipfile.ZipFile(file) as archive:
        names = {name.partition("/")[2]: name for name in archive.namelist()}
        if any(name.startswith("code/") for name in names):
            raise _RefusedError("it is a program of TorchScript")
        if "data.pkl" not in names:
            raise _RefusedError("it is a zip without data.pkl")
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise _RefusedError("it is compressed, as PyTorch does not do it")
        if "byteorder" in names and archive.read(names["byteorder"]) != b"little":
            raise _RefusedError("its values are not little-endian")
        if archive.getinfo(names["data.pkl"]).file_size > _MOST_PICKLE:
            raise _RefusedError("its table is too large")
        table = _Unpickler(io.BytesIO(archive.read(names["data.pkl"]))).load()

        def content(key: str, dtype: str, numel: int) -> bytes:
            if f"data/{key}" not in names:
                raise _RefusedError(f"its values data/{key} are missing")
            return archive.read(names[f"data/{key}"])

        yield table, content


@contextlib.contextmanager
def _legacy(file: BinaryIO) -> Iterator[tuple[Any, Callable[[str, str, int], bytes]]]:
    """Yield the table of a row of pickles, and a function for the bytes of a storage."""
    start = file.read(1)
    if start != b"\x80":
        raise _RefusedError("it does not begin as such a file")
    file.seek(0)
    if _Unpickler(file).load() != _LEGACY_MAGIC or _Unpickler(file).load() != _LEGACY_VERSION:
        raise _RefusedError("it is a pickle of something else")
    system = _Unpickler(file).load()
    if not isinstance(system, dict) or not system.get("little_endian"):
        raise _RefusedError("its values are not little-endian")
    table, order = _Unpickler(file).load(), _Unpickler(file).load()
    dtypes = {t.storage: t.dtype for t in table.values() if isinstance(t, _Tensor)}
    places, end = {}, os.fstat(file.fileno()).st_size
    for key in order:
        numel = int.from_bytes(file.read(8), "little")
        size = numel * np.dtype(dtypes[str(key)]).itemsize
        if file.tell() + size > end:
            raise _RefusedError("it is cut")
        places[str(key)] = (file.tell(), size)
        file.seek(size, io.SEEK_CUR)

    def content(key: str, dtype: str, numel: int) -> bytes:
        start, size = places[key]
        file.seek(start)
        return file.read(size if size == numel * np.dtype(dtype).itemsize else 0)

    yield table, content
