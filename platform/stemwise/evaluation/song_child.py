"""The process that holds the models of a run and works on songs, one or two at a time.

Whatever ends it (a fault of the GPU, the system when memory is short) ends only this: `song_process` is
the side that notices, counts and starts another.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from stemwise.core.errors import StemwiseError
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.known import Known
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.turns import Turns
from stemwise.evaluation.work import Work
from stemwise.evaluation.zoo import describe
from stemwise.storage import parts

if TYPE_CHECKING:
    Channel = Connection[Any, Any]


class _Speaker:
    """Sends messages of several threads, each whole."""

    def __init__(self, pipe: Channel) -> None:
        self._pipe, self._lock = pipe, threading.Lock()

    def __call__(self, *message: object) -> None:
        with self._lock:
            self._pipe.send(message)


def main(messages: int, lifeline: int) -> None:
    """Load the models, then answer each track's number with its rows, until the pipe closes.

    Args:
        messages: descriptor of the pipe for numbers and answers.
        lifeline: descriptor of a pipe that is closed when the other side ends, however that ends.
    """
    _die_with_parent(lifeline)
    faulthandler.enable()
    pipe: Channel = Connection(messages)
    say = _Speaker(pipe)
    work, cluster, slots = pipe.recv()
    turns = Turns()
    try:
        evaluate = _loaded(work, cluster, say, turns)
    except StemwiseError as error:
        say("impossible", error)
        return
    say("ready")
    with ThreadPoolExecutor(slots) as threads:
        while True:
            try:
                number, known = pipe.recv()
            except EOFError:
                return
            threads.submit(_work_on, work, number, known, evaluate, say, turns)


def _loaded(work: Work, cluster: ClusterSettings, say: _Speaker, turns: Turns) -> TrackEvaluator:
    import torch

    torch.set_num_threads(max(1, int(cluster.cpus_per_actor)))
    numbers = {track.track_id: number for number, track in enumerate(work.tracks)}
    return work.evaluator(
        loaded=work.stage != "measure",
        batch_size=cluster.batch_size,
        notify=lambda track, *event: say("event", numbers[track], track, *event),
        turns=turns,
    )


def _work_on(
    work: Work,
    number: int,
    known: Known,
    evaluate: TrackEvaluator,
    say: _Speaker,
    turns: Turns,
) -> None:
    track = work.tracks[number]
    try:
        with turns.song():
            result = evaluate(track, known)
        fingerprint = work.fingerprints[track.track_id]
        counts = (result.failures, result.made, result.found)
        encoded = parts.encode(result.tables, fingerprint, *counts)
        rows = result.tables["estimates"]
        own = evaluate.zoo.own_stems()
        told = Known.of(own, rows, result.folder, known.attempt, result.made)
        say("done", number, encoded, result.failures, told)
    except StemwiseError as error:  # true of every track: the run cannot give what was asked for
        say("impossible", number, error)
    except Exception as error:  # noqa: BLE001 - told, counted, and tried again
        say("failed", number, describe(error))


def _die_with_parent(lifeline: int) -> None:
    """End this process when the other end of a pipe is closed, as happens when its owner ends."""

    def wait() -> None:
        os.read(lifeline, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))  # what follows is for whoever looks at the list of processes
