"""All parts but tricks and data sets: their contract, and what it does not say, by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.check import contract, nets, suite
from gan_zoo.config import Config
from gan_zoo.contracts import Batch, Loss
from gan_zoo.errors import UserError
from gan_zoo.game import build
from gan_zoo.game.build import build_game
from gan_zoo.layers import BatchNorm

# Parts that make one size only.
ONLY = {"conv_noise28": [(28, 28, 1), (28, 28, 3)]}
# Odd sides have all layers that others have, and such as crops. All checks run at the first shape.
SHAPES = [(25, 19, 1), (32, 32, 3)]
MORE_SHAPES = [(32, 32, 3), (28, 28, 1), (48, 48, 3), (64, 32, 1)]
NARROW = {
    "conv_noise28": "(width=4, hidden=16)",
    "dense": "((8,))",
    "cnn_fc": "(width=4, hidden=(8,))",
    "r3gan": "(width=4, blocks=1, group=4, max_width=8)",
    "sagan": "(width=4, attention=13)",
}
WIDTH = ("dcgan", "simpsons_dcgan", "simpsons_stages", "anime_dcgan", "tutorial_dcgan")
NARROW["stylegan2"] = "(width=2, max_width=8)"
NARROW |= dict.fromkeys((*WIDTH, "unet_noise", "resnet", "lightweight", "patch"), "(width=4)")
# What may depend on the size of the images, and runs at the other shapes, too.
SIZED = {nets.makes_images, nets.makes_logits}
GRADIENTS = {nets.gradient_reaches_gen, nets.gradient_reaches_disc}


# Saved as a SavedModel, TensorFlow traces the net several times; these have all kinds of layers.
EXPORTED = ("dcgan", "unet_noise")


def nets_of_the_zoo():
    return [
        (table, name)
        for table in ("generators", "discriminators")
        for name in registry.tables[table]
    ]


@pytest.mark.parametrize(("table", "name"), nets_of_the_zoo())
def test_nets_keep_their_contract(table, name):
    keep_their_contract(table, name, ONLY.get(name, SHAPES), SIZED)


@pytest.mark.slow
@pytest.mark.parametrize(("table", "name"), nets_of_the_zoo())
def test_nets_keep_their_contract_at_other_sizes(table, name):
    keep_their_contract(table, name, [] if name in ONLY else MORE_SHAPES, SIZED | GRADIENTS)


def keep_their_contract(table, name, shapes, sized):
    for k, shape in enumerate(shapes):
        tests = [
            test
            for test in suite.checks_of(table)
            if test not in contract.CHECKS[contract.TRAINING]
            and test is not contract.builds  # a game; the tests of pairs and presets build those
            and (k == 0 or test in sized)
            and (test is not nets.gen_exports or name in EXPORTED)
        ]
        for line in suite.check(contract.Part(table, name + NARROW.get(name, ""), shape), tests):
            assert line.state != "FAILED", (shape, line)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for table, name in nets_of_the_zoo() if table == "generators"]
)
def test_generators_are_exported(name):
    part = contract.Part("generators", name + NARROW.get(name, ""), ONLY.get(name, SHAPES)[0])
    (line,) = suite.check(part, [nets.gen_exports])
    assert line.state == "ok", line


@pytest.mark.parametrize(
    ("table", "spec", "shape", "count"),
    [
        ("generators", "dense", (28, 28, 3), 3_100_720),
        ("discriminators", "dense", (28, 28, 3), 1_336_321),
        # 100*4*4*512 + BN, then 4x4 kernels 512 -> 256 -> 128 -> 64 without bias + BN, then 64 -> 3
        # with bias
        (
            "generators",
            "dcgan",
            (64, 64, 3),
            100 * 8192
            + 4 * 512
            + 16 * (512 * 256 + 256 * 128 + 128 * 64)
            + 4 * (256 + 128 + 64)
            + 16 * 64 * 3
            + 3,
        ),
        (
            "discriminators",
            "dcgan",
            (64, 64, 3),
            16 * 3 * 64
            + 64
            + 16 * (64 * 128 + 128 * 256 + 256 * 512)
            + 4 * (128 + 256 + 512)
            + 4 * 4 * 512
            + 1,
        ),
    ],
)
def test_parameter_counts(table, spec, shape, count, blank_weights):
    assert registry.tables[table].build(spec, image_shape=shape).count_params() == count


def test_bfloat16_computes_otherwise_and_leaves_no_policy_behind():
    images = tf.random.stateless_uniform([16, 32, 32, 3], [0, 0], -1, 1)
    found = []
    for precision in ("float32", "bfloat16"):
        config = Config(
            gen="dcgan(width=8)", disc="dcgan(width=8)", precision=precision, image_size="32"
        )
        game = build.build_game(config, (32, 32, 3))
        game.update.run(game, Batch(images))
        found.append(np.concatenate([v.numpy().ravel() for v in game.gen.trainable_variables]))
    np.testing.assert_allclose(found[1], found[0], atol=0.1 * np.abs(found[0]).max())
    assert (found[0] != found[1]).any()
    assert keras.config.dtype_policy().name == "float32"


def bn(channels):
    """Parameters of a batch norm: gamma, beta, moving mean and variance."""
    return 4 * channels


# The layers of the old projects in order, by their letters, and the parameters of each that has any,
# worked out by hand from the projects' lists.
LETTERS = {"Conv2DTranspose": "T", "Conv2D": "C", "Dense": "D", "BatchNorm": "B", "LeakyReLU": "L", "ReLU": "R", "Dropout": "O",
           "Reshape": "S", "Flatten": "F", "Activation": "A", "Rescaling": "="}  # fmt: skip
LAYERS = {
    ("generators", "simpsons_dcgan", (128, 128, 3)): (
        "DSLTBLTBLTBLTBLTA",
        [
            (100 + 1) * 8 * 8 * 1024,
            *(25 * 1024 * 512 + 512, bn(512)),
            *(25 * 512 * 256 + 256, bn(256)),
            *(25 * 256 * 128 + 128, bn(128)),
            *(25 * 128 * 64 + 64, bn(64)),
            25 * 64 * 3 + 3,
        ],
    ),
    ("discriminators", "simpsons_dcgan", (128, 128, 3)): (
        "CBLCBLCBLCBLCBLFD",
        [
            *(25 * 3 * 64 + 64, bn(64)),
            *(25 * 64 * 128 + 128, bn(128)),
            *(25 * 128 * 256 + 256, bn(256)),
            *(25 * 256 * 512 + 512, bn(512)),
            *(25 * 512 * 1024 + 1024, bn(1024)),
            8 * 8 * 1024 + 1,
        ],
    ),
    ("generators", "anime_dcgan", (64, 64, 3)): (
        "DLBSTRBTRBTRBTA=",
        [
            *((100 + 1) * 4 * 4 * 256, bn(4 * 4 * 256)),
            *(25 * 256 * 128 + 128, bn(128)),
            *(25 * 128 * 64 + 64, bn(64)),
            *(25 * 64 * 32 + 32, bn(32)),
            25 * 32 * 3 + 3,
        ],
    ),
    ("discriminators", "anime_dcgan", (64, 64, 3)): (
        "=CLBOCLBOCLBOCLBOFD",
        [
            *(25 * 3 * 32 + 32, bn(32)),
            *(25 * 32 * 64 + 64, bn(64)),
            *(25 * 64 * 128 + 128, bn(128)),
            *(25 * 128 * 256 + 256, bn(256)),
            4 * 4 * 256 + 1,
        ],
    ),
    ("generators", "tutorial_dcgan", (28, 28, 1)): (
        "DBLSTBLTBLTA",
        [
            *(100 * 7 * 7 * 256, bn(7 * 7 * 256)),
            *(25 * 256 * 128, bn(128)),
            *(25 * 128 * 64, bn(64)),
            25 * 64,
        ],
    ),
    ("discriminators", "tutorial_dcgan", (28, 28, 1)): (
        "CLOCLOFD",
        [
            25 * 64 + 64,
            25 * 64 * 128 + 128,
            7 * 7 * 128 + 1,
        ],
    ),
    ("generators", "dense", (28, 28, 3)): (
        "DLBDLBDLBDSA",
        [
            *((100 + 1) * 256, bn(256)),
            *((256 + 1) * 512, bn(512)),
            *((512 + 1) * 1024, bn(1024)),
            (1024 + 1) * 28 * 28 * 3,
        ],
    ),
    ("discriminators", "dense", (28, 28, 3)): (
        "FDLDLD",
        [(28 * 28 * 3 + 1) * 512, (512 + 1) * 256, 256 + 1],
    ),
}


# Published: all parameters, and those that are trained.
SIMPSONS = {"generators": (24_036_739, 24_034_819), "discriminators": (17_488_257, 17_484_289)}


@pytest.mark.parametrize(("table", "spec", "shape"), LAYERS)
def test_the_old_nets_have_their_layers_and_parameters(table, spec, shape):
    net = registry.tables[table].build(spec, image_shape=shape)
    order, counts = LAYERS[table, spec, shape]
    assert "".join(LETTERS.get(type(layer).__name__, "") for layer in net.layers) == order
    assert [layer.count_params() for layer in net.layers if layer.count_params()] == counts
    if spec == "simpsons_dcgan":
        trained = sum(v.shape.num_elements() for v in net.trainable_weights)
        assert (net.count_params(), trained) == SIMPSONS[table]
        assert_simpsons_layers(net)


def assert_simpsons_layers(net):
    for layer in net.layers:
        if "conv2d" in layer.name:
            kernel = layer.kernel.numpy()
            assert kernel.std() == pytest.approx(0.02, rel=0.05)
            assert np.abs(kernel).max() > 2.5 * 0.02  # not truncated at two standard deviations
        if isinstance(layer, BatchNorm):
            assert layer.epsilon == 5e-5


def test_d_of_the_anime_pair_sees_images_in_0_to_1():
    net = registry.discriminators.build("anime_dcgan(width=4)", image_shape=(32, 32, 3))
    first = next(layer for layer in net.layers if "conv2d" in layer.name)
    images = tf.constant([-1.0, 0.0, 1.0])[:, None, None, None] * tf.ones([3, 32, 32, 3])
    np.testing.assert_allclose(keras.Model(net.input, first.input)(images)[:, 0, 0, 0], [0, 0.5, 1])


def test_the_pair_of_28_pixels_has_the_size_that_its_text_gives(blank_weights):
    assert registry.generators.build(
        "conv_noise28", image_shape=(28, 28, 3)
    ).count_params() == pytest.approx(26e6, rel=0.03)
    assert registry.discriminators.build(
        "cnn_fc", image_shape=(28, 28, 3)
    ).count_params() == pytest.approx(56e6, rel=0.03)


def test_a_size_that_a_net_cannot_make_is_refused():
    with pytest.raises(UserError, match="28x28 images only, not 64x64"):
        registry.generators.build("conv_noise28", image_shape=(64, 64, 3))


def bce(x, t):
    return np.log1p(np.exp(-x)) * t + np.log1p(np.exp(x)) * (1 - t)


# D's loss and G's for real logit r, fake logit f, targets a (real), b (fake) and c (of G), worked
# out from the papers.
FORMULAS = {
    "non_saturating": (lambda r, f, a, b: bce(r, a) + bce(f, b), lambda f, c: bce(f, c)),
    "minimax": (lambda r, f, a, b: bce(r, a) + bce(f, b), lambda f, c: -bce(f, 1 - c)),
    "least_squares": (
        lambda r, f, a, b: ((r - a) ** 2 + (f - b) ** 2) / 2,
        lambda f, c: (f - c) ** 2 / 2,
    ),
    "wasserstein": (lambda r, f, a, b: f - r, lambda f, c: -f),
    "hinge": (lambda r, f, a, b: np.maximum(0, 1 - r) + np.maximum(0, 1 + f), lambda f, c: -f),
    "relativistic_average": (
        lambda r, f, a, b: bce(r - f.mean(), a) + bce(f - r.mean(), b),
        lambda f, c, r: bce(f - r.mean(), c) + bce(r - f.mean(), 1 - c),
    ),
    "relativistic_pairing": (
        lambda r, f, a, b: np.log1p(np.exp(f - r)),
        lambda f, c, r: np.log1p(np.exp(r - f)),
    ),
}


@pytest.mark.parametrize("name", registry.losses)
def test_losses_are_their_formulas(name):
    loss = registry.losses.build(name)
    assert isinstance(loss, Loss)
    r, f = (
        np.array([[2.0], [-0.5], [0.0]], np.float32),
        np.array([[-1.5], [0.25], [3.0]], np.float32),
    )
    a, b, c = (np.array(v, np.float32)[:, None] for v in ([1, 0.9, 0], [0, 0.1, 1], [1, 0, 0.8]))
    disc, gen = FORMULAS[name]
    np.testing.assert_allclose(loss.disc(r, f, a, b), disc(r, f, a, b), rtol=1e-5, atol=1e-6)
    more = [r] if loss.needs_real_logits else []
    np.testing.assert_allclose(loss.gen(f, c, *more), gen(f, c, *more), rtol=1e-5, atol=1e-6)


def test_d_loss_can_be_halved_without_touching_that_of_g():
    whole, half = (
        registry.losses.build("non_saturating"),
        registry.losses.build("non_saturating(disc_weight=0.5)"),
    )
    r, f, one, zero = (tf.constant([[v]]) for v in (0.7, -0.3, 1.0, 0.0))
    np.testing.assert_allclose(
        half.disc(r, f, one, zero) * 2, whole.disc(r, f, one, zero), rtol=1e-6
    )
    np.testing.assert_array_equal(half.gen(f, one), whole.gen(f, one))
    with pytest.raises(UserError, match="disc_weight=0"):
        registry.losses.build("non_saturating(disc_weight=0)")


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("non_saturating", "modified"),
        ("minimax", "minimax"),
        ("least_squares", "least_squares"),
        ("wasserstein", "wasserstein"),
        ("hinge", "wasserstein_hinge"),
        ("relativistic_average", "relativistic"),
    ],
)
def test_losses_and_their_gradients_are_those_of_tf_gan(tf_gan, name, theirs):
    losses, loss = tf_gan.losses.wargs, registry.losses.build(name)
    real, fake = (tf.random.stateless_normal([7, 1], [0, k], stddev=2.0) for k in (0, 1))
    found = []
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([real, fake])
        ours = (
            tf.reduce_mean(loss.disc(real, fake, tf.ones([7, 1]), tf.zeros([7, 1]))),
            tf.reduce_mean(
                loss.gen(fake, tf.ones([7, 1]), *([real] if loss.needs_real_logits else []))
            ),
        )
        smooth = {"label_smoothing": 0.0} if name in ("non_saturating", "minimax") else {}
        both = (real, fake) if loss.needs_real_logits else (fake,)
        their_disc = getattr(losses, f"{theirs}_discriminator_loss")(real, fake, **smooth)
        their_gen = getattr(losses, f"{theirs}_generator_loss")(*both)
    constant = (
        np.log1p(np.exp(-1)) if name == "minimax" else 0.0
    )  # theirs has D's loss on real logits of 1 in it
    for mine, other, more in zip(ours, (their_disc, their_gen), (0.0, constant), strict=True):
        found.append(float(mine))
        np.testing.assert_allclose(mine, other + more, rtol=1e-5)
        for by in (real, fake):
            one, two = (
                tape.gradient(value, by, unconnected_gradients="zero") for value in (mine, other)
            )
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-7)
    assert np.abs(found).min() > 1e-3


@pytest.mark.parametrize(
    ("spec", "mean", "std", "low", "high"),
    [
        ("normal", 0, 1, -6, 6),
        ("normal(2.0)", 0, 2, -12, 12),
        ("uniform", 0, 3**-0.5, -1, 1),
        ("uniform(0,1)", 0.5, 12**-0.5, 0, 1),
    ],
)
def test_noises_have_their_moments_and_depend_on_the_seed_alone(spec, mean, std, low, high):
    noise = registry.noises.build(spec)
    z = noise((200, 10, 10, 2), tf.constant([3, 4], tf.int64)).numpy()
    assert z.shape == (200, 10, 10, 2)
    assert (z.mean(), z.std()) == (
        pytest.approx(mean, abs=4 * std / 200),
        pytest.approx(std, rel=0.02),
    )
    assert low <= z.min()
    assert z.max() <= high
    np.testing.assert_array_equal(z, noise((200, 10, 10, 2), tf.constant([3, 4], tf.int64)))
    assert (
        np.abs(
            np.corrcoef(z.ravel(), noise(z.shape, tf.constant([3, 5], tf.int64)).numpy().ravel())[
                0, 1
            ]
        )
        < 0.03
    )


@pytest.mark.parametrize(
    "spec",
    [
        "adam",
        "adam(1e-3, beta_1=0.9)",
        "adam(1e-2, beta_1=0)",
        "sgd(0.1)",
        "rmsprop",
        "keras('Lion', learning_rate=1e-4)",
    ],
)
def test_optimizers_descend(spec):
    optimizer = registry.optimizers.build(spec)
    variable = keras.Variable([3.0])
    optimizer.build([variable])
    for _ in range(5):
        optimizer.apply([2 * variable.value], [variable])
    assert variable.numpy()[0] < 3.0


def test_optimizer_arguments_arrive():
    adam = registry.optimizers.build("adam(1e-3, beta_1=0.9)")
    assert (float(adam.learning_rate.numpy()), adam.beta_1) == (pytest.approx(1e-3), 0.9)
    for bad in ("adam(0.0)", "adam(1e-3, beta_1=1.0)", "sgd(-1)"):
        with pytest.raises(UserError, match="optimizer"):
            registry.optimizers.build(bad)
    for name in ("Adamant", "Optimizer"):  # the second is there, but trains nothing
        with pytest.raises(UserError, match=f"no optimizer '{name}'"):
            registry.optimizers.build(f"keras('{name}', learning_rate=0.1)")


@pytest.mark.parametrize(
    ("spec", "rates"),
    [
        ("sgd(0.5, warmup=2)", [0.25, 0.5, 0.5, 0.5, 0.5, 0.5]),
        ("sgd(0.5, schedule='linear', until=4)", [0.5, 0.375, 0.25, 0.125, 0, 0]),
        (
            "rmsprop(0.5, schedule='cosine', until=4, warmup=2)",
            [0.25, 0.25 + 0.125 * 2**0.5, 0.25, 0.25 - 0.125 * 2**0.5, 0, 0],
        ),
        ("adam(0.5, schedule='linear', until=2)", [0.5, 0.25, 0, 0, 0, 0]),
    ],
)
def test_schedules_of_the_learning_rate(spec, rates):
    optimizer, variable = registry.optimizers.build(spec), keras.Variable([3.0])
    optimizer.build([variable])
    for rate in rates:
        before = variable.numpy()
        assert float(optimizer.learning_rate) == pytest.approx(rate, abs=1e-7)
        optimizer.apply([tf.constant([1.0])], [variable])
        assert (variable.numpy() < before) == (rate > 0)
        if "sgd" in spec:
            np.testing.assert_allclose(before - variable.numpy(), rate, rtol=1e-5)


def test_a_learning_rate_falls_until_the_last_update_of_its_net():
    from gan_zoo.config import Config
    from gan_zoo.game.build import build_game

    falls = "adam(0.5, schedule='linear')"
    settings = Config(
        gen="dense", disc="dense", gen_opt=falls, disc_opt=falls, steps=3, update="alternating(4)"
    )
    game = build_game(settings, (8, 8, 1))
    for optimizer, updates in ((game.gen_opt, 3), (game.disc_opt, 12)):
        rate = optimizer._learning_rate
        assert [float(rate(step)) for step in (0, updates / 2, updates)] == [0.5, 0.25, 0]
    with pytest.raises(UserError, match="needs until="):
        registry.optimizers.build(falls)


@pytest.mark.parametrize(
    "spec",
    ["adam(schedule='step')", "sgd(schedule='linear')", "adam(until=5)", "rmsprop(warmup=-1)"],
)
def test_impossible_schedules_are_refused(spec):
    with pytest.raises(UserError, match=r"schedule|until|warmup"):
        registry.optimizers.build(spec)


def test_the_one_pass_adam_is_keras_adam():
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(7, 5)), rng.normal(size=(10, 7, 5)).astype(np.float32)
    ended = []
    for optimizer in (
        registry.optimizers.build("adam(0.01, 0.5, 0.9, 1e-3)"),
        keras.optimizers.Adam(0.01, 0.5, 0.9, 1e-3),
    ):
        variable = keras.Variable(start.astype(np.float32))
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [variable])
        ended.append(variable.numpy())
    np.testing.assert_allclose(*ended, rtol=1e-5, atol=1e-6)
    assert np.abs(ended[0] - start).max() > 0.01


# By torch.optim of PyTorch 2.13.0 in float64, whose Adam adds epsilon as algorithm 1 does. For the
# last one, betas and lr are set before each step to cosines, as in R3GAN's training loop.
TORCH_GRADIENTS = (3e-3, -1e-5, 2e-6, 4e-7, -1e-5, 5e-6)
TORCH_WEIGHTS = {
    "rmsprop(1)": (-9.99966667, -9.96616672, -9.97290046, -9.97425400, -9.94024541, -9.95733534),
    "adam(1, 0.5, 0.999, 1e-6, epsilon_hat=False)": (
        -0.99966667, -1.46782242, -1.71424809, -1.84720067, -1.91528991, -1.95407299,
    ),
    "adam(1, 0, 0.9, schedule='cosine', until=4, final_rate=0.25, final_beta_2=0.99,"
    " epsilon_hat=False)": (
        -0.99999666, -0.99599487, -0.99655525, -0.99660470, -0.99596609, -0.99631676,
    ),
}  # fmt: skip


@pytest.mark.parametrize("spec", TORCH_WEIGHTS)
def test_optimizers_are_those_of_pytorch(spec):
    optimizer, variable = registry.optimizers.build(spec), keras.Variable([0.0])
    optimizer.build([variable])
    weights = []
    for gradient in TORCH_GRADIENTS:
        optimizer.apply([tf.constant([gradient])], [variable])
        weights.append(variable.numpy()[0])
    moves, expected = (np.diff(w, prepend=0.0) for w in (weights, TORCH_WEIGHTS[spec]))
    np.testing.assert_allclose(moves, expected, rtol=2e-3, atol=1e-6)


def test_adam_adds_epsilon_hat_unless_told_otherwise():
    moves = []
    for spec in ("adam(1.0)", "adam(1.0, epsilon_hat=False)"):
        optimizer, variable = registry.optimizers.build(spec), keras.Variable([0.0])
        optimizer.build([variable])
        optimizer.apply([tf.constant([1e-6])], [variable])
        moves.append(variable.numpy()[0])
    np.testing.assert_allclose(moves, [-0.7597, -0.9901], atol=1e-3)  # g / (g + epsilon / 0.0316)


def test_rmsprop_of_earlier_runs_is_that_of_keras():
    for spec, rho in (("rmsprop(0.1)", 0.9), ("rmsprop(0.1, 0.95)", 0.95)):
        old = registry.optimizers.build(spec, random_version=2)
        assert type(old) is keras.optimizers.RMSprop and (old.rho, old.epsilon) == (rho, 1e-7)
    settings = Config(gen="dense((8,))", disc="dense((8,))", gen_opt="rmsprop", disc_opt="rmsprop")
    old, new = (build_game(settings, (8, 8, 1), random_version=version) for version in (2, 3))
    assert (
        [g.disc_opt.rho for g in (old, new)] == [g.gen_opt.rho for g in (old, new)] == [0.9, 0.99]
    )


@pytest.mark.parametrize(
    "spec",
    [
        "adam(final_rate=1e-5)",
        "sgd(final_rate=-1, schedule='linear', until=3)",
        "adam(final_beta_2=0.99)",
        "adam(final_beta_2=1, schedule='cosine', until=3)",
        "rmsprop(rho=1)",
        "rmsprop(epsilon=0)",
    ],
)
def test_impossible_constants_of_optimizers_are_refused(spec):
    with pytest.raises(UserError, match=r"final_rate|final_beta_2|rho|epsilon"):
        registry.optimizers.build(spec)
