"""One line on the terminal that names the stage of a long computation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gan_zoo.pulse import make_bar


@contextmanager
def stages(description: str = "") -> Iterator[Callable[[str], None]]:
    """Show the elapsed time on a terminal; yield a function that sets the words beside it."""
    with make_bar(
        bar_format="{desc} [{elapsed}]", desc=description, leave=False, disable=None
    ) as bar:
        yield bar.set_description
