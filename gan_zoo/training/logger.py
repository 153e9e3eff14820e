"""What a run writes for people while it goes on: TensorBoard, ``metrics.jsonl``, grids of samples, and the screen."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from gan_zoo import images
from gan_zoo.files import whole_file


class Report:
    """The one place to which the loop reports. It may be opened again on a run that goes on."""

    def __init__(self, folder: Path, start: int, steps: int, batch: int):
        """Open for steps from ``start`` on; what the log holds beyond it is from a run that was killed and is dropped.

        Args:
            folder: The run's.
            start: Steps done.
            steps: Steps of the whole run.
            batch: Images a step.
        """
        self._log = folder / "metrics.jsonl"
        self._samples = folder / "samples"
        self._samples.mkdir(exist_ok=True)
        for log in (self._log, folder / "evaluations.jsonl"):
            _rewind(log, start)
        for path in self._samples.glob("*.png"):
            if path.stem.isdigit() and int(path.stem) > start:
                path.unlink()
        self._writer = tf.summary.create_file_writer(str(folder / "tensorboard"))
        self._batch = batch
        # One unit is an image, so that the bar's own rate is the figure of the trade.
        self._bar = tqdm(
            total=steps * batch,
            initial=start * batch,
            unit=" images",
            unit_scale=True,
            disable=None,
            smoothing=0.1,
        )
        self._total = steps
        self._said = time.monotonic()

    def scalars(self, step: int, values: dict[str, float]) -> dict[str, Any]:
        """Log scalars under their names, to TensorBoard and as one line of ``metrics.jsonl``; returns that line's record."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        # JSON has no word for infinity or NaN; null is what every reader takes.
        safe = {k: v if math.isfinite(v) else None for k, v in values.items()}
        record = {"step": step, "images": step * self._batch, **safe}
        with self._log.open("ab") as f:
            f.write((json.dumps(record) + "\n").encode())
        self._bar.update(step * self._batch - self._bar.n)
        return record

    def show(self, step: int, summary: str, speed: float = math.nan, *, line: bool = False) -> None:
        """Put a few words behind the bar; where there is none, print a line of them if asked, or after a minute of silence."""
        self._bar.set_postfix_str(f"step {step}, {summary}", refresh=False)
        if self._bar.disable and (line or time.monotonic() - self._said > 60):  # no terminal
            fast = "" if math.isnan(speed) else f", {speed:.0f} images/s"
            self.say(f"step {step}/{self._total}: {summary}{fast}")

    def grid(self, step: int, pictures: np.ndarray, columns: int | None = None) -> None:
        """Save a grid of uint8 samples [N, H, W, C] as ``samples/STEP.png`` and in TensorBoard."""
        sheet = images.grid(pictures, columns)
        images.save_png(self._samples / f"{step:08d}.png", sheet)
        with self._writer.as_default(step=step):
            tf.summary.image("samples", sheet[None])
        self._writer.flush()

    def say(self, text: str) -> None:
        """Print a line above the bar; if nobody reads the screen any more (``| head``), the run goes on without a word."""
        self._said = time.monotonic()
        try:
            tqdm.write(text, file=sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def close(self) -> None:
        """Finish all files."""
        self._bar.close()
        self._writer.close()


class Silent:
    """Takes reports and does nothing: for the workers that do not lead."""

    def scalars(self, step: int, values: dict[str, float]) -> dict[str, Any]:
        """See :class:`Report`."""
        return {}

    def show(self, *_: object, **__: object) -> None:
        """See :class:`Report`."""

    say = grid = close = show


def _rewind(log: Path, step: int) -> None:
    """Drop the lines after ``step``, and a line that a kill cut short; the file is replaced as a whole."""
    if not log.exists():
        return
    kept = []
    for line in log.read_bytes().splitlines(keepends=True):
        try:
            record = json.loads(line)
            # The final evaluation of a run that goes on, or whose end was cut short, was not the
            # final one. What a tool recorded ("by") is the user's and stays.
            if (
                record["step"] <= step
                and line.endswith(b"\n")
                and not (record.get("final") and "by" not in record)
            ):
                kept.append(line)
        except (ValueError, KeyError, TypeError):
            pass
    with whole_file(log) as part:
        part.write_bytes(b"".join(kept))
