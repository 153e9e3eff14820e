"""What outlives a run: the generator for Keras and as SavedModel, and the film of its samples."""

from __future__ import annotations

import shutil

from gan_zoo import images
from gan_zoo.game.step import Game
from gan_zoo.layers import folded
from gan_zoo.runs.run import Run


def export(game: Game, run: Run, step: int) -> None:
    """Write ``generator.keras``, the SavedModel ``generator/`` and ``samples.gif``.

    All are written aside and then take the place of earlier ones; last, ``config.json`` records of
    which step they are.
    """
    net = game.ema if game.ema is not None else game.gen
    aside = run.folder / ".export"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    with folded(net):
        net.save(aside / "generator.keras")
        net.export(aside / "generator", verbose=False)
    images.gif_of(run.sample_grids, aside / "samples.gif")
    shutil.rmtree(run.folder / "generator", ignore_errors=True)
    for made in list(aside.iterdir()):
        made.replace(run.folder / made.name)
    aside.rmdir()
    run.record_export(step)
