"""Runs that are killed, and disks that fill up."""

import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import RUN_WITHOUT_SAVED_MODEL, SMALL
from tests.forks import users_environment
from tests.test_replicas import tasks_of_two_workers
from tests.test_run import EVALUATED, EVERYTHING, ROOT, assert_same_run, log

# The nets do not matter to what starts, ends and writes.
DENSE = ("--gen=dense((8,))", "--disc=dense((8,))")


def written(folder):
    """What changes when the run writes anything."""
    return (
        {(p.name, p.stat().st_size) for p in folder.rglob("*") if p.is_file()}
        if folder.exists()
        else set()
    )


def checkpoints(folder):
    """The steps that a run could resume from."""
    return {p.name for p in (folder / "checkpoints").glob("step-*.index")}


@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_at_any_moment_change_nothing_in_the_end(forks, faces, tmp_path, kills):
    steps = 10 + 5 * kills
    words = [
        *SMALL,
        f"--data_dir={faces}",
        *EVERYTHING,
        *EVALUATED,
        *DENSE,
        f"--steps={steps}",
        "--log_every=1",
        "--save_every=1",
        "--eval_every=4",
    ]
    start = functools.partial(forks.start, code=RUN_WITHOUT_SAVED_MODEL)
    assert start(*words, f"--workdir={tmp_path / 'whole'}").wait() == 0
    rng, killed, resumed = random.Random(kills), 0, 0
    while killed < kills:
        folder = tmp_path / "killed"
        seen = checkpoints if killed else written  # once in the set-up, then between checkpoints
        before, deadline = seen(folder), time.time() + 120
        child = start(*words, f"--workdir={folder}")
        while seen(folder) == before and time.time() < deadline:
            time.sleep(0.002)
        # A step, its log, its grid, its checkpoint and its evaluation.
        time.sleep(rng.uniform(0, 0.15))
        child.kill()
        code = child.wait()
        assert code in (-signal.SIGKILL, 0)
        if code == 0:
            break
        killed += 1
        resumed += bool(checkpoints(folder))
    assert resumed >= kills - 1, "a run that is killed before its first checkpoint proves nothing"
    assert killed == kills, "the run ended too soon to be killed so often"
    assert start(*words, f"--workdir={tmp_path / 'killed'}").wait() == 0
    assert_same_run(tmp_path / "whole", tmp_path / "killed", steps)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        pytest.skip(f"no small disk can be made here: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow  # test_run.py raises the same errors in their places
def test_a_disk_that_fills_ends_the_run_in_a_sentence_and_it_goes_on_when_there_is_room(
    small_disk, refused, train, tmp_path
):
    flags = ("--gen=dense((64,))", *EVERYTHING)
    assert train(*flags, workdir=tmp_path / "whole") == 0
    folder, ballast = small_disk / "run", small_disk / "ballast"
    assert train(*flags, "--steps=2", workdir=folder) == 0
    checkpoint = sum(p.stat().st_size for p in (folder / "checkpoints").glob("step-2.*"))
    before = log(folder)
    for room in (4096, checkpoint // 2):  # a log or a sample finds none, then a checkpoint
        ballast.unlink(missing_ok=True)
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - room))
        said = refused(*flags, workdir=folder)
        assert "No space left" in said or "cannot be written" in said
        assert log(folder)[: len(before)] == before  # nothing lost
    ballast.unlink()
    assert train(*flags, workdir=folder) == 0
    assert_same_run(tmp_path / "whole", folder)


@pytest.mark.distributed
def test_the_launcher_brings_a_run_that_loses_a_worker_to_the_same_end(forks, faces, tmp_path):
    words = [
        *SMALL,
        *DENSE,
        f"--data_dir={faces}",
        "--ema=0.9",
        "--steps=60",
        "--log_every=2",
        "--save_every=4",
        "--sample_every=60",
    ]
    whole = [
        forks.start(
            *words,
            "--strategy=multi_worker",
            f"--workdir={tmp_path / 'whole'}",
            env={"TF_CONFIG": task},
        )
        for task in tasks_of_two_workers()
    ]
    assert [worker.wait() for worker in whole] == [0, 0], whole[0].stderr[-2000:]
    folder = tmp_path / "lost"
    launcher = start_launcher(*words, f"--workdir={folder}")
    deadline = time.time() + 120
    while not list(folder.glob("checkpoints/step-*.index")) and time.time() < deadline:
        time.sleep(0.02)
    os.kill(workers_of(launcher.pid)[-1], signal.SIGKILL)
    said, errors = launcher.communicate(timeout=300)
    assert launcher.returncode == 0, errors[-2000:]
    assert "a worker was lost; starting all again" in said
    assert "going on from step" in said
    assert_same_run(tmp_path / "whole", folder, 60)


