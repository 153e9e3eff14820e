"""The weights of one game as the first weights of another, whose nets may differ.

Layers of both nets are paired in the order from input to output: of the same kind, name and shapes,
and so that as many weights as possible are taken. Where that leaves a choice, the layers far from
the image are paired first, those at equal sizes. What finds no partner stays new.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from gan_zoo.contracts import Classes
from gan_zoo.layers import class_axis, layers_in_order, own_weights


class LayerWeights(NamedTuple):
    """The weights of one layer, without those of layers inside it.

    Attributes:
        kind: The layer's class and name, without the number that Keras gives.
        values: By name.
        class_axis: The axis of all values that runs over classes, or None.
    """

    kind: tuple[str, str]
    values: dict[str, np.ndarray]
    class_axis: int | None

    @property
    def key(self) -> tuple:
        """What two layers must share for one to take the weights of the other."""
        shapes = {name: list(value.shape) for name, value in self.values.items()}
        if self.class_axis is not None:
            for shape in shapes.values():
                shape[self.class_axis] = -1
        return self.kind, tuple((name, tuple(shape)) for name, shape in shapes.items())

    @property
    def is_addition(self) -> bool:
        """Whether it scales and shifts what another layer makes, as norms do."""
        axes = 1 if self.class_axis is None else 2
        return "kernel" not in self.values and all(v.ndim <= axes for v in self.values.values())

    @property
    def size(self) -> int:
        """The number of weights."""
        return sum(value.size for value in self.values.values())

    def __str__(self) -> str:
        """Return its class and the shape of its first weight, such as ``Dense 100x512``."""
        shape = next(iter(self.values.values())).shape
        return f"{self.kind[0]} {'x'.join(map(str, shape))}".strip()


class Weights(NamedTuple):
    """The weights of a game.

    Attributes:
        gen: Of G, layer by layer from input to output.
        disc: Of D.
        ema: Of the moving average of G, or None.
        classes: The names of the classes; () without a condition.
    """

    gen: list[LayerWeights]
    disc: list[LayerWeights]
    ema: list[LayerWeights] | None
    classes: tuple[str, ...]

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of all values."""
        digest = hashlib.sha256()
        for net in (self.gen, self.disc, self.ema or []):
            for layer in net:
                for name, value in layer.values.items():
                    digest.update(f"{layer.kind} {name} {value.shape} {value.dtype}".encode())
                    digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()


