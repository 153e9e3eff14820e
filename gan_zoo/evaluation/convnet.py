"""A small convolutional network as a list of arrays: what ``embedded`` and ``random_conv`` are made of.

No Keras: a layer is a kernel and a bias, batch normalisation is folded into them, and so the weights are a few arrays that can
be stored, hashed and read on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_zoo.evaluation.pixels import in_batches, resized

Layer = tuple[Any, Any]  # kernel [h, w, in, out] and bias [out]; every layer halves the image


def pooled(images: Any, layers: Sequence[Layer]) -> list[Any]:
    """The mean over the image after every layer: a list of tensors ``[B, channels]``.

    Args:
        images: float32 ``[B, H, W, 3]`` in [-1, 1].
        layers: Kernels and biases. After each comes a leaky ReLU of slope 0.1.
    """
    import tensorflow as tf

    x, means = images, []
    for kernel, bias in layers:
        x = tf.nn.leaky_relu(tf.nn.conv2d(x, kernel, 2, "SAME") + bias, 0.1)
        means.append(tf.reduce_mean(x, [1, 2]))
    return means


def runner(
    layers: Sequence[tuple[np.ndarray, np.ndarray]], head: Callable[[list[Any]], Any], size: int
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from uint8 ``[N, H, W, C]`` of any size to float32 ``[N, D]``.

    Args:
        layers: See :func:`pooled`.
        head: From the means after every layer to the result ``[B, D]``.
        size: To which images are resized, in pixels.
    """
    import tensorflow as tf

    constants = [(tf.constant(k, tf.float32), tf.constant(b, tf.float32)) for k, b in layers]

    # Eager calls cost little beside the convolutions, and a tf.function would be traced anew for the last, smaller batch.
    def run(batch: np.ndarray) -> np.ndarray:
        x = tf.constant(resized(batch, size), tf.float32) / 127.5 - 1.0
        return head(pooled(x, constants)).numpy()

    return lambda images: in_batches(run, images, 256)
