"""The updates against numbers worked out by hand, and the things that make a run exact."""

import gc
import types
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_zoo import randomness, registry
from gan_zoo.config import Config
from gan_zoo.contracts import Batch, Loss, Trick
from gan_zoo.errors import (
    UserError,
    check_at_least,
    check_decay,
    check_non_negative,
    check_positive,
    check_share,
)
from gan_zoo.game import build, chunk, sampling, step
from gan_zoo.layers import (
    BatchNorm,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DownConv2D,
    Dropout,
    UpConv2D,
    conv,
    crop_to,
    filter_gradient,
    resolution_schedule,
)
from gan_zoo.training import feed


def linear(shape_in, shape_out, weights):
    """A net with one dense layer of given weights and no bias."""
    x = keras.Input(shape_in)
    y = keras.layers.Dense(int(np.prod(shape_out)), use_bias=False)(keras.layers.Flatten()(x))
    net = keras.Model(x, keras.layers.Reshape(shape_out)(y))
    net.set_weights([np.asarray(weights, np.float32)])
    return net


def game(tricks=(), loss=None, ema=None, decay=0.0, update="alternating"):
    """G: z [1] -> image [1, 1, 2] = z * (1, 2). D: image -> 3 a - b. Plain gradient descent with rate 0.1; z is always 1."""
    gen, disc = linear((1,), (1, 1, 2), [[1, 2]]), linear((1, 1, 2), (1,), [[3], [-1]])
    optimizers = [registry.optimizers.build("sgd(0.1)") for _ in range(2)]
    optimizers[0].build(gen.trainable_variables)
    optimizers[1].build(disc.trainable_variables)
    return step.Game(
        gen, disc, ema, decay, *optimizers, loss or registry.losses.build("wasserstein"),
        registry.updates.build(update), tuple(tricks),
        lambda shape, seed: tf.ones(shape), tf.Variable(0, dtype=tf.int64), 0,
    )  # fmt: skip


REAL = tf.constant([[[[1.0, 1.0]]], [[[0.0, 2.0]]]])


def test_d_update_by_hand():
    g = game()
    scalars = step.disc_update(g, Batch(REAL))
    # real logits 2 and -2, fake logits 1 and 1; loss = mean(fake - real) = 1
    assert float(scalars["loss/disc"]) == pytest.approx(1.0)
    assert float(scalars["logits/real"]) == pytest.approx(0.0)
    assert float(scalars["logits/fake"]) == pytest.approx(1.0)
    assert float(scalars["accuracy/disc"]) == pytest.approx(0.25)
    # gradient = mean(fake image) - mean(real image) = (1, 2) - (0.5, 1.5) = (0.5, 0.5)
    assert float(scalars["grad_norm/disc"]) == pytest.approx(0.5**0.5)
    np.testing.assert_allclose(g.disc.get_weights()[0], [[2.95], [-1.05]], rtol=1e-6)
    np.testing.assert_allclose(g.gen.get_weights()[0], [[1, 2]])  # D's update leaves G alone


def test_g_update_by_hand():
    g = game()
    scalars = step.gen_update(g, Batch(REAL))
    assert float(scalars["loss/gen"]) == pytest.approx(-1.0)
    np.testing.assert_allclose(g.gen.get_weights()[0], [[1 + 0.1 * 3, 2 + 0.1 * -1]], rtol=1e-6)
    np.testing.assert_allclose(g.disc.get_weights()[0], [[3], [-1]])  # and G's leaves D alone


