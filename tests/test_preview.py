"""gan_zoo preview: what tricks do to images and targets, and how much of them samples show."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_zoo import cli, images, registry
from gan_zoo.analysis.leaks import find_leak
from gan_zoo.analysis.preview import augmented, load_images
from gan_zoo.commands import preview
from gan_zoo.contracts import Batch

PLUGIN = '''
import tensorflow as tf
from gan_zoo import randomness
from gan_zoo.contracts import Trick
from gan_zoo.registry import tricks


@tricks.register
def hole(rate: float = 1.0):
    """A gray square at a place of its own in each image, with this rate."""
    def images(x, seed):
        n, h, w, _ = x.shape
        top, left, whether = (randomness.uniform([n, 1, 1, 1], seed + k) for k in range(3))
        y, z = tf.range(h, dtype=x.dtype)[None, :, None, None], tf.range(w, dtype=x.dtype)[None, None, :, None]
        inside = (tf.abs(y - top * h) < h / 4) & (tf.abs(z - left * w) < w / 4) & (whether < rate)
        return tf.where(inside, tf.zeros_like(x), x)
    return Trick(images=images)


@tricks.register
def grain(stddev: float = 0.1):
    """Noise."""
    return Trick(images=lambda x, seed: x + randomness.normal(x.shape, seed, stddev))


@tricks.register
def brighter():
    """Real images 0.5 brighter, then all that D sees 0.25 darker."""
    return Trick(real_images=lambda x, seed: x + 0.5, images=lambda x, seed: x - 0.25)
'''


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "augment.py"
    file.write_text(PLUGIN)
    patch = pytest.MonkeyPatch()
    patch.setattr(registry.third_party, "files", [])
    registry.add_plugin_file(file)
    yield file
    patch.undo()
    for name in ("hole", "grain", "brighter"):
        registry.tricks._loaded.pop(name, None)
    registry.tricks.forget_index()


@pytest.fixture
def tool(capsys, tmp_path, monkeypatch, faces, plugin):
    """Call the tool in an empty folder: tool(*words) -> what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*words, code=0, data=True):
        capsys.readouterr()
        own = [f"--data_dir={faces}", "--image_size=16", f"--plugins={plugin}"] if data else []
        got = cli.call(
            preview.main, preview.define_flags, preview.__doc__, [*own, *map(str, words)]
        )
        out, err = capsys.readouterr()
        assert got == code, err
        if code:
            assert len(err.strip().splitlines()) == 1, err
        return err.strip() if code else out

    return call


