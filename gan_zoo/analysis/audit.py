"""What is in a set of images: broken files, sizes, colors, classes and duplicates."""

from __future__ import annotations

import collections
import hashlib
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image

from gan_zoo import registry
from gan_zoo.analysis.duplicates import THUMB, first_equal, near_duplicates
from gan_zoo.analysis.pictures import about_path, data_arguments
from gan_zoo.config import Config
from gan_zoo.datasets import build_dataset
from gan_zoo.datasets.class_labels import class_notes
from gan_zoo.datasets.files import open_files
from gan_zoo.datasets.load import equal_notes
from gan_zoo.datasets.pixels import Preprocessing, decode, open_picture, orientation, preprocess
from gan_zoo.datasets.places import KINDS
from gan_zoo.datasets.sources import Contents
from gan_zoo.datasets.store import Hasher
from gan_zoo.datasets.text import error_text, printable
from gan_zoo.datasets.values import Levels, Tally, Values
from gan_zoo.errors import UserError
from gan_zoo.files import user_path
from gan_zoo.images import RGBA, over
from gan_zoo.pulse import make_bar

_SIDEWAYS = (5, 6, 7, 8)  # numbers of EXIF
_ROWS = 256  # of an image that are measured at once


class AuditSource(NamedTuple):
    """Images to audit.

    Attributes:
        title: A name for messages.
        name: The same as the name of a file.
        contents: The opened source.
        columns: Class numbers ``[N]`` and the classes' names, by column.
        preprocessing: What training does to the images.
        other_files: The number of files that are no images, by ending.
        notes: Sentences of the data set.
        raw: Whether these are the files of a user, and not images already at the size of training.
        data: The name of the data set.
    """

    title: str
    name: str
    contents: Contents
    columns: dict[str, tuple[np.ndarray, tuple[str, ...]]]
    preprocessing: Preprocessing
    other_files: Mapping[str, int]
    notes: tuple[str, ...]
    raw: bool
    data: str


def open_audit_source(
    path: str = "",
    *,
    data: str = "",
    data_dir: str = "",
    image_size: str = "28",
    channels: int = 0,
) -> AuditSource:
    """Open the images in a folder, zip or npz, or those of a data set.

    Args:
        path: The folder, zip or npz; "" for a data set.
        data: The data set; ``files`` by default.
        data_dir: Where its files are.
        image_size: The size of training: one side or HEIGHTxWIDTH.
        channels: 1 for gray, 3 for color, 4 with transparency, 0 for gray or color, as the images.

    Raises:
        UserError: There is none, or the arguments do not fit it.
    """
    spec = registry.parse_spec(data or "files")
    registry.datasets.check(spec)
    config = Config(data=data or "files", image_size=image_size, channels=channels)  # checks them
    preprocessing = Preprocessing(config.size, config.channels or None)
    if spec.name == "files":
        return _open_files(path or data_dir, config, preprocessing)
    found = build_dataset(
        spec,
        preprocessing.size,
        preprocessing.channels,
        user_path(data_dir) if data_dir else None,
    )
    columns = {
        name: (np.asarray(column), found.label_values[name])
        for name, column in found.labels.items()
    }
    contents = Contents([f"image {i}" for i in range(len(found.images))], found.images.__getitem__)
    return AuditSource(
        str(spec), spec.name, contents, columns, preprocessing, {}, found.notes, False, spec.name
    )


