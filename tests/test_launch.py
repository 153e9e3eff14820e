"""The launcher and its workers, here scripts of the shell in place of trainings."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gan_zoo.distributed import launch


@pytest.fixture
def group(tmp_path, monkeypatch):
    """Start two workers that run a script: group(script) -> the group and the code that counts."""
    worker = tmp_path / "worker"

    def run(script):
        worker.write_text(f"#!/bin/sh\n{script}\n")
        worker.chmod(0o755)
        monkeypatch.setattr(launch.sys, "executable", str(worker))
        made.append(workers := launch._WorkerGroup())
        return workers.run(["a:1", "b:1"], [0, 1], [])

    made = run.made = []
    return run


def test_workers_that_fail_alike_speak_once(group, capfd):
    assert group("sleep 0.2; echo wrong >&2; exit 2") == 2
    assert capfd.readouterr().err == "wrong\n"


def test_a_worker_that_fails_alone_is_heard(group, capfd):
    script = """case "$TF_CONFIG" in *'"index": 1'*) echo mine >&2; exit 2;; esac
    sleep 0.2; echo lost >&2; exit 42"""
    assert group(script) == 2
    assert sorted(capfd.readouterr().err.split()) == ["lost", "mine"]


@pytest.mark.parametrize("signals", [1, 2])
def test_workers_that_do_not_end_are_killed_with_their_children(
    group, monkeypatch, tmp_path, signals
):
    monkeypatch.setattr(launch, "STOP_SECONDS", 0.5 if signals == 1 else 60)
    for k in range(signals):
        say = threading.Timer(0.4 + 0.2 * k, lambda: group.made[0].pass_on(signal.SIGINT, None))
        say.start()
    # An orphan that nobody has reaped yet is dead, too.
    assert group("trap '' INT TERM; sleep 60 & echo $! >> $0.children; wait; sleep 60") == -9
    children = (tmp_path / "worker.children").read_text().split()
    deadline = time.monotonic() + 5
    while alive := [pid for pid in children if lives(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)
    assert len(children) == 2


_LAUNCHER = """
import sys
from gan_zoo.distributed import launch
sys.executable = sys.argv[1]
launch._WorkerGroup().run(["a:1", "b:1"], [0, 1], [])
"""


def test_workers_of_a_launcher_that_is_killed_end_by_themselves(tmp_path):
    worker, pids = tmp_path / "worker", tmp_path / "worker.pids"
    # Each with a child, and each says by SIGTERM's code that it could have saved.
    worker.write_text(
        """#!/bin/sh
        trap 'echo saved >> $0.saved; exit 143' TERM
        sleep 60 & echo $$ $! >> $0.pids; wait
        """
    )
    worker.chmod(0o755)
    launcher = subprocess.Popen(
        [sys.executable, "-c", _LAUNCHER, worker], start_new_session=True, stdout=subprocess.PIPE
    )
    try:
        wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 4)
    finally:
        os.killpg(launcher.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(lives, pids.read_text().split())))
    wait_for(lambda: (tmp_path / "worker.saved").read_text() == "saved\n" * 2)
    launcher.communicate()  # nobody holds its output


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
