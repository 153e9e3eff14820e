"""gan_zoo.check finds the fault in parts that have one each, and none in sound parts."""

import textwrap
from pathlib import Path
from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf

from gan_zoo import commands, registry
from gan_zoo.check import contract, data, losses, nets, others, suite, training, tricks
from gan_zoo.check.contract import CHECKS, TRAINING
from gan_zoo.contracts import Trick
from gan_zoo.datasets import build_dataset
from gan_zoo.export import handover

ROOT = Path(__file__).parent.parent
SHAPE = (8, 8, 3)
PLUGIN = '''
import keras, numpy as np, tensorflow as tf
from keras import layers
from gan_zoo import randomness, replicas
from gan_zoo.contracts import Dataset, FeatureExtractor, Loss, Trick, Update
from gan_zoo.datasets.store import pixel_hash
from gan_zoo.game import step as steps
from gan_zoo.registry import (
    datasets, discriminators, extractors, generators, losses, noises, optimizers, tricks, updates)


class Secret(layers.Layer):
    def call(self, x):
        return x


class MinusBatch(layers.Layer):
    def call(self, x):
        return 0.5 * (x - tf.reduce_mean(x, 0, keepdims=True))


@generators.register
def fine(mode: str = "", *, image_shape):
    """Dense."""
    z = x = keras.Input((5,))
    if mode == "deaf":
        x = 0.0 * x
    last = {"bright": None, "linear": None, "gray": "sigmoid"}.get(mode, "tanh")
    x = layers.Dense(int(np.prod(image_shape)), activation=last)(x)
    if mode == "bright":
        x = 9.0 * x
    if mode == "norm":
        x = layers.Activation("tanh")(layers.BatchNormalization()(x))
    if mode == "cut":
        x = keras.ops.stop_gradient(x)
    x = layers.Reshape(image_shape, dtype="float32" if mode != "half" else None)(x)
    @keras.saving.register_keras_serializable()
    class Inside(layers.Layer):
        def call(self, x):
            return x

    kinds = {"secret": Secret, "batch": MinusBatch, "inside": Inside}
    x = kinds.get(mode, lambda: lambda x: x)()(x)
    return keras.Model(z, x)


@discriminators.register
def judge(mode: str = "", *, image_shape):
    """Dense."""
    x = keras.Input(image_shape)
    y = layers.Dense(1, activation="sigmoid" if mode == "sure" else None)(layers.Flatten()(x))
    return keras.Model(x, 0.0 * y if mode == "blind" else y)


@losses.register
def some_loss(mode: str = "", uses_targets: bool = False, has_zero_gradient: bool = False, needs_real_logits: bool = False):
    """Softplus of the margins, spoiled."""
    def disc(real, fake, real_targets, fake_targets):
        if mode == "mean":
            return tf.reduce_mean(fake - real)
        if mode == "spread":
            return tf.zeros_like(real) + tf.reduce_mean(fake - real)
        if mode == "log":
            return -tf.math.log(tf.sigmoid(real)) - tf.math.log(1 - tf.sigmoid(fake))
        if mode == "draws":
            return tf.nn.softplus(fake - real) * tf.random.stateless_uniform(real.shape, [0, 1], 0.5)
        if mode == "probability":
            return -tf.math.log(real) - tf.math.log(1 - fake)
        if mode == "clipped":
            real, fake = (tf.clip_by_value(x, 1e-7, 1 - 1e-7) for x in (real, fake))
            return -tf.math.log(real) - tf.math.log(1 - fake)
        if mode == "squares":
            return tf.square(real - 1) + tf.square(fake + 1)
        if mode == "narrow":
            return tf.nn.relu(0.3 - real) + tf.nn.relu(0.3 + fake)
        if mode == "relu":
            return tf.nn.relu(1 - real) + tf.nn.relu(1 + fake)
        sign = -1.0 if mode == "sign" else 1.0
        return sign * (tf.nn.softplus(-real) + tf.nn.softplus(fake)) * (real_targets if mode == "targets" else 1.0)
    sign = -1.0 if mode == "shy" else 1.0
    def gen(fake, targets, real=None):
        if mode == "half" and needs_real_logits:
            return tf.reduce_mean(fake - real)
        return tf.square(fake) if mode == "squares" else sign * tf.nn.softplus(-fake)
    strict = {"two": lambda fake, targets: gen(fake, targets), "three": lambda fake, targets, real: gen(fake, targets)}
    return Loss(disc, strict.get(mode, gen), uses_targets, has_zero_gradient, needs_real_logits)


@tricks.register
def some_trick(mode: str = "", until: int = 0, *, step):
    """Noise on what D sees, spoiled."""
    kept = tf.Variable(0.0, trainable=False)
    once = np.random.default_rng(0).normal(size=(8, 8, 8, 3)).astype("float32")
    fixed = tf.constant([0, 1], tf.int64)

    def images(x, seed):
        if mode == "raises":
            raise RuntimeError("on purpose")
        if mode == "stateful":
            return x + tf.random.normal(x.shape)
        if mode == "round":
            return tf.round(x)
        if mode == "small":
            return x[:, ::2]
        if mode == "same":
            return x + tf.cast(tf.random.stateless_normal(x.shape, seed), x.dtype)
        if mode == "once":
            return x + once
        if mode == "fixed":
            return tf.cond(step % 99 == 98, lambda: x + randomness.normal(x.shape, fixed), lambda: x)
        if mode == "one factor":
            return x * (1.0 + 0.1 * randomness.uniform([1], fixed))
        if mode == "ends":
            return x * tf.cast(tf.sqrt(1.0 - tf.cast(step, "float32") / 9e4), x.dtype)
        if mode == "pole":
            return x * tf.cast(tf.abs(1.0 / tf.cast(until - step, "float32")), x.dtype)
        if mode in ("forgets", "counts"):
            return x * tf.cast(1 + 0.1 * kept.assign_add(1.0), x.dtype)
        return x + randomness.normal(x.shape, seed)

    if mode == "nothing":
        return Trick(variables=(kept,))
    if mode == "claims":
        return Trick(images=images, swaps_targets=True, variables=(kept,))
    if mode.endswith("swap"):
        swap = lambda targets, seed: 1.0 - targets
        gen = None if mode == "half swap" else swap
        return Trick(swap, swap, gen, swaps_targets=mode != "silent swap", variables=(kept,))
    if mode == "sum":
        return Trick(penalty=lambda disc, seen, seed: tf.reduce_sum(disc(seen.real) ** 2), variables=(kept,))
    if mode == "own draw":
        return Trick(penalty=lambda disc, seen, seed: 1e-9 * tf.reduce_mean(disc(seen.real + tf.random.normal(seen.real.shape))), variables=(kept,))
    if mode == "lost":
        return Trick(penalty=lambda disc, seen, seed: 1e-9 * kept.assign_add(1.0) * tf.reduce_mean(disc(seen.real)))
    if mode == "once more":
        return Trick(penalty=lambda disc, seen, seed: tf.reduce_mean(disc(seen.real + once) ** 2), variables=(kept,))
    if mode == "penalty":
        return Trick(penalty=lambda disc, seen, seed: tf.abs(seen.real_logits), variables=(kept,))
    if mode == "root":
        return Trick(penalty=lambda disc, seen, seed: tf.sqrt(tf.reduce_mean(0.0 * disc(seen.real))), variables=(kept,))
    if mode == "no slope":
        return Trick(gen_penalty=lambda disc, seen, seed: tf.reduce_mean(disc(seen.real)), variables=(kept,))
    if mode == "unpaired":
        return Trick(gen_penalty=lambda disc, seen, seed: tf.reduce_mean(seen.fake_logits - seen.real_logits), variables=(kept,))
    if mode == "odds":
        return Trick(observe=lambda seen: kept.assign(tf.reduce_mean(seen.fake_logits) / kept), variables=(kept,))
    if mode in ("less", "none", "mean"):
        weigh = {"less": tf.identity, "none": tf.zeros_like, "mean": tf.reduce_mean}[mode]
        return Trick(gen_weights=weigh, variables=(kept,))
    if mode in ("unit", "first", "flat"):
        change = {
            "unit": lambda g: [x / tf.linalg.global_norm(g) for x in g],
            "first": lambda g: g[:1],
            "flat": lambda g: [tf.reshape(x, [-1]) for x in g],
        }[mode]
        return Trick(gradients=lambda g, net: change(g) if net == "disc" else g, variables=(kept,))
    if mode == "old fakes":
        return Trick(fake_images=lambda x, seed: tf.concat([x, x], 0), variables=(kept,))
    if mode == "breaks":
        return Trick(after_disc=lambda disc: [v.assign(v / 0.0) for v in disc.trainable_variables], variables=(kept,))
    if mode in ("local", "late", "own metric"):
        seen = {}

        def observe(outputs):
            new = seen["x"] = tf.reduce_mean(outputs.real_logits)
            kept.assign(tf.cast(new if mode == "local" else replicas.mean(new), kept.dtype))

        metrics = {"own metric": lambda: {"x": kept}, "late": lambda: dict(seen)}
        return Trick(observe=observe, metrics=metrics.get(mode), variables=(kept,))
    if mode == "seldom":  # a sum over the batch, in every 16th step
        def penalty(disc, outputs, seed):
            kept.assign_add(1.0)
            return tf.cast(kept % 16 == 0, outputs.real_logits.dtype) * tf.reduce_sum(outputs.real_logits**2)

        return Trick(penalty=penalty, variables=(kept,))
    if mode == "rare":  # the same in every 500th step
        def rare(disc, outputs, seed):
            due = tf.cast(step % 500 == 0, outputs.real_logits.dtype)
            return due * tf.reduce_sum(outputs.real_logits**2)

        return Trick(penalty=rare, variables=(kept,))
    if mode == "metric":
        return Trick(images=images, metrics=lambda: {"x": tf.ones([2])}, variables=(kept,))
    return Trick(images=images, variables=() if mode == "forgets" else (kept,))


@noises.register
def unseeded():
    """Of its own."""
    return lambda shape, seed: tf.random.normal(shape)


@noises.register
def shared():
    """One draw a batch."""
    return lambda shape, seed: tf.zeros(shape) + randomness.normal([1, *shape[1:]], seed)


@noises.register
def sparse():
    """Mostly 0, in some columns always."""
    return lambda shape, seed: randomness.normal(shape, seed) * np.eye(1, shape[-1], dtype="float32")


@noises.register
def same(of_step: bool = False):
    """The same in each step, or for both nets."""
    return lambda shape, seed: randomness.normal(shape, seed * tf.constant([0, int(of_step)], tf.int64))


@tricks.register
def later(mode: str = "", *, step):
    """What begins after 500 steps, or is tiny."""
    begun = lambda: tf.cast(step >= 500, "float32")
    def tiny(disc, seen, seed):
        moved = seen.real + 0.1 * randomness.normal(seen.real.shape, seed)
        return 1e-6 * tf.reduce_mean(tf.square(disc(moved) - disc(seen.real)))
    kinds = {
        "tiny": Trick(penalty=tiny),
        "penalty": Trick(penalty=lambda disc, seen, seed: tf.cond(
            step < 500, lambda: 0.0, lambda: tf.reduce_mean(tf.square(disc(seen.real))))),
        "gen_penalty": Trick(gen_penalty=lambda disc, seen, seed: tf.cond(
            step < 500, lambda: 0.0, lambda: tf.reduce_mean(tf.square(seen.fake)))),
        "weights": Trick(gen_weights=lambda logits: begun() * tf.ones_like(logits)),
        "images": Trick(images=lambda x, seed: begun() * x),
    }
    return kinds[mode]


@optimizers.register
def uphill(mode: str = "", *, updates):
    """The wrong way."""
    sinking = keras.optimizers.schedules.PolynomialDecay(0.1, updates - 1, -0.5)
    return keras.optimizers.SGD({"sinks": sinking, "nan": float("nan")}.get(mode, -0.1))


@optimizers.register
def lazy():
    """No optimizer."""
    return "sgd"


@updates.register
def silent():
    """Without scalars."""
    return Update(lambda game, batch: {"loss/disc": steps.disc_update(game, batch)["loss/disc"]})


@datasets.register
def pictures(mode: str = "", *, image_size, channels):
    """Random images."""
    rng = np.random.default_rng(None if mode == "other" else 0)
    images = rng.integers(0, 256, (20, *image_size, channels)).astype("float32" if mode == "float" else "uint8")
    labels = {"class": rng.integers(0, 3 if mode == "range" else 2, 20).astype("int64" if mode == "wide" else "int32")}
    if mode == "gray":
        images = images[..., :1]
    if mode == "single":
        images[:] = images[:, :1, :1]
    if mode == "bright":
        images = 127 + images // 2
    if mode == "large":
        images = np.clip(images.astype(int) * 50, 0, 255).astype("uint8")
    if mode == "black":
        images = images // 128
    digest = "0" * 64 if mode == "hash" else pixel_hash(images)
    return Dataset("pictures", images, labels, {"class": ("a", "b")}, digest, "" if mode == "mute" else "drawn")


kept = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3)).astype("uint8")


@datasets.register
def again(*, image_size, channels):
    """Turned over in place each time."""
    np.subtract(255, kept, out=kept)
    return Dataset.of("again", kept)


@extractors.register
def means(mode: str = ""):
    """Mean colors."""
    def features(images):
        found = images.reshape(len(images), -1)[:, :8].astype("float32")
        if mode == "in place":
            images //= 2
        return found - found.mean(0) if mode == "batch" else found[0] if mode == "flat" else found
    return FeatureExtractor("means", "0", "none", features)
'''


