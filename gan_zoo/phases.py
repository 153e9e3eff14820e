"""How long each phase of a run takes: which one runs now, and for ``--verbose`` all at the end.

Only clocks: nothing depends on them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

_seconds: dict[str, float] = {}
_open: list[float] = []  # of each phase that runs now, the seconds of the phases within it
_running: list[tuple[str, float]] = []  # each of them, and when it began
on_end: Callable[[], None] | None = None  # called at the end of each phase, see `gan_zoo.pulse`


@contextlib.contextmanager
def phase(name: str) -> Iterator[None]:
    """Add the time of the body to a phase; a phase within it is counted on its own."""
    began = time.perf_counter()
    _open.append(0.0)
    _running.append((name, began))
    try:
        yield
    finally:
        whole = time.perf_counter() - began
        _running.pop()
        if on_end is not None:
            on_end()
        _seconds[name] = _seconds.get(name, 0.0) + whole - _open.pop()
        if _open:
            _open[-1] += whole


def current() -> tuple[str, float]:
    """Return the innermost phase that runs now and its seconds so far; "" and 0 for none."""
    try:
        name, began = _running[-1]
    except IndexError:
        return "", 0.0
    return name, time.perf_counter() - began


def clear() -> None:
    """Forget all phases."""
    _seconds.clear()


def lines() -> list[str]:
    """Return a line for each phase, in the order in which they first ended."""
    return [f"phase {name}: {seconds:.2f} s" for name, seconds in _seconds.items()]
