"""What gan_zoo report reads of a run and of a comparison: all that is there, and sentences about what is not.

Nothing here trusts a file: values of the wrong kind are left out and told, so that the pages need
no checks of their own.
"""

from __future__ import annotations

import base64
import io
import json
import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.evaluation import alarms, protocol
from gan_zoo.runs import rundir

DEFAULTS = {field.name: field.default for field in fields(Config)}
_MOST_FRAMES = 30
_MOST_PIXELS = 1600  # of a grid's longer side; larger ones are halved
_CHECKS = 60  # at how many evaluations of a run alarms are looked for
_RUN_FILES = ("config.json", "metrics.jsonl", "evaluations.jsonl")


class Run(NamedTuple):
    """A run, as far as its files tell.

    Attributes:
        folder: Where it lies.
        record: ``config.json``, or {}.
        settings: The settings in it.
        metrics: Records of training and evaluation, in the order of their steps: ``step``,
            ``images`` and numbers or None.
        evaluations: Records of ``evaluations.jsonl``: ``step``, ``final``, ``by``, ``floor`` and
            ``result``, a stamped number.
        frames: Grids of samples: (step, file).
        missing: Sentences about what is not there or cannot be read.
    """

    folder: Path
    record: dict[str, Any]
    settings: dict[str, Any]
    metrics: list[dict[str, Any]]
    evaluations: list[dict[str, Any]]
    frames: list[tuple[int, Path]]
    missing: list[str]

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.resolve().name

    @property
    def step(self) -> int:
        """The last that is known of."""
        return max(
            [r["step"] for r in self.metrics[-1:]] + [step for step, _ in self.frames[-1:]],
            default=0,
        )

    @property
    def batch(self) -> int | None:
        """Images a step, or None."""
        batch = self.settings.get("batch")
        return batch if isinstance(batch, int) and 0 < batch < 2**32 else None

    def series(self, key: str, x: str = "step") -> list[tuple[float, float]]:
        """(x, value) of one key of the metrics, without what is missing; x is ``step`` or ``images``."""
        return [(r.get(x) or r["step"], r[key]) for r in self.metrics if r.get(key) is not None]

    @property
    def extractor(self) -> str:
        """The feature network of its last score, or ""."""
        stamps = [
            r["result"].stamp
            for r in self.evaluations
            if r["result"].stamp.metric == self.score and not r["by"]
        ]
        return stamps[-1].extractor if stamps else self.score.partition("-")[2]

    @property
    def score(self) -> str:
        """The metric by which its checkpoints are chosen, such as ``FD-embedded``, or ""."""
        for record in reversed(self.metrics):
            for key in record:
                if key == "eval/FID" or key.startswith("eval/FD-"):
                    return key[5:]
        return ""

    @property
    def floor(self) -> float | None:
        """What real images score against real ones, where that was recorded."""
        return self.floors.get(self.score)

    @property
    def floors(self) -> dict[str, float]:
        """The same for every metric."""
        return {
            r["result"].stamp.metric: r["floor"]
            for r in self.evaluations
            if r["floor"] is not None and not r["by"]
        }

    @property
    def scores(self) -> list[tuple[float, float]]:
        """(step, score), lower is better."""
        return self.series(f"eval/{self.score}") if self.score else []

    @property
    def best(self) -> tuple[float, float] | None:
        """(step, score) of the best evaluation."""
        return min(self.scores, key=lambda pair: pair[1], default=None)

    @property
    def ratio(self) -> float | None:
        """The last score over the best."""
        return self.scores[-1][1] / self.best[1] if self.best and self.best[1] > 0 else None

    @property
    def seconds(self) -> float | None:
        """What its training steps took, evaluations not counted, by the speeds that it logged."""
        total, before = 0.0, 0.0
        for record in self.metrics:
            speed, images = record.get("speed/images_per_second"), record.get("images")
            if images is not None and images > before:
                if not speed:
                    return None
                total, before = total + (images - before) / speed, images
        return total or None

    def command(self) -> str:
        """A command that makes the same run again, in a folder of its own."""
        given = {
            k: v
            for k, v in self.settings.items()
            if k in DEFAULTS and k != "workdir" and v != DEFAULTS[k]
        }
        given["workdir"] = f"runs/{self.name}-again"
        words = [
            "python -m gan_zoo.run",
            *(f"--{name}={_quoted(str(value))}" for name, value in given.items()),
        ]
        return " \\\n    ".join(words)

    def alarms(self) -> tuple[list[alarms.Alarm], list[alarms.Alarm]]:
        """The alarms that hold at the end, and those that held at an evaluation before and ended."""
        keys = {"score": f"eval/{self.score}", "floor": self.floor or 0.0}
        keys |= {name: f"eval/{name}-{self.extractor}" for name in ("diversity", "recall")}
        at = [i + 1 for i, record in enumerate(self.metrics[:-1]) if f"eval/{self.score}" in record]
        at = at[:: math.ceil(len(at) / _CHECKS) or 1]
        held: dict[tuple[str, int], alarms.Alarm] = {}
        for end in at:
            held |= {(a.name, a.since): a for a in alarms.check(self.metrics[:end], **keys)}
        now = alarms.check(self.metrics, **keys)
        names = {a.name for a in now}
        return now, [a for a in held.values() if a.name not in names]


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


