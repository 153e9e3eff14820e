"""Load a source of images as a :class:`Dataset`.

Images are decoded in parallel, broken ones are skipped, and the result is kept in the cache.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import math
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import PIL
from PIL import Image

from gan_zoo import cli
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import copies, pixels, store
from gan_zoo.datasets.copies import ContentHash
from gan_zoo.datasets.pixels import Picture, Preprocessing
from gan_zoo.datasets.sources import Contents, Source, fingerprint
from gan_zoo.datasets.text import error_text, printable
from gan_zoo.datasets.values import Levels, Tally
from gan_zoo.errors import UserError
from gan_zoo.images import RGBA
from gan_zoo.pulse import make_bar

VERSION = 5  # part of the cache key, to be raised whenever a report changes

_MOST_FAILURES = 1 / 4
_SHOWN = 3  # files that a message names
_MANY_EQUAL = 1 / 10  # share of equal images that is told
# Stands for the place of the images in a kept note, as a copy at another place has the same notes.
# No name of a file in a note can hold it.
_HERE = "\0"

In = TypeVar("In")
Out = TypeVar("Out")


class _Failure(NamedTuple):
    reason: str


class _OnceMore(Exception):  # noqa: N818 (it is a signal)
    """The images show, once they are seen, that they must be read otherwise."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing


def load(
    name: str, source: Source, preprocessing: Preprocessing, drop_duplicates: bool, cache_dir: Path
) -> Dataset:
    """Bring all images of a source to one size, or take them from the cache.

    Args:
        name: Of the data set.
        source: Where its images are.
        preprocessing: Of each image.
        drop_duplicates: Keep only the first of images that are equal in every pixel.
        cache_dir: Where decoded images are kept.

    Raises:
        UserError: Too many images cannot be read, or all are gray where color is asked for.
    """
    preprocessing.check()
    versions = VERSION, pixels.VERSION, PIL.__version__
    key = fingerprint(source.fingerprint, preprocessing, drop_duplicates, *versions)[:20]
    stem = f"{name}-{preprocessing.size[0]}x{preprocessing.size[1]}-{key}"

    listing = fingerprint(source.listing, name, preprocessing, drop_duplicates, *versions)[:20]

    def produce(asked: Preprocessing) -> Callable[[], store.Producer]:
        def start() -> store.Producer:
            contents = source.open()
            blocks = _hashed_blocks(name, source, contents, asked, drop_duplicates)
            return store.Producer(len(contents.names), blocks)

        return start

    entry = store.find(cache_dir, stem)
    if entry is None and source.listing:
        entry = _find_copy(name, source, stem, listing, cache_dir)
    if entry is None:
        entry = _fetch(cache_dir, stem, produce, preprocessing)
        content = entry.report.get("content")
        if content and (cache_dir / f"{stem}.npy").exists():  # else it is in memory alone
            copies.remember(cache_dir, listing, content, stem)
    report = entry.report
    return Dataset(
        name=name,
        images=entry.images,
        labels={
            column: np.asarray(values, np.int32) for column, values in report["labels"].items()
        },
        label_values={column: tuple(values) for column, values in report["label_values"].items()},
        hash=entry.hash,
        resize=preprocessing.describe(report["resized"]),
        notes=(*source.notes, *(note.replace(_HERE, source.where) for note in report["notes"])),
    )


def _fetch(
    cache_dir: Path,
    stem: str,
    produce: Callable[[Preprocessing], Callable[[], store.Producer]],
    preprocessing: Preprocessing,
) -> store.Entry:
    """Return the entry, made anew when its images tell that they need another preprocessing."""
    while True:
        try:
            return store.fetch(cache_dir, stem, produce(preprocessing))
        except _OnceMore as e:
            preprocessing = e.preprocessing


def _find_copy(
    name: str, source: Source, stem: str, listing: str, cache_dir: Path
) -> store.Entry | None:
    """Return the entry with the same images under another path; None if there is none."""
    known = copies.known_copies(cache_dir, listing)
    if not any((cache_dir / f"{other}.npy").exists() for other in known.values()):
        return None
    hashed = ContentHash(source.open())
    total = len(hashed.contents.names)

    def read(rows: range) -> int:
        with contextlib.suppress(Exception):  # then the source is not recognized
            for i in rows:
                hashed.contents.read(i)
        return len(rows)

    text = f"{name}: looking for a copy in the cache"
    shown = cli.on_terminal()
    with make_bar(
        total=total, desc=text, unit=" images", disable=not shown, delay=1, leave=False
    ) as bar:
        for count in _in_order(read, _chunks(total, 64)):
            bar.update(count)
    other = known.get(hashed.hexdigest() or "")
    entry = store.find(cache_dir, other) if other else None
    if entry is not None and other:
        copies.link(cache_dir, stem, other)
    return entry


def _chunks(total: int, step: int) -> Iterator[range]:
    return (range(first, min(first + step, total)) for first in range(0, total, step))


def _hashed_blocks(
    name: str,
    source: Source,
    contents: Contents,
    preprocessing: Preprocessing,
    drop_duplicates: bool,
) -> Generator[np.ndarray, None, store.Report]:
    """Yield what :func:`_blocks` yields; its report has the hash of the content, too."""
    hashed = ContentHash(contents) if source.listing else None
    contents = hashed.contents if hashed else contents
    report = yield from _blocks(name, source.where, contents, preprocessing, drop_duplicates)
    report["notes"] = [*contents.notes, *report["notes"]]
    return {**report, "where": source.where, "content": hashed and hashed.hexdigest()}


