"""The number of floating point operations of a step."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from gan_zoo.config import Config
from gan_zoo.contracts import Batch, Classes
from gan_zoo.game import build
from gan_zoo.game.step import Game


@functools.cache  # comparisons and benchmarks ask for the same settings again and again
def step_flops(
    config: Config, image_shape: tuple[int, int, int], classes: Classes | None = None
) -> float:
    """Return the floating point operations of one step's convolutions and matrix products.

    They are counted in the graph of the step. Operations in a branch that is not always taken, such
    as a penalty every 16 steps, are not counted.

    Args:
        config: The settings.
        image_shape: (H, W, C).
        classes: Those of the data; needed with a condition.
    """
    return count_flops(build.build_game(config, image_shape, classes), config.batch, image_shape)


def count_flops(game: Game, images: int, image_shape: tuple[int, int, int]) -> float:
    """Return what :func:`step_flops` does, of a game and its images a batch."""
    batch = tf.TensorSpec([images * game.update.batches, *image_shape], tf.float32)
    labels = None if game.classes is None else tf.zeros([batch.shape[0]], tf.int32)
    run = tf.function(lambda real: game.update.run(game, Batch(real, labels)))
    graph = run.get_concrete_function(batch).graph
    # TensorFlow drops operations that lead neither to a result nor to a change of a variable.
    live, todo = set(), [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    while todo:
        op = todo.pop()
        if op not in live:
            live.add(op)
            todo += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    total = 0.0
    for op in live:
        if op.type == "MatMul":
            rows, inner = (
                op.inputs[0].shape if not op.get_attr("transpose_a") else op.inputs[0].shape[::-1]
            )
            total += 2.0 * rows * inner * op.outputs[0].shape[1]
        elif op.type == "BatchMatMulV2":
            inner = op.inputs[0].shape[-2 if op.get_attr("adj_x") else -1]
            total += 2.0 * inner * op.outputs[0].shape.num_elements()
        elif op.type in ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"):
            # Each of the three multiplies once for each position of the smaller map and each weight
            # of the kernel.
            if op.type == "Conv2D":
                small, kernel = op.outputs[0].shape, op.inputs[1].shape
            elif op.type == "Conv2DBackpropInput":
                small, kernel = op.inputs[2].shape, op.inputs[1].shape
            else:
                small, kernel = op.inputs[2].shape, op.outputs[0].shape
            total += 2.0 * float(np.prod(small[:3])) * float(np.prod(kernel))
    return total
