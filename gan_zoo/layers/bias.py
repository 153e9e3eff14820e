"""The addition of a bias, whose gradient is a sum over the whole batch."""

from __future__ import annotations

import keras
import tensorflow as tf

from gan_zoo import randomness


def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Return the sum of x [..., C] and a bias [C].

    Keras adds by TensorFlow's ``bias_add``, whose gradient in bfloat16 is summed in bfloat16 on a
    CPU: for 131,072 ones it is 256, since 256 + 1 is 256 again. The gradient of ``+`` is summed in
    float32. Other types, and runs of version 1 or 2 (:mod:`gan_zoo.randomness`), add as Keras does.
    """
    if x.dtype != tf.bfloat16 or randomness.current_version() < 3:
        return tf.nn.bias_add(x, bias)
    return x + bias


@keras.saving.register_keras_serializable("gan_zoo")
class Dense(keras.layers.Dense):
    """Keras' dense layer, with :func:`add_bias`."""

    def call(self, inputs, training=None):
        """Multiply and add, see ``keras.layers.Dense``."""
        if self.bias is None:
            return super().call(inputs, training)
        y = add_bias(keras.ops.matmul(inputs, self.kernel), tf.convert_to_tensor(self.bias))
        return y if self.activation is None else self.activation(y)
