"""The loops that ``tools/bench.py`` compares; each as a competent author would write it.

Every peer is a function ``(config, image_shape, images) -> run``; ``run(n)`` does n steps of one
update of D and one of G and returns when they are done. ``images`` is uint8 ``[N, H, W, C]``.
"""

from __future__ import annotations

import importlib.util

import keras
import numpy as np
import tensorflow as tf

from gan_zoo.game import build, chunk
from gan_zoo.layers import BatchNorm
from gan_zoo.training import feed


def ours(config, image_shape, images):
    """gan_zoo: its step in its compiled run, fed by its stream."""
    game = build.build_game(config, image_shape)
    strategy = tf.distribute.get_strategy()
    compiled = chunk.compile_chunk(game, strategy)
    iterator = feed.train_iterator(
        images, config.batch, config.seed, 0, strategy, None, game.update.batches
    )

    def run(n):
        return chunk.means(compiled(iterator, tf.constant(n, tf.int64)), n)["loss/gen"]

    return run


def bare(config, image_shape, images):
    """A bare tf.function of the same nets, optimizers and arithmetic.

    It has no tricks and no scalars, and its images are fixed.
    """
    game = build.build_game(config, image_shape)
    gen, disc, bce = game.gen, game.disc, tf.nn.sigmoid_cross_entropy_with_logits
    real = tf.constant(images[: config.batch], tf.float32) / 127.5 - 1.0
    gen_weights = [v.value for v in gen.trainable_variables]
    disc_weights = [v.value for v in disc.trainable_variables]

    def noise():
        return tf.random.normal((config.batch, *gen.input_shape[1:]))

    def mean_bce(logits, target):
        return tf.reduce_mean(bce(logits=logits, labels=tf.fill(tf.shape(logits), target)))

    @tf.function
    def one():
        fake = gen(noise(), training=True)
        with tf.GradientTape() as tape:
            loss = mean_bce(disc(real, training=True), 1.0) + mean_bce(
                disc(fake, training=True), 0.0
            )
        game.disc_opt.apply(tape.gradient(loss, disc_weights), disc.trainable_variables)
        z = noise()
        with tf.GradientTape() as tape:
            loss = mean_bce(disc(gen(z, training=True), training=True), 1.0)
        game.gen_opt.apply(tape.gradient(loss, gen_weights), gen.trainable_variables)
        return loss

    def run(n):
        for _ in range(n):
            loss = one()
        return float(loss)

    return run