def test_every_hook_of_a_trick_is_used_where_its_contract_says():
    calls = []

    def note(name, change):
        def hook(value, seed):
            calls.append((name, tuple(seed.numpy())))
            return change(value)

        return hook

    def penalty(disc, seen, seed):
        np.testing.assert_array_equal(
            seen.real, REAL * 2 + 1
        )  # after real_images and images, in this order
        np.testing.assert_array_equal(
            seen.fake, [[[[11.0, 21.0]]]] * 2
        )  # after fake_images and images
        np.testing.assert_array_equal(seen.real_logits, [[6.0], [-2.0]])
        np.testing.assert_array_equal(seen.fake_logits, [[12.0]] * 2)
        assert observed == [seen]
        return tf.constant(10.0)

    def gen_penalty(disc, seen, seed):
        np.testing.assert_array_equal(seen.real, REAL * 2 + 1)
        np.testing.assert_array_equal(
            seen.fake, [[[[2.0, 3.0]]]] * 2
        )  # G learns from what it has just made
        assert seen.real_logits is None
        return tf.constant(20.0)

    def gradients(values, net):
        nets.append(net)
        return [value * 0 + 1 for value in values]

    observed, nets = [], []
    trick = Trick(
        real_targets=note("real", lambda t: t * 5),
        fake_targets=note("fake", lambda t: t + 7),
        gen_targets=note("gen", lambda t: t * 3),
        real_images=note("mirror", lambda x: x * 2),
        fake_images=note("old", lambda x: x * 10),
        images=note("images", lambda x: x + 1),
        observe=observed.append,
        penalty=penalty,
        gen_penalty=gen_penalty,
        gen_weights=lambda logits: tf.constant([[0.0], [4.0]]),
        gradients=gradients,
        after_disc=lambda disc: disc.set_weights([disc.get_weights()[0] - 1]),
    )
    targets = Loss(
        disc=lambda r, f, a, b: a * 100 + b * 1000 + 0 * (r + f),
        gen=lambda f, c: c * 100 + 0 * f,
        uses_targets=True,
    )
    g = game([trick], targets)
    assert float(step.disc_update(g, Batch(REAL))["loss/disc"]) == 500 + 7000 + 10
    np.testing.assert_allclose(g.disc.get_weights()[0], [[3 - 0.1 - 1], [-1 - 0.1 - 1]], rtol=1e-6)
    assert float(step.gen_update(g, Batch(REAL))["loss/gen"]) == 300 * (0 + 4) / 2 + 20
    np.testing.assert_allclose(g.gen.get_weights()[0], [[1 - 0.1, 2 - 0.1]], rtol=1e-6)
    assert nets == ["disc", "gen"]
    order = ["old", "images", "mirror", "images", "real", "fake"]  # D's fakes, then what is real
    assert [name for name, _ in calls] == [*order, "mirror", "images", "images", "gen"]
    seeds = [seed for _, seed in calls]
    # Each draws for itself, but which real images are mirrored, say, is one draw a step: the data.
    assert len(set(seeds)) == len(seeds) - 1
    assert seeds[2] == seeds[6]


def test_a_loss_that_compares_gives_g_the_logits_of_real_images():
    got = []

    def gen(fake, targets, real):
        got.append((fake.numpy().ravel().tolist(), real.numpy().ravel().tolist()))
        return fake + 0 * real

    loss = Loss(disc=lambda real, fake, *_: fake - real, gen=gen, needs_real_logits=True)
    for update in registry.updates:
        g = game(loss=loss, update=update)
        g.update.run(g, Batch(REAL))
        assert np.abs(g.gen.get_weights()[0] - [[1, 2]]).min() > 0.05
    # D is (3, -1); where D moves first it is (2.95, -1.05)
    np.testing.assert_allclose(got[0], [[0.85, 0.85], [1.9, -2.1]], rtol=1e-6)
    assert got[1:] == [([1.0, 1.0], [2.0, -2.0])] * 2


def test_simultaneous_update_by_hand():
    noise = []
    g = game(update="simultaneous")
    g = g._replace(noise=lambda shape, seed: noise.append(shape) or tf.ones(shape))
    scalars = g.update.run(g, Batch(REAL))
    assert set(scalars) == set(step.SCALARS)
    # D moves as in its own update; G moves against D as it was, (3, -1), not as it has become
    np.testing.assert_allclose(g.disc.get_weights()[0], [[2.95], [-1.05]], rtol=1e-6)
    np.testing.assert_allclose(g.gen.get_weights()[0], [[1.3, 1.9]], rtol=1e-6)
    assert (float(scalars["loss/disc"]), float(scalars["loss/gen"])) == (
        pytest.approx(1.0),
        pytest.approx(-1.0),
    )
    assert float(scalars["grad_norm/gen"]) == pytest.approx(10**0.5)
    assert noise == [(2, 1)]  # one batch of fakes


@pytest.mark.parametrize(
    "loss", [name for name in registry.losses if not registry.losses.build(name).has_zero_gradient]
)
def test_one_stage_does_what_simultaneous_does(loss):
    ends = []
    for update in ("simultaneous", "one_stage"):
        g = game(loss=registry.losses.build(loss), update=update)
        g = g._replace(noise=lambda shape, seed: tf.constant([[1.0], [-0.5]]))
        scalars = g.update.run(g, Batch(REAL))
        ends.append(
            [*g.gen.get_weights(), *g.disc.get_weights(), *(scalars[name] for name in step.SCALARS)]
        )
    assert np.abs(ends[0][0] - [[1, 2]]).max() > 1e-3
    for one, two in zip(*ends, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5)


