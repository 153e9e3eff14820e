import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import randomness, registry
from gan_zoo.config import Config
from gan_zoo.contracts import Batch, DiscOutputs, Trick
from gan_zoo.errors import UserError
from gan_zoo.game import build as builder
from gan_zoo.game.step import gen_loss, update_ema
from gan_zoo.layers import (
    Conv2D,
    Conv2DTranspose,
    MinibatchStd,
    apply_spectral_norm,
    folded,
    full_precision,
)
from gan_zoo.runs import checkpoints
from gan_zoo.tricks import transforms

SEED = tf.constant([5, 0], tf.int64)
ONES, ZEROS = tf.ones([4000, 1]), tf.zeros([4000, 1])
IMAGES = tf.random.stateless_uniform([16, 8, 8, 3], [0, 0], -1, 1)


def linear_disc(weights=None):
    """D(x) = w . x on images 8x8x3, whose gradient is w everywhere."""
    x = keras.Input((8, 8, 3))
    net = keras.Model(
        x, keras.layers.Dense(1, use_bias=False, dtype="float32")(keras.layers.Flatten()(x))
    )
    if weights is not None:
        net.set_weights([np.reshape(weights, (-1, 1))])
    return net


W = np.random.default_rng(0).normal(0, 0.1, 192).astype(np.float32)


def build(spec, step=0, seed=0, batch=16, disc=None):
    step = step if isinstance(step, tf.Variable) else tf.Variable(step, dtype=tf.int64)
    disc = disc or linear_disc()
    return registry.tricks.build(
        spec, step=step, image_shape=(8, 8, 3), seed=seed, batch=batch, disc=disc
    )


def seen(disc=None, real=IMAGES, fake=-0.5 * IMAGES[::-1]):
    disc = disc or linear_disc(W)
    return DiscOutputs(real, fake, disc(real), disc(fake))


def said(real=(0.0,), fake=(0.0,)):
    """What a trick that looks at logits alone is to see."""
    return DiscOutputs(None, None, tf.constant(real)[:, None], tf.constant(fake)[:, None])


def tiny(tricks, update="alternating", **settings):
    """A whole game of little nets on images 8x8x3."""
    nets = {
        "gen": "dense((4,))",
        "disc": "dense((6,4))",
        "gen_opt": "sgd(0.05)",
        "disc_opt": "sgd(0.05)",
    }
    config = Config(
        **{**nets, "batch": 4, "image_size": "8", "tricks": tricks, "update": update, **settings}
    )
    return builder.build_game(config, (8, 8, 3))


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "bfloat16"])
@pytest.mark.parametrize("name", registry.tricks)
def test_every_trick_trains_in_both_precisions(name, precision):
    styled = {"gen": "stylegan2(width=2, max_width=4, latent=4)"} if name == "path_length" else {}
    game = tiny(name, precision=precision, **styled)
    before = [v.numpy() for net in (game.gen, game.disc) for v in net.trainable_variables]
    for _ in range(2):
        scalars = game.update.run(game, Batch(IMAGES[:4]))
        game.step.assign_add(1)
    assert np.isfinite([float(v) for v in scalars.values()]).all()
    after = [v.numpy() for net in (game.gen, game.disc) for v in net.trainable_variables]
    kernels = [(x, y) for x, y in zip(before, after, strict=True) if x.ndim > 1]
    assert all((x != y).any() and np.isfinite(y).all() for x, y in kernels)
    for value in game.tricks[0].metrics().values() if game.tricks[0].metrics else ():
        assert np.isfinite(float(value))


def test_label_smooth_draws_from_its_ranges():
    trick = build("label_smooth(0.7,1.2,0.0,0.3)")
    real, fake = trick.real_targets(ONES, SEED).numpy(), trick.fake_targets(ZEROS, SEED).numpy()
    assert (real.min(), real.max(), real.mean()) == (
        pytest.approx(0.7, abs=0.01),
        pytest.approx(1.2, abs=0.01),
        pytest.approx(0.95, abs=0.02),
    )
    assert (fake.min(), fake.max(), fake.mean()) == (
        pytest.approx(0, abs=0.01),
        pytest.approx(0.3, abs=0.01),
        pytest.approx(0.15, abs=0.02),
    )
    assert len(np.unique(real)) > 3000  # a draw a sample, not one a batch


def test_label_smooth_is_one_sided_by_default():
    trick = build("label_smooth")
    np.testing.assert_allclose(trick.real_targets(ONES, SEED), 0.9, rtol=1e-6)
    np.testing.assert_array_equal(trick.fake_targets(ZEROS, SEED), 0.0)


def test_flip_labels_flips_at_its_rate_and_samples_of_their_own():
    trick = build("flip_labels(0.2)")
    real, fake = trick.real_targets(ONES, SEED).numpy(), trick.fake_targets(ZEROS, SEED + 1).numpy()
    assert set(np.unique(real)) == {0.0, 1.0}
    assert (1 - real.mean(), fake.mean()) == (
        pytest.approx(0.2, abs=0.03),
        pytest.approx(0.2, abs=0.03),
    )
    assert np.mean(real == fake) < 0.5  # independent, not the same places


