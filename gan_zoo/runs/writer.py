"""One thread that writes the files of a run behind its training, in the order of the calls."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from gan_zoo.phases import phase

MOST_JOBS = 64  # that wait at once
MOST_BYTES = 2**28  # of them together, unless one alone is larger


def at_once(function: Callable[..., Any], *args: Any, size: int = 0) -> None:
    """Call a function now, where there is no :class:`Writer`."""
    function(*args)


class Writer:
    """Calls functions in its thread, one after the other.

    Few wait at once: a slow disk slows the training, and the memory does not grow. After an error
    nothing more is written, so that no file tells of one that is missing.
    """

    def __init__(self) -> None:
        """Begin without a thread; the first call of :meth:`submit` starts it."""
        self._jobs: deque[tuple[Callable[..., Any], tuple, int]] = deque()
        self._changed = threading.Condition()
        self._error: BaseException | None = None
        self._told = self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, function: Callable[..., Any], *args: Any, size: int = 0) -> None:
        """Have a function called; wait until there is room.

        Args:
            function: What to call. It and its arguments must not depend on what changes later.
            *args: Its arguments.
            size: The bytes that they hold in memory.

        Raises:
            BaseException: What an earlier function raised.
        """
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
                self._thread.start()
            with phase("wait for the disk"):
                self._changed.wait_for(lambda: self._error or self._has_room(size))
            self._raise()
            self._jobs.append((function, args, size))
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until everything is written.

        Raises:
            BaseException: What a function raised.
        """
        with self._changed:
            with phase("wait for the disk"):
                self._changed.wait_for(lambda: not self._jobs)
            self._raise()

    def close(self) -> None:
        """Wait until everything is written, and end the thread; a second call does nothing.

        Raises:
            BaseException: What a function raised, unless it was raised here before.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            with phase("wait for the disk"):
                self._thread.join()
        if not self._told:
            self._raise()

    def _has_room(self, size: int) -> bool:
        waiting = sum(size for _, _, size in self._jobs)
        return not self._jobs or (len(self._jobs) < MOST_JOBS and waiting + size <= MOST_BYTES)

    def _raise(self) -> None:
        if self._error is not None:
            self._told = True
            raise self._error

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._closed)
                if not self._jobs:
                    return
                function, args, _ = self._jobs[0]
            try:
                if self._error is None:
                    function(*args)
            except BaseException as e:  # it is raised where the training waits
                self._error = e
            del function, args
            with self._changed:
                self._jobs.popleft()
                self._changed.notify_all()
