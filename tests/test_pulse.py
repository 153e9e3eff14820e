"""Signs of life: on a terminal the slow phase, in a pipe a line after half a minute."""

import os
import sys
import time
import types

import pytest
from tqdm import tqdm

from gan_zoo import cli, phases, pulse
from gan_zoo.errors import UserError


@pytest.fixture
def screen(monkeypatch):
    made = pulse._Screen()
    monkeypatch.setattr(pulse, "screen", made)
    monkeypatch.setattr(pulse, "_bars", list)
    return made


@pytest.fixture
def slow(monkeypatch):
    monkeypatch.setattr(pulse, "SLOW_SECONDS", 0.0)


def test_a_terminal_shows_the_slow_phase_and_wipes_it_out(screen, slow, tmp_path, monkeypatch):
    path = tmp_path / "screen"
    screen.stream = os.open(path, os.O_WRONLY | os.O_CREAT)
    screen.tick()
    assert path.read_bytes().decode() == ""  # nothing runs
    with phases.phase("export"), phases.phase("save"):
        screen.tick()
        assert path.read_bytes().decode().endswith("save (0 s)")
    screen.wipe()
    assert path.read_bytes().decode().endswith("\r\033[K")
    monkeypatch.setattr(pulse, "SLOW_SECONDS", 60.0)
    before = path.read_bytes().decode()
    with phases.phase("export"):
        screen.tick()
    assert path.read_bytes().decode() == before  # a fast phase


def test_a_row_of_fast_phases_is_shown_like_a_slow_one(screen, tmp_path):
    path = tmp_path / "screen"
    screen.stream = os.open(path, os.O_WRONLY | os.O_CREAT)
    for name in ("build nets", "write keras"):
        with phases.phase(name):
            screen.tick()
            assert name not in path.read_bytes().decode()
            screen._changed -= pulse.SLOW_SECONDS
            screen.tick()
            assert path.read_bytes().decode().endswith(f"{name} (0 s)")
        screen.wipe()


def test_behind_a_bar_the_phase_is_shown_and_taken_away(screen, slow):
    shown = []
    screen.stream, screen.status = 0, shown.append
    with phases.phase("evaluate"):
        screen.tick()
    screen.tick()
    screen.tick()
    assert shown == ["evaluate (0 s)", ""]


def test_a_pipe_gets_a_line_after_half_a_minute_of_silence(screen, slow, capsys):
    with phases.phase("compile"):
        screen.tick()
        assert capsys.readouterr().out == ""
        screen._heard -= pulse.QUIET_SECONDS
        screen.tick()
        screen.tick()
        assert capsys.readouterr().out == "... compile (0 s)\n"
        screen._heard -= pulse.QUIET_SECONDS
        screen.hear()  # another line was printed
        screen.tick()
        assert capsys.readouterr().out == ""


def test_the_pulse_beats_within_its_body_only(screen, slow, monkeypatch, capsys):
    monkeypatch.setattr(pulse, "_TICK", 0.01)
    monkeypatch.setattr(pulse, "QUIET_SECONDS", 0.0)
    with pulse.beating():
        ends = phases.on_end
        with pulse.beating():
            assert phases.on_end is ends
        assert phases.on_end is ends
        with phases.phase("work"):
            time.sleep(0.1)
    assert phases.on_end is None
    assert "... work" in capsys.readouterr().out
    with phases.phase("work"):
        time.sleep(0.05)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("no room."), 2, "gan_zoo: no room.\n"),
        (KeyboardInterrupt(), 130, "gan_zoo: stopped.\n"),
    ],
)
def test_what_ends_a_command_is_told_below_the_bar(capsys, error, code, said):
    bar = tqdm(total=9)

    def body(values, rest):
        bar.update(3)
        raise error

    assert cli.call(body, lambda values: None, "", []) == code
    shown = capsys.readouterr().err
    assert bar.disable  # it is closed
    assert "3/9" in shown
    assert shown.endswith(f"\n{said}")


def test_a_library_that_another_thread_is_importing_has_no_bars(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", types.ModuleType("tqdm"))  # nothing is in it yet
    assert pulse._bars() == []


def test_a_bar_that_another_thread_is_making_is_none_yet(monkeypatch):
    """It is among tqdm's before it has what a bar needs; the thread of the pulse would end."""
    screen, half = pulse._Screen(), tqdm.__new__(tqdm)
    try:
        screen.stream = os.open(os.devnull, os.O_WRONLY)
        assert half in tqdm._instances
        screen.tick()
        pulse.close_bars()
    finally:
        tqdm._instances.discard(half)
        os.close(screen.stream)