def _open_files(where: str, config: Config, preprocessing: Preprocessing) -> AuditSource:
    if not where:
        raise UserError(
            f"--data=files needs to know where the images are; give {KINDS} as --data_dir."
        )
    path = user_path(where)
    if not path.exists():
        raise UserError(f"there is no {path}; give {KINDS}.")
    given = data_arguments(config)
    preprocessing = preprocessing._replace(
        fit=given.get("fit", "crop"),
        resample=given.get("resample", "lanczos"),
        background=given.get("background", "white"),
    )
    preprocessing.check()
    try:
        source = open_files(path, given.get("classes", "auto"), given.get("split", "train"))
    except UserError as e:
        raise about_path(e) from None
    contents = source.open()
    notes = (*source.notes, *contents.notes)
    columns = {}
    if contents.labels is not None:
        columns = {"class": (contents.labels, contents.classes)}
    name = path.resolve().stem if path.is_file() else path.resolve().name
    return AuditSource(
        str(path), name, contents, columns, preprocessing, source.others, notes, True, "files"
    )


class ImageInfo(NamedTuple):
    """What is kept of one image.

    Attributes:
        size: (width, height) of the upright picture.
        color: ``gray``, ``gray in color channels`` or ``color``.
        transparent: Whether a part of it is transparent.
        format: Of the file.
        exact: Digest of the decoded pixels.
        resized: Digest of the pixels at the size of training.
        pixels: Those pixels, uint8 ``[H, W, C]``; empty once they are hashed.
        thumb: float32 ``[256]``: the gray thumbnail; ``[512]`` with transparency, over black and
            over white.
        mean: float32 ``[3]``: the mean color.
        values: What the values of the file were.
    """

    size: tuple[int, int]
    color: str
    transparent: bool
    format: str
    exact: bytes
    resized: bytes
    pixels: np.ndarray
    thumb: np.ndarray
    mean: np.ndarray
    values: Values


class Audit(NamedTuple):
    """What was found.

    Attributes:
        source: The images.
        rows: The places of the n images that can be read; all below are of these.
        broken: (name, reason) of the others.
        images: One for each image.
        exact: ``[n]``: for each image the first one with the same pixels, which may be itself.
        near: ``[n]``: for each image the first earlier one of which it is a near duplicate, or
            itself.
        repeats: How many images ``drop_duplicates=True`` would drop at the size of training.
        hash: ``Dataset.hash`` at the size of training, of all readable images.
        shape: (H, W, C) there.
        correlation: The smallest one of near duplicates.
    """

    source: AuditSource
    rows: np.ndarray
    broken: list[tuple[str, str]]
    images: list[ImageInfo]
    exact: np.ndarray
    near: np.ndarray
    repeats: int
    hash: str
    shape: tuple[int, int, int]
    correlation: float


def audit(source: AuditSource, near: float = 0.995) -> Audit:
    """Decode and measure all images.

    Args:
        source: From :func:`open_audit_source`.
        near: The smallest correlation of near duplicates.

    Raises:
        UserError: No image can be read.
    """
    size = source.preprocessing.size
    rows, broken, infos = [], [], []
    # Whether all images are gray, and so have one channel, is known at the end only.
    kinds = (RGBA,) if source.preprocessing.channels == RGBA else (1, 3)
    hashers = {channels: Hasher() for channels in kinds}
    tally = Tally()
    empty = np.empty(0, np.uint8)
    for i, info in _measure_all(source):
        if isinstance(info, str):
            broken.append((printable(source.contents.names[i]), info))
            continue
        tally.add(info.pixels, info.values)
        if info.pixels.shape[2] == 3:
            hashers.pop(1, None)
        for channels, hasher in hashers.items():
            hasher.add(np.broadcast_to(info.pixels, (*size, channels))[None])
        rows.append(i)
        infos.append(info._replace(pixels=empty))
    if not infos:
        listed = ", ".join(f"{name} ({why})" for name, why in broken[:3])
        raise UserError(
            f"none of the {len(broken):,} images in {source.title} can be read: {listed}; check the"
            " path."
        )
    preprocessing, levels = source.preprocessing, tally.levels()
    if source.raw and preprocessing.levels == Levels() != levels:  # as in training
        return audit(source._replace(preprocessing=preprocessing._replace(levels=levels)), near)
    if source.raw:
        source = source._replace(notes=tuple(_notes(source, rows, infos, tally)))
    channels = preprocessing.channels or min(hashers)
    exact = first_equal([info.exact for info in infos])
    thumbs, means = (np.stack([getattr(x, name) for x in infos]) for name in ("thumb", "mean"))
    return Audit(
        source,
        np.array(rows),
        broken,
        infos,
        exact,
        near_duplicates(thumbs, means, exact, near),
        len(infos) - len({info.resized for info in infos}),
        hashers[channels].hexdigest(),
        (*size, channels),
        near,
    )


