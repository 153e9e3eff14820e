"""The ways that ``--condition`` takes to give class labels to both nets, and conditional nets.

A condition defines how D uses the label. G gets the label as a second input: a learned vector of
the class is added to the noise of any G, and builders that ask for ``classes`` also use the label
in their layers (in conditional batch norm, see :func:`gan_zoo.layers.normalize`).
"""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.config import floatx

from gan_zoo.contracts import Condition
from gan_zoo.errors import check_positive
from gan_zoo.layers import CLASS_LOGITS, ClassEmbedding
from gan_zoo.layers.introspect import FEATURES
from gan_zoo.registry import conditions

_VECTOR = "class_vector"  # the layer of a G's class vectors


@conditions.register
def projection(column: str = "class") -> Condition:
    """D's logit plus the product of its features and a class vector (Miyato & Koyama 2018).

    arXiv:1802.05637, equation 3: logit(x, y) = psi(f(x)) + <v_y, f(x)>, where f(x) is the input of
    D's last layer and psi is that layer. The trick ``spectral_norm`` normalizes the table of the
    v_y as well, as the authors' code does.

    Differs from the paper: f depends on the chosen D, where the paper's nets have sums over
    positions; see :func:`condition_disc`.

    Args:
        column: The column of the data's labels.
    """

    def disc(logits, features, label, classes):
        size = features.shape[-1]
        vector = ClassEmbedding(classes, size, dtype=floatx(), name="class_vector")(label)
        product = layers.Dot(1, dtype=floatx())([vector, features])
        return [layers.Add(dtype=floatx())([logits, product])]

    return Condition(column, disc)


@conditions.register
def auxiliary(column: str = "class", weight: float = 1.0) -> Condition:
    """D also classifies images: AC-GAN (Odena et al. 2017, arXiv:1610.09585, section 3).

    A second dense layer on D's last features gives the logits of the classes. Their cross-entropy
    with the label is added to D's loss for real and for fake images, and to G's loss for fake ones.
    D's first logit does not depend on the class.

    Args:
        column: The column of the data's labels.
        weight: The weight of the cross-entropy; 1 is the paper's.
    """
    check_positive(weight=weight)

    def disc(logits, features, label, classes):
        return [logits, layers.Dense(classes, dtype=floatx(), name=CLASS_LOGITS)(features)]

    def loss(class_logits, labels):
        return weight * tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=class_logits
        )

    return Condition(column, disc, loss)


def condition_disc(disc: keras.Model, condition: Condition, classes: int) -> keras.Model:
    """Return a D of images and labels, made of the layers of a D of images.

    Its inputs are [B, H, W, C] and int32 [B]; it stays a D of images alone if the condition does
    not use the label in D.

    The features [B, D] are the input of the last layer with a kernel, which computes the logit. If
    that is a convolution to one logit a position, of which the mean is taken (``patch``,
    ``lightweight``), the features are the mean over positions: a product with them is the mean of
    the products at all positions.

    Raises:
        ValueError: D has no such layer.
    """
    features = _last_features(disc)
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D(dtype=floatx())(features)
    features = layers.Identity(dtype=floatx(), name=FEATURES)(features)
    label = keras.Input((), dtype="int32", name="label")
    outputs = list(condition.disc(disc.outputs[0], features, label, classes))
    used = bool(label._keras_history.operation._outbound_nodes)
    inputs = [disc.inputs[0], label] if used else disc.inputs[0]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=disc.name)


def _last_features(disc: keras.Model) -> keras.KerasTensor:
    """Return the input of the layer that computes D's logit."""
    tensor = disc.outputs[0]
    while True:
        layer = tensor._keras_history.operation
        inputs = layer._inbound_nodes[tensor._keras_history.node_index].input_tensors
        has_kernel = isinstance(getattr(layer, "kernel", None), keras.Variable)
        if has_kernel and tensor.shape[-1] == 1 and len(inputs[0].shape) in (2, 4):
            return inputs[0]
        if len(inputs) != 1 or has_kernel or isinstance(layer, keras.Model):
            raise ValueError(
                "a condition needs the input of D's last layer, and this D does not end in one"
                " dense layer or convolution to one logit; end it with Dense(1)."
            )
        tensor = inputs[0]


def condition_gen(gen: keras.Model, classes: int) -> keras.Model:
    """Return a G of noise and labels that adds a learned class vector to the noise of any G.

    Its inputs are [B, ...] and int32 [B]. A G that takes labels itself also gets them.

    Differs from Mirza & Osindero 2014 (arXiv:1411.1784, section 3), who concatenate noise and
    label: here the net is not changed. A dense layer computes the same of both, except that here
    the class acts through the weights of the noise.

    The vectors start at normal(0, 0.3^2), small beside normal noise: with 1 in place of 0.3,
    ``dcgan(width=32)`` made one single image for each class after 900 steps of MNIST, and many with
    0.3. As in BigGAN-deep (Brock et al. 2018, arXiv:1809.11096, appendix B) the class reaches the
    noise and conditional batch norm: its gains start equal for all classes and change slowly, and
    with them alone the digits after 900 steps hardly depended on the class (one run each,
    projection).
    """
    z = keras.Input(gen.inputs[0].shape[1:], name="noise")
    label = keras.Input((), dtype="int32", name="label")
    normal = keras.initializers.RandomNormal(stddev=0.3)
    size = math.prod(z.shape[1:])
    vector = ClassEmbedding(classes, size, normal, dtype=floatx(), name=_VECTOR)(label)
    vector = layers.Reshape(z.shape[1:], dtype=floatx())(vector)
    noise = layers.Add(dtype=floatx())([z, vector])
    images = gen([noise, label] if len(gen.inputs) > 1 else noise)
    return keras.Model([z, label], images, name=f"{gen.name}_of_classes")


def add_class_vector(net: keras.Model, z: np.ndarray, labels: np.ndarray | None) -> tf.Tensor:
    """Return noise [B, ...] as the G within a net of :func:`condition_gen` gets it.

    Args:
        net: A G of noise and labels, or of noise.
        z: Noise [B, ...].
        labels: int32 [B]; None for a G of noise, which gets it as it is.
    """
    noise = tf.convert_to_tensor(z)
    if labels is None:
        return noise
    vector = net.get_layer(_VECTOR)(tf.constant(labels))
    return noise + tf.reshape(tf.cast(vector, noise.dtype), noise.shape)
