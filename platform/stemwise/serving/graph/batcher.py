"""Chunks of several songs through one model together.

What waits when the model becomes free is the next batch. (`@serve.batch` closes a batch by the clock,
also while the model is busy: with passes of 0.4 s and a wait of 10 ms it made batches of one from three
songs, in the same test in which this makes batches of three.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stemwise.serving.jobs.model_calls import JobStoppedError

Forward = Callable[[Tensor], Tensor]


class Song:
    """One song's access to the batches, for the thread that cuts and adds up its chunks."""

    def __init__(self, batcher: Batcher, due: tuple[float, str]) -> None:
        self._batcher, self.due = batcher, due
        self._count = 0
        self.stopped = threading.Event()

    def forward(self, chunks: Tensor) -> Tensor:
        """Run `(batch, channels, samples)`, perhaps together with other songs' chunks.

        Raises:
            JobStoppedError: the song was stopped.
        """
        made = self._batcher.run(self, chunks)
        self._count += len(chunks)
        return made

    def take_count(self) -> int:
        """Return the chunks finished since the last call."""
        count, self._count = self._count, 0
        return count


@dataclass(eq=False)
class _Item:
    song: Song
    chunks: Tensor
    future: Future[Tensor] = field(default_factory=Future)


class Batcher:
    """Runs a model on what waits, in a thread of its own.

    Args:
        forward: `(batch, channels, samples)` → `(batch, stems, channels, samples)`.
        max_chunks: most chunks of one pass (a single hand-over of more is one pass all the same).
        wait_s: how long a pass waits for songs that are just adding up their last chunk. A song that is
            alone never waits.
        passed: called with (chunks, seconds) of each pass.
    """

    def __init__(
        self,
        forward: Forward,
        max_chunks: int,
        wait_s: float,
        passed: Callable[[int, float], None] = lambda *_: None,
    ) -> None:
        self._forward, self._max, self._wait, self._passed = forward, max_chunks, wait_s, passed
        self._waiting: list[_Item] = []
        self._songs = 0
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name="forward", daemon=True)
        self._thread.start()

    @contextmanager
    def song(self, due: tuple[float, str] = (0.0, "")) -> Iterator[Song]:
        """Take part with one song; leaving stops it. The smaller `due`, the sooner it is served."""
        song = Song(self, due)
        self._count_songs(1)
        try:
            yield song
        finally:
            song.stopped.set()
            self._count_songs(-1)

    def run(self, song: Song, chunks: Tensor) -> Tensor:
        """Wait for a pass that takes `chunks` along, and return its part of the output.

        Raises:
            JobStoppedError: the song was stopped, or the batcher is closed.
        """
        item = _Item(song, chunks)
        with self._changed:
            if self._closed:  # nobody would ever take it along
                raise JobStoppedError
            self._waiting.append(item)
            self._changed.notify_all()
        return item.future.result()

    def close(self) -> None:
        """End the thread once nothing waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _count_songs(self, change: int) -> None:
        with self._changed:
            self._songs += change
            self._changed.notify_all()

    def _loop(self) -> None:
        while batch := self._next_batch():
            self._pass(batch)

    def _next_batch(self) -> list[_Item]:
        """Wait for chunks; return those of equal shape that fit.

        The most urgent song's are first, and of equally urgent ones those that wait longest.
        """
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return []
                self._changed.wait_for(self._complete, self._wait)
                self._drop_stopped()
                if self._waiting:
                    break
            self._waiting.sort(key=lambda item: item.song.due)  # stable
            batch = [self._waiting[0]]
            size = len(batch[0].chunks)
            for item in self._waiting[1:]:
                same = item.chunks.shape[1:] == batch[0].chunks.shape[1:]
                if same and size + len(item.chunks) <= self._max:
                    batch.append(item)
                    size += len(item.chunks)
            self._waiting = [item for item in self._waiting if item not in batch]
            return batch

    def _complete(self) -> bool:
        """Tell whether no other song can join: all wait already, or the pass is full."""
        size = sum(len(item.chunks) for item in self._waiting)
        return len(self._waiting) >= self._songs or size >= self._max

    def _drop_stopped(self) -> None:
        for item in self._waiting:
            if item.song.stopped.is_set():
                item.future.set_exception(JobStoppedError())
        self._waiting = [item for item in self._waiting if not item.future.done()]

    def _pass(self, batch: list[_Item]) -> None:
        """Run a batch; where it fails, each song alone, so that one cannot fail the others."""
        begun = time.monotonic()
        try:
            # threads do not inherit the callers' inference mode
            with torch.inference_mode():
                made = self._forward(torch.cat([item.chunks for item in batch]))
            parts = torch.split(made, [len(item.chunks) for item in batch])
            self._passed(sum(len(item.chunks) for item in batch), time.monotonic() - begun)
        except Exception as error:  # noqa: BLE001 (it is raised in the song's own thread)
            if len(batch) > 1:
                for item in batch:
                    self._pass([item])
            else:
                batch[0].future.set_exception(error)
            return
        for item, part in zip(batch, parts, strict=True):
            item.future.set_result(part)