def textbook_keras(config, image_shape, images):
    """The textbook way: a train_step, the batch norm and Adam of Keras, and fit()."""
    gen, disc = _stock_nets(config, image_shape)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)

    class Gan(keras.Model):
        def train_step(self, real):
            real = tf.cast(real, tf.float32) / 127.5 - 1.0
            size = tf.shape(real)[0]
            fake = gen(tf.random.normal((size, *gen.input_shape[1:])), training=True)
            with tf.GradientTape() as tape:
                real_logits, fake_logits = disc(real, training=True), disc(fake, training=True)
                d_loss = bce(tf.ones_like(real_logits), real_logits) + bce(
                    tf.zeros_like(fake_logits), fake_logits
                )
            gradients = tape.gradient(d_loss, disc.trainable_weights)
            self.d_optimizer.apply_gradients(zip(gradients, disc.trainable_weights, strict=True))
            with tf.GradientTape() as tape:
                logits = disc(
                    gen(tf.random.normal((size, *gen.input_shape[1:])), training=True),
                    training=True,
                )
                g_loss = bce(tf.ones_like(logits), logits)
            gradients = tape.gradient(g_loss, gen.trainable_weights)
            self.g_optimizer.apply_gradients(zip(gradients, gen.trainable_weights, strict=True))
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

    D is updated on real images and on fakes separately, then G.
    """
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
    """Return the nets of the settings with the batch norm of Keras in place of ours."""

    def stock(layer):
        if isinstance(layer, BatchNorm):
            return keras.layers.BatchNormalization(momentum=layer.momentum, epsilon=layer.epsilon)
        return layer.__class__.from_config(layer.get_config())

    game = build.build_game(config, image_shape)
    return tuple(
        keras.models.clone_model(net, clone_function=stock) for net in (game.gen, game.disc)
    )


def _stock_adam(spec):
    from gan_zoo import registry

    mine = registry.optimizers.build(spec)
    return keras.optimizers.Adam(
        float(mine.learning_rate.numpy()), mine.beta_1, mine.beta_2, mine.epsilon
    )


def _torch_net(net, torch):
    """Return a chain of Keras layers as a torch.nn.Sequential with the same shapes."""
    nn, modules = torch.nn, []
    for layer in net.layers[1:]:
        kind = type(layer).__name__
        if kind == "Dense":
            modules.append(nn.Linear(layer.kernel.shape[0], layer.units, bias=layer.use_bias))
        elif kind == "Reshape":
            h, w, c = layer.target_shape
            modules.append(nn.Unflatten(1, (c, h, w)))
        elif kind == "Flatten":
            modules.append(nn.Flatten())
        elif kind == "BatchNorm":
            channels = layer.gamma.shape[0]
            flat = len(layer.input.shape) == 2
            modules.append(
                (nn.BatchNorm1d if flat else nn.BatchNorm2d)(
                    channels, layer.epsilon, 1 - layer.momentum
                )
            )
        elif kind in ("Conv2D", "Conv2DTranspose"):
            k, s = layer.kernel_size[0], layer.strides[0]
            channels = layer.input.shape[-1]
            if kind == "Conv2D":
                made = nn.Conv2d(channels, layer.filters, k, s, (k - 1) // 2, bias=layer.use_bias)
            else:
                made = nn.ConvTranspose2d(
                    channels,
                    layer.filters,
                    k,
                    s,
                    (k - 1) // 2,
                    k % 2 * (s - 1),
                    bias=layer.use_bias,
                )
            nn.init.normal_(made.weight, 0.0, 0.02)
            modules.append(made)
        elif kind == "LeakyReLU":
            modules.append(nn.LeakyReLU(layer.negative_slope, inplace=True))
        elif kind == "Dropout":
            modules.append(nn.Dropout(layer.rate))
        elif kind == "Activation":
            modules.append(nn.Tanh())
        else:
            raise NotImplementedError(kind)
    return nn.Sequential(*modules).to(memory_format=torch.channels_last)


def torch_loop(config, image_shape, images, *, bfloat16=False):
    """A plain PyTorch loop: eager, channels_last, Adam, and bfloat16 autocast if asked for."""
    import torch

    game = build.build_game(config, image_shape)
    gen, disc = _torch_net(game.gen, torch), _torch_net(game.disc, torch)
    optimizers = []
    for net, spec in ((gen, config.gen_opt), (disc, config.disc_opt)):
        like = _stock_adam(spec)
        optimizers.append(
            torch.optim.Adam(
                net.parameters(),
                float(like.learning_rate.numpy()),
                (like.beta_1, like.beta_2),
                like.epsilon,
            )
        )
    gen_opt, disc_opt = optimizers
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    source = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    latent = game.gen.input_shape[1:]
    latent = latent if len(latent) == 1 else (latent[2], *latent[:2])

    def noise():
        z = torch.randn(config.batch, *latent)
        return z if z.ndim == 2 else z.contiguous(memory_format=torch.channels_last)

    def run(n):
        for _ in range(n):
            real = (
                source[torch.randint(len(source), (config.batch,))].to(torch.float32) / 127.5 - 1.0
            )
            real = real.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                with torch.no_grad():
                    fake = gen(noise())
                real_logits, fake_logits = disc(real), disc(fake)
                loss = bce(real_logits.float(), torch.ones_like(real_logits, dtype=torch.float32))
                loss = loss + bce(
                    fake_logits.float(), torch.zeros_like(fake_logits, dtype=torch.float32)
                )
            disc_opt.zero_grad(set_to_none=True)
            loss.backward()
            disc_opt.step()
            disc.requires_grad_(False)
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                logits = disc(gen(noise()))
                loss = bce(logits.float(), torch.ones_like(logits, dtype=torch.float32))
            gen_opt.zero_grad(set_to_none=True)
            loss.backward()
            gen_opt.step()
            disc.requires_grad_(True)

    return run


def torch_bfloat16(config, image_shape, images):
    """The same under bfloat16 autocast."""
    return torch_loop(config, image_shape, images, bfloat16=True)


# Settings of our loop, by the name of the peer.
OURS = {
    "ours": {},
    "ours_simultaneous": {"update": "simultaneous"},
    "ours_one_stage": {"update": "one_stage"},
    "ours_bf16": {"precision": "bfloat16"},
    "ours_one_stage_bf16": {"update": "one_stage", "precision": "bfloat16"},
}
PEERS = dict.fromkeys(OURS, ours) | {
    "bare": bare,
    "keras": textbook_keras,
    "train_on_batch": train_on_batch,
}
if importlib.util.find_spec("torch"):
    PEERS |= {"torch": torch_loop, "torch_bf16": torch_bfloat16}
