"""The logs of a run for Weights & Biases: ``--log=wandb``; offline with ``WANDB_MODE=offline``."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

from gan_zoo.config import Config
from gan_zoo.runs.run import Run

HINT = "log in (wandb login), or set WANDB_MODE=offline"


def open_tracker(config: Config, run: Run) -> Wandb:
    """Return the tracker of a run; a run that is resumed goes on in the same run of W&B."""
    import wandb

    # By the folder and the time of its beginning: a run that replaced another is a new one.
    key = f"{run.folder.resolve()} {run.readable_record.get('started')}"
    opened = wandb.init(
        project="gan_zoo",
        name=run.name,
        id=hashlib.sha256(key.encode()).hexdigest()[:12],
        resume="allow",
        dir=str(run.folder),
        config=dataclasses.asdict(config),
        # It shares our settings only: neither what is printed nor the source.
        settings=wandb.Settings(console="off", disable_git=True, disable_code=True, silent=True),
    )
    return Wandb(opened, wandb.Image)


class Wandb:
    """Sends logs to an open run of W&B."""

    def __init__(self, opened: Any, image: Any):
        """Take a run of W&B, and its type of images."""
        self._run, self._image = opened, image
        # Its own steps only rise; after a kill, ours go back to the last checkpoint.
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        self._run.log({**values, "step": step})

    def picture(self, step: int, name: str, sheet: np.ndarray) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        shown = sheet[..., 0] if sheet.shape[-1] == 1 else sheet
        self._run.log({name: self._image(shown), "step": step})

    def text(self, step: int, name: str, words: str) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        self._run.summary[name] = words

    def close(self) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        self._run.finish()
