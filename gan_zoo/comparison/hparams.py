"""Write settings and final scores of runs for the HPARAMS tab of TensorBoard."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api


def hparams(
    folder: Path, settings: dict[str, str | int | float | bool], metrics: dict[str, float]
) -> None:
    """Write a finished run's row of the HPARAMS tab, beside its curves in ``folder/tensorboard``.

    The row is named after the folder and its parent. If it is written again, TensorBoard shows the
    newest scores beside the first settings.

    Args:
        folder: The folder of the run.
        settings: Settings that differ between the runs of a comparison. All runs need the same
            names here and in ``metrics``, since TensorBoard takes the columns of its table from one
            run.
        metrics: Final scores by name; each becomes a curve ``final/NAME`` of one point.
    """
    with tf.summary.create_file_writer(str(folder / "tensorboard")).as_default(step=0) as writer:
        columns = [api.Metric(f"final/{name}", display_name=name) for name in metrics]
        # Without it, TensorBoard shows all curves as metrics.
        api.hparams_config([api.HParam(name) for name in settings], columns)
        api.hparams(settings, trial_id="/".join(folder.resolve().parts[-2:]))
        for name, value in metrics.items():
            tf.summary.scalar(f"final/{name}", value)
        writer.flush()