def start_launcher(*words, workers=2):
    """Start ``gan_zoo launch`` with some flags of a training."""
    return subprocess.Popen(
        [sys.executable, "-m", "gan_zoo", "launch", f"--workers={workers}", "--", *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=users_environment(),
    )  # fmt: skip


@pytest.mark.distributed
def test_a_signal_to_one_worker_stops_all_at_the_same_step(faces, tmp_path):
    folder = tmp_path / "run"
    launcher = start_launcher(
        *SMALL,
        *DENSE,
        f"--data_dir={faces}",
        f"--workdir={folder}",
        "--steps=100000",
        "--sample_every=100000",
        "--save_every=100000",
    )
    try:
        deadline = time.time() + 120
        while not (folder / "metrics.jsonl").exists() and time.time() < deadline:
            time.sleep(0.1)
        os.kill(
            workers_of(launcher.pid)[1], signal.SIGTERM
        )  # not the one that leads, which saves and tells
        said, errors = launcher.communicate(timeout=120)
    finally:
        launcher.send_signal(signal.SIGTERM)  # which it hands on; of an ended one nothing
        launcher.wait(60)
    assert launcher.returncode == 128 + signal.SIGTERM, errors[-2000:]
    assert "starting all again" not in said
    (saved,) = folder.glob("checkpoints/step-*.index")
    step = saved.stem.partition("-")[2]
    assert f"stopped at step {step} of 100000 and saved" in said
    assert log(folder)[-1]["step"] == int(step)


def workers_of(launcher):
    """The process numbers of a launcher's children, in the order of their start."""
    found = subprocess.run(["pgrep", "-P", str(launcher)], capture_output=True, text=True)
    return sorted(int(number) for number in found.stdout.split())


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "TF_CONFIG is wrong"),
        (
            json.dumps(
                {"cluster": {"worker": ["localhost:1"]}, "task": {"type": "worker", "index": 4}}
            ),
            "TF_CONFIG is wrong",
        ),
    ],
)
def test_a_missing_or_wrong_tf_config_is_a_sentence(refused, monkeypatch, config, says):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    assert says in refused("--strategy=multi_worker")


@pytest.mark.distributed
def test_a_worker_that_waits_for_one_that_never_comes_ends(forks):
    code = "from gan_zoo.distributed import strategy; strategy.JOIN_SECONDS = 2; strategy.make('multi_worker')"
    done = forks.run(code=code, env={"TF_CONFIG": tasks_of_two_workers()[0]}, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert "timed out after 2 s waiting for the other workers" in done.stderr


@pytest.mark.distributed
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_while_tensorflow_waits_for_the_others(forks, tmp_path, number):
    code = """if True:
        import signal, sys
        from pathlib import Path
        from gan_zoo.distributed import strategy
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))  # Python's, and so it waits, too
        Path(sys.argv[1]).touch()
        strategy.make("multi_worker")
    """
    began = tmp_path / "began"
    worker = forks.start(began, code=code, env={"TF_CONFIG": tasks_of_two_workers()[0]})
    while not began.exists():
        time.sleep(0.1)
    time.sleep(3)  # TensorFlow now waits
    os.killpg(worker.pid, number)  # as the launcher and a terminal do
    assert worker.wait(timeout=15) in (-signal.SIGKILL, 3, 1)


def test_one_device_is_nothing_to_mirror(refused):
    assert "needs two devices or more" in refused("--strategy=mirrored")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--hosts=alpha,beta", "--index=0", "--", "--workdir=x"], "--hosts=alpha has no port"),
        (["--hosts=alpha:1,beta:1", "--", "--workdir=x"], "--index must say"),
        (["--workers=2"], "give the flags of the training after --"),
        (["--index=1", "--", "--workdir=x"], "give --hosts, too"),
        (["--hosts=alpha:1,alpha:1", "--index=1", "--", "--workdir=x"], "alpha:1 twice"),
        (
            ["--hosts=no.such.host.invalid:1,localhost:1", "--index=1", "--", "--workdir=x"],
            "the name no.such.host.invalid cannot be found",
        ),
        (["--workers=2", "--", "--workdir=x", "--data_dir=none.zip"], "none.zip does not exist"),
        (["--workers=2", "--", "--workdir=/proc/x"], "the run directory /proc/x cannot be written"),
        (["--workers=2", "--", "--workdir=x", "--gen=dcgn"], "did you mean dcgan"),
        (["--workers=2", "--", "--workdir=x", "foo"], "'foo' is not a flag"),
    ],
)
def test_the_launcher_refuses_in_a_sentence(light_command, words, says):
    done = light_command("launch", *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.distributed
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_workers_start_ends_the_launcher(faces, tmp_path, number):
    words = [*SMALL, f"--data_dir={faces}", "--steps=100000", f"--workdir={tmp_path / 'run'}"]
    launcher = start_launcher(*words, workers=1)
    deadline = time.time() + 60
    while not workers_of(launcher.pid) and time.time() < deadline:
        time.sleep(0.02)
    launcher.send_signal(number)
    said, _ = launcher.communicate(timeout=60)
    assert launcher.returncode == 128 + number
    assert "starting all again" not in said


def test_a_tool_that_is_ended_leaves_no_half_written_file(tmp_path):
    code = """if True:
        import sys, time
        from pathlib import Path
        from gan_zoo import cli, files

        def body(values, rest):
            with files.whole_file(Path(rest[0])) as part:
                part.write_text("half")
                try:
                    print("writing", flush=True)
                    time.sleep(60)
                finally:
                    time.sleep(1)  # a second signal does not cut the cleaning short
                    print("cleaned", flush=True)

        sys.exit(cli.call(body, lambda values: None, ""))
    """
    words = [sys.executable, "-c", code, str(tmp_path / "film.gif")]
    tool = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert tool.stdout.readline() == "writing\n"
    assert len(list(tmp_path.iterdir())) == 1
    for _ in range(2):
        tool.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    assert tool.communicate(timeout=30) == ("cleaned\n", "gan_zoo: stopped.\n")
    assert tool.returncode == 143
    assert not list(tmp_path.iterdir())
