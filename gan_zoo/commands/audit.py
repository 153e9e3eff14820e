"""Look through images before training on them: ``gan_zoo audit FOLDER|ZIP|NPZ``, or with --data.

    gan_zoo audit my_pictures.zip --image_size=64
    gan_zoo audit --data=celeba --data_dir=img_align_celeba.zip --image_size=64

Told are broken files, sizes, gray and color, classes, exact and near duplicates, the hash by which
runs know the data, and what to do. A contact sheet is written: images at random, then near
duplicates beside the image that they repeat.

Exact duplicates are equal in every pixel once decoded (upright, flat on white, 8 bits) at their own
size; repeats at the training size, which drop_duplicates=True drops, are counted beside. A near
duplicate is none of these; it correlates by --near (0.995) or more with an earlier image, both as
gray thumbnails of 16x16 pixels, and their mean colors differ by at most 8 of
255. All pairs are looked at.
"""

from __future__ import annotations

import collections
import hashlib
import io
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import flags
from PIL import Image, ImageDraw, UnidentifiedImageError
from tqdm import tqdm

from gan_zoo import images, registry
from gan_zoo.analysis.subject import open_pictures
from gan_zoo.config import Config, load_plugins
from gan_zoo.datasets import build_dataset
from gan_zoo.datasets.pixels import Preprocessing, preprocess
from gan_zoo.datasets.sources import Contents, error_text, is_candidate, printable
from gan_zoo.datasets.store import Hasher
from gan_zoo.errors import UserError
from gan_zoo.files import file_to_write, free_path, user_path, write_json

_THUMB = 16  # pixels a side
_COLOR = 8.0  # gray levels by which the mean colors of near duplicates may differ
_SHOWN = 20  # file names on the screen; --json has all
_ORIENTATION = 0x0112  # EXIF
_SIDEWAYS = (5, 6, 7, 8)


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "data", "", "a data set as for gan_zoo.run, in place of a path", flag_values=values
    )
    flags.DEFINE_string("data_dir", "", "where it lies", flag_values=values)
    flags.DEFINE_string(
        "image_size", "28", "the size of training: one side or HEIGHTxWIDTH", flag_values=values
    )
    flags.DEFINE_integer(
        "channels", 0, "1 for gray, 3 for color, 0 for what the data has", flag_values=values
    )
    flags.DEFINE_string(
        "plugins", "", "Python files with parts of your own, with commas", flag_values=values
    )
    flags.DEFINE_float(
        "near",
        0.995,
        "from which correlation on images are near duplicates",
        0.5,
        1,
        flag_values=values,
    )
    flags.DEFINE_integer("seed", 0, "of the choice of images for the sheet", 0, flag_values=values)
    flags.DEFINE_string(
        "out",
        "",
        "the .png of the contact sheet; audit-NAME.png here by default",
        flag_values=values,
    )
    flags.DEFINE_bool("sheet", True, "write a contact sheet", flag_values=values)
    flags.DEFINE_string(
        "json", "", "a .json for all of it, with the names of all files", flag_values=values
    )


class Given(NamedTuple):
    """Images to look through.

    Attributes:
        title: What messages call them.
        name: The same, fit for the name of a file.
        contents: The opened source.
        columns: Class numbers ``[N]`` and the classes' names, by column.
        how: What training does to them.
        others: Endings of files that are no images by their names, with their numbers.
        notes: Sentences of the data set.
        raw: Whether these are images as they lie on the disk, not brought to the size of training
            yet.
        data: The name of the data set.
    """

    title: str
    name: str
    contents: Contents
    columns: dict[str, tuple[np.ndarray, tuple[str, ...]]]
    how: Preprocessing
    others: dict[str, int]
    notes: tuple[str, ...]
    raw: bool
    data: str


