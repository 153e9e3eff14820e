"""Which files of a folder or an archive are pictures, and a word on those that are not taken."""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from gan_zoo.datasets import listings
from gan_zoo.datasets.picture_formats import (
    HEAD,
    ending_of,
    is_picture,
    is_read,
    is_undecoded,
    is_unknown,
    remedy,
    sniff,
)
from gan_zoo.datasets.text import printable

_PACKED = (".gz", ".bz2", ".xz", ".zst")  # single files that are packed
_BINARY = "binary"  # stands for the ending of files that are neither pictures nor text
_MANY = 1 / 4  # as many of them as pictures, times this, are told
_SHOWN = 6  # endings that a message names
# Threads, as a file on a network takes its time; on a local disk, more of them only wait for each
# other. Each takes many files at once, as to hand over one takes as long as to open it.
_READERS, _AT_ONCE = 4, 256
_KEPT = 1000  # files from which on their kinds are worth keeping

# Thumbnails, trash and the like of NAS, Windows, macOS, Linux, Lightroom and Picasa. Whatever
# begins with a dot is hidden, and so left out, too.
_LEFT_OUT = re.compile(
    r"__macosx|@eadir|@tmp|@recycle|@recently-snapshot|#recycle|#snapshot|\$recycle\.bin|recycler"
    r"|system volume information|lost\+found|found\.\d{3}|thumbs\.db|ehthumbs.*\.db"
    r"|.*\.lrdata|.*\.lrcat-data|.*\.cocatalogdb|syno(photo|file)_thumb.*",
    re.IGNORECASE,
)
# Folders of tools, if most of their files are also elsewhere; else a class may be called thumb.
_THUMBNAILS = re.compile(
    r"(.*[-_ ])?(thumb|thumbnail)s?[-_ ]?(\d+(x\d+)?)?|_thumb.*", re.IGNORECASE
)


class PictureFiles(NamedTuple):
    """The pictures among some files.

    Attributes:
        names: Those that are read, sorted relative POSIX paths.
        notes: Sentences on pictures that are not, and on what was guessed.
        endings: How many other files there are, by ending, the most frequent first. Those of
            pictures that are left out have the reason behind the ending.
    """

    names: Sequence[str]
    notes: tuple[str, ...]
    endings: Mapping[str, int]


def is_candidate(name: str) -> bool:
    """Whether a file counts as a picture by its relative POSIX path alone."""
    return is_read(ending_of(name)) and not _nuisance(name)


def _nuisance(name: str) -> str:
    """Return the part of a path because of which a file is left out; "" if there is none."""
    return next(
        (p for p in name.split("/") if p.startswith(".") or _LEFT_OUT.fullmatch(p)),
        "",
    )


def find_pictures(
    names: Iterable[str],
    head: Callable[[str], bytes],
    where: str,
    key: Callable[[Sequence[str]], str] = lambda names: "",
) -> PictureFiles:
    """Find the pictures, by their endings and, where these tell nothing, by their content.

    Args:
        names: Relative POSIX paths of files.
        head: Returns the first bytes of a file; threads call it.
        where: What messages call the place of the files.
        key: Returns a text that changes whenever the content of some files may have changed, under
            which their kinds are kept for the next start; "" if there is none.
    """
    left: collections.Counter[str] = collections.Counter()
    usual, unread, unknown = [], [], []
    others: collections.Counter[str] = collections.Counter()
    for name in names:
        ending = ending_of(name)
        if part := _nuisance(name):
            kind = "hidden files or folders" if part.startswith(".") else printable(part)
            left[kind] += is_picture(ending) or name.lower().endswith("thumbs.db")
            others[f"{ending} in {kind}" if is_picture(ending) else ending or "none"] += 1
        elif is_read(ending):
            usual.append(name)
        elif is_unknown(ending):
            unknown.append(name)
        elif is_picture(ending):
            unread.append(ending)
        elif ending in _PACKED and is_picture(inner := ending_of(name[: -len(ending)])):
            unread.append(inner + ending)
        else:
            others[ending or "none"] += 1
    by_content = []
    binary: collections.Counter[str] = collections.Counter()
    for name, ending in zip(unknown, _kinds(unknown, head, key), strict=True):
        if is_read(ending):
            by_content.append(name)
        elif is_undecoded(named := ending_of(name)):
            unread.append(named)
        elif ending and ending != _BINARY:
            unread.append(ending)
        else:
            others[ending_of(name) or "none"] += 1
            binary[ending_of(name) or "none"] += ending == _BINARY
    chosen, thumbs = _without_thumbnails(sorted([*usual, *by_content]))
    left.update(thumbs)
    not_read = collections.Counter(unread)
    if binary.total() < _MANY * len(chosen):
        binary.clear()
    return PictureFiles(
        chosen,
        tuple(_notes(where, not_read, +left, sorted(by_content), +binary)),
        dict((not_read + others).most_common()),
    )


