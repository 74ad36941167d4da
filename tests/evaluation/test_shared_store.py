"""Runs at once on one store: each separation is computed once, and the tables are the same."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.storage.claims import Claim
from stemwise.storage.estimates import EstimateStore


def slow(chunks):
    time.sleep(0.02)
    return torch.stack([0.5 * chunks, 0.25 * chunks], dim=1)


def evaluators(model, store, names=("a", "b", "c")):
    """Return two evaluators with models of their own, and the models."""
    pairs = [[model(name, function=slow) for name in names] for _ in range(2)]
    made = [
        TrackEvaluator(Zoo([loaded for loaded, _ in pair]), store, MetricSettings())
        for pair in pairs
    ]
    return made, [[fake for _, fake in pair] for pair in pairs]


def test_two_runs_at_once_compute_each_separation_once(model, song, store):
    track = song()
    (alone, _), _ = evaluators(model, EstimateStore(store.root.parent / "alone"))
    expected = alone(track)
    both, fakes = evaluators(model, store)
    start = threading.Barrier(2)

    def work(evaluate):
        start.wait()
        return evaluate(track)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(work, both))
    assert (expected.made, expected.found) == (3, 0)
    assert sum(result.made for result in results) == sum(result.found for result in results) == 3
    for name in range(3):  # no model was called by both
        assert sorted(bool(pair[name].calls) for pair in fakes) == [False, True]
    assert all(result.made > 0 for result in results)  # whom one makes, the other leaves for later
    for result in results:
        assert [row["snr"] for row in result.tables["scores"]] == [
            row["snr"] for row in expected.tables["scores"]
        ]


def test_runs_on_two_machines_do_not_wait_for_each_other(model, song, store):
    """What each has made lies raw, where the other cannot see it, until its song is measured."""
    track, start = song(), threading.Barrier(2)

    def first(chunks):
        if not met.is_set():
            met.set() if start.wait(10) == 0 else met.wait(10)
        return slow(chunks)

    met = threading.Event()
    runs = []
    for names in ("ab", "ba"):
        models = [model(names[0], function=first)[0], model(names[1], function=slow)[0]]
        own = EstimateStore(store.root, store.root.parent / f"scratch-{names}", raw=True)
        runs.append(TrackEvaluator(Zoo(models), own, MetricSettings()))
    results = []
    threads = [
        threading.Thread(target=lambda run=run: results.append(run(track)), daemon=True)
        for run in runs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [(result.made, result.found) for result in results] == [(1, 1)] * 2
    assert all(row["status"] == "ok" for result in results for row in result.tables["scores"])


def test_what_another_run_makes_comes_last_and_in_its_place(model, song, store):
    track = song()
    ((first, _), (fakes, _)) = evaluators(model, store, ("a", "b"))
    first(track)
    keys = sorted(path.parent.name for path in store.root.glob("*/*/entry.json"))
    for key in keys:
        (store.root / key[:2] / key / "entry.json").unlink()
    calls = [fake.calls for fake in fakes]
    held = {key: store.claim(key) for key in keys}
    assert all(isinstance(claim, Claim) for claim in held.values())
    order = []
    thread = threading.Thread(target=lambda: order.append(first(track)))
    thread.start()
    time.sleep(0.3)
    assert [fake.calls for fake in fakes] == calls  # it waits, and separates nothing
    for claim in held.values():
        claim.release()
    thread.join(10)
    models = [row["model"] for row in order[0].tables["estimates"]]
    assert list(dict.fromkeys(models)) == ["a", "b"]
    assert order[0].made == 2