def _given(values: flags.FlagValues, rest: list[str]) -> Given:
    """Open what the command line names.

    Raises:
        UserError: It is not there, or not one thing.
    """
    load_plugins(values.plugins)
    data = values.data or ("files" if values.data_dir else "")
    if len(rest) > 1 or bool(rest) == bool(data):
        raise UserError(
            "one folder, zip or npz is wanted, or --data=NAME in place of it, but"
            f" {len(rest) + bool(data)} were given."
        )
    spec = registry.parse_spec(data or "files")
    registry.datasets.check(spec)
    # For its checks of size and channels.
    config = Config(image_size=values.image_size, channels=values.channels)
    how = Preprocessing(config.size, config.channels or None)
    if spec.name == "files":
        if not rest and not values.data_dir:
            raise UserError(
                "--data=files needs to know where the images are; give a folder, a .zip or an .npz"
                " as --data_dir."
            )
        path = user_path(rest[0] if rest else values.data_dir)
        if not path.exists():
            raise UserError(f"there is no {path}; give a folder, a zip or an npz of images.")
        signature = registry.datasets.entry("files").signature
        asked = signature.bind_partial(*spec.args, **spec.kwargs).arguments if signature else {}
        how = how._replace(fit=asked.get("fit", "crop"), resample=asked.get("resample", "lanczos"))
        how.check()
        contents = open_pictures(path).open()
        columns = {} if contents.labels is None else {"class": (contents.labels, contents.classes)}
        name = path.resolve().stem if path.is_file() else path.resolve().name
        return Given(str(path), name, contents, columns, how, _others(path), (), True, "files")
    found = build_dataset(
        spec, how.size, how.channels, user_path(values.data_dir) if values.data_dir else None
    )
    columns = {
        name: (np.asarray(column), found.label_values[name])
        for name, column in found.labels.items()
    }
    contents = Contents([f"image {i}" for i in range(len(found.images))], found.images.__getitem__)
    return Given(str(spec), spec.name, contents, columns, how, {}, found.notes, False, spec.name)


def _others(path: Path) -> dict[str, int]:
    """The endings of files that do not count as images, with their numbers, the most frequent first."""
    if path.is_dir():
        names: Any = (p.relative_to(path).as_posix() for p in path.rglob("*") if not p.is_dir())
    elif path.suffix.lower() == ".npz":
        return {}
    else:
        import zipfile

        with zipfile.ZipFile(path) as archive:
            names = [i.filename.replace("\\", "/") for i in archive.infolist() if not i.is_dir()]
    return dict(
        collections.Counter(
            Path(n).suffix.lower() or "none" for n in names if not is_candidate(n)
        ).most_common()
    )


class Look(NamedTuple):
    """What is kept of one image.

    Attributes:
        size: (width, height) of the picture as it lies upright.
        kind: ``gray``, ``gray in color channels`` or ``color``.
        alpha: Whether a part of it is transparent.
        format: Of the file.
        exact: Digest of the decoded pixels.
        repeat: Digest of the pixels at the size of training.
        working: Those pixels, uint8 ``[H, W, C]``; dropped once they are hashed.
        thumb: float32 ``[256]``: the gray thumbnail.
        color: float32 ``[3]``: the mean color.
    """

    size: tuple[int, int]
    kind: str
    alpha: bool
    format: str
    exact: bytes
    repeat: bytes
    working: np.ndarray
    thumb: np.ndarray
    color: np.ndarray


def _native(data: bytes | np.ndarray) -> tuple[np.ndarray, str, bool]:
    """The decoded pixels at their own size, the format, and whether anything is transparent."""
    if isinstance(data, np.ndarray):
        alpha = data.ndim == 3 and data.shape[-1] in (2, 4) and bool((data[..., -1] < 255).any())
        return (
            preprocess(data, Preprocessing((len(data), len(data[0])), None)).pixels,
            "array",
            alpha,
        )
    if not data:
        raise ValueError("empty")
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION) in _SIDEWAYS:
            width, height = height, width
        kind, alpha = image.format or "?", image.has_transparency_data
        alpha = alpha and bool(np.asarray(image.convert("RGBA").getchannel("A")).min() < 255)
    return preprocess(data, Preprocessing((height, width), None)).pixels, kind, alpha


