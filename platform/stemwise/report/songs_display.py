"""What a person sees while songs are separated: one bar for all, those in work, speed, time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_QUIET_S = 30.0  # between lines where the output is a file
_WIDEST = 36  # characters of a song's name


class SongsDisplay:
    """Bars on a terminal; elsewhere a line now and then.

    Args:
        console: to show them on.
        total: songs to separate.
        models: how many hear each song.
        rate: samples per second of music.
    """

    def __init__(self, console: Console, total: int, models: int, rate: int) -> None:
        self._console, self._total = console, total
        self._models, self._rate = max(1, models), rate
        self._shown = not console.quiet and console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[told]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not self._shown,
        )
        self._all = self._bars.add_task("all songs", total=total, told="", visible=total > 1)
        self._lock = threading.Lock()
        self._shares: dict[int, float] = {}
        self._music: dict[int, float] = {}
        self._began = self._said = time.monotonic()
        self._done = 0

    @contextmanager
    def showing(self) -> Iterator[SongsDisplay]:
        """Keep the bars on screen while the block runs."""
        with self._bars:
            self._began = self._said = time.monotonic()
            yield self

    @contextmanager
    def song(self, name: str) -> Iterator[SongShown]:
        """Show a song while the block works on it."""
        short = name if len(name) <= _WIDEST else name[: _WIDEST - 1] + "…"
        task = self._bars.add_task(short, total=1.0, told="reading")
        try:
            yield SongShown(self, task)
        finally:
            self._bars.remove_task(task)
            with self._lock:
                self._done += 1
                self._shares[task] = 1.0
            self._tell()

    def update(self, task: TaskID, share: float, length: int, model: str) -> None:
        """Show how far a song is: the share of all its models' work, and which one is at work."""
        with self._lock:
            self._shares[task] = share
            self._music[task] = share * length / self._rate
        self._bars.update(task, completed=share, told=model)
        self._tell()

    @property
    def models(self) -> int:
        """How many models hear each song."""
        return self._models

    def _tell(self) -> None:
        with self._lock:
            share = sum(self._shares.values())
            elapsed = max(1e-9, time.monotonic() - self._began)
            speed = f"{sum(self._music.values()) / elapsed:.1f}× real time"
            done = f"{self._done} of {self._total} songs"
            if self._shown:
                self._bars.update(self._all, completed=share, told=f"{done}, {speed}")
                return
            now = time.monotonic()
            if now - self._said < _QUIET_S or self._done == self._total:
                return
            self._said = now
            left = elapsed * (self._total - share) / share if share > 0 else None
        text = f"{done}, {speed}" + (f", about {duration(left)} left" if left is not None else "")
        self._console.print(text, style="dim", highlight=False)


class SongShown:
    """One song of a display."""

    def __init__(self, display: SongsDisplay, task: TaskID) -> None:
        self._display, self._task = display, task
        self._finished: dict[str, int] = {}

    def progress(self, model: str, done: int, length: int) -> None:
        """Show that a model has finished so many of the song's samples."""
        self._finished[model] = done
        share = sum(self._finished.values()) / (length * self._display.models)
        self._display.update(self._task, min(1.0, share), length, model)


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
