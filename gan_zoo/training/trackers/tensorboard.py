"""The logs of a run for TensorBoard: curves, pictures, texts, and a row of its HPARAMS tab."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api

from gan_zoo.config import RESUMABLE, Config

# The same for all runs, since TensorBoard takes the columns of its table from any one of them.
_COLUMNS = tuple(
    field.name
    for field in dataclasses.fields(Config)
    if field.name not in RESUMABLE or field.name in ("steps", "extractor")
)
_SCORES = {"score/best": "best score", "score/last": "last score"}
# TensorBoard shows numbers with four decimals.
_AS_TEXT = ("seed", "batch", "steps", "channels")


class TensorBoard:
    """Writes event files for TensorBoard, in the folder of the run, whose name they then have."""

    def __init__(self, folder: Path):
        """Open the writer of a run in ``folder``."""
        # Runs of earlier versions go on where they began.
        old = folder / "tensorboard"
        self._folder = folder
        self._writer = tf.summary.create_file_writer(str(old if old.is_dir() else folder))

    def begin(self, config: Config) -> None:
        """Write the settings as the row of a run in the HPARAMS tab.

        The row has the names of the folder and its parent, such as ``which/plain-seed0``. If it is
        written again, TensorBoard shows the first settings.
        """
        settings = dataclasses.asdict(config)
        shown = {
            name: str(settings[name]) if name in _AS_TEXT else settings[name] for name in _COLUMNS
        }
        metrics = [api.Metric(tag, display_name=name) for tag, name in _SCORES.items()]
        with self._writer.as_default(step=0):
            # Without it, TensorBoard shows all curves as metrics.
            api.hparams_config([api.HParam(name) for name in _COLUMNS], metrics)
            api.hparams(shown, trial_id="/".join(self._folder.resolve().parts[-2:]))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def picture(self, step: int, name: str, sheet: np.ndarray) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        with self._writer.as_default(step=step):
            tf.summary.image(name, sheet[None])
        self._writer.flush()

    def text(self, step: int, name: str, words: str) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        with self._writer.as_default(step=step):
            tf.summary.text(name, words)
        self._writer.flush()

    def close(self) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        self._writer.close()
