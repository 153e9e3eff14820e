"""A classifier of real images, and gan_zoo recognize, which applies it to samples."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gan_zoo import randomness
from gan_zoo.analysis import class_accuracy, classifier
from gan_zoo.analysis.classifier import classify, fit_network, stratified, train_classifier
from gan_zoo.analysis.confusion import count_confusion
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import cache_dir
from gan_zoo.errors import UserError
from gan_zoo.evaluation.pixels import hash_of_arrays
from gan_zoo.game import build
from gan_zoo.runs.run import Run

NAMES = ("top", "left", "spot")


def shapes(counts, seed, size=12, channels=1):
    """Draw noise with a bright bar at the top or left, or a spot in the middle, and its class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(3), counts)).astype(np.int32)
    images = rng.integers(0, 120, (len(labels), size, size, channels))
    for image, label in zip(images, labels, strict=True):
        k = rng.integers(1, 4)
        place = (slice(k, k + 2), slice(None)) if label == 0 else (slice(None), slice(k, k + 2))
        image[place if label < 2 else (slice(4, 9), slice(4, 9))] += rng.integers(60, 130)
    return images.astype(np.uint8), labels


def measured(model, images, asked, classes):
    return count_confusion(classify(model, images), asked, classes)


def dataset(images, labels, names=NAMES):
    return Dataset(
        "shapes", images, {"class": labels}, {"class": names}, hash_of_arrays([images]), "none"
    )


@pytest.fixture(scope="module")
def trained():
    return fit_network(*shapes(100, 0), 3, epochs=6)


# counting


def test_confusion_shares_and_interval_are_those_worked_out_by_hand():
    found = count_confusion(
        np.array([0, 1, 1, 1, 2, 0, 1, 0]), np.array([0, 0, 0, 0, 2, 2, 2, 2]), NAMES
    )
    assert found.counts.tolist() == [[1, 3, 0], [0, 0, 0], [2, 1, 1]]
    assert (found.n, found.accuracy) == (8, 0.25)
    assert found.per_class[[0, 2]].tolist() == [0.25, 0.25]
    assert np.isnan(found.per_class[1])
    assert found.most_frequent_error(0) == ("left", 3)
    assert found.most_frequent_error(1) is None
    assert found.most_frequent_error(2) == ("top", 2)
    # (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), p = 1/4, n = 8, z = 1.96: (0.4901
    # -+ 0.4192) / 1.4802.
    assert found.interval == pytest.approx((0.0715, 0.5907), abs=1e-3)
    uneven = count_confusion(np.array([0, 0, 0, 0, 0, 1]), np.array([0, 0, 0, 0, 1, 1]), NAMES[:2])
    assert (uneven.accuracy, uneven.balanced) == (pytest.approx(5 / 6), 0.75)


@pytest.mark.parametrize("asked", [[], [3], [-1]])
def test_images_of_no_class_are_refused(asked):
    with pytest.raises(UserError, match="every image needs a label below 3"):
        count_confusion(np.zeros(len(asked), int), np.array(asked), NAMES)


def test_a_split_takes_the_same_share_of_each_class_by_seed():
    labels = np.repeat([0, 1, 2, 3], [100, 10, 2, 1])
    first, second = stratified(labels, 0.2, 0)
    assert np.bincount(labels[second], minlength=4).tolist() == [20, 2, 1, 0]
    assert sorted([*first, *second]) == list(range(113))
    assert (second == stratified(labels, 0.2, 0)[1]).all()
    assert (second != stratified(labels, 0.2, 1)[1]).any()


# the classifier


def test_classes_are_recognized_and_damage_scores_lower(trained):
    images, asked = shapes(100, 1)
    good = measured(trained, images, asked, NAMES)
    assert good.accuracy > 0.97
    noise = np.random.default_rng(2).standard_normal(images.shape)
    spoilt = [
        measured(trained, np.clip(images + k * noise, 0, 255).astype(np.uint8), asked, NAMES)
        for k in (60, 200)
    ]
    assert good.interval[0] > spoilt[1].interval[1]
    assert good.accuracy >= spoilt[0].accuracy > spoilt[1].accuracy
    turned = measured(
        trained, images.transpose(0, 2, 1, 3), asked, NAMES
    )  # a bar at the top is one at the left
    assert turned.counts[0, 1] > 95
    assert turned.counts[1, 0] > 95
    assert turned.most_frequent_error(0)[0] == "left"


