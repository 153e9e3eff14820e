"""What a run tells people while it trains: logs, trackers, grids of samples, and the screen."""

from __future__ import annotations

import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a notebook without ipywidgets gets the plain bar
    from tqdm.auto import tqdm

from gan_zoo import images, pulse
from gan_zoo.runs.logs import LogWriter, Record
from gan_zoo.runs.run import Run
from gan_zoo.runs.writer import at_once
from gan_zoo.training.trackers import Tracker

# Without a terminal, a line comes so often; sooner than the pulse's, which knows no losses.
_QUIET_SECONDS = pulse.QUIET_SECONDS * 2 / 3
OnGrid = Callable[[int, np.ndarray], None]


class Logger:
    """Writes logs and grids, also to trackers, and shows progress.

    It may be opened on an earlier run.

    Attributes:
        logs: The writer of ``metrics.jsonl`` and ``evaluations.jsonl``.
    """

    def __init__(
        self,
        run: Run,
        start: int,
        steps: int,
        batch: int,
        on_grid: OnGrid | None = None,
        submit: Callable[..., None] = at_once,
        trackers: Sequence[Tracker] = (),
    ):
        """Open for steps after ``start``; what the run wrote beyond it before a kill is dropped.

        Args:
            run: The run.
            start: Steps done.
            steps: Steps of the whole run.
            batch: Images a step.
            on_grid: Called with the step and the grid, uint8 [H, W, C], for a notebook, say.
            submit: Has a function called that writes, now or behind the training.
            trackers: Get the same as the files.
        """
        self.logs, self._submit = LogWriter(run.folder, start, submit), submit
        self._samples = run.folder / "samples"
        self._samples.mkdir(exist_ok=True)
        for path in run.sample_grids:
            if int(path.stem) > start:
                path.unlink()
        self._trackers = trackers
        self._steps, self._batch, self._on_grid = steps, batch, on_grid
        notebook = tqdm.__name__ == "tqdm_notebook"
        self._bar = tqdm(
            total=steps,
            initial=start,
            unit=" steps",
            disable=False if notebook else None,
            smoothing=0.1,
            **pulse.bar_size(),
        )
        self._printed_at, self._summary = time.monotonic(), ""
        self._closed = False
        pulse.screen.line = self.print
        if not self._bar.disable:
            pulse.screen.status = self._show_phase

    def scalars(self, step: int, values: dict[str, float]) -> Record:
        """Log scalars to the trackers and ``metrics.jsonl``; return the record."""
        self.track(step, values)
        return self.logs.metrics(step, step * self._batch, values)

    def track(self, step: int, values: dict[str, float]) -> None:
        """Log scalars to the trackers only."""
        for tracker in self._trackers:
            self._submit(tracker.scalars, step, dict(values))

    def text(self, step: int, name: str, words: str) -> None:
        """Log a text to the trackers."""
        for tracker in self._trackers:
            self._submit(tracker.text, step, name, words)

    def progress(
        self, step: int, summary: str, speed: float = math.nan, *, line: bool = False
    ) -> None:
        """Show a summary behind the bar; without one, print it if ``line``, or each half minute."""
        rate = "" if math.isnan(speed) else f", {speed:.0f} images/s"
        self._summary = f"step {step}, {summary}{rate}"
        self._bar.set_postfix_str(self._summary, refresh=False)
        self._bar.update(step - self._bar.n)
        quiet = time.monotonic() - self._printed_at
        if self._bar.disable and (line or quiet > _QUIET_SECONDS):  # not a terminal
            self.print(f"step {step}/{self._steps}: {summary}{rate}")

    def grid(self, step: int, samples: np.ndarray, columns: int | None = None) -> None:
        """Save a grid of uint8 samples [N, H, W, C] as ``samples/STEP.png`` and in trackers."""
        sheet = images.grid(samples, columns)
        self._submit(self._write_grid, step, sheet, size=sheet.nbytes)
        if self._on_grid is not None:
            self._on_grid(step, sheet.copy())

    def _write_grid(self, step: int, sheet: np.ndarray) -> None:
        images.save_png(self._samples / f"{step:08d}.png", images.enlarge(sheet))
        for tracker in self._trackers:
            tracker.picture(step, "samples", sheet)

    def print(self, text: Any) -> None:
        """Print a line above the bar; the run goes on if nobody reads the screen (``| head``)."""
        self._printed_at = time.monotonic()
        pulse.hear()
        try:
            tqdm.write(str(text), file=sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _show_phase(self, phase: str) -> None:
        """Show a phase that takes long behind the bar, with "" none.

        It stands before the summary, whose end a narrow terminal cuts off.
        """
        words = filter(None, [phase, self._summary])
        self._bar.set_postfix_str("; ".join(words))

    def close(self) -> None:
        """Finish all files; a second call does nothing."""
        if not self._closed:
            self._closed = True
            pulse.screen.status, pulse.screen.line = None, pulse.print_line
            self._bar.close()
            for tracker in self._trackers:
                tracker.close()
