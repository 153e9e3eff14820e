"""Everything that a run needs in order to go on exactly where it stopped."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from gan_zoo.contracts import UserError
from gan_zoo.step import Game


class Saver:
    """Saves and restores a game: nets, optimizers, average, step, dropout's seeds and the state of tricks.

    Batches and noise are functions of (seed, step), so the step is all of their state.

    Attributes:
        notes: Sentences about checkpoints that could not be read.
        latest: The step of the newest good checkpoint, or None.
    """

    def __init__(self, game: Game, folder: Path, keep: int):
        """Keep the ``keep`` newest checkpoints in ``folder``."""
        nets = {"gen": game.gen, "disc": game.disc, **({"ema": game.ema} if game.ema is not None else {})}
        # Keras does not put the state of Dropout's generators into a TensorFlow checkpoint.
        seeds = [v for net in nets.values() for v in net.variables if "seed_generator_state" in v.path]
        state = {"gen_opt": game.gen_opt, "disc_opt": game.disc_opt, "step": game.step, "seeds": seeds}
        self._checkpoint = tf.train.Checkpoint(**nets, **state, tricks=[list(trick.variables) for trick in game.tricks])
        self._manager = tf.train.CheckpointManager(self._checkpoint, str(folder), max_to_keep=keep, checkpoint_name="step")
        self._best = tf.train.CheckpointManager(self._checkpoint, str(folder / "best"), max_to_keep=1, checkpoint_name="step")
        self._step = game.step
        self.notes: list[str] = []
        self.latest: int | None = None

    def save(self, step: int) -> None:
        """Write a checkpoint of this step; it counts only once it is whole."""
        self._manager.save(checkpoint_number=step)
        self.latest = step

    def save_best(self, step: int) -> None:
        """Write this step as the best one, in the folder ``best``."""
        self._best.save(checkpoint_number=step)

    def roll_back(self) -> int | None:
        """Take the state of the best checkpoint, but not its step, so that the run goes on with other batches and noise.

        Returns:
            The step of that checkpoint, or None where there is none.
        """
        if not self._best.latest_checkpoint:
            return None
        now = self._step.numpy()
        self._checkpoint.restore(self._best.latest_checkpoint).assert_existing_objects_matched()
        self._step.assign(now)
        return _step_of(self._best.latest_checkpoint)

    @property
    def steps(self) -> list[int]:
        """The steps of the checkpoints on disk, oldest first."""
        return [_step_of(path) for path in self._manager.checkpoints]

    def restore(self, step: int | None = None, *, best: bool = False) -> int:
        """Restore the newest checkpoint that can be read, or that of ``step``, or the best; returns its step, 0 if none.

        Raises:
            UserError: There are checkpoints but none can be read, or there is none of ``step``.
        """
        stored = list(self._best.checkpoints if best else self._manager.checkpoints)
        if best and not stored:
            raise UserError("there is no best checkpoint; the first evaluation (--eval_every) makes it.")
        if step is not None and step not in map(_step_of, stored):
            raise UserError(f"there is no checkpoint of step {step}; there are: {', '.join(map(str, self.steps)) or 'none'}.")
        paths = [p for p in reversed(stored) if step in (None, _step_of(p))]
        for path in paths:
            try:
                self._checkpoint.restore(path).assert_existing_objects_matched()
            except Exception as e:  # TensorFlow's reader raises OpError, IndexError, RuntimeError ... for damaged files
                reason = " ".join(str(e).split())[:120]
                self.notes.append(f"the checkpoint {path} cannot be read and is passed over ({type(e).__name__}: {reason}).")
            else:
                self.latest = _step_of(path)
                return int(self._step.numpy())
        if paths:
            raise UserError(f"none of the checkpoints beside {paths[0]} can be read; start anew in another --workdir.")
        return 0


def _step_of(path: str) -> int:
    return int(path.rpartition("-")[2])
