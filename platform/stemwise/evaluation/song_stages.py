"""The stages of a worker on a GPU: a process separates, others encode and measure, all on one machine.

    decode ─► separate ─► raw estimates in the scratch folder ─► measure, encode
    └─ one process, two songs ─┘                                └ processes without models ┘

A song that waits for a process to measure it holds no memory, only scratch space, and their number is
bounded: where measuring is slower than the GPU, the GPU waits.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import replace

from stemwise.evaluation.cluster import SLOTS, ClusterSettings, in_flight
from stemwise.evaluation.passes import known_before
from stemwise.evaluation.settings import Notify
from stemwise.evaluation.song_process import Answer, SongProcess
from stemwise.evaluation.work import Work

# Measuring processes that are loaded before the first song; each takes seconds, and memory.
_READY = 2


class SongStages:
    """Evaluates songs; as many threads may call it at once as songs are to be in flight.

    Args:
        work: the run.
        cluster: attempts, time limit, threads.
        notify: called after each stage of a song.
        beside: processes that measure; 0 lets the one with the models do it.
    """

    def __init__(
        self, work: Work, cluster: ClusterSettings, notify: Notify, beside: int = 0
    ) -> None:
        self._room = threading.BoundedSemaphore(in_flight(beside))
        self._free: queue.LifoQueue[SongProcess] = queue.LifoQueue()
        self._work, self._beside = work, beside
        separating = replace(work, hands_on=True) if beside else work
        self._first = SongProcess(separating, cluster, notify, SLOTS if beside else 1)
        self._measuring = [
            SongProcess(replace(work, loaded=()), cluster, notify) for _ in range(beside)
        ]
        for process in self._measuring:
            self._free.put(process)
        # the last in the queue are the first that are used; others load when they are needed
        for process in self._measuring[-_READY:]:
            threading.Thread(target=process.start, daemon=True).start()

    def evaluate(self, number: int) -> Answer:
        """Return the rows of a track, those of a song that was given up included.

        Raises:
            StemwiseError: something that is true of every track.
        """
        with self._room:
            known = known_before(self._work, self._work.tracks[number])
            answer = self._first.evaluate(number, known)
            if not self._beside or answer.known is None:
                return answer
            process = self._free.get()
            try:
                measured = process.evaluate(number, answer.known)
            finally:
                self._free.put(process)
            if measured.known is None:  # given up: nobody will take what was handed on
                self._work.store_here().drop(answer.known.keys.values(), answer.known.folder)
            return measured

    def close(self) -> None:
        """End all processes."""
        for process in (self._first, *self._measuring):
            process.close()
