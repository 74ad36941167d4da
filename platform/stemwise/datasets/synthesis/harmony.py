"""Keys, chords written as roman numerals, and voicings."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)
_BLUES_MINOR = (0, 3, 5, 7, 10)
_PENTATONIC = (0, 2, 4, 7, 9)
_NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII")
_NUMERAL = re.compile(r"(b?)([iv]+|[IV]+)(maj7|m7b5|sus|5|7|)")


@dataclass(frozen=True)
class Chord:
    """A chord: pitch class of its root (0 = C) and its tones in semitones above it."""

    root: int
    tones: tuple[int, ...]

    @property
    def classes(self) -> tuple[int, ...]:
        """Pitch classes of the tones, root first."""
        return tuple((self.root + tone) % 12 for tone in self.tones)


@dataclass(frozen=True)
class Key:
    """A tonic (0 = C) and a mode; `five_tones` restricts melodies to the pentatonic scale."""

    tonic: int
    minor: bool
    five_tones: bool = False

    def scale(self, low: int, high: int) -> tuple[int, ...]:
        """Return the MIDI pitches of the scale from `low` to `high`, both included."""
        steps: tuple[int, ...]
        if self.five_tones:
            steps = _BLUES_MINOR if self.minor else _PENTATONIC
        else:
            steps = _MINOR if self.minor else _MAJOR
        return tuple(p for p in range(low, high + 1) if (p - self.tonic) % 12 in steps)

    def chord(self, numeral: str) -> Chord:
        """Read a roman numeral relative to the major scale on the tonic: `ii7`, `bVI`, `Vsus`."""
        match = _NUMERAL.fullmatch(numeral)
        if match is None:
            raise ValueError(f"{numeral!r} is not a chord numeral")
        flat, degree, suffix = match.groups()
        root = self.tonic + _MAJOR[_NUMERALS.index(degree.upper())] - len(flat)
        third = 3 if degree.islower() else 4
        tones = {
            "": (0, third, 7),
            "5": (0, 7),
            "sus": (0, 5, 7),
            "7": (0, third, 7, 10),
            "maj7": (0, third, 7, 11),
            "m7b5": (0, 3, 6, 10),
        }[suffix]
        return Chord(root % 12, tones)


def above(pitch_class: int, low: int) -> int:
    """Return the lowest MIDI pitch of a pitch class that is not below `low`."""
    return low + (pitch_class - low) % 12


def close_voicing(chord: Chord, low: int, count: int, rootless: bool = False) -> tuple[int, ...]:
    """Stack `count` chord tones upwards from `low`, without leaving one out.

    A fixed `low` makes successive chords share tones and move little, as hands do.
    """
    tones = chord.classes[1:] if rootless and len(chord.classes) > 3 else chord.classes
    ladder = sorted(above(tone, low) + 12 * octave for tone in tones for octave in range(3))
    return tuple(ladder[:count])


def nearest(classes: tuple[int, ...], pitch: int) -> int:
    """Return the pitch closest to `pitch` whose pitch class is among `classes`."""
    return min(
        (p for p in range(pitch - 6, pitch + 7) if p % 12 in classes), key=lambda p: abs(p - pitch)
    )
