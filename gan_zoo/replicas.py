"""What the replicas of a step tell each other, so that a sum over the batch is one over the whole batch.

All of it is the identity on one device. None of it may stand inside ``tf.cond`` or a loop:
TensorFlow cannot exchange there.
"""

from __future__ import annotations

import tensorflow as tf


def count() -> int:
    """How many replicas there are."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def mean(value: tf.Tensor) -> tf.Tensor:
    """The mean over replicas; gradients pass."""
    return value if count() == 1 else tf.distribute.get_replica_context().all_reduce("MEAN", value)


def total(values: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sums over replicas."""
    return values if count() == 1 else tf.distribute.get_replica_context().all_reduce("SUM", values)


def gather(value: tf.Tensor) -> tf.Tensor:
    """The whole batch [replicas * B, ...] from this replica's part [B, ...]; no gradient passes."""
    value = tf.stop_gradient(value)
    if count() == 1:
        return value
    context = tf.distribute.get_replica_context()
    place = tf.one_hot(context.replica_id_in_sync_group, count(), dtype=value.dtype)
    spread = tf.reshape(place, [-1] + [1] * len(value.shape)) * value[None]
    return tf.reshape(context.all_reduce("SUM", spread), [-1, *value.shape[1:]])


def mine(value: tf.Tensor) -> tf.Tensor:
    """This replica's part [B, ...] of a whole batch [replicas * B, ...]."""
    if count() == 1:
        return value
    local = value.shape[0] // count()
    first = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32) * local
    return value[first : first + local]