def _notes(
    source: AuditSource, rows: list[int], infos: list[ImageInfo], tally: Tally
) -> Iterator[str]:
    """Yield the notes of a training on the images that can be read."""
    for labels, classes in source.columns.values():
        yield from class_notes(labels[rows], classes)
    yield from source.notes
    equal = collections.Counter(info.resized for info in infos).most_common(1)[0][1]
    yield from equal_notes(source.title, equal, len(infos))
    yield from tally.notes(
        source.title, source.preprocessing.levels, source.preprocessing.flattened_on
    )


def _measure_all(source: AuditSource) -> Iterator[tuple[int, ImageInfo | str]]:
    """Yield each image's place and what was measured, or the reason why it cannot be read."""

    def measure(i: int) -> ImageInfo | str:
        try:
            return _measure(source.contents.read(i), source.preprocessing)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return "too many pixels"
        except Exception as e:  # whatever a decoder raises on a damaged file
            return error_text(e)

    total = len(source.contents.names)
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(2) as pool,
        make_bar(total=total, desc=source.name, unit=" images", disable=None, leave=False) as bar,
    ):
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for start in range(0, total, 256):
            rows = range(start, min(start + 256, total))
            yield from zip(rows, pool.map(measure, rows), strict=True)
            bar.update(len(rows))


def _measure(data: bytes | np.ndarray, preprocessing: Preprocessing) -> ImageInfo:
    """Decode one image and measure it; a large one as training decodes it, in small."""
    width, height, file_format = _header(data)
    image, values = decode(data, preprocessing)
    native = np.asarray(image)
    depth = 1 if native.ndim == 2 else native.shape[2]
    pixels = preprocess(native, preprocessing).pixels
    small = preprocess(native, Preprocessing((THUMB, THUMB), None, "stretch", "box")).pixels
    if depth == RGBA:  # what has the color of one background shows over the other
        small = preprocess(native, Preprocessing((THUMB, THUMB), RGBA, "stretch", "box")).pixels
        small = np.concatenate([over(small, 0), over(small, 255)])
    small = small.astype(np.float32)
    exact, has_color = hashlib.sha256(f"{width}x{height}".encode()), False
    for top in range(0, len(native), _ROWS):
        rows = np.atleast_3d(native[top : top + _ROWS])
        exact.update(np.broadcast_to(rows, (*rows.shape[:2], max(depth, 3))).tobytes())
        has_color = has_color or bool((rows[..., :3] != rows[..., :1]).any())
    resized = np.broadcast_to(pixels, (*pixels.shape[:2], max(depth, 3))).tobytes()
    in_channels = "color" if has_color else "gray in color channels"
    return ImageInfo(
        (width, height),
        "gray" if depth == 1 else in_channels,
        "transparent" in values.traits,
        file_format,
        exact.digest(),
        hashlib.sha256(resized).digest(),
        pixels,
        small.mean(axis=2).reshape(-1),
        np.broadcast_to(small.mean(axis=(0, 1)), (3,)),
        values,
    )


def _header(data: bytes | np.ndarray) -> tuple[int, int, str]:
    """Return the width and the height of the upright picture, and the format of the file."""
    if isinstance(data, np.ndarray):
        return data.shape[1], data.shape[0], "array"
    if not data:
        raise ValueError("empty")
    with open_picture(data) as image:
        width, height = image.size[::-1] if orientation(image) in _SIDEWAYS else image.size
        return width, height, image.format or "?"
