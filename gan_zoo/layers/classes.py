"""Layers that take the class of each image."""

from __future__ import annotations

import keras
import tensorflow as tf


def label_input(classes: int) -> keras.KerasTensor | None:
    """The input of a net for the class number of each image, int32 [B]; None where there are no classes."""
    return keras.Input((), dtype="int32", name="label") if classes else None


def pick(table, label):
    """The rows [B, D] of a table [classes, D] for labels int [B], as a product whose gradient is dense.

    A row looked up has a sparse gradient, which optimizers, exchanges and tricks would each have to
    know of.
    """
    return tf.matmul(tf.one_hot(label, table.shape[0], dtype=table.dtype), table)


@keras.saving.register_keras_serializable("gan_zoo")
class ClassEmbedding(keras.layers.Layer):
    """A learned vector for each class: int32 [B] -> [B, size].

    Its weights are called a kernel, so that the trick ``spectral_norm`` finds them: a class enters
    as a one-hot vector.
    """

    def __init__(self, classes: int, size: int, initializer="glorot_uniform", **kwargs):
        """A table of ``classes`` vectors of ``size`` values."""
        super().__init__(**kwargs)
        self.classes, self.size = classes, size
        self.initializer = keras.initializers.get(initializer)

    def build(self, input_shape):
        """Make the table [classes, size]."""
        self.kernel = self.add_weight(
            name="kernel", shape=(self.classes, self.size), initializer=self.initializer
        )

    def call(self, label):
        """The vectors of labels."""
        return pick(tf.convert_to_tensor(self.kernel), label)

    def compute_output_shape(self, input_shape):
        """[B, size]."""
        return (*input_shape, self.size)

    def get_config(self):
        """For saving."""
        own = {
            "classes": self.classes,
            "size": self.size,
            "initializer": keras.initializers.serialize(self.initializer),
        }
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("gan_zoo")
class ClassAffine(keras.layers.Layer):
    """A gain and a shift of each channel for each class, 1 and 0 at first.

    It is what conditional normalization puts behind a normalization without any (Dumoulin et al.
    2017, arXiv:1610.07629, equation 5, of instances; de Vries et al. 2017, arXiv:1707.00683, of
    batches, who predict the difference from a common gain and shift instead).
    """

    def __init__(self, classes: int, **kwargs):
        """Tables for so many classes."""
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, x_shape, label_shape):
        """Make gain and shift, each [classes, C], in full precision under any policy."""
        size = {
            "shape": (self.classes, x_shape[-1]),
            "dtype": self.variable_dtype,
            "autocast": False,
        }
        self.gain = self.add_weight(name="gain", initializer="ones", **size)
        self.shift = self.add_weight(name="shift", initializer="zeros", **size)

    def call(self, x, label):
        """[B, ..., C] and int32 [B] -> [B, ..., C]."""
        places = [1] * (len(x.shape) - 2)
        gain, shift = (pick(table.value, label) for table in (self.gain, self.shift))
        gain, shift = (
            tf.reshape(tf.cast(value, x.dtype), [-1, *places, x.shape[-1]])
            for value in (gain, shift)
        )
        return x * gain + shift

    def compute_output_shape(self, x_shape, label_shape):
        """The map's own shape."""
        return x_shape

    def get_config(self):
        """For saving."""
        return {**super().get_config(), "classes": self.classes}
