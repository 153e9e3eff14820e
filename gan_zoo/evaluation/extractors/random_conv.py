"""A convolutional network that was never trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.evaluation.convnet import extractor_of_layers
from gan_zoo.evaluation.pixels import hash_of_arrays
from gan_zoo.registry import extractors


@extractors.register
def random_conv(seed: int = 0, size: int = 64) -> FeatureExtractor:
    """112 features of a random convolutional net: favors no data set, and discriminates less.

    Args:
        seed: Of the weights (He et al. 2015, normal).
        size: To which images are resized, in pixels.
    """
    rng = np.random.default_rng(seed)
    layers, channels = [], 3
    for width in (16, 32, 64):
        kernel = rng.normal(size=(3, 3, channels, width)) * np.sqrt(2 / (9 * channels))
        layers.append((kernel.astype(np.float32), np.zeros(width, np.float32)))
        channels = width

    def head(outputs: list[Any]) -> Any:
        import tensorflow as tf

        return tf.concat([tf.reduce_mean(x, [1, 2]) for x in outputs], axis=1)

    digest = hash_of_arrays(array for layer in layers for array in layer)
    return extractor_of_layers("random_conv", digest, layers, head, size)
