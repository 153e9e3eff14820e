"""The two logs of a run, as JSON lines: ``metrics.jsonl`` and ``evaluations.jsonl``.

One writer and one reader. The reader trusts nothing: lines that were cut short or damaged are left
out and counted in a sentence.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gan_zoo.evaluation.protocol import Result
from gan_zoo.files import whole_file
from gan_zoo.runs.writer import at_once

METRICS = "metrics.jsonl"
EVALUATIONS = "evaluations.jsonl"

Record = dict[str, Any]


class LogWriter:
    """Writes both logs of a run."""

    def __init__(self, folder: Path, step: int, submit: Callable[..., None] = at_once):
        """Open the logs of a run that goes on from ``step``.

        What they hold beyond it is from a run that was killed and is dropped.

        Args:
            folder: Of the run.
            step: Steps done.
            submit: Has a function called, now or behind the training.
        """
        self._folder, self._submit = folder, submit
        for name in (METRICS, EVALUATIONS):
            _drop_after(folder / name, step)

    def metrics(self, step: int, images: int, values: dict[str, float]) -> Record:
        """Append scalars to ``metrics.jsonl``; return the record."""
        # JSON has no word for infinity or NaN; null is what every reader takes.
        safe = {k: (v if math.isfinite(v) else None) for k, v in values.items()}
        record = {"step": step, "images": images, **safe}
        self._submit(_append, self._folder / METRICS, [record])
        return record

    def evaluations(
        self,
        step: int,
        results: Iterable[Result],
        floors: dict[str, float],
        *,
        final: bool = False,
    ) -> None:
        """Append results with their protocol and floor to ``evaluations.jsonl``."""
        records = [
            {
                "step": step,
                "final": final,
                "floor": floors.get(result.stamp.metric),
                **result.as_dict(),
            }
            for result in results
        ]
        self._submit(_append, self._folder / EVALUATIONS, records)


def append_evaluations(folder: Path, step: int, results: Iterable[Result], by: str) -> None:
    """Append results that a command made, named by ``by``, to a run's ``evaluations.jsonl``."""
    _append(
        folder / EVALUATIONS,
        ({"step": step, "final": True, "by": by, **result.as_dict()} for result in results),
    )


def _append(path: Path, records: Iterable[Record]) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    with path.open("ab") as file:
        file.write(lines.encode())


def _drop_after(path: Path, step: int) -> None:
    """Drop the lines after ``step`` and what a kill cut short; the file is replaced as a whole.

    The final evaluation of a run that goes on was not the final one, so it is dropped, too; what a
    command recorded (``by``) is the user's and stays.
    """
    if not path.exists():
        return
    kept = []
    for line in path.read_bytes().splitlines(keepends=True):
        record = _parse(line)
        if not line.endswith(b"\n") or record is None or record["step"] > step:
            continue
        if record.get("final") and "by" not in record:
            continue
        kept.append(line)
    with whole_file(path) as part:
        part.write_bytes(b"".join(kept))


def _parse(line: bytes) -> Record | None:
    """Return the record in a line, or None where it is not a record of a step."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    step = record.get("step")
    return record if type(step) is int and 0 <= step < 2**53 else None


def read_metrics(folder: Path) -> tuple[list[Record], list[str]]:
    """Return the records of ``metrics.jsonl`` in the order of their steps, and what is missing.

    A record holds ``step``, ``images`` and numbers or None, nothing else.
    """
    records, problems = _read(folder / METRICS, _metrics)
    return sorted(records, key=lambda record: record["step"]), problems


def read_evaluations(folder: Path) -> tuple[list[Record], list[str]]:
    """Return the records of ``evaluations.jsonl``, and what is missing.

    A record holds ``step``, ``final``, ``by`` (the command that wrote it, or ""), ``floor`` (or
    None) and ``result``, a :class:`gan_zoo.evaluation.protocol.Result`.
    """
    return _read(folder / EVALUATIONS, _evaluation)


def last_metrics(folder: Path) -> Record:
    """Return the last record of ``metrics.jsonl`` without reading the others, or {}."""
    try:
        with (folder / METRICS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2**16))
            lines = file.read().splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        if (record := _parse(line)) is not None:
            return _metrics(record)
    return {}


def _read(path: Path, convert: Callable[[Record], Record | None]) -> tuple[list[Record], list[str]]:
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError:
        return [], [f"{path.name} {'cannot be read' if path.exists() else 'is missing'}"]
    records, bad = [], []
    for i, line in enumerate(lines, 1):
        raw = _parse(line)
        record = None if raw is None else convert(raw)
        if record is None:
            bad.append(i)
        else:
            records.append(record)
    if not lines:
        return records, [f"{path.name} is empty"]
    if bad == [len(lines)] and not lines[-1].endswith(b"\n"):
        return records, [f"the last line of {path.name} is cut short and was left out"]
    if bad:
        return records, [
            f"{len(bad):,} of {len(lines):,} lines of {path.name} cannot be read and were left out"
            f" (the first: {bad[0]:,})"
        ]
    return records, []


def _metrics(record: Record) -> Record:
    numbers = {k: finite(v) for k, v in record.items() if v is None or is_number(v)}
    return {**numbers, "step": record["step"]}


def _evaluation(record: Record) -> Record | None:
    try:
        result = Result.from_dict(record)
        result.short()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    stamp = result.stamp
    texts = (stamp.metric, stamp.extractor, stamp.extractor_hash)
    if finite(result.value) is None or not all(isinstance(text, str) for text in texts):
        return None
    return {
        "step": record["step"],
        "final": record.get("final") is True,
        "by": str(record.get("by", "")),
        "floor": finite(record.get("floor")),
        "result": result._replace(error=finite(result.error), warning=str(result.warning)),
    }


def is_number(value: Any) -> bool:
    """Return whether a value is a number and not True or False."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def finite(value: Any) -> float | None:
    """Return a finite number, or None for everything else."""
    try:
        return float(value) if is_number(value) and math.isfinite(value) else None
    except OverflowError:
        return None


def training_clock(metrics: list[Record]) -> list[float | None]:
    """Return the seconds of training up to each record, evaluations not counted.

    They come from the speeds that were logged; a stretch without one takes the next one's. None
    before the first.
    """
    seconds: float | None = None
    images_before, clock = 0.0, []
    for record in metrics:
        speed, images = record.get("speed/images_per_second"), record.get("images")
        if speed and images is not None and images > images_before:
            seconds = (seconds or 0.0) + (images - images_before) / speed
            images_before = images
        clock.append(seconds)
    return clock
