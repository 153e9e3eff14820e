"""The TensorFlow loops that ``tools/bench.py`` compares, each as a competent author would write it.

Every peer is a function ``(config, image_shape, images) -> run``; ``run(n)`` does n steps of one
update of D and one of G and returns when they are done. ``images`` is uint8 ``[N, H, W, C]``.
Those of PyTorch are in ``bench_torch.py``.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.errors import UserError
from gan_zoo.game import build
from gan_zoo.layers import BatchNorm
from gan_zoo.training import trainer

CHUNK = 25  # steps between two lines of the log, as in the presets of an hour or less


def build_loop(spec: dict[str, Any], images: np.ndarray):
    """Return ``run(n)`` of the peer that a spec of ``bench_steps.py`` names."""
    return PEERS[spec["peer"]](Config(**spec["config"]), images.shape[1:], images)


def count_starts(run, steps: int) -> dict[str, float]:
    """Return how many operations and programs the host starts a step, as TensorFlow traces them.

    A program of XLA counts as one. What XLA starts by itself is not counted.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    options = tf.profiler.experimental.ProfilerOptions(
        host_tracer_level=2, python_tracer_level=0, device_tracer_level=0
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder, options)
        run(steps)
        tf.profiler.experimental.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    started = sum(
        bool(re.fullmatch(r"[^:]+:_?[A-Z]\w*|EagerLocalExecute: .*", names[event.metadata_id].name))
        for plane in space.planes
        for names in [plane.event_metadata]
        for line in plane.lines
        for event in line.events
    )
    return {"starts": started / steps}


def recipe(config: Config) -> dict[str, Any]:
    """Return what the loss, the tricks and the average of the settings ask of a loop without them.

    Raises:
        UserError: The other loops are not written with one of these parts.
    """
    found = {
        "hinge": config.spec("loss").name == "hinge",
        "target": 1.0,
        "flips": 0.0,
        "spectral_norm": False,
        "lecam": 0.0,
        "ema": config.ema,
    }
    others = [config.condition] if config.condition else []
    others += [config.update] if config.spec("update").name != "alternating" else []
    others += [config.loss] if config.spec("loss").name not in ("hinge", "non_saturating") else []
    for spec in config.specs("tricks"):
        first = (*spec.args, *spec.kwargs.values(), None)[0]
        if spec.name == "flip_images":
            found["flips"] = 0.5 if first is None else first
        elif spec.name == "spectral_norm":
            found["spectral_norm"] = True
        elif spec.name == "lecam":
            found["lecam"] = 0.3 if first is None else first
        elif spec.name == "constant_label":
            found["target"] = 0.95
        else:
            others.append(spec.name)
    if others:
        raise UserError(f"it is not written with {others[0]}.")
    return found


class _Rules:
    """The losses and tricks of a :func:`recipe`, in plain TensorFlow."""

    def __init__(self, rules: dict[str, Any]):
        self.rules = rules
        self.means = tf.Variable([0.0, 0.0])  # LeCam's, of the logits of real and of fake images

    def real_images(self, images):
        """Return the images uint8 as D sees them."""
        real = tf.cast(images, tf.float32) / 127.5 - 1.0
        if rate := self.rules["flips"]:
            flip = tf.random.uniform((tf.shape(real)[0], 1, 1, 1)) < rate
            real = tf.where(flip, real[:, :, ::-1], real)
        return real

    def disc_loss(self, real, fake):
        """Return D's loss of its logits."""
        if self.rules["hinge"]:
            loss = tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))
        else:
            loss = self._cross_entropy(real, self.rules["target"]) + self._cross_entropy(fake, 0.0)
        if weight := self.rules["lecam"]:
            new = tf.stop_gradient(tf.stack([tf.reduce_mean(real), tf.reduce_mean(fake)]))
            means = self.means.assign(0.99 * self.means + 0.01 * new)
            far = tf.square(real - means[1]) + tf.square(fake - means[0])
            loss += weight * tf.reduce_mean(far)
        return loss

    def gen_loss(self, fake):
        """Return G's loss of D's logits."""
        if self.rules["hinge"]:
            return -tf.reduce_mean(fake)
        return self._cross_entropy(fake, self.rules["target"])

    def average(self, ema, gen):
        """Move the average of G's weights, if there is one."""
        if ema is not None:
            for mean, new in zip(ema.trainable_variables, gen.trainable_variables, strict=True):
                mean.assign(mean + (1.0 - self.rules["ema"]) * (new - mean))

    def _cross_entropy(self, logits, target):
        targets = tf.fill(tf.shape(logits), target)
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=targets)
        )


