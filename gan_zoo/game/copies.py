"""Whether all replicas have the same state of the tricks, as they must."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from gan_zoo import replicas
from gan_zoo.game.step import Game

# Of the size of a variable; replicas on unlike processors round differently.
_MOST = 1e-3


def compile_comparison(game: Game, strategy: tf.distribute.Strategy) -> Callable[[], str]:
    """Return a function that tells which variable of a trick differs between replicas.

    It compares sums over all elements, which costs little. All workers must call it at the same
    step, in the cross-replica context.

    Returns:
        The function; it returns a sentence, or "" if all replicas agree.
    """
    watched = [
        (f"variables[{k}] of trick {i + 1} in --tricks", variable)
        for i, trick in enumerate(game.tricks)
        for k, variable in enumerate(trick.variables)
    ]
    if strategy.num_replicas_in_sync == 1 or not watched:
        return lambda: ""

    def differences() -> tf.Tensor:
        values = [tf.cast(tf.convert_to_tensor(v), tf.float32) for _, v in watched]
        sums = tf.stack([tf.reduce_sum(x) for x in values])
        sizes = tf.stack([tf.reduce_sum(tf.abs(x)) for x in values])
        return tf.stack([tf.abs(sums - replicas.mean(sums)), sizes])

    @tf.function
    def compare() -> tf.Tensor:
        return strategy.reduce("MEAN", strategy.run(differences), axis=None)

    def disagreement() -> str:
        apart, sizes = np.asarray(compare())
        names = [name for (name, _), far in zip(watched, apart > _MOST * sizes, strict=True) if far]
        if not names:
            return ""
        return (
            f"{names[0]} has another value on each replica, so that this run is not the one that a"
            " single device would train, and a checkpoint keeps one of them; assign only what all"
            " replicas know, such as gan_zoo.replicas.mean of it (gan_zoo check finds such parts)."
        )

    return disagreement
