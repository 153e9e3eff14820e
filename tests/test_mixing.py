"""Styles of one image in some layers of another, and walks between styles."""

import keras
import numpy as np
import pytest

from gan_zoo.config import Config
from gan_zoo.errors import UserError
from gan_zoo.game import build, sampling
from gan_zoo.game.styles import require_styles
from gan_zoo.layers import networks_of_styles
from gan_zoo.layers.style import ModulatedConv2D
from gan_zoo.media import interpolate, mixing
from gan_zoo.media.mixing import bands_of, mixed_styles, mixing_sheet

GEN = "stylegan2(width=2, max_width=4, latent=4)"


def build_game(gen=GEN, side=16):
    config = Config(gen=gen, disc="dense((4,))", image_size=str(side), batch=4)
    return build.build_game(config, (side, side, 3))


@pytest.mark.parametrize(
    ("layers", "ends"), [(12, [3, 7, 12]), (10, [3, 7, 10]), (8, [3, 5, 8]), (4, [1, 4]), (2, [2])]
)
def test_bands_end_after_the_convolutions_of_a_size(layers, ends):
    bands = bands_of(layers)
    assert [name for name, _ in bands] == ["coarse", "middle", "fine"][: len(ends)]
    assert [part.stop for _, part in bands] == ends
    assert [part.start for _, part in bands] == [0, *ends[:-1]]


def test_a_band_has_the_convolutions_of_its_sizes():
    synthesis = networks_of_styles(build_game().gen)[1]
    convolutions = [
        (layer.index, layer.output.shape[1])
        for layer in synthesis.layers
        if isinstance(layer, ModulatedConv2D) and layer.demodulate
    ]
    sizes = [
        {size for index, size in convolutions if index in range(6)[part]} for _, part in bands_of(6)
    ]
    assert sizes == [{4}, {8}, {16}]


def test_each_band_of_a_mixed_image_is_of_its_source():
    sources = np.arange(2)[:, None, None] + np.zeros((2, 6, 1))
    changed = np.array([10, 20, 30])[:, None, None] + np.zeros((3, 6, 1))
    mixed = mixed_styles(sources, changed, bands_of(6))[..., 0]
    assert mixed.tolist() == [
        [0, 10, 10, 10, 10, 10],
        [1, 10, 10, 10, 10, 10],
        [20, 0, 0, 20, 20, 20],
        [20, 1, 1, 20, 20, 20],
        [30, 30, 30, 0, 0, 0],
        [30, 30, 30, 1, 1, 1],
    ]


def test_styles_make_the_images_of_their_noise():
    game = build_game()
    parts = require_styles(game, "this")
    parts_mean = game.gen.get_layer("styles").mean
    parts_mean.assign(np.array([0.5, -1, 0, 1]))
    z = sampling.sample_noise(game, 3, 1)
    for truncation in (1.0, 0.5):
        w = require_styles(game, "this").styles(z, None, truncation)
        made = parts.generate(w[:, None].repeat(parts.layers, axis=1)).astype(int)
        wanted = sampling.generate(game, z, truncation=truncation)
        assert np.abs(made - wanted).max() <= 1
    with pytest.raises(UserError, match="--space=w is for a style-based"):
        require_styles(build_game("dense((4,))", 8), "--space=w")


def test_a_sheet_has_sources_above_and_the_changed_at_the_left():
    sources, changed, mixed = (
        np.full((n, 4, 4, 3), value, np.uint8) for n, value in ((2, 10), (2, 20), (4, 30))
    )
    sheet = mixing_sheet(sources, changed, mixed, ["coarse", "fine"], 0)
    cells = sheet[:, -20:]  # without the names
    assert cells[4::6, 4::6, 0].tolist() == [[255, 10, 10], [20, 30, 30], [20, 30, 30]]


class OfGame:
    """In place of a run, which would have to be trained."""

    def __init__(self, game):
        self.game, self.config = game, Config()

    def restore(self, step=None, *, best=False):
        return self.game, 2


def test_a_run_is_mixed_and_walked_between_styles(tmp_path, monkeypatch):
    game = build_game(side=8)
    monkeypatch.setattr(mixing, "Run", lambda folder: OfGame(game))
    monkeypatch.setattr(interpolate, "Run", lambda folder: OfGame(game))
    found = mixing.mix_run(tmp_path, rows=1, columns=2, size=0, seed=4)
    assert (found.path.name, found.bands, found.step) == ("mix.png", ("coarse", "middle"), 2)
    sheet = np.asarray(keras.utils.load_img(found.path))[:, -(2 + 10 * 3) :].astype(int)
    first = sampling.sample(game, 1, seed=4)[0]
    assert np.abs(sheet[2:10, 12:20] - first).max() <= 1

    settings = {"n": 2, "steps": 2, "loop": False, "size": 0, "seed": 4}
    sheets = {}
    for space, method in (("z", "slerp"), ("w", "linear")):
        path = tmp_path / f"{space}.png"
        walk = interpolate.interpolate_run(tmp_path, path, space=space, **settings)
        sheets[space] = np.asarray(keras.utils.load_img(path)).astype(int)
        assert (walk.space, walk.method) == (space, method)
    apart = np.abs(sheets["z"] - sheets["w"]).max((0, 2))
    assert apart[[*range(2, 10), *range(22, 30)]].max() <= 1  # the corners
    assert apart[12:20].max() > 1