def test_a_flipped_label_is_smoothed_as_what_it_was_flipped_to():
    flip, smooth = build("flip_labels(0.5)"), build("label_smooth(0.7,1.2,0.0,0.3)")
    targets = smooth.real_targets(flip.real_targets(ONES, SEED), SEED + 1).numpy()
    assert np.mean((targets >= 0) & (targets <= 0.3)) == pytest.approx(0.5, abs=0.03)
    assert np.mean((targets >= 0.7) & (targets <= 1.2)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(("step", "stddev"), [(0, 0.4), (50, 0.2), (100, 0.0), (500, 0.0)])
def test_instance_noise_falls_linearly_and_passes_the_gradient(step, stddev):
    trick = build("instance_noise(0.4, decay_steps=100)", step)
    images = tf.zeros([64, 8, 8, 3])
    with tf.GradientTape() as tape:
        tape.watch(images)
        out = trick.images(images, SEED)
    assert out.numpy().std() == pytest.approx(stddev, rel=0.03, abs=1e-9)
    np.testing.assert_array_equal(tape.gradient(out, images), 1.0)
    assert float(trick.metrics()["stddev"]) == pytest.approx(stddev)


@pytest.mark.parametrize(
    "spec",
    [
        "label_smooth(1.2,0.7)",
        "flip_labels(1.5)",
        "flip_labels(-0.1)",
        "instance_noise(-1.0)",
        "flip_labels('x')",
    ]
    + [
        "constant_label(1.0, 0.9)",
        "flip_images(2.0)",
        "gradient_penalty(-1)",
        "r1(every=0)",
        "r2(every=1.5)",
        "dragan(1,-1)",
    ]
    + [
        "lecam(decay=1.0)",
        "consistency(-1)",
        "feature_matching(-1)",
        "clip_weights(0)",
        "clip_gradients(0)",
        "top_k(0)",
    ]
    + [
        "top_k(every=0)",
        "diff_augment('hue')",
        "diff_augment('cutout,cutout')",
        "ada(speed=0)",
        "ada(start=0.9)",
    ]
    + ["history_pool(7)", "top_k(every=1.5)", "lecam(start=1.5)", "diff_augment(True)"]
    + ["clip_gradients(gen=False, disc=False)"],
)
def test_impossible_arguments_are_refused(spec):
    with pytest.raises(UserError, match=spec.split("(")[0]):
        build(spec)


def test_a_refusal_names_the_argument_as_the_user_wrote_it():
    with pytest.raises(UserError, match="gamma=-1"):
        build("r1(-1)")


def test_swapped_labels_are_smoothed_as_what_they_have_become():
    swap, smooth = build("swap_labels"), build("label_smooth(0.7,1.2,0.0,0.3)")
    real = smooth.real_targets(swap.real_targets(ONES, SEED), SEED)
    fake = smooth.fake_targets(swap.fake_targets(ZEROS, SEED), SEED)
    assert (real.numpy().min(), real.numpy().max()) == (
        pytest.approx(0, abs=0.01),
        pytest.approx(0.3, abs=0.01),
    )
    assert (fake.numpy().min(), fake.numpy().max()) == (
        pytest.approx(0.7, abs=0.01),
        pytest.approx(1.2, abs=0.01),
    )
    np.testing.assert_array_equal(
        swap.gen_targets(ONES, SEED), 0.0
    )  # G, too, wants to be called real


def test_the_constant_label_is_one_draw_a_run():
    labels = set()
    for seed in range(20):
        trick = build("constant_label(0.9, 1.0)", seed=seed)
        (label,) = {
            float(v) for s in (SEED, SEED + 1) for v in np.unique(trick.real_targets(ONES, s))
        }
        assert 0.9 <= label <= 1.0
        assert trick.metrics()["label"] == pytest.approx(label)
        np.testing.assert_array_equal(trick.gen_targets(ONES, SEED), trick.real_targets(ONES, SEED))
        labels.add(label)
    assert len(labels) == 20
    assert max(labels) - min(labels) > 0.07  # over the whole range
    again = build("constant_label(0.9, 1.0)", seed=19)
    assert float(again.real_targets(ONES, SEED)[0, 0]) == label  # a resumed run has the same one
    assert build("constant_label(0.9, 1.0, gen=False)").gen_targets is None
    np.testing.assert_array_equal(trick.fake_targets(ZEROS, SEED), 0.0)
    np.testing.assert_allclose(
        trick.fake_targets(ONES, SEED), trick.real_targets(ONES, SEED)
    )  # one that was flipped


def test_flip_images_mirrors_whole_images_at_its_rate_and_real_ones_only():
    trick = build("flip_images(0.25)")
    images = tf.random.stateless_uniform([2000, 2, 3, 1], [0, 0])
    out = trick.real_images(images, SEED).numpy()
    mirrored = np.array(
        [np.array_equal(o, i[:, ::-1]) for o, i in zip(out, images.numpy(), strict=True)]
    )
    kept = np.array([np.array_equal(o, i) for o, i in zip(out, images.numpy(), strict=True)])
    assert (mirrored ^ kept).all()
    assert mirrored.mean() == pytest.approx(0.25, abs=0.04)
    assert trick.images is None


# Penalties: D(x) = w . x has the gradient w everywhere.
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("gradient_penalty(3.0)", 3 * (np.sqrt(W @ W) - 1) ** 2),
        ("dragan(3.0)", 3 * (np.sqrt(W @ W) - 1) ** 2),
        ("r1(3.0)", 3 / 2 * W @ W),
        ("r2(3.0)", 3 / 2 * W @ W),
    ],
)
def test_penalties_of_a_linear_d_in_closed_form_and_their_gradient(spec, expected):
    disc, trick = linear_disc(W), build(spec)
    with tf.GradientTape() as tape:
        value = trick.penalty(disc, seen(disc), SEED)
    assert float(value) == pytest.approx(expected, rel=1e-5)
    length = np.sqrt(W @ W)
    slope = 3 * W if spec[0] == "r" else 6 * (length - 1) * W / length
    np.testing.assert_allclose(
        tape.gradient(value, disc.trainable_variables[0].value)[:, 0], slope, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    ("spec", "at"), [("r1(2.0)", "real"), ("r2(2.0)", "fake"), ("dragan(1.0,0.0)", "real")]
)
def test_penalties_look_at_the_images_that_they_name_each_alone(spec, at):
    x = keras.Input((8, 8, 3))
    disc = keras.Model(
        x, keras.layers.Lambda(lambda v: tf.reduce_sum(v**2, [1, 2, 3])[:, None])(x)
    )  # its gradient is 2 x
    images = {"real": IMAGES, "fake": 0.5 * IMAGES}
    square = np.sum((2 * images[at].numpy()) ** 2, axis=(1, 2, 3))
    expected = np.mean(square) if spec[0] == "r" else np.mean((np.sqrt(square) - 1) ** 2)
    value = build(spec).penalty(
        disc, DiscOutputs(**images, real_logits=None, fake_logits=None), SEED
    )
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_the_gradient_penalty_looks_at_a_place_of_its_own_between_each_pair():
    x, places = keras.Input((8, 8, 3)), []
    disc = keras.Model(
        x,
        keras.layers.Lambda(lambda v: places.append(v) or tf.reduce_sum(v, [1, 2, 3])[:, None])(x),
    )
    real, fake = tf.ones([2000, 8, 8, 3]) * 3, tf.ones([2000, 8, 8, 3])
    build("gradient_penalty").penalty(disc, DiscOutputs(real, fake, None, None), SEED)
    place = (places[-1].numpy() - 1) / 2
    assert np.ptp(place, axis=(1, 2, 3)).max() < 1e-6
    assert (place.min(), place.max(), place.mean()) == tuple(
        pytest.approx(v, abs=0.03) for v in (0, 1, 0.5)
    )


