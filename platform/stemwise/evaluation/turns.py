"""Who may use the GPU next, where several songs are worked on in one process.

While one song's chunks are on the GPU, another is decoded, overlap-added or written to disk by its own
thread. The song that began first goes first: were turns to alternate, all songs would reach their end,
and the GPU its pause, at the same time.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Turns:
    """Lets one thread at a time run a model: of those that wait, the one whose song began first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[int] = []
        self._busy = False
        self._tickets = count()
        self._mine = threading.local()

    @contextmanager
    def song(self) -> Iterator[None]:
        """Work on a song in this thread; its place among the songs is that of its beginning."""
        self._mine.ticket, self._mine.waited = next(self._tickets), 0.0
        try:
            yield
        finally:
            del self._mine.ticket

    def clock(self) -> float:
        """Return seconds that go on only while this thread's song does not wait for its turn."""
        waited: float = self._mine.waited
        return time.perf_counter() - waited

    def taking(self, work: Callable[_P, _T]) -> Callable[_P, _T]:
        """Return `work` so that each call, within `song`, waits for its turn."""

        def in_turn(*given: _P.args, **named: _P.kwargs) -> _T:
            with self._turn(self._mine.ticket):
                return work(*given, **named)

        return in_turn

    @contextmanager
    def _turn(self, ticket: int) -> Iterator[None]:
        with self._changed:
            began = time.perf_counter()
            heapq.heappush(self._waiting, ticket)
            self._changed.wait_for(lambda: not self._busy and self._waiting[0] == ticket)
            heapq.heappop(self._waiting)
            self._busy = True
            self._mine.waited += time.perf_counter() - began
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