def test_what_an_update_cannot_carry_is_refused(refused):
    for trick in ("consistency", "feature_matching"):
        said = refused(
            f"--tricks={trick}", "--update=one_stage", "--disc=dcgan(width=8, norm=False)"
        )
        assert f"--update=one_stage cannot go with the penalty of --tricks={trick}" in said
    assert "cannot go with the loss 'hinge'" in refused("--loss=hinge", "--update=one_stage")
    # Under batch norm in D, G learns nothing from the rescaled slopes of D's loss.
    mixes = "whose batch norm or minibatch_std mixes the images of a batch"
    assert mixes in refused("--update=one_stage")
    assert mixes in refused(
        "--update=one_stage", "--disc=dcgan(width=8, norm=False, minibatch_std=True)"
    )
    for update in ("simultaneous", "one_stage"):
        said = refused(
            "--tricks=history_pool", f"--update={update}", "--disc=dcgan(width=8, norm=False)"
        )
        assert "use --update=alternating" in said


def test_a_condition_is_refused_without_classes_before_nets_are_built():
    # At 8x8, building this generator would be refused.
    config = Config(gen="conv_noise28", condition="projection", image_size="8")
    with pytest.raises(UserError, match="needs data with classes, and there are none here"):
        build.build_game(config, (8, 8, 3))