def test_the_gradient_penalty_is_that_of_tf_gan(tf_gan):
    real, fake = IMAGES, IMAGES + 0.0  # between equal images there is but one place
    disc = registry.discriminators.build("dense((6,))", image_shape=(8, 8, 3))
    value = build("gradient_penalty(1.0)").penalty(disc, DiscOutputs(real, fake, None, None), SEED)
    penalty = tf.function(
        lambda: tf_gan.losses.wargs.wasserstein_gradient_penalty(
            real, fake, None, lambda x, _: disc(x), "d"
        )
    )
    assert float(value) == pytest.approx(float(penalty()), rel=1e-4)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["r1", "r2", "gradient_penalty", "dragan"])
def test_a_lazy_penalty_is_the_same_on_average_and_costs_nothing_between(name, compiled):
    step, disc = tf.Variable(0, dtype=tf.int64), linear_disc(W)
    plain, lazy = build(f"{name}(2.0)", step), build(f"{name}(2.0, every=3)", step)
    ran, call = tf.Variable(0), disc.layers[-1].call

    def counted(x, **kwargs):
        ran.assign_add(1)
        return call(x)

    disc.layers[-1].call = counted
    f = (tf.function if compiled else lambda g: g)(
        lambda: lazy.penalty(disc, DiscOutputs(IMAGES, IMAGES, None, None), SEED)
    )
    values = []
    for _ in range(6):
        values.append(float(f()))
        step.assign_add(1)
    assert ran.numpy() == 2
    whole = float(plain.penalty(disc, DiscOutputs(IMAGES, IMAGES, None, None), SEED))
    np.testing.assert_allclose(values, [3 * whole, 0, 0] * 2, rtol=1e-6)


def test_penalties_compute_in_full_precision_under_bfloat16():
    values = []
    for precision in ("float32", "bfloat16"):
        game = tiny("r1(1.0)", precision=precision, disc="dcgan(width=8, norm=False)")
        logits = game.disc(IMAGES)
        values.append(
            (
                float(
                    game.tricks[0].penalty(game.disc, DiscOutputs(IMAGES, None, None, None), SEED)
                ),
                logits,
            )
        )
        assert np.array_equal(game.disc(IMAGES), logits)  # and nothing of it stays
    assert values[0][0] == values[1][0] > 0
    assert not np.array_equal(values[0][1], values[1][1])


