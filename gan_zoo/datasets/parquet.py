"""Tables of Parquet with encoded images, as Hugging Face keeps data sets."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.datasets.containers import Classes
from gan_zoo.datasets.nested import taken_together
from gan_zoo.datasets.sources import Contents, Source, fingerprint
from gan_zoo.datasets.streams import InOrder
from gan_zoo.datasets.text import error_text, printable
from gan_zoo.errors import UserError

IMAGE_COLUMNS = ("image", "images", "img", "picture", "photo", "jpg", "jpeg", "png", "webp")
LABEL_COLUMNS = ("label", "labels", "class", "cls", "fine_label", "category", "target", "y")
_ROWS = 16  # that are read at a time
_TEST = re.compile(r"(?:^|[-_./])(?:test|testing)(?:[-_./]|$)", re.IGNORECASE)


class _Columns(NamedTuple):
    """The columns of a table that are read.

    Attributes:
        image: Of bytes, or of records with ``bytes`` and ``path``.
        record: Whether it holds such records.
        label: Of class numbers or names, or None.
        classes: The names of the class numbers, or ().
        notes: What is not read.
    """

    image: str
    record: bool
    label: str | None
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def parquet(where: Path, files: Sequence[Path]) -> Source:
    """The images in one column of tables, with the classes in another.

    Args:
        where: The table or the folder of tables, in messages.
        files: The tables, which are parts of one set. Those of a test split are left out if there
            are others.

    Raises:
        UserError: pyarrow is missing, or there is no such column, or a table is broken.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise UserError(
            f"{where} is a table of Parquet, which needs pyarrow; pip install"
            " 'gan_zoo[parquet]', or give a folder of image files."
        ) from None
    notes = []
    if where not in files:
        names = {file: file.relative_to(where).as_posix() for file in files}
        train = [file for file in files if not _TEST.search(names[file].removesuffix(".parquet"))]
        notes.append(taken_together(where, [names[file] for file in train or files], "table"))
        if train and len(train) < len(files):
            notes.append(
                f"the test split in {where} is left out; it is in"
                f" {', '.join(names[f] for f in files if f not in train)[:200]}."
            )
            files = train
    tables, marks, listing = [], [], []
    for file in files:
        try:
            table = pq.ParquetFile(file, memory_map=True)
            status = file.stat()
        except Exception as e:  # pyarrow raises many types
            raise UserError(
                f"{file} is damaged or cut short, or is no table of Parquet ({error_text(e)});"
                " download it again."
            ) from None
        tables.append(table)
        marks += [file.resolve(), status.st_size, status.st_mtime_ns]
        listing += [file.name, status.st_size, table.metadata.num_rows]
    columns = [_columns(file, table) for file, table in zip(files, tables, strict=True)]
    if len({column[:4] for column in columns}) > 1:
        raise UserError(
            f"the tables in {where} have different columns or classes; give one of them as"
            " --data_dir."
        )
    return Source(
        str(where),
        fingerprint("parquet", *marks),
        lambda: _contents(where, files, tables, columns[0]),
        (*notes, *columns[0].notes),
        fingerprint("parquet", *listing),
    )


def _columns(file: Path, table: Any) -> _Columns:
    """Choose the columns of a table.

    Raises:
        UserError: None holds images.
    """
    import pyarrow as pa

    schema = table.schema_arrow
    features = _features(schema)
    fit, records = [], set()
    for field in schema:
        kind = field.type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            records.add(field.name)
            fit.append(field.name)
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            fit.append(field.name)
    declared = [n for n in fit if features.get(n, {}).get("_type") == "Image"]
    named = sorted(
        (n for n in fit if n.lower() in IMAGE_COLUMNS), key=lambda n: IMAGE_COLUMNS.index(n.lower())
    )
    chosen = [*declared, *named, *fit][:1]
    if not chosen or not table.metadata.num_rows:
        held = ", ".join(f"{f.name} ({f.type})" for f in list(schema)[:8]) or "nothing"
        raise UserError(
            f"{file} has no column of encoded images, but {printable(held)[:200]}; save them as"
            " files, or as arrays in an .npz."
        )
    others = [n for n in (declared or fit) if n != chosen[0]]
    notes = (
        [
            f"the images of {file} are those of the column '{printable(chosen[0])}';"
            f" {printable(', '.join(others))} may hold others, which are not read."
        ]
        if others
        else []
    )
    label = label_column(
        {f.name: features.get(f.name, {}) for f in schema},
        {f.name for f in schema if pa.types.is_integer(f.type) or pa.types.is_string(f.type)},
    )
    names = tuple(map(str, features.get(label, {}).get("names", ()))) if label else ()
    return _Columns(chosen[0], chosen[0] in records, label, names, tuple(notes))


