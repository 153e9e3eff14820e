"""Full precision for a net of mixed precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
from keras.config import floatx

from gan_zoo.layers.introspect import layers_of


@contextlib.contextmanager
def full_precision(net: keras.Model) -> Iterator[None]:
    """Compute the layers of a net in the precision of their weights, for penalties."""
    mixed = [
        layer for layer in (net, *layers_of(net)) if layer.compute_dtype != layer.variable_dtype
    ]
    policies = [layer.dtype_policy for layer in mixed]
    try:
        for layer in mixed:
            layer.dtype_policy = floatx()
        yield
    finally:
        for layer, policy in zip(mixed, policies, strict=True):
            layer.dtype_policy = policy