def test_labels_that_mean_nothing_are_guessed():
    images, labels = shapes(100, 0)
    net = fit_network(images, np.random.default_rng(1).permutation(labels), 3, epochs=3)
    low, high = measured(net, *shapes(100, 1), NAMES).interval
    assert low < 0.42
    assert high > 0.25


def test_color_and_sides_above_64_pixels_are_taken():
    images, _ = shapes(8, 0, channels=3)
    large = np.pad(images, ((0, 0), (0, 60), (0, 118), (0, 0)))  # 72 x 130
    net = classifier._net(large.shape[1:], 3)
    assert net.input_shape == (None, 72, 130, 3)
    assert classify(net, large).shape == (24,)


def test_a_rare_class_weighs_as_much_as_a_common_one():
    """Two classes that overlap: without weights the rare one would never be predicted."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [540, 60])
    images = np.clip(rng.normal(120 + 14 * labels[:, None, None, None], 14, (600, 1, 1, 1)), 0, 255)
    net = fit_network(images.astype(np.uint8).repeat(8, 1).repeat(8, 2), labels, 2, epochs=4)
    even = np.repeat([0, 1], 200)
    test = np.clip(rng.normal(120 + 14 * even[:, None, None, None], 14, (400, 1, 1, 1)), 0, 255)
    found = measured(net, test.astype(np.uint8).repeat(8, 1).repeat(8, 2), even, NAMES[:2])
    assert (
        found.per_class.min() > 0.5
    )  # the best is 0.69 of either; without weights 0.1 of the rare one


# with its real images


def test_a_classifier_from_the_cache_is_the_one_that_was_trained(tmp_path, monkeypatch):
    data = dataset(*shapes([60, 40, 40], 0))
    told = []
    first = train_classifier(data, "class", cache_dir=tmp_path, epochs=2, progress=told.append)
    assert "epoch 2 of 2" in " ".join(told)
    assert first.real.n == 12 + 8 + 8
    monkeypatch.setattr(classifier, "fit_network", None)
    again = train_classifier(data, "class", cache_dir=tmp_path, epochs=2)
    images = shapes(10, 3)[0]
    np.testing.assert_array_equal(
        first.model.predict(images, verbose=0), again.model.predict(images, verbose=0)
    )
    np.testing.assert_array_equal(first.real.counts, again.real.counts)
    others = data._replace(
        labels={"class": np.roll(data.labels["class"], 1)}
    )  # the pixels, and so the hash, are the same
    for change, seed in ((data, 1), (others, 0)):
        with pytest.raises(TypeError):  # it would train
            train_classifier(change, "class", cache_dir=tmp_path, epochs=2, seed=seed)


def test_real_images_that_were_trained_on_do_not_count_as_unseen(monkeypatch):
    images, labels = shapes([30, 30, 30], 0)
    seen = []

    def train(images, labels, *args, **kwargs):
        seen.extend(image.tobytes() for image in images)
        return classifier._net(images.shape[1:], 3)

    monkeypatch.setattr(classifier, "fit_network", train)
    test_images, test_labels = shapes([10, 10, 10], 1)
    test = dataset(
        np.concatenate([images[:4], test_images]), np.concatenate([labels[:4], test_labels])
    )
    found = train_classifier(dataset(images, labels), "class", test)
    assert (len(seen), found.real.n) == (90, 30)
    assert "4 of 34 real test images are among the training images" in found.notes[-1]
    doubled = dataset(images.repeat(2, 0), labels.repeat(2))
    seen.clear()
    found = train_classifier(doubled, "class")
    assert len(seen) == 144
    assert found.real.n < 36
    known = set(seen)
    assert sum(image.tobytes() in known for image in doubled.images) == 180 - found.real.n


def test_of_sets_larger_than_memory_a_part_of_each_class_is_used(monkeypatch):
    images, labels = shapes([400, 200, 10], 0)
    counts = []

    def train(images, labels, *args, **kwargs):
        counts.append(np.bincount(labels).tolist())
        return classifier._net(images.shape[1:], 3)

    monkeypatch.setattr(classifier, "fit_network", train)
    monkeypatch.setattr(classifier, "_MAXIMUM_BYTES", 61 * images[0].nbytes)
    found = train_classifier(dataset(images, labels), "class")
    assert counts == [[40, 20, 2]]  # of 320, 160 and 8
    assert found.real.counts.sum(1).tolist() == [40, 20, 2]  # of 80, 40 and 2


def test_small_and_uneven_classes_give_notes_and_tiny_ones_are_left_out(monkeypatch):
    monkeypatch.setattr(
        classifier,
        "fit_network",
        lambda images, _, n, *__, **___: classifier._net(images.shape[1:], n),
    )
    images, labels = shapes([400, 5, 50], 0)
    found = train_classifier(dataset(images, labels), "class", epochs=1)
    assert (found.classes, found.numbers.tolist()) == (("top", "spot"), [0, 2])
    assert found.model.output_shape == (None, 2)
    said = " ".join(found.notes)
    assert "fewer than 10 real images are left out: left (5)" in said
    assert "from 50 real images (spot) to 400 (top)" in said
    assert "1 of 2 classes have fewer than 100" in said
    with pytest.raises(UserError, match="fewer than two classes with 10 images"):
        train_classifier(dataset(*shapes([400, 5, 5], 0)), "class")
    with pytest.raises(UserError, match=r"no labels 'hair' \(it has class\)"):
        train_classifier(dataset(images, labels), "hair")
    with pytest.raises(UserError, match="has other classes than shapes in 'class'"):
        train_classifier(dataset(images, labels), "class", dataset(images, labels, ("a", "b", "c")))


# the tool


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A run with classes whose samples are real images, with 5 tops in place of spots."""

    def draw(folder, per_class, **how):
        images, labels = shapes(per_class, 9, size=16, channels=3)
        images[np.flatnonzero(labels == 2)[:5]] = images[np.flatnonzero(labels == 0)[:5]]
        return class_accuracy.Drawn(images, np.array([2, 0, 1])[labels], 2, False)

    monkeypatch.setattr(class_accuracy, "draw_each_class", draw)
    monkeypatch.setattr(classifier, "_UPDATES", 60)
    config = Config(data="files", data_dir=str(save(tmp_path)), image_size="16")
    data = build.load_data(config)
    mark = hashlib.sha256(data.labels["class"].tobytes()).hexdigest()
    classes = {
        "column": "class",
        "names": ["left", "spot", "top"],
        "counts": [40, 40, 40],
        "hash": mark,
    }
    identity = {
        "name": "files",
        "hash": data.hash,
        "count": 120,
        "shape": data.image_shape,
        "classes": classes,
    }
    run = tmp_path / "run"
    run.mkdir()
    Run(run).start(config, identity, {}, randomness.NEWEST)
    return run