def discs(n, seed):
    """Draw discs of any color and place on grounds of any color, uint8 [n, 16, 16, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16]
    made = np.repeat(rng.integers(0, 100, (n, 1, 1, 3)), 16, 1).repeat(16, 2)
    for image in made:
        cy, cx = rng.uniform(4, 12, 2)
        image[(y - cy) ** 2 + (x - cx) ** 2 < rng.uniform(10, 30)] = rng.integers(100, 255, 3)
    return made.astype(np.uint8)


@pytest.fixture(scope="module")
def extractor():
    return registry.extractors.build("embedded", cache_dir=None)


def game_of(tricks):
    from gan_zoo.config import Config
    from gan_zoo.game import build

    return build.build_game(
        Config(gen="dense((8,), 8)", disc="dense((8,))", tricks=tricks, image_size="16"),
        (16, 16, 3),
    )


@pytest.mark.parametrize("trick", ["hole(0.5)", "grain(0.2)"])
def test_planted_shares_are_found_within_the_interval(extractor, trick):
    game, real, other = game_of(trick), discs(700, 0), discs(500, 1)
    base = extractor.features(real)
    treated = extractor.features(augmented(game, real, 0, 0))
    plain, spoiled = extractor.features(other), extractor.features(augmented(game, other, 99, 0))
    for share, verdict in ((0.0, "none seen"), (0.3, "leaks"), (1.0, "leaks")):
        mixed = np.where(np.arange(500)[:, None] < 500 * share, spoiled, plain)
        found = find_leak(base, treated, mixed, draws=300)
        low, high = found.interval
        assert low <= share <= high, found
        assert high - low < 0.4, found
        assert found.verdict == verdict, found
        assert found.other_difference < 0.5


def test_the_share_is_that_of_the_means_with_other_differences_apart():
    rng = np.random.default_rng(0)
    real, shift = rng.normal(size=(4000, 3)), np.array([1.0, 0.0, 0.0])
    found = find_leak(real, real + shift, rng.normal(size=(4000, 3)) + [0.25, 0.0, 3.0])
    assert found.share == pytest.approx(
        0.25, abs=0.15
    )  # what lies off the line counts a little, too
    assert found.other_difference == pytest.approx(3.0, rel=0.1)
    assert found.verdict == "doubtful"
    assert (
        find_leak(real, real + 1e-3 * rng.normal(size=(4000, 3)), real[:500]).verdict == "unknown"
    )


def test_images_are_shown_with_the_draws_and_order_of_a_run():
    game = game_of("brighter,hole")
    gray = np.full((4, 16, 16, 3), 100, np.uint8)
    value = int(images.to_uint8(images.to_float(np.uint8([[[[100]]]])) + 0.25)[0, 0, 0, 0])
    assert set(np.unique(augmented(game, gray, 3, 0))) == {value}
    game.step.assign(3)
    wanted = game.augment_real(Batch(images.to_float(gray)), "disc")
    np.testing.assert_array_equal(augmented(game, gray, 3), images.to_uint8(wanted))
    assert int(game.step.numpy()) == 3
    assert (augmented(game, gray, 4) != augmented(game, gray, 3)).any()


def test_the_picture_has_originals_and_draws_in_their_places(tool, tmp_path, faces):
    out = tool(
        "--tricks=flip_images(1.0),brighter", "--rows=3", "--draws=2", "--step=10", "--out=p.png"
    )
    assert "p.png: 3 strips of 3 images" in out
    sheet = np.asarray(Image.open(tmp_path / "p.png"))
    head = 2 * images.LINE + 2  # two lines of text and the gap of the grid
    assert sheet.shape[0] == 3 * (head + 3 * 66) + 2 * 8
    from gan_zoo.config import Config

    shown = load_images(Config(data="files", data_dir=str(faces), image_size="16"), 3).images
    for k, image in enumerate(shown):
        top = head + k * 66
        big = images.enlarge(image, 64)
        np.testing.assert_array_equal(sheet[top : top + 64, 2:66], big)
        for column in range(1, 5):  # two draws at step 0 and two at step 10
            left = 2 + column * 66
            np.testing.assert_array_equal(sheet[top : top + 64, left : left + 64], big[:, ::-1])


def test_a_trick_is_shown_with_its_present_state():
    game, real = game_of("ada(most=1.0)"), discs(8, 0)
    np.testing.assert_array_equal(augmented(game, real, 0), real)  # it starts at p = 0
    game.tricks[0].variables[0].assign(1.0)
    changed = (augmented(game, real, 0) != real).any((1, 2, 3))
    assert changed.all()
    assert float(game.tricks[0].variables[0]) == 1.0, "looking leaves it as it was"


def test_tricks_that_cannot_be_shown_give_a_note(tool, tmp_path):
    out = tool(
        "--tricks=history_pool(8),clip_gradients,top_k,ada,ada(start=0.8)",
        "--batch=8",
        "--rows=2",
        "--draws=2",
    )
    assert "history_pool(8): changes the fakes that D learns from" in out
    for name in ("clip_gradients", "top_k"):
        assert f"{name}: changes losses, gradients or weights" in out
    assert "3 strips" in out
    (line,) = [line for line in out.splitlines() if "changes none" in line]
    assert line.startswith("ada: all images that D sees: changes none of these images at step 0; ")


def numbers(words):
    """Mean, min, max, flipped and the sign of per cent, as 0."""
    return [0.0 if word == "%" else float(word) for word in words]


def test_a_table_shows_the_targets(tool, tmp_path):
    lines = tool("--tricks=flip_labels(0.25),label_smooth(0.8)").splitlines()
    assert not (tmp_path / "preview.png").exists()  # nothing to draw
    rows = {
        (line.split("  ")[0].strip(), line.split("->")[0].split()[-2]): line.split("->")[1].split()
        for line in lines[1:]
    }
    mean, least, most, flipped, _ = numbers(rows["flip_labels(0.25)", "real"])
    assert (least, most) == (0, 1)
    assert mean == pytest.approx(0.75, abs=0.03) and flipped == pytest.approx(25, abs=3)
    mean, least, most, flipped, _ = numbers(rows["label_smooth(0.8)", "real"])
    assert (mean, least, most, flipped) == (0.8, 0.8, 0.8, 0)
    mean, _, most, flipped, _ = numbers(rows["all together", "fake"])
    assert (
        most == 0.8 and mean == pytest.approx(0.2, abs=0.03) and flipped == pytest.approx(25, abs=3)
    )


def test_the_samples_of_a_run_are_searched_for_tricks(
    tool, train, idle_step, tmp_path, monkeypatch, plugin
):
    assert train("--tricks=flip_images,instance_noise(0.5,decay_steps=2)", "--batch=4") == 0
    run = (f"--run={tmp_path / 'run'}", "--n=400", "--rows=2", "--draws=1")
    few = tool(*run, data=False, code=2)
    assert "96 images are too few" in few and "at least 192 are needed" in few
    assert (tmp_path / "run" / "preview.png").is_file()
    monkeypatch.setattr("gan_zoo.analysis.preview.MINIMUM", 8)
    out = tool(*run, data=False)
    assert "tricks in 400 samples of step 6, by features of embedded" in out
    assert "instance_noise(0.5, decay_steps=2), as at step 0: " in out  # where it has not decayed
    assert "flip_images, as at step 6: " in out and "it should be 100 %" in out
    noise = out.split("instance_noise(")[1].splitlines()[1]
    low, high = map(
        int, re.search(r"; 100 % planted -> .* interval (-?\d+) to (-?\d+)\)$", noise).groups()
    )
    assert low <= 100 <= high and high - low < 60, noise  # of its strength at step 0
    other = tool(*run, "--tricks=grain(0.3)", f"--plugins={plugin}", data=False)
    assert "grain(0.3), as at step 6: " in other and "flip_images" not in other
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"][
        "tricks"
    ].startswith("flip_images")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "there are no tricks to show"),
        (("--tricks=grain", "--out=p.jpg"), "must end in .png"),
        (("--tricks=grain", f"--step={10**20}"), "is not an integer in the range"),
        (("--run=nowhere", "--n=100"), "100 is not integer >= 192"),
        (("--tricks=grain", "--out=d.png"), "d.png is a folder"),
        (("--tricks=grian",), "did you mean"),
        (("--tricks=label_smooth", "--loss=hinge"), "changes targets"),
        (("--run=nowhere",), "is not a folder"),
        (("one",), "is not a flag"),
    ],
)
def test_bad_input_is_one_sentence(tool, words, said):
    Path("d.png").mkdir()
    assert said in tool(*words, code=2)
