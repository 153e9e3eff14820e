"""Data sets of Hugging Face and of TensorFlow Datasets, by their names there."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo.contracts import Dataset, ImageSpec
from gan_zoo.datasets.load import load
from gan_zoo.datasets.network import why_unreachable
from gan_zoo.datasets.parquet import IMAGE_COLUMNS, classes_of, encoded, label_column
from gan_zoo.datasets.pixels import Preprocessing
from gan_zoo.datasets.sources import Contents, Source, fingerprint
from gan_zoo.datasets.streams import InOrder
from gan_zoo.datasets.text import error_text, printable
from gan_zoo.errors import UserError
from gan_zoo.registry import datasets

_HUB = "https://huggingface.co"


@datasets.register
def hub(
    name: str,
    split: str = "train",
    column: str = "",
    label: str = "",
    config: str = "",
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    images: ImageSpec,
) -> Dataset:
    """A data set of huggingface.co by its name there; needs the library ``datasets``.

    It is downloaded at first use. Code of a data set is never run.

    Args:
        name: user/name, or a folder on the disk: one of ``save_to_disk``, or one of tables or
            images as they are uploaded.
        split: Of the set; also a part such as train[:5000] or train+test.
        column: The column of the images; by default the first one that is declared so.
        label: The column of the classes; by default one that is declared so. "none" for none.
        config: The configuration, for sets that have several.
        fit: See ``files``.
        resample: See ``files``.
        drop_duplicates: See ``files``.
        images: Their size and channels.

    Raises:
        UserError: The library is missing, or the set cannot be had, or has no such column.
    """
    source = _hub_source(name, split, column, label, config)
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    return load("hub", source, preprocessing, drop_duplicates, images.cache_dir)


def _hub_source(name: str, split: str, column: str, label: str, config: str) -> Source:
    where = f"hub({name!r})"
    table, told = _hub_table(name, split, config, where)
    features = {key: _feature(value) for key, value in table.features.items()}
    fit = [key for key, value in features.items() if value["_type"] == "Image"]
    arrays = [k for k, v in features.items() if v["_type"] in ("Array2D", "Array3D")]
    column = _chosen("column", column, [*fit, *arrays], list(features), where)
    plain = {k for k, v in features.items() if v["dtype"].startswith(("int", "uint", "str"))}
    found = _chosen_label(label, features, plain, where)
    if not len(table):
        raise UserError(f"the split {split} of {where} is empty; choose another.")
    others = [key for key in fit if key != column]
    note = f"of {where}, the column {column} is read, and not the images in {', '.join(others)}."

    def contents() -> Contents:
        rows = table.select_columns([column])
        if column in fit:
            from datasets import Image

            rows = rows.cast_column(column, Image(decode=False))

        def read(i: int) -> bytes | np.ndarray:
            value = rows[i][column]
            return encoded(value) if column in fit else np.asarray(value, np.uint8)

        names = [f"row {i}" for i in range(len(table))]
        if found is None:
            return Contents(names, read)
        known = tuple(map(str, features[found].get("names", ())))
        values = table.data.column(found).to_pylist() if table._indices is None else table[found][:]
        labels, notes = classes_of(f"the column '{printable(found)}' of {where}", values, known)
        return Contents(names, read, *labels, notes)

    kept = fingerprint("hub", table._fingerprint, column, found)
    listing = fingerprint("hub", len(table), column, found, sorted(map(str, features.items())))
    return Source(where, kept, contents, (*told, *([note] if others else [])), listing)


def _hub_table(name: str, split: str, config: str, where: str) -> tuple[Any, list[str]]:
    """Return one split as a ``datasets.Dataset``, and a sentence if it could not be looked up."""
    try:
        import datasets as library
        from datasets import load_dataset  # fails for a folder of that name, which is no library
    except ImportError:
        raise UserError(
            f"--data={where} needs the library of Hugging Face; pip install 'gan_zoo[hub]'."
        ) from None
    folder = Path(name).expanduser()
    given = any((folder / f).is_file() for f in ("state.json", "dataset_dict.json"))
    # Asked without an answer, the library would try again for half a minute or more.
    local = folder.is_dir() or library.config.HF_HUB_OFFLINE
    why = "" if local else why_unreachable(os.environ.get("HF_ENDPOINT") or _HUB)
    try:
        with _quiet(library), _offline(library) if why else contextlib.nullcontext():
            if given:
                return _saved(library, folder, split), []
            table = load_dataset(
                str(folder) if folder.is_dir() else name, config or None, split=split
            )
    except Exception as e:  # the library raises whatever its downloads and readers raise
        raise UserError(
            f"--data={where} cannot be loaded with split={split!r}"
            f" ({why or f'{type(e).__name__}: {error_text(e)}'}); check the name, the network and"
            " the access, or give a folder on the disk."
        ) from None
    return table, [f"{where} is taken as it was downloaded before, since {why}."] if why else []


def _saved(library: Any, folder: Path, split: str) -> Any:
    """Return one split of what ``save_to_disk`` wrote."""
    saved = library.load_from_disk(str(folder))
    if not isinstance(saved, library.DatasetDict):
        return saved
    if split not in saved:
        raise ValueError(f"it has the splits {', '.join(saved)}")
    return saved[split]


@contextlib.contextmanager
def _offline(library: Any) -> Iterator[None]:
    """With what was downloaded before alone."""
    import huggingface_hub

    places = [(library.config, "HF_HUB_OFFLINE"), (library.config, "HF_DATASETS_OFFLINE")]
    places.append((huggingface_hub.constants, "HF_HUB_OFFLINE"))
    before = [(place, name, getattr(place, name, False)) for place, name in places]
    for place, name in places:
        setattr(place, name, True)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)


@contextlib.contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Without bars where no terminal shows them."""
    bars = library.utils.logging.is_progress_bar_enabled()
    if os.environ.get("CI") or not os.isatty(2):
        library.disable_progress_bars()
    try:
        yield
    finally:
        if bars:
            library.enable_progress_bars()


