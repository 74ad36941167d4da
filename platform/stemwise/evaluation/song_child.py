"""The process that holds the models of a run and works on one song after another.

Whatever ends it (a fault of the GPU, the system when memory is short) ends only this: `song_process` is
the side that notices, counts and starts another.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from stemwise.core.errors import StemwiseError
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.known import Known
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.work import Work
from stemwise.evaluation.zoo import describe
from stemwise.storage import parts

if TYPE_CHECKING:
    Channel = Connection[Any, Any]


def main(messages: int, lifeline: int) -> None:
    """Load the models, then answer each track's number with its rows, until the pipe closes.

    Args:
        messages: descriptor of the pipe for numbers and answers.
        lifeline: descriptor of a pipe that is closed when the other side ends, however that ends.
    """
    _die_with_parent(lifeline)
    faulthandler.enable()
    pipe: Channel = Connection(messages)
    work, cluster = pipe.recv()
    try:
        evaluate = _loaded(work, cluster, pipe)
    except StemwiseError as error:
        pipe.send(("impossible", error))
        return
    pipe.send(("ready",))
    while True:
        try:
            number, known = pipe.recv()
        except EOFError:
            return
        _work_on(work, number, known, evaluate, pipe)


def _loaded(work: Work, cluster: ClusterSettings, pipe: Channel) -> TrackEvaluator:
    import torch

    torch.set_num_threads(max(1, int(cluster.cpus_per_actor)))
    return work.evaluator(
        loaded=work.stage != "measure",
        batch_size=cluster.batch_size,
        notify=lambda *event: pipe.send(("event", *event)),
    )


def _work_on(
    work: Work, number: int, known: Known | None, evaluate: TrackEvaluator, pipe: Channel
) -> None:
    track = work.tracks[number]
    try:
        result = evaluate(track, known)
        fingerprint = work.fingerprints[track.track_id]
        encoded = parts.encode(result.tables, fingerprint, result.failures)
        told = Known.of(evaluate.zoo.models, result.tables["estimates"])
        pipe.send(("done", encoded, result.failures, told))
    except StemwiseError as error:  # true of every track: the run cannot give what was asked for
        pipe.send(("impossible", error))
    except Exception as error:  # noqa: BLE001 - told, counted, and tried again
        pipe.send(("failed", describe(error)))


def _die_with_parent(lifeline: int) -> None:
    """End this process when the other end of a pipe is closed, as happens when its owner ends."""

    def wait() -> None:
        os.read(lifeline, 1)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
