"""One step of the game: the updates of D and G, and the one compiled function that runs many of them.

Nothing here knows the name of a part; the branches are on the fields of the contracts and are taken when the function is
traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness, replicas
from gan_zoo.contracts import Classes, Condition, Loss, Seen, Trick, Update

# What the two updates return, to be averaged over a chunk.
SCALARS = ("loss/disc", "loss/gen", "logits/real", "logits/fake", "accuracy/disc", "grad_norm/disc", "grad_norm/gen")


class Game(NamedTuple):
    """All that a step works with.

    Attributes:
        gen: The generator.
        disc: The discriminator.
        ema: A second generator that holds the moving average of the first, or None.
        ema_decay: The share of the average kept at a step, once the run is long enough for it.
        gen_opt: G's optimizer, built.
        disc_opt: D's optimizer, built.
        loss: The losses of both.
        update: The order in which both are updated.
        tricks: In the order in which they apply.
        noise: ``(shape, seed) -> z``.
        step: int64 variable, the number of steps done.
        seed: The run's.
        turn: Which of several updates of D within a step this is; each draws for itself.
        condition: How both nets learn of classes, or None.
        classes: Which classes there are; None without a condition.
        labels: Of the real images of the present update, int32 [B], and so those that G is asked for; None without a condition.
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
    turn: int = 0
    condition: Condition | None = None
    classes: Classes | None = None
    labels: tf.Tensor | None = None

    def seed_at(self, *place: object) -> tf.Tensor:
        """The seed [2] of a place in the present step."""
        return randomness.at(randomness.stream(self.seed, self.turn, *place), self.step)

    def draw(self, batch: int, *place: object) -> tf.Tensor:
        """Noise for ``batch`` images of this replica."""
        return self.noise((batch, *self.noise_shape), self.seed_at("noise", *place))

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Of one image's noise."""
        return tuple(self.gen.inputs[0].shape[1:])

    def make(self, z: tf.Tensor) -> tf.Tensor:
        """G's images of noise, and of the labels if there are any, in training."""
        return self.gen(_with(self.gen, z, self.labels), training=True)

    def turns(self, real: tf.Tensor, number: int) -> list[tuple[Game, tf.Tensor]]:
        """The real images [number * B, H, W, C] of several updates of D: for each, the game at its turn, and its images."""
        labels = [None] * number if self.labels is None else tf.split(self.labels, number)
        games = [self._replace(turn=k, labels=own) for k, own in enumerate(labels)]
        return list(zip(games, tf.split(real, number), strict=True))

    def apply(self, hook: str, value: tf.Tensor, *place: object) -> tf.Tensor:
        """Send a value through one hook of all tricks."""
        for i, trick in enumerate(self.tricks):
            if (f := getattr(trick, hook)) is not None:
                value = f(value, self.seed_at(hook, i, *place))
        return value

    def show(self, real: tf.Tensor, who: str) -> tf.Tensor:
        """Real images as D is to see them in the update of ``who``."""
        return self.apply("images", self.apply("real_images", real), who, "real")

    def logits(self, images: tf.Tensor) -> tf.Tensor:
        """D's logits of images, in training, as float32 [B, 1]."""
        return self.says(images)[0]

    def says(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """What D says of images, in training: its logits float32 [B, 1], and of their classes, if it has a second output."""
        logits, classes = _said(self.disc, images, self.labels, training=True)
        return tf.cast(logits, floatx()), classes

    def class_loss(self, *said: tf.Tensor | None) -> tf.Tensor:
        """The sum of what the condition adds to a loss for what D said of classes; a mean over the batch."""
        if self.condition is None or self.condition.loss is None:
            return tf.zeros([], floatx())
        return tf.add_n([tf.reduce_mean(self.condition.loss(one, self.labels)) for one in said])

    def penalties(self, hook: str, seen: Seen) -> tf.Tensor:
        """The sum of what one hook of all tricks adds to a loss."""
        hooks = [(i, f) for i, trick in enumerate(self.tricks) if (f := getattr(trick, hook)) is not None]
        disc = self.disc if self.labels is None else Labelled(self.disc, self.labels)
        return sum((f(disc, seen, self.seed_at(hook, i)) for i, f in hooks), tf.zeros([], floatx()))


class Labelled:
    """D as tricks know it, ``disc(images, training=True) -> logits``, with the labels of the images; all else is the net's."""

    def __init__(self, net: keras.Model, labels: tf.Tensor):
        """Fill in labels, int32 [B]."""
        vars(self).update(net=net, labels=labels)

    def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The logits [B, 1] of images [B, H, W, C]."""
        return _said(self.net, images, self.labels, training)[0]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.net, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.net, name, value)


def _with(net: keras.Model, value: tf.Tensor, labels: tf.Tensor | None) -> Any:
    """What a net takes: a value alone, or with labels."""
    return [value, labels] if len(net.inputs) > 1 else value


def _said(disc: keras.Model, images: tf.Tensor, labels: tf.Tensor | None, training: bool) -> tuple[tf.Tensor, Any]:
    """The logits that D gives, and its second output, if it has one, or None."""
    said = disc(_with(disc, images, labels), training=training)
    return tuple(said) if isinstance(said, (list, tuple)) else (said, None)


def disc_update(game: Game, real: tf.Tensor) -> dict[str, tf.Tensor]:
    """Update D on real images [B, H, W, C] and as many of G's; returns scalars to log."""
    fake = game.make(game.draw(real.shape[0], "disc"))  # outside the tape: G is not to move
    fake = game.apply("images", game.apply("fake_images", fake), "disc", "fake")
    with tf.GradientTape() as tape:
        loss, _, scalars = disc_loss(game, real, fake)
    return scalars | {"grad_norm/disc": descend_disc(game, slope(tape, loss, game.disc))}


def gen_update(game: Game, real: tf.Tensor) -> dict[str, tf.Tensor]:
    """Update G on as many images of its own as there are real ones [B, H, W, C]; returns scalars to log.

    D sees the real ones only for a loss or a trick that compares with them.
    """
    z = game.draw(real.shape[0], "gen")
    real = game.show(real, "gen")
    real_logits = game.logits(real) if game.loss.paired else None
    with tf.GradientTape() as tape:
        fake = game.apply("images", game.make(z), "gen", "fake")
        fake_logits, fake_classes = game.says(fake)
        loss = gen_loss(game, Seen(real, fake, real_logits, fake_logits, None, fake_classes))
    return {"loss/gen": loss, "grad_norm/gen": descend_gen(game, slope(tape, loss, game.gen))}


def simultaneous_update(game: Game, real: tf.Tensor) -> dict[str, tf.Tensor]:
    """Update both on real images [B, H, W, C] and one batch of fakes, each against the other as it was; returns scalars."""
    return _at_once(game, real, lambda tape, loss, rival, *_: (slope(tape, loss, game.disc), slope(tape, rival, game.gen)))


def one_stage_update(game: Game, real: tf.Tensor) -> dict[str, tf.Tensor]:
    """As :func:`simultaneous_update`, but one way back through D serves both nets; returns scalars.

    D's loss is followed back to the fake images, and there each image's slope is multiplied by the ratio of the slopes of G's
    and of D's loss at its logit.
    """

    def slopes(tape, loss, rival, seen):
        ratio = tf.math.divide_no_nan(tape.gradient(rival, seen.fake_logits), tape.gradient(loss, seen.fake_logits))
        *down_disc, down_fake = slope(tape, loss, game.disc, seen.fake)
        down_fake *= tf.cast(tf.reshape(ratio, [-1, 1, 1, 1]), down_fake.dtype)
        gen_weights = [v.value for v in game.gen.trainable_variables]
        return down_disc, tape.gradient(seen.fake, gen_weights, output_gradients=down_fake)

    return _at_once(game, real, slopes)


def _at_once(game: Game, real: tf.Tensor, slopes: Callable[..., tuple]) -> dict[str, tf.Tensor]:
    """Play one batch and move both nets by ``slopes(tape, D's loss, G's loss, what D has seen)``."""
    z = game.draw(real.shape[0], "gen")
    with tf.GradientTape(persistent=True) as tape:
        fake = game.apply("images", game.make(z), "gen", "fake")
        loss, seen, scalars = disc_loss(game, real, fake)
        rival = gen_loss(game, seen)
    down_disc, down_gen = slopes(tape, loss, rival, seen)  # both, before either net moves
    norms = {"grad_norm/disc": descend_disc(game, down_disc), "grad_norm/gen": descend_gen(game, down_gen)}
    return scalars | norms | {"loss/gen": rival}


def disc_loss(game: Game, real: tf.Tensor, fake: tf.Tensor) -> tuple[tf.Tensor, Seen, dict[str, tf.Tensor]]:
    """D's loss on real images [B, H, W, C] as they come and fake ones as D is to see them.

    Returns:
        The loss, a mean over the batch, penalties included; what D has seen; scalars to log.
    """
    batch = real.shape[0]
    real = game.show(real, "disc")
    real_targets = game.apply("real_targets", tf.ones([batch, 1], floatx()), "real")
    fake_targets = game.apply("fake_targets", tf.zeros([batch, 1], floatx()), "fake")
    (real_logits, real_classes), (fake_logits, fake_classes) = game.says(real), game.says(fake)
    seen = Seen(real, fake, real_logits, fake_logits, real_classes, fake_classes)
    loss = tf.reduce_mean(game.loss.disc(seen.real_logits, seen.fake_logits, real_targets, fake_targets))
    for trick in game.tricks:
        if trick.observe is not None:
            trick.observe(seen)
    loss += game.penalties("penalty", seen) + game.class_loss(real_classes, fake_classes)
    # Where tricks swap the targets, D is right when it says so.
    upright = tf.sign(tf.reduce_mean(real_targets) - tf.reduce_mean(fake_targets))
    # Where only differences of logits count, the line between real and fake is halfway between their means.
    line = replicas.mean(tf.reduce_mean(seen.real_logits + seen.fake_logits)) / 2 if game.loss.paired else 0.0
    right = tf.concat([upright * (seen.real_logits - line) > 0, upright * (seen.fake_logits - line) <= 0], 0)
    scalars = {
        "loss/disc": loss,
        "logits/real": tf.reduce_mean(seen.real_logits),
        "logits/fake": tf.reduce_mean(seen.fake_logits),
        "accuracy/disc": tf.reduce_mean(tf.cast(right, floatx())),
    }
    return loss, seen, scalars


def gen_loss(game: Game, seen: Seen) -> tf.Tensor:
    """G's loss, a mean over the batch, penalties included, given its images and what D says of them."""
    targets = game.apply("gen_targets", tf.ones_like(seen.fake_logits))
    each = game.loss.gen(seen.fake_logits, targets, *([seen.real_logits] if game.loss.paired else []))
    if weighing := [trick.gen_weights for trick in game.tricks if trick.gen_weights is not None]:
        # Where tricks swap the targets, a 0 becomes more than a 1, and low logits are the real ones.
        swapped = tf.reduce_mean(targets) < tf.reduce_mean(game.apply("gen_targets", tf.zeros_like(targets)))
        realness = tf.where(swapped, -seen.fake_logits, seen.fake_logits)
        for weigh in weighing:
            each *= weigh(realness)
    return tf.reduce_mean(each) + game.penalties("gen_penalty", seen) + game.class_loss(seen.fake_classes)


def slope(tape: tf.GradientTape, loss: tf.Tensor, net: keras.Model, *more: tf.Tensor) -> list[tf.Tensor]:
    """This replica's share of the gradient of a loss that is a mean over its part of the batch, by a net's weights and more."""
    share = tf.constant(1.0 / replicas.count(), loss.dtype)
    return tape.gradient(loss, [*(v.value for v in net.trainable_variables), *more], output_gradients=share)


def descend_disc(game: Game, gradients: list[tf.Tensor]) -> tf.Tensor:
    """One step of D's optimizer, and what tricks do after it; returns the norm of this replica's gradient."""
    norm = _descend(game, gradients, "disc")
    for trick in game.tricks:
        if trick.after_disc is not None:
            trick.after_disc(game.disc)
    return norm


def descend_gen(game: Game, gradients: list[tf.Tensor]) -> tf.Tensor:
    """One step of G's optimizer; returns the norm of this replica's gradient."""
    return _descend(game, gradients, "gen")


def _descend(game: Game, gradients: list[tf.Tensor], net: str) -> tf.Tensor:
    """One step down; returns the norm of this replica's gradient. Keras sums the gradients over replicas."""
    norm = tf.linalg.global_norm(gradients) * replicas.count()
    for trick in game.tricks:
        if trick.gradients is not None:
            gradients = trick.gradients(gradients, net)
    model, optimizer = (game.gen, game.gen_opt) if net == "gen" else (game.disc, game.disc_opt)
    optimizer.apply(gradients, model.trainable_variables)
    return norm


def follow(game: Game) -> None:
    """Move the average, if there is one, towards G, in the cross-replica context.

    At step t the decay is at most (1 + t) / (10 + t), so that a short run does not sample its initial weights. For moving
    statistics, which are averages already, see :func:`settle`.
    """
    if game.ema is None:
        return
    t = tf.cast(game.step, floatx())
    decay = tf.minimum(tf.constant(game.ema_decay, floatx()), (1.0 + t) / (10.0 + t))
    for mean, new in zip(game.ema.trainable_variables, game.gen.trainable_variables, strict=True):
        mean.assign(mean * decay + new * (1.0 - decay))


def settle(game: Game, strategy: tf.distribute.Strategy) -> None:
    """Give all replicas the mean of their moving statistics, and the average those of G, in the cross-replica context.

    Statistics move linearly, so that it makes no difference how often this is done. Those of the average's batch norms are
    replaced by its own when it is used (:func:`gan_zoo.build.settle_average`).
    """
    if strategy.num_replicas_in_sync > 1:
        for variable in (v for net in (game.gen, game.disc) for v in net.non_trainable_variables):
            if variable.dtype == floatx():  # and not a state of Dropout's random numbers
                each = strategy.run(lambda variable=variable: tf.identity(variable.value))
                variable.assign(strategy.reduce("MEAN", each, axis=None))
    if game.ema is not None:
        for mean, new in zip(game.ema.non_trainable_variables, game.gen.non_trainable_variables, strict=True):
            mean.assign(new.value)


def compile_run(game: Game, strategy: tf.distribute.Strategy) -> Callable[..., dict[str, tf.Tensor]]:
    """Compile ``run(iterator, n)``: n steps in one call, n a tensor; returns the means of their scalars.

    The iterator gives uint8 batches ``[batches * B, H, W, C]`` a replica, as many as an update uses; they become float32 in
    [-1, 1] here, on the device. With a condition, it gives pairs of these and of their labels, int32 ``[batches * B]``.
    """

    def one(batch: tf.Tensor, labels: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        return game.update.run(game._replace(labels=labels), tf.cast(batch, floatx()) / 127.5 - 1.0)

    @tf.function
    def run(iterator, n: tf.Tensor) -> dict[str, tf.Tensor]:
        sums = {name: tf.zeros([], floatx()) for name in SCALARS}
        for _ in tf.range(n):
            fed = next(iterator)
            scalars = strategy.run(one, args=(fed,) if game.condition is None else fed)
            sums = {k: total + strategy.reduce("MEAN", scalars[k], axis=None) for k, total in sums.items()}
            follow(game)
            game.step.assign_add(1)
        settle(game, strategy)
        return {k: total / tf.cast(n, floatx()) for k, total in sums.items()}

    return run