def _look(data: bytes | np.ndarray, how: Preprocessing) -> Look:
    """Decode one image, and measure it."""
    native, kind, alpha = _native(data)
    height, width, depth = native.shape
    working = preprocess(native, how).pixels
    small = preprocess(
        native, Preprocessing((_THUMB, _THUMB), None, "stretch", "box")
    ).pixels.astype(np.float32)
    hue = "gray in color channels" if (native == native[..., :1]).all() else "color"
    return Look(
        (width, height),
        "gray" if depth == 1 else hue,
        alpha,
        kind,
        hashlib.sha256(
            f"{width}x{height}".encode() + np.broadcast_to(native, (height, width, 3)).tobytes()
        ).digest(),
        hashlib.sha256(np.broadcast_to(working, (*working.shape[:2], 3)).tobytes()).digest(),
        working,
        small.mean(axis=2).reshape(-1),
        np.broadcast_to(small.mean(axis=(0, 1)), (3,)),
    )


def _looks(given: Given) -> Iterator[tuple[int, Look | str]]:
    """Look at all images, in threads; for one that cannot be read, the reason."""

    def look(i: int) -> Look | str:
        try:
            return _look(given.contents.read(i), given.how)
        except UnidentifiedImageError:
            return "no image"
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return "too many pixels"
        except Exception as e:  # whatever a decoder raises on a file, it is that file's fault
            return error_text(e)

    total = len(given.contents.names)
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(2) as pool,
        tqdm(total=total, desc=given.name, unit=" images", disable=None, leave=False) as bar,
    ):
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for start in range(0, total, 256):
            rows = range(start, min(start + 256, total))
            yield from zip(rows, pool.map(look, rows), strict=True)
            bar.update(len(rows))


class Audit(NamedTuple):
    """What was found.

    Attributes:
        rows: The places of the images that could be read, ``[n]``; all below count in these.
        broken: (name, reason) of the others.
        looks: One an image.
        exact: ``[n]``: for each image the first one with the same pixels: itself, where it is no
            duplicate.
        near: ``[n]``: for each image the first earlier one that it is a near duplicate of, or
            itself.
        repeats: How many images drop_duplicates=True would drop at the training size.
        hash: ``Dataset.hash`` at the training size, of all readable images.
        shape: (H, W, C) there.
    """

    rows: np.ndarray
    broken: list[tuple[str, str]]
    looks: list[Look]
    exact: np.ndarray
    near: np.ndarray
    repeats: int
    hash: str
    shape: tuple[int, int, int]


def audit(given: Given, near: float) -> Audit:
    """Look through all images.

    Raises:
        UserError: None can be read.
    """
    rows, broken, looks = [], [], []
    # Whether all images are gray, and so have one channel, is known at the end only.
    hashers = {1: Hasher(), 3: Hasher()}
    empty = np.empty(0, np.uint8)
    for i, look in _looks(given):
        if isinstance(look, str):
            broken.append((printable(given.contents.names[i]), look))
            continue
        depth = look.working.shape[2]
        if depth == 3:
            hashers.pop(1, None)
        for channels, hasher in hashers.items():
            hasher.add(np.broadcast_to(look.working, (*given.how.size, channels))[None])
        rows.append(i)
        looks.append(look._replace(working=empty))
    if not looks:
        listed = ", ".join(f"{name} ({why})" for name, why in broken[:3])
        raise UserError(
            f"none of the {len(broken):,} images in {given.title} can be read: {listed}; check the"
            " path."
        )
    channels = given.how.channels or min(hashers)
    exact = _first([look.exact for look in looks])
    return Audit(
        np.array(rows),
        broken,
        looks,
        exact,
        _near(looks, exact, near),
        len(looks) - len({look.repeat for look in looks}),
        hashers[channels].hexdigest(),
        (*given.how.size, channels),
    )


def _first(marks: list[bytes]) -> np.ndarray:
    """For each mark the place of the first equal one."""
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(mark, i) for i, mark in enumerate(marks)])


