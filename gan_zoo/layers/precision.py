"""Computing a net in full precision for once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
from keras.config import floatx

from gan_zoo.layers.norm import BatchNorm
from gan_zoo.layers.spread import MinibatchStd


@contextlib.contextmanager
def full_precision(net: keras.Model) -> Iterator[None]:
    """In the body, layers of mixed precision compute in the type of their weights: for penalties on small differences."""
    mixed = [layer for layer in (net, *layers_of(net)) if layer.compute_dtype != layer.variable_dtype]
    policies = [layer.dtype_policy for layer in mixed]
    try:
        for layer in mixed:
            layer.dtype_policy = floatx()
        yield
    finally:
        for layer, policy in zip(mixed, policies, strict=True):
            layer.dtype_policy = policy


def layers_of(net: keras.Model) -> list[keras.Layer]:
    """All layers of a net, those of nets and layers within it included."""
    return list(net._flatten_layers(include_self=False))


def mixes_images(net: keras.Model) -> bool:
    """Whether what a net says of an image depends on the others of its batch, in training."""
    return any(isinstance(layer, (BatchNorm, MinibatchStd, keras.layers.BatchNormalization)) for layer in layers_of(net))