def test_full_precision_reaches_nets_within_nets_and_ends_after_an_error():
    policy = keras.DTypePolicy("mixed_bfloat16")
    x = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype=policy)], name="inner")
    net = keras.Model(x, inner(x))
    with pytest.raises(ZeroDivisionError), full_precision(net):
        assert net(tf.ones([1, 4])).dtype == tf.float32
        _ = 1 / 0
    assert net(tf.ones([1, 4])).dtype == tf.bfloat16


@pytest.mark.parametrize("trick", ["gradient_penalty", "dragan", "r1", "r2"])
def test_penalties_on_single_images_are_refused_under_batch_norm(trick):
    with pytest.raises(UserError, match=rf"{trick}: .*batch norm mixes them.*norm=\"none\""):
        disc = registry.discriminators.build("dcgan(width=2)", image_shape=(16, 16, 3))
        build(trick, disc=keras.Sequential([disc]))


def test_lecam_by_hand():
    step = tf.Variable(0, dtype=tf.int64)
    trick = build("lecam(0.5, decay=0.75, start=1)", step)
    first, second = said([2.0, 4.0], [-1.0, -3.0]), said([1.0, 2.0], [0.0, 1.0])
    trick.observe(first)
    assert float(trick.penalty(None, first, SEED)) == 0.0  # before its start
    step.assign(1)
    trick.observe(second)
    real, fake = 0.75 * 3 + 0.25 * 1.5, 0.75 * -2 + 0.25 * 0.5
    assert {k: float(v) for k, v in trick.metrics().items()} == {
        "real_mean": real,
        "fake_mean": fake,
    }
    with tf.GradientTape() as tape:
        tape.watch(second.real_logits)
        value = trick.penalty(None, second, SEED)
    by_hand = 0.5 * np.mean([(1 - fake) ** 2 + (0 - real) ** 2, (2 - fake) ** 2 + (1 - real) ** 2])
    assert float(value) == pytest.approx(by_hand)
    np.testing.assert_allclose(
        tape.gradient(value, second.real_logits),
        [[0.5 * (1 - fake)], [0.5 * (2 - fake)]],
        rtol=1e-6,
    )


def test_consistency_by_hand():
    disc = linear_disc(np.tile([1.0, 0, 0, 0, 0, 0, 0, 0], 24))  # weighs only some of the pixels
    trick = build("consistency(3.0, 0.0, shift=0.0)")
    value = trick.penalty(disc, seen(disc), SEED)
    flipped = transforms.mirror(IMAGES, randomness.split(SEED, 2))
    assert float(value) == pytest.approx(3 * np.mean((disc(IMAGES) - disc(flipped)) ** 2), rel=1e-5)
    both = build("consistency(3.0, 5.0, shift=0.0)").penalty(disc, seen(disc), SEED) - value
    fake = seen(disc).fake
    other = transforms.mirror(fake, randomness.split(SEED, 5))
    assert float(both) == pytest.approx(5 * np.mean((disc(fake) - disc(other)) ** 2), rel=1e-5)
    still = build("consistency(shift=0.0, flip=False)").penalty(disc, seen(disc), SEED)
    assert float(still) == 0.0


@pytest.mark.parametrize("alone", [True, False])
def test_feature_matching_by_hand(alone):
    game, real = tiny(f"feature_matching(2.0, alone={alone})"), IMAGES[:4]
    fake = game.gen(game.sample_noise(Batch(real), "gen"), training=True)
    hidden = keras.Sequential(game.disc.layers[:-1])
    expected = 2 * np.sum((np.mean(hidden(real), 0) - np.mean(hidden(fake), 0)) ** 2)
    if not alone:
        expected += np.mean(game.loss.gen(game.disc(fake), tf.ones([4, 1])))
    before = [v.numpy() for v in (*game.disc.trainable_variables, *game.gen.trainable_variables)]
    assert float(builder.step.gen_update(game, Batch(real))["loss/gen"]) == pytest.approx(
        expected, rel=1e-5
    )
    after = [*game.disc.trainable_variables, *game.gen.trainable_variables]
    moved = [np.abs(one - two.numpy()).max() > 0 for one, two in zip(before, after, strict=True)]
    assert moved[: len(game.disc.trainable_variables)] == [False] * len(
        game.disc.trainable_variables
    )
    assert any(moved)


@pytest.mark.parametrize("kind", ["dense", "conv", "transposed", "depthwise"])
def test_spectral_norm_converges_to_the_largest_singular_value(kind):
    keras.utils.set_random_seed(1)
    make = {
        "dense": lambda: keras.layers.Dense(5),
        "conv": lambda: Conv2D(5, 3),
        "transposed": lambda: Conv2DTranspose(5, 3),
    }
    make["depthwise"] = lambda: keras.layers.DepthwiseConv2D(3)
    x = keras.Input((4,) if kind == "dense" else (6, 6, 4))
    net = keras.Model(x, make[kind]()(x))
    kernel = net.layers[-1].kernel
    (normed,) = apply_spectral_norm(net)
    matrix = kernel.numpy()
    matrix = np.reshape(
        matrix.transpose(0, 1, 3, 2) if kind == "transposed" else matrix,
        (-1, 4 if kind == "depthwise" else 5),
    )
    largest = np.linalg.svd(matrix, compute_uv=False)[0]
    normed.iterate(200)
    assert float(normed.sigma()) == pytest.approx(largest, rel=1e-5)
    images = tf.random.stateless_normal([2, *net.input_shape[1:]], [0, 0])
    twin = keras.Model(x, make[kind]()(x))
    twin.set_weights([kernel.numpy() / largest, net.layers[-1].bias.numpy()])
    np.testing.assert_allclose(net(images), twin(images), atol=1e-5)


