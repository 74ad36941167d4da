"""What the drummer plays: a groove, and fills over the toms at the ends of sections."""

from __future__ import annotations

from dataclasses import dataclass

from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.rhythm import STEPS
from stemwise.datasets.synthesis.signals import Rng

_VELOCITY = {"X": 1.0, "x": 0.72, "o": 0.35, "r": 0.5}
_FILL_STEPS = 8
# Steps of the fill's half bar: which drum is hit (s snare, 1 high tom … 3 floor tom).
_FILLS = ("s.112.22", "ss11s233", "1.1.2.33", "s11s22s3", "112.2333")
_TOMS = {"1": "tom_high", "2": "tom_mid", "3": "tom_low"}


@dataclass(frozen=True)
class Hit:
    """One stroke on one sound of the kit."""

    start_s: float
    sound: str
    velocity: float


def drum_hits(song: Song) -> list[Hit]:
    """Return all strokes of a song; the same song always gives the same strokes."""
    rng = song.rng("drum part")
    fill = _FILLS[rng.integers(len(_FILLS))]
    strokes: list[tuple[float, str, float]] = []
    for bar in range(song.grid.bars):
        if song.plays("drums", bar):
            strokes += _bar(song, bar, fill)
    return [_humanise(song, rng, *stroke) for stroke in strokes]


def _bar(song: Song, bar: int, fill: str) -> list[tuple[float, str, float]]:
    """Return (step, sound, velocity) of one bar."""
    groove, first = song.groove, bar * STEPS
    filled = song.is_fill(bar)
    end = STEPS - _FILL_STEPS if filled else STEPS
    strokes = [
        stroke
        for sound, pattern in (
            ("kick", groove.kick),
            ("snare", groove.snare),
            ("hat", groove.hat),
            ("open_hat", groove.open_hat),
            ("ride", groove.ride),
        )
        for stroke in _row(sound, pattern, first, end)
    ]
    if filled:
        strokes += _fill(fill, first + end)
    if bar == 0 or song.is_fill(bar - 1):
        strokes.append((first, "crash", 0.8))
    return strokes


def _row(sound: str, pattern: str, first: int, end: int) -> list[tuple[float, str, float]]:
    strokes: list[tuple[float, str, float]] = []
    for step, mark in enumerate(pattern[:end]):
        if mark in _VELOCITY:
            strokes.append((first + step, sound, _VELOCITY[mark]))
        if mark == "r":
            strokes.append((first + step + 0.5, sound, 0.8 * _VELOCITY[mark]))
    return strokes


def _fill(pattern: str, first: int) -> list[tuple[float, str, float]]:
    strokes: list[tuple[float, str, float]] = []
    for step, mark in enumerate(pattern):
        if mark != ".":
            # Fills grow towards the next section's first beat.
            strokes.append((first + step, _TOMS.get(mark, "snare"), 0.6 + 0.05 * step))
        if step % 4 == 0:
            strokes.append((first + step, "kick", 0.7))
    return strokes


def _humanise(song: Song, rng: Rng, step: float, sound: str, velocity: float) -> Hit:
    late = rng.normal(0, song.style.kit.timing_s)
    return Hit(
        max(0.0, song.grid.time(step) + late),
        sound,
        velocity * float(rng.uniform(0.85, 1.1)),
    )
