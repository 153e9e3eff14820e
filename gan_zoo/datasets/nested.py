"""Archives in a folder or in another archive, taken together as one container."""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gan_zoo.datasets.archives import zip_container
from gan_zoo.datasets.containers import Container, Mark
from gan_zoo.datasets.tarballs import tar_container
from gan_zoo.datasets.text import printable
from gan_zoo.datasets.webdataset import labels_of_shards

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tar.xz", ".txz")
ARCHIVES = (".zip", *TARS)
_TABLES = (".parquet", ".arrow", ".npz", ".tfrecord", ".tfrecords")  # may be the data set itself
_OTHERS = (".rar", ".7z", ".zst", ".ace", ".cab")
# The number of a part: 00012, part-3, train-00000-of-00002.
_NUMBER = re.compile(r"[-_. ]*\d+(?:[-_]of[-_]\d+)?(?:-[0-9a-f]{16})?$")


def archives_in(container: Container) -> Container | None:
    """The files in all zip and tar archives of a container, one level deep.

    Returns:
        None if it holds no archives.

    Raises:
        UserError: An archive is broken or unsafe.
    """
    found = sorted(name for name in container.marks if visible(name, ARCHIVES))
    if not found or container.file is None:
        return None
    parts = [_open(container, name) for name in found]
    places = place_parts(found)
    names = {
        place.of(member): (part, member)
        for part, place in zip(parts, places, strict=True)
        for member in part.marks
    }
    marks: dict[str, Mark] = {name: part.marks[member] for name, (part, member) in names.items()}

    def read(name: str) -> bytes:
        part, member = names[name]
        return part.read(member)

    def head(name: str) -> bytes:
        part, member = names[name]
        return (part.head or part.read)(member)

    def refuse(name: str) -> None:
        part, member = names[name]
        part.refuse(member)

    own = [
        (name, container.marks[name], *part.identity)
        for name, part in zip(found, parts, strict=True)
    ]
    return Container(
        container.path,
        ("archives", *container.identity, *own),
        marks,
        read,
        refuse,
        labels=lambda images: labels_of_shards(images, marks, read),
        notes=(
            taken_together(container.path, found, "archive"),
            *(note for part in parts for note in part.notes),
        ),
        head=head,
    )


def _open(container: Container, name: str) -> Container:
    assert container.file is not None
    file = container.file(name)
    opened = zip_container if name.lower().endswith(".zip") else tar_container
    return opened(file) if isinstance(file, Path) else opened(container.path / name, file)


def unread_archives(container: Container, read: tuple[str, ...]) -> tuple[str, ...]:
    """Return the sentence on archives in a container whose pictures are not taken.

    Args:
        container: A folder or an archive.
        read: The endings of those that are.
    """
    kinds = tuple(kind for kind in (*ARCHIVES, *_OTHERS, *_TABLES) if kind not in read)
    found = sorted(name for name in container.marks if visible(name, kinds))
    if not found:
        return ()
    tables = any(name.lower().endswith(_TABLES) for name in found)
    one, many = ("archive or table", "archives or tables") if tables else ("archive", "archives")
    count = f"1 {one} is" if len(found) == 1 else f"{len(found):,} {many} are"
    remedy = "give alone, or unpack, what" if tables else "unpack what"
    return (
        f"in {container.path}, {count} not read, such as {printable(found[0])}; {remedy} holds"
        " other pictures.",
    )


def visible(name: str, endings: tuple[str, ...]) -> bool:
    """Whether a file has one of some endings and is not hidden, by its relative POSIX path."""
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    return not hidden and name.lower().endswith(endings)


def taken_together(where: Path, found: Sequence[str], noun: str) -> str:
    """Return the note that says which parts of a set were taken."""
    shown = ", ".join(printable(name) for name in found[:3]) + (", ..." if found[3:] else "")
    if not found[1:]:
        return f"{where} itself holds no images; those of its {noun} {shown} are taken."
    numbered = len({_group(name) for name in found}) < len(found)
    return (
        f"{where} itself holds no images; those of all its {len(found):,} {noun}s ({shown}) are"
        f" taken together{', numbered ones as parts of one set' if numbered else ''}."
    )


class _Place(NamedTuple):
    """Where the files of a part go: a folder, and a tag before their names."""

    folder: str
    tag: str

    def of(self, member: str) -> str:
        """Return the name that a file of the part has in the whole.

        The tag is in the last part of the name, so that the folders in numbered parts remain what
        classes are taken from.
        """
        head, _, tail = member.rpartition("/")
        if self.tag:
            dot = "." if tail.startswith(".") else ""  # what is hidden stays so
            tail = f"{dot}{self.tag}!{tail}"
        return "/".join(filter(None, (self.folder, head, tail)))


def _stem(name: str) -> str:
    ending = next((e for e in TARS if name.lower().endswith(e)), None)
    return name[: -len(ending)] if ending else name.rpartition(".")[0]


def _group(name: str) -> str:
    head, slash, tail = _stem(name).rpartition("/")
    return head + slash + _NUMBER.sub("", tail)


def place_parts(found: Sequence[str]) -> list[_Place]:
    """Return where the files of each part go.

    A part with a name of its own becomes a folder of that name. The numbered parts of one set
    (``train-00.tar``, ``train-01.tar``) share one folder. There is no folder if there is one part
    or one set only.
    """
    sizes = collections.Counter(map(_group, found))
    places = []
    for name in found:
        group, stem = _group(name), _stem(name)
        tag = stem.rpartition("/")[2].replace(".", "-") if sizes[group] > 1 else ""
        folder = "" if len(sizes) == 1 else (group if tag else stem)
        places.append(_Place(folder.rstrip("/"), tag))
    return places
