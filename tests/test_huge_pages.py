"""A training started from a command line starts anew with its memory on huge pages."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gan_zoo import huge_pages

ROOT = Path(__file__).parent.parent

needs_huge_pages = pytest.mark.skipif(
    not huge_pages._available(), reason="no glibc 2.35 or no huge pages here"
)
# Parts of a user's file are built, and so its code runs, before TensorFlow is imported.
SHOW = """
import os, sys
from gan_zoo.errors import UserError
print(os.environ.get("GLIBC_TUNABLES"), os.getpid(), sys.flags.optimize, sys.stdin.read())
raise UserError("the end")
"""


def environment(**more):
    kept = {
        k: v for k, v in os.environ.items() if k not in ("GLIBC_TUNABLES", "_GAN_ZOO_RESTARTED")
    }
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def run(*words, **more):
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment(**more)
    )


@pytest.fixture
def show(tmp_path):
    """The path of a settings file that shows its process, reads all input and fails."""
    file = tmp_path / "show.py"
    file.write_text(SHOW)
    return file


@needs_huge_pages
@pytest.mark.parametrize(
    "program",
    [
        ["-m", "gan_zoo.run"],
        ["-m", "gan_zoo", "train"],
        ["-c", "import sys; from gan_zoo.__main__ import main; sys.exit(main())", "train"],  # pip's
    ],
)
def test_a_training_starts_anew_as_the_same_process(program, show):
    command = [sys.executable, "-O", *program, f"--config={show}"]
    started = subprocess.Popen(
        command, stdin=-1, stdout=-1, stderr=-1, text=True, env=environment()
    )
    out, err = started.communicate("typed")
    # Once: what a user's file prints would show a second start.
    assert out == f"{huge_pages.TUNABLES} {started.pid} 1 typed\n"
    assert started.returncode == 2 and "the end" in err


@needs_huge_pages
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_ends_on_signals_as_before(number, code, tmp_path):
    file = tmp_path / "wait.py"
    file.write_text("import time; print('waiting', flush=True); time.sleep(60)")
    command = [sys.executable, "-m", "gan_zoo.run", f"--config={file}"]
    started = subprocess.Popen(
        command,
        stdout=-1,
        stderr=-1,
        text=True,
        env=environment(),
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # the shell of a job ignores it
    )
    assert started.stdout.readline() == "waiting\n"
    started.send_signal(number)
    assert started.communicate()[1] == "gan_zoo: stopped.\n"
    assert started.returncode == code


@needs_huge_pages
def test_the_memory_of_a_training_is_on_huge_pages(tmp_path):
    file = tmp_path / "measure.py"
    file.write_text(
        "kept = b'x' * 2**26\n"
        "for line in open('/proc/self/smaps_rollup'):\n"
        "    if 'AnonHuge' in line: print(int(line.split()[1]))\n"
        "raise SystemExit\n"
    )
    huge, plain = (
        int(run("-m", "gan_zoo.run", f"--config={file}", **more).stdout)
        for more in ({}, {"GLIBC_TUNABLES": ""})
    )
    assert huge - plain > 2**15  # of 2**16 kB


@pytest.mark.parametrize("theirs", ["", "glibc.malloc.perturb=0"])
def test_the_users_own_setting_stays(theirs, show):
    done = run("-m", "gan_zoo.run", f"--config={show}", GLIBC_TUNABLES=theirs)
    assert done.stdout.startswith(f"{theirs} ")


def test_a_process_that_lost_the_setting_on_its_way_goes_on_without(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setenv("_GAN_ZOO_RESTARTED", str(os.getpid()))
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it would start anew forever"))
    huge_pages.restart()


def test_a_training_called_from_python_stays_in_its_process(monkeypatch):
    from gan_zoo import commands
    from gan_zoo import run as program

    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("it would lose the notebook"))
    monkeypatch.setattr(sys, "argv", ["gan_zoo", "train", "--list=losses"])
    assert (program.main(["--list=losses"]), commands.main()) == (0, 0)
