"""Which pictures train, and their class labels: from their paths and from files beside them."""

from __future__ import annotations

import collections
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gan_zoo.datasets import folder_names
from gan_zoo.datasets.folder_names import SPLITS, split_of, stem_of
from gan_zoo.datasets.label_files import Found, Labels, find_labels, left_out, unread_label_files
from gan_zoo.datasets.text import printable
from gan_zoo.errors import UserError

_SHOWN = 5  # classes or folders that a message names
_UNEVEN = 10  # how many times as many images the largest class has, if that is told


class Labeling(NamedTuple):
    """The pictures that are used, with their classes.

    Attributes:
        names: The pictures, as relative POSIX paths.
        labels: int32 ``[N]``, or None.
        classes: The names of the classes.
        notes: Sentences for the user.
    """

    names: Sequence[str]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Picture(NamedTuple):
    """A picture's name, and its folders without those that are no classes."""

    name: str
    folders: list[str]


class UnknownSplitError(UserError):
    """The pictures have no such part."""


def label_by_folders(
    names: Sequence[str], others: Iterable[str] = (), read: Callable[[str], bytes] | None = None
) -> Labeling:
    """Return all pictures, with the classes of :func:`classes_from_folders`."""
    return Labeling(names, *classes_from_folders(names))


def classes_from_folders(names: Sequence[str]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return classes by the first folder below the one that holds all images.

    There are none unless every image is in such a folder, and there are at least two of them.

    Args:
        names: Relative POSIX paths.

    Returns:
        int32 ``[N]`` or None, and the names of the classes, sorted.
    """
    paths = [name.split("/")[:-1] for name in names]
    depth = _depth(paths)
    if any(len(path) <= depth for path in paths):
        return None, ()
    values, labels = np.unique([path[depth] for path in paths], return_inverse=True)
    return labels.astype(np.int32), tuple(map(str, values))


def _depth(paths: Sequence[list[str]]) -> int:
    """Return how many folders all paths share."""
    first, last = min(paths), max(paths)  # what these two share, all share
    return next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        min(len(first), len(last)),
    )


def label_pictures(
    names: Sequence[str],
    others: Iterable[str],
    read: Callable[[str], bytes],
    *,
    classes: str = "auto",
    split: str = "train",
    where: str = "the data",
) -> Labeling:
    """Return the pictures of a part, and their classes.

    Folders such as ``train`` and ``test`` are parts of the data, and no classes. Classes come from
    dataset.json or metadata files, else from the folders, else from a table with a row for each
    picture. Numbered parts, dates and the like are no classes; neither are masks, which are left
    out.

    Args:
        names: All pictures, as relative POSIX paths.
        others: All files there.
        read: Returns the bytes of a file.
        classes: ``auto``; ``folders``, whatever their names; ``none``; or a column of a table
            beside the pictures.
        split: ``train``, ``val``, ``test`` or ``all``; several with a plus.
        where: A name for messages.

    Raises:
        UserError: There is no such part or column, or no part to train on.
    """
    parts, strays = _parts([_Picture(name, name.split("/")[:-1]) for name in names])
    wanted = wanted_parts(split, parts, where)
    used = [picture for part in wanted for picture in parts[part]]
    used += strays if split == "all" or not parts else []
    notes = [] if split == "all" else _split_notes(parts, strays, wanted)
    others = list(others)

    def labeled(pictures: list[_Picture]) -> Labeling:
        masked: list[str] = []
        if classes == "auto":
            pictures, masked = _without_masks(pictures)
        # In the order of their names, whatever their part.
        pictures = sorted(pictures)
        found, told = _label(pictures, others, read, classes, where)
        labels, values = found or (None, ())
        names = [picture.name for picture in pictures]
        return Labeling(names, labels, values, (*masked, *told))

    result = labeled(used)
    if result.labels is not None and "train" in parts and "train" not in wanted:
        first = labeled(parts["train"]).classes
        labels, names = in_order((result.labels, result.classes), first)
        result = result._replace(labels=labels, classes=names)
    return result._replace(notes=(*notes, *result.notes))


def in_order(found: Labels, first: tuple[str, ...]) -> Labels:
    """Return labels with the numbers that these classes have in the part to train on."""
    labels, names = found
    classes = (*first, *(name for name in names if name not in first))
    return np.array([classes.index(name) for name in names], np.int32)[labels], classes


# ---- parts to train on and to test with


def _parts(pictures: list[_Picture]) -> tuple[dict[str, list[_Picture]], list[_Picture]]:
    """Return the pictures of each part by its folder, if there are such, and those in none."""
    for depth in range(max((len(picture.folders) for picture in pictures), default=0)):
        folders = {p.folders[depth] for p in pictures if len(p.folders) > depth}
        meanings = {folder: meaning for folder in folders if (meaning := split_of(folder))}
        kinds = collections.defaultdict(set)
        for kind, rest in meanings.values():
            kinds[rest].add(kind)
        whole = len(meanings) == len(folders) and len(set().union(*kinds.values())) > 1
        if whole or any("train" in some and len(some) > 1 for some in kinds.values()):
            break
    else:
        return {}, pictures
    parts: dict[str, list[_Picture]] = {}
    strays = []
    for name, path in pictures:
        meaning = meanings.get(path[depth]) if len(path) > depth else None
        if meaning is None:
            strays.append(_Picture(name, path))
            continue
        kind, rest = meaning
        rest = rest.strip("-_ .")
        inner = [rest] if len(kinds) > 1 and rest and not rest.isdigit() else []
        parts.setdefault(kind, []).append(_Picture(name, path[:depth] + inner + path[depth + 1 :]))
    return parts, strays


def wanted_parts(split: str, parts: Mapping[str, object], where: str) -> tuple[str, ...]:
    """Return the parts that are asked for.

    Raises:
        UserError: They are unknown, or not there.
    """
    asked = ("train", "val", "test") if split == "all" else tuple(split.split("+"))
    if unknown := [part for part in asked if part not in SPLITS]:
        raise UserError(
            f"split={unknown[0]!r} is unknown to --data; choose from: {', '.join(SPLITS)}, all."
        )
    if split == "all" or (split == "train" and not parts):
        return tuple(part for part in asked if part in parts)
    if not parts or set(parts) == {"train"}:
        if asked == ("train",):
            return asked
        raise UnknownSplitError(
            f"split={split!r} asks for a part of {where}, which has no parts such as train and"
            " test; leave it out."
        )
    if missing := [part for part in asked if part not in parts]:
        there = " and ".join(part for part in SPLITS if part in parts)
        raise UnknownSplitError(
            f"{where} has the parts {there} by their names, and no part {missing[0]}; choose by"
            f' --data=\'files(split="{min(parts)}")\', or split="all".'
        )
    return asked


def _split_notes(
    parts: Mapping[str, list[_Picture]], strays: list[_Picture], wanted: tuple[str, ...]
) -> list[str]:
    """Return the sentence on the parts that are not used, if there are any."""
    rest = {part: len(parts[part]) for part in SPLITS if part in parts and part not in wanted}
    if not rest and not (strays and parts):
        return []
    left = [f"{count:,} of {part}" for part, count in rest.items()]
    left += [f"{len(strays):,} in none of these parts"] if strays else []
    used = " and ".join(wanted)
    sentence = (
        f"the pictures of {used} are taken by the names of their folders, and {' and '.join(left)}"
        " are left out; --data='files(split=\"all\")' takes all"
    )
    if "test" in rest:
        sentence += (
            ", and gan_zoo memorization RUN --held_out='files(split=\"test\")' has those of test as"
            " held-out pictures"
        )
    return [f"{sentence}."]


# ---- masks


def _without_masks(pictures: list[_Picture]) -> tuple[list[_Picture], list[str]]:
    """Return the pictures that by their names are no masks of others, and a sentence on these."""
    for depth in range(max((len(picture.folders) for picture in pictures), default=0)):
        groups = collections.defaultdict(list)
        for picture in pictures:
            groups[picture.folders[depth] if len(picture.folders) > depth else ""].append(picture)
        masks = [folder for folder in groups if folder and folder_names.is_masks_folder(folder)]
        rest = [folder for folder in groups if folder not in masks]
        if not masks or not rest:
            continue
        kept = [picture for folder in rest for picture in groups[folder]]
        left = [picture for folder in masks for picture in groups[folder]]
        if any(map(folder_names.is_images_folder, rest)) or _are_masks(left, kept):
            named = ", ".join(map(printable, sorted(rest)[:_SHOWN])) or "the folder"
            which = f"in {', '.join(map(printable, masks))}"
            return kept, [_masks_note(which, left, f" in {named}")]
    bases = [folder_names.pictures_of_mask(stem_of(picture.name)) for picture in pictures]
    if 4 * sum(map(bool, bases)) < len(pictures):
        return pictures, []
    known = {(tuple(picture.folders), stem_of(picture.name)) for picture in pictures}
    left, kept = [], []
    for picture, base in zip(pictures, bases, strict=True):
        (left if (tuple(picture.folders), base) in known else kept).append(picture)
    if not left or 4 * len(left) < len(pictures):
        return pictures, []
    example = printable(left[0].name.rpartition("/")[2])
    return kept, [_masks_note(f"named as {example}", left, "")]


def _are_masks(masks: list[_Picture], pictures: list[_Picture]) -> bool:
    """Return whether files in a folder named as for masks have the names of other pictures."""
    stems = [stem_of(picture.name) for picture in pictures]
    if len(set(stems)) < len(stems):  # such as 1, 2, 3 in each folder: these tell nothing
        return False
    known = set(stems)
    names = [stem_of(mask.name) for mask in masks]
    return all(name in known or folder_names.pictures_of_mask(name) in known for name in names)


def _masks_note(which: str, left: list[_Picture], of: str) -> str:
    return (
        f"the {len(left):,} pictures {which} are left out, since by their names they are masks or"
        f" labels of those{of}; --data='files(classes=\"none\")' takes all."
    )


# ---- classes


def _label(
    pictures: list[_Picture],
    others: Iterable[str],
    read: Callable[[str], bytes],
    classes: str,
    where: str,
) -> tuple[Labels | None, list[str]]:
    """Return the labels of pictures by the argument ``classes``, and sentences on them.

    Raises:
        UserError: They are not there.
    """
    if classes == "none" or not pictures:
        return None, []
    names = [picture.name for picture in pictures]
    if classes not in ("auto", "folders"):
        found = find_labels(names, others, read, classes)
        if found.labels is None:
            why = f" ({'; '.join(note.rstrip('.') for note in found.notes)})" if found.notes else ""
            raise UserError(
                f"no table beside the pictures in {where} has usable labels '{classes}'{why}; give"
                " files(classes=...) one of its columns, or auto, folders or none."
            )
        return found.labels, list(found.notes)
    folders, notes = _folder_labels(pictures, guess=classes == "auto")
    if classes == "folders":
        if folders is None:
            raise UserError(
                f"classes='folders' needs each picture in {where} in a folder of its class, and two"
                " folders or more; leave it out."
            )
        return folders, []
    labels, told = _choose(find_labels(names, others, read), folders, notes)
    return labels, told if labels or told else list(unread_label_files(others))


def _choose(
    found: Found, folders: Labels | None, notes: list[str]
) -> tuple[Labels | None, list[str]]:
    """Return the labels of files beside the pictures or of their folders, and sentences."""
    if folders is None or found.certain:
        told = list(found.notes) if found.labels or found.certain else [*found.notes, *notes]
        if found.labels and folders and not _same_groups(found.labels, folders):
            told.append(
                "the folders are not the classes; --data='files(classes=\"folders\")' takes them."
            )
        return found.labels, told
    tables = [note for note in found.notes if note.startswith(left_out("").rstrip("."))]
    if tables or (found.labels and not _same_groups(found.labels, folders)):
        notes.append(
            f"the classes are the folders, and those of {printable(found.file)} are not read;"
            " files(classes=...) takes a column of it."
        )
    return folders, [*notes, *(note for note in found.notes if "not read" in note)]


def _same_groups(one: Labels, other: Labels) -> bool:
    """Return whether two labelings put the same pictures together."""
    pairs = len(set(zip(one[0].tolist(), other[0].tolist(), strict=True)))
    return pairs == len(set(one[0].tolist())) == len(set(other[0].tolist()))


def _folder_labels(pictures: list[_Picture], guess: bool) -> tuple[Labels | None, list[str]]:
    """Return the classes by folders, and sentences on folders that may be classes or not.

    Args:
        pictures: At least one.
        guess: Whether folders may be parts of one set by their names, and so no classes.
    """
    paths = [list(picture.folders) for picture in pictures]
    notes: list[str] = []
    while True:
        depth = _depth(paths)
        groups: dict[str, list[str]] = collections.defaultdict(list)
        strays: list[str] = []
        for path, picture in zip(paths, pictures, strict=True):
            stem = stem_of(picture.name)
            (groups[path[depth]] if len(path) > depth else strays).append(stem)
        if len(groups) < 2:
            return None, notes
        named = _range_text(sorted(groups))
        if guess and (kind := folder_names.part_kind(groups)):
            notes.append(
                f"labels are not taken from the folders {named}, which by their names are {kind}"
                " and no classes; --data='files(classes=\"folders\")' takes them."
            )
            for path in paths:
                del path[depth : depth + 1]
            continue
        if strays:
            if 2 * len(strays) < len(pictures):
                notes.append(
                    left_out(
                        f"{len(strays):,} of {len(pictures):,} pictures are in none of the folders"
                        f" {named} (such as {printable(strays[0])})"
                    )
                )
            return None, notes
        if guess and folder_names.are_numbers(groups):
            notes.append(
                f"the folders {named} are taken as classes, and not as numbered parts of one set;"
                " --data='files(classes=\"none\")' leaves labels out."
            )
        values, labels = np.unique([path[depth] for path in paths], return_inverse=True)
        return (labels.astype(np.int32), tuple(map(str, values))), notes


def _range_text(folders: Sequence[str]) -> str:
    shown = [printable(folder) for folder in folders]
    return ", ".join(shown) if len(shown) < 4 else f"{shown[0]} to {shown[-1]} ({len(shown):,})"


# ---- how many images the classes have


def class_notes(labels: np.ndarray, classes: Sequence[str]) -> tuple[str, ...]:
    """Return sentences on classes without images, of one, of very different sizes, and twins."""
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    lost = [name for count, name in zip(counts, classes, strict=True) if not count]
    notes = []
    if lost:
        listed = ", ".join(lost[:_SHOWN]) + (", ..." if len(lost) > _SHOWN else "")
        notes.append(f"{len(lost):,} of {len(classes):,} classes have no image ({listed}).")
    spelled = collections.defaultdict(list)
    for name in classes:
        spelled[unicodedata.normalize("NFC", name).casefold().strip()].append(name)
    if twins := next((names for names in spelled.values() if len(names) > 1), None):
        notes.append(
            f"{' and '.join(twins)} are taken as {len(twins)} classes, though only capitals,"
            " spaces or the storing of accents tell them apart; give them one name if they are one"
            " class."
        )
    return (*notes, *_balance_notes(counts, classes))


def _balance_notes(counts: Sequence[int], classes: Sequence[str]) -> tuple[str, ...]:
    sizes = sorted((count, name) for count, name in zip(counts, classes, strict=True) if count)
    if len(sizes) < 2:
        return ()
    (least, smallest), (most, largest) = sizes[0], sizes[-1]
    ones = [name for count, name in sizes if count == 1]
    some = ", ".join(ones[:_SHOWN]) + (", ..." if len(ones) > _SHOWN else "")
    single = f"{len(ones):,} of {len(sizes):,} classes have a single image ({some})" if ones else ""
    if most < _UNEVEN * least:
        return (f"{single}.",) if ones else ()
    extremes = f"{smallest} has {least:,} images and {largest} {most:,}"
    return (f"the classes are uneven: {extremes}{', and ' if ones else ''}{single}.",)
