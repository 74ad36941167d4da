"""What the CPU seconds of an evaluation go to: songs in this process, with stopwatches in the seams."""

from __future__ import annotations

import functools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from threadpoolctl import threadpool_limits

from stemwise.audio import decoding
from stemwise.datasets.folder import Folder
from stemwise.datasets.kept import KeptStems
from stemwise.evaluation import zoo
from stemwise.evaluation.level import Level
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.work import Work
from stemwise.models.registry import get, prepare
from stemwise.separation.device.halving import Halving
from stemwise.separation.separator import Separator
from stemwise.storage import parts
from stemwise.storage.estimates import Entry, EstimateStore

STORAGE = ("decode", "store")
_SEAMS: tuple[tuple[Any, str, str], ...] = (
    (decoding, "_read_local", "decode"),
    (zoo, "audio_digest", "store"),
    (EstimateStore, "get", "store"),
    (EstimateStore, "put", "store"),
    (EstimateStore, "settle", "store"),
    (Entry, "read", "store"),
    (KeptStems, "put", "store"),
    (KeptStems, "get", "store"),
    (parts, "encode", "store"),
    (Halving, "__call__", "models"),
    (Level, "measure", "measure"),
)


class HasCpu(Protocol):
    """A run of which it is known what each role of a process took."""

    cpu_s: dict[str, float]


class Stopwatch:
    """CPU seconds of nested pieces of work, each without those within it."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return `work` with its time taken."""

        @functools.wraps(work)
        def run(*arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return work(*arguments, **named)
            finally:
                whole = time.process_time() - began
                self.spent[name] += whole - self._inner.pop()
                self._inner[-1] += whole

        return run

    def stream(self, work: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Return a function whose items take time as overlap-add."""

        @functools.wraps(work)
        def run(*arguments: Any, **named: Any) -> Iterator[Any]:
            items = work(*arguments, **named)
            following = self.timed("overlap-add", lambda: next(items, None))
            while (item := following()) is not None:
                yield item

        return run


def of_songs(songs: Path, names: Sequence[str], output: Path) -> dict[str, float]:
    """Return what the seconds of evaluating all songs go to, one thread, default scores."""
    watch = Stopwatch()
    kept = [(owner, name, vars(owner)[name]) for owner, name, _ in _SEAMS]
    kept.append((Separator, "stream", vars(Separator)["stream"]))
    for owner, name, label in _SEAMS:
        setattr(owner, name, watch.timed(label, vars(owner)[name]))
    Separator.stream = watch.stream(Separator.stream)  # type: ignore[method-assign]
    try:
        _evaluate(songs, names, output, watch)
    finally:
        for owner, name, own in kept:
            setattr(owner, name, own)
    return dict(watch.spent)


def _evaluate(songs: Path, names: Sequence[str], output: Path, watch: Stopwatch) -> None:
    tracks = Folder(root=songs).tracks()
    work = Work(
        tracks=tracks,
        fingerprints={track.track_id: "benchmark" for track in tracks},
        models=[prepare(get(name)) for name in names],
        files=(),
        metric=MetricSettings(),
        store=output / "store",
        parts=output / "parts",
        device="cpu",
    )
    torch.set_num_threads(1)
    with threadpool_limits(1):
        evaluate = watch.timed("rest", work.evaluator(loaded=True))
        for track in tracks:
            result = evaluate(track)
            parts.encode(result.tables, "benchmark", result.failures)


def shares(songs: Path, names: Sequence[str], runs: Sequence[HasCpu], seconds: float) -> None:
    """Print what a second of audio takes, and the share of Ray, storage and I/O in whole runs."""
    with tempfile.TemporaryDirectory() as output:
        spent = of_songs(songs, names, Path(output))
    songs_s = sum(spent.values())
    print("| of a song's work | CPU ms per second of audio | share |\n|---|---|---|")
    for name, value in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"| {name} | {1000 * value / seconds:.1f} | {value / songs_s:.1%} |")
    storage = sum(spent.get(name, 0.0) for name in STORAGE)
    print("\n| processes of a run | CPU s | share |\n|---|---|---|")
    run = runs[-1]
    total = sum(run.cpu_s.values())
    for role, value in sorted(run.cpu_s.items(), key=lambda item: -item[1]):
        print(f"| {role} | {value:.1f} | {value / total:.1%} |")
    ray = sum(value for role, value in run.cpu_s.items() if "Ray" in role)
    print(
        f"\nRay {ray / total:.1%}, storage and I/O {storage / total:.1%} of the run; Ray's processes "
        "start once per run, whatever its length."
    )