@pytest.mark.parametrize("loss", registry.losses)
def test_a_loss_is_flat_where_it_says_so(loss):
    built = registry.losses.build(loss)
    logits = tf.constant([[-30.0], [-3.0], [3.0], [30.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        fake = built.disc(
            tf.stop_gradient(logits), logits, tf.ones_like(logits), tf.zeros_like(logits)
        )
    assert built.has_zero_gradient == bool((tape.gradient(fake, logits).numpy() == 0).any())


def adam(weights, gradient, state, t, rate, beta_2, hat):
    """One step of Adam without momentum, in float64: algorithm 1, or with "epsilon hat"."""
    state[:] = beta_2 * state + (1 - beta_2) * gradient**2
    correction = 1 - beta_2 ** (t + 1)
    root = np.sqrt(state) if hat else np.sqrt(state / correction)
    weights -= rate * (np.sqrt(correction) if hat else 1) * gradient / (root + 1e-8)


def prepared(loss, tricks, optimizer, update="alternating"):
    """The game of two linear nets, with other parts."""
    g = game(loss=registry.losses.build(loss), update=update)
    built = [registry.tricks.build(spec, step=g.step, disc=g.disc) for spec in tricks]
    optimizers = [registry.optimizers.build(optimizer) for _ in range(2)]
    for each, net in zip(optimizers, (g.gen, g.disc), strict=True):
        each.build(net.trainable_variables)
    return g._replace(tricks=tuple(built), gen_opt=optimizers[0], disc_opt=optimizers[1])


def assert_weights(g, gen, disc):
    np.testing.assert_allclose(g.gen.get_weights()[0][0], gen, rtol=2e-5)
    np.testing.assert_allclose(g.disc.get_weights()[0][:, 0], disc, rtol=2e-5)


def test_steps_of_r3gan_are_the_arithmetic_of_its_code():
    moving = "schedule='cosine', until=3, final_rate=0.025, final_beta_2=0.99, epsilon_hat=False"
    penalties = [f"{name}(0.5, final_gamma=0.05, until=3)" for name in ("r1", "r2")]
    g = prepared("relativistic_pairing", penalties, f"adam(0.1, 0, 0.9, {moving})")
    real, gen, disc = REAL.numpy()[:, 0, 0].astype(float), np.array([1.0, 2]), np.array([3.0, -1])
    squares = np.zeros((2, 2))
    for t in range(5):
        wave = 0.5 + 0.5 * np.cos(np.pi * min(t / 3, 1))
        gamma, rate, beta_2 = 0.05 + 0.45 * wave, 0.025 + 0.075 * wave, 0.99 - 0.09 * wave
        # The derivative of softplus(fake - real); each penalty's of gamma / 2 |disc|^2.
        share = 1 / (1 + np.exp(real @ disc - gen @ disc))
        gradient = np.mean(share[:, None] * (gen - real), axis=0) + 2 * gamma * disc
        adam(disc, gradient, squares[0], t, rate, beta_2, hat=False)
        share = 1 / (1 + np.exp(gen @ disc - real @ disc))
        adam(gen, -np.mean(share) * disc, squares[1], t, rate, beta_2, hat=False)
        g.update.run(g, Batch(REAL))
        g.step.assign_add(1)
        assert_weights(g, gen, disc)


def test_steps_of_wgan_gp_are_the_arithmetic_of_algorithm_1():
    optimizer, updates = "adam(0.1, beta_1=0, beta_2=0.9)", "alternating(2)"
    g = prepared("wasserstein", ["gradient_penalty(10)"], optimizer, updates)
    gen, disc, squares = np.array([1.0, 2]), np.array([3.0, -1]), np.zeros((2, 2))
    images = np.random.default_rng(0).normal(size=(3, 2, 2, 2))
    for t in range(3):
        for k in range(2):
            norm = np.linalg.norm(disc)
            gradient = gen - images[t, k].mean(axis=0) + 20 * (norm - 1) * disc / norm
            adam(disc, gradient, squares[0], 2 * t + k, 0.1, 0.9, hat=True)
        adam(gen, -disc, squares[1], t, 0.1, 0.9, hat=True)
        batch = images[t].reshape(4, 1, 1, 2).astype(np.float32)
        g.update.run(g, Batch(tf.constant(batch)))
        g.step.assign_add(1)
        assert_weights(g, gen, disc)


def test_alternating_updates_by_hand():
    g = game()
    assert set(g.update.run(g, Batch(REAL))) == set(step.SCALARS)
    np.testing.assert_allclose(g.disc.get_weights()[0], [[2.95], [-1.05]], rtol=1e-6)
    np.testing.assert_allclose(
        g.gen.get_weights()[0], [[1.295, 1.895]], rtol=1e-6
    )  # against D as it has become


def test_several_updates_of_d_use_images_and_noise_of_their_own():
    seeds = []
    g = game(update="alternating(3)")
    assert g.update.batches == 3
    g = g._replace(
        noise=lambda shape, seed: seeds.append((shape, tuple(seed.numpy()))) or tf.ones(shape)
    )
    real = tf.concat([REAL, REAL + 1, REAL + 2], 0)
    scalars = g.update.run(g, Batch(real))
    # three gradients, mean fake - mean real: (0.5, 0.5), (-0.5, -0.5), (-1.5, -1.5)
    np.testing.assert_allclose(g.disc.get_weights()[0], [[3 + 0.15], [-1 + 0.15]], rtol=1e-6)
    assert [shape for shape, _ in seeds] == [(2, 1)] * 4
    assert len(set(seeds)) == 4
    # fake logit 1, 0.85, 1 under the three D; real logits' means 0, 1.9, 4.1: losses 1, -1.05, -3
    twin = game()
    losses = [float(step.disc_update(twin, Batch(part))["loss/disc"]) for part in tf.split(real, 3)]
    assert float(scalars["loss/disc"]) == pytest.approx(np.mean(losses))


def test_d_is_right_by_differences_where_the_loss_knows_nothing_else():
    far = [
        [3 + 100],
        [-1 + 0.0],
    ]  # logits 102, -2 on real, 101, 101 on fake images: the line is at 75.5
    g = game(loss=registry.losses.build("relativistic_pairing"))
    g.disc.set_weights([np.array(far, np.float32)])
    assert float(step.disc_update(g, Batch(REAL))["accuracy/disc"]) == pytest.approx(0.25)
    g.disc.set_weights(
        [np.array([[3.0], [-3.0]], np.float32)]
    )  # 0, -6 on real, -3, -3 on fake images: the line is at -3
    assert float(step.disc_update(g, Batch(REAL))["accuracy/disc"]) == pytest.approx(0.75)


def test_d_is_right_by_the_labels_it_is_given():
    swap = registry.tricks.build("swap_labels", step=None, image_shape=None, seed=0)
    loss = registry.losses.build("non_saturating")
    plain = step.disc_update(
        game(loss=loss), Batch(REAL)
    )  # logits 2, -2 on real, 1, 1 on fake images
    swapped = step.disc_update(game([swap], loss), Batch(REAL))
    assert float(plain["accuracy/disc"]) == pytest.approx(0.25)
    assert float(swapped["accuracy/disc"]) == pytest.approx(0.75)


@pytest.mark.parametrize("update", registry.updates)
def test_update_rules_move_both_nets_in_a_compiled_run(update):
    g = game(update=update)
    run = chunk.compile_chunk(g, tf.distribute.get_strategy())
    images = np.full((6, 1, 1, 2), 255, np.uint8)
    sums = run(
        feed.train_iterator(images, 2, 0, 0, tf.distribute.get_strategy(), None, g.update.batches),
        tf.constant(2, tf.int64),
    )
    means = chunk.means(sums, 2)
    assert set(means) == set(step.SCALARS)
    assert g.step.numpy() == 2
    assert np.abs(g.gen.get_weights()[0] - [[1, 2]]).min() > 1e-3
    assert np.abs(g.disc.get_weights()[0] - [[3], [-1]]).min() > 1e-3


def test_impossible_update_rules_are_refused():
    for spec in ("alternating(0)", "alternating(1.5)"):
        with pytest.raises(UserError, match="alternating"):
            registry.updates.build(spec)


def test_tricks_apply_in_the_order_given():
    double = Trick(gen_targets=lambda t, seed: t * 2)
    add = Trick(gen_targets=lambda t, seed: t + 1)
    loss = Loss(disc=None, gen=lambda f, c: c + 0 * f)
    assert float(step.gen_update(game([double, add], loss), Batch(REAL))["loss/gen"]) == 3
    assert float(step.gen_update(game([add, double], loss), Batch(REAL))["loss/gen"]) == 4


def test_the_average_follows_with_a_ramp():
    ema = linear((1,), (1, 1, 2), [[0, 0]])
    g = game(ema=ema, decay=0.5)
    step.update_ema(g)  # step 0: the decay is 1/10
    np.testing.assert_allclose(ema.get_weights()[0], [[0.9, 1.8]], rtol=1e-6)
    g.step.assign(100)  # later it is what was asked for
    step.update_ema(g)
    np.testing.assert_allclose(ema.get_weights()[0], [[0.95, 1.9]], rtol=1e-6)


def test_the_average_gets_the_statistics_that_its_own_weights_make():
    config = Config(gen="dcgan(width=4)", disc="dense((4,))", image_size="8", channels=3, ema=0.9)
    g = build.build_game(config, (8, 8, 3))
    kernel, *_ = g.ema.trainable_variables  # of the dense layer, in front of the first batch norm
    kernel.assign(3.0 * kernel)
    others = [v.numpy() for net in (g.gen, g.disc) for v in net.variables] + [
        v.numpy() for v in g.ema.trainable_variables
    ]
    sampling.compute_standing_statistics(g, batches=5, batch=16)
    (mean, variance), *_ = [
        (layer.moving_mean, layer.moving_variance)
        for layer in g.ema.layers
        if isinstance(layer, BatchNorm)
    ]
    z = sampling.sample_noise(g, 80, config.seed, tag="statistics", batch=16)
    maps = (z @ kernel.numpy()).reshape(5, -1, mean.shape[0])
    np.testing.assert_allclose(mean, maps.mean((0, 1)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, maps.var(1, ddof=1).mean(0), rtol=1e-4)
    now = [v.numpy() for net in (g.gen, g.disc) for v in net.variables] + [
        v.numpy() for v in g.ema.trainable_variables
    ]
    for before, after in zip(others, now, strict=True):
        np.testing.assert_array_equal(before, after)


def test_settling_the_average_leaves_the_batch_norm_of_keras_alone():
    z = keras.Input((1,))
    ours, keras_own = BatchNorm(), keras.layers.BatchNormalization()
    ema = keras.Model(z, keras.layers.Reshape((1, 1, 2))(ours(keras_own(keras.layers.Dense(2)(z)))))
    before = [v.numpy() for v in (*ema.trainable_variables, *keras_own.variables)]
    sampling.compute_standing_statistics(game(ema=ema), batches=2, batch=4)
    for old, new in zip(before, (*ema.trainable_variables, *keras_own.variables), strict=True):
        np.testing.assert_array_equal(old, new)
    assert (ours.moving_variance.numpy() == 0).all()  # where all noise is 1


def test_compiled_samplers_do_not_keep_a_net_alive():
    config = Config(gen="dcgan(width=2)", disc="dense((4,))", image_size="8", ema=0.9)
    g = build.build_game(config, (8, 8, 3))
    sampling.compute_standing_statistics(g, batches=1, batch=4)
    sampling.sample(g, 4, 0, batch=4)
    sampling.sample(g, 4, 0, batch=4, ema=False)
    nets = [weakref.ref(g.gen), weakref.ref(g.ema)]
    del g
    gc.collect()
    assert [net() for net in nets] == [None, None]


@pytest.mark.parametrize(
    ("check", "numbers", "message"),
    [
        (lambda **n: check_at_least(1, **n), {"width": 0}, "width=0 must be a whole number, 1 or"),
        (lambda **n: check_at_least(1, **n), {"width": 2.0}, "width=2.0 must be a whole number"),
        (lambda **n: check_at_least(0, **n), {"width": True}, "width=True must be a whole number"),
        (check_positive, {"rate": 1, "weight": 0}, "weight=0 must be above 0."),
        (check_positive, {"weight": float("nan")}, "weight=nan must be above 0."),
        (check_non_negative, {"weight": -0.1}, "weight=-0.1 must be 0 or more."),
        (check_share, {"rate": 1.1}, "rate=1.1 must be from 0 to 1."),
        (check_decay, {"beta": 1.0}, "beta=1.0 must be from 0 to below 1."),
    ],
)
def test_numbers_out_of_range_are_named_with_their_value(check, numbers, message):
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        check(**numbers)
    check(**dict.fromkeys(numbers, 1 if check is not check_decay else 0.5))


def test_a_chunk_of_n_is_n_steps_and_its_scalars_are_means():
    g = game()
    images = np.full((4, 1, 1, 2), 255, np.uint8)
    run = chunk.compile_chunk(g, tf.distribute.get_strategy())
    iterator = feed.train_iterator(images, 2, 0, 0, tf.distribute.get_strategy())
    means = chunk.means(run(iterator, tf.constant(3, tf.int64)), 3)
    assert g.step.numpy() == 3
    twin = game()
    one = tf.ones([2, 1, 1, 2])
    losses = []
    for _ in range(3):
        losses.append(float(step.disc_update(twin, Batch(one))["loss/disc"]))
        step.gen_update(twin, Batch(one))
    assert float(means["loss/disc"]) == pytest.approx(np.mean(losses))
    np.testing.assert_allclose(g.gen.get_weights()[0], twin.gen.get_weights()[0], rtol=1e-6)


def test_chunks_of_other_lengths_do_not_compile_anew():
    g = game()
    run = chunk.compile_chunk(g, tf.distribute.get_strategy())
    iterator = feed.train_iterator(
        np.zeros((4, 1, 1, 2), np.uint8), 2, 0, 0, tf.distribute.get_strategy()
    )
    for n in (1, 2, 5):
        run(iterator, tf.constant(n, tf.int64))
    assert run.experimental_get_tracing_count() == 1


def test_seeds_differ_by_place_and_step_and_are_small_enough_for_tensorflow():
    streams = {
        randomness.derive_seed(s, *place)
        for s in range(50)
        for place in (("a",), ("a", 0), ("a", 1), ("b",))
    }
    assert len(streams) == 200
    assert max(streams) < 2**63


def test_order_shows_every_image_once_an_epoch_and_is_another_each_epoch_and_seed():
    order = feed.EpochShuffle(10, seed=1)
    epochs = [order(10 * e, 10) for e in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(10))
    assert len({tuple(e) for e in epochs}) == 3
    assert tuple(feed.EpochShuffle(10, seed=2)(0, 10)) != tuple(epochs[0])
    np.testing.assert_array_equal(
        order(7, 16), np.concatenate(epochs)[7:23]
    )  # across the seams, from anywhere


def test_the_stream_from_step_k_is_the_rest_of_the_stream_from_0():
    images = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1)
    strategy = tf.distribute.get_strategy()
    whole = feed.train_iterator(images, 6, 3, 0, strategy)
    batches = [next(whole).numpy() for _ in range(7)]
    rest = feed.train_iterator(images, 6, 3, 4, strategy)
    for batch in batches[4:]:
        np.testing.assert_array_equal(next(rest), batch)


def test_every_replica_gets_its_share_of_each_batch_of_a_step():
    images = np.arange(24, dtype=np.uint8).reshape(24, 1, 1, 1)
    one = feed.train_iterator(images, 4, 3, 1, tf.distribute.get_strategy(), None, 2)
    devices = tf.config.list_logical_devices("CPU")
    assert next(one).numpy().ravel().tolist() == [
        int(i) for i in feed.EpochShuffle(24, 3)(8, 8)
    ]  # step 1 uses 8 to 15
    if len(devices) < 2:
        return
    two = feed.train_iterator(
        images, 4, 3, 1, tf.distribute.MirroredStrategy([d.name for d in devices[:2]]), None, 2
    )
    a, b = (v.numpy().ravel() for v in next(two).values)
    order = feed.EpochShuffle(24, 3)(8, 8)
    assert [*a, *b] == [*order[0:2], *order[4:6], *order[2:4], *order[6:8]]


def test_no_tuner_of_tf_data_waits_when_the_stream_ends():
    # The thread of the tuner could miss the end and sleep on for up to a minute, and the run with
    # it.
    made = []
    strategy = types.SimpleNamespace(
        num_replicas_in_sync=1,
        distribute_datasets_from_function=lambda f: (
            made.append(f(tf.distribute.InputContext())) or made[0]
        ),
    )
    feed.train_iterator(np.zeros((4, 1, 1, 1), np.uint8), 2, 0, 0, strategy)
    assert made[0].options().autotune.enabled is False


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((28, 28), [(4, 4), (7, 7), (14, 14), (28, 28)]),
        ((48, 48), [(6, 6), (12, 12), (24, 24), (48, 48)]),
        ((64, 64), [(4, 4), (8, 8), (16, 16), (32, 32), (64, 64)]),
        ((100, 75), [(4, 3), (7, 5), (13, 10), (25, 19), (50, 38), (100, 75)]),
    ],
)
def test_ladder(size, sizes):
    assert resolution_schedule(*size) == sizes


def test_a_ladder_of_so_many_steps():
    assert resolution_schedule(200, 100, steps=4) == [
        (13, 7),
        (25, 13),
        (50, 25),
        (100, 50),
        (200, 100),
    ]
    assert resolution_schedule(28, 28, steps=2) == [(7, 7), (14, 14), (28, 28)]


def test_crop_to_cuts_the_far_edge():
    x = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
    np.testing.assert_array_equal(crop_to(x, (3, 4)), x[:, :3])
    assert crop_to(x, (4, 4)) is x


def test_dropout_drops_its_share_keeps_the_mean_and_draws_anew_at_each_call():
    layer = Dropout(0.3, seed=1)
    x = tf.ones([2000, 5])
    one, two = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    np.testing.assert_allclose(np.unique(one), [0, 1 / 0.7], rtol=1e-6)
    assert (one == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert np.mean((one == 0) & (two == 0)) == pytest.approx(0.09, abs=0.02)
    np.testing.assert_array_equal(layer(x, training=False), x)
    again = Dropout.from_config(layer.get_config())
    np.testing.assert_array_equal(again(x, training=True), one)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [3, 4, 5])
@pytest.mark.parametrize("shape", [(8, 8), (7, 9)])
def test_the_filter_gradient_by_matrix_products_is_tensorflows(shape, size, stride):
    rng = np.random.default_rng(0)
    large = rng.normal(size=(3, *shape, 4))
    small = rng.normal(size=(3, -(-shape[0] // stride), -(-shape[1] // stride), 5))
    theirs = tf.raw_ops.Conv2DBackpropFilter(
        input=large,
        filter_sizes=[size, size, 4, 5],
        out_backprop=small,
        strides=[1, stride, stride, 1],
        padding="SAME",
    )
    mine = filter_gradient(tf.constant(large), tf.constant(small), size, stride)
    np.testing.assert_allclose(mine, theirs, atol=1e-12)


@pytest.mark.parametrize("by_xla", [False, True])
@pytest.mark.parametrize(("size", "stride"), [(4, 2), (6, 3)])
@pytest.mark.parametrize("shape", [(8, 8), (7, 9)])
def test_convolutions_by_one_matrix_product_are_tensorflows(shape, size, stride, by_xla):
    rng = np.random.default_rng(0)
    large, kernel = rng.normal(size=(3, *shape, 4)), rng.normal(size=(size, size, 4, 5))
    small = rng.normal(size=(3, *(-(-side // stride) for side in shape), 5))

    @tf.function(jit_compile=by_xla)
    def mine(large, small, kernel):
        return (
            conv.product_convolution(large, kernel, stride),
            conv.product_transposed(small, kernel, list(shape), stride),
        )

    forward, back = mine(tf.constant(large), tf.constant(small), tf.constant(kernel))
    np.testing.assert_allclose(forward, tf.nn.conv2d(large, kernel, stride, "SAME"), atol=1e-12)
    theirs = tf.nn.conv2d_transpose(small, kernel, large.shape, stride, "SAME")
    np.testing.assert_allclose(back, theirs, atol=1e-12)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("channels", "products"), [(96, 4), (256, 6)])
def test_convolutions_in_bfloat16_are_keras_own_but_for_rounding(transposed, channels, products):
    layers = (Conv2DTranspose, keras.layers.Conv2DTranspose)
    mine, theirs = (
        layer(channels, 4, 2, "same", dtype=dtype)
        for layer, dtype in zip(
            layers if transposed else (Conv2D, keras.layers.Conv2D),
            ("mixed_bfloat16", "float32"),
            strict=True,
        )
    )
    shape = [8, 8, 80] if channels == 96 else [4, 4, 256] if transposed else [8, 8, 256]
    x = tf.random.stateless_normal([4, *shape], [0, 0])
    results = []
    for layer in (theirs, mine):
        layer.build(x.shape)
        layer.set_weights(theirs.get_weights())
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 2)
        results.append(
            [y, *tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])]
        )
    operations = (
        tf.function(lambda x: tf.gradients(mine(x), mine.kernel.value)[0])
        .get_concrete_function(x)
        .graph.get_operations()
    )
    # It is the other way indeed: 4 for the kernel's gradient, with 256 also 1 each forward and back.
    assert sum(op.type == "MatMul" for op in operations) == products
    for one, two in zip(*results, strict=True):
        one, two = (tf.cast(v, tf.float32).numpy() for v in (one, two))
        np.testing.assert_allclose(two, one, atol=0.02 * np.abs(one).max())


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    ("kind", "settings", "shape", "count"),
    [
        (Conv2D, (8, 3, 1, "same"), [4, 16, 16, 2], 1024),
        (Conv2D, (64, 4, 2, "same"), [32, 8, 8, 64], 512),
        (Conv2D, (8, 3, 1, "same", None, 1, 2), [4, 16, 16, 2], 1024),
        (Conv2DTranspose, (8, 4, 2, "same"), [4, 8, 8, 2], 1024),
        (UpConv2D, (8,), [4, 8, 8, 2], 1024),
        (DownConv2D, (8,), [4, 32, 32, 2], 1024),
        (Dense, (8,), [512, 2], 512),
    ],
    ids=["plain", "products", "groups", "transposed", "up", "down", "dense"],
)
def test_the_gradient_of_a_bias_is_a_sum_in_float32(kind, settings, shape, count, version):
    # A sum of ones in bfloat16 ends at 256. Runs that began with it keep it.
    layer = kind(*settings, dtype="mixed_bfloat16")
    x = tf.zeros(shape)
    with randomness.version(version):
        layer.build(x.shape)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.cast(layer(x), tf.float32))
    assert set(tape.gradient(total, layer.bias.value).numpy()) == {count if version == 3 else 256}


@pytest.mark.parametrize("shape", [(32, 5), (8, 4, 4, 5)])
def test_batch_norm_is_the_formula_forward_backward_and_in_its_moving_statistics(shape):
    x = np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)
    layer, twin = (
        BatchNorm(momentum=0.8, epsilon=1e-3),
        keras.layers.BatchNormalization(momentum=0.8, epsilon=1e-3),
    )
    results = []
    for bn in (layer, twin):
        bn.build(shape)
        bn.gamma.assign([1.0, 2, 3, 4, 5])
        bn.beta.assign([5.0, 4, 3, 2, 1])
        with tf.GradientTape() as tape:
            t = tf.constant(x)
            tape.watch(t)
            y = bn(t, training=True)
            loss = tf.reduce_sum(y**2 * tf.range(5.0))
        results.append([y, *tape.gradient(loss, [t, bn.gamma.value, bn.beta.value])])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-3)
    n = x.size // 5
    axes = tuple(range(x.ndim - 1))
    np.testing.assert_allclose(layer.moving_mean, 0.2 * x.mean(axes), rtol=1e-5)
    np.testing.assert_allclose(
        layer.moving_variance, 0.8 + 0.2 * x.var(axes) * n / (n - 1), rtol=1e-4
    )
    expected = (x - layer.moving_mean.numpy()) / np.sqrt(
        layer.moving_variance.numpy() + 1e-3
    ) * layer.gamma.numpy() + layer.beta.numpy()
    np.testing.assert_allclose(layer(x, training=False), expected, rtol=1e-4, atol=1e-4)
