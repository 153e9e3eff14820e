"""Spectral normalization of a net's kernels."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import tensorflow as tf

from gan_zoo.layers.introspect import layers_of


class NormalizedKernel(NamedTuple):
    """A kernel that its layer divides by its largest singular value.

    Attributes:
        kernel: The variable that trains.
        matrix: ``kernel -> [inputs, outputs]``, the kernel as a matrix; inputs are the weights of
            one output.
        u: [inputs], the estimate of its left singular vector.
        v: [outputs], the estimate of its right singular vector.
    """

    kernel: tf.Variable
    matrix: Callable[..., tf.Tensor]
    u: tf.Variable
    v: tf.Variable

    def sigma(self) -> tf.Tensor:
        """Return the largest singular value; gradients pass through it to the kernel."""
        return tf.tensordot(self.u, tf.linalg.matvec(self.matrix(self.kernel), self.v), 1)

    def iterate(self, times: int = 1) -> None:
        """Bring u and v closer to the kernel's singular vectors, by power iteration."""
        matrix = self.matrix(self.kernel)
        u, v = tf.convert_to_tensor(self.u), tf.convert_to_tensor(self.v)
        for _ in range(times):
            u = tf.math.l2_normalize(tf.linalg.matvec(matrix, v))
            v = tf.math.l2_normalize(tf.linalg.matvec(matrix, u, transpose_a=True))
        self.u.assign(u)
        self.v.assign(v)


def apply_spectral_norm(net: keras.Model) -> list[NormalizedKernel]:
    """Let each layer of a net that has a kernel divide it by its largest singular value.

    The layers themselves are changed, so that it works on any net; their weights keep their values
    and names. The division is in the precision of the weights. A call of a layer does not change u
    and v: the caller does that, with :meth:`NormalizedKernel.iterate`.
    """
    return [
        _normalize(layer)
        for layer in layers_of(net)
        if isinstance(getattr(layer, "kernel", None), keras.Variable)
    ]


def _normalize(layer: keras.Layer) -> NormalizedKernel:
    kernel, plain = layer.kernel, layer.call
    # A transposed convolution has its outputs before its inputs.
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    swap = [0, 1, 3, 2] if transposed else list(range(len(kernel.shape)))
    # A depthwise one has one or more outputs for each input, each with its own height * width
    # weights.
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    outputs = math.prod(kernel.shape[2:]) if depthwise else kernel.shape[swap[-1]]
    inputs = math.prod(kernel.shape) // outputs

    def matrix(value):
        return tf.reshape(tf.transpose(value, swap), [inputs, outputs])

    def state(size):
        start = tf.fill([size], tf.cast(size, kernel.dtype) ** -0.5)
        return tf.Variable(
            start, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )

    # TensorFlow's variable: Keras' gives its value in the precision of the layer that reads it.
    normed = NormalizedKernel(kernel.value, matrix, state(inputs), state(outputs))
    normed.iterate(20)

    def call(*args, **kwargs):
        with keras.StatelessScope([(kernel, normed.kernel / normed.sigma())]):
            return plain(*args, **kwargs)

    call.normalized = normed  # type: ignore[attr-defined]
    layer.call = call
    return normed


@contextlib.contextmanager
def folded(net: keras.Model) -> Iterator[None]:
    """Have the kernels of a net divided already, so that its weights say all, in a file, say.

    Without :func:`apply_spectral_norm` nothing changes. What the net computes stays the same.
    """
    calls = [layer.call for layer in layers_of(net)]
    normed = [call.normalized for call in calls if hasattr(call, "normalized")]
    before = [each.kernel.numpy() for each in normed]
    try:
        for each in normed:
            each.kernel.assign(each.kernel / each.sigma())
        yield
    finally:
        for each, kernel in zip(normed, before, strict=True):
            each.kernel.assign(kernel)
