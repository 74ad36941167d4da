"""Clients in threads: each takes the next song when it has the stems of its last one."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread

import soundfile

from serving_load.songs import Song


class LostError(Exception):
    """A song whose stems a client did not get; the message says why."""


@dataclass
class Load:
    """What came of some songs: seconds of each, and why some were lost."""

    latencies: dict[str, float] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    audio_s: float = 0.0
    memory_mb: float = 0.0
    start_s: float = 0.0
    chunks_per_pass: float | None = None
    lock: Lock = field(default_factory=Lock, repr=False)

    def note(self, what: str, count: int = 1) -> None:
        """Count something that happened."""
        with self.lock:
            self.seen[what] += count

    def quantile(self, share: float) -> float:
        """Return the latency that this share of the songs did not exceed."""
        ordered = sorted(self.latencies.values())
        return ordered[max(0, -(-len(ordered) * round(100 * share) // 100) - 1)]

    @property
    def throughput(self) -> float:
        """Seconds of audio per second."""
        return self.audio_s / self.wall_s


# Brings one song's stems to `<folder>/<stem>.flac`, counting in the load what happens on the way.
Way = Callable[[Song, Path, Load], None]


def drive(
    songs: Sequence[Song], clients: int, way: Way, folder: Path, limit_s: float, load: Load
) -> None:
    """Let `clients` work through the songs; what is not begun after `limit_s` is lost."""
    todo: queue.SimpleQueue[Song] = queue.SimpleQueue()
    for song in songs:
        todo.put(song)
    begun = time.monotonic()

    def work() -> None:
        while True:
            try:
                song = todo.get_nowait()
            except queue.Empty:
                return
            _one(song, way, folder / song.name, load, begun + limit_s)

    threads = [Thread(target=work, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.wall_s = time.monotonic() - begun
    load.audio_s = sum(song.seconds for song in songs if song.name in load.latencies)


def _one(song: Song, way: Way, folder: Path, load: Load, deadline: float) -> None:
    begun = time.monotonic()
    folder.mkdir(parents=True)
    try:
        if begun > deadline:
            raise LostError("the time was over before it began")
        way(song, folder, load)
        seconds = time.monotonic() - begun
        with load.lock:
            load.latencies[song.name] = seconds
    except Exception as error:  # noqa: BLE001 (whatever it was, the song is lost and it is said)
        with load.lock:
            load.lost.append(f"{song.name}: {type(error).__name__}: {error}")


def check(songs: Sequence[Song], folder: Path, load: Load, stems: Sequence[str]) -> None:
    """Count songs as lost whose stems are not all there in full length."""
    for song in songs:
        if song.name not in load.latencies:
            continue
        for stem in stems:
            path = folder / song.name / f"{stem}.flac"
            if not path.is_file() or soundfile.info(path).frames != song.frames:
                load.lost.append(f"{song.name}: {stem} is absent or not whole")
