"""Manners on a GPU, as far as a machine without one can show them."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from gan_zoo.comparison import queue
from gan_zoo.distributed import machine
from gan_zoo.training import trainer


@pytest.fixture
def cards(tmp_path, monkeypatch):
    """Two NVIDIA cards, as far as nvidia-smi tells."""
    driver = tmp_path / "nvidia-smi"
    driver.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        '-L) echo "GPU 0: Big (UUID: a)"; echo "GPU 1: Small (UUID: b)";;\n'
        "esac\n"
        'case "$*" in *query*) echo "Big, 575.1, 81559"; echo "Small, 575.1, 8192";; esac\n'
    )
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine.gpus.cache_clear()
    yield
    machine.gpus.cache_clear()


def test_cards_are_recorded_with_driver_and_memory(cards):
    assert [card["name"] for card in machine.gpus()] == ["Big", "Small"]
    assert machine.gpus()[1] == {"name": "Small", "driver": "575.1", "memory": 8192 << 20}
    described = machine.describe(tf.distribute.get_strategy())
    assert described["gpus"] == machine.gpus()
    assert {"cuda", "cudnn"} <= set(described)


def test_the_smallest_card_decides_what_stays_on_it(cards, monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["a GPU"])
    assert machine.device_memory() == 8192 << 20


def test_a_card_without_memory_of_its_own_is_a_card(cards, tmp_path, monkeypatch):
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'Grace, 580.1, [N/A]'\n")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["a GPU"])
    assert machine.gpus() == [{"name": "Grace", "driver": "580.1", "memory": None}]
    assert machine.device_memory() == 2**32
    assert queue.devices(0) == [{"gpu": "0"}]


def test_a_machine_without_cards_has_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    machine.gpus.cache_clear()
    assert machine.gpus() == []
    assert "gpus" not in machine.describe(tf.distribute.get_strategy())
    assert machine.device_memory() > 2**30
    machine.gpus.cache_clear()


def test_runs_that_share_a_card_are_told(cards):
    assert queue.shared(queue.devices(0)) == ""
    assert queue.shared(queue.devices(2)) == ""
    assert queue.shared(queue.devices(3)).startswith("3 runs at a time share 2 GPUs;")


def test_runs_on_cores_share_no_card(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert queue.shared(queue.devices(2)) == ""


def test_too_little_memory_is_one_sentence(refused, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(
            None, None, "OOM when allocating tensor with shape[64,512,512,64] on GPU:0\nHint: ..."
        )

    monkeypatch.setattr(trainer.chunk, "compile_chunk", lambda *_: full)
    line = refused("--steps=2", "--gen=dense((8,))", "--disc=dense((8,))")
    assert "needs more memory" in line
    assert "--batch" in line


def test_a_card_is_left_to_others_unless_the_user_says_otherwise():
    code = "import os, gan_zoo; print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])"
    for given, expected in ({}, "true"), ({"TF_FORCE_GPU_ALLOW_GROWTH": "false"}, "false"):
        env = {k: v for k, v in os.environ.items() if k != "TF_FORCE_GPU_ALLOW_GROWTH"} | given
        found = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True
        )
        assert found.stdout.strip() == expected, found.stderr
