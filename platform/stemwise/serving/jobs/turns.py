"""Who works now: the most urgent pieces of work of all songs, as many as the machine can run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Condition

from stemwise.serving.jobs.model_calls import JobStoppedError
from stemwise.serving.jobs.records import Due


class Turns:
    """Lets the `most` most urgent pieces of work run (0: all of them).

    A piece that has begun ends, also when a more urgent one comes: that one begins at once, so for the
    rest of the older piece the machine has one more at work than it should.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: list[tuple[Due, int]] = []  # waiting or running, the most urgent first
        self._numbers, self._changed = count(), Condition()

    @contextmanager
    def taken(self, due: Due, stopped: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Wait until this piece of a song is among the most urgent, and hold its place meanwhile.

        Raises:
            JobStoppedError: `stopped()` was true while it waited (after `look`).
        """
        with self._changed:
            piece = (due, next(self._numbers))
            self._pieces.append(piece)
            self._pieces.sort()
        try:
            with self._changed:
                self._changed.wait_for(lambda: stopped() or self._first(piece))
                if stopped():
                    raise JobStoppedError
            yield
        finally:
            with self._changed:
                self._pieces.remove(piece)
                self._changed.notify_all()

    def look(self) -> None:
        """Let those that wait ask again whether they are stopped."""
        with self._changed:
            self._changed.notify_all()

    def _first(self, piece: tuple[Due, int]) -> bool:
        return not self._most or self._pieces.index(piece) < self._most