def ours(config, image_shape, images):
    """gan_zoo: the chunks of steps of its training, as it feeds them.

    Raises:
        UserError: XLA was asked for and cannot compile a part.
    """

    def refuse(line):
        raise UserError(line)

    game = build.build_game(config, image_shape)
    data = Dataset("noise", images, {}, {}, "", "drawn")
    chunk = trainer.chunk_trainer(config, game, tf.distribute.get_strategy(), data, 0, refuse)

    def run(n):
        for done in range(0, n, CHUNK):
            chunk(min(CHUNK, n - done))

    return run


def bare(config, image_shape, images):
    """A bare tf.function of the same nets, optimizers and arithmetic.

    It has no scalars, and its images are fixed.
    """
    rules = _Rules(recipe(config))
    game = build.build_game(config, image_shape)
    gen, disc = game.gen, game.disc
    fixed = tf.constant(images[: config.batch])
    gen_weights = [v.value for v in gen.trainable_variables]
    disc_weights = [v.value for v in disc.trainable_variables]

    def noise():
        return tf.random.normal((config.batch, *gen.input_shape[1:]))

    @tf.function
    def one():
        real, fake = rules.real_images(fixed), gen(noise(), training=True)
        with tf.GradientTape() as tape:
            loss = rules.disc_loss(disc(real, training=True), disc(fake, training=True))
        game.disc_opt.apply(tape.gradient(loss, disc_weights), disc.trainable_variables)
        for trick in game.tricks:
            if trick.after_disc:  # the power iteration of spectral norm
                trick.after_disc(disc)
        z = noise()
        with tf.GradientTape() as tape:
            loss = rules.gen_loss(disc(gen(z, training=True), training=True))
        game.gen_opt.apply(tape.gradient(loss, gen_weights), gen.trainable_variables)
        rules.average(game.ema, gen)
        return loss

    def run(n):
        for _ in range(n):
            loss = one()
        return float(loss)

    return run


def textbook_keras(config, image_shape, images):
    """The textbook way: a train_step, the batch norm and Adam of Keras, and fit()."""
    rules = _Rules(recipe(config))
    gen, disc = _stock_nets(config, image_shape)
    ema = keras.models.clone_model(gen) if config.ema else None

    class Gan(keras.Model):
        def train_step(self, images):
            real, size = rules.real_images(images), tf.shape(images)[0]
            fake = gen(tf.random.normal((size, *gen.input_shape[1:])), training=True)
            with tf.GradientTape() as tape:
                d_loss = rules.disc_loss(disc(real, training=True), disc(fake, training=True))
            gradients = tape.gradient(d_loss, disc.trainable_weights)
            self.d_optimizer.apply_gradients(zip(gradients, disc.trainable_weights, strict=True))
            z = tf.random.normal((size, *gen.input_shape[1:]))
            with tf.GradientTape() as tape:
                g_loss = rules.gen_loss(disc(gen(z, training=True), training=True))
            gradients = tape.gradient(g_loss, gen.trainable_weights)
            self.g_optimizer.apply_gradients(zip(gradients, gen.trainable_weights, strict=True))
            rules.average(ema, gen)
            return {"d_loss": d_loss, "g_loss": g_loss}

    gan = Gan()
    gan.d_optimizer, gan.g_optimizer = _stock_adam(config.disc_opt), _stock_adam(config.gen_opt)
    gan.compile()
    data = (
        tf.data.Dataset.from_tensor_slices(images)
        .repeat()
        .shuffle(len(images))
        .batch(config.batch, drop_remainder=True)
    )
    data = data.prefetch(tf.data.AUTOTUNE)

    def run(n):
        gan.fit(data, steps_per_epoch=n, epochs=1, verbose=0)

    return run


def train_on_batch(config, image_shape, images):
    """The way of old Keras projects: compiled models, trained batch by batch.

    D is updated on real images and on fakes separately, then G. It has no tricks.
    """
    rules = recipe(config)
    if rules["hinge"] or rules["spectral_norm"] or rules["lecam"] or rules["ema"]:
        raise UserError("it is not written with tricks.")
    gen, disc = _stock_nets(config, image_shape)
    disc.compile(_stock_adam(config.disc_opt), keras.losses.BinaryCrossentropy(from_logits=True))
    z = keras.Input(gen.input_shape[1:])
    both = keras.Model(z, disc(gen(z)))
    rng = np.random.default_rng(0)
    ones, zeros = (
        np.full((config.batch, 1), 0.95, np.float32),
        np.zeros((config.batch, 1), np.float32),
    )

    def noise():
        return rng.uniform(-1, 1, (config.batch, *gen.input_shape[1:])).astype(np.float32)

    def disc_steps():
        real = images[rng.integers(0, len(images), config.batch)].astype(np.float32) / 127.5 - 1.0
        fake = gen.predict(noise(), batch_size=config.batch, verbose=0)
        return disc.train_on_batch(real, ones), disc.train_on_batch(fake, zeros)

    # Keras 3 reads `trainable` when it traces a model's training function: D is traced while
    # trainable, the pair while D is frozen.
    disc_steps()
    disc.trainable = False
    both.compile(_stock_adam(config.gen_opt), keras.losses.BinaryCrossentropy(from_logits=True))
    before = [disc.get_weights()[0], gen.get_weights()[0]]
    both.train_on_batch(noise(), ones)
    assert np.array_equal(before[0], disc.get_weights()[0]), "G's step must not change D"
    assert not np.array_equal(before[1], gen.get_weights()[0]), "G's step must change G"
    before = disc.get_weights()[0]
    disc_steps()
    assert not np.array_equal(before, disc.get_weights()[0]), "D's step must change D"

    def run(n):
        for _ in range(n):
            disc_steps()
            both.train_on_batch(noise(), ones)

    return run