def test_the_gradient_of_spectral_norm_is_that_of_the_formula():
    keras.utils.set_random_seed(1)
    x = keras.Input((4,))
    net = keras.Model(x, keras.layers.Dense(3, use_bias=False)(x))
    weights = net.layers[-1].kernel.numpy().astype(np.float64)
    (normed,) = apply_spectral_norm(net)
    normed.iterate(300)
    u, s, v = np.linalg.svd(weights, full_matrices=False)
    given, down = np.eye(4, dtype=np.float32), np.random.default_rng(0).normal(size=(4, 3))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(net(given) * down.astype(np.float32))
    # d(W / sigma) = dW / sigma - W (u . dW v) / sigma^2
    expected = down / s[0] - np.sum(down * weights) / s[0] ** 2 * np.outer(u[:, 0], v[0])
    np.testing.assert_allclose(
        tape.gradient(loss, net.trainable_variables[0].value), expected, rtol=1e-3, atol=1e-4
    )


def test_spectral_norm_refuses_kernels_that_begin_at_0():
    with pytest.raises(UserError, match="a kernel of D begins at 0"):
        tiny("spectral_norm", disc="r3gan(width=16,blocks=1)", gen="dcgan(width=2)")


def test_spectral_norm_iterates_once_a_step_and_not_at_calls_and_finds_the_kernels_of_d():
    game = tiny("spectral_norm", disc="dcgan(width=4)", gen="dcgan(width=2)")
    (trick,) = game.tricks
    assert len(trick.variables) == 2 * 2  # one convolution, one dense layer
    before = [v.numpy() for v in trick.variables]
    logits = [game.disc(IMAGES, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*logits)
    for one, two in zip(before, trick.variables, strict=True):
        np.testing.assert_array_equal(one, two)
    game.update.run(game, Batch(IMAGES[:4]))
    u, v = before[0], trick.variables[1].numpy()
    kernel = game.disc.layers[1].kernel.numpy().reshape(-1, 4)  # as it is after the update
    u = kernel @ before[1]
    u /= np.linalg.norm(u)
    np.testing.assert_allclose(trick.variables[0], u, rtol=1e-4, atol=1e-6)
    v = kernel.T @ u
    np.testing.assert_allclose(trick.variables[1], v / np.linalg.norm(v), rtol=1e-4, atol=1e-6)
    assert not np.allclose(before[1], trick.variables[1], atol=1e-9)


def test_clip_weights_clips_all_of_d_and_nothing_of_g():
    game = tiny("clip_weights(0.01)", gen_opt="sgd(0.5)", disc_opt="sgd(0.5)")
    game.update.run(game, Batch(IMAGES[:4]))
    assert max(np.abs(v).max() for v in game.disc.trainable_variables) == pytest.approx(0.01)
    assert max(np.abs(v).max() for v in game.gen.trainable_variables) > 0.1


@pytest.mark.parametrize(
    ("spec", "factors"),
    [("clip_gradients(1.0)", (0.2, 0.2)), ("clip_gradients(1.0, disc=False)", (0.2, 1))],
)
def test_clip_gradients_clips_the_norm_over_all_variables(spec, factors):
    given = [tf.constant([3.0, 0.0]), tf.constant([[4.0]])]  # norm 5
    for net, factor in zip(("gen", "disc"), factors, strict=True):
        clipped = build(spec).gradients(given, net)
        for one, two in zip(clipped, given, strict=True):
            np.testing.assert_allclose(one, factor * two, rtol=1e-6)
    small = [0.1 * value for value in given]
    for one, two in zip(build(spec).gradients(small, "gen"), small, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)


def test_top_k_by_hand():
    step = tf.Variable(0, dtype=tf.int64)
    weigh = build("top_k(0.5, decay=0.8, every=10)", step).gen_weights
    logits = tf.constant([[1.0], [4.0], [-2.0], [3.0], [3.0]])
    np.testing.assert_array_equal(weigh(logits), np.ones((5, 1)))
    step.assign(19)  # 5 * 0.8 = 4
    np.testing.assert_allclose(weigh(logits), [[1.25], [1.25], [0], [1.25], [1.25]])
    step.assign(1000)  # 2.5, rounded to 2: the first of equals
    np.testing.assert_allclose(weigh(logits), [[0], [2.5], [0], [2.5], [0]])
    assert float(build("top_k(0.5, decay=0.8, every=10)", step).metrics()["share"]) == 0.5


def test_top_k_takes_the_most_real_images_where_labels_are_swapped():
    losses = []
    for tricks, sign in (("", 1), ("swap_labels,", -1)):
        game = tiny(tricks + "top_k(0.5, decay=0.01, every=1)")
        game.step.assign(9)
        losses.append(
            gen_loss(
                game, Batch(None), said(fake=[sign * 1.0, sign * 4.0, sign * -2.0, sign * 3.0])
            )
        )
    np.testing.assert_allclose(losses[0], np.log1p(np.exp([-4.0, -3.0])).mean(), rtol=1e-6)
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


# Augmentations.
def per_image(images):
    return [image.numpy() for image in images]


@pytest.mark.parametrize("policy", ["color", "translation", "cutout", "color,translation,cutout"])
def test_diff_augment_is_affine_in_the_images_and_its_gradient_the_adjoint(policy):
    trick = build(f"diff_augment('{policy}')")
    a, b = IMAGES, tf.random.stateless_normal(IMAGES.shape, [0, 1])
    nothing = trick.images(tf.zeros_like(a), SEED)
    with tf.GradientTape() as tape:
        tape.watch(a)
        out = trick.images(a, SEED)
        value = tf.reduce_sum((out - nothing) * b)
    back = tape.gradient(value, a)
    # <T a, b> = <a, T' b>
    assert float(value) == pytest.approx(float(tf.reduce_sum(a * back)), rel=1e-4)
    assert np.abs(back).max() > 0.1
    assert np.abs(out - a).max() > 0.1
    if policy != "color":
        assert np.abs(trick.images(a, SEED + 1) - out).max() > 0.1


def test_translation_moves_each_image_by_whole_pixels_up_to_an_eighth_and_fills_with_gray():
    image = np.arange(1, 17 * 16 + 1, dtype=np.float32).reshape(17, 16, 1)
    trick = build("diff_augment('translation')")
    out = trick.images(tf.tile(image[None], [300, 1, 1, 1]), SEED).numpy()
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
    moves = {}
    for one in out:
        found = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if np.array_equal(one, padded[y : y + 17, x : x + 16])
        ]
        assert len(found) == 1
        moves[found[0]] = moves.get(found[0], 0) + 1
    assert len(moves) == 25
    assert max(moves.values()) < 30


