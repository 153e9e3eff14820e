"""Where logs go beside a run's own files: TensorBoard and services; and its grid of real images."""

import builtins
import dataclasses
import importlib.util

import numpy as np
import pytest

from gan_zoo import cli, images
from gan_zoo.commands import train
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.errors import UserError
from gan_zoo.runs.run import Run
from gan_zoo.training import trackers
from gan_zoo.training.real import real_grid, spread

SHEET = np.zeros((8, 8, 3), np.uint8)


def events_of(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def board_of(folder, config):
    from gan_zoo.training.trackers.tensorboard import TensorBoard

    board = TensorBoard(folder)
    board.begin(config)
    board.scalars(3, {"score/best": 12.5})
    board.close()
    return events_of(folder)


def test_the_rows_of_all_runs_have_the_same_columns(tmp_path):
    """TensorBoard takes the columns from any one run: those of other runs would be lost."""
    import tensorflow as tf
    from tensorboard.plugins.hparams import plugin_data_pb2

    found = []
    for folder, config in (
        ("which/plain-seed1", Config(seed=1)),
        ("other", Config(loss="hinge", gen_opt="adam(1e-3)", ema=0.9, deterministic=True)),
    ):
        events = board_of(tmp_path / folder, config)
        plugin = {
            tag: plugin_data_pb2.HParamsPluginData.FromString(content)
            for tag, content in events.PluginTagToContent("hparams").items()
        }
        columns = plugin["_hparams_/experiment"].experiment
        start = plugin["_hparams_/session_start_info"].session_start_info
        found.append((start, columns))
        assert {c.name for c in columns.hparam_infos} == set(start.hparams)
        (point,) = events.Tensors("score/best")
        assert (point.step, tf.make_ndarray(point.tensor_proto)) == (3, 12.5)
    (plain, columns), (other, _) = found
    assert found[0][1] == found[1][1]
    assert [(m.name.tag, m.display_name) for m in columns.metric_infos] == [
        ("score/best", "best score"),
        ("score/last", "last score"),
    ]
    assert plain.group_name == "which/plain-seed1"
    assert plain.hparams["seed"].string_value == "1"  # as a number it would be shown as 1.0000
    assert other.hparams["loss"].string_value == "hinge"
    assert other.hparams["ema"].number_value == 0.9


def test_a_run_of_an_earlier_version_goes_on_in_its_folder_of_events(tmp_path):
    (tmp_path / "old/tensorboard").mkdir(parents=True)
    board_of(tmp_path / "old", Config())
    assert not list((tmp_path / "old").glob("events*"))
    assert list((tmp_path / "old/tensorboard").glob("events*"))


def test_a_service_that_fails_is_told_once():
    class Broken:
        def scalars(self, step, values):
            raise ConnectionError("no\nroute")

    told = []
    service = trackers.Service("wandb", Broken(), told.append)
    service.scalars(1, {"a": 1.0})
    service.scalars(2, {"a": 1.0})
    service.close()
    assert told == [
        "--log=wandb failed (ConnectionError: no route); the run goes on without it, and its own"
        " logs have all."
    ]


def test_services_are_checked_before_tensorflow(monkeypatch, capsys):
    with pytest.raises(UserError, match="--log=wandbb is unknown; give wandb or mlflow"):
        Config(log="mlflow,wandbb")
    assert Config(log=" mlflow, mlflow").services == ["mlflow"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(cli, "load_tensorflow", builtins.exit)
    words = ["--log=mlflow"]
    assert cli.call(train.main, train.define_flags, train.__doc__, words) == 2
    assert "needs the package mlflow; install it (pip install 'gan_zoo[mlflow]')" in (
        capsys.readouterr().err
    )


def log_all(name, folder):
    """Send something of each kind to a service, stop, and go on as a resumed run does."""
    folder.mkdir(exist_ok=True)
    told, config = [], Config(log=name, seed=7)
    for step in (10, 20):
        (service,) = trackers.open_services(config, Run(folder), told.append)
        service.scalars(step, {"loss/disc": 0.5 * step})
        service.picture(step, "samples", SHEET)
        service.picture(step, "samples", SHEET[..., :1])
        service.text(0, "settings", trackers.settings_text(dataclasses.asdict(config)))
        service.close()
    assert not told


def test_wandb_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    log_all("wandb", tmp_path / "mine")
    written = list((tmp_path / "mine/wandb").glob("offline-run-*/run-*.wandb"))
    assert len(written) == 2
    assert len({path.name for path in written}) == 1  # one run, in two parts
    content = b"".join(path.read_bytes() for path in written)
    assert b"loss/disc" in content


def test_mlflow_in_a_folder(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    log_all("mlflow", tmp_path / "mine")
    client = MlflowClient()
    experiment = client.get_experiment_by_name("gan_zoo").experiment_id
    (found,) = client.search_runs([experiment])  # the resumed run is the same one
    assert found.data.params["seed"] == "7"
    assert (found.info.run_name, found.info.status) == ("mine", "FINISHED")
    history = client.get_metric_history(found.info.run_id, "loss/disc")
    assert [(m.step, m.value) for m in history] == [(10, 5.0), (20, 10.0)]
    assert len(client.list_artifacts(found.info.run_id, "samples")) == 2


def numbered(count, labels=None):
    """Images whose pixels are their numbers."""
    pixels = np.broadcast_to(
        np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 4, 4, 3)
    )
    return Dataset.of("numbered", pixels.copy(), labels)


def cells(sheet, columns):
    rows = (sheet.shape[0] - 2) // 6
    return [[int(sheet[2 + 6 * y, 2 + 6 * x, 0]) for x in range(columns)] for y in range(rows)]


def test_real_images_are_spread_over_the_data():
    assert cells(real_grid(numbered(100), 4), 2) == [[0, 33], [66, 99]]
    assert cells(real_grid(numbered(3), 36), 2) == [[0, 1], [2, 255]]  # no image twice
    assert not len(spread(np.arange(0), 4))


def test_real_images_stand_in_the_columns_of_their_classes():
    data = numbered(10, np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 1]))
    wanted = np.arange(6) % 2
    sheet = real_grid(data, 6, wanted, *data.labels, 2)
    assert cells(sheet, 2) == [[0, 1], [255, 5], [255, 9]]  # white where a class has no more


def test_a_sheet_is_cut_out_of_its_white():
    shown = np.random.default_rng(0).integers(0, 255, (5, 4, 6, 3)).astype(np.uint8)
    sheet = images.grid(shown, 3)
    cut = images.cut_out(sheet, 4, 6, 5)
    assert (cut[..., :3] == sheet).all()
    opaque = cut[..., 3] == 255
    assert opaque.sum() == 5 * 4 * 6  # neither gaps nor the empty sixth cell
    assert (sheet[~opaque] == 255).all()
    for other in (sheet[:-1], shown[0]):  # no such grid
        assert images.cut_out(other, 4, 6, 5) is other
    assert images.cut_out(sheet, 4, 6, 7) is sheet
    marked = sheet.copy()
    marked[0, 0] = 0
    assert images.cut_out(marked, 4, 6, 5) is marked
