"""The training loop: chunks of compiled steps; everything slow happens between two chunks."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from gan_zoo import pulse, registry
from gan_zoo.config import Config
from gan_zoo.contracts import Dataset
from gan_zoo.datasets import cache, cache_dir
from gan_zoo.datasets.reading import with_full_data_dir
from gan_zoo.distributed import machine, strategy
from gan_zoo.errors import UserError
from gan_zoo.runs.lock import lock
from gan_zoo.runs.resume import remove_run
from gan_zoo.runs.run import Run
from gan_zoo.training import notes
from gan_zoo.training.estimate import chunk_end
from gan_zoo.training.logger import OnGrid
from gan_zoo.training.outcome import Outcome, Stopped
from gan_zoo.training.setup import Session, resolve, set_up
from gan_zoo.training.signals import ends_at_once, stop_requests


def train(
    config: Config,
    on_grid: OnGrid | None = None,
    read: Callable[[], Dataset] | None = None,
    overwrite: bool = False,
) -> Run:
    """Train a run, or go on with the one in ``config.run_dir`` where it stopped.

    Args:
        config: The settings.
        on_grid: Called with the step and each grid of samples, uint8 [H, W, C].
        read: Returns the data set, see :func:`gan_zoo.datasets.reading.read_ahead`; by default it
            is read now.
        overwrite: Whether to remove an earlier run from the folder first.

    Returns:
        The run, trained to its end.

    Raises:
        UserError: The settings, the data or the folder are wrong; the sentence says what.
        Stopped: A signal or an alarm asked to stop; the run is saved.
        PeerLost: Another worker is gone, under ``--strategy=multi_worker``.
    """
    run = Run(config.run_dir)
    if config.jit != "off":
        machine.keep_programs(cache_dir())
    cache.cache_limit(cache_dir())  # raises if it is set wrongly
    distribution = strategy.make(config.strategy)
    is_chief = strategy.leads(config.strategy)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    locked = lock(run) if is_chief else contextlib.nullcontext()
    beats = pulse.beating() if is_chief else contextlib.nullcontext()
    with beats, explained(run.folder), locked, strategy.peers(distribution):
        if overwrite:
            remove_run(run)
        config = resolve(with_full_data_dir(config), run, distribution)
        session = set_up(config, run, distribution, is_chief=is_chief, read=read, on_grid=on_grid)
        if session is not None:
            try:
                step, outcome = _train(session)
                _finish(session, step, outcome)
            finally:
                session.chief.close()
                if is_chief:  # now that the newest entries are known by their use
                    cache.trim(cache_dir())
    return run


def _train(session: Session) -> tuple[int, Outcome]:
    """Train until the last step, or until an alarm or a signal stops the run; save at the end.

    Returns:
        The step, and how the last chunk ended.
    """
    config, chief, step = session.config, session.chief, session.start
    outcome = Outcome.CONTINUE
    if step == 0:
        chief.begin()
    with stop_requests("after these steps") as requests:
        while step < config.steps and outcome is Outcome.CONTINUE:
            # Train a chunk of steps.
            previous, step = step, chunk_end(config, step)
            scalars = session.train_chunk(step - previous)
            if sentence := notes.divergence(scalars, step, session.checkpoints.latest):
                chief.wait()  # for the checkpoint that the sentence names
                raise UserError(sentence)
            # Evaluate.
            scalars |= chief.evaluate(previous, step)
            # Log.
            chief.log(previous, step, scalars)
            # Draw samples.
            chief.sample(previous, step)
            # Act on alarms.
            outcome = _agreed(session, chief.check_alarms())
            if outcome is Outcome.ROLL_BACK:
                outcome = _roll_back(session, step)
            # Save.
            chief.save(previous, step)
            # Act on signals.
            outcome = _agreed(session, max(outcome, requests.outcome))
        chief.save(step, step, now=True)
    return step, outcome


def _agreed(session: Session, outcome: Outcome) -> Outcome:
    """Return the largest outcome of all workers, so that all do the same at the same step."""
    return Outcome(strategy.highest(session.distribution, outcome))


def _roll_back(session: Session, step: int) -> Outcome:
    """Take the weights of the best checkpoint; stop where there is none."""
    best = session.checkpoints.roll_back()
    if best is None:
        return Outcome.STOP_ALARM
    session.chief.record_rollback(step, best)
    return Outcome.CONTINUE


def _finish(session: Session, step: int, outcome: Outcome) -> None:
    """Evaluate and export a run that came to its end; wait for the chief.

    Raises:
        Stopped: It did not come to its end, or a signal came during the evaluation or the export.
    """
    # A run stopped by a signal skips the final evaluation and export. The same command does them
    # later.
    ended = step >= session.config.steps and outcome in (Outcome.CONTINUE, Outcome.STOP_ALARM)
    if ended:
        with ends_at_once(step, session.config.steps):
            session.chief.finish(step)
    session.chief.close()
    # No worker leaves before the chief is done. Signals are only collected: an exception raised
    # by a signal handler inside TensorFlow is not safe.
    is_chief = strategy.leads(session.config.strategy)
    waiting = stop_requests("when the first worker is done")
    with contextlib.nullcontext() if is_chief else waiting:
        strategy.highest(session.distribution, 0)
    if not ended:
        raise Stopped(outcome, step, session.config.steps)


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn errors of TensorFlow and of the disk into one sentence."""
    try:
        yield
    except (tf.errors.OpError, OSError) as e:
        out_of_memory = re.search(r"OOM|out of memory", str(e), re.IGNORECASE)
        if isinstance(e, tf.errors.ResourceExhaustedError) and out_of_memory:
            raise UserError(
                f"the run in {folder} needs more memory than there is; give a smaller --batch,"
                " narrower nets or --precision=bfloat16, or close other programs that use the"
                " device."
            ) from e
        wrong_input = isinstance(e, (tf.errors.InvalidArgumentError, tf.errors.UnknownError))
        if registry.third_party and wrong_input:
            raise  # most likely from a plugin's part, and the command says so
        message = e.message if isinstance(e, tf.errors.OpError) else str(e)
        what = " ".join(message.split())[:200]
        raise UserError(
            f"the run in {folder} stopped ({type(e).__name__}: {what}); fix that, and the same"
            " command goes on from its last checkpoint (--verbose shows more)."
        ) from e
