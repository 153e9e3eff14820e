"""Spectral normalization of a net's kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf

from gan_zoo.layers.introspect import layers_of


class NormalizedKernel(NamedTuple):
    """A kernel that its layer uses divided by its largest singular value.

    Attributes:
        kernel: The variable, as it trains.
        matrix: How it is seen as a matrix: ``kernel -> [inputs, outputs]``, where inputs are
            weights that meet in one output.
        u: [inputs], the estimate of its left singular vector.
        v: [outputs], of its right one.
    """

    kernel: tf.Variable
    matrix: Callable[..., tf.Tensor]
    u: tf.Variable
    v: tf.Variable

    def sigma(self) -> tf.Tensor:
        """The largest singular value, through which gradients pass to the kernel."""
        return tf.tensordot(self.u, tf.linalg.matvec(self.matrix(self.kernel), self.v), 1)

    def iterate(self, times: int = 1) -> None:
        """Bring u and v closer to the singular vectors of the kernel as it is, by power iteration."""
        matrix, u, v = (
            self.matrix(self.kernel),
            tf.convert_to_tensor(self.u),
            tf.convert_to_tensor(self.v),
        )
        for _ in range(times):
            u = tf.math.l2_normalize(tf.linalg.matvec(matrix, v))
            v = tf.math.l2_normalize(tf.linalg.matvec(matrix, u, transpose_a=True))
        self.u.assign(u)
        self.v.assign(v)


def apply_spectral_norm(net: keras.Model) -> list[NormalizedKernel]:
    """From now on, let all layers of a net that have a kernel use it divided by its largest singular value.

    The layers themselves are changed, since any net may come; its weights stay what they were,
    under their names. The division is in the precision of the weights. Calls leave u and v alone:
    :meth:`NormalizedKernel.iterate` is the caller's to do.
    """
    return [
        _normalize(layer)
        for layer in layers_of(net)
        if isinstance(getattr(layer, "kernel", None), keras.Variable)
    ]


def _normalize(layer: keras.Layer) -> NormalizedKernel:
    kernel, plain = layer.kernel, layer.call
    # A transposed convolution has its outputs before its inputs.
    swap = (
        [0, 1, 3, 2]
        if isinstance(layer, keras.layers.Conv2DTranspose)
        else list(range(len(kernel.shape)))
    )
    # A depthwise one has one or more outputs for each input, each of height * width weights of its
    # own.
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

    # TensorFlow's own variable: Keras' would give its value in the precision of whatever layer
    # reads it.
    normed = NormalizedKernel(kernel.value, matrix, state(inputs), state(outputs))
    normed.iterate(20)

    def call(*args, **kwargs):
        with keras.StatelessScope([(kernel, normed.kernel / normed.sigma())]):
            return plain(*args, **kwargs)

    layer.call = call
    return normed
