"""Checks of a part under XLA, which compiles a chunk of steps to one program (``--jit``)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gan_zoo.check.contract import CLASSES, XLA, Part, Skipped, checks, require
from gan_zoo.check.training import BATCH, images_for, largest_difference, state, train
from gan_zoo.game import chunk, step, xla
from gan_zoo.training import feed

STEPS = 5


def train_by_xla(part: Part, game: step.Game, steps: int) -> None:
    """Train a game from step 0 as one XLA program, on the images of :func:`train`.

    Raises:
        Skipped: XLA cannot compile it.
    """
    images, per_step = images_for(part), BATCH * game.update.batches
    rows = feed.batch_rows(feed.EpochShuffle(len(images), 0), 0, steps, per_step)
    labels = tf.range(64) % len(CLASSES.names) if game.classes else None
    try:
        chunk.compile_program(game)(tf.constant(images), labels, tf.constant(rows), steps)
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as e:
        what = xla.obstacle(e, part.config(), game)
        raise Skipped(f"XLA cannot compile {what}; runs with it train without XLA.") from None


def _game(part: Part, precision: str) -> step.Game:
    """Return a game that learns slowly, so that training does not magnify rounding errors."""
    rates = {"gen_opt": "adam(1e-4, epsilon=1e-2)", "disc_opt": "sgd(0.005)"}
    return part.fresh(precision=precision, **({} if part.table == "optimizers" else rates))


def _trained(part: Part, precision: str, compiled: bool) -> dict[str, np.ndarray]:
    game = _game(part, precision)
    if compiled:
        train_by_xla(part, game, STEPS)
    else:
        train(part, game, (STEPS,))
    return state(game)


@checks(XLA)
def same_under_xla(part: Part) -> None:
    """Compiled by XLA, it gets the same weights."""
    start, plain = state(_game(part, "float32")), _trained(part, "float32", False)
    share, where = largest_difference(plain, _trained(part, "float32", True), start)
    require(
        share < 5e-3,
        f"after {STEPS} steps, {where} differs by {share:.2g} of its change in training from its"
        " value without XLA; draw only through gan_zoo.randomness.",
    )
    # XLA rounds in fewer places, so that the weights differ. It must be as near to float32.
    usual, _ = largest_difference(plain, _trained(part, "bfloat16", False), start)
    share, where = largest_difference(plain, _trained(part, "bfloat16", True), start)
    require(
        share < 2 * usual + 0.05,
        f"after {STEPS} steps in bfloat16, {where} differs by {share:.2g} of its change in training"
        f" from its value in float32, and by {usual:.2g} without XLA; cast to float32 where small"
        " or large numbers matter.",
    )
