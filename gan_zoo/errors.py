"""What a user can put right, and the exit codes of all commands. No TensorFlow here."""

from __future__ import annotations

import numpy as np


class UserError(Exception):
    """What a user can put right. Its text is one sentence: what is wrong, where, and what to do.

    Entry points print it without a traceback and exit with code 2.
    """


def check_at_least(least: int, **numbers: float) -> None:
    """Raise ``ValueError``, which tells a user of arguments, for what is no whole number from ``least`` on."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise ValueError(f"{name}={value} must be a whole number, {least} or more.")
