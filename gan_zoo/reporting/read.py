"""What a page needs of a run and of a comparison, and sentences about what is missing.

Nothing here trusts a file: values of the wrong kind are left out and named, so that the pages need
no checks.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gan_zoo import images
from gan_zoo.config import Config, flag_of
from gan_zoo.errors import UserError
from gan_zoo.evaluation import alarms
from gan_zoo.files import near_or
from gan_zoo.runs.run import Run
from gan_zoo.spec import shell_word

DEFAULTS = asdict(Config())
_MOST_FRAMES = 30
_MOST_PIXELS = 1600  # of a grid's longer side; larger ones are halved
_CHECKS = 60  # at how many evaluations of a run alarms are looked for
_RUN_FILES = ("config.json", "metrics.jsonl", "evaluations.jsonl")


class Comparison(NamedTuple):
    """A folder that gan_zoo compare filled, as far as its files tell; the format is in that file.

    Attributes:
        folder: Where it lies.
        about: ``comparison.json``.
        results: ``results.json``, or {}.
        runs: (variant, seed, run) in the order of the variants; only runs that can be read.
        missing: Sentences about what is not there.
    """

    folder: Path
    about: dict[str, Any]
    results: dict[str, Any]
    runs: list[tuple[str, int, Run]]
    missing: list[str]


def records(value: Any) -> list[dict[str, Any]]:
    """The dictionaries in a list, or nothing."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def dictionary(value: Any) -> dict[str, Any]:
    """A dictionary, or an empty one."""
    return value if isinstance(value, dict) else {}


def read_run(folder: Path) -> Run:
    """Return a run of which something can be read.

    Raises:
        UserError: There is no folder, or nothing in it that a run of gan_zoo writes and that can be
            read.
    """
    if not folder.is_dir():
        remedy = near_or(folder, "give the folder of a run, such as runs/NAME.", folder=True)
        raise UserError(f"there is no folder {folder}; {remedy}")
    run = Run(folder)
    if not (run.readable_record or run.metrics or run.results or run.sample_grids):
        inner = sorted(str(path.parent) for path in folder.glob("*/config.json"))
        raise UserError(
            f"there is nothing of a run of gan_zoo in {folder}, or none of it can be read; give"
            f" the folder of a run, such as {' or '.join(inner[:3]) or 'runs/NAME'}."
        )
    return run


def is_run(folder: Path) -> bool:
    """Return whether a folder holds anything that a run writes."""
    return any((folder / name).is_file() for name in _RUN_FILES) or bool(Run(folder).sample_grids)


def grids(run: Run) -> list[tuple[int, Path]]:
    """Return (step, file) of each grid of samples."""
    return [(int(path.stem), path) for path in run.sample_grids]


def command(run: Run) -> str:
    """Return a command that makes the same run again, in a folder of its own."""
    given = {
        name: value
        for name, value in run.settings.items()
        if name in DEFAULTS and name != "workdir" and value != DEFAULTS[name]
    }
    given["workdir"] = f"runs/{run.name}-again"
    flags = (f"--{flag_of(name)}={shell_word(str(value))}" for name, value in given.items())
    return " \\\n    ".join(["gan_zoo train", *flags])


def alarms_of(run: Run) -> tuple[list[alarms.Alarm], list[alarms.Alarm]]:
    """Return the alarms that hold at the end, and those that held at an evaluation and ended."""
    metrics, score, extractor = run.metrics, f"eval/{run.score_name}", run.extractor
    keys: dict[str, Any] = {
        "score": score,
        "floor": run.floor or 0.0,
        "settings": run.settings,
    }
    keys |= {name: f"eval/{name}-{extractor}" for name in ("diversity", "recall")}
    ends = [i + 1 for i, record in enumerate(metrics[:-1]) if score in record]
    held: dict[tuple[str, int], alarms.Alarm] = {}
    for end in ends[:: math.ceil(len(ends) / _CHECKS) or 1]:
        held |= {(a.name, a.since): a for a in alarms.check(metrics[:end], **keys)}
    now = alarms.check(metrics, **keys)
    names = {alarm.name for alarm in now}
    return now, [alarm for alarm in held.values() if alarm.name not in names]


def read_comparison(folder: Path) -> Comparison:
    """A comparison, whatever is there of it yet.

    Raises:
        UserError: Its ``comparison.json`` cannot be read.
    """
    missing: list[str] = []
    about = _json(folder / "comparison.json")
    if not isinstance(about, dict) or not isinstance(about.get("variants"), dict):
        path = folder / "comparison.json"
        raise UserError(
            f"{path} cannot be read; restore it, or name the folders of the runs one by one."
        )
    about["variants"] = {name: dictionary(variant) for name, variant in about["variants"].items()}
    results = _json(folder / "results.json")
    if not isinstance(results, dict):
        there = (folder / "results.json").exists()
        missing.append(
            f"results.json {'cannot be read' if there else 'is not there yet'}: no comparison of"
            " the variants"
        )
        results = {}
    states = {
        r.get("folder"): r for r in records(results.get("runs")) if isinstance(r.get("folder"), str)
    }
    runs = []
    for variant, seed, name in _expected(about):
        state = dictionary(states.get(name))
        why = f" ({state['why']})" if state.get("why") else ""
        if state.get("state") in ("running", "failed"):
            missing.append(f"{variant}, seed {seed}: {state['state']}{why}")
        try:
            if not is_run(folder / name):
                raise UserError("")
            run = read_run(folder / name)
        except UserError:
            if state.get("state") != "failed":
                missing.append(f"{variant}, seed {seed}: there is no run in {name} yet{why}")
            continue
        runs.append((variant, seed, run))
        missing += [f"{variant}, seed {seed}: {sentence}" for sentence in run.problems]
    return Comparison(folder, about, results, runs, missing)


