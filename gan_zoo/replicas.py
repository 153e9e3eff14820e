"""Reductions over the replicas of a step, for sums and means over the global batch.

On one device, they are the identity. They must not be called inside ``tf.cond`` or a loop, where
TensorFlow cannot communicate between replicas.
"""

from __future__ import annotations

import tensorflow as tf


def count() -> int:
    """Return the number of replicas."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def mean(value: tf.Tensor) -> tf.Tensor:
    """Return the mean over replicas; gradients pass."""
    return value if count() == 1 else tf.distribute.get_replica_context().all_reduce("MEAN", value)


def total(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """Return the sums over replicas."""
    return values if count() == 1 else tf.distribute.get_replica_context().all_reduce("SUM", values)


def gather(value: tf.Tensor) -> tf.Tensor:
    """Return the global batch [replicas * B, ...] of the replicas' [B, ...]; no gradient passes."""
    value = tf.stop_gradient(value)
    if count() == 1:
        return value
    context = tf.distribute.get_replica_context()
    one_hot = tf.one_hot(context.replica_id_in_sync_group, count(), dtype=value.dtype)
    padded = tf.reshape(one_hot, [-1] + [1] * len(value.shape)) * value[None]
    return tf.reshape(context.all_reduce("SUM", padded), [-1, *value.shape[1:]])


def local_slice(value: tf.Tensor) -> tf.Tensor:
    """Return this replica's slice [B, ...] of a global batch [replicas * B, ...]."""
    if count() == 1:
        return value
    local = value.shape[0] // count()
    first = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32) * local
    return value[first : first + local]