def _near(looks: list[Look], exact: np.ndarray, near: float) -> np.ndarray:
    """For each image the first earlier one that it is a near duplicate of; itself, where there is none.

    Thumbnails less their mean, at length 1, have as squared distance 2 (1 - correlation). Along
    their first principal axis two of them are no farther apart than that. So they are sorted along
    it, and a block is compared with what is near enough only.
    """
    found = np.arange(len(looks))
    own = np.flatnonzero(exact == found)  # exact duplicates are counted elsewhere
    thumbs = np.stack([looks[i].thumb for i in own]).astype(np.float32)
    colors = np.stack([looks[i].color for i in own]).astype(np.float32)
    thumbs -= thumbs.mean(axis=1, keepdims=True)
    length = np.linalg.norm(thumbs, axis=1, keepdims=True)
    # Below half a gray level an image is flat: nothing is to be correlated, and all flat images are
    # alike but for their color.
    thumbs = np.where(length < _THUMB / 2, 0, thumbs / np.maximum(length, 1e-9))
    flat = length[:, 0] < _THUMB / 2
    axis = np.linalg.eigh(thumbs.T @ thumbs)[1][:, -1]
    place = thumbs @ axis
    order = np.argsort(place, kind="stable")
    thumbs, colors, flat, place, at = (
        thumbs[order],
        colors[order],
        flat[order],
        place[order],
        own[order],
    )
    reach = np.sqrt(2 * (1 - near)) + 1e-4
    for start in tqdm(
        range(0, len(own), 512),
        desc="near duplicates",
        unit=" blocks",
        disable=None,
        delay=1,
        leave=False,
    ):
        block = slice(start, min(start + 512, len(own)))
        low, high = np.searchsorted(place, [place[block][0] - reach, place[block][-1] + reach])
        for first in range(low, high, 4096):
            other = slice(first, min(first + 4096, high))
            alike = thumbs[block] @ thumbs[other].T >= near - 1e-6
            alike |= flat[block, None] & flat[other]
            for c in range(3):
                alike &= np.abs(colors[block, None, c] - colors[other, c]) <= _COLOR
            first_alike = np.where(alike, at[other], len(looks)).min(axis=1)
            found[at[block]] = np.minimum(found[at[block]], first_alike)
    return found


def _share(count: int, total: int) -> str:
    return f"{count:,} ({100 * count / total:.1f} %)"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (
        f", and {len(names) - _SHOWN:,} more (--json names them)" if len(names) > _SHOWN else ""
    )


def _aspects(sizes: list[tuple[int, int]]) -> dict[str, int]:
    """How many images have which width over height, in bins."""
    edges = (0, 0.5, 0.7, 0.95, 1.05, 1.43, 2, np.inf)
    names = [
        "below 0.5",
        "0.5 to 0.7",
        "0.7 to 0.95",
        "square",
        "1.05 to 1.43",
        "1.43 to 2",
        "2 and more",
    ]
    counts = np.histogram([w / h for w, h in sizes], edges)[0]
    return {name: int(n) for name, n in zip(names, counts, strict=True) if n}


def _bars(counts: dict[str, int], total: int) -> Iterator[str]:
    wide = max(map(len, counts))
    for name, n in counts.items():
        yield f"    {name:<{wide}}  {'#' * max(1, round(30 * n / total)):<30}  {_share(n, total)}"


def _groups(first: np.ndarray) -> list[list[int]]:
    """Groups of two and more images, from each one's earlier fellow; the largest first."""
    root = first.copy()
    while (root[root] != root).any():
        root = root[root]
    groups = collections.defaultdict(list)
    for i in np.flatnonzero(np.isin(root, root[root != np.arange(len(root))])):
        groups[int(root[i])].append(int(i))
    return sorted(groups.values(), key=len, reverse=True)


