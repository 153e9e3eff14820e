"""The cache of decoded images: one ``.npy`` a data set and size, with a report in JSON beside it.

An entry is written once, under a temporary name, and then moved into place, so that other processes
see all of it or nothing. Where the cache cannot be written, the images are kept in memory and a
note says so.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import mmap
import os
import shutil
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.contracts import Hasher
from gan_zoo.contracts import pixel_hash as pixel_hash  # plugins may take it from here
from gan_zoo.datasets import cache, copies
from gan_zoo.errors import UserError
from gan_zoo.files import whole_file

Report = dict[str, Any]
_HEADER = 128  # bytes of a .npy's header, which NumPy pads so that it suits any number of rows


class Producer(NamedTuple):
    """A source of images for one entry of the cache.

    Attributes:
        limit: There will be no more images than this.
        blocks: Yields uint8 ``[n, H, W, C]``, at least one block with n > 0, and returns a report
            fit for JSON, whose ``notes`` is a list of sentences and whose ``labels`` is a
            dictionary of lists with one number an image.
    """

    limit: int
    blocks: Generator[np.ndarray, None, Report]


class Entry(NamedTuple):
    """An entry of the cache.

    Attributes:
        images: uint8 ``[N, H, W, C]``, read-only.
        hash: Their :func:`pixel_hash`.
        report: What :attr:`Producer.blocks` returned.
    """

    images: np.ndarray
    hash: str
    report: Report


def fetch(folder: Path, stem: str, produce: Callable[[], Producer]) -> Entry:
    """The entry of this name, made now if the cache has none that is whole.

    Args:
        folder: Of the cache; made if need be.
        stem: The entry's name, which holds a fingerprint of all that its content depends on.
        produce: Starts the making; called again if the disk fails on the way.

    Raises:
        UserError: The images fit neither on the disk nor in memory; or whatever ``produce`` raises.
    """
    entry = find(folder, stem)
    if entry is not None:
        return entry
    cache.cache_limit(folder)  # raises if it is set wrongly
    try:
        _write(folder, stem, produce())
        entry = find(folder, stem)
        if entry is None:
            raise OSError("what was written could not be read back")
        cache.trim(folder)  # not this entry, which is in use now
        return entry
    except OSError as e:
        reason = e.strerror or str(e)
    entry = _in_memory(produce(), f"the cache {folder} cannot be written ({reason})")
    note = (
        f"the cache {folder} cannot be written ({reason}), so the images are decoded again each"
        " time; set GAN_ZOO_CACHE."
    )
    return entry._replace(report={**entry.report, "notes": [*entry.report["notes"], note]})


def find(folder: Path, stem: str) -> Entry | None:
    """The entry of this name, or the one that holds the same images; None if there is none.

    It counts as used now, and is not removed by other processes while its images are in use.
    """
    entry = _read(folder, stem)
    if entry is None and (other := copies.linked(folder, stem)):
        stem, entry = other, _read(folder, other)
    if entry is not None:
        cache.hold(folder / f"{stem}.json", entry.images)
        cache.touch(folder / f"{stem}.json")
    return entry


def _drain(producer: Producer, take: Callable[[np.ndarray], None]) -> Report:
    with contextlib.closing(producer.blocks) as blocks:
        while True:
            try:
                block = next(blocks)
            except StopIteration as end:
                return end.value
            take(block)


def _write(folder: Path, stem: str, producer: Producer) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cache.remove_leftovers(folder)
    hasher = Hasher()
    # Plain writes, not a memory map: where the disk is full, a map kills the process.
    with whole_file(folder / f"{stem}.npy") as part, part.open("xb") as file:

        def take(block: np.ndarray) -> None:
            if hasher.shape == (0,):
                file.write(bytes(_HEADER))
                need = producer.limit * block[0].nbytes
                if shutil.disk_usage(folder).free < need:
                    cache.trim(folder, free=need)
                if shutil.disk_usage(folder).free < need:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            file.write(np.ascontiguousarray(block).data)
            hasher.add(block)

        report = _drain(producer, take)
        file.seek(0)
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": hasher.shape}
        )
        assert file.tell() == _HEADER
        file.flush()
        os.fsync(file.fileno())
    with whole_file(folder / f"{stem}.json") as part:
        part.write_text(
            json.dumps({"shape": hasher.shape, "hash": hasher.hexdigest(), "report": report}),
            encoding="utf-8",
        )


def _read(folder: Path, stem: str) -> Entry | None:
    """Return the entry if it is there and complete, else None.

    The pixels of a memory map are not checked: that would read all of them.
    """
    path = folder / f"{stem}.npy"
    try:
        saved = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        shape, report = tuple(saved["shape"]), saved["report"]
        if path.stat().st_size != _HEADER + math.prod(shape):
            return None
        small = math.prod(shape) < available_memory() / 4
        images = np.load(path, allow_pickle=False) if small else memory_map(path)
        right = images.shape == shape and images.dtype == np.uint8
        right = right and all(len(column) == len(images) for column in report["labels"].values())
        if not right or (small and pixel_hash(images) != saved["hash"]):
            return None
        images.flags.writeable = False
        return Entry(images, saved["hash"], report)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
        return None


def memory_map(path: Path) -> np.ndarray:
    """Map the array in an .npy file, which is then read from the disk image by image.

    ``madvise`` announces a random order. Without it, the system reads 128 KB around each image,
    which the next image does not need: fifty times slower for a set larger than memory.
    """
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    with contextlib.suppress(AttributeError, OSError):  # not every system has madvise
        images._mmap.madvise(mmap.MADV_RANDOM)
    return images


def _in_memory(producer: Producer, why: str) -> Entry:
    images = np.empty((0,), np.uint8)
    count = 0

    def take(block: np.ndarray) -> None:
        nonlocal images, count
        if not count:
            need = producer.limit * block[0].nbytes
            if need > available_memory():
                raise UserError(
                    f"{why} and the images need {need / 2**30:,.1f} GiB of memory, more than is"
                    " free; set GAN_ZOO_CACHE to a folder with room, or choose a smaller"
                    " --image_size."
                )
            images = np.empty(
                (producer.limit, *block.shape[1:]), np.uint8
            )  # what is never filled takes no memory
        images[count : count + len(block)] = block
        count += len(block)

    report = _drain(producer, take)
    images = images[:count]
    images.flags.writeable = False
    return Entry(images, pixel_hash(images), report)


def available_memory() -> int:
    """Return how many bytes this process may still allocate; 2 GiB if the system does not say."""
    limits = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits.append(
            1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable")))
        )
    with contextlib.suppress(OSError, ValueError, KeyError):  # a container's own limit
        group = Path("/sys/fs/cgroup")
        usage = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        used = int((group / "memory.current").read_text()) - int(usage["inactive_file"])
        limits.append(int((group / "memory.max").read_text()) - used)
    if not limits:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    return max(0, min(limits, default=2**31))
