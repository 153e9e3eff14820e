"""gan_zoo from Python, for notebooks: the same settings, checks and runs as the command.

Every mistake in settings or data raises :class:`gan_zoo.UserError`, whose text is one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gan_zoo import cli
from gan_zoo.config import Config, from_settings
from gan_zoo.errors import UserError
from gan_zoo.runs.run import Run


def train(config: str | Path | Config | None = None, *, show: bool = False, **settings: Any) -> Run:
    """Train a run and return it; the same call again goes on where it stopped.

    An interrupt (Ctrl-C, or the stop button of a notebook) saves the run after its current chunk
    of steps and returns it.

    Args:
        config: Settings to start from: a preset's name, such as ``"quick64"``, the path of a
            Python file, or a :class:`gan_zoo.Config`; the defaults if None.
        show: Show each grid of samples below the cell of a notebook while it trains.
        **settings: The settings of ``gan_zoo train --help``, by name: ``gen="dcgan(width=32)"``,
            ``data_dir="my.zip"``, ``image_size=64``, ``steps=4000``, ``workdir="runs/mine"`` ...

    Raises:
        UserError: A setting, the data or the folder is wrong.
    """
    resolved = from_settings(settings, config)
    cli.load_tensorflow(verbose=False)
    from gan_zoo.training import loop
    from gan_zoo.training.outcome import Stopped

    try:
        return loop.train(resolved, on_grid=_display() if show else None)
    except Stopped as stopped:
        print(stopped)
        return Run(resolved.run_dir)


def _display() -> Any:
    """Return ``on_grid`` for a notebook: each grid takes the place of the one before.

    Raises:
        UserError: IPython is not installed.
    """
    try:
        from IPython.display import display
    except ImportError:
        raise UserError("show=True needs a notebook (IPython); leave it out.") from None
    from PIL import Image

    shown: list[Any] = []

    def on_grid(step: int, sheet: np.ndarray) -> None:
        picture = Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet)
        if shown and shown[0] is not None:
            shown[0].update(picture)
        else:
            shown.append(display(picture, display_id=True))

    return on_grid
