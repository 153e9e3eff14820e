"""Errors of users, the exit codes of all commands, and checks of numbers. No TensorFlow here."""

from __future__ import annotations

import enum

import numpy as np


class ExitCode(enum.IntEnum):
    """The exit codes of all commands."""

    OK = 0
    FAILED_CHECK = 1  # `gan_zoo check` found a fault in a part
    BAD_INPUT = 2  # something that a user can fix; one sentence on stderr says what
    ALARM = 3  # an alarm stopped the run
    PEER_LOST = 42  # another worker is gone: start all workers again
    INTERRUPTED = 130  # Ctrl-C (128 + SIGINT)
    TERMINATED = 143  # 128 + SIGTERM


class UserError(Exception):
    """An error that a user can fix. Its text is one sentence: what is wrong, where, what to do.

    Commands print it without a traceback and exit with :attr:`ExitCode.BAD_INPUT`.
    """


class PartError(UserError):
    """The code of a part from outside gan_zoo failed.

    Attributes:
        part: What messages call it, such as ``the loss my_loss``.
        module: The dotted name of its module, or the path of its plugin file.
    """

    def __init__(self, text: str, part: str, module: str):
        """Take the sentence for the user, and whose code failed."""
        super().__init__(text)
        self.part = part
        self.module = module


def check_at_least(least: int, **numbers: float) -> None:
    """Check that all given numbers are whole and at least ``least``.

    Raises:
        ValueError: One of them is not; the text names it.
    """
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name}={value} must be a whole number, {least} or more.")


def check_positive(**numbers: float) -> None:
    """Raise ``ValueError`` unless every number is above 0."""
    for name, value in numbers.items():
        if not value > 0:
            raise ValueError(f"{name}={value} must be above 0.")


def check_non_negative(**numbers: float) -> None:
    """Raise ``ValueError`` unless every number is 0 or more."""
    for name, value in numbers.items():
        if not value >= 0:
            raise ValueError(f"{name}={value} must be 0 or more.")


def check_share(**shares: float) -> None:
    """Raise ``ValueError`` unless every share or probability is in [0, 1]."""
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}={value} must be from 0 to 1.")


def check_decay(**decays: float) -> None:
    """Raise ``ValueError`` unless every decay or rate is in [0, 1)."""
    for name, value in decays.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name}={value} must be from 0 to below 1.")


def check_rates(
    learning_rate: float, schedule: str, until: float, warmup: float, final_rate: float
) -> None:
    """Raise ``ValueError`` unless a learning rate and its schedule are possible."""
    check_non_negative(final_rate=final_rate)
    if schedule == "constant" and final_rate:
        raise ValueError(f"final_rate={final_rate} needs schedule='linear' or 'cosine'; give one.")
    check_positive(learning_rate=learning_rate)
    if schedule not in ("constant", "linear", "cosine"):
        raise ValueError(f"schedule='{schedule}' is unknown; give constant, linear or cosine.")
    if schedule == "constant" and until:
        raise ValueError(
            f"until={until} cannot go with schedule='constant', which does not end; leave one out."
        )
    # 1e4 is a whole number, too.
    until, warmup = (int(n) if n % 1 == 0 else n for n in (until, warmup))
    check_at_least(0, until=until, warmup=warmup)