def test_cutout_covers_half_of_both_sides_or_less_at_the_edge():
    holes = (
        build("diff_augment('cutout')").images(tf.ones([500, 8, 6, 1]), SEED).numpy()[..., 0] == 0
    )
    rows, columns = holes.any(2), holes.any(1)
    np.testing.assert_array_equal(holes, rows[:, :, None] & columns[:, None, :])
    assert (rows.sum(1).max(), columns.sum(1).max()) == (4, 3)
    assert rows.sum(1).min() == 2  # centered on the edge
    assert rows.mean(0).min() > 0.2  # everywhere


def test_diff_augment_knows_color_by_both_spellings():
    first, second = (
        build(f"diff_augment('{policy}')").images(IMAGES, SEED)
        for policy in ("color,cutout", "colour,cutout")
    )
    np.testing.assert_array_equal(first, second)


def test_color_by_hand():
    image = tf.constant([[[[0.2, -0.4, 0.8]], [[0.0, 0.0, 0.0]]]])  # [1, 2, 1, 3]
    one = tf.constant([1.0])
    np.testing.assert_allclose(transforms.brightness(image, 0.25 * one), image + 0.25)
    np.testing.assert_allclose(
        transforms.saturation(image, 0 * one)[0, 0, 0], [0.2, 0.2, 0.2], atol=1e-7
    )
    np.testing.assert_allclose(
        transforms.saturation(image, 2 * one)[0, 0, 0], [0.2, -1.0, 1.4], rtol=1e-6
    )
    np.testing.assert_allclose(
        transforms.contrast(image, 2 * one)[0, :, 0, 0], [0.3, -0.1], rtol=1e-6
    )  # mean 0.1
    np.testing.assert_allclose(transforms.contrast(image, 2 * one, 0.0), 2 * image)


def test_warp_copies_whole_pixels_exactly_and_is_bilinear_between():
    image = tf.random.stateless_uniform([1, 5, 5, 2], [0, 0])

    def warp(*rows):
        return transforms.warp(image, tf.constant([rows], tf.float32)).numpy()[0]

    x = image.numpy()[0]
    np.testing.assert_array_equal(warp((1, 0, 0), (0, 1, 0)), x)
    np.testing.assert_array_equal(warp((-1, 0, 0), (0, 1, 0)), x[:, ::-1])
    turned = warp(
        (np.cos(np.pi / 2), -np.sin(np.pi / 2), 0), (np.sin(np.pi / 2), np.cos(np.pi / 2), 0)
    )
    np.testing.assert_array_equal(turned, np.rot90(x))
    np.testing.assert_array_equal(
        warp((1, 0, 2), (0, 1, -1)), np.pad(x, ((1, 1), (2, 2), (0, 0)), "reflect")[:5, 4:]
    )
    half = warp((1, 0, 0.5), (0, 1, 0))
    np.testing.assert_allclose(half[:, :4], (x[:, 1:] + x[:, :4]) / 2, rtol=1e-6)
    ramp = tf.reshape(tf.range(25.0), (1, 5, 5, 1))
    doubled = transforms.warp(
        ramp, tf.constant([[[0.5, 0, 0], [0, 0.5, 0]]])
    )  # twice as large, about the middle
    np.testing.assert_allclose(doubled[0, :, :, 0], 12 + (ramp[0, :, :, 0] - 12) / 2, rtol=1e-6)


