"""Medians of the rounds as a table, and what differs between the ways' stems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

from serving_load.clients import Load
from serving_load.songs import Song

Value = Callable[[Load], float | None]
_COLUMNS: dict[str, tuple[Value, str]] = {
    "audio s per s": (lambda load: load.throughput, ".2f"),
    "p50 s": (lambda load: load.quantile(0.5), ".1f"),
    "p95 s": (lambda load: load.quantile(0.95), ".1f"),
    "CPU s": (lambda load: load.cpu_s, ".0f"),
    "CPU s per audio s": (lambda load: load.cpu_s / load.audio_s, ".2f"),
    "memory MB": (lambda load: load.memory_mb or None, ".0f"),
    "chunks per pass": (lambda load: load.chunks_per_pass, ".2f"),
    "start s": (lambda load: load.start_s or None, ".0f"),
    "lost": (lambda load: len(load.lost), ".0f"),
}


def table(results: Mapping[str, Sequence[Load]]) -> str:
    """Return the medians over the rounds of each way, as Markdown."""
    lines = ["| way | " + " | ".join(_COLUMNS) + " |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for way, loads in results.items():
        cells = [_cell(loads, value, form) for value, form in _COLUMNS.values()]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratios(results: Mapping[str, Sequence[Load]], ours: str) -> list[str]:
    """Say for each other way how many times ours is faster, round by round."""
    said = []
    for way, loads in results.items():
        if way == ours or not all(load.latencies for load in (*loads, *results[ours])):
            continue
        pairs = list(zip(results[ours], loads, strict=True))
        faster = [own.throughput / other.throughput for own, other in pairs]
        sooner = [other.quantile(0.95) / own.quantile(0.95) for own, other in pairs]
        cheaper = [other.cpu_s / own.cpu_s for own, other in pairs]
        said.append(
            f"{ours} / {way}: throughput {_range(faster)}, p95 latency 1/{_range(sooner)}, "
            f"CPU time 1/{_range(cheaper)}"
        )
    return said


def events(loads: Sequence[Load]) -> str:
    """Return what was counted, over all rounds."""
    total = sum((load.seen for load in loads), Counter[str]())
    return ", ".join(f"{what}: {count}" for what, count in sorted(total.items())) or "nothing"


def difference_dbfs(
    songs: Sequence[Song], stems: Sequence[str], one: Path, other: Path
) -> float | None:
    """Return the largest RMS difference of a stem between two folders; None where all are equal."""
    worst = 0.0
    whole = (s for s in songs if (one / s.name).is_dir() and (other / s.name).is_dir())
    for song in whole:
        for stem in stems:
            pair = [
                soundfile.read(folder / song.name / f"{stem}.flac", dtype="float64")[0]
                for folder in (one, other)
            ]
            worst = max(worst, float(np.mean(np.square(pair[0] - pair[1]))))
    return 10 * float(np.log10(worst)) if worst else None


def _cell(loads: Sequence[Load], value: Value, form: str) -> str:
    values = [found for load in loads if load.latencies and (found := value(load)) is not None]
    return format(median(values), form) if values else ""


def _range(values: Sequence[float]) -> str:
    return f"{median(values):.2f}x ({min(values):.2f} to {max(values):.2f})"
