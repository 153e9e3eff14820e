"""How a chunk of steps can end."""

from __future__ import annotations

import enum


class Outcome(enum.IntEnum):
    """What to do after a chunk of steps; among several workers the largest one counts."""

    CONTINUE = 0
    ROLL_BACK = 1  # to the best checkpoint, and go on
    STOP_ALARM = 2
    STOP_INTERRUPT = 3  # SIGINT
    STOP_TERMINATE = 4  # SIGTERM


class Stopped(Exception):  # noqa: N818 -- it is not an error
    """A signal or an alarm stopped the run; everything is saved.

    Attributes:
        outcome: Why it stopped.
    """

    def __init__(self, outcome: Outcome, step: int, steps: int):
        """Stop after ``step`` of ``steps`` steps."""
        rest = (
            f"goes on from step {step}"
            if step < steps
            else "makes what follows: the last scores, the saved generator and the film"
        )
        super().__init__(f"stopped at step {step} of {steps} and saved; the same command {rest}.")
        self.outcome = outcome