def test_ada_steers_p_by_the_sign_of_real_logits():
    trick = build("ada(target=0.6, speed=0.5, start=0.5, most=0.6)")
    sure, unsure = (DiscOutputs(IMAGES, None, tf.constant([[v]] * 16), None) for v in (2.0, -1.0))
    p = lambda: float(trick.metrics()["p"])  # noqa: E731
    found = [p()]
    for logits in [sure] * 12 + [unsure] * 4 + [sure, sure, sure, unsure] + [unsure] * 400:
        trick.observe(logits)
        found.append(p())
    stride = 4 * 16 / 500
    assert found[:4] == [0.5] * 4  # every fourth
    assert found[4] == pytest.approx(0.6)  # at most, where the stride would lead beyond
    assert found[12:16] == [pytest.approx(0.6)] * 4
    assert found[16] == pytest.approx(0.6 - stride)
    assert found[20] == pytest.approx(0.6 - 2 * stride)  # a mean sign of 0.5
    assert found[-1] == 0.0


def test_ada_applies_each_transform_at_its_rate_and_is_differentiable():
    image = tf.tile(IMAGES[:1], [400, 1, 1, 1])
    np.testing.assert_allclose(build("ada").images(image, SEED), image, atol=1e-6)  # p = 0
    trick = build("ada(start=0.3)")
    with tf.GradientTape() as tape:
        tape.watch(image)
        out = trick.images(image, SEED)
        value = tf.reduce_sum(out)
    still = np.mean([np.allclose(one, image[0], atol=1e-6) for one in out])
    # Left alone by six gates at 0.7, or by those of mirror, turn and translation when they draw
    # nothing (1/2, 1/4, 1/9)
    alone = 0.7**4 * (0.7 + 0.3 / 2) * (0.7 + 0.3 / 4) * (0.7 + 0.3 / 9)
    assert still == pytest.approx(alone, abs=0.05)
    assert np.isfinite(tape.gradient(value, image)).all()
    assert out.shape == image.shape


@pytest.mark.parametrize("spec", ["diff_augment", "ada(start=0.5)", "instance_noise(0.3)"])
def test_real_and_fake_images_are_augmented_from_the_same_distribution_by_other_draws(spec):
    game = tiny(spec, batch=256)
    same = tf.tile(IMAGES[:1], [256, 1, 1, 1])
    real = game.augment_real(Batch(same), "disc").numpy()
    fake = game.apply_hook(Batch(same), "images", same, "disc", "fake").numpy()
    assert np.abs(real - fake).max() > 0.1
    for statistic in (np.mean, np.std):
        np.testing.assert_allclose(
            statistic(real, axis=0).mean(), statistic(fake, axis=0).mean(), atol=0.1
        )


def test_the_history_pool_shows_d_what_it_held_and_takes_the_new_in():
    trick = build("history_pool(8)", batch=4)
    made = lambda k: tf.reshape(tf.range(4.0) + 10 * k, (4, 1, 1, 1)) * tf.ones([4, 8, 8, 3])  # noqa: E731
    held = []
    for k in range(4):  # it fills, while D sees what is new
        np.testing.assert_array_equal(trick.fake_images(made(k), SEED + k), made(k))
        held += [10 * k + 2, 10 * k + 3]
    for k in range(4, 40):
        out = trick.fake_images(made(k), SEED + k).numpy()[:, 0, 0, 0]
        np.testing.assert_array_equal(out[:2], [10 * k, 10 * k + 1])
        assert out[2] != out[3]
        for old in out[2:]:
            held.remove(old)
        held += [10 * k + 2, 10 * k + 3]
        assert sorted(trick.variables[0].numpy()[:, 0, 0, 0]) == sorted(held)
    assert np.mean(held) < 390  # some of them old


def test_minibatch_std_by_hand():
    x = np.random.default_rng(0).normal(size=(6, 2, 3, 2)).astype(np.float32)
    out = MinibatchStd(group=4)(x).numpy()  # 6 is 2 groups of 3
    assert out.shape == (6, 2, 3, 3)
    np.testing.assert_array_equal(out[..., :2], x)
    for i in range(2):
        spread = np.mean(np.std(x[3 * i : 3 * i + 3], axis=0))
        np.testing.assert_allclose(out[3 * i : 3 * i + 3, ..., 2], spread, rtol=1e-4)
    disc = registry.discriminators.build(
        "dcgan(width=2, minibatch_std=True)", image_shape=(8, 8, 3)
    )
    assert disc(IMAGES).shape == (16, 1)
    assert disc.layers[-1].kernel.shape[0] == 4 * 4 * 3


