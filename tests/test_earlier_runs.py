"""A run that gan_zoo made before the great move (commit 5169827) opens, samples and resumes.

``fixtures/run_of_0_1`` is that run after 4 steps on the images of the fixture ``faces``;
``run_of_0_1_step8.npz`` holds the weights that the same code had after 8.
"""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import gan_zoo.layers  # noqa: F401 -- registers the layers of the saved generator
from gan_zoo import run as program
from gan_zoo.runs.run import Run, open_run
from tests.conftest import no_saved_model

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def earlier(tmp_path):
    shutil.copytree(FIXTURES / "run_of_0_1", tmp_path / "run")
    return open_run(tmp_path / "run")


def test_it_opens(earlier):
    assert (earlier.step, earlier.config.gen, earlier.image_shape) == (
        4,
        "dcgan(width=8)",
        (16, 16, 3),
    )
    assert [r["step"] for r in earlier.metrics] == [2, 4]
    assert earlier.score_name == "FD-random_conv"
    assert earlier.best == min(earlier.scores, key=lambda pair: pair[1])
    assert earlier.floor > 0
    assert {r["step"] for r in earlier.evaluations} == {2, 4}
    assert earlier.training_seconds > 0
    assert earlier.problems == []


def test_its_samples_are_those_it_drew(earlier):
    drawn = np.asarray(earlier.grid(4, seed=earlier.config.seed, size=0)).astype(int)
    stored = np.asarray(Image.open(earlier.sample_grids[-1])).astype(int)
    assert np.abs(drawn - stored).max() <= 1
    newest, best = (earlier.sample(3, seed=1, best=best) for best in (False, True))
    assert newest.shape == best.shape == (3, 16, 16, 3)
    assert (newest != best).any()


def test_its_exported_generator_loads(earlier):
    net = keras.models.load_model(earlier.folder / "generator.keras")
    z = np.random.default_rng(0).normal(size=(2, *net.input_shape[1:])).astype("float32")
    np.testing.assert_allclose(net(z), earlier.generator(z), atol=1e-5)


def test_it_resumes_to_the_weights_that_it_would_have_had(earlier, faces, monkeypatch):
    monkeypatch.setattr("keras.Model.export", no_saved_model)
    settings = {**earlier.settings, "data_dir": str(faces), "steps": 8}
    flags = [f"--{k}={v}" for k, v in settings.items() if not isinstance(v, bool)]
    assert program.main([*flags, f"--workdir={earlier.folder}"]) == 0
    resumed = Run(earlier.folder)
    assert [r["step"] for r in resumed.metrics] == [2, 4, 6, 8]
    reader = tf.train.load_checkpoint(str(earlier.folder / "checkpoints" / "step-8"))
    names = {n.split("/.ATTR")[0].replace("/", "."): n for n in reader.get_variable_to_shape_map()}
    expected = np.load(FIXTURES / "run_of_0_1_step8.npz")
    apart = [np.abs(reader.get_tensor(names[name]) - expected[name]).ravel() for name in expected]
    start = tf.train.load_checkpoint(str(FIXTURES / "run_of_0_1" / "checkpoints" / "step-4"))
    moved = [np.abs(start.get_tensor(names[name]) - expected[name]).ravel() for name in expected]
    # Bit-equal on the machine that made it; another processor rounds otherwise, and Adam turns the
    # sign of a gradient that is all rounding into a whole step.
    assert np.quantile(np.concatenate(apart), 0.99) < 1e-2 * np.quantile(
        np.concatenate(moved), 0.99
    )
