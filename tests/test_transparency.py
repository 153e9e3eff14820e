"""Runs of four channels: what nets see, what is written, how it is scored, what tricks may change."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gan_zoo import images, registry
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.errors import UserError
from gan_zoo.evaluation.evaluate import left_out
from gan_zoo.evaluation.pixels import pixel_vectors
from gan_zoo.evaluation.snapshot import real_statistics, score_snapshot
from gan_zoo.evaluation.spectrum import spectrum
from gan_zoo.game import build
from gan_zoo.game.chunk import _to_float
from gan_zoo.tricks import transforms

RNG = np.random.default_rng(0)
SEED = tf.constant([5, 0], tf.int64)


def sprites(count=48, side=16):
    """Discs of random color, place and opacity, RGBA uint8 [N, H, W, 4]."""
    made, (y, x) = np.zeros((count, side, side, 4), np.uint8), np.mgrid[:side, :side]
    for image in made:
        cy, cx = RNG.uniform(5, side - 5, 2)
        inside = (y - cy) ** 2 + (x - cx) ** 2 < 20
        image[inside] = [*RNG.integers(0, 255, 3), RNG.integers(60, 256)]
    return made


# ---- what nets see


def test_nets_see_colors_times_opacity_and_files_have_them_without():
    given = np.uint8([[[[255, 0, 51, 255], [255, 0, 51, 51], [255, 0, 51, 0]]]])
    wanted = [[1, -1, -0.6, 1], [-0.6, -1, -0.92, -0.6], [-1, -1, -1, -1]]
    np.testing.assert_allclose(images.to_float(given)[0, 0], wanted, atol=1e-6)
    np.testing.assert_allclose(_to_float(tf.constant(given))[0, 0], wanted, atol=1e-6)
    back = [[255, 0, 51, 255], [255, 0, 51, 51], [0, 0, 0, 0]]
    np.testing.assert_array_equal(images.to_uint8(images.to_float(given))[0, 0], back)
    # What no picture has, a color above its opacity, is cut off.
    np.testing.assert_array_equal(
        images.to_uint8(np.float32([[[3, -3, 0, 0]]])), [[[255, 0, 254, 128]]]
    )


def test_every_transparent_color_survives_the_way_there_and_back():
    color, opacity = np.meshgrid(np.arange(256), np.arange(1, 256))
    every = np.stack([color, 255 - color, color // 2, opacity], -1).astype(np.uint8)
    np.testing.assert_array_equal(images.to_uint8(images.to_float(every)), every)


@pytest.mark.parametrize("channels", [2, 5, -1])
def test_other_numbers_of_channels_are_refused(channels):
    with pytest.raises(UserError, match=r"--channels=.*4 .color with transparency"):
        Config(channels=channels)


# ---- pictures


def test_pictures_stand_on_a_checkerboard_of_grays_that_show_black_and_white():
    picture = np.zeros((1, 16, 16, 4), np.uint8)
    picture[0, :8, :, :] = (200, 100, 0, 255)
    picture[0, 8:12] = (255, 255, 255, 51)
    board = images.shown(picture)[0]
    assert (board[:8] == (200, 100, 0)).all()
    assert board[12, :4, 0].tolist() == [160, 160, 112, 112]
    assert board[14, :4, 0].tolist() == [112, 112, 160, 160]
    assert board[8, :4, 0].tolist() == [179, 179, 141, 141]  # a fifth of white
    sheet = images.grid(picture, gap=1)
    assert sheet.shape == (18, 18, 3)
    np.testing.assert_array_equal(sheet[1:-1, 1:-1], board)
    opaque = RNG.integers(0, 256, (2, 4, 4, 3), np.uint8)
    assert images.shown(opaque) is opaque


# ---- tricks

COLORS = {
    "brightness": lambda x: transforms.brightness(x, tf.constant([0.5, -0.3])),
    "contrast": lambda x: transforms.contrast(x, tf.constant([1.4, 0.5])),
    "contrast about gray": lambda x: transforms.contrast(x, tf.constant([1.4, 0.5]), 0.0),
    "saturation": lambda x: transforms.saturation(x, tf.constant([1.9, 0.2])),
}


@pytest.mark.parametrize("name", COLORS)
def test_transforms_of_colors_change_only_what_can_be_seen(name):
    x = images.to_float(sprites(2))
    made = COLORS[name](tf.constant(x)).numpy()
    np.testing.assert_array_equal(made[..., 3], x[..., 3])
    hidden = x[..., 3] == -1
    np.testing.assert_allclose(made[hidden], -1, atol=1e-6)
    assert np.abs(made - x)[~hidden].max() > 0.05
    opaque = RNG.uniform(-1, 1, (2, 6, 6, 3)).astype(np.float32)
    with_opacity = np.concatenate([opaque, np.ones((2, 6, 6, 1), np.float32)], -1)
    np.testing.assert_allclose(
        COLORS[name](tf.constant(with_opacity))[..., :3],
        COLORS[name](tf.constant(opaque)),
        atol=1e-5,
    )


@pytest.mark.parametrize("spec", ["diff_augment('translation')", "diff_augment('cutout')"])
def test_moved_and_cut_pictures_are_transparent_where_nothing_is(spec):
    x = tf.ones([300, 8, 8, 4])
    trick = registry.tricks.build(
        spec, step=None, image_shape=(8, 8, 4), seed=0, batch=8, disc=None
    )
    made = trick.images(x, SEED).numpy().reshape(-1, 4)
    empty = (made == -1).all(-1)
    assert 0.05 < empty.mean() < 0.5
    assert (made[~empty] == 1).all()


def test_ada_gives_pictures_that_can_be():
    """A color is never above its opacity but by the brightness and contrast of what is seen."""
    trick = registry.tricks.build(
        "ada(start=0.8)", step=None, image_shape=(16, 16, 4), seed=0, batch=8, disc=None
    )
    x = tf.constant(images.to_float(sprites(24)))
    made = trick.images(x, SEED).numpy()
    hidden = made[..., 3] < -1 + 1e-6
    assert 0.3 < hidden.mean() < 0.95
    np.testing.assert_allclose(made[hidden], -1, atol=1e-5)
    assert np.abs(made - x).max() > 0.5


# ---- scores


def extractor_of(real):
    return build.build_extractor(Config(extractor="random_conv(size=16)"), real.shape[3])


def score(real, fake):
    extractor = extractor_of(real)
    data = Dataset("sprites", real, {}, {}, "0" * 64, "none")
    results = score_snapshot(real_statistics(data, extractor), fake, extractor)
    return {result.stamp.metric: result.value for result in results}


@pytest.mark.parametrize("background", [0, 255, 128])
def test_no_fault_hides_in_the_color_of_a_background(background):
    """A smear of black does not show over black, one of white not over white."""
    real = sprites(64)
    smeared = real.copy()
    smeared[real[..., 3] == 0] = (background, background, background, 130)
    found = score(real, smeared)
    same = score(real, real[::-1].copy())
    assert found["FD-random_conv-rgba"] > 100 * abs(same["FD-random_conv-rgba"]) + 0.01
    assert abs(found["spectrum-high"]) > 0.1 > abs(same["spectrum-high"])
    assert (pixel_vectors(real, 8) != pixel_vectors(smeared, 8)).any(axis=1).all()


def test_gray_sprites_have_a_spectrum():
    """Over gray they would vanish: as the mean over black and white, too."""
    gray = sprites(4)
    gray[gray[..., 3] > 0] = (128, 128, 128, 255)
    flat = np.zeros_like(gray)
    assert spectrum(gray).radial[0] > 1e6 * spectrum(flat).radial[0]


def test_scores_with_transparency_have_a_name_and_a_protocol_of_their_own():
    real = sprites(8)
    data = Dataset("sprites", real, {}, {}, "0" * 64, "none")
    wide, plain = extractor_of(real), extractor_of(real[..., :3])
    assert (wide.name, plain.name) == ("random_conv-rgba", "random_conv")
    assert wide.resize == f"{plain.resize} over black and white"
    assert wide.features(real).shape[1] == 2 * plain.features(real[..., :3]).shape[1]
    sentences = left_out(data, wide, 8)
    assert sentences[0] == "SWD is left out: it wants 3 channels and the images have 4."
    assert "transparent images are scored over two backgrounds" in sentences[1]
    with pytest.raises(UserError, match="1 or 3"):
        plain.features(real)


# ---- a run


@pytest.fixture(scope="module")
def trained(tmp_path_factory, train_for_all):
    folder = tmp_path_factory.mktemp("rgba")
    np.savez(folder / "sprites.npz", images=sprites())
    more = ("--extractor=random_conv(size=16)", "--eval_every=2", "--eval_samples=24")
    more += ("--steps=2", "--holdout=0.25")
    return train_for_all(
        folder / "run", f"--data_dir={folder / 'sprites.npz'}", "--channels=4", *more
    )


def test_a_run_writes_transparent_samples_and_opaque_grids(trained, tool, tmp_path):
    assert images.read(trained / "samples" / "00000002.png").shape[2] == 3
    out = tool("sample", trained, "--n=3", "--out=single")
    assert "checkerboard" not in out
    files = sorted((tmp_path / "single").iterdir())
    modes = [(image.mode, image.size) for image in map(Image.open, files)]
    assert modes == [("RGBA", (16, 16))] * 3
    tool("sample", trained, "--n=3", "--out=a.npz")
    drawn = np.load("a.npz")["images"]
    np.testing.assert_array_equal(drawn, [np.asarray(Image.open(file)) for file in files])
    assert "over a checkerboard, and with --out=FOLDER or a .npz" in tool(
        "sample", trained, "--n=3"
    )
    tool("interpolate", trained, "--n=2", "--steps=2", "--out=walk.gif", "--size=32")
    with Image.open("walk.gif") as film:
        assert film.convert("RGBA").getchannel("A").getextrema() == (255, 255)


def test_a_run_is_scored_and_looked_at_for_copies(trained, tool):
    lines = [json.loads(line) for line in (trained / "evaluations.jsonl").read_text().splitlines()]
    metrics = {line["metric"] for line in lines}
    assert {"FD-random_conv-rgba", "KD-random_conv-rgba", "recall-random_conv-rgba"} <= metrics
    found = tool("memorization", trained, "--n=12", "--pairs=2", "--out=pairs.png")
    assert "In features of random_conv-rgba" in found
    tool("sample", trained, "--n=24", "--out=b.npz")
    assert "FD-random_conv-rgba" in tool(
        "evaluate", "b.npz", f"--data_dir={trained.parent / 'sprites.npz'}", "--channels=4",
        "--image_size=16", "--extractor=random_conv(size=16)",
    )  # fmt: skip


def test_an_export_says_how_its_images_become_a_png(trained, tool, tmp_path, monkeypatch):
    tool("export", trained, "--format=keras", "--out=made")
    record = json.loads((tmp_path / "made" / "model.json").read_text())
    assert record["output"]["channels"].startswith("red, green and blue, each times the opacity")
    text = (tmp_path / "made" / "README.md").read_text()
    monkeypatch.chdir(tmp_path / "made")
    scope = {}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, scope)
    np.testing.assert_array_equal(np.asarray(Image.open("image.png")), scope["rgba"][0])
    np.testing.assert_allclose(images.to_uint8(scope["images"]), scope["rgba"], atol=1)