def test_a_game_with_stateful_tricks_goes_on_exactly(tmp_path):
    def game():
        return tiny(
            "history_pool(8),ada(start=0.2),spectral_norm,r1(1.0, every=2),lecam,top_k(0.5, 0.5, every=2),"
            "freeze_d(1)",
            loss="relativistic_pairing",
            disc="dcgan(width=4, minibatch_std=True)",
            gen_opt="sgd(0.1, schedule='linear', until=8, warmup=2)",
        )

    def play(game, steps):
        for step in steps:
            images = tf.random.stateless_uniform([4, 8, 8, 3], [0, step], -1, 1)
            game.update.run(game, Batch(images))
            game.step.assign_add(1)

    whole, parts = game(), game()
    saver = checkpoints.Checkpoints(whole, tmp_path, 2)
    play(whole, range(3))
    saver.save(3)  # amid the four updates after which ada changes
    play(whole, range(3, 6))
    checkpoints.Checkpoints(parts, tmp_path, 1).restore()
    play(parts, range(3, 6))
    checkpoints.Checkpoints(parts, tmp_path / "parts", 1).save(6)
    saver.save(6)
    found = []
    for prefix in ("step-3", "step-6", "parts/step-6"):
        reader = tf.train.load_checkpoint(str(tmp_path / prefix))
        names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
        found.append(
            {name: reader.get_tensor(name) for name in names if "save_counter" not in name}
        )
    early, ended, resumed = found
    assert ended.keys() == resumed.keys()
    state = [name for name in ended if name.startswith("tricks/")]
    assert len(state) == 2 + 3 + 2 * 2 + 2
    assert sum((early[name] != ended[name]).any() for name in state) >= 8
    for name, value in ended.items():
        np.testing.assert_array_equal(value, resumed[name], err_msg=name)


def test_spectral_norm_of_both_divides_g_and_its_average_and_the_exported_weights():
    game = tiny("spectral_norm(both=True)", gen="dcgan(width=4, latent=3)", ema=0.9)
    game.update.run(game, Batch(IMAGES[:4]))
    update_ema(game)
    for _ in range(200):
        game.tricks[0].after_disc(game.disc)
    z = tf.random.stateless_normal([4, 3], [0, 0])
    for net in (game.gen, game.ema):
        twin = registry.generators.build("dcgan(width=4, latent=3)", image_shape=(8, 8, 3))
        plain = net.get_weights()
        with folded(net):
            twin.set_weights(net.get_weights())
            np.testing.assert_allclose(net(z), twin(z), atol=1e-5)
        np.testing.assert_allclose(net(z), twin(z), atol=1e-5)
        for before, after in zip(plain, net.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)
        dense, conv = (layer.kernel.numpy() for layer in twin.layers if hasattr(layer, "kernel"))
        for matrix in (dense, conv.transpose(0, 1, 3, 2).reshape(-1, 3)):
            assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_gamma_falls_by_half_a_wave_as_in_r3gan(name):
    now = tf.Variable(0, dtype=tf.int64)
    disc = linear_disc(np.ones(192))
    outputs = DiscOutputs(IMAGES[:4], IMAGES[4:8], None, None)
    trick = registry.tricks.build(f"{name}(2, final_gamma=0.2, until=4)", step=now, disc=disc)
    found = []
    for at in (0, 1, 2, 4, 9):
        now.assign(at)
        found.append(float(trick.penalty(disc, outputs, SEED)) / (192 / 2))
    np.testing.assert_allclose(found, [2, 1.1 + 0.9 * 0.5**0.5, 1.1, 0.2, 0.2], rtol=1e-5)
    for bad in ("final_gamma=0.2", "until=4", "final_gamma=-1, until=3"):
        with pytest.raises(UserError, match=r"until|final_gamma"):
            registry.tricks.build(f"{name}({bad})", step=now, disc=disc)


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_a_penalty_through_the_augmentation_has_its_gradient_too(name):
    weights = np.random.default_rng(1).normal(size=192)
    disc = linear_disc(weights)

    def augment(images, kind):
        factor = {"real": 0.5, "fake": 3.0}[kind]
        return factor * images * (IMAGES[:4] > 0).numpy()  # half of the pixels are covered

    outputs = DiscOutputs(IMAGES[:4], IMAGES[4:8], None, None, None, None, IMAGES[8:12], IMAGES[12:], augment)  # fmt: skip
    square = np.square(weights.astype(np.float32)).reshape(8, 8, 3) * (IMAGES[:4] > 0).numpy()
    factor = {"r1": 0.5, "r2": 3.0}[name]
    found = float(build(f"{name}(2, through=True)", disc=disc).penalty(disc, outputs, SEED))
    assert found == pytest.approx(factor**2 * square.sum() / 4, rel=1e-5)
    plain = float(build(f"{name}(2)", disc=disc).penalty(disc, outputs, SEED))
    assert plain == pytest.approx(np.square(weights).sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("update", "tricks"),
    [
        ("alternating", "flip_images, diff_augment, history_pool(8)"),
        ("simultaneous", "diff_augment"),
    ],
)
def test_the_augmentation_that_a_penalty_goes_through_is_that_of_the_update(update, tricks):
    seen = []

    def penalty(disc, outputs, seed):
        for kind in ("real", "fake"):
            plain = getattr(outputs, f"plain_{kind}")
            seen.append((getattr(outputs, kind), outputs.augment(plain, kind), plain))
        return tf.zeros([])

    game = tiny(tricks, update)
    game = game._replace(tricks=(*game.tricks, Trick(penalty=penalty)))
    game.update.run(game, Batch(IMAGES[:4]))
    assert len(seen) == 2
    for augmented, again, plain in seen:
        np.testing.assert_array_equal(augmented, again)
        assert np.abs(augmented - plain).max() > 0.1
