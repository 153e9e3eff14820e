"""A small convolutional network as a list of arrays, for ``embedded`` and ``random_conv``.

No Keras: a layer is a kernel and a bias, batch normalization is folded into them, and so the
weights are a few arrays that can be stored, hashed and read on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.evaluation.pixels import in_batches, resized
from gan_zoo.evaluation.tensors import resized_tensor


def extractor_of_layers(
    name: str,
    digest: str,
    layers: Sequence[tuple[np.ndarray, np.ndarray]],
    head: Callable[[list[Any]], Any],
    size: int,
) -> FeatureExtractor:
    """Return an extractor for images of any size.

    Args:
        name: Its public name.
        digest: The hash of its weights.
        layers: Kernels ``[h, w, in, out]`` and biases ``[out]`` of convolutions that halve the
            image, each followed by a leaky ReLU of slope 0.1.
        head: From the outputs of all layers, ``[B, h, w, out]`` each, to the result ``[B, D]``.
        size: To which images are resized, in pixels; they enter in [-1, 1].
    """
    import tensorflow as tf

    constants = [(tf.constant(k, tf.float32), tf.constant(b, tf.float32)) for k, b in layers]

    def run(x: Any) -> Any:
        outputs = []
        for kernel, bias in constants:
            x = tf.nn.leaky_relu(tf.nn.conv2d(x, kernel, 2, "SAME") + bias, 0.1)
            outputs.append(x)
        return head(outputs)

    # Eager: a tf.function would be traced again for the last, smaller batch, and costs more than
    # it saves.
    def one(batch: np.ndarray) -> np.ndarray:
        return run(tf.constant(resized(batch, size), tf.float32) / 127.5 - 1.0).numpy()

    return FeatureExtractor(
        name,
        digest,
        f"lanczos {size}",
        lambda images: in_batches(one, images, 256),
        differentiable=lambda images: run(resized_tensor(images, size, "lanczos3")),
    )