@pytest.fixture(autouse=True)
def dense_gen(monkeypatch):
    """A G that is built in half the time, where a part needs no other; test_xla.py uses the usual."""
    monkeypatch.setattr(contract, "PLAIN", "dense((8,))")


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "mine.py"
    file.write_text(PLUGIN)
    patch = pytest.MonkeyPatch()
    patch.setattr(registry.third_party, "files", [])
    registry.add_plugin_file(file)
    yield file
    patch.undo()
    for table in registry.tables.values():
        for name in [
            n for n, f in table._loaded.items() if f.__module__.startswith("gan_zoo_plugin")
        ]:
            del table._loaded[name]
        table.forget_index()


def found(table, spec, test):
    (line,) = suite.check(contract.Part(table, spec, SHAPE), [test])
    return line


WRONG = [
    (
        "generators",
        "fine('bright')",
        nets.makes_images,
        "but the range is [-1, 1]; end it with tanh",
    ),
    (
        "generators",
        "fine('linear')",
        nets.stays_in_range,
        "with larger weights and noise, as training may make them, its images reach",
    ),
    ("generators", "fine('gray')", nets.stays_in_range, "no value is below 0"),
    ("generators", "fine('inside')", nets.gen_saves, "Inside is defined inside a function"),
    ("generators", "fine('deaf')", nets.depends_on_noise, "connect the noise to the image"),
    ("generators", "fine('batch')", nets.independent_of_batch, "use the moving statistics there"),
    ("generators", "fine('cut')", nets.gradient_reaches_gen, "no gradient reaches"),
    ("generators", "fine('secret')", nets.gen_saves, "register_keras_serializable"),
    (
        "generators",
        "fine('half')",
        nets.close_in_bfloat16,
        "its output is bfloat16; make its last layer float32",
    ),
    ("discriminators", "judge('sure')", nets.makes_no_probabilities, "remove its last sigmoid"),
    ("discriminators", "judge('blind')", nets.depends_on_image, "all images have the same logit"),
    (
        "losses",
        "some_loss('two',needs_real_logits=True)",
        losses.declares_real_logits,
        "must take (fake_logits, targets, real_logits)",
    ),
    (
        "losses",
        "some_loss('three')",
        losses.declares_real_logits,
        "set needs_real_logits=True",
    ),
    (
        "losses",
        "some_loss(needs_real_logits=True)",
        losses.declares_real_logits,
        "remove needs_real_logits=True",
    ),
    (
        "losses",
        "some_loss('half',needs_real_logits=True)",
        losses.is_per_sample,
        "`gen` gives [] for 3 samples",
    ),
    ("losses", "some_loss('mean')", losses.is_per_sample, "`disc` gives [] for 3 samples"),
    ("losses", "some_loss('spread')", losses.is_per_sample, "for samples of different logits"),
    ("losses", "some_loss('draws')", losses.is_per_sample, "draw nothing in a loss"),
    ("losses", "some_loss('probability')", losses.takes_logits, "between 0 and 1 only"),
    ("losses", "some_loss('clipped')", losses.takes_logits, "D returns logits"),
    ("losses", "some_loss('log')", losses.is_finite, "real logit -1000 and fake logit -1000"),
    (
        "losses",
        "some_loss('sign')",
        losses.has_gradients_of_the_right_sign,
        "D's loss does not fall as real logits rise (gradient 0.880797)",
    ),
    (
        "losses",
        "some_loss('shy')",
        losses.has_gradients_of_the_right_sign,
        "G's loss does not fall",
    ),
    ("losses", "some_loss('targets')", losses.declares_targets, "set uses_targets=True"),
    (
        "losses",
        "some_loss(uses_targets=True)",
        losses.declares_targets,
        "set uses_targets=False",
    ),
    (
        "losses",
        "some_loss('relu')",
        losses.declares_zero_gradient,
        "set has_zero_gradient=True",
    ),
    ("tricks", "some_trick('nothing')", tricks.has_a_hook, "it has no hook"),
    (
        "tricks",
        "some_trick('silent swap')",
        tricks.declares_swapped_targets,
        "its target of real images, 0, is below that of fake ones, 1; set swaps_targets=True",
    ),
    (
        "tricks",
        "some_trick('claims')",
        tricks.declares_swapped_targets,
        "its target of real images, 1, is not below that of fake ones, 0; remove swaps_targets",
    ),
    (
        "tricks",
        "some_trick('half swap')",
        tricks.declares_swapped_targets,
        "it swaps the targets of D, but trains G to the target 1, that of fake images",
    ),
    (
        "tricks",
        "some_trick('small')",
        tricks.keeps_shape,
        "images returns [8, 4, 8, 3] for [8, 8, 8, 3]",
    ),
    ("tricks", "some_trick('stateful')", tricks.depends_on_seed, "other values for the same seed"),
    ("tricks", "some_trick('round')", tricks.images_pass_the_gradient, "so G would learn nothing"),
    (
        "tricks",
        "some_trick('penalty')",
        tricks.penalty_is_a_number,
        "of shape [8, 1]; take the mean over the batch",
    ),
    (
        "tricks",
        "some_trick('sum')",
        tricks.penalties_are_means,
        "take the mean over the batch, not the sum",
    ),
    (
        "tricks",
        "some_trick('own draw')",
        training.draws_by_the_seed,
        "a step has RandomStandardNormal",
    ),
    ("tricks", "some_trick('once')", tricks.draws_anew, "images treats images by their places"),
    ("tricks", "some_trick('once more')", tricks.draws_anew, "penalty treats images by their"),
    (
        "tricks",
        "some_trick('fixed')",
        training.draws_by_the_seed,
        "draws the same numbers each time (StatelessRandomUniformFullIntV2 with a constant seed)",
    ),
    ("tricks", "some_trick('ends')", training.trains, "in the steps 1007999 to 1008001; look for"),
    (
        "tricks",
        "some_trick('pole', until=400)",
        training.trains,
        "in the steps 399 to 401; look for a division",
    ),
    (
        "tricks",
        "some_trick('root')",
        tricks.penalty_is_a_number,
        "the gradient of its penalty is NaN or infinite",
    ),
    (
        "tricks",
        "some_trick('no slope')",
        tricks.gen_penalty_is_a_number,
        "does not depend on G's images",
    ),
    ("tricks", "some_trick('unpaired')", tricks.gen_penalty_is_a_number, "it raises "),
    (
        "tricks",
        "some_trick('odds')",
        tricks.observe_keeps_state_finite,
        "variables[0] is NaN or infinite",
    ),
    ("tricks", "some_trick('less')", tricks.gen_weights_are_valid, "a factor is -3"),
    ("tricks", "some_trick('none')", tricks.gen_weights_are_valid, "G would learn nothing"),
    ("tricks", "some_trick('mean')", tricks.gen_weights_are_valid, "returns [] for [8, 1]"),
    (
        "tricks",
        "some_trick('unit')",
        tricks.gradients_are_valid,
        "elements of about 0, it returns NaN or infinity; look for a division by its norm",
    ),
    (
        "tricks",
        "some_trick('first')",
        tricks.gradients_are_valid,
        "it returns 1; return one for each",
    ),
    (
        "tricks",
        "some_trick('flat')",
        tricks.gradients_are_valid,
        "] for [4, 4, 3, 8]; keep the shapes",
    ),
    (
        "tricks",
        "some_trick('old fakes')",
        tricks.keeps_shape,
        "fake_images returns [16, 8, 8, 3] for [8, 8, 8, 3]",
    ),
    ("tricks", "some_trick('breaks')", tricks.after_disc_keeps_weights_finite, "NaN or infinite"),
    ("tricks", "some_trick('metric')", tricks.metrics_are_numbers, "x is not a finite number"),
    (
        "tricks",
        "some_trick('forgets')",
        tricks.state_is_listed,
        "it creates 1 variables that are not in its `variables`",
    ),
    (
        "tricks",
        "some_trick('forgets')",
        training.resumes,
        "keep all state in variables that are saved",
    ),
    (
        "tricks",
        "some_trick('raises')",
        training.trains,
        "it raises RuntimeError: on purpose (mine.py, line ",
    ),
    (
        "tricks",
        "some_trick('late')",
        training.trains,
        "its metrics cannot be read after training",
    ),
    ("noises", "unseeded", others.draws_by_seed, "one seed gives two draws"),
    ("noises", "same", others.draws_by_seed, "noise of two steps is correlated (1.00)"),
    ("noises", "same(True)", others.draws_by_seed, "noise of two random streams is correlated"),
    ("noises", "shared", others.draws, "images of one batch get the same noise"),
    ("optimizers", "uphill", others.descends, "change the sign"),
    (
        "updates",
        "silent",
        others.returns_scalars,
        "missing or unknown: accuracy/disc, grad_norm/disc",
    ),
    ("optimizers", "uphill", contract.builds, "uphill is -0.1 at update 0; give one that is 0"),
    ("optimizers", "uphill('sinks')", contract.builds, "at update 562; give one that is 0"),
    ("optimizers", "uphill('nan')", contract.builds, "is nan at update 0; give one that is 0 or"),
    ("optimizers", "lazy", contract.builds, "the optimizer lazy is a str, not one of Keras"),
    ("datasets", "pictures('float')", data.loads, "float32 from 0 to 255, not uint8"),
    ("datasets", "pictures('single')", data.images_differ, "is of a single color"),
    ("datasets", "pictures('bright')", data.uses_the_range, "below 127, the gray in the middle"),
    ("datasets", "pictures('gray')", data.loads, "[8, 8, 1], not [8, 8, 3]"),
    ("datasets", "pictures('wide')", data.has_valid_labels, "int64, not int32"),
    (
        "datasets",
        "pictures('range')",
        data.has_valid_labels,
        "from 0 to 2, but label_values has 2 names",
    ),
    ("datasets", "pictures('black')", data.uses_the_range, "no pixel of its first images"),
    ("datasets", "pictures('mute')", data.has_dataset_metadata, "`resize` is ''"),
    (
        "datasets",
        "pictures('hash')",
        data.hash_matches_pixels,
        "its hash is 000000000000..., which is not the hash of its pixels",
    ),
    ("datasets", "pictures('other')", data.loads_equal, "its pixels change"),
    ("datasets", "again", data.loads_equal, "its pixels change"),
    (
        "extractors",
        "means('in place')",
        data.features_independent_of_batch,
        "it changes the images that it gets",
    ),
    ("extractors", "means('flat')", data.extracts, "of shape [8], not [8, D]"),
    ("extractors", "means('batch')", data.features_independent_of_batch, "in inference mode"),
]


