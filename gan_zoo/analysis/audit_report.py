"""An audit as JSON, as lines of text with advice, and as a contact sheet."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import numpy as np

from gan_zoo import images, registry
from gan_zoo.analysis.audit import Audit
from gan_zoo.analysis.duplicates import groups_of
from gan_zoo.datasets.pixels import preprocess
from gan_zoo.datasets.text import printable

_SHOWN = 20  # file names in the text; the JSON has all
_SIZES = 6  # sizes, and endings of other files, in the text
_EDGES = (0, 0.5, 0.7, 0.95, 1.05, 1.43, 2, np.inf)  # of the bins of width over height
_ASPECTS = (
    "below 0.5",
    "0.5 to 0.7",
    "0.7 to 0.95",
    "square",
    "1.05 to 1.43",
    "1.43 to 2",
    "2 and more",
)


def audit_json(found: Audit) -> dict[str, Any]:
    """Return all results and the advice for a JSON file."""
    source, count = found.source, len(found.images)
    names = [printable(source.contents.names[i]) for i in found.rows]
    sizes = [info.size for info in found.images]
    aspects = np.histogram([w / h for w, h in sizes], _EDGES)[0]
    record = {
        "data": source.title,
        "candidates": len(source.contents.names),
        "other_files": dict(source.other_files),
        "readable": count,
        "broken": [{"file": name, "reason": why} for name, why in found.broken],
        "notes": list(source.notes),
        "sizes": {f"{w}x{h}": n for (w, h), n in collections.Counter(sizes).most_common()},
        "aspects": {name: int(n) for name, n in zip(_ASPECTS, aspects, strict=True) if n},
        "formats": _counts([info.format for info in found.images]),
        "colors": _counts([info.color for info in found.images]),
        "transparent": sum(info.transparent for info in found.images),
        "classes": {
            column: _class_counts(labels[found.rows], classes)
            for column, (labels, classes) in source.columns.items()
        },
        "exact_duplicates": int((found.exact != np.arange(count)).sum()),
        "near_duplicates": int((found.near != np.arange(count)).sum()),
        "near": found.correlation,
        "dropped_by_drop_duplicates": found.repeats,
        "exact_groups": [[names[i] for i in group] for group in groups_of(found.exact)],
        "near_groups": [[names[i] for i in group] for group in groups_of(found.near)],
        "shape": list(found.shape),
        "hash": found.hash,
    }
    return {**record, "advice": [*_advice_on_files(found, record), *_advice_on_pixels(record)]}


def _counts(words: list[str]) -> dict[str, int]:
    return dict(collections.Counter(words).most_common())


def _class_counts(labels: np.ndarray, classes: tuple[str, ...]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(classes))
    return {printable(str(c)): int(n) for c, n in zip(classes, counts, strict=True)}


def _advice_on_files(found: Audit, record: dict[str, Any]) -> Iterator[str]:
    total, readable = record["candidates"], record["readable"]
    height, width, _ = record["shape"]
    if len(record["broken"]) > total / 4:
        yield (
            "more than a quarter of the images cannot be read, and training refuses that: repair or"
            " remove them."
        )
    elif record["broken"]:
        yield "broken files are skipped in training; remove them to avoid the warning."
    data, dropped = found.source.data, record["dropped_by_drop_duplicates"]
    signature = registry.datasets.entry(data).signature
    if dropped and signature and "drop_duplicates" in signature.parameters:
        yield (
            f"drop_duplicates=True, as in --data='{data}(drop_duplicates=True)', drops"
            f" {100 * dropped / readable:.1f} % of the images at {height}x{width}."
        )
    if record["near_duplicates"] > 0.01 * readable:
        yield (
            "near duplicates stay unless you remove files; if the sheet shows true repeats, --json"
            " names the groups."
        )
    if not found.source.raw:
        return
    odd = readable - record["aspects"].get("square", 0) if height == width else 0
    if odd > 0.05 * readable:
        yield (
            f"{100 * odd / readable:.0f} % of the images are not square: their edges are cut off "
            "(--data='files(fit=\"pad\")' pads them)."
        )
    least = min(height, width)
    small = sum(min(info.size) < least for info in found.images)
    if small > 0.05 * readable:
        yield (
            f"{100 * small / readable:.0f} % of the images are smaller than {height}x{width} and"
            " would be enlarged."
        )


def _advice_on_pixels(record: dict[str, Any]) -> Iterator[str]:
    readable, colors, channels = record["readable"], record["colors"], record["shape"][2]
    if channels == images.RGBA and not record["transparent"]:
        yield "no image has transparent parts, and training refuses --channels=4 then; use 3."
    if channels == 3 and set(colors) <= {"gray", "gray in color channels"}:
        yield "all images are gray: --channels=1 trains the same faster."
    elif channels == 3 and (gray := readable - colors.get("color", 0)):
        yield f"{gray:,} gray images among color ones: some samples will be gray, too."
    if readable < 1000:
        yield (
            f"{readable:,} images are few for a GAN, which may memorize them (gan_zoo memorization"
            " tests that); some thousand are better, and --config=few64 is a recipe for few."
        )


def audit_lines(record: dict[str, Any]) -> Iterator[str]:
    """Yield the results and the advice of :func:`audit_json`, line by line."""
    yield from _lines_on_files(record)
    yield from _lines_on_duplicates(record)
    yield from (f"- {sentence}" for sentence in record["advice"])


def _lines_on_files(record: dict[str, Any]) -> Iterator[str]:
    n, others = record["readable"], record["other_files"]
    title = f"{record['data']}: {record['candidates']:,} images"
    if others:
        listed = ", ".join(f"{k:,} {ending}" for ending, k in list(others.items())[:_SIZES])
        title += f"; {sum(others.values()):,} other files are ignored ({listed})"
    yield title
    yield from (f"  {note}" for note in record["notes"])
    if record["broken"]:
        listed = _listed([f"{b['file']} ({b['reason']})" for b in record["broken"]])
        yield f"  broken: {_share(len(record['broken']), record['candidates'])}: {listed}"
    sizes = list(record["sizes"].items())
    more = f", and {len(sizes) - _SIZES:,} more sizes" if len(sizes) > _SIZES else ""
    listed = ", ".join(f"{size} {_share(k, n)}" for size, k in sizes[:_SIZES])
    yield f"  width x height: {listed}{more}"
    if len(sizes) > 1:
        yield "  width over height:"
        yield from _bars(record["aspects"], n)
    if set(record["formats"]) != {"array"}:
        yield f"  formats: {_shares(record['formats'], n)}"
    transparent = record["transparent"]
    parts = f"; with transparent parts {_share(transparent, n)}" if transparent else ""
    yield f"  colors: {_shares(record['colors'], n)}{parts}"
    for column, counts in record["classes"].items():
        listed = _listed([f"{name} {_share(k, n)}" for name, k in counts.items()])
        yield f"  {column}: {len(counts)} classes: {listed}"


def _lines_on_duplicates(record: dict[str, Any]) -> Iterator[str]:
    n, (height, width, channels) = record["readable"], record["shape"]

    def largest(groups: list[list[str]], shown: int) -> str:
        if not groups:
            return ""
        names = ", ".join(groups[0][:shown])
        return (
            f", in {len(groups):,} groups, the largest of {len(groups[0]):,} images ({names} ...)"
        )

    # Redrawn, cropped or compressed again, an image correlates less.
    looser = " (--near=0.95 finds more, and false ones)" if record["near"] > 0.95 else ""
    yield (
        f"  exact duplicates: {_share(record['exact_duplicates'], n)} repeat an earlier image at"
        f" its own size{largest(record['exact_groups'], 1)};"
        f" {_share(record['dropped_by_drop_duplicates'], n)} do at {height}x{width}"
    )
    yield (
        f"  near duplicates: {_share(record['near_duplicates'], n)} more"
        f"{largest(record['near_groups'], 2)}, of a correlation of {record['near']:g} or more"
        f"{looser}"
    )
    yield f"  hash at {height}x{width}x{channels}: {record['hash']}"


def _share(count: int, total: int) -> str:
    return f"{count:,} ({100 * count / total:.1f} %)"


def _shares(counts: dict[str, int], total: int) -> str:
    return ", ".join(f"{name} {_share(n, total)}" for name, n in counts.items())


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - _SHOWN:,} more (--json has all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _bars(counts: dict[str, int], total: int) -> Iterator[str]:
    wide = max(map(len, counts))
    for name, n in counts.items():
        yield f"    {name:<{wide}}  {'#' * max(1, round(30 * n / total)):<30}  {_share(n, total)}"


def contact_sheet(found: Audit, seed: int = 0) -> np.ndarray:
    """Draw images at random, then near duplicates, each right of the image that it repeats.

    Returns:
        uint8 ``[H, W, 3]``.
    """
    chosen = np.sort(np.random.default_rng(seed).permutation(len(found.rows))[:64])
    pairs = np.flatnonzero(found.near != np.arange(len(found.near)))
    pairs = np.random.default_rng(seed).permutation(pairs)[:32]
    blocks = {f"{len(chosen)} of {len(found.rows):,} images at random": chosen}
    if len(pairs):
        both = np.stack([found.near[pairs], pairs], axis=1).ravel()
        blocks[f"{len(pairs)} near duplicates, each right of the image it repeats"] = both
    preprocessing = found.source.preprocessing
    if preprocessing.channels != images.RGBA:
        preprocessing = preprocessing._replace(channels=3)
    factor = max(1, 64 // max(preprocessing.size))
    parts = []
    for title, places in blocks.items():
        originals = (found.source.contents.read(int(found.rows[i])) for i in places)
        cells = np.stack([preprocess(data, preprocessing).pixels for data in originals])
        cells = cells.repeat(factor, axis=1).repeat(factor, axis=2)
        parts.append(images.captioned(images.grid(cells, min(16, len(places))), title))
    return images.stack(parts, axis=0, gap=0)
