"""gan_zoo modes: how many modes of the data samples cover, and how evenly."""

import json
import math

import numpy as np
import pytest

from gan_zoo.analysis import classifier, modes
from gan_zoo.analysis.confusion import count_confusion
from gan_zoo.analysis.modes import Coverage, Recognizer, colors_apart, combined, train_recognizer
from gan_zoo.contracts import Dataset
from gan_zoo.datasets.stacked_mnist import CHANNELS

SHADE = 25  # of a digit: it is drawn as a plain square of 25 times itself


def stacked(numbers, size=28):
    """Images of three "digits" each, for numbers from 0 to 999."""
    digits = np.asarray(numbers)[:, None] // [100, 10, 1] % 10
    plain = np.broadcast_to(digits[:, None, None], (len(digits), size, size, 3))
    return np.uint8(SHADE * plain), digits


def read_shade(model, images):
    """In place of classifier.classify: it is right on every image of stacked()."""
    return images[:, 0, 0, 0].astype(np.int64) // SHADE


PERFECT = Recognizer(
    lambda images: combined([read_shade(None, images[..., c : c + 1]) for c in range(3)], 10),
    1000, 3, 1.0, 100,
)  # fmt: skip


@pytest.mark.parametrize("shown", [[0], [999], [7, 70, 700], range(0, 1000, 8), range(1000)])
def test_a_generator_of_k_known_modes_has_exactly_k_and_the_kl_of_equal_shares(shown):
    images, _ = stacked(np.repeat(shown, 3))
    found = Coverage.of(PERFECT, images)
    assert found.covered == len(shown)
    assert np.flatnonzero(found.counts).tolist() == list(shown)
    assert found.reverse_kl == pytest.approx(math.log(1000 / len(shown)), abs=1e-12)


def test_the_kl_of_uneven_shares_by_hand():
    found = Coverage(np.array([3, 0, 1, 0, 0, 0, 0, 0, 0, 0]))
    by_hand = 0.75 * math.log(7.5) + 0.25 * math.log(2.5)
    assert (found.covered, found.reverse_kl) == (2, pytest.approx(by_hand, abs=1e-12))


def test_a_perfect_generator_of_26000_samples_has_the_small_kl_of_chance():
    drawn = np.random.default_rng(0).integers(1000, size=26_000)
    found = Coverage(np.bincount(drawn, minlength=1000))
    assert found.covered == 1000
    assert found.reverse_kl == pytest.approx(999 / 52_000, rel=0.1)


def stacked_data(numbers):
    images, digits = stacked(numbers)
    labels = {c: digits[:, i].astype(np.int32) for i, c in enumerate(CHANNELS)}
    names = dict.fromkeys(CHANNELS, tuple("0123456789"))
    return Dataset("stacked", images, labels, names, "h", "none")


def test_colors_are_taken_apart_with_their_classes_and_each_once():
    data = colors_apart(stacked_data([250, 259, 0]))
    assert data.images.shape == (4, 28, 28, 1)  # the digits 2, 5, 0, 9
    assert sorted(data.labels["class"]) == [0, 2, 5, 9]
    assert (data.images[:, 5, 5, 0] == SHADE * data.labels["class"]).all()
    assert data.hash != "h"


def trained_stub(asked):
    def train(data, column, test=None, **_):
        asked.append((data, column, test))
        real = count_confusion(np.arange(10), np.array([*range(9), 0]), "0123456789")
        return classifier.Classifier(None, np.arange(10), tuple("0123456789"), real, ("a note",))

    return train


def test_the_recognizer_of_stacked_images_learns_from_single_colors(monkeypatch):
    asked = []
    monkeypatch.setattr(classifier, "train_classifier", trained_stub(asked))
    monkeypatch.setattr(classifier, "classify", read_shade)
    data = stacked_data(range(1000))
    found = train_recognizer(data, stacked_data([1, 2]))
    ((one, column, test),) = asked
    assert (one.image_shape, column, len(test.images)) == ((28, 28, 1), "class", 3)
    assert (found.total, found.colors, found.accuracy, found.notes) == (1000, 3, 0.9, ("a note",))
    assert found.modes(data.images).tolist() == list(range(1000))
    # data with one class an image: its classes are the modes
    gray = Dataset.of("plain", data.images[:10, ..., 2:], np.arange(10))
    found = train_recognizer(gray)
    assert (found.total, found.colors) == (10, 1)
    assert found.modes(gray.images).tolist() == list(range(10))


@pytest.fixture
def mnist(tmp_path):
    """An mnist.npz whose digits are plain squares."""
    y = np.arange(10, dtype=np.uint8)
    x = np.uint8(SHADE * np.broadcast_to(y[:, None, None], (10, 28, 28)))
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return tmp_path / "mnist.npz"


def test_the_modes_of_pictures_are_counted(tool, mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(classifier, "train_classifier", trained_stub([]))
    monkeypatch.setattr(classifier, "classify", read_shade)
    np.savez(tmp_path / "fakes.npz", images=stacked(np.repeat([3, 33, 333, 999], 5))[0])
    out = tool(
        "modes", tmp_path / "fakes.npz", "--data=stacked_mnist(n=300)", f"--data_dir={mnist}",
        "--out=modes.json",
    )  # fmt: skip
    assert "20 pictures" in out and "a note" in out
    assert "4 of 1,000 modes, reverse KL 5.521 nats  [20 real images: " in out  # log(1000 / 4)
    assert "right on 90.00 % of 10 real single colors not trained on, so on 72.9 % of whole" in out
    record = json.loads((tmp_path / "modes.json").read_text())
    assert (record["modes"], record["samples"]["n"], record["samples"]["covered"]) == (1000, 20, 4)
    assert record["samples"]["reverse_kl"] == pytest.approx(math.log(250))
    assert record["samples"]["counts"][333] == 5 and record["recognizer"]["accuracy"] == 0.9


def test_the_protocol_of_a_paper_is_named():
    found = modes.ModeCount(
        None, modes.Fakes(np.zeros((25_600, 1, 1, 1), np.uint8), 5, True, "", (), "samples"),
        stacked_data([1]), PERFECT, Coverage(np.ones(1000, int)), Coverage(np.ones(1000, int)), [],
    )  # fmt: skip
    assert next(modes.mode_lines(found)) == "samples, modes of stacked, as Metz et al. 2017 take:"


def test_data_without_classes_are_refused(tool, faces):
    said = tool("modes", faces, f"--data_dir={faces}", code=2)
    assert "has no labels 'class'" in said