def _feature(value: Any) -> dict[str, Any]:
    """Return the declared type of a column as a dictionary with ``_type``."""
    kind = {"_type": type(value).__name__, "dtype": str(getattr(value, "dtype", ""))}
    return {**kind, "names": value.names} if getattr(value, "names", None) else kind


def _chosen(what: str, wanted: str, fit: list[str], columns: list[str], where: str) -> str:
    """Return the column that was asked for, or the likeliest one that fits."""
    held = printable(", ".join(columns))[:200]
    if wanted:
        if wanted in fit:
            return wanted
        raise UserError(f"{where} has no {what} '{wanted}' that fits; there are: {held}.")
    usual = [key for key in IMAGE_COLUMNS if key in fit]
    if not fit:
        raise UserError(f"{where} has no column of images; there are: {held}.")
    return [*usual, *fit][0]


def _chosen_label(
    wanted: str, features: dict[str, dict], plain: set[str], where: str
) -> str | None:
    """Return the column of the classes that was asked for, or the likeliest one; None for none."""
    if wanted == "none":
        return None
    if wanted:
        return _chosen("label", wanted, list(features), list(features), where)
    return label_column(features, plain)


@datasets.register
def tfds(
    name: str,
    split: str = "train",
    column: str = "",
    label: str = "",
    fit: str = "crop",
    resample: str = "lanczos",
    drop_duplicates: bool = False,
    *,
    images: ImageSpec,
) -> Dataset:
    """A data set of TensorFlow Datasets by its name there; needs ``tensorflow-datasets``.

    It is downloaded and prepared at first use, in --data_dir or ~/tensorflow_datasets.

    Args:
        name: Of the set, such as celeb_a, or name/config; or a folder that holds a prepared one.
        split: Of the set; also a part such as train[:5000] or train+test.
        column: The feature with the images; by default the first one that is declared so.
        label: The feature with the classes; by default one that is declared so. "none" for none.
        fit: See ``files``.
        resample: See ``files``.
        drop_duplicates: See ``files``.
        images: Their size and channels, and the folder of prepared sets.

    Raises:
        UserError: The library is missing, or the set cannot be had, or has no such feature.
    """
    source = _tfds_source(name, split, column, label, images.data_dir)
    preprocessing = Preprocessing(images.size, images.channels, fit, resample)
    return load("tfds", source, preprocessing, drop_duplicates, images.cache_dir)


