"""The nets and layers of the zoo against closed forms, the papers' tables, and each other."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import layers, registry
from gan_zoo.config import Config
from gan_zoo.contracts import Batch
from gan_zoo.errors import UserError
from gan_zoo.game import build
from gan_zoo.generators.lightweight import excite
from tests.test_parts import NARROW
from tests.test_replicas import assert_same, weights


def random(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def fill(net, seed=0):
    """Give every weight of a net a random value, as zeros and ones hide mistakes."""
    rng = np.random.default_rng(seed)
    for variable in net.variables:
        if variable.dtype == "float32":
            variable.assign(rng.uniform(0.3, 1.0, variable.shape))
    return net


def normed(x, axes):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


@pytest.mark.parametrize(("kind", "axes"), [("layer", (1, 2, 3)), ("instance", (1, 2))])
def test_layer_and_instance_norm_share_statistics_over_their_axes_and_scale_by_channel(kind, axes):
    x = 3 + 2 * random((2, 4, 5, 3))
    image = keras.Input((4, 5, 3))
    net = fill(keras.Model(image, layers.normalize(image, kind)))
    gamma, beta = (v.numpy() for v in net.trainable_variables)
    assert gamma.shape == beta.shape == (3,)
    np.testing.assert_allclose(
        net(x, training=True), normed(x, axes) * gamma + beta, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("table", ["generators", "discriminators"])
@pytest.mark.parametrize(
    ("norm", "counts"),
    [
        ("'batch'", {"BatchNorm"}),
        ("'layer'", {"layer"}),
        ("'instance'", {"instance"}),
        ("'none'", set()),
        ("True", {"BatchNorm"}),
        ("False", set()),
    ],
)
def test_the_norm_of_a_dcgan_is_what_its_option_says(table, norm, counts):
    net = registry.tables[table].build(f"dcgan(width=4, norm={norm})", image_shape=(16, 16, 3))
    found = {
        "BatchNorm"
        if isinstance(layer, layers.BatchNorm)
        else {1: "layer", layer.output.shape[-1]: "instance"}[layer.groups]
        for layer in net.layers
        if isinstance(layer, (layers.BatchNorm, keras.layers.GroupNormalization))
    }
    assert found == counts
    hidden = [layer for layer in net.layers if layer.name.startswith("conv2d")][
        -2 if table == "generators" else -1 :
    ]
    assert hidden[0].use_bias == (not counts)  # a norm's shift makes a bias idle


def test_the_options_of_a_dcgan_are_checked():
    for table, spec, said in (
        (
            "generators",
            "dcgan(norm='group')",
            "norm='group' must be one of batch, layer, instance, none",
        ),
        ("discriminators", "dcgan(norm='group')", "norm='group' must be one of"),
        ("generators", "dcgan(up='resize')", "up='resize' must be transposed, nearest or bilinear"),
        ("generators", "dcgan(up=True)", "up=True must be transposed"),
    ):
        with pytest.raises(UserError, match=said):
            registry.tables[table].build(spec, image_shape=(16, 16, 3))


def test_doubling_gives_the_known_values():
    x = np.array([[0.0, 4.0], [8.0, 12.0]], np.float32)[None, :, :, None]
    nearest = np.array([[0, 0, 4, 4], [0, 0, 4, 4], [8, 8, 12, 12], [8, 8, 12, 12]])
    np.testing.assert_array_equal(layers.Upsample2D(2)(x)[0, :, :, 0], nearest)
    # Pixel centers of the larger map lie at a quarter and at three quarters between those of the
    # smaller one.
    bilinear = np.add.outer([0, 2, 6, 8], [0, 1, 3, 4])
    np.testing.assert_allclose(
        layers.Upsample2D(2, interpolation="bilinear")(x)[0, :, :, 0], bilinear
    )


def two_steps(layer, x):
    """What UpConv2D and DownConv2D stand for, step by step, with their weights."""
    kernel, bias = layer.kernel.value, layer.bias.value
    if isinstance(layer, layers.UpConv2D):
        return tf.nn.conv2d(np.repeat(np.repeat(x, 2, 1), 2, 2), kernel, 1, "SAME") + bias
    return tf.nn.avg_pool2d(tf.nn.conv2d(x, kernel, 1, "SAME") + bias, 2, 2, "SAME")


@pytest.mark.parametrize("size", [(6, 8), (5, 8), (5, 7)])
@pytest.mark.parametrize("kernel", [1, 3, 4, 5])
@pytest.mark.parametrize("kind", [layers.UpConv2D, layers.DownConv2D])
def test_resizing_and_convolving_in_one_is_the_two_steps(kind, kernel, size):
    x = random((2, *size, 3))
    layer = kind(4, kernel)
    assert layer.compute_output_shape((2, *size, 3)) == layer(x).shape
    fill(layer)
    np.testing.assert_allclose(layer(x), two_steps(layer, x), rtol=1e-4, atol=1e-4)
    direction = random((2, *layer(x).shape[1:]), 1)
    slopes = []
    for way in (layer, lambda x: two_steps(layer, x)):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(way(x) * direction)
        slopes.append(tape.gradient(value, layer.kernel.value).numpy())
    np.testing.assert_allclose(*slopes, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", [layers.UpConv2D, layers.DownConv2D])
def test_resizing_and_convolving_in_bfloat16_has_the_slope_of_float32(kind):
    # 64 channels of a small map, where filter gradients are matrix products.
    x, slopes = random((2, 8, 8, 64)), []
    for dtype in ("float32", "mixed_bfloat16"):
        keras.utils.set_random_seed(0)
        layer = kind(64, 3, dtype=dtype)
        layer.build(x.shape)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(tf.cast(layer(x), "float32") ** 2)
        slopes.append(tape.gradient(value, layer.kernel.value).numpy())
    np.testing.assert_allclose(*slopes[::-1], atol=0.03 * np.abs(slopes[0]).max())


@pytest.mark.parametrize("stride", [1, 2])
def test_a_grouped_convolution_reads_its_own_channels_only(stride):
    x = random((2, 5, 6, 6))
    layer = layers.Conv2D(9, 3, stride, "same", groups=3)
    layer.build(x.shape)
    kernel = random((3, 3, 2, 9), 1)
    layer.kernel.assign(kernel)
    dense = np.zeros((3, 3, 6, 9), np.float32)
    for g in range(3):
        dense[:, :, 2 * g : 2 * g + 2, 3 * g : 3 * g + 3] = kernel[..., 3 * g : 3 * g + 3]
    np.testing.assert_allclose(
        layer(x), tf.nn.conv2d(x, dense, stride, "SAME"), rtol=1e-4, atol=1e-5
    )


def test_attention_is_its_formula_and_starts_as_nothing():
    x = random((2, 3, 4, 8))
    layer = layers.SelfAttention(ratio=4)
    np.testing.assert_array_equal(layer(x), x)
    assert [part.filters for part in (layer.f, layer.g, layer.h, layer.v)] == [2, 2, 2, 8]
    for i, part in enumerate((layer.f, layer.g, layer.h, layer.v)):
        part.kernel.assign(random(part.kernel.shape, i))
    layer.gamma.assign(0.7)
    f, g, h, v = (part.kernel.numpy()[0, 0] for part in (layer.f, layer.g, layer.h, layer.v))
    expected = np.empty((2, 12, 8))
    for sample in range(2):
        places = x[sample].reshape(12, 8).astype(float)
        for j in range(12):
            scores = np.array([(places[i] @ f) @ (places[j] @ g) for i in range(12)])
            shares = np.exp(scores) / np.exp(scores).sum()
            expected[sample, j] = places[j] + 0.7 * (
                sum(shares[i] * (places[i] @ h) for i in range(12)) @ v
            )
    np.testing.assert_allclose(layer(x), expected.reshape(x.shape), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "side"), [((32, 32, 3), 16), ((28, 28, 1), 14), ((96, 96, 3), 12), ((100, 75, 3), 13)]
)
@pytest.mark.parametrize("table", ["generators", "discriminators"])
def test_attention_sits_in_the_largest_map_that_the_option_allows(table, shape, side):
    net = registry.tables[table].build("sagan(width=4, max_width=8)", image_shape=shape)
    (layer,) = (layer for layer in net.layers if isinstance(layer, layers.SelfAttention))
    assert max(layer.output.shape[1:3]) == side
    with pytest.raises(UserError, match="attention=2 is smaller than all maps"):
        registry.tables[table].build("sagan(width=4, attention=2)", image_shape=shape)


def test_skip_layer_excitation_by_hand():
    low, high = keras.Input((4, 4, 2)), keras.Input((8, 8, 3))
    net = keras.Model([low, high], excite(low, high, 2))
    kernels = list(net.trainable_variables)
    assert [tuple(k.shape) for k in kernels] == [(2, 2, 2, 3), (1, 1, 3, 3)]
    first, second = random((2, 2, 2, 3)), random((1, 1, 3, 3), 1)
    for variable, value in zip(kernels, (first, second), strict=True):
        variable.assign(value)
    x, y = random((2, 4, 4, 2), 2), random((2, 8, 8, 3), 3)
    pooled = x.reshape(2, 2, 2, 2, 2, 2).mean((2, 4))
    hidden = np.tensordot(pooled, first, 3)
    gate = 1 / (1 + np.exp(-np.where(hidden > 0, hidden, 0.1 * hidden) @ second[0, 0]))
    np.testing.assert_allclose(net([x, y]), y * gate[:, None, None, :], rtol=1e-4, atol=1e-5)


def test_fastgan_gates_each_map_by_the_one_three_sizes_below():
    net = registry.generators.build(
        "lightweight(width=4)", image_shape=(100, 75, 3)
    )  # 4x3, 7x5, 13x10, 25x19, 50x38, 100x75
    gates = [layer for layer in net.layers if isinstance(layer, keras.layers.Multiply)]
    assert [tuple(layer.output.shape[1:3]) for layer in gates] == [(25, 19), (50, 38), (100, 75)]
    assert [
        layer.kernel.shape[:2]
        for layer in net.layers
        if layer.name.startswith("conv2d") and layer.kernel.shape[0] == 4
    ] == [(4, 3)] * 3
    with pytest.raises(
        UserError, match="reach=4 is too large for images of 28x28, which take 3 doublings"
    ):
        registry.generators.build("lightweight(reach=4)", image_shape=(28, 28, 1))


def test_glu_gates_one_half_by_the_other():
    np.testing.assert_allclose(
        layers.glu(np.array([[2.0, -3.0, 0.0, np.log(3)]])), [[1.0, -2.25]], rtol=1e-6
    )


def test_a_block_of_r3gan_is_the_identity_at_first_and_not_later():
    image = keras.Input((5, 5, 8))
    block = keras.Model(image, layers.inverted_bottleneck(image, 2, 4, blocks=6))
    x = random((2, 5, 5, 8))
    np.testing.assert_array_equal(block(x), x)
    wide, grouped, back = (layer for layer in block.layers if isinstance(layer, layers.Conv2D))
    assert [layer.kernel.shape for layer in (wide, grouped, back)] == [
        (1, 1, 8, 16),
        (3, 3, 4, 16),
        (1, 1, 16, 8),
    ]
    assert wide.use_bias and grouped.use_bias and not back.use_bias
    back.kernel.assign(random((1, 1, 16, 8)))
    assert np.abs(block(x) - x).max() > 0.1


def test_r3gan_starts_from_kernels_of_the_size_that_fix_up_gives():
    net = registry.discriminators.build(
        "r3gan(width=64, blocks=2)", image_shape=(32, 32, 3)
    )  # 4 sizes, so 8 blocks
    stds = {}
    for layer in net.layers:
        if isinstance(layer, layers.Conv2D) and layer.use_bias:
            stds.setdefault(layer.kernel.shape[0], []).append(
                layer.kernel.numpy().std() * np.prod(layer.kernel.shape[:3]) ** 0.5
            )
    expected = (2 / 1.04) ** 0.5 * 8**-0.25
    for found in stds.values():
        assert len(found) == 8
        np.testing.assert_allclose(found, expected, rtol=0.05)
    (head,) = (layer for layer in net.layers if isinstance(layer, keras.layers.DepthwiseConv2D))
    assert head.kernel.shape == (4, 4, 256, 1)
    assert head.kernel.numpy().std() * 16**0.5 == pytest.approx(
        1, rel=0.05
    )  # each channel is a sum over 16 places


def test_groups_that_do_not_fit_are_refused():
    for table in ("generators", "discriminators"):
        with pytest.raises(UserError, match="group=16 does not divide the 24 channels of a block"):
            registry.tables[table].build("r3gan(width=12, max_width=12)", image_shape=(16, 16, 3))


def test_basis_scales_its_maps_by_channel():
    layer = layers.Basis((2, 3))
    x = random((4, 5))
    y = layer(x)
    assert layer.maps.numpy().std() == pytest.approx(1, rel=0.4)
    np.testing.assert_allclose(y, np.einsum("bc,hwc->bhwc", x, layer.maps.numpy()), rtol=1e-6)


def conv(size, inputs, filters):
    return size * size * inputs * filters + filters


def bn(channels):
    """Trainable: scale and shift."""
    return 2 * channels


def up_block(inputs, filters):
    return (
        bn(inputs)
        + conv(3, inputs, filters)
        + bn(filters)
        + conv(3, filters, filters)
        + conv(1, inputs, filters)
    )


def down_block(inputs, filters, first=False):
    inner = filters if first else inputs
    return conv(3, inputs, inner) + conv(3, inner, filters) + conv(1, inputs, filters)


# Miyato et al. 2018, appendix B.4: tables 4 (32 pixels), 5 (48) and 6 (128).
RESNETS = [
    ("generators", "resnet(width=256, max_width=256)", 32, 129 * 16 * 256 + 3 * up_block(256, 256) + bn(256) + conv(3, 256, 3)),
    ("discriminators", "resnet(width=128, max_width=128, smallest=8, flat=2)", 32, down_block(3, 128, first=True) + down_block(128, 128) + 2 * 2 * conv(3, 128, 128) + 129),
    ("generators", "resnet", 48, 129 * 36 * 512 + sum(map(up_block, (512, 256, 128), (256, 128, 64))) + bn(64) + conv(3, 64, 3)),
    ("discriminators", "resnet", 48, down_block(3, 64, first=True) + sum(map(down_block, (64, 128, 256, 512), (128, 256, 512, 1024))) + 1025),
    # The authors' snresnet_64.
    ("discriminators", "resnet(smallest=2, flat=0)", 64, down_block(3, 64, first=True) + sum(map(down_block, (64, 128, 256, 512), (128, 256, 512, 1024))) + 1025),
    ("generators", "resnet", 128, 129 * 16 * 1024 + sum(map(up_block, (1024, 1024, 512, 256, 128), (1024, 512, 256, 128, 64))) + bn(64) + conv(3, 64, 3)),
    ("discriminators", "resnet", 128, down_block(3, 64, first=True) + sum(map(down_block, (64, 128, 256, 512), (128, 256, 512, 1024))) + 2 * conv(3, 1024, 1024) + 1025),
]  # fmt: skip


@pytest.mark.parametrize(("table", "spec", "side", "count"), RESNETS)
def test_residual_nets_have_the_parameters_of_the_papers_tables(
    table, spec, side, count, blank_weights
):
    net = registry.tables[table].build(spec, image_shape=(side, side, 3))
    assert sum(v.shape.num_elements() for v in net.trainable_variables) == count


def test_a_residual_d_sums_over_places():
    net = registry.discriminators.build("resnet(width=4, flat=0)", image_shape=(16, 16, 3))
    net.layers[-1].bias.assign([0.5])
    x = random((2, 16, 16, 3))
    last = next(layer for layer in reversed(net.layers) if isinstance(layer, keras.layers.ReLU))
    maps = keras.Model(net.input, last.output)(x).numpy()
    assert maps.shape == (2, 4, 4, 8)
    np.testing.assert_allclose(
        net(x), maps.sum((1, 2)) @ net.layers[-1].kernel.numpy() + 0.5, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(("downs", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_of_the_patch_d_sees_a_patch(downs, field):
    net = fill(
        registry.discriminators.build(f"patch(width=2, downs={downs})", image_shape=(112, 112, 1))
    )
    place = 56 // 2**downs
    last = next(layer for layer in reversed(net.layers) if isinstance(layer, layers.Conv2D))
    logits = keras.Model(net.input, last.output)
    x = tf.constant(np.abs(random((1, 112, 112, 1))))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = logits(x)
        one = y[0, place, place, 0]
    rows, columns = np.nonzero(tape.gradient(one, x).numpy()[0, :, :, 0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (field, field)
    np.testing.assert_allclose(net(x)[0, 0], y.numpy().mean(), rtol=1e-5)
    with pytest.raises(UserError, match="downs=5 is too large for images of 28x28"):
        registry.discriminators.build("patch(downs=5)", image_shape=(28, 28, 1))


@pytest.mark.parametrize(
    "disc",
    [
        "dcgan(width=4, norm='layer')",
        "resnet(width=4)",
        "sagan(width=4)",
        "r3gan(width=4, group=4)",
        "lightweight(width=4, norm='none')",
        "patch(width=4, norm='instance')",
    ],
)
def test_a_gradient_penalty_reaches_the_weights(disc):
    # The slope of a slope, through the grouped, fused and attentive layers.
    keras.utils.set_random_seed(0)
    net = registry.discriminators.build(disc, image_shape=(16, 16, 3))
    for variable in net.trainable_variables:
        if not np.any(variable):
            variable.assign(tf.ones(variable.shape) / 16)
    x = tf.constant(random((4, 16, 16, 3)))

    def penalty():
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = tf.reduce_sum(net(x, training=True))
        return tf.reduce_mean(tf.reduce_sum(inner.gradient(value, x) ** 2, (1, 2, 3)))

    with tf.GradientTape() as tape:
        found = penalty()
    kernels = [v for v in net.trainable_variables if len(v.shape) == 4]
    slopes = tape.gradient(found, [k.value for k in kernels])
    assert all(
        slope is not None and np.isfinite(slope).all() and np.any(slope != 0) for slope in slopes
    )


def test_the_slope_of_a_slope_through_our_layers_is_that_of_differences():
    image = y = keras.Input((8, 8, 4))
    for layer in (
        layers.DownConv2D(8, 3),
        layers.Conv2D(8, 3, padding="same", groups=2),
        layers.SelfAttention(4),
        layers.UpConv2D(4, 3),
    ):
        y = keras.layers.Activation("tanh")(layer(y))
    net = keras.Model(image, y)
    (gamma,) = (v for v in net.trainable_variables if v.name == "gamma")
    gamma.assign(1.0)
    x = tf.constant(random((2, 8, 8, 4)))

    def penalty():
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = tf.reduce_sum(net(x) ** 2)
        return tf.reduce_sum(inner.gradient(value, x) ** 2)

    kernels = [v for v in net.trainable_variables if len(v.shape) == 4]
    assert len(kernels) == 2 + 4 + 1
    with tf.GradientTape() as tape:
        found = penalty()
    for kernel, slope in zip(
        kernels, tape.gradient(found, [k.value for k in kernels]), strict=True
    ):
        start, length = kernel.numpy(), np.linalg.norm(slope)
        values = []
        for sign in (1, -1):
            kernel.assign(start + sign * 0.01 * slope / length)
            values.append(float(penalty()))
        kernel.assign(start)
        assert (values[0] - values[1]) / 0.02 == pytest.approx(length, rel=0.02), kernel.path


def test_unet_noise_is_convolutional_and_lets_every_value_of_the_noise_speak():
    net = registry.generators.build("unet_noise(width=4)", image_shape=(25, 19, 3))
    assert net.input_shape == net.output_shape
    assert not any(isinstance(layer, keras.layers.Dense) for layer in net.layers)
    assert sum(isinstance(layer, keras.layers.Concatenate) for layer in net.layers) == 2
    z = tf.constant(random((1, 25, 19, 3)))
    with tf.GradientTape() as tape:
        tape.watch(z)
        corner = tf.reduce_sum(net(z)[0, 0, 0])
    reached = tape.gradient(corner, z).numpy()[0] != 0
    assert reached[-8:, -8:].any()  # by way of the smallest map


PAIRS = [
    ("sagan", "resnet"),
    ("r3gan", "r3gan"),
    ("lightweight", "lightweight"),
    ("unet_noise", "patch"),
]


def play(gen, disc, compiled):
    config = Config(gen=gen + NARROW[gen], disc=disc + NARROW[disc], image_size="28", batch=4)
    game = build.build_game(config, (28, 28, 3))
    before = [v.numpy() for net in (game.gen, game.disc) for v in net.trainable_variables]
    step = tf.function(game.update.run) if compiled else game.update.run
    for seed in range(2):
        images = tf.random.stateless_uniform([4, 28, 28, 3], [0, seed], -1, 1)
        scalars = step(game, Batch(images))
        game.step.assign_add(1)
    assert all(np.isfinite(value) for value in scalars.values())
    after = [v.numpy() for net in (game.gen, game.disc) for v in net.trainable_variables]
    assert np.mean([np.any(a != b) for a, b in zip(before, after, strict=True)]) > 0.9
    assert all(np.isfinite(a).all() for a in after)


@pytest.mark.parametrize(("gen", "disc"), PAIRS)
def test_pairs_play(gen, disc):
    play(gen, disc, compiled=True)


@pytest.mark.slow
@pytest.mark.parametrize("disc", registry.discriminators)
@pytest.mark.parametrize("gen", registry.generators)
def test_every_generator_plays_every_discriminator(gen, disc):
    play(gen, disc, compiled=False)


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize(
    ("gen", "disc"),
    [
        ("sagan(width=4, attention=8)", "sagan(width=4, attention=8)"),
        ("unet_noise(width=4)", "patch(width=4, norm='batch')"),
        ("lightweight(width=4, reach=2)", "lightweight(width=4)"),
        ("r3gan(width=4, group=4)", "r3gan(width=4, group=4)"),
        ("dcgan(width=4, up='nearest', norm='layer')", "dcgan(width=4, norm='instance')"),
    ],
)
def test_two_devices_do_with_them_what_one_does(forks, gen, disc, faces, tmp_path):
    settings = {"gen": gen, "disc": disc, "gen_opt": "sgd(0.01)", "disc_opt": "sgd(0.01)"}
    one = weights(forks, "default", "float64", faces, tmp_path / "one.npz", **settings)
    two = weights(forks, "mirrored", "float64", faces, tmp_path / "two.npz", **settings)
    assert_same(one, two, 1e-10)


def test_batch_norm_saves_whether_it_is_synchronized():
    config = layers.BatchNorm(synchronized=False).get_config()
    assert layers.BatchNorm.from_config(config).synchronized is False
    del config["synchronized"]  # as in nets that were saved before the option existed
    assert layers.BatchNorm.from_config(config).synchronized is True


@pytest.mark.parametrize("option", ["global", "replica"])
def test_the_option_batch_norm_reaches_every_layer_of_both_nets(option):
    config = Config(
        gen="resnet(width=2)", disc="dcgan(width=2)", image_size="16", ema=0.9, batch_norm=option
    )
    game = build.build_game(config, (16, 16, 3))
    for net in (game.gen, game.disc, game.ema):
        norms = layers.batch_norms_of(net)
        assert norms and {norm.synchronized for norm in norms} == {option == "global"}


def test_batch_statistics_are_captured_of_one_net_only():
    def net(norm):
        x = keras.Input((2,))
        return keras.Model(x, norm(x)), norm

    (one, norm), (other, other_norm) = net(layers.BatchNorm()), net(layers.BatchNorm())
    x = tf.constant([[1.0, 2.0], [3.0, 6.0]])
    with layers.capture_batch_statistics(one) as captured:
        one(x, training=True)
        other(x, training=True)
    assert [variable is moving for (variable, _), moving in zip(captured, norm.variables[2:], strict=True)] == [True] * 2  # fmt: skip
    np.testing.assert_allclose(captured[0][1], [2, 4])
    np.testing.assert_array_equal(norm.moving_mean, [0, 0])
    np.testing.assert_allclose(other_norm.moving_mean, [0.2, 0.4], rtol=1e-6)
    one(x, training=True)  # after the context it updates its averages again
    np.testing.assert_allclose(norm.moving_mean, [0.2, 0.4], rtol=1e-6)


def test_a_net_saved_with_the_dense_layer_of_earlier_versions_loads(tmp_path):
    x = keras.Input((3,))
    net = keras.Model(x, keras.layers.Dense(2, name="out")(x))
    net.save(tmp_path / "new.keras")
    with (
        zipfile.ZipFile(tmp_path / "new.keras") as new,
        zipfile.ZipFile(tmp_path / "old.keras", "w") as old,
    ):
        for name in new.namelist():
            data = new.read(name)
            if name == "config.json":
                config = json.loads(data)
                (layer,) = (k for k in config["config"]["layers"] if k["class_name"] == "Dense")
                layer |= {"module": "gan_zoo.layers.dense", "registered_name": "gan_zoo>Dense"}
                data = json.dumps(config).encode()
            old.writestr(name, data)
    loaded = keras.saving.load_model(tmp_path / "old.keras")
    assert type(loaded.get_layer("out")) is layers.Dense
    for a, b in zip(loaded.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
