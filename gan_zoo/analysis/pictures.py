"""Pictures made by any program, read at the size of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import ImageOps

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import cache_dir
from gan_zoo.datasets.load import load
from gan_zoo.datasets.opened import open_source
from gan_zoo.datasets.picture_formats import HEAD, is_read, sniff
from gan_zoo.datasets.pixels import Picture, Preprocessing, open_picture, preprocess
from gan_zoo.datasets.sources import Contents, Source
from gan_zoo.datasets.text import error_text
from gan_zoo.errors import UserError
from gan_zoo.files import near_or
from gan_zoo.images import RGBA

_LOOKED_AT = 20  # files of a set whose format is looked at


class Pictures(NamedTuple):
    """Pictures at the size of the data.

    Attributes:
        images: uint8 ``[N, H, W, C]``, in random order.
        preprocessing: How they were brought to size and channels, in a few words; "" if they fit.
        notes: Sentences for the user.
    """

    images: np.ndarray
    preprocessing: str
    notes: tuple[str, ...]


def load_pictures(path: Path, data: Dataset, config: Config, most: int, seed: int) -> Pictures:
    """Load pictures from a folder, zip or npz and resize them as the data are resized.

    Args:
        path: Where they are.
        data: The real images; 0 channels are unknown ones, and then the pictures have 3.
        config: The settings whose ``data`` says how images are fitted.
        most: The largest number to load, chosen at random.
        seed: Of that choice and of the order.

    Raises:
        UserError: There are none, or they cannot be read.
    """
    preprocessing = data_preprocessing(data.image_shape, config)

    def read(preprocessing: Preprocessing) -> Dataset:
        source = open_pictures(path, most, seed)
        return load("pictures", source, preprocessing, False, cache_dir())

    try:
        found = read(preprocessing)
        depth, real_depth = found.image_shape[2], data.image_shape[2]
        if depth > real_depth > 0:
            found = read(preprocessing._replace(channels=1))
    except UserError as e:
        raise about_path(e) from None
    steps = [] if found.resize == "none" else [found.resize]
    notes = list(found.notes)
    height, width, _ = data.image_shape
    channels = real_depth or 3
    if steps:
        notes.append(
            f"the pictures in {path} have another size than the data; they were resized to"
            f" {height}x{width}: {found.resize}."
        )
    if depth != real_depth > 0:
        steps.append("made gray" if channels == 1 else "gray")
        notes.append(
            f"the pictures in {path} are in color and the data are gray; the pictures were made"
            " gray."
            if channels == 1
            else f"the pictures in {path} are gray and the data are in color; they are compared as"
            " they are."
        )
    images = np.broadcast_to(found.images, (*found.images.shape[:3], channels))
    order = np.random.default_rng(seed).permutation(len(images))[:most]
    return Pictures(images[order], ", ".join(steps), tuple(notes))


class NamedPictures(NamedTuple):
    """Pictures at the size of a generator's images, each with its name.

    Attributes:
        names: Where each is.
        images: uint8 ``[N, H, W, C]``.
        notes: Sentences for the user.
    """

    names: tuple[str, ...]
    images: np.ndarray
    notes: tuple[str, ...]


def read_pictures(
    paths: Sequence[Path],
    image_shape: tuple[int, int, int],
    config: Config,
    most: int,
    seed: int = 0,
) -> NamedPictures:
    """Read pictures from files, folders, archives and arrays, and resize them as the data are.

    Args:
        paths: Where they are, in this order.
        image_shape: (H, W, C) of the result.
        config: The settings whose ``data`` says how images are fitted.
        most: The largest number of one path, chosen at random.
        seed: Of that choice.

    Raises:
        UserError: A path does not exist, or none of its pictures can be read.
    """
    preprocessing = data_preprocessing(image_shape, config)._replace(channels=image_shape[2])
    names: list[str] = []
    found: list[Picture] = []
    notes: list[str] = []
    for path in paths:
        of_path, pictures, told = _read_path(path, preprocessing, most, seed)
        names, found, notes = names + of_path, found + pictures, notes + told
    if resized := sum(picture.resized for picture in found):
        height, width, _ = image_shape
        notes.append(
            f"{resized:,} of {len(found):,} pictures were resized to {height}x{width}:"
            f" {preprocessing.describe(True)}."
        )
    return NamedPictures(tuple(names), np.stack([p.pixels for p in found]), tuple(notes))


def _read_path(
    path: Path, preprocessing: Preprocessing, most: int, seed: int
) -> tuple[list[str], list[Picture], list[str]]:
    """Return names, pictures and sentences for the user."""
    if not path.exists():
        remedy = near_or(path, "give a picture, or a folder, zip or npz of pictures.")
        raise UserError(f"there is no {path}; {remedy}")
    if path.is_file() and is_read(sniff(_head(path))):
        contents, notes = Contents((str(path),), lambda i: path.read_bytes()), []
    else:
        source = open_pictures(path)
        opened = source.open()
        contents, notes = opened, [*source.notes, *opened.notes]
    rows = np.arange(len(contents.names))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
        notes.append(
            f"{most:,} of {len(contents.names):,} pictures in {path} are taken, at random."
        )
    names, pictures, reasons = [], [], []
    for i in map(int, rows):
        try:
            pictures.append(preprocess(contents.read(i), preprocessing))
            names.append(contents.names[i])
        except Exception as e:  # whatever a decoder raises on a file
            reasons.append(f"{contents.names[i]}: {error_text(e)}")
    if not pictures:
        raise UserError(f"no picture in {path} can be read ({reasons[0]}); check it.")
    if reasons:
        notes.append(
            f"{len(reasons):,} pictures in {path} cannot be read and are left out, such as"
            f" {reasons[0]}."
        )
    return names, pictures, notes


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as e:
        raise UserError(
            f"{path} cannot be read ({error_text(e)}); check its permissions."
        ) from None


def open_pictures(path: Path, most: int | None = None, seed: int = 0) -> Source:
    """Open the pictures in a folder, zip or npz; of files, at most ``most``, chosen at random.

    Raises:
        UserError: There are none, or the archive cannot be read.
    """

    def some(names: Sequence[str]) -> Sequence[str]:
        rows = np.random.default_rng(seed).permutation(len(names))[:most]
        return [names[i] for i in np.sort(rows)]

    try:
        return open_source(path, some)
    except UserError as e:
        raise about_path(e) from None


def compression_note(pictures: Path, real: Path) -> str:
    """Return a sentence if one of two sets of pictures is JPEG and the other is not, else "".

    A set is JPEG if half or more of some of its files, evenly chosen, are by their first bytes.
    """
    jpeg = []
    for path in (pictures, real):
        contents = open_source(path).open()
        rows = np.linspace(0, len(contents.names) - 1, min(_LOOKED_AT, len(contents.names)))
        files = [contents.read(i) for i in map(int, rows)]
        kinds = ["" if isinstance(file, np.ndarray) else sniff(file[:HEAD]) for file in files]
        jpeg.append(2 * kinds.count(".jpg") >= len(kinds))
    if jpeg[0] == jpeg[1]:
        return ""
    one, other = (pictures, real) if jpeg[0] else (real, pictures)
    return (
        f"the pictures in {one} are JPEG and those in {other} are not: what JPEG changes is a"
        " distance by itself, so compare pictures that are both compressed alike, or not at all."
    )


def first_size(path: Path) -> tuple[int, int]:
    """Return (H, W) of the first picture that can be read.

    Raises:
        UserError: None can be read.
    """
    contents = open_pictures(path).open()
    for i in range(len(contents.names)):
        try:
            picture = contents.read(i)
            if isinstance(picture, np.ndarray):
                return int(picture.shape[0]), int(picture.shape[1])
            with open_picture(picture) as image:
                width, height = ImageOps.exif_transpose(image).size
                return height, width
        except Exception:  # whatever a decoder raises on a file; loading reports it
            continue
    raise UserError(
        f"none of the {len(contents.names):,} pictures in {path} can be read; check the path."
    )


def about_path(e: UserError) -> UserError:
    """Return an error of a reader, for a command that takes the path without --data_dir."""
    return UserError(str(e).replace("--data_dir", "the path"))


def data_arguments(config: Config) -> dict[str, Any]:
    """Return the arguments that the settings give their data set, by name; {} if unreadable."""
    spec = config.spec("data")
    signature = registry.datasets.entry(spec.name).signature
    return signature.bind_partial(*spec.args, **spec.kwargs).arguments if signature else {}


def data_preprocessing(image_shape: tuple[int, int, int], config: Config) -> Preprocessing:
    """Return how other pictures are resized: as the data are, but without a known set's crop."""
    arguments = data_arguments(config)
    return Preprocessing(
        image_shape[:2],
        RGBA if image_shape[2] == RGBA else None,
        arguments.get("fit", "crop"),
        arguments.get("resample", "lanczos"),
        background=arguments.get("background", "white"),
    )
