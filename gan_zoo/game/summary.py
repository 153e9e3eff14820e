"""The nets of a run, built and counted but not trained: what ``--dry_run`` shows."""

from __future__ import annotations

import dataclasses
import itertools
from typing import NamedTuple

import keras

from gan_zoo.config import Config
from gan_zoo.contracts import Classes, Dataset
from gan_zoo.datasets.sources import require_path
from gan_zoo.files import user_path
from gan_zoo.game import build, step
from gan_zoo.game import labels as game_labels
from gan_zoo.phases import phase


class Summary(NamedTuple):
    """A game that was built and not trained.

    Attributes:
        game: With both nets.
        classes: Those of the data; None without a condition.
        parameters: For ``gen`` and ``disc``, how many there are and how many are trainable.
        settings: Those of the game, with the batch and steps that fit the data.
        data: If they were loaded.
    """

    game: step.Game
    classes: Classes | None
    parameters: dict[str, tuple[int, int]]
    settings: Config
    data: Dataset | None


def summarize(settings: Config) -> Summary:
    """Build the nets of a run without training them.

    The data are loaded only where they matter: for a condition, if ``--channels`` is left to them,
    or if they are the user's own, which may be few.

    Raises:
        UserError: The settings cannot be used together, or the data cannot be read.
    """
    channels, classes, data = settings.channels, None, None
    is_own = settings.data_dir and settings.spec("data").name == "files"
    if settings.condition or not channels or is_own:
        with phase("read images"):
            data = build.load_data(settings)
        count = len(build.split_rows(settings, len(data.images))[0])
        batch = build.fitting_batch(settings.batch, count)
        settings = dataclasses.replace(settings, batch=batch)
        settings = dataclasses.replace(settings, steps=build.fitting_steps(settings, count))
        channels, classes = data.image_shape[-1], game_labels.condition_classes(settings, data)
    elif settings.data_dir:
        require_path(user_path(settings.data_dir))
    with phase("build nets"):
        game = build.build_game(settings, (*settings.size, channels), classes)
    parameters = {
        name: (_count(net.weights), _count(net.trainable_weights))
        for name, net in (("gen", game.gen), ("disc", game.disc))
    }
    return Summary(game, classes, parameters, settings, data)


def net_lines(net: keras.Model) -> list[str]:
    """Return a line for each size of image that a net goes through: its layers and parameters."""
    lines = []
    for sides, layers in itertools.groupby(net.layers, key=_sides):
        group = list(layers)
        count = sum(_count(layer.weights) for layer in group)
        word = "layer" if len(group) == 1 else "layers"
        lines.append(f"  {sides}: {len(group)} {word}, {count:,} parameters")
    return lines


def _sides(layer: keras.Layer) -> str:
    """Return the height and width of what a layer returns, such as ``16x16``."""
    output = layer.output
    shape = (output[0] if isinstance(output, (list, tuple)) else output).shape
    return "x".join(map(str, shape[1:-1])) if len(shape) == 4 else "vector"


def _count(variables: list) -> int:
    return sum(variable.shape.num_elements() for variable in variables)
