"""From a run directory back to its game."""

from __future__ import annotations

from pathlib import Path

from gan_zoo.errors import UserError
from gan_zoo.game import step
from gan_zoo.game.build import build_game
from gan_zoo.game.labels import recorded_classes
from gan_zoo.runs import checkpoints, rundir


def restore(folder: Path, at: int | None = None, *, best: bool = False) -> tuple[step.Game, int]:
    """Return the game of a run and its step, from the newest checkpoint, that of ``at`` or the best.

    Raises:
        UserError: There is no run, or no such checkpoint that can be read.
    """
    saved = rundir.read(folder)
    config = rundir.config_of(folder)
    game = build_game(config, tuple(saved["data"]["shape"]), recorded_classes(saved))
    saver = checkpoints.Saver(game, folder / "checkpoints", config.keep)
    done = saver.restore(at, best=best)
    if not saver.steps:
        raise UserError(
            f"the run {folder} has no checkpoint yet; train it further (the first comes at step"
            f" {config.save_every})."
        )
    return game, done
