"""gan_zoo from Python, for notebooks: the same settings, checks and runs as the command.

Every mistake in settings or data raises :class:`gan_zoo.UserError`, whose text is one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gan_zoo import cli, images, onednn, pulse
from gan_zoo.config import Config, from_settings
from gan_zoo.datasets.reading import read_ahead
from gan_zoo.errors import UserError
from gan_zoo.interrupts import short_interrupt
from gan_zoo.runs import logs, run
from gan_zoo.runs.places import require_data, require_extractor, require_places
from gan_zoo.runs.resume import refuse_other_settings

if TYPE_CHECKING:
    from gan_zoo.analysis.evaluate import Evaluation
    from gan_zoo.game.step import Game


class Run(run.Run):
    """A run directory, with what the layers above the run directory can do with it."""

    def restore(self, step: int | None = None, *, best: bool = False) -> tuple[Game, int]:
        """Return the game and its step, as :meth:`gan_zoo.runs.run.Run.restore` does."""
        cli.load_tensorflow(verbose=False)
        return super().restore(step, best=best)

    @short_interrupt("the evaluation was stopped; nothing is written to the run.")
    def evaluate(
        self,
        n: int = 10_000,
        *,
        split: str = "train",
        best: bool = False,
        step: int | None = None,
        log: bool = True,
    ) -> Evaluation:
        """Score the run by the full protocol, as ``gan_zoo evaluate`` does.

        Args:
            n: How many samples, and at most how many real images.
            split: Of the data: ``train``, ``held-out`` or ``all``.
            best: The best checkpoint, not the newest.
            step: The checkpoint of this step.
            log: Append the results to the run's ``evaluations.jsonl``.

        Raises:
            UserError: The data or the checkpoint cannot be loaded.
            KeyboardInterrupt: Ctrl-C, or the stop button of a notebook; nothing is written.
        """
        from gan_zoo.analysis.evaluate import evaluate_subject
        from gan_zoo.analysis.progress import stages
        from gan_zoo.analysis.subject import find_subject

        subject = find_subject(self.folder)
        require_data(subject.config)
        require_extractor(subject.config)
        cli.load_tensorflow(verbose=False)
        asked: dict[str, Any] = {"n": n, "n_real": n, "split": split, "step": step, "best": best}
        with pulse.beating(), stages() as progress:
            found = evaluate_subject(subject, progress=progress, **asked)
        if log and found.fakes.step is not None:
            logs.append_evaluations(self.folder, found.fakes.step, found.results, found.by)
        return found

    @short_interrupt("the report was stopped; an earlier page is as it was.")
    def report(self, out: str | Path | None = None, *, title: str = "", real: bool = True) -> Path:
        """Write the HTML page about the run and return its path: ``report.html`` in its folder.

        It shows images of the training data beside the samples, unless ``real`` is False.
        """
        from gan_zoo.reporting import make_report

        return make_report([self.folder], None if out is None else Path(out), title, real)


def open_run(folder: str | Path) -> Run:
    """Return the run in a folder.

    Raises:
        UserError: There is no run of gan_zoo in it.
    """
    return Run(run.open_run(folder).folder)


@short_interrupt("stopped; what the last checkpoint holds is kept, and the same call goes on.")
def train(
    config: str | Path | Config | None = None,
    *,
    show: bool = False,
    overwrite: bool = False,
    **settings: Any,
) -> Run:
    """Train a run and return it; the same call again goes on where it stopped.

    An interrupt (Ctrl-C, or the stop button of a notebook) saves the run after its current chunk
    of steps and returns it; a second one, or one before the first step, raises KeyboardInterrupt.
    An alarm (``on_collapse``) also ends it early, saved, and returns it.

    Args:
        config: Settings to start from: a preset's name, such as ``"quick64"``, the path of a
            Python file, or a :class:`gan_zoo.Config`; the defaults if None.
        show: Show each grid of samples below the cell of a notebook while it trains.
        overwrite: Start in place of an earlier run in the same folder, which is removed.
        **settings: The settings of ``gan_zoo train --help``, by name: ``gen="dcgan(width=32)"``,
            ``data_dir="my.zip"``, ``image_size=64``, ``steps=4000``, ``workdir="runs/mine"`` ...

    Raises:
        UserError: A setting, the data or the folder is wrong.
    """
    resolved = from_settings(settings, config)
    require_places(resolved)
    if not overwrite:
        refuse_other_settings(Run(resolved.run_dir), resolved)
    onednn.follow(resolved.run_dir)
    read = read_ahead(resolved)
    cli.load_tensorflow(verbose=False)
    from gan_zoo.training import loop
    from gan_zoo.training.outcome import Stopped

    try:
        on_grid = _display() if show else None
        loop.train(resolved, on_grid=on_grid, read=read, overwrite=overwrite)
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

    shown: list[Any] = []

    def on_grid(step: int, sheet: np.ndarray) -> None:
        picture = images.as_pil(images.enlarge(sheet))
        if shown and shown[0] is not None:
            shown[0].update(picture)
        else:
            shown.append(display(picture, display_id=True))

    return on_grid
