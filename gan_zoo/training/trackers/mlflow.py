"""The logs of a run for MLflow: ``--log=mlflow``, to where ``MLFLOW_TRACKING_URI`` says."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from gan_zoo import images
from gan_zoo.config import Config
from gan_zoo.runs.run import Run

HINT = "set MLFLOW_TRACKING_URI to a server or a folder (file:///...)"
_EXPERIMENT = "gan_zoo"
_TAG = "gan_zoo.run"


def open_tracker(config: Config, run: Run) -> Mlflow:
    """Return the tracker of a run; a run that is resumed goes on in the same run of MLflow."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient()
    found = client.get_experiment_by_name(_EXPERIMENT)
    experiment = found.experiment_id if found else client.create_experiment(_EXPERIMENT)
    key = f"{run.folder.resolve()} {run.readable_record.get('started')}"
    earlier = [each for each in client.search_runs([experiment]) if each.data.tags.get(_TAG) == key]
    if earlier:
        name = earlier[0].info.run_id
        client.update_run(name, status="RUNNING")
    else:
        tags = {_TAG: key}
        name = client.create_run(experiment, tags=tags, run_name=run.name).info.run_id
        for setting, value in dataclasses.asdict(config).items():
            client.log_param(name, setting, str(value)[:6000])
    return Mlflow(client, name)


class Mlflow:
    """Sends logs to an open run of MLflow."""

    def __init__(self, client: Any, run: str):
        """Take a client, and the id of a run."""
        self._client, self._run = client, run

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, float(value), now, step) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def picture(self, step: int, name: str, sheet: np.ndarray) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        self._client.log_image(self._run, images.as_pil(sheet), f"{name}/{step:08d}.png")

    def text(self, step: int, name: str, words: str) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        self._client.log_text(self._run, words, f"{name}.md")

    def close(self) -> None:
        """See :class:`gan_zoo.training.trackers.Tracker`."""
        self._client.set_terminated(self._run)
