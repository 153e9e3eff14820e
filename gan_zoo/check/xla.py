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


def _difference(part: Part, precision: str) -> tuple[float, str]:
    plain, compiled = part.fresh(precision=precision), part.fresh(precision=precision)
    start = state(plain)
    train(part, plain, (STEPS,))
    train_by_xla(part, compiled, STEPS)
    return largest_difference(state(plain), state(compiled), start)


@checks(XLA)
def same_under_xla(part: Part) -> None:
    """Compiled by XLA, it gets the same weights."""
    for precision, most in (("float32", 5e-3), ("bfloat16", 0.2)):
        share, where = _difference(part, precision)
        require(
            np.isfinite(share) and share < most,
            f"after {STEPS} steps in {precision}, {where} differs by {share:.2g} of its change in"
            " training from its value without XLA; draw only through gan_zoo.randomness.",
        )
