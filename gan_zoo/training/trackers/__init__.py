"""Where else a run's logs go: TensorBoard always, the services of ``--log`` where asked for.

A tracker has the methods of :class:`Tracker`, in a file of its own here. Services see no real
images, since what they get may leave the machine.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from gan_zoo.config import Config, require_services
from gan_zoo.errors import UserError
from gan_zoo.runs.run import Run


class Tracker(Protocol):
    """Takes what a run logs; called from one thread, in the order of the steps."""

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Take numbers by name."""

    def picture(self, step: int, name: str, sheet: np.ndarray) -> None:
        """Take a picture, uint8 ``[H, W, C]``, C 1 or 3."""

    def text(self, step: int, name: str, words: str) -> None:
        """Take a text, which may have Markdown."""

    def close(self) -> None:
        """Finish."""


class Service:
    """A tracker of ``--log``: what fails in it is told once, and the run goes on without it."""

    def __init__(self, name: str, tracker: Tracker, tell: Callable[[str], None]):
        """Wrap a tracker; ``tell`` prints a line."""
        self._name, self._tracker, self._tell = name, tracker, tell
        self._failed = False

    def _call(self, method: str, *args: Any) -> None:
        if self._failed:
            return
        try:
            getattr(self._tracker, method)(*args)
        except Exception as e:
            self._failed = True
            what = " ".join(str(e).split())[:200]
            self._tell(
                f"--log={self._name} failed ({type(e).__name__}: {what}); the run goes on without"
                " it, and its own logs have all."
            )

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """See :class:`Tracker`."""
        self._call("scalars", step, values)

    def picture(self, step: int, name: str, sheet: np.ndarray) -> None:
        """See :class:`Tracker`."""
        self._call("picture", step, name, sheet)

    def text(self, step: int, name: str, words: str) -> None:
        """See :class:`Tracker`."""
        self._call("text", step, name, words)

    def close(self) -> None:
        """See :class:`Tracker`."""
        self._call("close")


def open_services(config: Config, run: Run, tell: Callable[[str], None]) -> list[Service]:
    """Return the trackers that ``--log`` names.

    Raises:
        UserError: The package of one is not installed, or it cannot begin.
    """
    require_services(config)
    services = []
    for name in config.services:
        module = importlib.import_module(f"gan_zoo.training.trackers.{name}")
        try:
            tracker = module.open_tracker(config, run)
        except Exception as e:
            what = " ".join(str(e).split())[:200]
            raise UserError(
                f"--log={name} cannot begin ({type(e).__name__}: {what}); {module.HINT}, or leave"
                " the flag out."
            ) from e
        services.append(Service(name, tracker, tell))
    return services


def settings_text(settings: dict[str, Any]) -> str:
    """Return settings as a table in Markdown."""
    rows = (f"| {name} | `{value}` |" for name, value in settings.items() if value != "")
    return "\n".join(["| setting | value |", "|---|---|", *rows])
