"""Which convolutions a process takes, before TensorFlow is imported."""

import json
import os
import sys

import pytest

from gan_zoo import onednn


@pytest.fixture(autouse=True)
def before_tensorflow(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.delenv(onednn.VARIABLE, raising=False)


def recorded(folder, machine):
    (folder / "config.json").write_text(json.dumps({"machine": machine}))
    return folder


def test_a_new_process_takes_them_unless_the_user_decided(monkeypatch, tmp_path):
    onednn.use()
    assert os.environ[onednn.VARIABLE] == "1"
    onednn.follow(tmp_path)  # no run is there
    assert os.environ[onednn.VARIABLE] == "1"
    monkeypatch.setenv(onednn.VARIABLE, "0")
    onednn.use()
    assert os.environ[onednn.VARIABLE] == "0"


def test_a_run_goes_on_with_what_it_began_with(tmp_path):
    onednn.use()
    onednn.follow(recorded(tmp_path, {"onednn": "default"}))
    assert onednn.VARIABLE not in os.environ
    onednn.follow(recorded(tmp_path, {"onednn": "1"}))
    assert os.environ[onednn.VARIABLE] == "1"
    onednn.follow(recorded(tmp_path, {"onednn": "0"}))
    assert os.environ[onednn.VARIABLE] == "0"


@pytest.mark.parametrize("machine", [{}, None, [], {"onednn": 3}])
def test_odd_records_change_nothing(tmp_path, machine):
    onednn.follow(recorded(tmp_path, machine))
    assert onednn.VARIABLE not in os.environ


def test_once_tensorflow_is_there_nothing_changes(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    onednn.use()
    onednn.follow(recorded(tmp_path, {"onednn": "1"}))
    assert onednn.VARIABLE not in os.environ
