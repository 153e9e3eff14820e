"""Many steps in one call: a chunk, as a TensorFlow function or as one XLA program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from keras.config import floatx

from gan_zoo import randomness, registry
from gan_zoo.contracts import Batch
from gan_zoo.game.step import SCALARS, Game, sync_moving_statistics, update_ema
from gan_zoo.images import RGBA


def _one_step(game: Game, images: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
    """Update both nets from uint8 images; return the scalars of the step, in their order."""
    batch = Batch(_to_float(images), labels)
    with randomness.version(game.random_version):
        scalars = game.update.run(game, batch)
    if missing := [name for name in SCALARS if name not in scalars]:
        raise ValueError(
            f"the update rule's run must return all of {', '.join(SCALARS)}; it lacks"
            f" {', '.join(missing)}"
        )
    return tf.stack([scalars[name] for name in SCALARS])


def _to_float(images: tf.Tensor) -> tf.Tensor:
    """Return uint8 images ``[B, H, W, C]`` as :func:`gan_zoo.images.to_float` does."""
    made = tf.cast(images, floatx()) / 127.5 - 1.0
    if images.shape[-1] == RGBA:
        colors, opacity = made[..., :3], made[..., 3:]
        made = tf.concat([(colors + 1.0) * (opacity + 1.0) / 2.0 - 1.0, opacity], -1)
    return made


def _needs_autograph() -> bool:
    """Whether a step may hold Python's ``if`` or ``for`` on tensors, as a part from outside may.

    Our own parts have none, and to look for them takes longer than all the rest of tracing.
    """
    return bool(registry.third_party)


def compile_chunk(
    game: Game, strategy: tf.distribute.Strategy
) -> Callable[[Any, tf.Tensor], tf.Tensor]:
    """Compile ``run(iterator, n)``: n steps in one call, n a tensor.

    The iterator gives uint8 images ``[batches * B, H, W, C]`` a replica, as many as an update
    uses; they become float32 in [-1, 1] here, on the device. With a condition it gives pairs of
    these and of their labels, int32 ``[batches * B]``.

    Returns:
        The function; it returns the sums of :data:`gan_zoo.game.step.SCALARS` over the steps.
    """

    def one_step(*fed: tf.Tensor) -> tf.Tensor:
        return _one_step(game, *fed)

    if not _needs_autograph():
        one_step = tf.autograph.experimental.do_not_convert(one_step)

    @tf.function
    def run(iterator: Any, n: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros([len(SCALARS)], floatx())
        for _ in tf.range(n):
            fed = next(iterator)
            scalars = strategy.run(one_step, args=(fed,) if game.condition is None else fed)
            sums += strategy.reduce("MEAN", scalars, axis=None)
            update_ema(game)
            game.step.assign_add(1)
        sync_moving_statistics(game, strategy)
        return sums

    return run


def compile_program(game: Game) -> Callable[..., tf.Tensor]:
    """Compile ``run(images, labels, rows, n)``: n steps as one XLA program, on one device.

    Step i uses ``images[rows[i]]``, and the labels of the same rows. ``n`` is at most the number of
    rows; another n or other rows are the same program, other shapes another one.

    Args:
        game: The nets and their step.

    Returns:
        The function of images uint8 ``[N, H, W, C]``, labels int32 ``[N]`` or None, rows int32
        ``[steps, batches * B]`` and n int32; it returns the sums of
        :data:`gan_zoo.game.step.SCALARS` over the steps.
    """

    @tf.function(jit_compile=True, autograph=_needs_autograph())
    def run(
        images: tf.Tensor, labels: tf.Tensor | None, rows: tf.Tensor, n: tf.Tensor
    ) -> tf.Tensor:
        def step(i: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            fed = [tf.gather(each, rows[i]) for each in (images, labels) if each is not None]
            sums += _one_step(game, *fed)
            update_ema(game)
            game.step.assign_add(1)
            return i + 1, sums

        first = tf.zeros([], tf.int32), tf.zeros([len(SCALARS)], floatx())
        _, sums = tf.while_loop(lambda i, _: i < n, step, first)
        sync_moving_statistics(game, tf.distribute.get_strategy())
        return sums

    return run


def means(sums: tf.Tensor | np.ndarray, n: int) -> dict[str, float]:
    """Return the mean of each scalar over n steps; this waits for the device."""
    each = np.asarray(sums) / n
    return {name: float(mean) for name, mean in zip(SCALARS, each, strict=True)}