def save(folder):
    """An npz of 16x16 shapes with their names, of which data sets make classes in the order of the alphabet."""
    images, labels = shapes(40, 0, size=16, channels=3)
    np.savez(folder / "shapes.npz", images=images, labels=np.array(NAMES)[labels])
    return folder / "shapes.npz"


def test_recognize_measures_the_samples_of_a_run(tool, asked):
    out = tool("recognize", asked, "--samples=60")
    record = json.loads((asked / "recognition.json").read_text())
    assert (record["samples"]["n"], record["classes"]) == (60, ["left", "spot", "top"])
    assert record["real"]["n"] == 24
    assert record["real"]["accuracy"] > 0.9
    assert record["samples"]["confusion"][1][2] >= 5  # spots asked for, tops given
    assert record["samples"]["per_class"][1] <= 0.75
    share, (low, high) = record["samples"]["accuracy"], record["samples"]["interval_95"]
    line = f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f}) of 60 samples are classified as the class asked for; real "
    assert f"{line}images not trained on: {100 * record['real']['balanced']:.1f} %" in out
    spots = next(line.split() for line in out.splitlines() if line.split()[:1] == ["spot"])
    assert spots[1:3] == ["20", f"{100 * record['samples']['per_class'][1]:.1f}"]
    assert spots[-2] == "top"
    assert (asked / "recognition.png").is_file()
    assert list((cache_dir() / "evaluation").glob("classifier-*"))


def test_errors_are_framed_in_the_picture():
    gray = np.full((5, 8, 8, 1), 90, np.uint8)
    picture = class_accuracy.class_accuracy_picture(
        gray, np.array([0, 1, 0, 0, 1]), np.array([0, 1, 1, 0, 1]), ("a", "b"), 2
    )
    red = (picture == (0xD6, 0x27, 0x28)).all(axis=-1)
    cell = picture.shape[0] // 2
    left = picture.shape[1] - 2 * cell
    assert (
        red[:cell, left + cell :].sum() == 54**2 - 48**2
    )  # the second image asked for as a: a frame of 3 pixels around it
    assert red.sum() == 54**2 - 48**2
    assert (picture == 90).all(axis=-1).sum() == 4 * 48**2  # the third one of a has no room


