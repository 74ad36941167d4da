"""What makes Serve replace an ensemble replica, without Ray."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("ray.serve")

from stemwise.core.errors import NotReadyError, StemwiseError
from stemwise.serving.graph.ensemble import Ensemble
from stemwise.serving.jobs.records import Status


class Store:
    def __init__(self) -> None:
        self.away = False

    def counts(self) -> dict[Status, int]:
        if self.away:
            raise NotReadyError("The job database does not answer.")
        return {Status.QUEUED: 2}

    def oldest_queued_age(self) -> float:
        return 3.5


def replica(store: Store, alive: list[bool], shown: list[tuple[object, ...]]) -> Ensemble:
    made = Ensemble.__new__(Ensemble)
    made._begun = threading.Event()
    made._begun.set()
    made._runner = SimpleNamespace(alive=lambda: alive[0], stop=lambda: None)
    made._store = store
    made._metrics = SimpleNamespace(queue=lambda *seen: shown.append(seen))
    return made


def test_health_shows_the_queue_and_outlives_a_database_that_is_away():
    store, alive, shown = Store(), [True], []
    ensemble = replica(store, alive, shown)
    ensemble.check_health()
    assert shown == [({"queued": 2}, 3.5)]
    store.away = True
    ensemble.check_health()  # another replica would not find it either
    assert len(shown) == 1
    alive[0] = False
    with pytest.raises(StemwiseError, match="no longer takes jobs"):
        ensemble.check_health()