def _blocks(
    name: str, where: str, contents: Contents, preprocessing: Preprocessing, drop_duplicates: bool
) -> Generator[np.ndarray, None, store.Report]:
    """Yield preprocessed images, uint8 ``[n, H, W, C]``, in the order of the source.

    The return value of the generator is the report on them.
    """
    total = len(contents.names)
    depth = preprocessing.channels
    kept: list[int] = []
    failed: list[tuple[str, str]] = []
    seen: collections.Counter[bytes] = collections.Counter()
    duplicates = 0
    color = resized = False
    tally = Tally()
    for chunk in _preprocess_all(name, contents, preprocessing):
        block = []
        for i, picture in chunk:
            if isinstance(picture, _Failure):
                failed.append((printable(contents.names[i]), picture.reason))
                continue
            color |= not picture.gray
            resized |= picture.resized
            depth = depth or picture.pixels.shape[-1]
            if picture.pixels.shape[-1] > depth:  # the first images were gray
                raise _OnceMore(preprocessing._replace(channels=3))
            tally.add(picture.pixels, picture.values)
            image = np.broadcast_to(picture.pixels, (*preprocessing.size, depth))
            digest = hashlib.sha256(image.tobytes()).digest()
            seen[digest] += 1
            if drop_duplicates and seen[digest] > 1:
                duplicates += 1
                continue
            block.append(image)
            kept.append(i)
        if block:
            yield np.stack(block)
    levels = tally.levels()
    if preprocessing.levels == Levels() != levels:  # what is white was not known before
        raise _OnceMore(preprocessing._replace(levels=levels))
    notes = _notes_on_failures(failed, total, where)
    if preprocessing.channels == 3 and not color:
        raise UserError(
            f"all images in {where} are gray, so that color channels would hold nothing new; use"
            " --channels=1."
        )
    if preprocessing.channels == RGBA and kept and not tally.has_transparency:
        raise UserError(
            f"no image in {where} has transparent parts, so that a fourth channel would hold"
            " nothing new; use --channels=3."
        )
    if duplicates:
        notes.append(
            f"{duplicates:,} of {total:,} images in {_HERE} repeat an earlier one exactly and are"
            " dropped."
        )
    if not duplicates:
        notes += equal_notes(_HERE, max(seen.values(), default=0), len(kept))
    notes += tally.notes(_HERE, preprocessing.levels, preprocessing.flattened_on)
    labels = (
        {} if contents.labels is None else {"class": np.asarray(contents.labels)[kept].tolist()}
    )
    label_values = {"class": list(map(printable, contents.classes))} if labels else {}
    return {"labels": labels, "label_values": label_values, "notes": notes, "resized": resized}


def equal_notes(where: str, equal: int, total: int) -> list[str]:
    """Return the sentence for a set of which many images are the same, if there are many.

    Args:
        where: What it calls the place of the images.
        equal: How many are the same.
        total: How many there are.
    """
    if equal < 2 or equal < _MANY_EQUAL * total:
        return []
    if equal == total:
        return [
            f"all {total:,} images in {where} are equal at the size of training, so that there is"
            " only this one to learn; check --data_dir."
        ]
    return [
        f"{equal:,} of {total:,} images in {where} are equal at the size of training;"
        " drop_duplicates=True, as in --data='files(drop_duplicates=True)', keeps one of them."
    ]


def _notes_on_failures(failed: list[tuple[str, str]], total: int, where: str) -> list[str]:
    """Return a sentence on the images that cannot be used, if any.

    Args:
        failed: Their names and the reasons.
        total: The number of all images.
        where: Their place.

    Raises:
        UserError: They are too many.
    """
    if not failed:
        return []
    listed = ", ".join(f"{file} ({why})" for file, why in failed[:_SHOWN]) + (
        ", ..." if len(failed) > _SHOWN else ""
    )
    count = f"{len(failed):,} of {total:,} images in"
    if len(failed) > _MOST_FAILURES * total:
        raise UserError(
            f"{count} {where} cannot be used: {listed}; fix or remove these files, or check"
            " --data_dir."
        )
    return [f"{count} {_HERE} cannot be used and are left out: {listed}."]


def _preprocess_all(
    name: str, contents: Contents, preprocessing: Preprocessing
) -> Iterator[list[tuple[int, Picture | _Failure]]]:
    """Preprocess all images in threads; yield them in order, in chunks.

    Pillow releases the GIL while it decodes and resizes.
    """
    total = len(contents.names)
    step = max(1, min(64, 2**20 // (3 * math.prod(preprocessing.size))))

    def work(rows: range) -> list[tuple[int, Picture | _Failure]]:
        return [(i, _preprocess(contents, i, preprocessing)) for i in rows]

    # Pillow's, on metadata. They are not caught for the time of reading: that is a matter of the
    # whole process, and this may be one of its threads.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    shown = cli.on_terminal()
    with make_bar(
        total=total, desc=name, unit=" images", disable=not shown, delay=1, leave=False
    ) as bar:
        for chunk in _in_order(work, _chunks(total, step)):
            yield chunk
            bar.update(len(chunk))


def _preprocess(contents: Contents, i: int, preprocessing: Preprocessing) -> Picture | _Failure:
    try:
        return pixels.preprocess(contents.read(i), preprocessing)
    except Image.DecompressionBombError:
        return _Failure("too many pixels")
    except Exception as e:  # whatever a decoder raises on a file, it is that file's fault
        return _Failure(error_text(e))


def _in_order(function: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """A map in threads that runs only a little ahead of its reader."""
    workers = min(
        32,
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )
    pending: collections.deque = collections.deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
