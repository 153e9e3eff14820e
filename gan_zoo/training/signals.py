"""SIGINT and SIGTERM ask the loop to stop after its current chunk of steps, and end its end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

from gan_zoo import interrupts
from gan_zoo.training.outcome import Outcome, Stopped

_OUTCOMES = {
    signal.SIGINT: Outcome.STOP_INTERRUPT,
    signal.SIGTERM: Outcome.STOP_TERMINATE,
}


class StopRequests(interrupts.Handler):
    """The signals that came.

    Attributes:
        outcome: CONTINUE, or the stop that was asked for.
    """

    def __init__(self, when: str) -> None:
        """Start without a request; ``when`` the run will stop is for the message."""
        super().__init__()
        self.outcome = Outcome.CONTINUE
        self._messages = [
            f"\nstopping {when}; Ctrl-C again stops now (what is not saved is lost).\n".encode()
        ]
        self._first = 0

    def hear(self, number: int) -> bool:
        """Say that the run will stop; return whether it was asked to before.

        SIGTERM may come several times: to a process, to its group, and from a batch system.
        """
        first, self._first = self._first, self._first or number
        self._say()
        return bool(first) and (first, number) != (signal.SIGTERM, signal.SIGTERM)

    def _say(self) -> None:
        # Once, by the thread or by the handler. Not print(): a handler may run in the middle of
        # another print, and the reader of a pipe may have stopped as well.
        with contextlib.suppress(IndexError, OSError):
            os.write(2, self._messages.pop())

    def __call__(self, number: int, frame: Any) -> None:
        """Note the request; raise at a second SIGINT."""
        if self.outcome is not Outcome.CONTINUE and number == signal.SIGINT:
            super().__call__(number, frame)
        interrupts.Handler.called += 1
        self.outcome = max(self.outcome, _OUTCOMES[signal.Signals(number)])
        self._say()


@contextlib.contextmanager
def stop_requests(when: str) -> Iterator[StopRequests]:
    """Collect SIGINT and SIGTERM while the body runs; a second SIGINT stops at once.

    Args:
        when: When the run will stop, for the message.
    """
    requests = StopRequests(when)
    with interrupts.handling(requests):
        yield requests


@contextlib.contextmanager
def ends_at_once(step: int, steps: int) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the body, which comes after the last step and can be made anew.

    Raises:
        Stopped: One of them came.
    """
    sentence = str(Stopped(Outcome.STOP_INTERRUPT, step, steps))
    try:
        with interrupts.handling(interrupts.Handler(sentence), ignored=False):
            yield
    except KeyboardInterrupt:
        raise Stopped(Outcome.STOP_INTERRUPT, step, steps) from None
    except interrupts.Terminated:
        raise Stopped(Outcome.STOP_TERMINATE, step, steps) from None