def record_of(given: Given, found: Audit) -> dict[str, Any]:
    """All that was found, fit for JSON."""
    names = [printable(given.contents.names[i]) for i in found.rows]
    sizes = [look.size for look in found.looks]
    count = len(found.looks)
    return {
        "data": given.title,
        "candidates": len(given.contents.names),
        "other_files": given.others,
        "readable": count,
        "broken": [{"file": name, "reason": why} for name, why in found.broken],
        "notes": list(given.notes),
        "sizes": {f"{w}x{h}": n for (w, h), n in collections.Counter(sizes).most_common()},
        "aspects": _aspects(sizes),
        "formats": dict(collections.Counter(look.format for look in found.looks).most_common()),
        "colors": dict(collections.Counter(look.kind for look in found.looks).most_common()),
        "transparent": sum(look.alpha for look in found.looks),
        "classes": {
            column: {
                printable(str(c)): int(n)
                for c, n in zip(classes, _counts(labels, found.rows, classes), strict=True)
            }
            for column, (labels, classes) in given.columns.items()
        },
        "exact_duplicates": int((found.exact != np.arange(count)).sum()),
        "near_duplicates": int((found.near != np.arange(count)).sum()),
        "dropped_by_drop_duplicates": found.repeats,
        "exact_groups": [[names[i] for i in group] for group in _groups(found.exact)],
        "near_groups": [[names[i] for i in group] for group in _groups(found.near)],
        "shape": list(found.shape),
        "hash": found.hash,
    }


