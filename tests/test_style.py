"""The style-based pair: equal to the authors' code, and what is ours of it by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.contracts import Batch, DiscOutputs
from gan_zoo.game import build, sampling
from gan_zoo.layers import fir, networks_of_styles, style, truncated
from tests.authors import of_class, weights_and_outputs

SIZES = "width=2, max_width=6"


@pytest.fixture(scope="module")
def theirs():
    """Weights and outputs of stylegan2-ada-pytorch (d72cc7d) at 16 pixels: w of 5, two mapping layers.

    Noise is its constant one, groups of D's standard deviation have 2 images, and tanh follows G.
    """
    return weights_and_outputs("stylegan2_ada_pytorch")


def by_name(layers):
    """In the order in which they were made."""
    return sorted(layers, key=lambda layer: (len(layer.name), layer.name))


def kernel(weights):
    return np.transpose(weights, (2, 3, 1, 0))


def their_generator(weights):
    net = registry.generators.build(f"stylegan2({SIZES}, latent=5)", image_shape=(16, 16, 3))
    mapping, synthesis = networks_of_styles(net)
    for i, layer in enumerate(by_name(of_class(mapping, style.EqualizedDense))):
        layer.kernel.assign(weights[f"G.mapping.fc{i}.weight"].T)
        layer.bias.assign(weights[f"G.mapping.fc{i}.bias"])
    (start,) = of_class(synthesis, style.LearnedStart)
    start.map.assign(np.transpose(weights["G.synthesis.b4.const"], (1, 2, 0)))
    names = [
        f"G.synthesis.b{side}.{layer}"
        for side in (4, 8, 16)
        for layer in ("conv0", "conv1", "torgb")
        if (side, layer) != (4, "conv0")
    ]
    convolutions = by_name(of_class(synthesis, style.ModulatedConv2D))
    biases = by_name(of_class(synthesis, style.Bias))
    for name, layer, bias in zip(names, convolutions, biases, strict=True):
        layer.kernel.assign(kernel(weights[f"{name}.weight"]))
        layer.affine.assign(weights[f"{name}.affine.weight"].T)
        layer.affine_bias.assign(weights[f"{name}.affine.bias"])
        bias.bias.assign(weights[f"{name}.bias"])
    noisy = [name for name in names if "torgb" not in name]
    for name, layer in zip(noisy, by_name(of_class(synthesis, style.NoiseInput)), strict=True):
        layer.strength.assign(weights[f"{name}.noise_strength"])
        layer.fixed.assign(weights[f"{name}.noise_const"][..., None])
    return net


def test_generator_is_that_of_the_authors(theirs):
    weights, found = theirs
    net = their_generator(weights)
    assert sum(v.value.shape.num_elements() for v in net.trainable_variables) == 1220
    mapping, _ = networks_of_styles(net)
    np.testing.assert_allclose(mapping(found["z"]), found["w"][:, 0], atol=1e-5)
    images = np.transpose(found["img"], (0, 2, 3, 1))
    np.testing.assert_allclose(net(found["z"], training=False), images, atol=2e-5)


def test_path_lengths_are_those_of_the_authors(theirs, monkeypatch):
    weights, found = theirs
    net = their_generator(weights)
    step = tf.Variable(0, dtype=tf.int64)
    trick = registry.tricks.build("path_length(3.0, decay=0.75, every=1)", step=step, gens=[net])
    drawn = iter([found["z"], np.transpose(found["y"], (0, 2, 3, 1))])
    monkeypatch.setattr("gan_zoo.randomness.normal", lambda shape, seed: tf.constant(next(drawn)))
    monkeypatch.setattr(style.NoiseInput, "call", fixed_noise)
    fake = tf.zeros([8, 16, 16, 3])
    penalty = trick.gen_penalty(None, DiscOutputs(fake, fake, None, None), tf.zeros([2], tf.int64))
    average = 0.25 * found["lengths"].mean()
    np.testing.assert_allclose(trick.variables[0], average, rtol=1e-4)
    np.testing.assert_allclose(penalty, 3 * np.mean((found["lengths"] - average) ** 2), rtol=1e-4)


def fixed_noise(layer, x, training=False):
    return x + layer.fixed * layer.strength


def test_path_length_comes_every_so_often_and_wants_a_style_based_generator():
    net = registry.generators.build(f"stylegan2({SIZES}, latent=5)", image_shape=(8, 8, 1))
    step = tf.Variable(0, dtype=tf.int64)
    trick = registry.tricks.build("path_length(every=3)", step=step, gens=[net])
    fake, seed = tf.zeros([4, 8, 8, 1]), tf.constant([1, 2], tf.int64)
    seen = []
    for step_number in range(4):
        step.assign(step_number)
        seen.append(float(trick.gen_penalty(None, DiscOutputs(fake, fake, None, None), seed)))
    assert [value > 0 for value in seen] == [True, False, False, True]
    dense = registry.generators.build("dense((4,))", image_shape=(8, 8, 1))
    with pytest.raises(Exception, match="style-based"):
        registry.tricks.build("path_length", step=step, gens=[dense])


def test_discriminator_is_that_of_the_authors(theirs):
    weights, found = theirs
    net = registry.discriminators.build(f"stylegan2({SIZES}, group=2)", image_shape=(16, 16, 3))
    assert net.count_params() == 1497
    plain = by_name(of_class(net, style.EqualizedConv2D))
    biased = [layer for layer in plain if layer.use_bias]
    skips = [layer for layer in plain if not layer.use_bias]
    pairs = [
        *zip(biased, ("b16.fromrgb", "b16.conv0", "b8.conv0", "b4.conv"), strict=True),
        *zip(skips, ("b16.skip", "b8.skip"), strict=True),
        *zip(
            by_name(of_class(net, style.SmoothDownConv2D)), ("b16.conv1", "b8.conv1"), strict=True
        ),
    ]
    for layer, name in pairs:
        layer.kernel.assign(kernel(weights[f"D.{name}.weight"]))
        if layer.use_bias:
            layer.bias.assign(weights[f"D.{name}.bias"])
    first, last = by_name(of_class(net, style.EqualizedDense))
    flat = weights["D.b4.fc.weight"].reshape(6, 6, 4, 4)  # of [C, H, W]
    first.kernel.assign(np.transpose(flat, (2, 3, 1, 0)).reshape(96, 6))
    first.bias.assign(weights["D.b4.fc.bias"])
    last.kernel.assign(weights["D.b4.out.weight"].T)
    last.bias.assign(weights["D.b4.out.bias"])
    order = [0, 2, 1, 3]  # theirs has every other image in a group
    images = np.transpose(found["img"], (0, 2, 3, 1))[order]
    np.testing.assert_allclose(net(images), found["logits"][order], atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 5), (7, 4)])
def test_the_filter_doubles_and_halves_any_size(shape):
    x = np.random.default_rng(0).normal(size=(2, *shape, 3)).astype("float32")
    taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1])[:, :, None] / 64

    def filtered(large, margins, stride, gain):
        large = np.pad(large, [(0, 0), *margins, (0, 0)])
        rows, columns = ((n - 4) // stride + 1 for n in large.shape[1:3])
        return np.stack([
            np.stack([
                gain * (large[:, stride * i : stride * i + 4, stride * j : stride * j + 4] * taps).sum((1, 2))
                for j in range(columns)
            ], 1)
            for i in range(rows)
        ], 1)  # fmt: skip

    apart = np.zeros((2, 2 * shape[0], 2 * shape[1], 3))
    apart[:, ::2, ::2] = x
    doubled = fir.SmoothUpsample2D()(x)
    np.testing.assert_allclose(doubled, filtered(apart, [(2, 1), (2, 1)], 1, 4), atol=1e-6)
    margins = [(1, 1 + n % 2) for n in shape]
    halved = fir.SmoothDownsample2D()(x)
    assert halved.shape[1:3] == tuple(-(-n // 2) for n in shape)
    np.testing.assert_allclose(halved, filtered(x, margins, 2, 1), atol=1e-6)


def test_styles_are_mixed_from_a_layer_on_in_training_only():
    layer = style.Styles(6, mixing=0.75)
    w, other = tf.zeros([400, 3]), tf.ones([400, 3])
    mixed = layer(w, other, training=True).numpy()
    assert mixed.shape == (400, 6, 3)
    assert (mixed[:, 0] == 0).all() and (np.diff(mixed, axis=1) >= 0).all()
    assert (mixed == mixed[:, :, :1]).all()  # whole styles
    shares = [(mixed[:, k, 0] == 1).mean() for k in range(6)]
    np.testing.assert_allclose(shares, [0.75 * k / 5 for k in range(6)], atol=0.09)
    assert (layer(w, other, training=True).numpy() != mixed).any()
    assert (layer(w, other, training=False).numpy() == 0).all()


def test_truncation_brings_styles_nearer_to_their_average():
    layer = style.Styles(2, decay=0.5)
    w = tf.constant([[1.0, 3.0], [3.0, 5.0]])
    layer(w, training=True)
    layer(w, training=True)
    average = np.array([2.0, 4.0]) * 0.75
    x = keras.Input((2,))
    net = keras.Model(x, layer(x))
    with truncated(net, 0.5) as found:
        assert found
        seen = net(w, training=False).numpy()
    np.testing.assert_allclose(seen[:, 0], average + 0.5 * (w.numpy() - average))
    np.testing.assert_allclose(net(w, training=False)[:, 1], w)
    with truncated(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]), 0.5) as found:
        assert not found


def test_truncated_samples_are_less_varied():
    for gen in (f"stylegan2({SIZES}, latent=5)", "dense((4,))"):
        config = Config(gen=gen, disc="dense((4,))", image_size="8", ema=0.5, batch=4)
        game = build.build_game(config, (8, 8, 3))
        spreads = [
            sampling.sample(game, 16, 1, truncation=psi).std(0).mean() for psi in (1.0, 0.5, 0.0)
        ]
        assert spreads[0] > spreads[1] > spreads[2] == 0


def test_a_step_moves_all_weights_and_the_average_of_styles():
    config = Config(
        gen=f"stylegan2({SIZES}, latent=5)", disc=f"stylegan2({SIZES})", image_size="8", batch=4,
        ema=0.9, tricks="r1(0.1, every=2), path_length(every=2)",
    )  # fmt: skip
    game = build.build_game(config, (8, 8, 3))
    before = [v.numpy() for v in game.gen.trainable_variables]
    images = tf.random.stateless_uniform([4, 8, 8, 3], [0, 0], -1, 1)
    for _ in range(2):  # the strengths of noise are 0 at first
        game.update.run(game, Batch(images))
    for variable, old in zip(game.gen.trainable_variables, before, strict=True):
        assert (variable.numpy() != old).any(), variable.path
    (styles,) = of_class(game.gen, style.Styles)
    assert np.abs(styles.mean.numpy()).max() > 0


def test_the_same_noise_gives_the_same_image_and_training_draws_other_noise_inputs():
    net = registry.generators.build(
        f"stylegan2({SIZES}, latent=5, mixing=0)", image_shape=(8, 8, 1)
    )
    for layer in of_class(networks_of_styles(net)[1], style.NoiseInput):
        layer.strength.assign(1.0)
    z = tf.random.stateless_normal([2, 5], [0, 0])
    first, second = (net(z, training=False).numpy() for _ in range(2))
    assert (first == second).all()
    first, second = (net(tf.concat([z, z], 0), training=True).numpy() for _ in range(2))
    assert (first != second).any()
    assert (first[:2] != first[2:]).any()