def test_recognize_refuses_in_a_sentence(tool, asked, tmp_path):
    plain = shutil.copytree(asked, tmp_path / "plain")
    saved = json.loads((asked / "config.json").read_text())
    del saved["data"]["classes"]
    (plain / "config.json").write_text(json.dumps(saved))
    assert "was trained without classes" in tool("recognize", plain, code=2)
    assert "holds no run" in tool("recognize", tmp_path, code=2)
    assert "give the folder of one run" in tool("recognize", code=2)
    assert "--best and --step" in tool("recognize", asked, "--best", "--step=2", code=2)
    assert "--data_dir=nowhere does not exist" in tool(
        "recognize", asked, "--data_dir=nowhere", code=2
    )
    images, labels = shapes(40, 0, size=16, channels=3)
    for name, arrays, says in (
        ("others", {"images": images[::-1]}, "the data are not those that"),
        ("bare", {"images": images}, "the data set files has no labels 'class' now"),
        (
            "moved",
            {"images": images, "labels": np.array(NAMES)[np.roll(labels, 1)]},
            "the labels 'class' are not those",
        ),
        (
            "renamed",
            {"images": images, "labels": np.array(["t", "l", "s"])[labels]},
            "the labels 'class' are not those",
        ),
    ):
        np.savez(tmp_path / f"{name}.npz", **arrays)
        assert says in tool("recognize", asked, f"--data_dir={tmp_path / name}.npz", code=2)
    assert not (asked / "recognition.json").exists()


def test_the_same_number_is_drawn_for_each_class(train, idle_step, tmp_path):
    few = ("--steps=2", "--gen=dcgan(width=4)", "--disc=dcgan(width=4)")
    assert train(f"--data_dir={save(tmp_path)}", "--condition=projection", *few) == 0
    run = train.folder
    found = class_accuracy.draw_each_class(Run(run), 5, seed=3)
    assert found.images.shape == (15, 16, 16, 3)
    assert np.bincount(found.labels).tolist() == [5, 5, 5]
    assert (found.step, found.ema) == (2, False)
    again = class_accuracy.draw_each_class(Run(run), 2, seed=3)
    np.testing.assert_array_equal(found.images[:6], again.images)
    assert (found.images[:6] != class_accuracy.draw_each_class(Run(run), 2, seed=4).images).any()


def test_the_classifier_is_tested_on_the_test_split_of_a_known_set(tmp_path):
    arrays = {}
    for part, count in (("train", 6), ("test", 3)):
        arrays[f"x_{part}"] = np.random.default_rng(count).integers(
            0, 255, (count, 28, 28), np.uint8
        )
        arrays[f"y_{part}"] = np.arange(count)
    np.savez(tmp_path / "mnist.npz", **arrays)
    config = Config(data="mnist(fit='pad')", data_dir=str(tmp_path / "mnist.npz"), batch=2)
    test, notes = class_accuracy.load_test_split(config)
    np.testing.assert_array_equal(test.images[..., 0], arrays["x_test"])
    assert notes == []
    files = Config(data="files", data_dir=config.data_dir)
    assert len(class_accuracy.load_test_split(files)[0].images) == len(arrays["x_test"])
    other = Config(data="mnist(split='all')", data_dir=config.data_dir)
    assert class_accuracy.load_test_split(other) == (None, [])
    np.savez(tmp_path / "mnist.npz", x_train=arrays["x_train"], y_train=arrays["y_train"])
    assert class_accuracy.load_test_split(files) == (None, [])
    test, notes = class_accuracy.load_test_split(config)
    assert test is None
    assert "the test split of mnist cannot be loaded" in notes[0]


def test_most_samples_of_one_class_give_a_note(tool, asked, monkeypatch):
    def draw(folder, per_class, **how):
        images, labels = shapes(100, 9, size=16, channels=3)
        return class_accuracy.Drawn(
            images[labels == 1], np.arange(100, dtype=np.int32) % 3, 2, False
        )

    monkeypatch.setattr(class_accuracy, "draw_each_class", draw)
    out = tool("recognize", asked, "--out=x/y.json")
    assert "of all samples are classified as 'left', whatever was asked for" in out
    assert {p.name for p in Path("x").iterdir()} == {"y.json", "y.png"}
    assert not (asked / "recognition.json").exists()
    Path("x/z.png").touch()
    tool("recognize", asked, "--out=x/z.json")
    assert Path("x/z-2.png").is_file()