def _counts(labels: np.ndarray, rows: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    return np.bincount(labels[rows], minlength=len(classes))


def advice(given: Given, record: dict[str, Any]) -> list[str]:
    """What to do, a sentence each."""
    total, readable = record["candidates"], record["readable"]
    height, width, channels = record["shape"]
    said = []
    if len(record["broken"]) > total / 4:
        said.append(
            "more than a quarter of the images cannot be read, and training refuses that: mend or"
            " remove them."
        )
    elif record["broken"]:
        said.append("broken files are skipped in training; remove them to be rid of the warning.")
    signature = registry.datasets.entry(given.data).signature
    if (
        record["dropped_by_drop_duplicates"]
        and signature
        and "drop_duplicates" in signature.parameters
    ):
        said.append(
            f"drop_duplicates=True, as in --data='{given.data}(drop_duplicates=True)', drops"
            f" {100 * record['dropped_by_drop_duplicates'] / readable:.1f} % of the images at"
            f" {height}x{width}."
        )
    if record["near_duplicates"] > 0.01 * readable:
        said.append(
            "near duplicates stay unless you remove files; where the sheet shows true repeats,"
            " --json names the groups."
        )
    odd = readable - record["aspects"].get("square", 0) if height == width else 0
    if odd > 0.05 * readable and given.raw:
        said.append(
            f"{100 * odd / readable:.0f} % of the images are not square: their edges are cut off "
            "(--data='files(fit=\"pad\")' pads them)."
        )
    if given.raw:
        small = sum(
            n
            for size, n in record["sizes"].items()
            if min(map(int, size.split("x"))) < min(height, width)
        )
        if small > 0.05 * readable:
            said.append(
                f"{100 * small / readable:.0f} % of the images are smaller than {height}x{width}"
                " and would be enlarged."
            )
    colors = record["colors"]
    if channels == 3 and set(colors) <= {"gray", "gray in color channels"}:
        said.append("no image has colors: --channels=1 trains the same with less.")
    elif channels == 3 and (gray := readable - colors.get("color", 0)):
        said.append(f"{gray:,} gray images among color ones: so will be some samples.")
    if readable < 1000:
        said.append(
            f"{readable:,} images are few for a GAN, which may learn them by heart (gan_zoo"
            " memorization tells); some thousand are better."
        )
    return said


def text_of(given: Given, record: dict[str, Any]) -> Iterator[str]:
    """The record, line by line, for people."""
    n = record["readable"]
    others = ", ".join(
        f"{number:,} {ending}" for ending, number in list(record["other_files"].items())[:6]
    )
    yield f"{given.title}: {record['candidates']:,} images" + (
        f"; {sum(record['other_files'].values()):,} other files are ignored ({others})"
        if others
        else ""
    )
    yield from (f"  {note}" for note in record["notes"])
    if record["broken"]:
        listed = _listed([f"{b['file']} ({b['reason']})" for b in record["broken"]])
        yield f"  broken: {_share(len(record['broken']), record['candidates'])}: {listed}"
    sizes = list(record["sizes"].items())
    more = f", and {len(sizes) - 6:,} more sizes" if len(sizes) > 6 else ""
    yield "  width x height: " + ", ".join(f"{size} {_share(k, n)}" for size, k in sizes[:6]) + more
    if len(sizes) > 1:
        yield "  width over height:"
        yield from _bars(record["aspects"], n)
    if set(record["formats"]) != {"array"}:
        yield "  formats: " + ", ".join(
            f"{kind} {_share(k, n)}" for kind, k in record["formats"].items()
        )
    yield (
        "  colors: "
        + ", ".join(f"{kind} {_share(k, n)}" for kind, k in record["colors"].items())
        + (
            f"; with transparent parts {_share(record['transparent'], n)}"
            if record["transparent"]
            else ""
        )
    )
    for column, counts in record["classes"].items():
        yield f"  {column}: {len(counts)} classes: " + _listed(
            [f"{name} {_share(k, n)}" for name, k in counts.items()]
        )
    height, width, channels = record["shape"]
    groups = record["exact_groups"]
    yield (
        f"  exact duplicates: {_share(record['exact_duplicates'], n)} repeat an earlier image at"
        " its own size"
        + (
            f", in {len(groups):,} groups, the largest of {len(groups[0]):,} ({groups[0][0]} ...)"
            if groups
            else ""
        )
        + f"; {_share(record['dropped_by_drop_duplicates'], n)} do at {height}x{width}"
    )
    groups = record["near_groups"]
    yield f"  near duplicates: {_share(record['near_duplicates'], n)} more" + (
        f", in {len(groups):,} groups, the largest of {len(groups[0]):,} ({groups[0][0]},"
        f" {groups[0][1]} ...)"
        if groups
        else ""
    )
    yield f"  hash at {height}x{width}x{channels}: {record['hash']}"


def sheet(given: Given, found: Audit, seed: int) -> np.ndarray:
    """Images at random, then near duplicates, each to the right of the image that it repeats: uint8 ``[H, W, 3]``."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(found.rows))[:64])
    pairs = np.flatnonzero(found.near != np.arange(len(found.near)))
    pairs = np.random.default_rng(seed).permutation(pairs)[:32]
    blocks = {f"{len(chosen)} of {len(found.rows):,} images at random": chosen}
    if len(pairs):
        blocks[f"{len(pairs)} near duplicates, right of what they repeat"] = np.stack(
            [found.near[pairs], pairs], axis=1
        ).ravel()
    height, width = given.how.size
    factor = max(1, 64 // max(height, width))
    how = given.how._replace(channels=3)
    parts = []
    for title, places in blocks.items():
        cells = np.stack(
            [preprocess(given.contents.read(int(found.rows[i])), how).pixels for i in places]
        )
        block = images.grid(
            cells.repeat(factor, axis=1).repeat(factor, axis=2), columns=min(16, len(places))
        )
        label = Image.new("RGB", (max(block.shape[1], 320), block.shape[0] + 16), "white")
        ImageDraw.Draw(label).text((4, 2), title, "black")
        label.paste(images.as_pil(block), (0, 16))
        parts.append(label)
    whole = Image.new("RGB", (max(p.width for p in parts), sum(p.height for p in parts)), "white")
    y = 0
    for p in parts:
        whole.paste(p, (0, y))
        y += p.height
    return np.asarray(whole)


def main(values: flags.FlagValues, rest: list[str]) -> None:
    out, target = file_to_write(values.out, ".png"), file_to_write(values.json, ".json")
    given = _given(values, rest)
    found = audit(given, values.near)
    record = record_of(given, found)
    record["advice"] = advice(given, record)
    for line in text_of(given, record):
        print(line)
    for sentence in record["advice"]:
        print(f"- {sentence}")
    if target:
        write_json(target, record)
        print(f"{target}: the whole of it")
    if values.sheet:
        out = out or free_path(Path(f"audit-{given.name}.png"))
        images.save_png(out, sheet(given, found, values.seed))
        print(f"{out}: the contact sheet")
