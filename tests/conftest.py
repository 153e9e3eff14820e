"""What the tests share: no noise, a cache of their own, small data, small runs."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Of several processes each computes in one thread: idle threads of the others spin meanwhile.
    # What starts in a process of its own has all cores, see tests/forks.py.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import functools
import gc
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gan_zoo import cli, commands, run
from tests.forks import Forks

# TensorFlow is imported where it is needed: the process that hands out the tests needs none.

TOOLS = Path(__file__).parent.parent / "tools"


def pytest_collection_finish():
    """Let the garbage collector pass over what TensorFlow and all modules of tests have made."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """No test reads or fills the user's cache."""
    os.environ["GAN_ZOO_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    """Start the program, or some code, in a process of its own without its seconds of imports."""
    server = Forks(tmp_path_factory.mktemp("forks"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def light_forks(tmp_path_factory):
    """Start processes as ``forks`` does, but without TensorFlow: its import raises ImportError."""
    server = Forks(tmp_path_factory.mktemp("light_forks"), tensorflow=False)
    yield server
    server.close()


@pytest.fixture
def light_command(light_forks, tmp_path):
    """Run ``gan_zoo *words`` without TensorFlow: light_command(*words) -> the ended process."""
    code = "import sys; from gan_zoo import commands; sys.exit(commands.main(sys.argv[1:]))"
    return functools.partial(light_forks.run, code=code, cwd=tmp_path)


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """An npz of 96 color images of 16x16: a bright disc of random color and place on a dark ground."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:16, :16]
    images = np.zeros((96, 16, 16, 3), np.uint8)
    for image in images:
        cy, cx = rng.uniform(5, 11, 2)
        image[(y - cy) ** 2 + (x - cx) ** 2 < 20] = rng.integers(100, 255, 3)
    path = tmp_path_factory.mktemp("data") / "discs.npz"
    np.savez(path, images=images)
    return path


@pytest.fixture(scope="session")
def tf_gan():
    """TF-GAN itself; a test that asks for it is skipped where TF-GAN cannot be used."""
    from gan_zoo.evaluation import tfgan

    if reason := tfgan.why_not():
        pytest.skip(reason)
    return tfgan.load()


SMALL = (
    "--gen=dcgan(width=8)",
    "--disc=dcgan(width=8)",
    "--data=files",
    "--image_size=16",
    "--batch=8",
    "--samples=4",
    "--steps=6",
    "--log_every=2",
    "--sample_every=2",
    "--save_every=2",
    "--eval_every=0",
)


@pytest.fixture
def saved_model():
    """A test that asks for it gets whole exports from ``train``."""


def no_saved_model(self, filepath, **_):
    """In place of keras.Model.export, which takes longer than the training of most tests."""
    Path(filepath).mkdir()
    (Path(filepath) / "saved_model.pb").write_bytes(b"")


# The same for a process: the code of a fork that runs the program, see tests/forks.py.
RUN_WITHOUT_SAVED_MODEL = """
import sys
from pathlib import Path
import keras
from gan_zoo import run

def export(self, filepath, **_):
    Path(filepath).mkdir()
    (Path(filepath) / "saved_model.pb").write_bytes(b"")

keras.Model.export = export
sys.exit(run.main(sys.argv[1:]))
"""


@pytest.fixture
def forked_runs(forks, monkeypatch):
    """Let comparisons fork their runs, and take all nets as equally large."""
    process = subprocess.Popen

    def fork_if_run(command, **settings):
        if command[:3] != [sys.executable, "-m", "gan_zoo.run"]:
            return process(command, **settings)
        return forks.start(*command[3:], code=RUN_WITHOUT_SAVED_MODEL)

    monkeypatch.setattr(subprocess, "Popen", fork_if_run)
    monkeypatch.setattr("gan_zoo.game.flops.step_flops", lambda *_: 1e9)


@pytest.fixture(scope="session")
def train_for_all(faces):
    """Run the program for a fixture of a module or session: train_for_all(folder, *flags) -> folder.

    It must succeed. The export is an empty SavedModel. With ``idle=True`` the step is that of the
    fixture ``idle_step``.
    """

    def go(folder, *flags, idle=False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("keras.Model.export", no_saved_model)
            if idle:
                patch.setattr("gan_zoo.game.chunk.compile_chunk", idle_chunk)
            assert run.main([*SMALL, f"--data_dir={faces}", f"--workdir={folder}", *flags]) == 0
        return folder

    return go


def idle_chunk(game, strategy):
    """In place of chunk.compile_chunk, whose tracing takes most of a short run.

    G shrinks by a fifth and its average by a tenth, no more.
    """
    import tensorflow as tf

    from gan_zoo.game.step import SCALARS

    def run(iterator, n):
        for net, factor in ((game.gen, 0.8), (game.ema, 0.9)):
            for variable in net.trainable_variables if net is not None else ():
                variable.assign(variable * factor)
        game.step.assign_add(n)
        return tf.ones([len(SCALARS)]) * tf.cast(n, tf.float32)

    return run


@pytest.fixture
def idle_step(monkeypatch):
    """A test that asks for it looks at all that a run does but for the training step."""
    monkeypatch.setattr("gan_zoo.game.chunk.compile_chunk", idle_chunk)


@pytest.fixture
def blank_weights(monkeypatch):
    """A test that asks for it counts weights: zeros are made faster than random values."""
    import keras
    import tensorflow as tf

    def zeros(self, shape, dtype=None, **_):
        return tf.zeros(shape, dtype or keras.config.floatx())

    for name in ("RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling"):
        monkeypatch.setattr(getattr(keras.initializers, name), "__call__", zeros)


@pytest.fixture
def train(faces, tmp_path, monkeypatch, request):
    """Run the program in this process on a small net and data: train(*flags) -> exit code.

    Later flags win. Its runs export an empty SavedModel unless the test asks for ``saved_model``.
    """
    if "saved_model" not in request.fixturenames:
        monkeypatch.setattr("keras.Model.export", no_saved_model)

    def go(*flags, workdir=tmp_path / "run"):
        return run.main([*SMALL, f"--data_dir={faces}", f"--workdir={workdir}", *flags])

    go.folder = tmp_path / "run"
    return go


@pytest.fixture
def refused(train, capsys):
    """Assert that the program refuses some flags as bad input: exit code 2, one line, no traceback. Returns the line."""

    def check(*flags, **kwargs):
        capsys.readouterr()
        code = train(*flags, **kwargs)
        err = capsys.readouterr().err
        assert code == 2, err
        assert "Traceback" not in err
        assert err.startswith("gan_zoo: ")
        assert len(err.strip().splitlines()) == 1, err
        return err.strip()

    return check


class _Commands(dict):
    """The modules of the commands, and the scripts in ``tools/``, by name, imported on demand."""

    def __missing__(self, name):
        if name in commands.COMMANDS:
            self[name] = importlib.import_module(f"gan_zoo.commands.{name}")
        else:
            spec = importlib.util.spec_from_file_location(f"tools_{name}", TOOLS / f"{name}.py")
            self[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(self[name])
        return self[name]


@pytest.fixture(scope="module")
def modules():
    """The modules of the commands, by name."""
    return _Commands()


@pytest.fixture
def tool(modules, capsys, tmp_path, monkeypatch):
    """Call a tool in this process, in an empty folder: tool(name, *words) -> what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(name, *words, code=0):
        capsys.readouterr()
        got = cli.call(
            modules[name].main,
            modules[name].define_flags,
            modules[name].__doc__,
            [str(w) for w in words],
        )
        out, err = capsys.readouterr()
        assert got == code, err
        if code:
            assert err.startswith("gan_zoo: ")
            assert len(err.strip().splitlines()) == 1, err
        return err.strip() if code else out

    return call
