"""What bass, guitar, piano and the others play: patterns and chords become notes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.harmony import Chord, above, close_voicing, nearest
from stemwise.datasets.synthesis.rhythm import STEPS, Beat, Note, parse
from stemwise.datasets.synthesis.signals import Rng
from stemwise.datasets.synthesis.style import Part

_TIMING_S = 0.006


@dataclass(frozen=True)
class Moment:
    """A beat of a pattern in its song: sixteenth step from the start, index within the pattern."""

    step: int
    index: int
    beat: Beat


def play_part(song: Song, player: str) -> list[Note]:
    """Return the notes of one accompanying instrument over the whole song."""
    rng, part = song.rng(f"{player} part"), song.parts[player]
    rhythm = parse(part.patterns[rng.integers(len(part.patterns))])
    notes: list[Note] = []
    for bar in range(song.grid.bars):
        if song.plays(player, bar):
            for index, beat in enumerate(rhythm):
                notes += _beat(song, part, Moment(bar * STEPS + beat.step, index, beat), rng)
    return notes


def _beat(song: Song, part: Part, moment: Moment, rng: Rng) -> list[Note]:
    step, beat = moment.step, moment.beat
    start = max(0.0, song.grid.time(step) + float(rng.normal(0, _TIMING_S)))
    length = song.grid.span(step, beat.length)
    velocity = min(1.0, beat.velocity * float(rng.uniform(0.85, 1.12)))
    pitches = _pitches(song, part, moment, rng)
    if part.manner == "strum":
        # Down strokes on the beat run from low to high, up strokes back and over fewer strings.
        down = beat.step % 4 == 0
        pitches = pitches if down else pitches[::-1][: max(2, part.count - 1)]
        stagger = float(rng.uniform(0.006, 0.016))
    else:
        stagger = float(rng.uniform(0, 0.006)) if len(pitches) > 1 else 0.0
    return [
        Note(start + i * stagger, length * 0.96, pitch, velocity * float(rng.uniform(0.9, 1.0)))
        for i, pitch in enumerate(pitches)
    ]


def _pitches(song: Song, part: Part, moment: Moment, rng: Rng) -> list[int]:
    """Choose the pitches of one beat after the part's manner."""
    step, index = moment.step, moment.index
    chord = song.chord_at(step)
    if part.manner == "root":
        return [_bass(chord, part.low, index, rng)]
    if part.manner == "walk":
        return [_walk(song, chord, part.low, step, rng)]
    if part.manner == "line":
        return [_line(song, chord, part.low, step, rng)]
    if part.sound == "driven":
        root = above(chord.root, part.low)
        return [root, root + 7, root + 12]
    rootless = part.manner == "block" and part.sound == "grand"
    voicing = close_voicing(chord, part.low, part.count, rootless)
    if part.manner == "arpeggio":
        # Leaps of two or three, whichever visits every tone.
        leap = 2 if len(voicing) % 2 else 3
        return [voicing[(index * leap + step // STEPS) % len(voicing)]]
    return list(voicing)


def _bass(chord: Chord, low: int, index: int, rng: Rng) -> int:
    """Mostly the root; later beats may take its octave or the fifth."""
    root = above(chord.root, low)
    if index == 0 or rng.random() < 0.75:
        return root
    return root + int(rng.choice([7, 12])) if root + 7 < low + 18 else root


def _walk(song: Song, chord: Chord, low: int, step: int, rng: Rng) -> int:
    """Root on the chord's first beat, chord tones between, a semitone into the next chord."""
    root = above(chord.root, low)
    following = song.chord_at(step + 4)
    if following != chord:
        target = above(following.root, low)
        return target + (1 if target <= root else -1)
    if step % 8 == 0:
        return root
    return root + int(rng.choice(chord.tones[1:]))


def _line(song: Song, chord: Chord, low: int, step: int, rng: Rng) -> int:
    """A melody: a slow wave over the scale that leans on chord tones at the beats."""
    scale = song.key.scale(low, low + 17)
    wave = 0.5 + 0.35 * np.sin(step * 0.23 + song.seed) + 0.12 * rng.standard_normal()
    pitch = scale[int(np.clip(wave, 0, 0.99) * len(scale))]
    return nearest(chord.classes, pitch) if step % 8 == 0 else pitch
