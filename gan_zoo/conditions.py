"""What ``--condition`` takes: how both nets learn of the classes of images; and what it makes of any two nets.

A condition says what becomes of D. G gets the label as a second input: a vector of the class is
added to the noise of any G, and builders that ask for ``classes`` use the label in their layers,
too (in conditional batch norm, see :func:`gan_zoo.layers.normalize`).
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf
from keras import layers
from keras.config import floatx

from gan_zoo.contracts import Condition
from gan_zoo.layers import ClassEmbedding, Dense
from gan_zoo.layers.introspect import FEATURES
from gan_zoo.registry import conditions


@conditions.register
def projection(column: str = "class") -> Condition:
    """D's logit plus the product of its last features with a vector of the class (Miyato & Koyama 2018, arXiv:1802.05637).

    Equation 3: logit(x, y) = psi(f(x)) + <v_y, f(x)>, f being what enters D's last layer and psi
    that layer. The trick ``spectral_norm`` normalizes the table of the v_y, too, as the authors'
    code does.

    Differs from the paper: f is whatever the chosen D has there, where the paper's nets have sums
    over places; see :func:`condition_disc`.

    Args:
        column: Of the data's labels.
    """

    def disc(logits, features, label, classes):
        vector = ClassEmbedding(classes, features.shape[-1], dtype=floatx(), name="class_vector")(
            label
        )
        return [
            layers.Add(dtype=floatx())([logits, layers.Dot(1, dtype=floatx())([vector, features])])
        ]

    return Condition(column, disc)


@conditions.register
def auxiliary(column: str = "class", weight: float = 1.0) -> Condition:
    """D also says of which class an image is: AC-GAN (Odena et al. 2017, arXiv:1610.09585, section 3).

    A second dense layer on D's last features gives the logits of the classes. Their cross-entropy
    with the label is added to D's loss for real and for fake images, and to G's for its own. D's
    logit itself knows nothing of the class.

    Args:
        column: Of the data's labels.
        weight: Of the cross-entropy; 1 is the paper's.
    """
    if not weight > 0:
        raise ValueError(f"weight={weight} must be above 0.")

    def disc(logits, features, label, classes):
        return [logits, Dense(classes, dtype=floatx(), name="class_logits")(features)]

    def loss(class_logits, labels):
        return weight * tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=class_logits
        )

    return Condition(column, disc, loss)


def condition_disc(disc: keras.Model, condition: Condition, classes: int) -> keras.Model:
    """A D of images and labels, [B, H, W, C] and int32 [B], made of the layers of one of images.

    Where the condition makes no use of the label in D, it stays one of images alone.

    Its features [B, D] are what enters the last layer with a kernel, the one that makes the logit.
    Where that is a convolution to one logit a place, of which the mean is taken (``patch``,
    ``lightweight``), they are the mean over places: then a product with them is the mean of the
    products at all places.

    Raises:
        ValueError: It has no such layer.
    """
    features = _before_the_logit(disc)
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D(dtype=floatx())(features)
    features = layers.Identity(dtype=floatx(), name=FEATURES)(features)
    label = keras.Input((), dtype="int32", name="label")
    outputs = list(condition.disc(disc.outputs[0], features, label, classes))
    used = bool(label._keras_history.operation._outbound_nodes)
    inputs = [disc.inputs[0], label] if used else disc.inputs[0]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=disc.name)


def _before_the_logit(disc: keras.Model) -> keras.KerasTensor:
    tensor = disc.outputs[0]
    while True:
        layer = tensor._keras_history.operation
        entering = layer._inbound_nodes[tensor._keras_history.node_index].input_tensors
        has_kernel = isinstance(getattr(layer, "kernel", None), keras.Variable)
        if has_kernel and tensor.shape[-1] == 1 and len(entering[0].shape) in (2, 4):
            return entering[0]
        if len(entering) != 1 or has_kernel or isinstance(layer, keras.Model):
            raise ValueError(
                "a condition needs what enters D's last layer, and this D does not end in one dense"
                " layer or convolution to one logit; end it with Dense(1)."
            )
        tensor = entering[0]


def condition_gen(gen: keras.Model, classes: int) -> keras.Model:
    """A G of noise and labels, [B, ...] and int32 [B], that adds a learned vector of the class to the noise of any G.

    A G that takes labels itself gets them, too.

    Differs from Mirza & Osindero 2014 (arXiv:1411.1784, section 3), who concatenate the two: so the
    net stays what it is. A dense layer makes the same of both, but that here the class acts through
    the noise's own weights. The vectors start at normal(0, 0.3^2), small beside normal noise: with
    1 in place of 0.3, ``dcgan(width=32)`` made one image a class and no other after 900 steps of
    MNIST, where it makes many with 0.3. A G that has conditional batch norm gets them as well, as
    in BigGAN-deep (Brock et al. 2018, arXiv:1809.11096, appendix B) the class reaches both: its
    gains start alike for all classes and move slowly, and by them alone the digits of 900 steps had
    hardly anything of their class (one run each, projection).
    """
    z, label = (
        keras.Input(gen.inputs[0].shape[1:], name="noise"),
        keras.Input((), dtype="int32", name="label"),
    )
    normal = keras.initializers.RandomNormal(stddev=0.3)
    vector = ClassEmbedding(
        classes, math.prod(z.shape[1:]), normal, dtype=floatx(), name="class_vector"
    )(label)
    vector = layers.Reshape(z.shape[1:], dtype=floatx())(vector)
    noise = layers.Add(dtype=floatx())([z, vector])
    images = gen([noise, label] if len(gen.inputs) > 1 else noise)
    return keras.Model([z, label], images, name=f"{gen.name}_of_classes")