def _quoted(word: str) -> str:
    """A word for a shell, in double quotes where it has single ones and nothing that is special between double ones."""
    return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)


def number(value: Any) -> float | None:
    """A finite number, or None for all else."""
    try:
        return float(value) if _numeric(value) and math.isfinite(value) else None
    except OverflowError:
        return None


def _numeric(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def records(value: Any) -> list[dict[str, Any]]:
    """The dictionaries in a list, or nothing."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def dictionary(value: Any) -> dict[str, Any]:
    """A dictionary, or an empty one."""
    return value if isinstance(value, dict) else {}


def is_run(folder: Path) -> bool:
    """Whether a folder holds anything that a run writes."""
    return any((folder / name).is_file() for name in _RUN_FILES) or bool(
        rundir.sample_grids(folder)
    )


def read_run(folder: Path) -> Run:
    """A run, whatever is left of it.

    Raises:
        UserError: There is no folder, or nothing in it that a run of gan_zoo writes and that can be
            read.
    """
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}; give the folder of a run, such as runs/NAME."
        )
    missing: list[str] = []
    record = _config(folder, missing)
    metrics = sorted(
        filter(None, map(_metrics, _lines(folder, "metrics.jsonl", missing, _metrics))),
        key=lambda r: r["step"],
    )
    scored = any(key.startswith("eval/") for r in metrics for key in r)
    wanted = scored or record.get("config", {}).get("eval_every") != 0
    evaluations = [
        _evaluation(r)
        for r in _lines(folder, "evaluations.jsonl", missing if wanted else [], _evaluation)
    ]
    if not wanted and not evaluations:
        missing.append("nothing was evaluated (--eval_every=0)")
    frames = [(int(path.stem), path) for path in rundir.sample_grids(folder)]
    if not frames:
        missing.append("there are no samples (samples/STEP.png)")
    if not (record or metrics or evaluations or frames):
        what = f"there is nothing of a run of gan_zoo in {folder}"
        raise UserError(
            f"{what}, or none of it can be read; give the folder of a run, such as runs/NAME."
        )
    return Run(
        folder,
        record,
        dictionary(record.get("config")),
        metrics,
        [r for r in evaluations if r],
        frames,
        missing,
    )


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
        missing += [f"{variant}, seed {seed}: {sentence}" for sentence in run.missing]
    return Comparison(folder, about, results, runs, missing)


def _expected(about: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    """(variant, seed, folder's name) of each run of a comparison."""
    seeds = about.get("seeds")
    for variant, details in about["variants"].items():
        slug = details.get("slug")
        for seed in seeds if isinstance(seeds, list) else []:
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


def _config(folder: Path, missing: list[str]) -> dict[str, Any]:
    path = folder / "config.json"
    content = _json(path)
    if isinstance(content, dict) and isinstance(content.get("config"), dict):
        return content
    what = "cannot be read" if path.exists() else "is missing"
    missing.append(f"config.json {what}: settings, data and versions are not known")
    return {}


def _lines(folder: Path, name: str, missing: list[str], read: Any) -> list[dict[str, Any]]:
    """The records of a file of JSON lines of which ``read`` makes something."""
    path = folder / name
    try:
        raw = path.read_bytes().splitlines(keepends=True)
    except OSError:
        missing.append(f"{name} {'cannot be read' if path.exists() else 'is missing'}")
        return []
    found, bad = [], []
    for i, line in enumerate(raw, 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict) and read(record):
            found.append(record)
        else:
            bad.append(i)
    if bad == [len(raw)] and not raw[-1].endswith(b"\n"):
        missing.append(f"the last line of {name} is cut short and was left out")
    elif bad:
        missing.append(
            f"{len(bad):,} of {len(raw):,} lines of {name} cannot be read and were left out (the"
            f" first: {bad[0]:,})"
        )
    elif not raw:
        missing.append(f"{name} is empty")
    return found


def _step(record: dict[str, Any]) -> int | None:
    step = record.get("step")
    return step if isinstance(step, int) and _numeric(step) and 0 <= step < 2**53 else None


def _metrics(record: dict[str, Any]) -> dict[str, Any] | None:
    """A record of ``metrics.jsonl`` with nothing in it but its step and numbers; None where it is none."""
    if _step(record) is None:
        return None
    return {
        **{k: number(v) for k, v in record.items() if v is None or _numeric(v)},
        "step": record["step"],
    }


def _evaluation(record: dict[str, Any]) -> dict[str, Any] | None:
    """A record of ``evaluations.jsonl``; None where it is none."""
    try:
        result = protocol.Result.from_dict(record)
        result.short()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    texts = (result.stamp.metric, result.stamp.extractor, result.stamp.extractor_hash)
    if (
        _step(record) is None
        or number(result.value) is None
        or not all(isinstance(t, str) for t in texts)
    ):
        return None
    return {
        "step": record["step"],
        "final": record.get("final") is True,
        "by": str(record.get("by", "")),
        "floor": number(record.get("floor")),
        "result": result._replace(error=number(result.error), warning=str(result.warning)),
    }


def uris(run: Run, budget: float) -> tuple[list[tuple[int, str]], list[str]]:
    """A run's grids of samples as data URIs of WebP: evenly chosen, the first and the last among them.

    Args:
        run: The run.
        budget: Bytes that they may take.

    Returns:
        (step, URI) of each, and what was left out, in words.
    """
    many = len(run.frames)
    chosen = _spread(run.frames, _MOST_FRAMES)
    opened = [(step, picture) for step, path in chosen if (picture := _open(path)) is not None]
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
    """(step, WebP) of grids within so many bytes, and in words what that cost them, or "".

    Given up are first exact pixels (those of the last grid only where it takes a third of all),
    then half of them, then grids.
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


def picture_uri(path: Path, budget: float) -> str:
    """A picture as a data URI of about so many bytes at most, or "" where it cannot be read."""
    picture = _open(path)
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


def _open(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as picture:
            found = picture.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    half = max(1, math.ceil(max(found.size) / _MOST_PIXELS))
    return found.reduce(half) if half > 1 else found


def _webp(picture: Image.Image, quality: int | None = None) -> bytes:
    """As WebP; without loss unless a quality is given."""
    out = io.BytesIO()
    # Method 4 of 0 to 6: the slower ones gain 1 or 2 %.
    options = {"lossless": True, "quality": 60} if quality is None else {"quality": quality}
    picture.save(out, "WEBP", method=4, **options)
    return out.getvalue()


def _uri(data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode()
