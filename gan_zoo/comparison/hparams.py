"""TensorBoard's HPARAMS tab: one line a run, with the settings in which runs differ and what came of them."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api


def hparams(
    folder: Path, settings: dict[str, str | int | float | bool], metrics: dict[str, float]
) -> None:
    """Write a finished run's line for the HPARAMS tab, beside its curves in ``folder/tensorboard``.

    The line is named after the folder and the one above it. Written again, the newest scores show
    beside the first settings.

    Args:
        folder: The run's.
        settings: Those in which the runs of a comparison differ. All of them need the same names
            here and in ``metrics``, since TensorBoard takes the columns of its table from one of
            them.
        metrics: Final scores by name; their curves of one point are called ``final/NAME``.
    """
    with tf.summary.create_file_writer(str(folder / "tensorboard")).as_default(step=0) as writer:
        columns = [api.Metric(f"final/{name}", display_name=name) for name in metrics]
        api.hparams_config(
            [api.HParam(name) for name in settings], columns
        )  # or it shows all curves as metrics
        api.hparams(settings, trial_id="/".join(folder.resolve().parts[-2:]))
        for name, value in metrics.items():
            tf.summary.scalar(f"final/{name}", value)
        writer.flush()
