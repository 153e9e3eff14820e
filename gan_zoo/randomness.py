"""Random numbers as pure functions of (seed, place, step), for any number of replicas.

Every draw is made for the global batch and each replica takes its slice, so that two replicas use
the same numbers as one device. The stateless Philox generator gives the same bits on every device,
also under XLA.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import tensorflow as tf
from keras.config import floatx


def derive_seed(seed: int, *place: object) -> int:
    """Return a number for one place that draws, such as ``derive_seed(seed, "trick", 0, "real")``.

    Different places draw independently.
    """
    return zlib.crc32(repr((seed, *place)).encode())


def fold_in(stream: int, step: tf.Tensor) -> tf.Tensor:
    """Return the ``seed`` [2] of a place at a step."""
    return tf.stack([tf.constant(stream, tf.int64), tf.cast(step, tf.int64)])


def split(seed: tf.Tensor, k: int) -> tf.Tensor:
    """Return the ``k``-th further seed of a place that draws several times."""
    # Seeds of places are below 2**32, so that no other place has this one.
    return seed + tf.constant([k << 32, 0], tf.int64)


def permutation(count: int, seed: tf.Tensor) -> tf.Tensor:
    """Return a random order of ``range(count)``, the same on all replicas."""
    return tf.argsort(tf.random.stateless_uniform([count], seed, alg="philox"))


def _local_slice(draw, shape: Sequence[int]) -> tf.Tensor:
    """Draw for the global batch, and return this replica's slice of it."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync if context else 1
    if replicas == 1:
        return draw(shape)
    local = shape[0]
    first = tf.cast(context.replica_id_in_sync_group, tf.int32) * local
    return draw([replicas * local, *shape[1:]])[first : first + local]


def normal(shape: Sequence[int], seed: tf.Tensor, stddev: float = 1.0) -> tf.Tensor:
    """Draw from N(0, stddev^2); ``shape`` [B, ...] is that of this replica."""
    return _local_slice(
        lambda s: tf.cast(
            tf.random.stateless_normal(s, seed, stddev=stddev, alg="philox"), floatx()
        ),
        shape,
    )


def uniform(
    shape: Sequence[int], seed: tf.Tensor, low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    """Draw from U[low, high); ``shape`` [B, ...] is that of this replica."""
    return _local_slice(
        lambda s: tf.cast(
            low + (high - low) * tf.random.stateless_uniform(s, seed, alg="philox"), floatx()
        ),
        shape,
    )
