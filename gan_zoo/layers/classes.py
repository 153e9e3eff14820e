"""Layers that take the class of each image."""

from __future__ import annotations

import keras
import tensorflow as tf


def label_input(classes: int) -> keras.KerasTensor | None:
    """Return the input of a net for class numbers, int32 [B]; None if there are no classes."""
    return keras.Input((), dtype="int32", name="label") if classes else None


def pick(table, label):
    """Return the rows [B, D] of a table [classes, D] for labels int [B], with a dense gradient.

    It is a product. A lookup has a sparse gradient, which optimizers, reductions over replicas and
    tricks would each have to handle.
    """
    return tf.matmul(tf.one_hot(label, table.shape[0], dtype=table.dtype), table)


CLASS_LOGITS = "class_logits"  # the name of the layer of D that classifies


def class_axis(layer: keras.Layer) -> int | None:
    """Return the axis of a layer's weights that runs over classes, or None if there is none."""
    if isinstance(layer, (ClassEmbedding, ClassAffine)):
        return 0
    return -1 if layer.name == CLASS_LOGITS else None


@keras.saving.register_keras_serializable("gan_zoo")
class ClassEmbedding(keras.layers.Layer):
    """A learned vector for each class: int32 [B] -> [B, size].

    Its weights are named kernel, so that the trick ``spectral_norm`` finds them: the layer is a
    product with one-hot vectors.
    """

    def __init__(self, classes: int, size: int, initializer="glorot_uniform", **kwargs):
        """Learn ``classes`` vectors of ``size`` values."""
        super().__init__(**kwargs)
        self.classes, self.size = classes, size
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape):
        """Create the table [classes, size]."""
        self.kernel = self.add_weight(
            name="kernel", shape=(self.classes, self.size), initializer=self.initializer
        )

    def call(self, label):
        """Return the vectors of labels."""
        return pick(tf.convert_to_tensor(self.kernel), label)

    def compute_output_shape(self, input_shape):
        """Return [B, size]."""
        return (*input_shape, self.size)

    def get_config(self):
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "size": self.size,
            "initializer": keras.initializers.serialize(self.initializer),
        }


@keras.saving.register_keras_serializable("gan_zoo")
class ClassAffine(keras.layers.Layer):
    """A gain and a shift of each channel for each class, 1 and 0 at first.

    Conditional normalization is a normalization without gain and shift, followed by this layer:
    conditional instance normalization (Dumoulin et al. 2017, arXiv:1610.07629, equation 5), and
    conditional batch normalization (de Vries et al. 2017, arXiv:1707.00683, who predict the
    difference from a common gain and shift instead).
    """

    def __init__(self, classes: int, **kwargs):
        """Learn a gain and a shift for each of ``classes`` classes."""
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, x_shape, label_shape):
        """Create gain and shift, each [classes, C], in full precision under any policy."""
        size = {
            "shape": (self.classes, x_shape[-1]),
            "dtype": self.variable_dtype,
            "autocast": False,
        }
        self.gain = self.add_weight(name="gain", initializer="ones", **size)
        self.shift = self.add_weight(name="shift", initializer="zeros", **size)

    def call(self, x, label):
        """[B, ..., C] and int32 [B] -> [B, ..., C]."""
        ones = [1] * (len(x.shape) - 2)
        gain, shift = (pick(table.value, label) for table in (self.gain, self.shift))
        gain, shift = (
            tf.reshape(tf.cast(value, x.dtype), [-1, *ones, x.shape[-1]]) for value in (gain, shift)
        )
        return x * gain + shift

    def compute_output_shape(self, x_shape, label_shape):
        """Return the shape of the map."""
        return x_shape

    def get_config(self):
        """Return the arguments of the constructor."""
        return {**super().get_config(), "classes": self.classes}
