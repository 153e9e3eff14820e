"""Random numbers as pure functions of (seed, tag, step), for any number of replicas.

Every draw is made for the global batch and each replica takes its slice, so that two replicas use
the same numbers as one device. The stateless Philox generator gives the same bits on every device,
also under XLA.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import tensorflow as tf
from keras.config import floatx


def derive_seed(seed: int, *tag: object) -> int:
    """Return the number of one random stream: ``derive_seed(seed, "trick", 0, "real")``, say.

    The tag is the name of the stream. Streams with different tags are independent.
    """
    return zlib.crc32(repr((seed, *tag)).encode())


def fold_in(stream: int, step: tf.Tensor) -> tf.Tensor:
    """Return the ``seed`` [2] of a random stream at a step."""
    return tf.stack([tf.constant(stream, tf.int64), tf.cast(step, tf.int64)])


def split(seed: tf.Tensor, k: int) -> tf.Tensor:
    """Return the ``k``-th further seed of a random stream that is drawn from several times."""
    # The numbers of derive_seed are below 2**32, so no other stream has this seed.
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