class Taken(NamedTuple):
    """What a net took of another one's weights.

    Attributes:
        taken: The number of weights that it took.
        total: The number of its weights.
        new: Its layers that stayed new.
        new_classes: The classes whose weights stayed new.
    """

    taken: int
    total: int
    new: tuple[str, ...]
    new_classes: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in a few words."""
        if not self.taken:
            return "nothing"
        if not (self.new or self.new_classes):
            return "all weights"
        words = f"{self.taken:,} of {self.total:,} weights"
        if self.new:
            counts = Counter(self.new)
            named = (f"{n} times {name}" if n > 1 else name for name, n in counts.items())
            words += f" (new: {', '.join(named)})"
        if self.new_classes:
            words += f" (new classes: {', '.join(self.new_classes)})"
        return words


def weights_of(
    gen: keras.Model, disc: keras.Model, ema: keras.Model | None, classes: Classes | None
) -> Weights:
    """Return a copy of the weights of nets, which may learn classes."""
    names = tuple(classes.names) if classes else ()
    return Weights(_read(gen), _read(disc), None if ema is None else _read(ema), names)


def take_weights(
    source: Weights,
    gen: keras.Model,
    disc: keras.Model,
    ema: keras.Model | None,
    classes: Sequence[str] = (),
) -> dict[str, Taken]:
    """Give new nets the weights of others, as far as they fit.

    Args:
        source: The weights.
        gen: G.
        disc: D.
        ema: The moving average of G, or None; it takes the source's average, or else its G.
        classes: The names of the classes that the new nets learn.

    Returns:
        What ``gen`` and ``disc`` took; the moving average takes the same layers as ``gen``.
    """
    found = {
        "gen": _take(source.gen, gen, source.classes, classes, inner_first=True),
        "disc": _take(source.disc, disc, source.classes, classes, inner_first=False),
    }
    if ema is not None:
        _take(source.ema or source.gen, ema, source.classes, classes, inner_first=True)
    return found


def _owners(net: keras.Model) -> list[keras.Layer]:
    """Return the layers that have weights of their own, from input to output."""
    return [layer for layer in layers_in_order(net) if own_weights(layer)]


def _describe(layer: keras.Layer) -> LayerWeights:
    values = {v.name: keras.ops.convert_to_numpy(v.value) for v in own_weights(layer)}
    kind = type(layer).__name__, re.sub(r"_\d+$", "", layer.name)
    return LayerWeights(kind, values, class_axis(layer))


def _read(net: keras.Model) -> list[LayerWeights]:
    return [_describe(layer) for layer in _owners(net)]


def _take(
    source: list[LayerWeights],
    net: keras.Model,
    source_classes: Sequence[str],
    classes: Sequence[str],
    *,
    inner_first: bool,
) -> Taken:
    """Give a net the weights that fit it; the arguments are as in :func:`take_weights`."""
    owners = _owners(net)
    described = [_describe(layer) for layer in owners]
    partners = pair(source, described, inner_first=inner_first)
    unknown = [name for name in classes if name not in source_classes]
    taken, new, new_classes = 0, [], []
    for place, (layer, own) in enumerate(zip(owners, described, strict=True)):
        if place not in partners:
            new.append(str(own))
            continue
        values = source[partners[place]].values
        taken += own.size
        if own.class_axis is not None:
            axis = own.class_axis
            values = {
                name: _by_class(values[name], value, axis, source_classes, classes)
                for name, value in own.values.items()
            }
            taken -= own.size // len(classes) * len(unknown)
            new_classes = unknown
        for variable in own_weights(layer):
            variable.assign(values[variable.name])
    total = sum(layer.size for layer in described)
    return Taken(taken, total, tuple(new), tuple(new_classes))


def _by_class(
    given: np.ndarray,
    own: np.ndarray,
    axis: int,
    source_classes: Sequence[str],
    classes: Sequence[str],
) -> np.ndarray:
    """Return ``own`` with the weights of each class that the source knows by name."""
    mixed, rows = np.moveaxis(own.copy(), axis, 0), np.moveaxis(given, axis, 0)
    for place, name in enumerate(classes):
        if name in source_classes:
            mixed[place] = rows[source_classes.index(name)]
    return np.moveaxis(mixed, 0, axis)


def pair(
    source: Sequence[LayerWeights], target: Sequence[LayerWeights], *, inner_first: bool
) -> dict[int, int]:
    """Return for places in ``target`` the place in ``source`` whose weights fit.

    It is the common subsequence of both with the most weights. A norm goes with the layer before
    it: alone, it would be that of other channels.

    Args:
        source: The layers that give.
        target: The layers that take.
        inner_first: Whether the layers far from the image come first, as in G.
    """
    if inner_first:
        partners = _common_subsequence(source, target)
    else:
        flipped = _common_subsequence(source[::-1], target[::-1])
        last = len(target) - 1, len(source) - 1
        partners = {last[0] - place: last[1] - partner for place, partner in flipped.items()}
    return _with_their_layers(partners, source, target)


def _common_subsequence(
    source: Sequence[LayerWeights], target: Sequence[LayerWeights]
) -> dict[int, int]:
    """Return the common subsequence with the most weights; its pairs come as early as possible."""
    ours, theirs = [t.key for t in target], [s.key for s in source]
    best = np.zeros((len(target) + 1, len(source) + 1), np.int64)
    for i in reversed(range(len(target))):
        for j in reversed(range(len(source))):
            both = best[i + 1, j + 1] + target[i].size if ours[i] == theirs[j] else 0
            best[i, j] = max(best[i + 1, j], best[i, j + 1], both)
    partners, i, j = {}, 0, 0
    while i < len(target) and j < len(source):
        if ours[i] == theirs[j] and best[i, j] == best[i + 1, j + 1] + target[i].size:
            partners[i] = j
            i, j = i + 1, j + 1
        elif best[i, j] == best[i, j + 1]:
            j += 1
        else:
            i += 1
    return partners


def _with_their_layers(
    partners: dict[int, int], source: Sequence[LayerWeights], target: Sequence[LayerWeights]
) -> dict[int, int]:
    """Return the pairs without norms whose layers before them are no pair."""

    def bases(layers: Sequence[LayerWeights]) -> list[int]:
        found, last = [], -1
        for place, layer in enumerate(layers):
            last = last if layer.is_addition else place
            found.append(last)
        return found

    ours, theirs = bases(target), bases(source)
    return {i: j for i, j in partners.items() if {**partners, -1: -1}.get(ours[i]) == theirs[j]}