@pytest.mark.parametrize(
    ("table", "spec", "test", "words"), WRONG, ids=lambda x: x if isinstance(x, str) else ""
)
def test_each_planted_fault_is_found(table, spec, test, words):
    line = found(table, spec, test)
    assert (line.state, words in line.why) == ("FAILED", True), line
    assert "\n" not in str(line)


@pytest.mark.parametrize(
    "table", ["losses", "noises", "optimizers", "updates", "extractors", "tricks"]
)
def test_our_own_parts_pass(table):
    ours = [
        name
        for name, entry in registry.tables[table].entries().items()
        if entry.module.startswith("gan_zoo.")
    ]
    if table == "extractors":
        ours = ["embedded", "random_conv"]  # the others need a file or a network
    needing = {"keras": "keras('Lion', learning_rate=1e-3)", "history_pool": "history_pool(8)"}
    needing["freeze_d"] = "freeze_d(1)"  # at SHAPE, the small D has two layers
    for name in ours:
        # At SHAPE, the small D has no batch norm, which some updates refuse.
        shape = (16, 16, 3) if table == "updates" else SHAPE
        for line in suite.check(contract.Part(table, needing.get(name, name), shape), quick(table)):
            assert line.state != "FAILED", f"{name}: {line}"


def quick(table):
    return [test for test in suite.checks_of(table) if test not in CHECKS[TRAINING]]


