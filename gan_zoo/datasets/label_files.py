"""Labels in files beside the pictures: dataset.json of StyleGAN, metadata.jsonl, and tables."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from gan_zoo.datasets.folder_names import stem_of
from gan_zoo.datasets.picture_formats import ending_of, is_picture
from gan_zoo.datasets.text import error_text, printable

_LARGEST = 2**26  # bytes of a file that is read
_MOST = 20  # files that are looked at, beside those that are there to give labels
_TABLES = (".csv", ".tsv", ".jsonl")
_METADATA = ("metadata.csv", "metadata.jsonl")  # of ImageFolder of Hugging Face
_NAMED = ("label", "labels", "class", "classes", "category", "class_name", "label_name", "target")
_OF_PICTURES = re.compile("image|img|file|path|pic|photo|^id$|^name$|^column 1$")
# Files that may be about classes, but in a form that is not read.
_UNREAD = (".txt", ".json", ".xlsx", ".xls", ".ods", ".mat", ".pkl", ".pickle", ".parquet", ".npy")
_MAY_LABEL = re.compile(
    "(?:[a-z0-9]*[-_ ])*(?:image|img|file)?[-_ ]?(?:labels?|classes|class|categories|metadata"
    "|annotations?|attributes?|targets?)(?:[-_ .][a-z0-9]+)*"
)
_SEPARATOR_LINE = re.compile('"?sep=(.)"?\r?\n', re.IGNORECASE)
_NONE = "names none of the pictures, or only names that several have,"
_LOOKED_AT = 500  # rows that tell whether a table is about the pictures

Labels = tuple[np.ndarray, tuple[str, ...]]  # int32 [N], and the names of the classes


class Found(NamedTuple):
    """What files beside the pictures say of their classes.

    Attributes:
        labels: int32 ``[N]`` and the names of the classes, or None.
        file: The file that they come from, or that the notes are about; "" if there is none.
        certain: Whether that file is there to give labels: dataset.json or metadata.
        notes: Sentences for the user.
    """

    labels: Labels | None = None
    file: str = ""
    certain: bool = False
    notes: tuple[str, ...] = ()


class _Unreadable(Exception):  # noqa: N818 (it is caught here)
    """Why a file cannot be used, in words that follow its name."""


def left_out(why: str) -> str:
    """Return the sentence for labels that cannot be used.

    Sentences that begin like it are shown again where a condition needs labels.
    """
    return f"labels are left out, since {why}."


def find_labels(
    names: Sequence[str], others: Iterable[str], read: Callable[[str], bytes], column: str = ""
) -> Found:
    """Return the labels of pictures by the files beside them.

    Args:
        names: The pictures, as relative POSIX paths.
        others: All files there.
        read: Returns the bytes of a file.
        column: Of a table, to be taken as the classes; "" for one that surely means them.
    """
    files = sorted(filter(_is_label_file, others), key=lambda name: (name.count("/"), name))
    stylegan = [name for name in files if _base(name) == "dataset.json"]
    if not files:
        return Found()
    index = _Index(names)
    notes: list[str] = []
    if stylegan and not column:
        found = _of_stylegan(index, stylegan, read)
        if found.certain:
            return found
        notes += found.notes
    tables = [name for name in files if _base(name) != "dataset.json"]
    metadata = [name for name in tables if _base(name) in _METADATA]
    # Each part of a split may have a file of its own, and together they are one table.
    single = [[name] for name in tables if _base(name) not in _METADATA][:_MOST]
    groups = [metadata, *single] if metadata else single
    for group in groups:
        found = _of_tables(index, group, read, column)
        if found.labels:  # tables about others, such as test.csv, do not matter then
            notes = [note for note in notes if _NONE not in note]
        if found.labels or found.certain:
            return found._replace(notes=(*notes, *found.notes))
        notes += found.notes
    return Found(file=files[-1] if notes else "", notes=tuple(notes))


def _is_label_file(name: str) -> bool:
    if not name.lower().endswith((*_TABLES, "dataset.json", ".txt")):  # quick, as most do not
        return False
    base = _base(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    attributes = base.startswith("list_attr") and base.endswith(".txt")
    return not hidden and (base == "dataset.json" or base.endswith(_TABLES) or attributes)


def unread_label_files(others: Iterable[str]) -> tuple[str, ...]:
    """Return the sentence on files that by their names may hold labels and are not read."""
    files = [name for name in others if name.lower().endswith(_UNREAD)]
    files = [name for name in files if _MAY_LABEL.fullmatch(_base(name).rpartition(".")[0])]
    files = [name for name in files if not any(part.startswith(".") for part in name.split("/"))]
    if not files or len(files) > _MOST:  # many are about one picture each
        return ()
    first = min(files, key=lambda name: (name.count("/"), name))
    return (
        left_out(
            f"{printable(first)} is of a kind that is not read; a table such as labels.csv with the"
            " columns file and label is"
        ),
    )


def _base(name: str) -> str:
    return name.rpartition("/")[2].lower()


def _text(name: str, read: Callable[[str], bytes]) -> str:
    try:
        data = read(name)
    except Exception as e:  # whatever a folder or an archive raises on a file
        raise _Unreadable(f"cannot be read ({error_text(e)})") from None
    if len(data) > _LARGEST:
        raise _Unreadable(f"has {len(data) / 2**20:,.0f} MiB, more than is read")
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # of Excel and PowerShell
    try:
        if not wide and 0 in data[:2]:  # of other programs, without a mark
            return data.decode("utf-16-be" if data[0] == 0 else "utf-16-le")
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin1")


# ---- which row is of which picture


def _join(folder: str, file: str) -> str:
    """Return a path that a file in ``folder`` gives, relative to the root."""
    parts = [part for part in file.replace("\\", "/").split("/") if part not in ("", ".")]
    return "/".join([folder, *parts] if folder else parts)


def _stem(name: str) -> str:
    """Return the name of a file without an ending of letters: 0.7 is none of 0."""
    file = name.rpartition("/")[2]
    stem, _, ending = file.rpartition(".")
    return stem if stem and ending[:1].isalpha() else file


def _tail(parts: int) -> Callable[[str], str]:
    """Return what gives the last parts of a path."""
    return lambda name: "/".join(name.rsplit("/", parts)[-parts:])


def _loosely(key: Callable[[str], str]) -> Callable[[str], str]:
    """Return a key for which capitals do not count, nor how a system stores accents."""
    return lambda name: unicodedata.normalize("NFC", key(name)).casefold()


class _Index:
    """The places of pictures by their paths, by the ends of these, or without the ending."""

    _WAYS: tuple[Callable[[str], str], ...] = (str, _tail(3), _tail(2), _tail(1), _stem)
    _KEYS = (*_WAYS, _loosely(_tail(2)), _loosely(_stem))
    BY_STEM = (_WAYS.index(_stem), len(_KEYS) - 1)  # the ways without endings

    def __init__(self, names: Sequence[str]) -> None:
        """Index pictures, relative POSIX paths."""
        self.names = names
        self._known: dict[int, dict[str, int]] = {}

    def _places_by(self, way: int) -> dict[str, int]:
        if way not in self._known:
            known: dict[str, int] = {}
            for i, text in enumerate(map(self._KEYS[way], self.names)):
                known[text] = -1 if text in known else i  # -1: several pictures have that name
            self._known[way] = known
        return self._known[way]

    def places(self, files: Sequence[str]) -> tuple[list[int], int, int]:
        """Return the place of each file, or -1, by the way that finds the most pictures.

        Returns:
            The places, how many pictures they are, and the way: 0 for whole paths, and more the
            less of them counts.
        """
        ways = []
        for way, key in enumerate(self._KEYS):
            known = self._places_by(way)
            places = [known.get(key(file), -1) for file in files]
            ways.append((places, len({*places} - {-1}), way))
            if ways[-1][1] == min(len(files), len(self.names)):
                break  # more cannot be found
        return max(ways, key=lambda found: found[1])

    def values(self, files: Sequence[str], values: Sequence[str]) -> list[str]:
        """Return the value of each picture.

        Raises:
            _Unreadable: Not every picture has one, or one has several.
        """
        found: list[str | None] = [None] * len(self.names)
        for place, value in zip(self.places(files)[0], values, strict=True):
            if place < 0 or value == "":
                continue
            if found[place] not in (None, value):
                raise _Unreadable(
                    f"gives {printable(self.names[place])} more than one label"
                    f" ({printable(str(found[place]))}, {printable(value)})"
                )
            found[place] = value
        missing = [name for name, value in zip(self.names, found, strict=True) if value is None]
        if missing:
            count = len(self.names)
            raise _Unreadable(
                f"has labels for {count - len(missing):,} of {count:,} pictures (none for"
                f" {printable(missing[0])})"
            )
        return [value for value in found if value is not None]


# ---- values to classes


def classes_of(values: Sequence[str], sure: bool = True, asked: bool = False) -> Labels:
    """Return classes of values: numbers in their order, words by the alphabet.

    Args:
        values: One for each picture.
        sure: Whether they surely mean classes. If not, they do only where pictures share them.
        asked: Whether the user named them, so that halves are classes, too.

    Raises:
        _Unreadable: They are measurements or texts.
    """
    found, labels = np.unique(np.asarray(values, dtype=str), return_inverse=True)
    numbers = _numbers(found)
    if lost := [str(v) for v, number in zip(found, numbers, strict=False) if not isfinite(number)]:
        raise _Unreadable(f"has the label {lost[0][:20]}, which is no class")
    whole = all(number.is_integer() for number in numbers)
    if not whole and not asked:
        raise _Unreadable("has numbers that are not whole, which are no classes")
    if 2 * len(found) > len(values) and not sure:
        raise _Unreadable(
            f"has {len(found):,} values for {len(values):,} pictures, which are no classes"
        )
    if whole and len(set(numbers)) < len(numbers):  # 1 and 1.0 are one class
        return classes_of([str(int(numbers[i])) for i in labels.reshape(-1)])
    order = np.argsort(numbers, kind="stable") if numbers else np.arange(len(found))
    place = np.empty(len(found), np.int32)
    place[order] = np.arange(len(found))
    return place[labels.reshape(-1)], tuple(str(found[i]) for i in order)


def _numbers(values: Iterable[str]) -> list[float]:
    """Return values as numbers; an empty list if some are words."""
    try:
        return [float(value) for value in values]
    except ValueError:
        return []


def odd_class_notes(where: str, labels: Labels) -> tuple[str, ...]:
    """Return sentences on classes that may be none.

    Args:
        where: What they call the source of the labels.
        labels: They are.
    """
    places, classes = labels
    notes = []
    if "-1" in classes and "0" in classes:
        count = int((places == classes.index("-1")).sum())
        notes.append(
            f"{count:,} of {len(places):,} pictures have the label -1 in {where}, which is taken as"
            " a class; leave them out if it means that they have none."
        )
    words = [name for name in classes if not _numbers([name])]
    if words and len(words) < len(classes):
        number = next(name for name in classes if _numbers([name]))
        notes.append(
            f"the labels in {where} are numbers as well as words, such as {printable(number)} and"
            f" {printable(words[0])}; each is taken as a class."
        )
    return tuple(notes)


def classes_of_array(array: np.ndarray, count: int) -> Labels | str:
    """Return the classes in an array of labels, or why there are none, in words after its name.

    Args:
        array: ``[N]`` or ``[N, 1]`` of whole numbers or text, or one-hot ``[N, classes]``.
        count: N.
    """
    if array.ndim not in (1, 2) or len(array) != count:
        return f"has the shape {array.shape}, and there are {count:,} images"
    if array.ndim == 2 and array.shape[1] > 1:
        if array.dtype.kind in "biuf" and _is_one_hot(array):
            return array.argmax(axis=1).astype(np.int32), tuple(map(str, range(array.shape[1])))
        return f"has {array.shape[1]} columns, and is not one-hot (a single 1 in each row)"
    array = array.reshape(-1)
    if array.dtype.kind == "f":
        if not ((abs(array) < 2**53).all() and (array == np.floor(array)).all()):
            return "has numbers that are not whole, or too large"
        array = array.astype(np.int64)
    if array.dtype.kind not in "biuSU":
        return f"has values of type {array.dtype}"
    if array.dtype.kind in "SU" and (lacking := int((np.char.str_len(array) == 0).sum())):
        return f"has no text for {lacking:,} of {count:,} images"
    values, labels = np.unique(array, return_inverse=True)
    texts = (v.decode("latin1") if isinstance(v, bytes) else str(v) for v in values.tolist())
    return labels.astype(np.int32), tuple(texts)


def _is_one_hot(array: np.ndarray) -> bool:
    return bool(((array != 0).sum(axis=1) == 1).all() and (array.max(axis=1) == 1).all())


# ---- dataset.json


def _of_stylegan(index: _Index, files: Sequence[str], read: Callable[[str], bytes]) -> Found:
    """Return the labels of dataset.json: ``{"labels": [["00000/img.png", 3], ...]}``, or null."""
    found: list[tuple[str, str]] = []
    for file in files:
        try:
            given = _stylegan_labels(_text(file, read))
            if given is None:
                note = left_out(f"{printable(file)} says that there are none (null)")
                return Found(None, file, True, (note,))
            folder = file.rpartition("/")[0]
            found += ((_join(folder, name), value) for name, value in given)
        except _Foreign:
            note = f"{printable(file)} has no labels in the form of StyleGAN and is not read."
            return Found(None, file, False, (note,))
        except _Unreadable as e:
            return Found(None, file, True, (left_out(f"{printable(file)} {e}"),))
    try:
        values = index.values([name for name, _ in found], [value for _, value in found])
        note = f"the classes are the labels of {printable(files[0])}."
        labels = classes_of(values)
        return Found(labels, files[0], True, (note, *odd_class_notes(printable(files[0]), labels)))
    except _Unreadable as e:
        return Found(None, files[0], True, (left_out(f"{printable(files[0])} {e}"),))


class _Foreign(Exception):  # noqa: N818 (it is caught here)
    """A file of that name, but of another program."""


def _stylegan_labels(text: str) -> list[tuple[str, str]] | None:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise _Unreadable(f"is not valid JSON ({error_text(e)})") from None
    if not isinstance(content, dict) or "labels" not in content:
        raise _Foreign
    labels = content["labels"]
    if labels is None:
        return None
    if isinstance(labels, dict):
        labels = list(labels.items())
    pairs = isinstance(labels, list) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str)
        for pair in labels
    )
    if not pairs:
        raise _Unreadable("does not have its labels as a list of [file, number]")
    lengths = {len(value) if isinstance(value, list) else 0 for _, value in labels}
    if len(lengths) > 1:
        raise _Unreadable("has labels of different kinds: lists of different lengths, or numbers")
    return [(name, _stylegan_value(name, value)) for name, value in labels]


def _stylegan_value(name: str, value: Any) -> str:
    if isinstance(value, list) and all(isinstance(x, (int, float)) for x in value):
        if value and _is_one_hot(np.asarray([value])):
            return str(int(np.argmax(value)))
        raise _Unreadable(f"has {len(value)} numbers for each picture, which are no classes")
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return _value_text(value)
    raise _Unreadable(f"has no number for {printable(name)}, but {printable(str(value))[:40]}")


def _value_text(value: Any) -> str:
    if value is None:
        return ""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value).strip()


# ---- tables


class _Table(NamedTuple):
    """A table with a row for each picture.

    Attributes:
        folder: In which it lies.
        titles: Of its columns.
        at: The column with the paths of the pictures.
        rows: Starts to read its rows, each with a cell for each column.
        first: The first of them.
    """

    folder: str
    titles: list[str]
    at: int
    rows: Callable[[], Iterator[list[str]]]
    first: list[list[str]]

    @property
    def others(self) -> list[str]:
        """The titles of the other columns. One without a title counts the rows, as of pandas."""
        return [title for i, title in enumerate(self.titles) if i != self.at and title]

    def column(self, title: str) -> tuple[list[str], list[str]]:
        """Return the paths of the pictures, and the values of a column."""
        at = self.titles.index(title)
        pairs = [(_join(self.folder, row[self.at]), row[at]) for row in self.rows()]
        return [file for file, _ in pairs], [value for _, value in pairs]

    def start(self, title: str) -> list[str]:
        """Return the first values of a column."""
        at = self.titles.index(title)
        return [row[at] for row in self.first]


def _of_tables(
    index: _Index, files: Sequence[str], read: Callable[[str], bytes], column: str
) -> Found:
    """Return the classes in tables that have the same columns."""
    base, certain = _base(files[0]), _base(files[0]) in _METADATA
    title = printable(files[0])
    try:
        texts = [(file, _text(file, read)) for file in files]
        opened = [_open(file, text, index) for file, text in texts]
        tables = [table for table in opened if table is not None]
        if not tables:
            told = certain or base.startswith(("label", "class", "list_attr"))
            told = told or any(_is_of_labels(file, text) for file, text in texts)
            note = f"{title} {_NONE} and is not read."
            return Found(notes=(note,) if told else ())
        chosen, sure = _class_column(tables[0], column)
        if not chosen:
            listed = f"{title} has the columns {_listed_columns(tables[0])}"
            return Found(notes=(listed if column else _columns_note(title, tables[0]),))
        columns = [table.column(chosen) for table in tables if chosen in table.titles]
        values = index.values(
            [file for found, _ in columns for file in found],
            [value for _, found in columns for value in found],
        )
        note = f"the classes are the column '{printable(chosen)}' of {title}."
        labels = classes_of(values, sure, bool(column))
        notes = (note, *odd_class_notes(title, labels))
        return Found(labels, files[0], certain or bool(column), notes)
    except _Unreadable as e:
        return Found(None, files[0], certain, (left_out(f"{title} {e}"),))


def _class_column(table: _Table, column: str) -> tuple[str, bool]:
    """Return the column that has the classes, or "", and whether it surely does."""
    others = table.others
    if column:
        return (column, True) if column in others else ("", False)
    named = [title for title in others if title.strip().lower() in _NAMED]
    if len(named) > 1:  # a number and a name of the same classes
        cells = [table.start(title) for title in named]
        if {len(set(values)) for values in cells} == {len(set(zip(*cells, strict=True)))}:
            words = [t for t, v in zip(named, cells, strict=True) if not "".join(v).isdigit()]
            named = (words or named)[:1]
    if len(named) == 1:
        values = table.start(named[0])
        return named[0], len(set(values)) < len(values) or len(values) < 10
    return (others[0], False) if len(others) == 1 else ("", False)


def _columns_note(title: str, table: _Table) -> str:
    columns = table.others
    if not columns:
        return left_out(f"{title} has no column of single values beside the names of pictures")
    return left_out(
        f"{title} has {len(columns)} columns ({_listed_columns(table)}), and not one of them is"
        f" named label or class; --data='files(classes=\"{printable(columns[0])}\")' takes that one"
    )


def _listed_columns(table: _Table) -> str:
    columns = [printable(title) for title in table.others]
    return ", ".join(columns[:5]) + (", ..." if len(columns) > 5 else "")


def _is_of_labels(file: str, text: str) -> bool:
    """Return whether the titles of a table are those of pictures and of their classes."""
    rows = _json_rows(text) if file.lower().endswith(".jsonl") else _rows(file, text)
    titles = [title.strip().lower() for title in next(rows, [])]
    of_pictures = any(_OF_PICTURES.search(title) for title in titles)
    return of_pictures and any(title in _NAMED for title in titles)


def _open(file: str, text: str, index: _Index) -> _Table | None:
    """Return a table about the pictures; None for one about other things.

    Raises:
        _Unreadable: It is broken.
    """
    folder = file.rpartition("/")[0]

    def shared(cells: Sequence[str], title: str = "") -> tuple[int, int]:
        _, count, way = index.places([_join(folder, cell) for cell in cells])
        # Numbers alone may count anything.
        weak = way in _Index.BY_STEM and all(cell.isdigit() for cell in cells)
        return (0, 0) if weak and not _OF_PICTURES.search(title.lower()) else (count, -way)

    def rows() -> Iterator[list[str]]:
        if lines:
            yield from ([row.get(title, "") for title in titles] for row in _json_rows(text))
            return
        for row in itertools.islice(_rows(file, text), 1 if titled else 0, None):
            yield [*row, *[""] * (len(titles) - len(row))]

    lines, titled = file.lower().endswith(".jsonl"), True
    if lines:
        first = itertools.islice(_json_rows(text), _LOOKED_AT)
        titles = list(dict.fromkeys(key for row in first for key in row))
    else:
        titles = next(_rows(file, text), [])
        titled = not shared(titles)[0]
        if not titled:  # the first line is of a picture, too
            columns = len(titles)
            titles = [f"column {i + 1}" for i in range(columns)]
            titles[1:] = [stem_of(file)] if columns == 2 else titles[1:]
    beginning = True
    for start in _batches(rows()):
        shares = [(0, 0)] * len(titles)
        for i, title in enumerate(titles):
            # Only the beginning is searched in all columns, as there may be many.
            if beginning or _names_files(start[0][i], title):
                shares[i] = shared([row[i] for row in start], title)
        if any(count for count, _ in shares):
            return _Table(folder, titles, shares.index(max(shares)), rows, start)
        beginning = False
    return None


def _batches(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    """Yield the first rows, and then the others in larger batches."""
    size = _LOOKED_AT
    while batch := list(itertools.islice(rows, size)):
        yield batch
        size = 20 * _LOOKED_AT


def _names_files(cell: str, title: str) -> bool:
    """Return whether a column may have the names of pictures."""
    return is_picture(ending_of(cell)) or _OF_PICTURES.search(title.lower()) is not None


def _lines(text: str) -> Iterable[str]:
    """Return lines; ``str.splitlines`` also ends them at characters that JSON has in its texts."""
    return io.StringIO(text, newline=None)


def _rows(file: str, text: str) -> Iterator[list[str]]:
    """Yield the cells of each line of a table that is not empty."""
    if file.lower().endswith(".txt"):  # as list_attr_celeba.txt: a count, titles, then rows
        lines = (line.split() for line in _lines(text) if line.strip())
        head = next(lines, [])
        head = next(lines, []) if len(head) == 1 and head[0].isdigit() else head
        second = next(lines, [])
        yield ["file", *head] if len(head) + 1 == len(second) else head
        yield from itertools.chain([second], lines)
        return
    if match := _SEPARATOR_LINE.match(text):  # Excel's own, before the titles
        text, separator = text[match.end() :], match[1]
    else:
        start = text[:4096].partition("\n")[0]
        separator = max(",;\t|", key=start.count)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if row:
                yield [cell.strip() for cell in row]
    except csv.Error as e:
        raise _Unreadable(f"cannot be read as a table ({error_text(e)})") from None


def _json_rows(text: str) -> Iterator[dict[str, str]]:
    """Yield the single values of each line of JSON.

    Raises:
        _Unreadable: A line is no JSON object.
    """
    for number, line in enumerate(_lines(text), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as e:
            raise _Unreadable(f"is not valid JSON in line {number} ({error_text(e)})") from None
        if not isinstance(row, dict):
            raise _Unreadable(f"has no object in line {number}")
        single = {k: v[0] if isinstance(v, list) and len(v) == 1 else v for k, v in row.items()}
        # NaN is what pandas writes for no value.
        kept = {k: None if v != v else v for k, v in single.items()}
        yield {k: _value_text(v) for k, v in kept.items() if not isinstance(v, (list, dict))}