def _tfds_source(name: str, split: str, column: str, label: str, data_dir: Path | None) -> Source:
    where = f"tfds({name!r})"
    builder, count = _tfds_builder(name, split, data_dir, where)
    features = {key: _feature(value) for key, value in builder.info.features.items()}
    fit = [key for key, value in features.items() if value["_type"] == "Image"]
    column = _chosen("column", column, fit, list(features), where)
    plain = {k for k, v in features.items() if v["_type"] == "Text"}
    found = _chosen_label(label, features, plain, where)

    def rows(wanted: str, first: int = 0) -> Iterator[Any]:
        import tensorflow_datasets as library

        # In one order, and each image as it was encoded.
        skip = {column: library.decode.SkipDecoding()} if wanted == column else None
        part = library.decode.PartialDecoding({wanted: True}, skip)
        config = library.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        found = builder.as_dataset(
            split=split, decoders=part, read_config=config, shuffle_files=False
        )
        for row in found.skip(first).as_numpy_iterator():
            yield row[wanted]

    def contents() -> Contents:
        reader = InOrder(lambda first: enumerate(rows(column, first), first))
        names = [f"row {i}" for i in range(count)]
        if found is None:
            return Contents(names, reader.read)
        values = [v.decode() if isinstance(v, bytes) else int(v) for v in rows(found)]
        known = tuple(map(str, features[found].get("names", ())))
        labels, notes = classes_of(f"the feature '{printable(found)}' of {where}", values, known)
        return Contents(names, reader.read, *labels, notes)

    parts = [builder.info.full_name, split, column, found, count]
    files = [(s.name, s.num_bytes, s.shard_lengths) for s in builder.info.splits.values()]
    return Source(
        where,
        fingerprint("tfds", *parts, builder.data_dir, files),
        contents,
        listing=fingerprint("tfds", *parts, files),
    )


def _tfds_builder(name: str, split: str, data_dir: Path | None, where: str) -> tuple[Any, int]:
    """Return a prepared builder and the number of images in a split."""
    try:
        import tensorflow_datasets as library
    except ImportError:
        raise UserError(
            f"--data={where} needs TensorFlow Datasets; pip install 'gan_zoo[tfds]'."
        ) from None
    folder = Path(name).expanduser()
    why = ""
    try:
        if (folder / "dataset_info.json").is_file():
            builder = library.builder_from_directory(str(folder))
        else:
            builder = library.builder(name, data_dir=str(data_dir) if data_dir else None)
            why = "" if Path(builder.data_dir).is_dir() else _why_no_download(builder)
            with _without_waiting(library) if why else contextlib.nullcontext():
                builder.download_and_prepare()
        return builder, builder.info.splits[split].num_examples
    except Exception as e:  # the library raises whatever its downloads and readers raise
        raise UserError(
            f"--data={where} cannot be loaded with split={split!r}"
            f" ({why or f'{type(e).__name__}: {error_text(e)}'}); check the name and the network,"
            " or give the folder of a prepared set."
        ) from None


def _why_no_download(builder: Any) -> str:
    """Return why the server of a set cannot be reached; "" if it can, or is unknown."""
    urls = [url for url in builder.url_infos or () if url.startswith("http")]
    return why_unreachable(urls[0]) if urls else ""


@contextlib.contextmanager
def _without_waiting(library: Any) -> Iterator[None]:
    """With what was downloaded before: the library would try each file for 3 minutes."""
    downloader: Any = importlib.import_module(f"{library.__name__}.core.download.downloader")
    before, downloader.MAX_RETRIES = getattr(downloader, "MAX_RETRIES", 10), 0
    try:
        yield
    finally:
        downloader.MAX_RETRIES = before
