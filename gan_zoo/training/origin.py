"""The first weights of a run that starts from another one (``--from``)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras

from gan_zoo.config import Config, split_checkpoint
from gan_zoo.contracts import Classes, Dataset
from gan_zoo.errors import UserError
from gan_zoo.game.build import split_rows
from gan_zoo.game.transfer import take_weights
from gan_zoo.runs.logs import Record
from gan_zoo.runs.run import Run


def resolve(config: Config, run: Run) -> str:
    """Return ``--from`` with a full path and a definite checkpoint.

    Raises:
        UserError: It names the run's own folder.
    """
    if not config.start_from:
        return ""
    folder, checkpoint = split_checkpoint(config.start_from)
    if folder.resolve() == run.folder.resolve():
        raise UserError(
            f"--from={config.start_from} is the run's own folder; leave out --from to go on with"
            " it, or give another --workdir to start a new run from it."
        )
    return f"{folder.resolve()}@{checkpoint}"


class FirstWeights:
    """Gives new nets the weights of a checkpoint of another run, as far as they fit.

    Call it as ``start`` of :func:`gan_zoo.game.build.build_game`.

    Attributes:
        record: See :attr:`gan_zoo.runs.run.Run.origin`; whole once it was called.
    """

    def __init__(self, config: Config, classes: Classes | None, run: Run | None = None):
        """Read the checkpoint that the settings name.

        Args:
            config: The settings, resolved.
            classes: That the new run learns, or None.
            run: The new run, if it exists: one that was stopped before its first checkpoint starts
                again.

        Raises:
            UserError: There is no such run or checkpoint, or it is no longer the one that the run
                began with.
        """
        folder, checkpoint = split_checkpoint(config.start_from)
        self._config, self._source = config, Run(folder)
        self._classes = tuple(classes.names) if classes else ()
        try:
            self._weights, step, self._read_notes = self._source.weights(checkpoint)
        except UserError as e:
            end = str(e).rstrip(".")
            if checkpoint == "best" and self._source.has_checkpoint:
                end += f"; or give --from={folder}@last for its newest checkpoint"
            raise UserError(f"--from: {end}.") from e
        self.record: Record = {
            "run": str(folder),
            "checkpoint": checkpoint,
            "step": step,
            "hash": self._weights.hash,
        }
        if run and (began := run.origin) and began.get("hash") != self.record["hash"]:
            raise UserError(
                f"--from={config.start_from} has other weights now than when the run in"
                f" {run.folder} began, and that one has no checkpoint yet; start a new run in"
                " another --workdir."
            )

    def __call__(self, gen: keras.Model, disc: keras.Model, ema: keras.Model | None) -> None:
        """Give the nets their first weights.

        Raises:
            UserError: Nothing fits.
        """
        self._taken = take_weights(self._weights, gen, disc, ema, self._classes)
        self._has_ema = ema is not None
        if not any(taken.taken for taken in self._taken.values()):
            raise UserError(
                f"--from={self._config.start_from}: no layer of its nets ({self._settings('gen')}"
                f" and {self._settings('disc')}) has the shape of one of the new nets"
                f" ({self._config.gen} and {self._config.disc}); give --gen and --disc as there."
            )
        self.record["taken"] = {name: taken._asdict() for name, taken in self._taken.items()}

    def _settings(self, name: str) -> Any:
        return self._source.settings.get(name)

    def __str__(self) -> str:
        """Return the sentence about what was taken."""
        origin = self.record
        which = "best checkpoint" if origin["checkpoint"] == "best" else "checkpoint"
        return (
            f"first weights from {origin['run']}, its {which} of step {origin['step']}: G takes"
            f" {self._taken['gen']}, D takes {self._taken['disc']}{self._average()}; optimizers,"
            " steps and tricks are new."
        )

    def notes(self, data: Dataset) -> Iterator[str]:
        """Yield sentences about what was taken, and about the data of both runs."""
        yield from self._read_notes
        yield str(self)
        if seen := self._seen_before(data):
            yield (
                f"{seen} of the images that --holdout keeps from training were trained on in"
                f" {self._source.folder}; for a fair gan_zoo memorization, give the --holdout of"
                " that run, or other images (--held_out_dir)."
            )

    def _average(self) -> str:
        """Return what comes of the moving average, where the two runs differ in it."""
        if self._has_ema and self._weights.ema is None:
            return ", the moving average starts as G, since there was none"
        if not self._has_ema and self._weights.ema is not None:
            return ", its moving average is not used (--ema is 0)"
        return ""

    def _seen_before(self, data: Dataset) -> int:
        """Return how many held-out images the other run trained on, if its data are the same."""
        there = self._source.readable_record.get("data", {})
        if there.get("hash") != data.hash:
            return 0
        _, held_out = split_rows(self._config, len(data.images))
        earlier = dataclasses.replace(self._config, holdout=self._settings("holdout") or 0.0)
        trained, _ = split_rows(earlier, len(data.images))
        return len(set(held_out.tolist()) & set(trained.tolist()))
