"""The data set that is read beside the start of TensorFlow."""

import dataclasses
import threading

import numpy as np
import pytest

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import reading
from gan_zoo.errors import UserError


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings of a run on 20 pictures of 8x8."""
    monkeypatch.setenv("GAN_ZOO_CACHE", str(tmp_path / "cache"))
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "pictures.npz", images=pictures)
    return Config(data="files", data_dir=str(tmp_path / "pictures.npz"), image_size="8", batch=16)


def test_what_is_read_ahead_is_what_is_read_now(settings, monkeypatch):
    threads, load = [], reading.load_data
    monkeypatch.setattr(
        reading, "load_data", lambda c: threads.append(threading.current_thread()) or load(c)
    )
    found, expected = reading.read_ahead(settings)(), load(settings)
    assert found.hash == expected.hash
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


def test_a_wrong_folder_is_told_at_once_and_a_late_mistake_where_the_data_are_wanted(
    settings, monkeypatch
):
    wrong = dataclasses.replace(settings, data_dir=settings.data_dir + "x")
    with pytest.raises(UserError, match=r"pictures\.npzx does not exist"):
        reading.read_ahead(wrong)
    go_on = threading.Event()

    def late(config):
        go_on.wait(10)
        raise UserError("a picture is damaged.")

    monkeypatch.setattr(reading, "load_data", late)
    monkeypatch.setattr(reading, "FIRST_LOOK", 0)
    read = reading.read_ahead(settings)
    go_on.set()
    with pytest.raises(UserError, match="a picture is damaged"):
        read()


def test_a_data_set_from_outside_is_read_when_it_is_wanted(settings, monkeypatch):
    threads = []

    def elsewhere(*, image_size) -> Dataset:
        """A data set that may import TensorFlow."""
        threads.append(threading.current_thread())
        return Dataset("elsewhere", np.zeros((16, 8, 8, 3), np.uint8), {}, {}, "0", "none")

    monkeypatch.setitem(registry.datasets._loaded, "elsewhere", elsewhere)
    read = reading.read_ahead(dataclasses.replace(settings, data="elsewhere", data_dir=""))
    assert not threads
    assert read().name == "elsewhere"
    assert threads == [threading.current_thread()]


def test_a_data_dir_that_the_data_set_does_not_use_is_told(settings, monkeypatch):
    drawn = Dataset("d", np.zeros([2, 8, 8, 3], np.uint8), {}, {}, "hash", "drawn", ("first",))
    monkeypatch.setattr(reading, "build_dataset", lambda *_: drawn)
    first, note = reading.load_data(dataclasses.replace(settings, data="cartoon_faces")).notes
    assert first == "first"
    assert note.startswith(f"--data_dir={settings.data_dir} is not used")
    assert reading.load_data(settings).notes == ("first",)
