"""Checks of generators and discriminators."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gan_zoo.check.contract import CLASSES, Part, Skipped, checks, require
from gan_zoo.errors import UserError
from gan_zoo.layers.introspect import own_layers

N = 6


def _noise(part: Part, number: int = N) -> tf.Tensor:
    return tf.random.stateless_normal((number, *part.net.inputs[0].shape[1:]), [0, 0])


def _images(part: Part, number: int = N) -> tf.Tensor:
    return tf.random.stateless_uniform((number, *part.shape), [0, 1], -1, 1)


@checks("generators")
def makes_images(part: Part) -> None:
    """Its images are float32 [B, H, W, C] in [-1, 1]."""
    for training in (True, False):
        x = part.net(_noise(part), training=training)
        require(
            x.shape == (N, *part.shape),
            f"its images are {list(x.shape)}, not {[N, *part.shape]}; fix its last layers.",
        )
        require(
            x.dtype == tf.float32,
            f"its images are {x.dtype.name}; give its last layer dtype=keras.config.floatx().",
        )
        require(
            np.isfinite(x).all(),
            f"with training={training}, its images have NaN or infinite values.",
        )
        most = float(np.abs(x).max())
        require(
            most <= 1, f"its images reach {most:.3g}, but the range is [-1, 1]; end it with tanh."
        )


@checks("generators")
def stays_in_range(part: Part) -> None:
    """Its images stay in [-1, 1] with large weights and noise, and reach below 0."""
    with _restored(part.net):
        _perturb(part.net, 0.5)
        x = part.net(10 * _noise(part), training=False).numpy()
    x = x[np.isfinite(x)]  # other checks look at NaN
    lowest, highest = x.min(initial=0.0), x.max(initial=0.0)
    far = max(highest, -lowest)
    require(
        far <= 1 + 1e-5,
        f"with larger weights and noise, as training may make them, its images reach {far:.3g},"
        " but the range is [-1, 1]; end it with tanh.",
    )
    require(
        lowest < 0,
        "with any weights, no value is below 0, but the range is [-1, 1]; end it with tanh.",
    )


@checks("generators")
def depends_on_noise(part: Part) -> None:
    """Different noise gives different images."""
    spread = part.net(_noise(part), training=True).numpy().std(axis=0).max()
    require(
        spread > 1e-3,
        f"images of different noise differ by at most {spread:.2g}; connect the noise to the"
        " image.",
    )


@checks("generators")
def independent_of_batch(part: Part) -> None:
    """In inference, an image does not depend on the others of its batch."""
    z = _noise(part)
    whole, some = (
        part.net(z, training=False).numpy(),
        part.net(z[:2], training=False).numpy(),
    )
    off = np.abs(whole[:2] - some).max()
    require(
        off < 1e-4,
        f"with training=False, an image changes by {off:.2g} with its batch; use the moving"
        " statistics there.",
    )


@checks("discriminators")
def makes_logits(part: Part) -> None:
    """Its logits are float32 [B, 1]."""
    for training in (True, False):
        y = part.net(_images(part), training=training)
        require(
            y.shape == (N, 1),
            f"its logits are {list(y.shape)}, not {[N, 1]}; end it with Dense(1).",
        )
        require(
            y.dtype == tf.float32,
            f"its logits are {y.dtype.name}; give its last layer dtype=keras.config.floatx().",
        )
        require(np.isfinite(y).all(), f"with training={training}, its logits are NaN or infinite.")


@checks("discriminators")
def depends_on_image(part: Part) -> None:
    """Different images give different logits."""
    spread = part.net(_images(part), training=True).numpy().std()
    require(spread > 0, "all images have the same logit; connect the image to it.")


@checks("discriminators")
def makes_no_probabilities(part: Part) -> None:
    """It returns logits, not probabilities."""
    found = []
    with _restored(part.net):
        for seed in range(6):
            _perturb(part.net, 0.3, seed)
            found.append(part.net(_images(part), training=True).numpy())
    low, high = np.min(found), np.max(found)
    require(
        low < 0 or high > 1,
        f"with any weights, its output stays within {low:.3g} and {high:.3g}; remove its last"
        " sigmoid.",
    )


def _perturb(net: keras.Model, by: float, seed: int = 0) -> None:
    """Change all weights a little, so that gates that start at 0 are open."""
    rng = np.random.default_rng(seed)
    for v in net.trainable_variables:
        v.assign(v.numpy() + by * rng.standard_normal(v.shape).astype(str(v.dtype)))


@contextlib.contextmanager
def _restored(net: keras.Model) -> Iterator[None]:
    """Give a net its weights back in the end; that is faster than to build another one."""
    before = net.get_weights()
    try:
        yield
    finally:
        net.set_weights(before)


def _require_gradients(
    net: keras.Model, x: tf.Tensor | list[tf.Tensor], loss: Callable[[tf.Tensor], tf.Tensor]
) -> None:
    require(net.trainable_variables, "it has no trainable variables.")
    _perturb(net, 0.02)
    with tf.GradientTape() as tape:
        value = loss(net(x, training=True))
    gradients = tape.gradient(value, [v.value for v in net.trainable_variables])
    for v, g in zip(net.trainable_variables, gradients, strict=True):
        require(
            g is not None,
            f"no gradient reaches {v.path}; connect it to the output, or make it trainable=False.",
        )
        require(np.isfinite(g).all(), f"the gradient of {v.path} is NaN or infinite.")
        require(
            np.any(g != 0), f"the gradient of {v.path} is 0 everywhere; look for what stops it."
        )


@checks("generators")
def gradient_reaches_gen(part: Part) -> None:
    """A gradient reaches every variable."""
    target = np.random.default_rng(0).uniform(-1, 1, (N, *part.shape)).astype(np.float32)
    with _restored(part.net):
        _require_gradients(part.net, _noise(part), lambda y: tf.reduce_mean((y - target) ** 2))


@checks("discriminators")
def gradient_reaches_disc(part: Part) -> None:
    """A gradient reaches every variable."""
    sign = np.array([[1.0], [-2], [3], [-4], [5], [-6]], np.float32)
    with _restored(part.net):
        _require_gradients(part.net, _images(part), lambda y: tf.reduce_mean(y * sign))


def _require_saved_equal(net: keras.Model, x: tf.Tensor) -> None:
    wanted = net(x, training=False).numpy()
    hidden = [kind.__name__ for kind in own_layers(net) if "<locals>" in kind.__qualname__]
    require(
        not hidden,
        f"the class {hidden[0] if hidden else ''} is defined inside a function, so that another"
        " program cannot load what was saved; define it at the top of its file.",
    )
    with tempfile.TemporaryDirectory() as folder:
        net.save(Path(folder) / "net.keras")
        try:
            again = keras.models.load_model(Path(folder) / "net.keras")
        except Exception as e:
            reason = f"{type(e).__name__}: {' '.join(str(e).split())[:120]}"
            hint = (
                "register layers of your own with @keras.saving.register_keras_serializable(), and"
                " give them get_config"
            )
            require(False, f"what was saved cannot be loaded ({reason}); {hint}.")
    off = np.abs(wanted - again(x, training=False)).max()
    require(
        off == 0,
        f"the output of the loaded net differs by {off:.2g}; save all that it computes with, and"
        " give its layers get_config.",
    )


@checks("generators")
def gen_saves(part: Part) -> None:
    """Saved as .keras and loaded, it computes the same."""
    _require_saved_equal(part.net, _noise(part))


@checks("discriminators")
def disc_saves(part: Part) -> None:
    """Saved as .keras and loaded, it computes the same."""
    _require_saved_equal(part.net, _images(part))


@checks("generators")
def gen_exports(part: Part) -> None:
    """Exported as SavedModel, it makes the same images."""
    z = _noise(part)
    with tempfile.TemporaryDirectory() as folder:
        part.net.export(folder, verbose=False)
        loaded = tf.saved_model.load(folder)
        again = loaded.serve(z)
    off = np.abs(part.net(z, training=False) - again).max()
    require(
        off < 1e-4,
        f"the images of the exported net differ by {off:.2g}; use only operations of TensorFlow.",
    )


@checks("generators", "discriminators")
def close_in_bfloat16(part: Part) -> None:
    """In bfloat16, its output equals that of float32 up to rounding."""
    training = part.table == "generators"
    x = _noise(part) if training else _images(part)
    net = part.fresh_net(precision="bfloat16")
    for variable, value in zip(net.variables, part.net.variables, strict=True):
        variable.assign(value)  # the states of random numbers, too
    one, two = part.net(x, training=training), net(x, training=training)
    require(
        two.dtype == tf.float32,
        f"under --precision=bfloat16 its output is {two.dtype.name}; make its last layer float32.",
    )
    off, most = np.abs(one - two).max(), 0.02 + 0.1 * np.abs(one).max()
    require(
        off <= most,
        f"in bfloat16 its output differs by {off:.2g}; compute sums over many values in float32.",
    )


def _conditional(part: Part) -> tuple[keras.Model, tf.Tensor]:
    """Return the net with a condition, and labels int32 ``[N]`` of all classes."""
    try:
        net = part.fresh_net(condition="projection")
    except UserError as e:  # not every net can be conditioned
        raise Skipped(str(e)) from None
    return net, tf.range(N) % len(CLASSES.names)


@checks("generators")
def gen_depends_on_class(part: Part) -> None:
    """With a condition, a gradient reaches every variable, and its images depend on the class."""
    net, labels = _conditional(part)
    target = np.random.default_rng(0).uniform(-1, 1, (N, *part.shape)).astype(np.float32)
    _require_gradients(net, [_noise(part), labels], lambda y: tf.reduce_mean((y - target) ** 2))
    _require_difference(net, _noise(part), labels)


@checks("discriminators")
def disc_depends_on_class(part: Part) -> None:
    """With a condition, a gradient reaches every variable, and its logits depend on the class."""
    net, labels = _conditional(part)
    sign = np.array([[1.0], [-2], [3], [-4], [5], [-6]], np.float32)
    _require_gradients(net, [_images(part), labels], lambda y: tf.reduce_mean(y * sign))
    _require_difference(net, _images(part), labels)


def _require_difference(net: keras.Model, x: tf.Tensor, labels: tf.Tensor) -> None:
    one, two = (
        net([x, some], training=False).numpy()
        for some in (labels, (labels + 1) % len(CLASSES.names))
    )
    require(
        np.abs(one - two).max() > 0, "the class changes nothing; connect the label to the output."
    )