def _stock_nets(config, image_shape):
    """Return the nets of the settings with the batch norm and spectral norm of Keras."""

    def stock(layer):
        if isinstance(layer, BatchNorm):
            return keras.layers.BatchNormalization(
                momentum=layer.momentum, epsilon=layer.epsilon, dtype=layer.dtype_policy
            )
        return layer.__class__.from_config(layer.get_config())

    def normalized(layer):
        made = stock(layer)
        if getattr(layer, "kernel", None) is None:
            return made
        return keras.layers.SpectralNormalization(made, dtype=layer.dtype_policy)

    wanted = normalized if recipe(config)["spectral_norm"] else stock
    game = build.build_game(dataclasses.replace(config, tricks="", ema=0.0), image_shape)
    return (
        keras.models.clone_model(game.gen, clone_function=stock),
        keras.models.clone_model(game.disc, clone_function=wanted),
    )


def _stock_adam(spec):
    return keras.optimizers.Adam(**_adam(spec))


def _adam(spec) -> dict[str, float]:
    """Return the arguments of Adam; a schedule becomes its first rate."""
    mine = registry.optimizers.build(spec, updates=1000)
    return {
        "learning_rate": float(np.asarray(mine.learning_rate)),
        "beta_1": mine.beta_1,
        "beta_2": mine.beta_2,
        "epsilon": mine.epsilon,
    }


def describe_for_torch(config: Config, image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """Return all that PyTorch needs to build the same nets and loop, as plain values.

    Raises:
        UserError: It is not written with one of the parts.
    """
    rules = recipe(config)
    game = build.build_game(dataclasses.replace(config, tricks="", ema=0.0), image_shape)
    latent = game.gen.input_shape[1:]
    return {
        "gen": [_described(layer) for layer in game.gen.layers[1:]],
        "disc": [_described(layer) for layer in game.disc.layers[1:]],
        "gen_opt": _adam(config.gen_opt),
        "disc_opt": _adam(config.disc_opt),
        "rules": rules,
        "batch": config.batch,
        "latent": latent if len(latent) == 1 else (latent[2], *latent[:2]),
    }


def _described(layer: keras.Layer) -> dict[str, Any]:
    """Return the kind, the sizes and the constants of a layer."""
    kind = type(layer).__name__
    if kind == "Dense":
        found = {"inputs": layer.kernel.shape[0], "units": layer.units, "bias": layer.use_bias}
    elif kind == "Reshape":
        found = {"shape": layer.target_shape}
    elif kind == "BatchNorm":
        found = {
            "channels": layer.gamma.shape[0],
            "flat": len(layer.input.shape) == 2,
            "epsilon": layer.epsilon,
            "momentum": layer.momentum,
        }
    elif kind in ("Conv2D", "Conv2DTranspose"):
        found = {
            "inputs": layer.input.shape[-1],
            "filters": layer.filters,
            "kernel": layer.kernel_size[0],
            "stride": layer.strides[0],
            "bias": layer.use_bias,
        }
    elif kind == "LeakyReLU":
        found = {"slope": layer.negative_slope}
    elif kind == "Dropout":
        found = {"rate": layer.rate}
    elif kind == "Flatten" or (kind == "Activation" and layer.activation is keras.activations.tanh):
        found = {}
    else:
        raise UserError(f"PyTorch has no copy of the layer {layer.name} here.")
    return {"kind": kind, **found}


# Settings of our loop, by the name of the peer.
OURS: dict[str, dict[str, str]] = {
    "ours": {},
    "ours_jit": {"jit": "on"},
    "ours_simultaneous": {"update": "simultaneous"},
    "ours_one_stage": {"update": "one_stage"},
}
PEERS = dict.fromkeys(OURS, ours) | {
    "bare": bare,
    "keras": textbook_keras,
    "train_on_batch": train_on_batch,
}
