"""Ctrl-C and SIGTERM are heard while native code holds Python's handlers back."""

import os
import signal
import subprocess
import sys
import time
import traceback
import types

import pytest

import gan_zoo
from gan_zoo import cli
from gan_zoo.interrupts import Handler, short_interrupt
from gan_zoo.training import loop
from gan_zoo.training.outcome import Outcome, Stopped

# A mutex that is locked twice waits for ever, as one native call.
_STUCK = """
import contextlib, ctypes, sys
from gan_zoo import cli
from gan_zoo.training.signals import ends_at_once, stop_requests

def body(values, rest):
    mutex, libc = ctypes.create_string_buffer(256), ctypes.CDLL(None)
    with {within}:
        libc.pthread_mutex_lock(mutex)
        print("stuck", flush=True)
        libc.pthread_mutex_lock(mutex)

sys.exit(cli.call(body, lambda values: None, "", []))
"""


@pytest.fixture
def stuck():
    """``(within) -> process`` of a command that is in a native call without an end."""
    made = []

    def start(within):
        code = _STUCK.format(within=within)
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        made.append(process)
        assert process.stdout.readline() == "stuck\n"
        time.sleep(0.3)  # until it really is
        return process

    yield start
    for process in made:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_a_command_that_is_in_native_code(stuck, number):
    process = stuck("contextlib.nullcontext()")
    process.send_signal(number)
    assert process.wait(timeout=20) == 128 + number
    assert process.stderr.read() == "\ngan_zoo: stopped.\n"


def test_a_signal_in_the_native_code_of_the_end_says_what_is_missing(stuck):
    process = stuck("ends_at_once(20, 20)")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 128 + signal.SIGINT
    assert process.stderr.read() == f"\ngan_zoo: {Stopped(Outcome.STOP_INTERRUPT, 20, 20)}\n"


@pytest.mark.parametrize(
    ("number", "outcome"),
    [(signal.SIGINT, Outcome.STOP_INTERRUPT), (signal.SIGTERM, Outcome.STOP_TERMINATE)],
)
def test_a_signal_during_the_final_evaluation_says_what_is_missing(number, outcome):
    chief = types.SimpleNamespace(finish=lambda step: signal.raise_signal(number))
    session = types.SimpleNamespace(config=gan_zoo.Config(steps=20), chief=chief)
    with pytest.raises(Stopped, match=r"20 of 20 and saved; .* the last scores") as caught:
        loop._finish(session, 20, Outcome.CONTINUE)
    assert caught.value.outcome is outcome
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_that_is_heard_of_after_its_handler_is_not_the_next_handlers(monkeypatch):
    """On a busy machine the thread hears of it when the final evaluation is over."""
    monkeypatch.setattr(Handler, "heard", 0)
    monkeypatch.setattr(Handler, "called", 0)
    with pytest.raises(KeyboardInterrupt):
        Handler()(signal.SIGINT, None)
    assert not Handler().late(signal.SIGINT)
    assert Handler().late(signal.SIGINT)  # and one that no handler was called for


def test_of_a_long_chunk_the_first_signal_is_answered_and_the_second_ends_it(stuck):
    process = stuck("stop_requests('after these steps')")
    process.send_signal(signal.SIGTERM)
    assert process.stderr.readline() == "\n"
    assert process.stderr.readline() == (
        "stopping after these steps; Ctrl-C again stops now (what is not saved is lost).\n"
    )
    process.send_signal(signal.SIGTERM)  # a batch system may send it twice
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 128 + signal.SIGINT
    assert process.stderr.read() == "\ngan_zoo: stopped.\n"


def test_a_stopped_program_does_not_wait_for_its_threads():
    code = """if True:
        import concurrent.futures, signal, time
        from gan_zoo import cli, interrupts

        def body(values, rest):
            concurrent.futures.ThreadPoolExecutor(1).submit(time.sleep, 60)  # as it decodes
            signal.raise_signal(signal.SIGTERM)

        interrupts.LEAVE_SECONDS = 0.2
        interrupts.leave(cli.call(body, lambda values: None, "", []))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (143, "gan_zoo: stopped.\n")


def _deep(depth, closed):
    """Wait in a bar at the end of many frames, as TensorFlow has them, for a Ctrl-C."""
    if depth:
        return _deep(depth - 1, closed)

    def bar():
        try:
            yield from range(3)
        finally:
            closed.append(True)

    for _ in bar():
        raise KeyboardInterrupt
    return None


def test_a_signal_at_the_very_end_leaves_no_traceback():
    code = """
import atexit, signal
from gan_zoo.interrupts import leave
atexit.register(signal.raise_signal, signal.SIGINT)
leave(0)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


def test_an_interrupt_in_a_notebook_has_a_short_traceback_and_closes_its_bars():
    closed = []
    with pytest.raises(KeyboardInterrupt, match=r"^nothing is written$") as caught:
        short_interrupt("nothing is written")(_deep)(60, closed)
    assert closed == [True]
    assert len("".join(traceback.format_exception(caught.value)).splitlines()) < 12
    assert short_interrupt("")(round)(2.345, ndigits=1) == 2.3


def test_an_evaluation_that_is_interrupted_writes_nothing(tmp_path, monkeypatch):
    def interrupted(subject, *, progress, **_):
        progress("drawing samples")
        return _deep(60, [])

    monkeypatch.setattr("gan_zoo.cli.load_tensorflow", lambda verbose: None)
    subject = types.SimpleNamespace(config=gan_zoo.Config())
    monkeypatch.setattr("gan_zoo.analysis.subject.find_subject", lambda folder: subject)
    monkeypatch.setattr("gan_zoo.analysis.evaluate.evaluate_subject", interrupted)
    with pytest.raises(KeyboardInterrupt, match="nothing is written to the run") as caught:
        gan_zoo.Run(tmp_path).evaluate()
    assert len(traceback.extract_tb(caught.value.__traceback__)) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("error", "shown"), [(KeyboardInterrupt, ""), (ImportError, "greeting")])
def test_only_a_failure_shows_what_a_start_holds_back(capfd, error, shown):
    with pytest.raises(error), cli.suppress_stderr_unless_error():
        os.write(2, b"greeting")
        raise error
    assert capfd.readouterr().err == shown


def test_a_run_that_is_stopped_after_its_last_step_lacks_its_end():
    assert "goes on from step 20" in str(Stopped(Outcome.STOP_INTERRUPT, 20, 21))
    assert "makes what follows" in str(Stopped(Outcome.STOP_INTERRUPT, 20, 20))
