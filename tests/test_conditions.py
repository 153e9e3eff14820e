"""Conditions by hand, labels from the data to both losses, and whole runs with classes."""

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from gan_zoo import registry, run
from gan_zoo.conditions import condition_disc, condition_gen
from gan_zoo.config import Config
from gan_zoo.contracts import Batch, Classes, Dataset, DiscOutputs, Trick
from gan_zoo.errors import UserError
from gan_zoo.game import build, chunk, sampling, step
from gan_zoo.game import labels as game_labels
from gan_zoo.layers import BatchNorm, ClassAffine, full_precision, layers_of, normalize
from gan_zoo.runs.run import Run
from gan_zoo.training import feed
from tests.conftest import idle_chunk, no_saved_model

ROOT = Path(__file__).parent.parent
CLASSES = Classes("class", ("ant", "bee", "cow"), (10, 20, 30), "")
RNG = np.random.default_rng(0)


def model(inputs, outputs, **weights):
    """A net, with random weights."""
    net = keras.Model(inputs, outputs)
    for v in net.trainable_variables:
        v.assign(RNG.normal(size=v.shape))
    return net


def table_of(net, name="class_vector"):
    return net.get_layer(name).kernel.numpy()


def game(condition="projection", tricks=(), gen_table=((1.0,), (10.0,), (100.0,)), **more):
    """G: image [1, 1, 2] = (z + e_label) * (1, 2) with z = 0. D's features are the image's two values, its logit is 3 a - b."""
    z, x = keras.Input((1,)), keras.Input((1, 1, 2))
    gen = keras.Model(z, layers.Reshape((1, 1, 2))(layers.Dense(2, use_bias=False)(z)))
    disc = keras.Model(x, layers.Dense(1, use_bias=False)(layers.Flatten()(x)))
    gen.set_weights([np.array([[1.0, 2.0]])])
    disc.set_weights([np.array([[3.0], [-1.0]])])
    condition = registry.conditions.build(condition)
    gen, disc = condition_gen(gen, 3), condition_disc(disc, condition, 3)
    gen.get_layer("class_vector").kernel.assign(gen_table)
    optimizers = [registry.optimizers.build("sgd(0.1)") for _ in range(2)]
    optimizers[0].build(gen.trainable_variables)
    optimizers[1].build(disc.trainable_variables)
    return step.Game(
        gen, disc, None, 0.0, *optimizers, registry.losses.build(more.get("loss", "wasserstein")),
        registry.updates.build(more.get("update", "alternating")), tuple(tricks), lambda shape, seed: tf.zeros(shape),
        tf.Variable(0, dtype=tf.int64), 0, condition=condition, classes=CLASSES,
    )  # fmt: skip


REAL, LABELS = tf.constant([[[[1.0, 1.0]]], [[[0.0, 2.0]]]]), tf.constant([2, 0])


def test_projection_by_hand():
    x = keras.Input((2, 2, 1))
    hidden = layers.Dense(3, activation="relu")(layers.Flatten()(x))
    plain = model(x, layers.Dense(1)(hidden))
    net = condition_disc(plain, registry.conditions.build("projection"), 3)
    images, labels = RNG.normal(size=(5, 2, 2, 1)).astype(np.float32), np.array([0, 2, 1, 2, 0])
    w, b, v, c = plain.get_weights()
    features = np.maximum(images.reshape(5, 4) @ w + b, 0)
    expected = features @ v + c + (features * table_of(net)[labels]).sum(1, keepdims=True)
    np.testing.assert_allclose(net([images, labels]), expected, rtol=1e-5, atol=1e-6)
    assert np.abs(table_of(net)).min() > 0


