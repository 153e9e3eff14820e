"""Directions of noise and style that are found without labels."""

import keras
import numpy as np
import pytest

from gan_zoo import cli, registry
from gan_zoo.commands import directions as command
from gan_zoo.layers.style import ModulatedConv2D, styles_of
from gan_zoo.media.directions import directions_of_run, find_directions
from gan_zoo.runs.run import open_run


def test_the_first_direction_is_the_one_with_the_largest_weights():
    net = registry.generators.build("dense((5,), latent=4)", image_shape=(8, 8, 1))
    first = next(layer for layer in net.layers if hasattr(layer, "kernel"))
    planted = np.array([[0, 0.6, 0.8, 0], [1, 0, 0, 0]])
    first.kernel.assign(
        np.outer(planted[0], [3, 0, 0, 0, 0]) + np.outer(planted[1], [0, 1, 0, 0, 0])
    )
    vectors, shares = find_directions(net, 2)
    np.testing.assert_allclose(np.abs(vectors), planted, atol=1e-6)
    np.testing.assert_allclose(shares, [0.9, 0.1], atol=1e-6)
    with pytest.raises(ValueError, match="4 directions"):
        find_directions(net, 5)


def test_styles_count_all_their_layers():
    net = registry.generators.build(
        "stylegan2(width=2, max_width=2, latent=3)", image_shape=(8, 8, 1)
    )
    synthesis = net.get_layer("synthesis")
    layers = [layer for layer in synthesis.layers if isinstance(layer, ModulatedConv2D)]
    for layer in layers:
        layer.affine.assign(np.zeros((3, layer.affine.shape[1])))
    layers[0].affine.assign(np.array([[2.0, 0], [0, 0], [0, 0]]))
    for layer in layers[1:3]:
        layer.affine.assign(np.array([[0.0, 0], [0, 0], [0, 2]]))
    vectors, shares = find_directions(net, 2)
    np.testing.assert_allclose(np.abs(vectors), [[0, 0, 1], [1, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3], atol=1e-6)
    assert (styles_of(net)[0].offset.numpy() == 0).all()


def test_images_as_noise_have_none():
    z = keras.Input((8, 8, 1))
    net = keras.Model(z, keras.layers.Conv2D(1, 3, padding="same")(z))
    with pytest.raises(ValueError, match="does not begin with"):
        find_directions(net, 1)


@pytest.mark.parametrize(
    ("gen", "space"),
    [("dense((8,))", "noise"), ("stylegan2(width=2, max_width=4, latent=4)", "style")],
)
def test_a_sheet_of_a_run_goes_through_the_sample_of_its_seed(train, idle_step, gen, space):
    assert train(f"--gen={gen}", "--disc=dense((8,))", "--steps=2") == 0
    found = directions_of_run(train.folder, number=2, steps=3, size=0, seed=4)
    assert (found.path.name, found.space, found.step) == ("directions.png", space, 2)
    sheet = np.asarray(keras.utils.load_img(found.path))
    sample = open_run(train.folder).sample(1, seed=4)[0].astype(int)
    cells = [
        np.abs(sheet[y : y + 16, x : x + 16].astype(int) - sample).max()
        for y in range(sheet.shape[0] - 15)
        for x in range(sheet.shape[1] - 15)
    ]
    assert sum(cell <= 1 for cell in cells) == 2  # the middle of both rows, and no other


def test_bad_spans_are_refused_in_a_sentence(tmp_path, capsys):
    words = [str(tmp_path), "--span=nan"]
    code = cli.call(command.main, command.define_flags, command.__doc__, words)
    assert code == 2 and "--span=nan" in capsys.readouterr().err
