"""Which part of a game XLA cannot compile."""

from __future__ import annotations

import re

import keras
import tensorflow as tf

from gan_zoo.config import Config
from gan_zoo.game.step import Game


def missing_operation(error: Exception) -> str:
    """Return the operation that XLA does not have, as an error names it; else ""."""
    found = re.search(r"No registered '(\w+)' OpKernel", str(error))
    return found[1] if found else ""


def obstacle(error: Exception, config: Config, game: Game) -> str:
    """Return what XLA cannot compile, and in which part: "PyFunc in the trick 'mine'".

    Args:
        error: The one that the first call of the compiled function raised.
        config: The settings.
        game: Their nets.
    """
    operation = missing_operation(error)
    if not operation:
        return " ".join(str(error).split())[:120]
    for kind, net, spec in (
        ("generator", game.gen, config.gen),
        ("discriminator", game.disc, config.disc),
    ):
        if operation in _operations(net):
            return f"{operation} in the {kind} '{spec}'"
    others = [config.loss, config.tricks, config.condition, config.update]
    return f"{operation} in one of {', '.join(filter(None, others))}"


def _operations(net: keras.Model) -> set[str]:
    """Return the names of TensorFlow's operations in a net and its gradient, in training."""

    @tf.function
    def gradient(*inputs: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            given = list(inputs) if len(inputs) > 1 else inputs[0]
            outputs = tf.nest.flatten(net(given, training=True))
            total = tf.add_n([tf.reduce_sum(tf.cast(each, tf.float32)) for each in outputs])
        return tape.gradient(total, [v.value for v in net.trainable_variables])

    specs = [tf.TensorSpec((8, *x.shape[1:]), x.dtype) for x in net.inputs]
    definition = gradient.get_concrete_function(*specs).graph.as_graph_def()
    inside = [node for function in definition.library.function for node in function.node_def]
    return {node.op for node in (*definition.node, *inside)}