def label_column(features: dict[str, dict], plain: set[str]) -> str | None:
    """Choose the column with the classes: one that is declared so, or has a usual name.

    Args:
        features: The declared type of each column; {} if there is none.
        plain: The columns of integers or text.
    """
    declared = [n for n, feature in features.items() if feature.get("_type") == "ClassLabel"]
    usual = sorted(
        (n for n in features if n in plain and n.lower() in LABEL_COLUMNS),
        key=lambda n: LABEL_COLUMNS.index(n.lower()),
    )
    return next(iter([n for n in usual if n in declared] + declared + usual), None)


def _features(schema: Any) -> dict[str, dict]:
    """Return the types of columns that the library ``datasets`` declared; {} if it did not."""
    try:
        saved = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: kind for name, kind in saved.items() if isinstance(kind, dict)}
    except (KeyError, TypeError, ValueError):
        return {}


def _contents(
    where: Path, files: Sequence[Path], tables: Sequence[Any], columns: _Columns
) -> Contents:
    counts = [table.metadata.num_rows for table in tables]
    begins = [0, *itertools.accumulate(counts)]

    def rows(first: int) -> Iterator[tuple[int, Any]]:
        """Yield the rows from the beginning of the row group of one on."""
        for table, begin in zip(tables, begins, strict=False):
            for group in range(table.num_row_groups):
                size = table.metadata.row_group(group).num_rows
                if begin + size > first:
                    column = columns.image
                    batches = table.iter_batches(_ROWS, [group], [column], use_threads=False)
                    values = (v for batch in batches for v in batch.column(0))
                    yield from enumerate(values, begin)
                begin += size

    reader = InOrder(rows)
    beside = [file.parent for file, n in zip(files, counts, strict=True) for _ in range(n)]

    def read(i: int) -> bytes:
        value = reader.read(i).as_py()
        return encoded(value, beside[i])

    names = [
        f"row {i} of {file.name}" for file, n in zip(files, counts, strict=True) for i in range(n)
    ]
    labels: Classes = (None, ())
    notes: tuple[str, ...] = ()
    if columns.label is not None:
        try:
            values = [v for t in tables for v in t.read([columns.label]).column(0).to_pylist()]
        except Exception as e:  # pyarrow raises many types
            raise UserError(
                f"the column '{printable(columns.label)}' of {where} cannot be read"
                f" ({error_text(e)}); download it again."
            ) from None
        column = f"the column '{printable(columns.label)}' of {where}"
        labels, notes = classes_of(column, values, columns.classes)
    return Contents(names, read, *labels, notes)


def encoded(value: Any, folder: Path | None = None) -> bytes:
    """Return the encoded image in a cell: bytes, or a record with ``bytes`` and ``path``.

    Args:
        value: Of the cell.
        folder: Where a path must lead to; anywhere if None.

    Raises:
        OSError: It is empty, or a path that leads nowhere.
    """
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("path")
        if isinstance(value, str):
            path = (folder or Path()) / value
            if folder and not path.resolve().is_relative_to(folder.resolve()):
                raise OSError("has no image but a path that leads out of its folder")
            if not path.is_file():
                raise OSError(f"has no image but the path {value}")
            return path.read_bytes()
    if not isinstance(value, (bytes, bytearray)):
        raise OSError("holds no image")
    return bytes(value)


def classes_of(
    where: str, values: Sequence[Any], names: tuple[str, ...] = ()
) -> tuple[Classes, tuple[str, ...]]:
    """Return the classes in a column of numbers or names, and notes.

    There are none, and a note, if a value is missing: it is None, NaN, or -1 where classes have
    names.

    Args:
        where: The column, in notes.
        values: One for each image.
        names: Of the numbers.
    """
    missing = sum(
        v is None or v != v or bool(names and not (isinstance(v, int) and 0 <= v < len(names)))
        for v in values
    )
    if missing:
        note = f"labels are left out, since {missing:,} of {len(values):,} in {where} are missing."
        return (None, ()), (note,)
    if names:
        return (np.asarray(values, np.int32), names), ()
    kept, labels = np.unique(np.asarray(values), return_inverse=True)
    return (labels.reshape(-1).astype(np.int32), tuple(map(str, kept.tolist()))), ()
