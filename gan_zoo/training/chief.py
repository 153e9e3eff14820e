"""What one worker does for all between two chunks of steps: evaluate, log, sample, save.

Of several workers one is the chief; the others are followers, for whom all of this does nothing.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from gan_zoo.config import MAX_ROLLBACKS, Config
from gan_zoo.evaluation.evaluator import Evaluator
from gan_zoo.game.labels import grid_layout
from gan_zoo.game.sampling import compute_standing_statistics, sample
from gan_zoo.game.step import Game, trick_metrics
from gan_zoo.phases import phase
from gan_zoo.runs.checkpoints import Checkpoints
from gan_zoo.runs.run import Run
from gan_zoo.runs.writer import Writer
from gan_zoo.training.estimate import SHORT, duration, peak_memory, size, timed_step, with_speed
from gan_zoo.training.export import export
from gan_zoo.training.logger import Logger
from gan_zoo.training.outcome import Outcome

# Runs of all training seeds are scored on the same noise and the same real images, so that their
# scores compare.
EVALUATION_SEED = 0


class Chief:
    """Evaluates, logs, draws grids, saves and speaks.

    ``previous`` and ``step`` are the steps before and after a chunk; something is due at the first
    chunk that ends at or after a multiple of its ``--..._every``, and at the end.
    """

    def __init__(
        self,
        config: Config,
        run: Run,
        game: Game,
        checkpoints: Checkpoints,
        logger: Logger,
        evaluator: Evaluator | None,
        writer: Writer,
        start: int = 0,
    ):
        """Work for a run; ``evaluator`` is None where nothing is evaluated.

        ``writer`` is the one that ``checkpoints`` and ``logger`` write with; ``start`` the steps
        done before.
        """
        self._writer = writer
        self._config, self._run, self._game = config, run, game
        self._checkpoints, self._logger, self._evaluator = checkpoints, logger, evaluator
        self._grid_labels, self._columns, self.grid_order = grid_layout(game, config.samples)
        self._statistics_step, self._timed_step = -1, timed_step(config, start)
        self._scored = False
        self._last_samples: np.ndarray | None = None  # those scored at the last step

    def _due(self, every: int, previous: int, step: int) -> bool:
        return every > 0 and (step // every > previous // every or step == self._config.steps)

    def _update_ema_statistics(self, step: int) -> None:
        """Compute the EMA's own batch norm statistics, once a step."""
        if self._statistics_step != step:
            with phase("batch norm of the EMA"):
                compute_standing_statistics(self._game)
            self._statistics_step = step

    def begin(self) -> None:
        """Draw the grid of the untrained generator."""
        self._draw(0)
        self._logger.progress(0, "before training", line=True)

    def evaluate(self, previous: int, step: int) -> dict[str, float]:
        """Return the scores of this step if they are due and within the budget, else nothing."""
        evaluator = self._evaluator
        self._scored = False
        if evaluator is None or not self._due(self._config.eval_every, previous, step):
            return {}
        if not evaluator.within_budget() and step < self._config.steps:
            return {}
        self._update_ema_statistics(step)
        return self._evaluate(evaluator, step)

    def _evaluate(self, evaluator: Evaluator, step: int) -> dict[str, float]:
        began = time.perf_counter()
        with phase("evaluate"):
            fake = self._evaluation_samples(step)
            results, scalars = evaluator.evaluate(step, fake, time.perf_counter() - began)
        self._logger.logs.evaluations(step, results, evaluator.floor)
        if evaluator.best:
            last = scalars[evaluator.score]
            self._logger.track(step, {"score/best": evaluator.best[0], "score/last": last})
        if evaluator.best and evaluator.best[1] == step:
            self._checkpoints.save_best(step)
        self._scored = True
        return scalars

    def _evaluation_samples(self, step: int) -> np.ndarray:
        """Return the samples to score at a step; those of the last step are drawn once."""
        if self._last_samples is not None:
            return self._last_samples
        drawn = sample(self._game, self._config.eval_samples, EVALUATION_SEED, tag="evaluation")
        if step == self._config.steps:
            self._last_samples = drawn
        return drawn

    def log(self, previous: int, step: int, scalars: dict[str, float]) -> None:
        """Log the scalars of a chunk and show progress."""
        with phase("log"):
            self._record(step, scalars | self._trick_metrics())
        summary = f"loss D {scalars['loss/disc']:.3f} G {scalars['loss/gen']:.3f}"
        if self._scored and self._evaluator:
            score = scalars[self._evaluator.score]
            summary += f", {self._evaluator.score_name} {score:.4g}"
        line = self._scored or self._due(self._config.sample_every, previous, step)
        speed = scalars["speed/images_per_second"]
        self._logger.progress(step, summary, speed, line=line)
        if step == self._timed_step:
            self._tell_time(step, speed)

    def _tell_time(self, step: int, speed: float) -> None:
        """Print what the rest of the run takes, unless that is hardly anything."""
        rest = dataclasses.replace(self._config, steps=self._config.steps - step)
        seconds = with_speed(rest, self._config.batch / speed)
        if seconds > SHORT:
            memory = size(peak_memory())
            self._logger.print(
                f"from here on, it takes about {duration(seconds)} on this machine; it uses"
                f" {memory} of memory."
            )

    def _trick_metrics(self) -> dict[str, float]:
        tricks = zip(self._config.specs("tricks"), trick_metrics(self._game), strict=True)
        return {
            f"{spec.name}/{name}": value for spec, found in tricks for name, value in found.items()
        }

    def _record(self, step: int, scalars: dict[str, float]) -> None:
        record = self._logger.scalars(step, scalars)
        if self._evaluator:
            self._evaluator.record(record)

    def sample(self, previous: int, step: int) -> None:
        """Draw the grid of samples if it is due."""
        if self._due(self._config.sample_every, previous, step):
            self._update_ema_statistics(step)
            self._draw(step)

    def _draw(self, step: int) -> None:
        with phase("draw samples"):
            samples = sample(
                self._game, self._config.samples, self._config.seed, labels=self._grid_labels
            )
            self._logger.grid(step, samples, self._columns)

    def check_alarms(self) -> Outcome:
        """Print new alarms after an evaluation; return what the settings ask for on a collapse."""
        outcome, policy = Outcome.CONTINUE, self._config.on_collapse
        if not self._scored or self._evaluator is None:
            return outcome
        # Only a new alarm acts: samples that stay collapsed after a rollback do not cause a second
        # one. An evaluation that the budget skips cannot raise an alarm.
        for alarm in self._evaluator.new_alarms():
            self._logger.print(f"ALARM {alarm}")
            self._logger.text(alarm.since, f"alarms/{alarm.name}", str(alarm))
            if alarm.name == "collapse" and policy != "warn":
                may_roll_back = policy == "rollback" and self._evaluator.rollbacks < MAX_ROLLBACKS
                outcome = Outcome.ROLL_BACK if may_roll_back else Outcome.STOP_ALARM
        return outcome

    def record_rollback(self, step: int, best: int) -> None:
        """Record that the weights of step ``best`` were restored, and save them.

        They are saved now, or a resumed run would not know of it.
        """
        self._logger.print(
            f"rolled back to the weights of step {best}; the run goes on with new batches and"
            " noise."
        )
        self._last_samples = None  # they are of other weights now
        self._record(step, {"event/rollback": best})
        self._checkpoints.save(step)

    def save(self, previous: int, step: int, *, now: bool = False) -> None:
        """Save a checkpoint if it is due or must be made ``now``, unless this step has one."""
        due = now or self._due(self._config.save_every, previous, step)
        if due and self._checkpoints.latest != step:
            self._update_ema_statistics(step)
            with phase("save"):
                self._checkpoints.save(step)

    def finish(self, step: int) -> None:
        """Evaluate a trained run by the full protocol, and export it."""
        self._writer.wait()
        if evaluator := self._evaluator:
            # A run that was stopped between its evaluations may end where it stopped.
            if not evaluator.evaluated(step):
                self._record(step, self._evaluate(evaluator, step))
            with phase("final evaluation"):
                results, lines = evaluator.final(step, self._evaluation_samples(step))
            self._logger.logs.evaluations(step, results, evaluator.floor, final=True)
            for line in lines:
                self._logger.print(line)
        self._writer.wait()  # the export reads the grids, and counts only after the final scores
        with phase("export"):
            export(self._game, self._run, step)

    def print(self, text: object) -> None:
        """Print a line."""
        self._logger.print(text)

    def wait(self) -> None:
        """Wait until everything is written that is there to be written."""
        self._writer.wait()

    def close(self) -> None:
        """Finish all files; a second call does nothing."""
        try:
            self._writer.close()
        finally:
            self._logger.close()


class Follower:
    """Does nothing in place of :class:`Chief`: for the workers that are not the chief."""

    grid_order = ""

    def evaluate(self, *_: object) -> dict[str, float]:
        """See :class:`Chief`."""
        return {}

    def check_alarms(self) -> Outcome:
        """See :class:`Chief`."""
        return Outcome.CONTINUE

    def begin(self, *_: object, **__: object) -> None:
        """See :class:`Chief`."""

    log = sample = record_rollback = save = finish = print = wait = close = begin
