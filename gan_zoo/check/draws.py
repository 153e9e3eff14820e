"""The random numbers that a compiled step draws without looking at the step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

# These only prepare a draw, or branch.
_NO_DRAW = ("StatelessRandomGet", "StatelessIf", "StatelessWhile", "StatelessCase")
_UNSIGNED = (tf.uint32.as_datatype_enum, tf.uint64.as_datatype_enum)


def constant_draws(step: Any) -> list[str]:
    """Return the operations of a compiled function that draw the same numbers in each call.

    Their seeds are made of constants alone, also of tensors from outside the function. Draws of a
    single number are left out, since they may be meant to be one for the whole run.

    Args:
        step: A concrete function of TensorFlow.

    Returns:
        The names of the operations, sorted.
    """
    graph = step.graph.as_graph_def()
    library = {function.signature.name: function for function in graph.library.function}
    captured = step.captured_inputs
    inside = step.graph.inputs[len(step.graph.inputs) - len(captured) :]
    constants = {
        inner.op.name
        for outer, inner in zip(captured, inside, strict=True)
        if outer.dtype not in (tf.resource, tf.variant)
    }
    return sorted(set(_draws(graph.node, constants, library)))


def _draws(nodes: Iterable[Any], constants: set[str], library: dict[str, Any]) -> Iterator[str]:
    """Yield the draws among nodes and in the functions that they call.

    Args:
        nodes: In the order in which they were made, so that inputs come before what uses them.
        constants: The names of inputs that are the same in each call; those of nodes are added.
        library: The functions, by name.
    """
    values = {}
    for node in nodes:
        sources = [_source(name) for name in node.input if not name.startswith("^")]
        if node.op == "Const":
            values[node.name] = node.attr["value"].tensor
        if node.op == "Const" or (sources and constants.issuperset(sources)):
            constants.add(node.name)
        if _is_draw(node) and node.name in constants:
            shape = values.get(sources[0])
            if shape is None or np.prod(tf.make_ndarray(shape)) != 1:
                yield node.op
        for function in _called(node, library):
            names = [arg.name for arg in function.signature.input_arg]
            given = dict(zip(names, sources[len(sources) - len(names) :], strict=True))
            same = {name for name, source in given.items() if source in constants}
            if node.op.endswith("While"):
                same &= _unchanged(library[node.attr["body"].func.name])
            yield from _draws(function.node_def, same, library)


def _is_draw(node: Any) -> bool:
    """Return whether a node draws numbers for a part: unsigned ones become seeds of others."""
    return (
        node.op.startswith("Stateless")
        and not node.op.startswith(_NO_DRAW)
        and node.attr["dtype"].type not in _UNSIGNED
    )


def _source(name: str) -> str:
    """Return the node or argument that an input such as ``add:z:0`` comes from."""
    return name.partition(":")[0]


def _called(node: Any, library: dict[str, Any]) -> list[Any]:
    functions = [f for a in node.attr.values() for f in (a.func, *a.list.func)]
    return [library[f.name] for f in functions if f.name in library]


def _unchanged(body: Any) -> set[str]:
    """Return the arguments that the body of a loop hands on as they are."""
    copies = {n.name: _source(n.input[0]) for n in body.node_def if n.op == "Identity"}

    def origin(name: str) -> str:
        while name in copies:
            name = copies[name]
        return name

    pairs = zip(body.signature.input_arg, body.signature.output_arg, strict=True)
    return {arg.name for arg, out in pairs if origin(_source(body.ret[out.name])) == arg.name}