def _expected(about: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    """(variant, seed, folder's name) of each run of a comparison."""
    seeds = about.get("seeds")
    for variant, details in about["variants"].items():
        slug = details.get("slug")
        expected = seeds if isinstance(seeds, list) else []
        if details.get("left"):  # a candidate of a search that did not come to its final
            expected = [dictionary(about.get("search")).get("seed")]
        for seed in expected:
            # A slug is one name, so that no file can lead out of the folder.
            if (
                isinstance(slug, str)
                and isinstance(seed, int)
                and slug
                and not set(slug) & set("/\\\0")
            ):
                yield variant, seed, f"{slug}-seed{seed}"


def _json(path: Path) -> Any:
    """The content of a file, or None where it cannot be read."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def uris(run: Run, budget: float) -> tuple[list[tuple[int, str]], list[str]]:
    """Return grids of samples as data URIs of WebP, evenly chosen, with the first and the last.

    Args:
        run: The run.
        budget: Bytes that they may take.

    Returns:
        (step, URI) of each, and what was left out, in words.
    """
    many = len(run.sample_grids)
    chosen = _spread(grids(run), _MOST_FRAMES)
    opened = [(step, picture) for step, path in chosen if (picture := _open(path, run)) is not None]
    notes = []
    if len(opened) < len(chosen):
        broken = len(chosen) - len(opened)
        notes.append(f"{broken} {'grids' if broken > 1 else 'grid'} of samples cannot be read")
    coded, loss = _fitting(opened, budget)
    notes += [loss] if loss else []
    if len(coded) < many:
        notes.append(f"{len(coded)} of {many} grids are shown, the others lie in samples/")
    return [(step, _uri(data)) for step, data in coded], notes


def _fitting(
    opened: Sequence[tuple[int, Image.Image]], budget: float
) -> tuple[list[tuple[int, bytes]], str]:
    """Return (step, WebP) of grids within ``budget`` bytes, and a note on what they lost, or "".

    First grids lose exact pixels (the last grid only where it takes a third of all bytes), then
    half their pixels; then whole grids are left out.
    """

    def size(coded: Sequence[tuple[int, bytes]]) -> int:
        return sum(len(data) for _, data in coded)

    last = [(step, _webp(picture)) for step, picture in opened[-1:]]
    if size(last) * len(opened) <= budget:  # the last is as a rule the largest
        coded = [(step, _webp(picture)) for step, picture in opened[:-1]] + last
        if size(coded) <= budget:
            return coded, ""
    loss = "the last grid is exact, those before it are compressed with loss"
    if size(last) * 3 > budget:
        last, loss = [], "the grids are compressed with loss"
    rest = opened[: len(opened) - len(last)]
    coded = [(step, _webp(picture, 88)) for step, picture in rest]
    if size(coded + last) > budget:
        coded = [(step, _webp(picture.reduce(2), 85)) for step, picture in rest]
        loss += " and at half their size"
    coded += last
    while size(coded) > budget and len(coded) > 2:
        coded = _spread(coded, max(2, len(coded) * 2 // 3))
    return coded, loss


def picture_uri(path: Path, budget: float, run: Run | None = None) -> str:
    """A picture as a data URI of about so many bytes at most, or "" where it cannot be read.

    With a run, it is a grid of that run's images.
    """
    picture = _open(path, run)
    if picture is None:
        return ""
    data = _webp(picture)
    while len(data) > budget and min(picture.size) > 64:
        data = _webp(picture, 85)
        picture = picture.reduce(2)
    return _uri(data)


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of a sequence, evenly, with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _open(path: Path, run: Run | None = None) -> Image.Image | None:
    """Return a picture in few pixels, or None; that of a run's images is cut out of its white."""
    try:
        with Image.open(path) as picture:
            # The page enlarges by itself.
            sheet = images.reduce(np.asarray(picture.convert("RGB")))
            found = Image.fromarray(sheet if run is None else _cut_out(sheet, run))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    half = max(1, math.ceil(max(found.size) / _MOST_PIXELS))
    return found.reduce(half) if half > 1 else found


def _cut_out(sheet: np.ndarray, run: Run) -> np.ndarray:
    shape, count = (
        dictionary(run.readable_record.get("data")).get("shape"),
        run.settings.get("samples"),
    )
    sizes = [*shape[:2], count] if isinstance(shape, list) else []
    if len(sizes) != 3 or not all(type(size) is int and 0 < size < 2**16 for size in sizes):
        return sheet
    return images.cut_out(sheet, *sizes)


def _webp(picture: Image.Image, quality: int | None = None) -> bytes:
    """As WebP; without loss unless a quality is given."""
    out = io.BytesIO()
    # Method 4 of 0 to 6: the slower ones gain 1 or 2 %.
    options = {"lossless": True, "quality": 60} if quality is None else {"quality": quality}
    picture.save(out, "WEBP", method=4, **options)
    return out.getvalue()


def _uri(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode()