def _kinds(
    names: Sequence[str], head: Callable[[str], bytes], key: Callable[[Sequence[str]], str]
) -> Sequence[str]:
    """Return what :func:`_sniff_all` returns, from an earlier start if it is known."""
    if len(names) < _KEPT or not (text := key(names)):
        return _sniff_all(names, head)[0]
    if (known := listings.recall(text)) and len(known) == len(names):
        return known
    found, opened = _sniff_all(names, head)
    if opened:  # permissions may change while a file stays the same
        listings.keep(text, found)
    return found


def _sniff_all(names: Sequence[str], head: Callable[[str], bytes]) -> tuple[list[str], bool]:
    """Return the ending that the content of each file has, and whether all could be opened.

    An ending is :data:`_BINARY` where a file is neither a picture nor text, "" for other files.
    """
    closed = []

    def ending(name: str) -> str:
        try:
            first = head(name)[:HEAD]
            return sniff(first) or (_BINARY if b"\0" in first else "")
        except Exception:  # whatever a container raises: the file is none that can be read
            closed.append(name)
            return ""

    def endings(first: int) -> list[str]:
        return list(map(ending, names[first : first + _AT_ONCE]))

    with ThreadPoolExecutor(_READERS) as pool:
        parts = pool.map(endings, range(0, len(names), _AT_ONCE))
        return [found for part in parts for found in part], not closed


def _without_thumbnails(names: list[str]) -> tuple[list[str], collections.Counter[str]]:
    """Return the pictures that are in no folder of thumbnails, and the number in each of those."""
    found: collections.Counter[str] = collections.Counter()
    rest = []
    for name in names:
        folder = next((p for p in name.split("/")[:-1] if _THUMBNAILS.fullmatch(p)), None)
        if folder is None:
            rest.append(name)
        else:
            found[printable(folder)] += 1
    stems = {_stem(name) for name in rest}
    kept = set(rest)
    others = [name for name in names if name not in kept]
    if 2 * sum(_stem(name) in stems for name in others) <= len(others):
        return names, collections.Counter()
    return rest, found


def _stem(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]


def _notes(
    where: str,
    not_read: Mapping[str, int],
    left: Mapping[str, int],
    by_content: Sequence[str],
    binary: Mapping[str, int],
) -> Iterable[str]:
    if not_read:
        yield f"in {where}, {_files(not_read)} not read: {text_of_endings(not_read)}."
    if left:
        listed = _listed([f"{n:,} in {name}" for name, n in _most_common(left)])
        yield (
            f"in {where}, {_files(left)} left out as thumbnails, trash or hidden: {listed}; move"
            " elsewhere what should be read."
        )
    if by_content:
        yield (
            f"in {where}, {_files({'': len(by_content)})} taken as pictures by content, since"
            f" the ending does not tell it, such as {printable(by_content[0])}."
        )
    if binary:
        yield (
            f"in {where}, {_files(binary)} of an unknown kind and not read:"
            f" {text_of_endings(binary)}; save them as .png if they are pictures."
        )


def _files(counts: Mapping[str, int]) -> str:
    count = sum(counts.values())
    return "1 file is" if count == 1 else f"{count:,} files are"


def _most_common(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _listed(words: list[str]) -> str:
    return ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")


def text_of_endings(counts: Mapping[str, int]) -> str:
    """Return counts of files by ending as words: ``40 .heic (pip install ...), 3 .mov``."""
    words = []
    for ending, count in _most_common(counts):
        help_ = remedy(ending) if is_picture(ending) and not is_read(ending) else ""
        shown = "without an ending" if ending == "none" else ending
        words.append(f"{count:,} {shown}{help_ and f' ({help_})'}")
    return _listed(words)
