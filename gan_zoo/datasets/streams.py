"""Items that can only be had in order, read by threads that ask for them nearly in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class InOrder(Generic[Item]):
    """Reads items by number from an iterator that is started anew where one is not at hand.

    An item is kept until it is asked for, so that the items of threads that are behind wait for
    them. Asking for it again starts the iterator again.
    """

    def __init__(self, start: Callable[[int], Iterator[tuple[int, Item]]]) -> None:
        """Take what yields (number, item) in order, from some number on or from one before it."""
        self._start = start
        self._items: Iterator[tuple[int, Item]] = iter(())
        self._next = -1  # nothing was started
        self._ready: dict[int, Item] = {}
        self._lock = threading.Lock()

    def read(self, i: int) -> Item:
        """Return an item.

        Raises:
            EOFError: There are fewer.
        """
        with self._lock:
            if i in self._ready:
                return self._ready.pop(i)
            if not 0 <= self._next <= i or i - self._next > 2**14:
                self._items, self._next = self._start(i), i
                self._ready.clear()
            for number, item in self._items:
                self._next = number + 1
                if number == i:
                    return item
                if number < i:
                    self._ready[number] = item
            self._next = -1
            raise EOFError(f"there is no item {i}")
