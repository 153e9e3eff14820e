"""A sign of life while something slow runs: which phase it is, and for how long.

On a terminal, the phase stands behind the bar, or on a line that is wiped out again; without one, a
line comes after half a minute of silence. No TensorFlow.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from gan_zoo import phases

if TYPE_CHECKING:  # imported where a bar is made
    from tqdm import tqdm

SLOW_SECONDS = 1.0  # of one phase, after which a terminal shows it
QUIET_SECONDS = 30.0  # without a line, after which a pipe or a notebook gets one
_TICK = 0.5

Tell = Callable[[str], None]


class _Screen:
    """Where signs of life go.

    Attributes:
        stream: The descriptor of a terminal, or None where there is none.
        status: Shows a phase, or with "" none, behind the bar of a training; None without a bar.
        line: Prints a line.
    """

    def __init__(self) -> None:
        self.stream: int | None = None
        self.status: Tell | None = None
        self.line: Tell = print_line
        self._heard, self._shown = time.monotonic(), ""
        self._changed = self._heard  # when the terminal last showed something else
        self._lock = threading.RLock()

    def hear(self) -> None:
        """Note that a line was printed."""
        self._heard = self._changed = time.monotonic()

    def tick(self) -> None:
        """Show the phase that runs, if it is slow."""
        name, seconds = phases.current()
        with self._lock:
            # Several fast phases in a row are a slow one for who waits; a bar moves meanwhile.
            still = time.monotonic() - self._changed if self.status is None else 0.0
            slow = seconds >= SLOW_SECONDS or (self.stream is not None and still >= SLOW_SECONDS)
            text = f"{name} ({seconds:.0f} s)" if name and slow else ""
            if self.stream is not None:
                self._show(text)
            elif text and time.monotonic() - self._heard >= QUIET_SECONDS:
                self.hear()
                self.line(f"... {text}")

    def _show(self, text: str) -> None:
        if self.status is not None:
            if text or self._shown:
                self.status(text)
            self._shown = text
        elif bars := _bars():
            for bar in bars:
                bar.refresh()  # its clock
        elif text or self._shown:
            self._write(f"\r\033[K{text}")
            self._shown = text

    def wipe(self) -> None:
        """Take away what stands on the terminal, before something else is printed."""
        with self._lock:
            if self.stream is not None and self._shown and self.status is None:
                self._write("\r\033[K")
                self._changed = time.monotonic()
            self._shown = ""

    def _write(self, text: str) -> None:
        if self.stream is not None:
            with contextlib.suppress(OSError):
                os.write(self.stream, text.encode())


def print_line(text: str) -> None:
    """Print a line, if anybody reads it."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


def _bars() -> list:
    """Return the bars on the screen, if any was made."""
    kind = getattr(sys.modules.get("tqdm"), "tqdm", None)  # None too while it is imported elsewhere
    if kind is None:
        return []
    with kind.get_lock():  # under which other threads add theirs
        bars = list(getattr(kind, "_instances", ()))
    return [bar for bar in bars if hasattr(bar, "start_t")]  # which a bar has once it is made


def bar_size() -> dict[str, Any]:
    """Return the size of a bar where a terminal says that it has 0 columns; else nothing.

    Terminals of docker and ssh may. tqdm would draw nothing there.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if sys.stderr.isatty() and 0 in os.get_terminal_size(sys.stderr.fileno()):
            size = shutil.get_terminal_size()  # the environment's, or 80 x 24
            return {"ncols": size.columns - 1, "nrows": size.lines - 1}
    return {}


def make_bar(*args: Any, **settings: Any) -> tqdm:
    """Return a progress bar of tqdm with these settings, which is seen on any terminal."""
    from tqdm import tqdm

    return tqdm(*args, **bar_size(), **settings)


def close_bars() -> None:
    """End all bars on their lines, so that an error gets a line of its own."""
    for bar in _bars():
        bar.close()


screen = _Screen()
hear = screen.hear


@contextlib.contextmanager
def beating() -> Iterator[None]:
    """Show signs of life during the body; within another such body, do nothing."""
    if phases.on_end is not None:
        yield
        return
    with contextlib.suppress(OSError, ValueError):
        # A copy, since the descriptor is held back while TensorFlow starts.
        screen.stream = os.dup(2) if sys.stderr.isatty() else None
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(_TICK):
            screen.tick()

    phases.on_end = screen.wipe
    screen.hear()
    thread = threading.Thread(target=beat, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        screen.wipe()
        screen.status, screen.line = None, print_line
        phases.on_end = None
        if screen.stream is not None:
            os.close(screen.stream)
            screen.stream = None
