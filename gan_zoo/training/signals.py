"""SIGINT and SIGTERM ask the loop to stop after its current chunk of steps."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from gan_zoo.training.outcome import Outcome

_OUTCOMES = {
    signal.SIGINT: Outcome.STOP_INTERRUPT,
    signal.SIGTERM: Outcome.STOP_TERMINATE,
}


class StopRequests:
    """The signals that came.

    Attributes:
        outcome: CONTINUE, or the stop that was asked for.
    """

    def __init__(self) -> None:
        """Start without a request."""
        self.outcome = Outcome.CONTINUE


@contextlib.contextmanager
def stop_requests(when: str) -> Iterator[StopRequests]:
    """Collect SIGINT and SIGTERM while the body runs; a second SIGINT stops at once.

    Args:
        when: When the run will stop, for the message.
    """
    message = f"\nstopping {when}; Ctrl-C again stops at once, without saving.\n".encode()
    requests = StopRequests()

    def request(number: int, frame: Any) -> None:
        if requests.outcome is not Outcome.CONTINUE and number == signal.SIGINT:
            raise KeyboardInterrupt
        requests.outcome = max(requests.outcome, _OUTCOMES[signal.Signals(number)])
        # Not print(): a handler may run in the middle of another print, and the reader of a pipe
        # may have stopped as well.
        with contextlib.suppress(OSError):
            os.write(2, message)

    old = {}
    # Outside the main thread, signals are not ours to take.
    with contextlib.suppress(ValueError):
        for number in _OUTCOMES:
            old[number] = signal.signal(number, request)
    try:
        yield requests
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
