"""Hints for a run that would train, but not as its user hopes: one sentence each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from gan_zoo import registry
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.distributed import machine
from gan_zoo.game.build import split_rows
from gan_zoo.game.step import Game

FEW = 1000  # training images, below which D soon knows them by heart
LARGE = 20_000_000  # parameters of both nets, above which a CPU takes hours
_SIDES = (28, 32, 64, 128)  # pixels of the recipes


def hints(config: Config, game: Game, data: Dataset | None) -> Iterator[str]:
    """Yield a hint for each thing that often disappoints; ``data`` may not be known yet."""
    yield from few_grids(config)
    if data is not None:
        yield from few_pictures(config, game, data)
        yield from unused_classes(config, data)
    yield from unbounded_loss(config, game)
    yield from large_nets(config, game)


def few_pictures(config: Config, game: Game, data: Dataset) -> Iterator[str]:
    """Yield a hint if there are few images, and nothing augments them or no run comes before."""
    count = len(split_rows(config, len(data.images))[0])
    if count >= FEW:
        return
    if not any(trick.images for trick in game.tricks):
        yield (
            f"hint: {count:,} pictures are few for a GAN, and D will soon know them by heart;"
            " --tricks=diff_augment or --tricks=ada augment what D sees, as --config=few64 does"
            " (`gan_zoo presets few64` says more)."
        )
    if not config.start_from:
        yield (
            f"hint: {count:,} pictures alone do not give clean samples; train on some thousand"
            " similar ones first, and begin here with that run: --from=RUN (`gan_zoo presets few64`"
            " shows both commands)."
        )


def few_grids(config: Config) -> Iterator[str]:
    """Yield a hint if a short run keeps the intervals of a long one, so that it shows little."""
    every = config.steps // 4 // config.log_every * config.log_every
    names = [n for n in ("sample_every", "eval_every") if getattr(config, n) > 2 * every > 0]
    if "sample_every" in names:
        given = " ".join(f"--{name}={getattr(config, name)}" for name in names)
        yield (
            f"hint: of {config.steps:,} steps, {given} shows little; for samples at four steps give"
            f" {' '.join(f'--{name}={every}' for name in names)}."
        )


def unused_classes(config: Config, data: Dataset) -> Iterator[str]:
    """Yield a hint if the data have classes that nothing learns."""
    column = registry.conditions.build("projection").column
    if config.condition or column not in data.labels:
        return
    found = np.unique(np.asarray(data.labels[column])[split_rows(config, len(data.images))[0]])
    if len(found) > 1:
        names = [str(data.label_values[column][i]) for i in found[:4]]
        more = ", ..." if len(found) > len(names) else ""
        yield (
            f"hint: {len(found)} classes were found ({', '.join(names)}{more}) and are not used;"
            " --condition=projection learns them, so that you can ask for samples of one."
        )


def unbounded_loss(config: Config, game: Game) -> Iterator[str]:
    """Yield a hint if D's loss has no lower bound, and nothing bounds D."""
    far, one = tf.constant([[1e6]]), tf.ones([1, 1])
    falls = float(tf.squeeze(game.loss.disc(far, -far, one, 0.0 * one))) < -1e3
    if falls and not any(trick.penalty or trick.after_disc for trick in game.tricks):
        yield (
            f"hint: with --loss={config.loss}, D's loss falls without end unless something bounds"
            " D's slope; add --tricks=spectral_norm or --tricks=clip_weights, or, for a D without"
            " batch norm, --tricks=gradient_penalty."
        )


def large_nets(config: Config, game: Game) -> Iterator[str]:
    """Yield a hint if the nets are too large for a machine without a GPU."""
    count = sum(v.shape.num_elements() for net in (game.gen, game.disc) for v in net.variables)
    if count > LARGE and not machine.gpus():
        side = min(_SIDES, key=lambda pixels: abs(pixels - max(config.size)))
        yield (
            f"hint: the nets have {count / 1e6:.0f} million parameters, and there is no GPU here;"
            " --gen='dcgan(width=32)' --disc='dcgan(width=32)' are many times faster, and"
            f" --config=quick{side} is a recipe."
        )
