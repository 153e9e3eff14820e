"""The clock of the phases of a run."""

import time

import pytest

from gan_zoo import phases


@pytest.fixture(autouse=True)
def _fresh():
    phases.clear()
    yield
    phases.clear()


def test_a_phase_within_another_is_counted_once():
    with phases.phase("outer"):
        time.sleep(0.02)
        with phases.phase("inner"):
            time.sleep(0.05)
    with phases.phase("inner"):
        time.sleep(0.05)
    found = dict(line.removeprefix("phase ").split(": ") for line in phases.lines())
    seconds = {name: float(text.removesuffix(" s")) for name, text in found.items()}
    assert list(seconds) == ["inner", "outer"]
    assert 0.1 <= seconds["inner"] < 0.5
    assert 0.02 <= seconds["outer"] < 0.05


def test_verbose_prints_the_phases_and_a_plain_run_none(train, capsys):
    flags = ("--steps=2", "--gen=dense((8,))", "--disc=dense((8,))")
    assert train(*flags, "--verbose") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("phase ")]
    named = {line.removeprefix("phase ").split(":")[0] for line in lines}
    assert {"import TensorFlow", "read images", "build nets", "compile the first steps"} <= named
    assert train(*flags, "--seed=1", workdir=train.folder / "plain") == 0
    assert "phase " not in capsys.readouterr().out
