"""Tempo grid, rhythm patterns and notes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from stemwise.core.types import SAMPLE_RATE

STEPS = 16
_VELOCITY = {"X": 1.0, "x": 0.78, "o": 0.45}


@dataclass(frozen=True)
class Note:
    """One tone: seconds from the start of the song, MIDI pitch, velocity 0 … 1."""

    start_s: float
    length_s: float
    pitch: float
    velocity: float


@dataclass(frozen=True)
class Beat:
    """One entry of a pattern: its step, its length in steps, its velocity."""

    step: int
    length: int
    velocity: float


@dataclass(frozen=True)
class Grid:
    """Sixteenth steps in 4/4 time, with swing as the share of the first half (0.5 is straight)."""

    tempo_bpm: float
    samples: int
    eighth_swing: float = 0.5
    sixteenth_swing: float = 0.5

    @property
    def duration_s(self) -> float:
        """Length of the song in seconds."""
        return self.samples / SAMPLE_RATE

    @property
    def bars(self) -> int:
        """Number of bars begun."""
        return ceil(self.duration_s * self.tempo_bpm / 240)

    def time(self, step: float) -> float:
        """Return the time of a step from the song's start, in seconds, with swing."""
        beat = step / 4
        whole = floor(beat)
        half = _swing(beat - whole, self.eighth_swing) * 2
        second = min(floor(half), 1)
        within = (second + _swing(half - second, self.sixteenth_swing)) / 2
        return (whole + within) * 60 / self.tempo_bpm

    def span(self, step: float, steps: float) -> float:
        """Return how many seconds `steps` last from `step` on."""
        return self.time(step + steps) - self.time(step)


def _swing(position: float, share: float) -> float:
    """Stretch 0 … 1 so that 0.5 falls on `share`."""
    if position < 0.5:
        return position * 2 * share
    return share + (position - 0.5) * 2 * (1 - share)


def parse(pattern: str) -> tuple[Beat, ...]:
    """Read a pattern: `X x o` start a note (loud to soft), `-` holds it, `.` rests.

    >>> parse("x-.X")
    (Beat(step=0, length=2, velocity=0.78), Beat(step=3, length=1, velocity=1.0))
    """
    beats = []
    for step, mark in enumerate(pattern):
        if mark in _VELOCITY:
            rest = pattern[step + 1 :]
            held = len(rest) - len(rest.lstrip("-"))
            beats.append(Beat(step, 1 + held, _VELOCITY[mark]))
    return tuple(beats)
