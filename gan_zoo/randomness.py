"""Random numbers as pure functions of (seed, tag, step), for any number of replicas.

Every draw is made for the global batch and each replica takes its slice, so that two replicas use
the same numbers as one device.

There are three versions of a run's numbers. Version 1 takes TensorFlow's stateless floats, which
XLA draws otherwise. Version 2 takes the bits of the stateless Philox generator, which are the same
on every device, also under XLA, and makes floats of them here. Version 3 draws the same, and has
other arithmetic: the gradients of biases (:func:`gan_zoo.layers.bias.add_bias`) and the constants
of ``rmsprop``. A run records its version and resumes with it; runs without a record have version 1.
"""

from __future__ import annotations

import contextlib
import math
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf
from keras.config import floatx

NEWEST = 3  # the version of new runs

# Of the step that is being traced. Replicas are traced in threads of their own.
_tracing = threading.local()


@contextlib.contextmanager
def version(number: int) -> Iterator[None]:
    """Compute with this version of the numbers within the ``with`` block, in this thread."""
    before = current_version()
    _tracing.version = number
    try:
        yield
    finally:
        _tracing.version = before


def current_version() -> int:
    """Return the version of the ``with`` block around, in this thread; the newest without one."""
    return getattr(_tracing, "version", NEWEST)


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
    if current_version() == 1:
        return tf.argsort(tf.random.stateless_uniform([count], seed, alg="philox"))
    return tf.argsort(_bits([count], seed), stable=True)


def normal(shape: Sequence[int], seed: tf.Tensor, stddev: float = 1.0) -> tf.Tensor:
    """Draw from N(0, stddev^2); ``shape`` [B, ...] is that of this replica.

    Version 2 has no value beyond 5.8 standard deviations, which has a probability of 1e-8.
    """
    return tf.cast(stddev * _local_slice(_standard_normal, shape, seed), floatx())


def uniform(
    shape: Sequence[int], seed: tf.Tensor, low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    """Draw from U[low, high); ``shape`` [B, ...] is that of this replica."""
    return tf.cast(low + (high - low) * _local_slice(_unit, shape, seed), floatx())


def _local_slice(
    draw: Callable[..., tf.Tensor], shape: Sequence[int], seed: tf.Tensor
) -> tf.Tensor:
    """Draw for the global batch, and return this replica's slice of it."""
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync if context else 1
    if replicas == 1:
        return draw(shape, seed)
    local = shape[0]
    first = tf.cast(context.replica_id_in_sync_group, tf.int32) * local
    return draw([replicas * local, *shape[1:]], seed)[first : first + local]


def _bits(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Draw int32 of 32 random bits."""
    return tf.random.stateless_uniform(shape, seed, None, None, tf.int32, alg="philox")


def _unit(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Draw float32 from U[0, 1)."""
    if current_version() == 1:
        return tf.random.stateless_uniform(shape, seed, alg="philox")
    # The lower 24 bits are all that float32 holds, so that this is exact on every device.
    lower = tf.bitwise.bitwise_and(_bits(shape, seed), (1 << 24) - 1)
    return tf.cast(lower, tf.float32) * 2.0**-24


def _standard_normal(shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
    """Draw float32 from N(0, 1)."""
    if current_version() == 1:
        return tf.random.stateless_normal(shape, seed, alg="philox")
    # Box and Muller 1958: two numbers from each pair of uniform ones.
    count = math.prod(shape)
    pairs = _unit([2, (count + 1) // 2], seed)
    radius = tf.sqrt(-2.0 * tf.math.log(1.0 - pairs[0]))  # 1 - u is never 0
    angle = 2.0 * math.pi * pairs[1]
    both = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], 0)
    return tf.reshape(both[:count], shape)
