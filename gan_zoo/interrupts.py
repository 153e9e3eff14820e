"""SIGINT and SIGTERM while native code runs, which keeps Python's own handlers waiting.

Python calls a handler between two instructions of the main thread, and a chunk of steps of a large
net is one instruction of minutes. A thread of its own hears of each signal at once. No TensorFlow.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

GRACE_SECONDS = 1.0  # for a handler, after which the process ends without it
LEAVE_SECONDS = 5.0  # for the threads of a stopped program, after which it ends without them


class Terminated(BaseException):
    """SIGTERM came. It is not a SystemExit, which a user's file may raise, too."""


class Handler:
    """A handler of SIGINT and SIGTERM that raises; the process ends where that comes too late.

    Attributes:
        sentence: What is said if it does.
        heard: How many signals the thread has heard of.
        called: How many signals handlers were called for. Both are of all handlers together: when
            the thread hears of a signal, its handler may be done and another one in its place.
    """

    heard = called = 0

    def __init__(self, sentence: str = "stopped.") -> None:
        self.sentence = sentence

    def hear(self, number: int) -> bool:
        """Hear of a signal at once, in another thread; return whether it is to end the body."""
        return True

    def __call__(self, number: int, frame: Any) -> None:
        """Handle a signal in the main thread."""
        Handler.called += 1
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)  # a second one would stop the cleaning
            raise Terminated
        raise KeyboardInterrupt

    def late(self, number: int) -> bool:
        """Hear of a signal; return whether it is to end the body and does not get to it."""
        Handler.heard += 1
        if not self.hear(number):
            return False
        end = time.monotonic() + GRACE_SECONDS
        while Handler.called < Handler.heard:
            if time.monotonic() > end:
                return True
            time.sleep(0.02)
        return False


@contextlib.contextmanager
def handling(handler: Handler, *, ignored: bool = True) -> Iterator[None]:
    """Let a handler get SIGINT and SIGTERM during the body; outside the main thread, do nothing.

    Without ``ignored``, not those that the process ignores, as one behind ``nohup`` or ``&`` may.
    """
    old = {}
    try:
        # Outside the main thread, signals are not ours to take.
        with contextlib.suppress(ValueError):
            for number in (signal.SIGINT, signal.SIGTERM):
                if ignored or signal.getsignal(number) is not signal.SIG_IGN:
                    old[number] = signal.signal(number, handler)
        yield
    finally:
        for number, before in old.items():
            signal.signal(number, before or signal.SIG_DFL)


def short_interrupt(
    sentence: str,
) -> Callable[[Callable[_Arguments, _Result]], Callable[_Arguments, _Result]]:
    """Let Ctrl-C end a function for notebooks by a KeyboardInterrupt with a short traceback.

    Args:
        sentence: What became of the call, the text of the exception.
    """

    def decorate(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        @functools.wraps(function)
        def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
            with contextlib.suppress(KeyboardInterrupt):
                return function(*args, **kwargs)
            # The first one is gone with its frames in TensorFlow, and so are the progress bars
            # that these held open.
            raise KeyboardInterrupt(sentence)

        return call

    return decorate


@contextlib.contextmanager
def watching() -> Iterator[None]:
    """End the process during the body if a :class:`Handler` does not get to a signal.

    It is for programs: a notebook's process is not ours to end.
    """
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    except ValueError:  # only the main thread gets signals
        os.close(read_end)
        os.close(write_end)
        yield
        return
    Handler.heard = Handler.called
    thread = threading.Thread(target=_watch, args=(read_end,), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(write_end)  # which ends the thread


def leave(code: int) -> NoReturn:
    """End a program; one that a signal stopped does not wait long for its threads.

    Python waits for threads that decode pictures until they have done all that they were given. A
    signal that comes now ends the process: all is done, and an exception in what libraries do at
    the end would look like a fault.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
        end = threading.Timer(LEAVE_SECONDS, os._exit, (code,))
        end.daemon = True
        end.start()
    sys.exit(code)


def _watch(read_end: int) -> None:
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        while numbers := pipe.read(64):
            for number in numbers:
                handler = signal.getsignal(number)
                if isinstance(handler, Handler) and handler.late(number):
                    _end(number, handler.sentence)


def _end(number: int, sentence: str) -> NoReturn:
    with contextlib.suppress(OSError):
        os.write(2, f"\ngan_zoo: {sentence}\n".encode())
    os._exit(128 + number)