def test_under_a_mean_of_logits_of_places_the_features_are_their_mean():
    x = keras.Input((4, 4, 2))
    maps = layers.LeakyReLU(0.2)(layers.Conv2D(3, 1)(x))
    plain = model(x, layers.GlobalAveragePooling2D()(layers.Conv2D(1, 1)(maps)))
    net = condition_disc(plain, registry.conditions.build("projection"), 3)
    images = RNG.normal(size=(2, 4, 4, 2)).astype(np.float32)
    vectors = table_of(net)[[2, 1]]
    seen = keras.Model(x, maps)(images).numpy()
    everywhere = plain.layers[-2](seen)[..., 0] + np.einsum("bhwc,bc->bhw", seen, vectors)
    np.testing.assert_allclose(
        net([images, np.array([2, 1])])[:, 0], everywhere.numpy().mean((1, 2)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("end", ["sum of two heads", "two logits", "no kernel"])
def test_a_d_without_such_features_is_refused(end):
    x = keras.Input((2, 2, 1))
    flat = layers.Flatten()(x)
    out = {
        "sum of two heads": lambda: layers.Add()([layers.Dense(1)(flat), layers.Dense(1)(flat)]),
        "two logits": lambda: keras.ops.mean(layers.Dense(2)(flat), 1, keepdims=True),
        "no kernel": lambda: keras.ops.mean(flat, 1, keepdims=True),
    }[end]()
    with pytest.raises(ValueError, match=r"end it with Dense\(1\)"):
        condition_disc(keras.Model(x, out), registry.conditions.build("projection"), 3)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def test_auxiliary_by_hand_and_its_gradient_reaches_g():
    g = game("auxiliary(weight=0.5)")
    table = RNG.normal(size=(2, 3)).astype(np.float32)
    g.disc.get_layer("class_logits").set_weights([table, np.zeros(3)])
    fake = g.gen([tf.zeros([2, 1]), LABELS]).numpy().reshape(2, 2)
    np.testing.assert_allclose(fake, [[100, 200], [1, 2]])
    g.gen.get_layer("class_vector").kernel.assign([[0.1], [0.2], [0.3]])
    fake, real = np.array([[0.3, 0.6], [0.1, 0.2]]), REAL.numpy().reshape(2, 2)

    def entropy(images):
        return -np.log(softmax(images @ table)[[0, 1], LABELS.numpy()]).mean()

    scalars = step.gen_update(g, Batch(REAL, LABELS))
    assert float(scalars["loss/gen"]) == pytest.approx(
        -(fake @ [3, -1]).mean() + 0.5 * entropy(fake), rel=1e-5
    )
    # By an image: -(3, -1) of the critic, 0.5 V (p - 1_label) of the classifier; then (1, 2), as
    # the image is e * (1, 2).
    by_image = (
        -np.array([3, -1]) + 0.5 * (softmax(fake @ table) - np.eye(3)[LABELS.numpy()]) @ table.T
    )
    expected = np.array([[0.1], [0.2], [0.3]])
    expected[LABELS.numpy()] -= 0.1 * (by_image @ [[1], [2]]) / 2
    np.testing.assert_allclose(table_of(g.gen), expected, rtol=1e-5)
    assert expected[1] == 0.2  # a class that was not asked for

    g = game("auxiliary(weight=0.5)", gen_table=[[0.1], [0.2], [0.3]])
    g.disc.get_layer("class_logits").set_weights([table, np.zeros(3)])
    loss = float(step.disc_update(g, Batch(REAL, LABELS))["loss/disc"])
    critic = (fake @ [3, -1]).mean() - (real @ [3, -1]).mean()
    assert loss == pytest.approx(critic + 0.5 * (entropy(real) + entropy(fake)), rel=1e-5)
    down = sum(x.T @ (softmax(x @ table) - np.eye(3)[LABELS.numpy()]) for x in (real, fake)) / 2
    moved = g.disc.get_layer("class_logits").get_weights()[0]
    np.testing.assert_allclose(moved, table - 0.1 * 0.5 * down, rtol=1e-4)


def test_both_updates_at_once_count_the_class_loss_once_each():
    ends = {}
    for condition in ("auxiliary(weight=0.5)", "auxiliary(weight=1.0)"):
        g = game(condition, gen_table=[[0.1], [0.2], [0.3]], update="simultaneous")
        g.disc.get_layer("class_logits").set_weights([np.arange(6.0).reshape(2, 3), np.zeros(3)])
        ends[condition] = {k: float(v) for k, v in g.update.run(g, Batch(REAL, LABELS)).items()}
    images = [REAL.numpy().reshape(2, 2), np.array([[0.3, 0.6], [0.1, 0.2]])]
    chances = [softmax(x @ np.arange(6.0).reshape(2, 3)) for x in images]
    entropies = [-np.log(p[[0, 1], [2, 0]]).mean() for p in chances]
    half, whole = ends.values()
    assert whole["loss/disc"] - half["loss/disc"] == pytest.approx(0.5 * sum(entropies), rel=1e-5)
    assert whole["loss/gen"] - half["loss/gen"] == pytest.approx(0.5 * entropies[1], rel=1e-5)


@pytest.mark.parametrize("kind", ["batch", "layer", "instance", "none"])
def test_conditional_norms_against_numpy(kind):
    x, label = keras.Input((2, 3, 4)), keras.Input((), dtype="int32")
    net = keras.Model([x, label], normalize(x, kind, label, 3))
    images, labels = RNG.normal(2, 3, (6, 2, 3, 4)).astype(np.float32), np.array([0, 1, 2, 2, 0, 1])
    axes = {"batch": (0, 1, 2), "layer": (1, 2, 3), "instance": (1, 2), "none": None}[kind]
    mean, variance = (
        (images.mean(axes, keepdims=True), images.var(axes, keepdims=True))
        if axes
        else (0, 1 - 1e-5)
    )
    plain = (images - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(
        net([images, labels], training=True), plain, atol=1e-4
    )  # gain 1, shift 0
    gain, shift = RNG.normal(size=(2, 3, 4)).astype(np.float32)
    (affine,) = [layer for layer in net.layers if isinstance(layer, ClassAffine)]
    affine.set_weights([gain, shift])
    expected = plain * gain[labels][:, None, None] + shift[labels][:, None, None]
    np.testing.assert_allclose(net([images, labels], training=True), expected, atol=1e-4)
    assert (
        sum(len(layer.trainable_weights) for layer in net.layers) == 2
    )  # no second gain behind the norm
    if kind == "batch":  # outside training, the moving statistics, those of all classes
        (norm,) = [layer for layer in net.layers if isinstance(layer, BatchNorm)]
        norm.set_weights([np.arange(4.0), np.arange(1.0, 5.0)])
        plain = (images - np.arange(4)) / np.sqrt(np.arange(1, 5) + 1e-5)
        expected = plain * gain[labels][:, None, None] + shift[labels][:, None, None]
        np.testing.assert_allclose(
            net([images, labels], training=False), expected, rtol=1e-4, atol=1e-4
        )


def test_labels_come_with_their_images():
    images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)
    labels = (np.arange(60) * 7 % 11).astype(np.int64)
    rows = np.arange(5, 60, 2)
    one = tf.distribute.get_strategy()
    stream = feed.train_iterator(images, 6, 3, 2, one, rows, 2, labels)
    plain = feed.train_iterator(images, 6, 3, 2, one, rows, 2)
    for _ in range(5):
        pixels, own = next(stream)
        assert (pixels.shape, own.shape, own.dtype) == ((12, 1, 1, 1), (12,), tf.int32)
        np.testing.assert_array_equal(own, pixels.numpy().ravel().astype(int) * 7 % 11)
        np.testing.assert_array_equal(pixels, next(plain))


@pytest.mark.parametrize("update", ["alternating", "alternating(2)", "simultaneous", "one_stage"])
def test_fakes_have_the_labels_of_the_real_images_of_their_update(update):
    """A real image of class k is of value k, and so is a fake one."""
    off, counts = tf.Variable(0.0), {"disc": 0, "gen": 0}

    def compare(who):
        def penalty(disc, seen, seed):
            counts[who] += 1
            off.assign(
                tf.maximum(off, tf.reduce_max(tf.abs(seen.real[..., 0] - seen.fake[..., 0])))
            )
            # D, bound to the labels of the batch, says again what it said.
            again = disc(seen.fake, training=True)
            off.assign(tf.maximum(off, tf.reduce_max(tf.abs(again - seen.fake_logits))))
            return tf.zeros([])

        return penalty

    trick = Trick(penalty=compare("disc"), gen_penalty=compare("gen"))
    g = game(
        tricks=[trick],
        gen_table=[[k / 127.5 - 1] for k in range(3)],
        update=update,
        loss="least_squares",
    )
    g.gen_opt.learning_rate.assign(0.0)
    labels = RNG.integers(0, 3, 40)
    images = np.repeat(labels[:, None, None, None], 2, -1).astype(np.uint8)
    stream = feed.train_iterator(
        images, 4, 0, 0, tf.distribute.get_strategy(), None, g.update.batches, labels
    )
    run_step = chunk.compile_chunk(g, tf.distribute.get_strategy())
    run_step(stream, tf.constant(5, tf.int64))
    assert min(counts.values()) >= 1
    assert float(off) < 1e-6


def test_penalties_on_the_slope_know_the_labels():
    count = tf.Variable(0, dtype=tf.int64)
    g = game("projection")
    vectors = np.array([[1.0, 0.0], [5.0, 5.0], [0.0, 2.0]])
    g.disc.get_layer("class_vector").kernel.assign(vectors)
    squares = ((np.array([3.0, -1.0]) + vectors[LABELS.numpy()]) ** 2).sum(
        1
    )  # D's slope: w + v_label
    for spec, expected in (
        ("r1(0.5)", 0.25 * squares.mean()),
        ("r2(0.5)", 0.25 * squares.mean()),
        ("gradient_penalty(10.0)", 10 * ((np.sqrt(squares) - 1) ** 2).mean()),
        ("r1(0.5, every=2)", 0.5 * squares.mean()),
    ):
        trick = registry.tricks.build(spec, step=count, disc=g.disc)
        outputs = DiscOutputs(REAL, REAL * 0.5, None, None)
        g = g._replace(tricks=(trick,))
        penalty = g.penalties(Batch(REAL, LABELS), "penalty", outputs)
        assert float(penalty) == pytest.approx(expected, rel=1e-5), spec


def test_penalties_stay_in_full_precision():
    config = Config(
        disc="dense((16,))",
        gen="dense((4,))",
        image_size="8",
        batch=4,
        condition="projection",
        tricks="r1(1.0)",
    )
    values = {}
    for precision in ("float32", "bfloat16"):
        g = build.build_game(dataclasses.replace(config, precision=precision), (8, 8, 1), CLASSES)
        labels = tf.constant([0, 1, 2, 2])
        images = tf.random.stateless_normal([4, 8, 8, 1], [0, 0])
        values[precision] = float(
            g.penalties(Batch(images, labels), "penalty", DiscOutputs(images, images, None, None))
        )
        assert g.disc.get_layer("class_vector").kernel.dtype == "float32"
        before = g.disc.compute_dtype
        with full_precision(step.LabelBoundDisc(g.disc, labels)):  # it reaches the net itself
            assert g.disc.compute_dtype == "float32"
        assert before == g.disc.compute_dtype == precision
    assert values["float32"] > 0
    assert values["bfloat16"] == pytest.approx(values["float32"], rel=1e-5)


def test_spectral_norm_normalizes_the_table_of_classes_too():
    config = Config(
        disc="dense((16,))",
        gen="dense((4,))",
        image_size="8",
        batch=4,
        condition="projection",
        tricks="spectral_norm",
    )
    g = build.build_game(config, (8, 8, 1), CLASSES)
    g.disc.get_layer("class_vector").kernel.assign(3 * np.eye(3, 16, dtype=np.float32) + 0.1)
    for _ in range(30):
        g.tricks[0].after_disc(g.disc)
    used = g.disc.get_layer("class_vector")(tf.range(3)).numpy()
    assert np.linalg.svd(used, compute_uv=False)[0] == pytest.approx(1.0, rel=1e-4)


def test_feature_matching_matches_features_without_the_class():
    g = game(
        tricks=[registry.tricks.build("feature_matching(2.0)")],
        gen_table=[[1.0], [2.0], [3.0]],
    )
    g.disc.get_layer("class_vector").kernel.assign(np.ones((3, 2)) * 50)
    # fakes of labels 2, 0 are (3, 6) and (1, 2), real ones (1, 1) and (0, 2): means (2, 4) and
    # (0.5, 1.5)
    assert float(step.gen_update(g, Batch(REAL, LABELS))["loss/gen"]) == pytest.approx(
        2 * (1.5**2 + 2.5**2), rel=1e-5
    )


def test_the_class_reaches_the_noise_of_any_generator_and_the_norms_of_those_that_ask():
    for spec, number in (
        ("dcgan(width=4)", 3),
        ("dense((4,))", 0),
        ("conv_noise28(width=4, hidden=8)", 0),
    ):
        config = Config(gen=spec, image_size="28", condition="projection")
        net = build.build_generator(config, (28, 28, 1), CLASSES)
        affine = [layer for layer in layers_of(net) if isinstance(layer, ClassAffine)]
        assert len(affine) == number
        wrapped = [layer.name for layer in net.layers if layer.name == "class_vector"]
        assert len(wrapped) == 1
        alone = build.build_generator(
            dataclasses.replace(config, condition=""), (28, 28, 1), CLASSES
        )
        assert len(alone.inputs) == 1
    # The wrapper adds the vector of the class to the noise.
    g = game()
    np.testing.assert_allclose(
        g.gen([tf.constant([[0.5], [-1.0]]), LABELS]).numpy()[:, 0, 0],
        [[100.5, 201], [0, 0]],
        atol=1e-4,
    )


def test_without_a_condition_nothing_is_conditional():
    config = Config(gen="dcgan(width=4)", disc="dcgan(width=4)", image_size="16", batch=4)
    one, two = (build.build_game(config, (16, 16, 3), classes) for classes in (None, CLASSES))
    assert (two.condition, two.classes) == (None, None)
    for a, b in zip(
        one.gen.variables + one.disc.variables, two.gen.variables + two.disc.variables, strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert Config(condition=" ") == Config()
    assert sampling.sample_labels(two, 5, 0) is None
    assert game_labels.grid_layout(two, 5) == (None, None, "")
    # Runs without --workdir from before there were conditions are found again.
    old = Config(
        gen="dcgan(width=8)", disc="dcgan(width=8, dropout=0.3)", batch=16, image_size="16", ema=0.9
    )
    assert old.run_dir == Path("runs/cartoon_faces-dcgan-dcgan-970473")
    assert dataclasses.replace(old, condition="projection").run_dir != old.run_dir


def small_game():
    config = Config(
        gen="dense((4,))",
        disc="dense((4,))",
        image_size="8",
        batch=4,
        condition="projection",
        ema=0.5,
    )
    return build.build_game(config, (8, 8, 1), CLASSES)


def test_samples_and_their_labels_do_not_depend_on_how_many_there_are():
    g = small_game()
    many, few = sampling.sample(g, 150, 5), sampling.sample(g, 70, 5)
    np.testing.assert_array_equal(many[:70], few)
    labels = sampling.sample_labels(g, 150, 5)
    np.testing.assert_array_equal(labels[:70], sampling.sample_labels(g, 70, 5))
    np.testing.assert_array_equal(labels[64:100], sampling.sample_labels(g, 36, 5, first=64))
    assert (labels != sampling.sample_labels(g, 150, 5, tag="evaluation")).any()
    np.testing.assert_array_equal(
        many, sampling.sample(g, 150, 5, labels=labels)
    )  # these are the default
    assert (sampling.sample(g, 150, 5, labels=(labels + 1) % 3) != many).any(axis=(1, 2, 3)).all()
    shares = np.bincount(sampling.sample_labels(g, 6000, 5), minlength=3) / 6000
    np.testing.assert_allclose(shares, [1 / 6, 2 / 6, 3 / 6], atol=0.025)


@pytest.mark.parametrize("condition", ["projection", "auxiliary"])
def test_logits_of_images_are_those_of_their_class(condition):
    given = game(condition)
    shown = RNG.integers(0, 256, (5, 1, 1, 2)).astype(np.uint8)
    labels = np.array([0, 2, 1, 1, 0], np.int32)
    said = sampling.disc_logits(given, shown, labels, batch=4)
    x = (shown.reshape(5, 2) / 127.5 - 1).astype(np.float32)
    expected = x @ [3, -1]
    if condition == "projection":
        expected = expected + (x * table_of(given.disc)[labels]).sum(1)
    np.testing.assert_allclose(said, expected, rtol=1e-5, atol=1e-5)


def test_a_d_that_compares_images_is_shown_whole_groups_of_four():
    config = Config(
        gen="dense((4,))", disc="dcgan(width=2, minibatch_std=True)", image_size="8", batch=4
    )
    given = build.build_game(config, (8, 8, 1))
    shown = RNG.integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    said = sampling.disc_logits(given, shown, batch=4)
    shown = tf.constant(shown / 127.5 - 1, tf.float32)
    first, last = (
        given.disc(tf.gather(shown, rows), training=False).numpy()[:, 0]
        for rows in ([0, 1, 2, 3], [4, 0, 1, 2])
    )
    np.testing.assert_allclose(said, [*first, last[0]], atol=1e-8)


def test_a_grid_has_a_column_for_each_class_or_is_sorted():
    g = small_game()
    labels, columns, order = game_labels.grid_layout(g, 7)
    assert (labels.tolist(), columns) == ([0, 1, 2, 0, 1, 2, 0], 3)
    assert order == "the columns of samples are, by class, ant, bee, cow"
    assert game_labels.grid_layout(g, 2)[1:] == (
        2,
        "the columns of samples are, by class, ant, bee",
    )
    many = g._replace(classes=Classes("hue", tuple(f"h{k}" for k in range(20)), (1,) * 20, ""))
    labels, columns, order = game_labels.grid_layout(many, 10)
    assert (labels.tolist(), columns) == (list(range(0, 20, 2)), None)
    assert order == "samples are sorted by hue, from h0 to h18"


def test_a_class_goes_by_its_name_or_its_number():
    g = small_game()
    assert [game_labels.parse_label(g, text) for text in ("bee", "0", "2")] == [1, 0, 2]
    g = g._replace(classes=Classes("digit", ("3", "5", "9"), (10, 20, 0), ""))
    assert game_labels.parse_label(g, "5") == 1
    for text, words in (
        ("2", "is not a class of this run; its classes (digit) are 3, 5, 9."),  # and no nine
        ("9" * 5000, "is not a class of this run"),
        ("9", "--label=9 is a class of which the run had no image to train on"),
    ):
        with pytest.raises(UserError) as e:
            game_labels.parse_label(g, text)
        assert words in str(e.value)


def test_it_is_said_which_classes_have_no_image_or_one_to_train_on():
    assert game_labels.rare_class_warning(None) == game_labels.rare_class_warning(CLASSES) == ""
    said = game_labels.rare_class_warning(
        Classes("hair", tuple("abcdefgh"), (1, 0, 2, 0, 0, 0, 0, 0), "")
    )
    assert said.startswith("6 of 8 classes by hair have no image to train on (b, d, e, f, g, ...)")
    assert said.endswith(
        "1 of 8 classes by hair have one image to train on (a): their samples can only copy it."
    )


def data_of(labels, values=("a", "b"), column="class"):
    images = np.zeros((len(labels), 8, 8, 1), np.uint8)
    return Dataset(
        "mine", images, {column: np.asarray(labels, np.int32)}, {column: values}, "hash", "none"
    )


def test_classes_are_those_of_the_images_to_train_on():
    config = Config(image_size="8", batch=2, condition="projection", holdout=0.5)
    data = data_of([0, 1] * 10)
    kept = build.split_rows(config, 20)[0]
    classes = game_labels.condition_classes(config, data)
    assert classes.counts == tuple(np.bincount(np.asarray([0, 1] * 10)[kept]))
    assert sum(classes.counts) == 10
    assert classes.hash != game_labels.condition_classes(config, data_of([1, 0] * 10)).hash
    rows = np.arange(20) % 2
    for part, own in zip(("train", "held-out"), build.split_rows(config, 20), strict=True):
        np.testing.assert_array_equal(
            build.data_split(data, config, part).labels["class"], rows[own]
        )
    assert game_labels.condition_classes(Config(), data) is None


def test_an_older_name_of_a_label_column_is_still_found():
    config = Config(image_size="8", batch=2, condition="projection('hair_colour')")
    assert game_labels.condition_classes(config, data_of([0, 1], column="hair_color")).column == (
        "hair_color"
    )
    assert game_labels.condition_classes(config, data_of([0, 1], column="hair_colour")).column == (
        "hair_colour"
    )


def test_data_without_such_classes_is_refused():
    config = Config(image_size="8", batch=2, condition="projection")
    for data, words in (
        (
            data_of([0, 1], column="hair"),
            "needs the labels 'class', and the data set mine has hair; choose by --condition='proj",
        ),
        (
            data_of([0, 1])._replace(labels={}, label_values={}),
            "mine has none; give a folder for each class",
        ),
        (
            data_of([0, 1])._replace(
                labels={},
                label_values={},
                notes=("one file is no image.", "labels are left out, say."),
            ),
            "mine has none: labels are left out, say; give a folder for each class",
        ),
        (data_of([1, 1, 1, 1]), "all images of mine to train on are of one (class: b)"),
        (
            data_of([0, 1, 2]),
            "must be 3 whole numbers, one for each image, from 0 to below the number of classes, 2",
        ),
        (data_of([0, 1, -1]), "must be 3 whole numbers"),
        (
            data_of([0, 1])._replace(labels={"class": np.array([0, 1, 1])}),
            "must be 2 whole numbers",
        ),
        (
            data_of([0, 1])._replace(labels={"class": np.array([0.0, 0.5])}),
            "must be 2 whole numbers",
        ),
    ):
        with pytest.raises(UserError) as e:
            game_labels.condition_classes(config, data)
        assert words in str(e.value)
    assert (
        game_labels.condition_classes(
            Config(condition="auxiliary('hair')"), data_of([0, 1], column="hair")
        ).column
        == "hair"
    )


@pytest.fixture(scope="module")
def labeled(tmp_path_factory):
    """An npz of 96 gray images of 8x8 of classes 3, 5 and 9: class k is as bright as 20 k."""
    labels = np.random.default_rng(0).choice([3, 5, 9], 96)
    noise = np.random.default_rng(1).integers(0, 20, (96, 8, 8, 1))
    path = tmp_path_factory.mktemp("labeled") / "squares.npz"
    np.savez(
        path, images=(labels[:, None, None, None] * 20 + noise).astype(np.uint8), labels=labels
    )
    return path


def train(data, folder, *flags, saved_model=False, idle=False):
    small = [
        "--gen=dense((8,), 4)",
        "--disc=dense((8,))",
        "--image_size=8",
        "--batch=8",
        "--samples=9",
        "--log_every=2",
    ]
    small += [
        "--steps=4",
        "--save_every=2",
        "--sample_every=2",
        "--eval_every=0",
        "--condition=projection",
    ]
    with pytest.MonkeyPatch.context() as patch:
        if not saved_model:
            patch.setattr("keras.Model.export", no_saved_model)
        if idle:
            patch.setattr("gan_zoo.game.chunk.compile_chunk", idle_chunk)
        return run.main([*small, f"--data_dir={data}", f"--workdir={folder}", *flags])


def weights(folder):
    return Run(folder).restore()[0].gen.get_weights() + Run(folder).restore()[0].disc.get_weights()


@pytest.fixture(scope="module")
def finished(labeled, tmp_path_factory):
    """A run of four idle steps with an average, on the labeled squares."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    more = ("--ema=0.5", "--holdout=0.25")
    assert train(labeled, folder, *more, saved_model=True, idle=True) == 0
    return folder


def test_a_run_records_shows_and_hands_on_its_classes(finished, labeled, capsys):
    saved = json.loads((finished / "config.json").read_text())
    found = saved["data"]["classes"]
    assert (saved["config"]["condition"], found["column"], found["names"]) == (
        "projection",
        "class",
        ["3", "5", "9"],
    )
    assert sum(found["counts"]) == 72
    g, _ = Run(finished).restore()
    z, labels = sampling.sample_noise(g, 3, 0), np.array([0, 1, 2], np.int32)
    expected = g.ema([z, labels], training=False).numpy()
    np.testing.assert_allclose(
        keras.models.load_model(finished / "generator.keras")([z, labels]), expected, atol=1e-6
    )
    served = tf.saved_model.load(str(finished / "generator"))
    np.testing.assert_allclose(served.serve([z, labels]), expected, atol=1e-5)
    with tf.io.gfile.GFile(str(finished / "samples" / "00000004.png"), "rb") as f:
        assert tf.io.decode_png(f.read()).shape == (16 * (3 * 10 + 2), 16 * (3 * 10 + 2), 1)


def test_what_a_run_says_and_a_resumed_run_ends_with_the_same_bits(labeled, tmp_path, capsys):
    more = ("--condition=auxiliary(weight=0.5)", "--deterministic")
    assert train(labeled, tmp_path / "whole", *more) == 0
    said = capsys.readouterr().out
    assert "condition: auxiliary(weight=0.5), float32" in said
    assert said.count("the columns of samples are, by class, 3, 5, 9") == 1
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    for path in (tmp_path / "parts" / "checkpoints").glob("step-4.*"):
        path.unlink()
    assert train(labeled, tmp_path / "parts", *more) == 0
    assert "going on from step 2" in capsys.readouterr().out
    for a, b in zip(weights(tmp_path / "whole"), weights(tmp_path / "parts"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_changed_labels_or_another_condition_are_refused(finished, labeled, tmp_path, capsys):
    with np.load(labeled) as old:
        np.savez(tmp_path / "other.npz", images=old["images"], labels=old["labels"][::-1])
    before = (finished / "config.json").read_text()
    same = ("--ema=0.5", "--holdout=0.25", "--steps=6")
    assert train(tmp_path / "other.npz", finished, *same) == 2
    assert "the labels of the data changed since the run in" in capsys.readouterr().err
    assert train(labeled, finished, *same, "--condition=auxiliary") == 2
    assert "condition 'projection' -> 'auxiliary'" in capsys.readouterr().err
    assert (finished / "config.json").read_text() == before


def test_what_does_not_go_with_a_condition_is_refused(labeled, tmp_path, capsys):
    for flags, words in (
        (
            ["--tricks=history_pool(8)"],
            "--tricks=history_pool(8) changes which fakes D learns from",
        ),
        (["--condition=auxiliary", "--update=one_stage"], "uses the gradient of one loss of D"),
        (["--condition=projection('hair')"], "needs the labels 'hair'"),
        (["--condition=auxiliary(weight=0)"], "must be above 0"),
        (["--condition=projektion"], "did you mean projection?"),
        (["--condition=projection,auxiliary"], "give one part"),
    ):
        capsys.readouterr()
        assert train(labeled, tmp_path / "run", *flags) == 2
        err = capsys.readouterr().err
        assert words in err
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_game_trains_in_bfloat16_and_with_tricks():
    config = Config(
        gen="dcgan(width=4)",
        disc="dense((8,))",
        image_size="8",
        batch=8,
        precision="bfloat16",
        tricks="spectral_norm,r1(0.1,every=2),consistency,lecam,feature_matching(alone=False)",
        loss="relativistic_pairing",
        update="alternating(2)",
        condition="auxiliary",
    )
    g = build.build_game(config, (8, 8, 1), CLASSES)
    before = [v.numpy() for net in (g.gen, g.disc) for v in net.trainable_variables]
    labels = tf.constant(RNG.integers(0, 3, 16), tf.int32)
    for seed in range(2):
        images = tf.random.stateless_uniform([16, 8, 8, 1], [0, seed], -1, 1)
        g.update.run(g, Batch(images, labels))
        g.step.assign_add(1)
    after = [v.numpy() for net in (g.gen, g.disc) for v in net.trainable_variables]
    assert all(np.isfinite(w).all() for w in after)
    assert np.mean([(a != b).any() for a, b in zip(before, after, strict=True)]) > 0.9
    assert {str(v.dtype) for v in g.gen.trainable_variables} == {"float32"}


def test_tools_make_images_of_a_class(finished, tool, tmp_path):
    said = tool("sample", finished, "--n=4", "--label=9", f"--out={tmp_path / 'nines.npz'}")
    assert "all of class 9" in said
    g, _ = Run(finished).restore()
    with np.load(tmp_path / "nines.npz") as made:
        assert made["labels"].tolist() == [2] * 4
        np.testing.assert_array_equal(
            made["images"], sampling.sample(g, 4, 1, labels=np.array([2] * 4))
        )
    assert "samples-seed1-class1.png: 4 images" in tool("sample", finished, "--n=4", "--label=5")
    assert "samples-seed1.png: 6 images" in (grid := tool("sample", finished, "--n=6"))
    assert "the columns of samples are, by class, 3, 5, 9" in grid
    # 64, but all classes have as many; and what lies there stays.
    assert "samples-seed1-2.png: 63 images" in tool("sample", finished)
    tool("sample", finished, "--n=6", f"--out={tmp_path / 'all.npz'}")
    with np.load(tmp_path / "all.npz") as made:
        np.testing.assert_array_equal(made["labels"], sampling.sample_labels(g, 6, 1))
        singles = [f"{i:06d}-class{label}.png" for i, label in enumerate(made["labels"])]
    tool("sample", finished, "--n=6", f"--out={tmp_path / 'single'}")
    assert sorted(path.name for path in (tmp_path / "single").iterdir()) == singles
    assert "--label=4 is not a class of this run; its classes (class) are 3, 5, 9." in tool(
        "sample", finished, "--label=4", code=2
    )
    walk = ["interpolate", finished, "--n=2", "--steps=2", "--size=0"]
    assert "class 5, " in tool(*walk, "--label=5", f"--out={tmp_path / 'five.png'}")
    assert "class 3, " in tool(*walk, f"--out={tmp_path / 'first.png'}")
    assert (tmp_path / "five.png").read_bytes() != (tmp_path / "first.png").read_bytes()


def test_an_export_takes_labels_and_says_so(finished, tool, tmp_path, monkeypatch):
    tool("export", finished, "--format=savedmodel,keras", f"--out={tmp_path / 'out'}")
    record = json.loads((tmp_path / "out" / "model.json").read_text())
    assert record["label"] == {"shape": [None], "dtype": "int32", "classes": ["3", "5", "9"]}
    text = (tmp_path / "out" / "README.md").read_text()
    assert "0: 3, 1: 5, 2: 9" in text
    assert "model.serve([z, label])" in text
    lines = [block.partition("```")[0] for block in text.split("```python\n")[1:3]]
    monkeypatch.chdir(tmp_path / "out")
    made: dict = {}
    exec("\n".join(lines), made)  # what the README says works as it stands
    assert made["images"].shape == (16, 8, 8, 1)
