"""How long each phase of a run took, which ``--verbose`` prints at its end.

Only clocks: nothing depends on them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

_seconds: dict[str, float] = {}
_open: list[float] = []  # of each phase that runs now, the seconds of the phases within it


@contextlib.contextmanager
def phase(name: str) -> Iterator[None]:
    """Add the time of the body to a phase; a phase within it is counted on its own."""
    began = time.perf_counter()
    _open.append(0.0)
    try:
        yield
    finally:
        whole = time.perf_counter() - began
        _seconds[name] = _seconds.get(name, 0.0) + whole - _open.pop()
        if _open:
            _open[-1] += whole


def clear() -> None:
    """Forget all phases."""
    _seconds.clear()


def lines() -> list[str]:
    """Return a line for each phase, in the order in which they first ended."""
    return [f"phase {name}: {seconds:.2f} s" for name, seconds in _seconds.items()]
