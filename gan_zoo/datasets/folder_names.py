"""What the names of folders and files say: parts of a split, masks, numbered parts, classes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

SPLITS = ("train", "val", "test")
_WORDS = {
    "train": "training|train",
    "val": "validation|valid|val|dev",
    "test": "testing|test|evaluation|eval",
}
_SPLIT = re.compile(
    "(?P<before>(?:.*[^A-Za-z])?)(?:"
    + "|".join(f"(?P<{kind}>(?i:{words}))" for kind, words in _WORDS.items())
    + ")(?P<after>(?:[^a-z].*)?)"
)
_IMAGES = re.compile(
    "(jpe?g|png|rgb|raw|input|original)?[-_ ]?(images?|imgs?|photos?|pictures?|pics?|frames?)"
    "|rgb|inputs?|originals?"
)
_MASKS = re.compile(
    "(?:.*[-_ ])?(masks?|annotations?|annots?|labels?|segmentations?|segs?|segmaps?|segmentation"
    "class|segmentationobject|gts?|ground[-_ ]?truths?|trimaps?|mattes?|alphas?|depths?|normals"
    "|edges)(?:[-_ ]?(images?|imgs?|png|maps?|\\d+))?"
)
_MASK_OF = re.compile(
    "(?P<picture>.+?)[-_ ](masks?|seg|segmentation|gt|ground[-_]?truth|annotation|labels?|trimap"
    "|matte)([-_ ]?\\d+)?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    "(?P<word>shard|part|chunk|batch|image|img|pic|photo|picture|data|dir|folder|vol|volume|archive"
    "|bucket|piece|disk|disc|block|fold|subset|tar|zip|clip|video|sequence|seq|scene|session)s?"
    "[-_ .]*\\d+([-_ ]*of[-_ ]*\\d+)?"
    "|(?P<new>new|untitled) folder([-_ ]*\\(?\\d+\\)?)?"
)
_CAMERA = re.compile("[1-9]\\d\\d(?=.*[A-Z])[A-Z0-9_]{5}")  # of the standard DCF, as 100CANON
_DATED = re.compile(  # also "Photos from 2019" of Google
    "(?P<word>(\\D*[-_ ])?)"
    "(19|20)\\d\\d([-_.]?(0[1-9]|1[0-2])([-_.]?(0[1-9]|[12]\\d|3[01])([-_ T].*)?)?)?"
)


def split_of(folder: str) -> tuple[str, str] | None:
    """Return the part that a folder's name means, and the rest of the name; None for others.

    ``train2017`` is ``("train", "2017")`` and ``seg_test`` is ``("test", "seg_")``.
    """
    match = _SPLIT.fullmatch(folder)
    if match is None:
        return None
    kind = next(kind for kind in SPLITS if match[kind])
    return kind, match["before"] + match["after"]


def is_images_folder(folder: str) -> bool:
    """Return whether a folder's name only says that there are pictures in it."""
    return _IMAGES.fullmatch(folder.lower()) is not None


def is_masks_folder(folder: str) -> bool:
    """Return whether a folder's name says that it holds masks or other annotations."""
    return _MASKS.fullmatch(folder.lower()) is not None


def pictures_of_mask(stem: str) -> str | None:
    """Return the stem of the picture of which a file is the mask by its name, as ``a`` of a_mask.

    None for other names.
    """
    match = _MASK_OF.fullmatch(stem)
    return match["picture"] if match else None


def stem_of(name: str) -> str:
    """Return the name of a file without its folders and its ending."""
    file = name.rpartition("/")[2]
    return file.rpartition(".")[0] or file


def part_kind(groups: Mapping[str, Sequence[str]]) -> str:
    """Return what the folders are if they are parts of one set and not classes; "" if not.

    Args:
        groups: The stems of the files of each folder.
    """
    folders = sorted(groups)
    words = [_NUMBERED.fullmatch(folder.lower()) for folder in folders]
    if all(words) and len({m["word"] or m["new"] for m in words if m}) == 1:
        return "numbered parts"
    if all(map(_CAMERA.fullmatch, folders)):
        return "folders of a camera"
    dated = [_DATED.fullmatch(folder) for folder in folders]
    if all(dated) and len({match["word"] for match in dated if match}) == 1:
        return "dates"
    if _are_hashes(folders, groups):
        return "beginnings of hashes"
    if all(folder.isascii() and folder.isdigit() for folder in folders):
        return "numbered parts" if _are_shards(folders, groups) else ""
    return ""


def are_numbers(folders: Iterable[str]) -> bool:
    """Return whether all folders have numbers as names, which may be classes or parts."""
    return all(folder.isdigit() for folder in folders)


def _are_shards(folders: Sequence[str], groups: Mapping[str, Sequence[str]]) -> bool:
    """Return whether folders with numbers as names are parts of one set.

    Digits such as 0 to 9 are classes. Parts have more zeros in front than their number needs, since
    who wrote them did not know it, and all but the last are full; or the numbers of the files go
    on from one folder to the next.
    """
    width = len(folders[0])
    spare = width - len(str(int(folders[-1])))
    if any(len(folder) != width for folder in folders) or not spare:
        return False
    counts = [len(groups[folder]) for folder in folders]
    full = max(counts[:-1])
    even = min(counts[:-1]) >= 0.9 * full and counts[-1] <= full
    return even if spare >= 2 else even and _numbers_go_on(folders, groups)


def _numbers_go_on(folders: Sequence[str], groups: Mapping[str, Sequence[str]]) -> bool:
    """Return whether each folder's files have higher numbers than those of the folder before."""
    highest = -1
    for folder in folders:
        found = [re.findall("\\d+", stem) for stem in groups[folder]]
        if not all(found):
            return False
        numbers = [int(digits[-1]) for digits in found]
        if min(numbers) <= highest:
            return False
        highest = max(numbers)
    return True


def _are_hashes(folders: Sequence[str], groups: Mapping[str, Sequence[str]]) -> bool:
    """Return whether folders are named by the first digits of hexadecimal names, as in a cache."""
    width = len(folders[0])
    alike = width <= 3 and all(len(folder) == width for folder in folders)
    if not alike or not all(re.fullmatch("[0-9a-f]+|[0-9A-F]+", folder) for folder in folders):
        return False
    files = [(folder.lower(), stem.lower()) for folder in folders for stem in groups[folder]]
    stems = [stem for _, stem in files]
    named = sum(
        bool(re.fullmatch("[0-9a-f-]{6,}", stem)) and folder in stem[:8] for folder, stem in files
    )
    if named >= 0.9 * len(files) and any(c in "abcdef" for stem in stems for c in stem):
        return True
    mixed = any(f[0] in "abcdef" for f in folders) and any(c.isdigit() for f in folders for c in f)
    return mixed and (len(folders) >= 16 or len(set(stems)) == len(stems))
