"""Functions that look into a net, or set all its layers, whatever builder made it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from gan_zoo.layers.minibatch_std import MinibatchStd
from gan_zoo.layers.norm import BatchNorm

# The name of the layer of a D with a condition through which its features pass.
FEATURES = "features_of_classes"


def layers_of(net: keras.Model) -> list[keras.Layer]:
    """Return all layers of a net, those inside its nets and layers included."""
    return list(net._flatten_layers(include_self=False))


def own_layers(net: keras.Model) -> list[type[keras.Layer]]:
    """Return the classes of a net's layers that neither Keras nor gan_zoo has, each once."""
    kinds = dict.fromkeys(type(layer) for layer in layers_of(net))
    return [kind for kind in kinds if kind.__module__.split(".")[0] not in ("keras", "gan_zoo")]


def features_of(net: keras.Model) -> keras.KerasTensor:
    """Return the input of D's last layer, as a symbolic tensor.

    With a condition, these are the features that :mod:`gan_zoo.conditions` uses.
    """
    named = [layer for layer in net.layers if layer.name == FEATURES]
    return named[0].output if named else net.layers[-1].input


def layers_in_order(net: keras.Layer) -> list[keras.Layer]:
    """Return all layers of a net from input to output, each before those inside it."""
    found: dict[int, keras.Layer] = {}
    for layer in net._layers:
        inside = layers_in_order(layer)
        found |= {id(each): each for each in (layer, *inside) if id(each) not in found}
    return list(found.values())


def own_weights(layer: keras.Layer) -> list[keras.Variable]:
    """Return the weights and moving statistics of a layer without those of layers inside it.

    States of random numbers are not among them.
    """
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def freeze_first_layers(net: keras.Model, number: int) -> None:
    """Let the first layers with a kernel, and all other layers before the next, not train.

    Moving statistics still move.

    Raises:
        ValueError: No layer with a kernel would be left to train.
    """
    owners = [layer for layer in layers_in_order(net) if own_weights(layer)]
    kernels = [k for k, layer in enumerate(owners) if _has_kernel(layer)]
    if number >= len(kernels):
        raise ValueError(
            f"layers={number} leaves nothing of D to train, which has {len(kernels)} layers with a"
            f" kernel; give {len(kernels) - 1} or fewer."
        )
    for layer in owners[: kernels[number]]:
        layer.trainable = False


def _has_kernel(layer: keras.Layer) -> bool:
    return isinstance(getattr(layer, "kernel", None), keras.Variable)


def frozen_weights(net: keras.Model) -> list[keras.Variable]:
    """Return the weights of layers that were told not to train."""
    layers = layers_of(net)
    return [v for layer in layers if not layer.trainable for v in layer._trainable_variables]


def batch_norms_of(net: keras.Model) -> list[BatchNorm]:
    """Return all :class:`BatchNorm` layers of a net, and none of Keras' class."""
    return [layer for layer in layers_of(net) if isinstance(layer, BatchNorm)]


@contextlib.contextmanager
def capture_batch_statistics(
    net: keras.Model,
) -> Iterator[list[tuple[keras.Variable, tf.Tensor]]]:
    """Capture batch statistics in place of updates of the moving averages.

    Yields:
        A list that each call of a :class:`BatchNorm` of the net in training extends: its moving
        statistics, each with the value of the batch.
    """
    captured: list[tuple[keras.Variable, tf.Tensor]] = []
    norms = batch_norms_of(net)
    try:
        for layer in norms:
            layer.receive_statistics = captured.extend
        yield captured
    finally:
        for layer in norms:
            layer.receive_statistics = None


def has_batch_norm(net: keras.Model) -> bool:
    """Return whether a net has batch norm, of this package or of Keras."""
    return any(
        isinstance(layer, (BatchNorm, keras.layers.BatchNormalization)) for layer in layers_of(net)
    )


def mixes_images(net: keras.Model) -> bool:
    """Return whether a net's output for one image depends on the rest of its batch in training."""
    return has_batch_norm(net) or any(isinstance(layer, MinibatchStd) for layer in layers_of(net))