def test_images_at_the_ends_of_the_range_are_noted():
    line = found("datasets", "pictures('large')", data.uses_the_range)
    assert str(line).startswith("note:    Its pixels use the range"), line
    assert "98% of the values of its first images are 0 or 255" in line.why


def test_what_is_drawn_once_for_a_whole_run_passes():
    line = found("tricks", "some_trick('one factor')", training.draws_by_the_seed)
    assert line.state == "ok", line


@pytest.mark.parametrize(
    ("table", "spec", "test"),
    [
        ("losses", "some_loss('squares')", losses.has_gradients_of_the_right_sign),
        ("losses", "some_loss('narrow')", losses.has_gradients_of_the_right_sign),
        ("noises", "sparse", others.draws),
        ("tricks", "later('tiny')", tricks.draws_anew),
        ("tricks", "later('penalty')", tricks.penalty_is_a_number),
        ("tricks", "later('gen_penalty')", tricks.gen_penalty_is_a_number),
        ("tricks", "later('weights')", tricks.gen_weights_are_valid),
        ("tricks", "later('images')", tricks.images_pass_the_gradient),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_what_is_unusual_and_right_passes(table, spec, test):
    line = found(table, spec, test)
    assert line.state == "ok", line


def test_statistics_that_move_are_no_weights_that_move():
    net = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    game = SimpleNamespace(gen=net, disc=net, tricks=[])
    start = training.state(game)
    net.layers[0].moving_mean.assign([1.0, 1.0])
    with pytest.raises(contract.Failed, match="the generator did not change"):
        training._require_moved(game, start)
    net.layers[0].gamma.assign([2.0, 1.0])
    training._require_moved(game, start)


def test_sound_parts_of_a_plugin_pass():
    for table, spec in (
        ("datasets", "pictures"),
        ("extractors", "means"),
        ("losses", "some_loss('relu', has_zero_gradient=True)"),
    ):
        for line in suite.check(contract.Part(table, spec, SHAPE), quick(table)):
            assert line.state == "ok" or line.why in ("it is not a classifier",), line


@pytest.mark.parametrize(
    ("first_line", "parts", "more"),
    [
        (
            "A condition.",
            {"conditions": "cosine(scale=2.0)"},
            {"conditions": [training.trains_in_bfloat16]},
        ),
        (
            "An update rule, an optimizer, a noise and an extractor.",
            {
                "updates": "gen_first(2)",
                "optimizers": "falling",
                "noises": "sphere",
                "extractors": "mean_colors",
            },
            {"updates": [training.trains]},
        ),
    ],
)
def test_the_parts_of_the_docs_pass(tmp_path, monkeypatch, first_line, parts, more):
    text = (ROOT / "docs" / "write-a-part.md").read_text()
    block = text[text.index(f'"""{first_line}"""') :]
    mine = tmp_path / "mine.py"
    mine.write_text(block[: block.index("```")])
    monkeypatch.setattr(registry.third_party, "files", [])
    registry.add_plugin_file(mine)
    try:
        for table, spec in parts.items():
            tests = [*quick(table), *more.get(table, [])]
            for line in suite.check(contract.Part(table, spec, SHAPE), tests):
                assert line.state == "ok" or line.why == "it is not a classifier", line
    finally:
        monkeypatch.undo()
        for table, spec in parts.items():
            registry.tables[table]._loaded.pop(spec.partition("(")[0], None)
        for table in registry.tables.values():
            table.forget_index()


def test_every_table_has_checks():
    for table in registry.tables:
        assert suite.checks_of(table), table
    assert set(tricks.KNOWN) == set(Trick._fields)


def test_a_resume_is_not_called_equal_where_state_would_be_lost():
    """The lost count moves the weights by less than two steps show."""
    part = contract.Part("tricks", "some_trick('lost')", SHAPE)
    assert suite._outcome(training.resumes, "", part, False).state == "ok"
    first, second = suite.check(part, [tricks.state_is_listed, training.resumes])
    assert (first.state, second.state) == ("FAILED", "skipped"), (first, second)


def test_state_that_is_listed_passes():
    for test in (tricks.depends_on_seed, training.resumes):
        assert found("tricks", "some_trick('counts')", test).state == "ok"
    part = contract.Part("tricks", "history_pool(8)", SHAPE)  # full after two calls
    tricks.depends_on_seed(part)
    assert int(part.game.tricks[0].variables[1]) == 0, "it leaves the state as it was"


@pytest.mark.parametrize("verbose", [False, True])
def test_a_part_that_cannot_be_built_fails_once_and_the_rest_is_skipped(capsys, plugin, verbose):
    words = ["check", "conv_noise28", f"--plugins={plugin}", f"--verbose={verbose}"]
    code = commands.main(words)
    lines = capsys.readouterr().out.strip().splitlines()[1:]
    assert code == 1
    assert (
        lines[0].startswith("  FAILED:  It is built") and "28x28 images only, not 32x32" in lines[0]
    )
    assert all(line.startswith("  skipped: ") for line in lines[1:-1])
    assert (len(lines) > 2) == verbose
    assert lines[-1] == "1 of 1 part failed"


def test_the_last_line_counts_the_parts_that_failed(capsys, plugin):
    words = ["check", "means('flat')", "means", "means('batch')", f"--plugins={plugin}"]
    assert commands.main(words) == 1
    assert capsys.readouterr().out.strip().splitlines()[-1] == "2 of 3 parts failed"


def test_a_plugin_that_cannot_be_imported_is_one_sentence(tmp_path, capsys):
    file = tmp_path / "broken.py"
    file.write_text(
        "from gan_zoo.contracts import Lost\n"
        "from gan_zoo.registry import losses, tricks\n\n"
        "@losses.register\ndef broken_loss(): pass\n\n"
        "@tricks.register\ndef broken_trick(): pass\n"
    )
    patch = pytest.MonkeyPatch()
    patch.setattr(registry.third_party, "files", [])
    try:
        code = commands.main(["check", "broken_loss", "broken_trick", f"--plugins={file}"])
    finally:
        patch.undo()
        for table in registry.tables.values():
            table.forget_index()
    done = capsys.readouterr()
    assert (code, done.out) == (2, "")
    (line,) = done.err.strip().splitlines()
    assert f"'broken_loss' cannot be loaded from {file}: ImportError: cannot import name" in line


@pytest.mark.distributed
def test_two_devices_find_statistics_and_draws_of_each_replica(forks, plugin):
    code = textwrap.dedent("""
        import sys
        from gan_zoo import registry
        import tensorflow as tf
        from gan_zoo.check import contract, suite, training
        from gan_zoo.game import copies
        contract.two_devices()
        registry.add_plugin_file(sys.argv[1])
        for table, spec in (
            ("conditions", "auxiliary"), ("tricks", "some_trick('own metric')"),
            ("generators", "fine('norm')"), ("tricks", "some_trick('same')"),
            ("tricks", "some_trick('seldom')"), ("tricks", "some_trick('rare')"),
            ("tricks", "some_trick('local')"),
        ):
            for line in suite.check(contract.Part(table, spec, (8, 8, 3)), [training.two_replicas]):
                print(line)
        two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
        part = contract.Part("tricks", "some_trick('local')", (8, 8, 3))
        with two.scope():
            game = part.fresh(tricks="some_trick('own metric'), some_trick('local')")
        training.train(part, game, (2,), two)
        print("told:", copies.compile_comparison(game, two)())
        """)
    done = forks.run(plugin, code=code)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    states = [line.split(" ")[0] for line in lines]
    assert states == ["ok", "ok", *["FAILED:"] * 5, "told:"], done.stdout
    assert all("from its value on one" in line for line in lines[2:6])
    assert "variables[0] of trick 0 has another value on each of two devices" in lines[6]
    told = "told: variables[0] of trick 2 in --tricks has another value on each"
    assert lines[7].startswith(told)


def test_other_logs_on_two_devices_are_found():
    one = {"loss/disc": 1.0, "mean": 0.02}
    training._require_equal_logs(one, dict(one), 1e-6, 20)
    with pytest.raises(contract.Failed, match=r"mean is 0\.03 on two devices and 0\.02 on one"):
        training._require_equal_logs(one, {**one, "mean": 0.03}, 1e-6, 20)


def test_a_part_that_keeps_its_variables_from_one_call_to_the_next_is_found():
    game = contract.Part("generators", "fine", SHAPE).game
    with pytest.raises(contract.Failed, match="variables in common; make new ones"):
        training._require_resumed_equal(game, game, training.state(game))


def test_exports_name_the_file_of_a_plugins_layers(plugin):
    lines = handover.import_lines(contract.Part("generators", "fine('secret')", SHAPE).net)
    folder = f"sys.path.append({str(plugin.parent)!r})"
    assert lines == ["import sys", folder, "import mine  # its layers"]
    assert handover.import_lines(contract.Part("generators", "dcgan(width=4)", SHAPE).net) == []


def test_the_framework_offers_what_the_table_of_the_reference_says(monkeypatch):
    seen, build = {}, registry.Registry.build

    def record(table, spec, **offered):
        seen[table.name] = set(offered)
        return build(table, spec, **offered)

    monkeypatch.setattr(registry.Registry, "build", record)
    contract.Part("tricks", "instance_noise", SHAPE).fresh(condition="projection")
    build_dataset("pictures", (8, 8), 3)
    assert len(seen) == 9
    assert seen == {name: set(registry.OFFERED[name]) for name in seen}


def test_in_a_process_of_one_device_the_replicas_check_is_skipped():
    if len(tf.config.list_logical_devices("CPU")) > 1:
        pytest.skip("this process has two devices")
    line = found("losses", "hinge", training.two_replicas)
    assert (line.state, "one device" in line.why) == ("skipped", True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--help"], 0, "gan_zoo check"),
        (["hinje"], 2, "no table has a part 'hinje'; did you mean hinge?"),
        (["hinge", "--table=generator"], 2, "no table 'generator'; there are: generators"),
        (["hinge", "--table=tricks"], 2, "no trick 'hinge'"),
        (["dcgan(wdth=3)"], 2, "'wdth'"),
        ([], 2, "no part was given"),
        (["dcgan", "--channels=2"], 2, "--channels=2"),
        (["dcgan", "--image_size=x"], 2, "--image_size=x"),
        (["files", "--data_dir=/no/such/place"], 2, "--data_dir=/no/such/place does not exist"),
        (["dcgan", "--plugins=none.py"], 2, "no plugin file none.py"),
    ],
)
def test_bad_input_costs_no_tensorflow(light_command, words, code, said):
    done = light_command("check", *words)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert code == 0 or len(done.stderr.strip().splitlines()) == 1
