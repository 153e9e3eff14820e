"""What a net is made of, whatever builder made it."""

from __future__ import annotations

import keras

from gan_zoo.layers.minibatch_std import MinibatchStd
from gan_zoo.layers.norm import BatchNorm

FEATURES = (  # the layer of a D with a condition through which its features pass
    "features_of_classes"
)


def layers_of(net: keras.Model) -> list[keras.Layer]:
    """All layers of a net, those of nets and layers within it included."""
    return list(net._flatten_layers(include_self=False))


def features_of(net: keras.Model) -> keras.KerasTensor:
    """What enters the last layer of a D, as a symbolic tensor; with a condition, those that :mod:`gan_zoo.conditions` means."""
    named = [layer for layer in net.layers if layer.name == FEATURES]
    return named[0].output if named else net.layers[-1].input


def has_batch_norm(net: keras.Model) -> bool:
    """Whether a net has batch norm, ours or Keras'."""
    return any(
        isinstance(layer, (BatchNorm, keras.layers.BatchNormalization)) for layer in layers_of(net)
    )


def mixes_images(net: keras.Model) -> bool:
    """Whether what a net says of an image depends on the others of its batch, in training."""
    return has_batch_norm(net) or any(isinstance(layer, MinibatchStd) for layer in layers_of(net))
