"""Pictures projected into what a generator can make, and training ones against held-out ones."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import images, registry
from gan_zoo.analysis import recovery
from gan_zoo.analysis.projection import Projection, _keep_among, project
from gan_zoo.analysis.projection_report import projection_sheet
from gan_zoo.analysis.subject import find_subject
from gan_zoo.config import Config
from gan_zoo.contracts import Classes
from gan_zoo.errors import UserError
from gan_zoo.evaluation.pixels import over_black_and_white
from gan_zoo.game import build, sampling

DENSE, STYLES = "dense((16,), latent=4)", "stylegan2(width=4, max_width=4, latent=4)"


def build_extractor(spec="random_conv(size=8)"):
    return registry.extractors.build(spec, cache_dir="")


@functools.cache  # what is compiled for a game is kept with it
def game_of(gen):
    config = Config(gen=gen, disc="dense((4,))", image_size="8", batch=4)
    return build.build_game(config, (8, 8, 3))


@pytest.mark.parametrize(("gen", "space"), [(DENSE, "z"), (STYLES, "w")])
def test_samples_come_back(gen, space):
    game = game_of(gen)
    own = sampling.sample(game, 3, seed=9)
    found = project(game, own, build_extractor(), steps=80, starts=2, samples=16, seed=1)
    assert found.space == space
    assert found.distance.max() < 0.01 and (found.distance < 0.5 * found.before).all()
    assert (found.distance == found.starts.min(1)).all()
    difference = found.images.astype(float) - own
    np.testing.assert_allclose(found.gray_levels, np.sqrt((difference**2).mean((1, 2, 3))))
    assert found.gray_levels.max() < 0.25 * own.std(0).mean()


def test_the_latents_make_the_images():
    game = game_of(DENSE)
    own = sampling.sample(game, 2, seed=9)
    found = project(game, own, build_extractor(), steps=3, starts=2, samples=8)
    made = sampling.generate(game, found.latents).astype(int)
    assert np.abs(made - found.images).max() <= 1


def test_what_is_found_does_not_depend_on_other_pictures():
    game = game_of(DENSE)
    own = sampling.sample(game, 3, seed=9)
    settings = {"steps": 5, "starts": 2, "samples": 8}
    together = project(game, own, build_extractor(), **settings)
    alone = project(game, own[2:], build_extractor(), **settings)
    np.testing.assert_allclose(alone.latents[0], together.latents[2], atol=1e-4)


def test_a_class_is_kept():
    classes = Classes("kind", ("a", "b"), (5, 5), "")
    config = Config(
        gen=DENSE, disc="dense((4,))", image_size="8", batch=4, condition="projection('kind')"
    )
    game = build.build_game(config, (8, 8, 3), classes)
    own = sampling.sample(game, 2, seed=9)
    found = project(game, own, build_extractor(), steps=2, starts=2, samples=8, label="b")
    assert found.labels.tolist() == [1, 1]
    made = sampling.generate(game, found.latents, found.labels).astype(int)
    assert np.abs(made - found.images).max() <= 1


def test_noise_stays_among_that_of_samples():
    z = np.array([[3.0, 0.0], [0.0, 4.0], [-2.0, 1.0]], np.float32)
    kept = _keep_among(z)(tf.constant([[9.0, 0.0], [4.0, 4.0], [-3.0, 0.0], [0.5, 0.5]])).numpy()
    np.testing.assert_allclose(kept, [[4, 0], [8**0.5, 8**0.5], [-2, 0], [0.5, 0.5]], rtol=1e-6)


def test_impossible_projections_are_refused():
    game, extractor = game_of(DENSE), build_extractor()
    with pytest.raises(UserError, match="uint8"):
        project(game, np.zeros((1, 8, 8, 3), np.float32), extractor)
    with pytest.raises(UserError, match="8, 8, 3"):
        project(game, np.zeros((1, 8, 9, 3), np.uint8), extractor)
    pictures = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(UserError, match="no gradient"):
        project(game, pictures, extractor._replace(differentiable=None))
    with pytest.raises(UserError, match="--space=w"):
        project(game, pictures, extractor, space="w")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("spec", "size"), [("embedded", 64), ("random_conv(size=16)", 16)])
def test_features_with_a_gradient_are_the_features(spec, size, channels):
    shown = np.random.default_rng(0).integers(0, 256, (2, size, size, channels), np.uint8)
    extractor = build_extractor(spec)
    extractor = over_black_and_white(extractor) if channels == 4 else extractor
    x = tf.constant(images.to_float(shown))
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = extractor.differentiable(x)
    tolerance = 2e-2 if channels == 4 else 1e-4  # RGBA is rounded over each background
    np.testing.assert_allclose(found, extractor.features(shown), atol=tolerance, rtol=tolerance)
    assert np.abs(tape.gradient(found, x)).max() > 0


def projection(distance, pictures=None):
    shown = np.zeros((len(distance), 4, 4, 3), np.uint8) if pictures is None else pictures
    distance = np.asarray(distance, float)
    return Projection(
        shown, shown, np.zeros((len(distance), 2)), None, "z", distance, distance + 1,
        distance[:, None], distance,
    )  # fmt: skip


def test_training_pictures_are_compared_with_held_out_ones(train, idle_step, monkeypatch):
    assert train("--steps=2", "--holdout=0.5", "--extractor=random_conv") == 0
    subject = find_subject(train.folder)
    data, _ = recovery.load_real(subject)
    known, _ = build.split_rows(subject.config, len(data.images))
    trained = {data.images[row].tobytes() for row in known}
    factors = [1.0, 2.0, 0.5]

    def found(game, pictures, extractor, **settings):
        is_known = np.array([picture.tobytes() in trained for picture in pictures])
        assert is_known.sum() == 20
        assert extractor.name == "random_conv" and settings == {"seed": 0, "ema": True, "steps": 7}
        distance = np.tile(np.linspace(1, 1.2, 20), 2) * np.where(is_known, factors[-1], 1)
        return projection(distance, pictures)

    monkeypatch.setattr(recovery, "project", found)
    result = recovery.find_recovery(subject, n=20, steps=7)
    assert result.source == "--holdout=0.5" and result.step == 2
    assert result.gap == pytest.approx(0.5)
    assert result.worse[0] == 1 and result.worse[1] > 0.5
    for verdict in ("memorized", "exchanged", "no evidence"):
        result = recovery.find_recovery(subject, n=20, steps=7)
        assert verdict in recovery.recovery_lines(result)[-1]
        factors.pop()


def test_a_sheet_has_picture_projection_and_difference():
    shown = np.full((2, 4, 4, 3), 100, np.uint8)
    found = projection([1, 1], shown)._replace(images=shown + np.uint8(40))
    sheet = projection_sheet([("", found)], size=300)
    assert max(sheet.shape) >= 300
    row = sheet[sheet.shape[0] // 4, :, 0]
    colors = [value for value in dict.fromkeys(row.tolist()) if value != 255]
    assert colors == [100, 140, 148]


def test_a_command_projects_pictures(train, idle_step, tool, tmp_path, refused):
    assert train("--steps=2") == 0
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        images.save_png(folder / f"{i}.png", np.full((20, 16, 3), 80 * i, np.uint8))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    settings = [f"--run={train.folder}", "--steps=1", "--starts=1"]
    out = tool("project", folder / "2.png", folder, *settings, "--out=sheet.png", "--n=9")
    assert "1 pictures in" in out and "broken.png" in out
    assert "4 of 4 pictures were resized to 16x16" in out
    record = json.loads((tmp_path / "sheet.json").read_text())
    assert [p["picture"] for p in record["pictures"]][1:] == ["0.png", "1.png", "2.png"]
    assert record["pictures"][0]["distance"] == pytest.approx(record["pictures"][3]["distance"])
    assert "--run=RUN" in tool("project", folder, code=2)
    assert "--held_out is for" in tool("project", folder, "--held_out=mnist", *settings, code=2)
    assert "there is no" in tool("project", tmp_path / "none.png", *settings, code=2)
    assert "exists already" in tool("project", folder, "--out=sheet.png", *settings, code=2)
