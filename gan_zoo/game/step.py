"""One training step: the updates of D and G.

Nothing here knows the name of a part; the branches are on the fields of the contracts and are
taken when the function is traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness, replicas
from gan_zoo.contracts import Batch, Classes, Condition, DiscOutputs, Loss, Trick, Update
from gan_zoo.layers import frozen_weights

# What the two updates return, to be averaged over a chunk.
SCALARS = (
    "loss/disc",
    "loss/gen",
    "logits/real",
    "logits/fake",
    "accuracy/disc",
    "grad_norm/disc",
    "grad_norm/gen",
)


class Game(NamedTuple):
    """All that is fixed for a run: nets, optimizers, loss, tricks.

    What changes from one update to the next is in a :class:`gan_zoo.contracts.Batch`.

    Attributes:
        gen: The generator.
        disc: The discriminator.
        ema: A second generator that holds the exponential moving average of the first, or None.
        ema_decay: The decay a step, once the run is long enough for it.
        gen_opt: G's optimizer, built.
        disc_opt: D's optimizer, built.
        loss: The losses of both.
        update: The order in which both are updated.
        tricks: In the order in which they apply.
        noise: ``(shape, seed) -> z``.
        step: int64 variable, the number of steps done.
        seed: The run's.
        random_version: That of its random numbers, see :mod:`gan_zoo.randomness`.
        condition: How both nets use class labels, or None.
        classes: Which classes there are; None without a condition.
    """

    gen: keras.Model
    disc: keras.Model
    ema: keras.Model | None
    ema_decay: float
    gen_opt: keras.Optimizer
    disc_opt: keras.Optimizer
    loss: Loss
    update: Update
    tricks: tuple[Trick, ...]
    noise: Callable[..., Any]
    step: tf.Variable
    seed: int
    random_version: int = randomness.NEWEST
    condition: Condition | None = None
    classes: Classes | None = None

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """The shape of one image's noise."""
        return tuple(self.gen.inputs[0].shape[1:])

    @property
    def swaps_targets(self) -> bool:
        """Whether tricks give real images the target 0 and fake ones the target 1."""
        return sum(trick.swaps_targets for trick in self.tricks) % 2 == 1

    def seed_at(self, disc_step: int, *tag: object) -> tf.Tensor:
        """Return the seed [2] of the current step for one update of D and one tag."""
        return randomness.fold_in(randomness.derive_seed(self.seed, disc_step, *tag), self.step)

    def sample_noise(self, batch: Batch, *tag: object) -> tf.Tensor:
        """Draw noise for as many images as the batch has, on this replica."""
        seed = self.seed_at(batch.disc_step, "noise", *tag)
        return self.noise((batch.images.shape[0], *self.noise_shape), seed)

    def generate(self, batch: Batch, z: tf.Tensor) -> tf.Tensor:
        """Return G's images of noise, and of the batch's labels if there are any, in training."""
        return self.gen(_inputs(self.gen, z, batch.labels), training=True)

    def apply_hook(self, batch: Batch, hook: str, value: tf.Tensor, *tag: object) -> tf.Tensor:
        """Return ``value`` after one hook of each trick, in their order."""
        for i, trick in enumerate(self.tricks):
            if (f := getattr(trick, hook)) is not None:
                value = f(value, self.seed_at(batch.disc_step, hook, i, *tag))
        return value

    def augment_real(self, batch: Batch, net: str) -> tf.Tensor:
        """Return the real images as D sees them in the update of ``net``."""
        real = self.apply_hook(batch, "real_images", batch.images)
        return self.apply_hook(batch, "images", real, net, "real")

    def disc_outputs(self, batch: Batch, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return D's logits float32 [B, 1] in training, and its second output or None."""
        logits, classes = _split_outputs(self.disc, images, batch.labels, training=True)
        return tf.cast(logits, floatx()), classes

    def class_loss(self, batch: Batch, *outputs: tf.Tensor | None) -> tf.Tensor:
        """Return the sum of the condition's loss over D's second outputs; means over the batch."""
        if self.condition is None or self.condition.loss is None:
            return tf.zeros([], floatx())
        return tf.add_n(
            [tf.reduce_mean(self.condition.loss(each, batch.labels)) for each in outputs]
        )

    def penalties(self, batch: Batch, hook: str, outputs: DiscOutputs) -> tf.Tensor:
        """Return the sum of one penalty hook over all tricks."""
        hooks = [(i, f) for i, t in enumerate(self.tricks) if (f := getattr(t, hook)) is not None]
        disc = self.disc if batch.labels is None else LabelBoundDisc(self.disc, batch.labels)
        return sum(
            (f(disc, outputs, self.seed_at(batch.disc_step, hook, i)) for i, f in hooks),
            tf.zeros([], floatx()),
        )


class LabelBoundDisc:
    """D with the labels of its images filled in: ``disc(images, training=True) -> logits``.

    All other attributes are the net's own.
    """

    def __init__(self, net: keras.Model, labels: tf.Tensor):
        """Bind labels, int32 [B]."""
        vars(self).update(net=net, labels=labels)

    def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return the logits [B, 1] of images [B, H, W, C]."""
        return _split_outputs(self.net, images, self.labels, training)[0]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.net, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.net, name, value)


def _inputs(net: keras.Model, value: tf.Tensor, labels: tf.Tensor | None) -> Any:
    """Return what a net takes: a value alone, or with labels."""
    return [value, labels] if len(net.inputs) > 1 else value


def _split_outputs(
    disc: keras.Model, images: tf.Tensor, labels: tf.Tensor | None, training: bool
) -> tuple[tf.Tensor, Any]:
    """Return D's logits, and its second output or None."""
    outputs = disc(_inputs(disc, images, labels), training=training)
    return tuple(outputs) if isinstance(outputs, (list, tuple)) else (outputs, None)


def split_batch(batch: Batch, number: int) -> list[Batch]:
    """Return the batches of several updates of D from one of [number * B, H, W, C]."""
    images = tf.split(batch.images, number)
    labels = [None] * number if batch.labels is None else tf.split(batch.labels, number)
    return [Batch(x, y, k) for k, (x, y) in enumerate(zip(images, labels, strict=True))]


def disc_update(game: Game, batch: Batch) -> dict[str, tf.Tensor]:
    """Update D on a batch of real images and as many of G's; return scalars to log."""
    # Outside the tape: G does not move.
    fake = game.generate(batch, game.sample_noise(batch, "disc"))
    plain = game.apply_hook(batch, "fake_images", fake, "disc", "fake")
    fake = game.apply_hook(batch, "images", plain, "disc", "fake")
    with tf.GradientTape() as tape:
        loss, _, scalars = disc_loss(game, batch, plain, fake, "disc")
    gradients = compute_gradients(tape, loss, game.disc)
    return scalars | {"grad_norm/disc": apply_disc_gradients(game, gradients)}


def gen_update(game: Game, batch: Batch) -> dict[str, tf.Tensor]:
    """Update G on as many images as the batch has; return scalars to log.

    D sees the real images only for a loss or a trick that compares with them.
    """
    z = game.sample_noise(batch, "gen")
    real = game.augment_real(batch, "gen")
    real_logits = game.disc_outputs(batch, real)[0] if game.loss.needs_real_logits else None
    with tf.GradientTape() as tape:
        fake = game.apply_hook(batch, "images", game.generate(batch, z), "gen", "fake")
        fake_logits, fake_classes = game.disc_outputs(batch, fake)
        outputs = DiscOutputs(real, fake, real_logits, fake_logits, None, fake_classes)
        loss = gen_loss(game, batch, outputs)
    norm = apply_gen_gradients(game, compute_gradients(tape, loss, game.gen))
    return {"loss/gen": loss, "grad_norm/gen": norm}


def simultaneous_update(game: Game, batch: Batch) -> dict[str, tf.Tensor]:
    """Update both nets from one batch of fakes, each against the other as it was before.

    Returns:
        Scalars to log.
    """

    def gradients(tape, disc_loss, gen_loss, outputs):
        return (
            compute_gradients(tape, disc_loss, game.disc),
            compute_gradients(tape, gen_loss, game.gen),
        )

    return _simultaneous(game, batch, gradients)


def one_stage_update(game: Game, batch: Batch) -> dict[str, tf.Tensor]:
    """Do what :func:`simultaneous_update` does with a single backward pass through D.

    The gradient of D's loss by each fake image is multiplied by the ratio of the gradients of G's
    and of D's loss by that image's logit.

    Returns:
        Scalars to log.
    """

    def gradients(tape, disc_loss, gen_loss, outputs):
        ratio = tf.math.divide_no_nan(
            tape.gradient(gen_loss, outputs.fake_logits),
            tape.gradient(disc_loss, outputs.fake_logits),
        )
        *disc_grads, fake_grad = compute_gradients(tape, disc_loss, game.disc, outputs.fake)
        fake_grad *= tf.cast(tf.reshape(ratio, [-1, 1, 1, 1]), fake_grad.dtype)
        gen_weights = [v.value for v in game.gen.trainable_variables]
        return disc_grads, tape.gradient(outputs.fake, gen_weights, output_gradients=fake_grad)

    return _simultaneous(game, batch, gradients)


def _simultaneous(
    game: Game, batch: Batch, gradients: Callable[..., tuple]
) -> dict[str, tf.Tensor]:
    """Update both nets by ``gradients(tape, D's loss, G's loss, D's outputs)``."""
    z = game.sample_noise(batch, "gen")
    with tf.GradientTape(persistent=True) as tape:
        plain = game.generate(batch, z)
        fake = game.apply_hook(batch, "images", plain, "gen", "fake")
        loss, outputs, scalars = disc_loss(game, batch, plain, fake, "gen")
        loss_of_gen = gen_loss(game, batch, outputs)
    # Both, before either net moves.
    disc_grads, gen_grads = gradients(tape, loss, loss_of_gen, outputs)
    return scalars | {
        "grad_norm/disc": apply_disc_gradients(game, disc_grads),
        "grad_norm/gen": apply_gen_gradients(game, gen_grads),
        "loss/gen": loss_of_gen,
    }


def disc_loss(
    game: Game, batch: Batch, plain: tf.Tensor, fake: tf.Tensor, drawn_for: str
) -> tuple[tf.Tensor, DiscOutputs, dict[str, tf.Tensor]]:
    """Return D's loss on a batch of real images, and on fake ones as D sees them.

    ``plain`` are the fake ones before the hooks ``images``, and ``drawn_for`` is the net in whose
    update these hooks drew for ``fake``.

    Returns:
        The loss, a mean over the batch, penalties included; D's outputs; scalars to log.
    """
    size = batch.images.shape[0]
    plain_real = game.apply_hook(batch, "real_images", batch.images)

    def augment(images: tf.Tensor, kind: str) -> tf.Tensor:
        net = "disc" if kind == "real" else drawn_for
        return game.apply_hook(batch, "images", images, net, kind)

    real = augment(plain_real, "real")
    ones, zeros = tf.ones([size, 1], floatx()), tf.zeros([size, 1], floatx())
    real_targets = game.apply_hook(batch, "real_targets", ones, "real")
    fake_targets = game.apply_hook(batch, "fake_targets", zeros, "fake")
    real_logits, real_classes = game.disc_outputs(batch, real)
    fake_logits, fake_classes = game.disc_outputs(batch, fake)
    outputs = DiscOutputs(
        real, fake, real_logits, fake_logits, real_classes, fake_classes, plain_real, plain, augment
    )
    loss = tf.reduce_mean(game.loss.disc(real_logits, fake_logits, real_targets, fake_targets))
    for trick in game.tricks:
        if trick.observe is not None:
            trick.observe(outputs)
    loss += game.penalties(batch, "penalty", outputs) + game.class_loss(
        batch, real_classes, fake_classes
    )
    return loss, outputs, {"loss/disc": loss, **_disc_scalars(game, real_logits, fake_logits)}


def _disc_scalars(
    game: Game, real_logits: tf.Tensor, fake_logits: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Return D's mean logits and its accuracy."""
    # Where tricks swap the targets, real images should have negative logits.
    target_sign = -1.0 if game.swaps_targets else 1.0
    # Where only differences of logits count, the threshold is halfway between their means.
    threshold = 0.0
    if game.loss.needs_real_logits:
        threshold = replicas.mean(tf.reduce_mean(real_logits + fake_logits)) / 2
    right = [
        target_sign * (real_logits - threshold) > 0,
        target_sign * (fake_logits - threshold) <= 0,
    ]
    return {
        "logits/real": tf.reduce_mean(real_logits),
        "logits/fake": tf.reduce_mean(fake_logits),
        "accuracy/disc": tf.reduce_mean(tf.cast(tf.concat(right, 0), floatx())),
    }


def gen_loss(game: Game, batch: Batch, outputs: DiscOutputs) -> tf.Tensor:
    """Return G's loss, a mean over the batch, penalties included, given D's outputs."""
    logits = outputs.fake_logits
    targets = game.apply_hook(batch, "gen_targets", tf.ones_like(logits))
    real_logits = [outputs.real_logits] if game.loss.needs_real_logits else []
    losses = game.loss.gen(logits, targets, *real_logits)
    for trick in game.tricks:
        if trick.gen_weights is not None:
            losses *= trick.gen_weights(-logits if game.swaps_targets else logits)
    penalties = game.penalties(batch, "gen_penalty", outputs)
    return tf.reduce_mean(losses) + penalties + game.class_loss(batch, outputs.fake_classes)


def compute_gradients(
    tape: tf.GradientTape, loss: tf.Tensor, net: keras.Model, *more: tf.Tensor
) -> list[tf.Tensor]:
    """Return the gradients of a per-replica mean loss w.r.t. a net's weights and more tensors.

    They are scaled by 1 / number of replicas, so that their sum over replicas is the gradient of
    the mean over the global batch.
    """
    share = tf.constant(1.0 / replicas.count(), loss.dtype)
    sources = [*(v.value for v in net.trainable_variables), *more]
    return tape.gradient(loss, sources, output_gradients=share)


def apply_disc_gradients(game: Game, gradients: list[tf.Tensor]) -> tf.Tensor:
    """Apply D's optimizer, then the tricks' ``after_disc``; return this replica's gradient norm."""
    norm = _apply_gradients(game, gradients, "disc")
    for trick in game.tricks:
        if trick.after_disc is not None:
            trick.after_disc(game.disc)
    return norm


def apply_gen_gradients(game: Game, gradients: list[tf.Tensor]) -> tf.Tensor:
    """Apply G's optimizer; return this replica's gradient norm."""
    return _apply_gradients(game, gradients, "gen")


def _apply_gradients(game: Game, gradients: list[tf.Tensor], net: str) -> tf.Tensor:
    """Apply one optimizer update; Keras sums the gradients over replicas."""
    norm = tf.linalg.global_norm(gradients) * replicas.count()
    for trick in game.tricks:
        if trick.gradients is not None:
            gradients = trick.gradients(gradients, net)
    model, optimizer = (game.gen, game.gen_opt) if net == "gen" else (game.disc, game.disc_opt)
    optimizer.apply(gradients, model.trainable_variables)
    return norm


def trick_metrics(game: Game) -> list[dict[str, float]]:
    """Return the metrics of each trick; call it in the cross-replica context, between steps."""
    # A variable that has a copy on each device becomes a number only as a tensor.
    return [
        {name: float(tf.convert_to_tensor(value)) for name, value in trick.metrics().items()}
        if trick.metrics is not None
        else {}
        for trick in game.tricks
    ]


def update_ema(game: Game) -> None:
    """Update the moving average of G's weights, if there is one, in the cross-replica context.

    At step t the decay is at most (1 + t) / (10 + t), so that a short run does not sample its
    initial weights. For moving statistics, which are averages already, see
    :func:`sync_moving_statistics`.
    """
    if game.ema is None:
        return
    t = tf.cast(game.step, floatx())
    decay = tf.minimum(tf.constant(game.ema_decay, floatx()), (1.0 + t) / (10.0 + t))
    for mean, new in zip(game.ema.trainable_variables, game.gen.trainable_variables, strict=True):
        mean.assign(mean * decay + new * (1.0 - decay))


def sync_moving_statistics(game: Game, strategy: tf.distribute.Strategy) -> None:
    """Average moving statistics over replicas, and copy G's to the EMA.

    Call it in the cross-replica context. Statistics move linearly, so that it makes no difference
    how often this is done. Those of the EMA's batch norms are replaced by its own when it is used
    (:func:`gan_zoo.game.sampling.compute_standing_statistics`).
    """
    if strategy.num_replicas_in_sync > 1:
        frozen = {id(v) for v in frozen_weights(game.disc)}
        for variable in (v for net in (game.gen, game.disc) for v in net.non_trainable_variables):
            # Neither a state of Dropout's random numbers nor a weight that must not move.
            if variable.dtype == floatx() and id(variable) not in frozen:
                each = strategy.run(lambda variable=variable: tf.identity(variable.value))
                variable.assign(strategy.reduce("MEAN", each, axis=None))
    if game.ema is not None:
        for mean, new in zip(
            game.ema.non_trainable_variables, game.gen.non_trainable_variables, strict=True
        ):
            mean.assign(new.value)
