"""What the singers sing: phrases of syllables for the lead, thirds and fifths behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.harmony import close_voicing, nearest
from stemwise.datasets.synthesis.rhythm import STEPS, Note, parse
from stemwise.datasets.synthesis.signals import Rng

_RANGES = {"male": (48, 66), "female": (57, 76)}
_SPEECH_RANGES = {"male": (43, 53), "female": (53, 63)}
_CONSONANTS = ("", "", "l", "m", "n", "r", "w", "d", "t", "t", "k", "s", "s", "sh", "f", "h", "b")
_VOWELS = ("a", "a", "ae", "e", "i", "i", "o", "u", "uh", "uh", "er")
_PHRASE_BARS = 2


@dataclass(frozen=True)
class Syllable:
    """A sung note with the consonant that opens it and its vowel (see `vocal_tract`)."""

    note: Note
    onset: str
    vowel: str


Phrase = tuple[Syllable, ...]


def lead_phrases(song: Song) -> list[Phrase]:
    """Return the lead voice's phrases: motifs that return in the order A A B A."""
    rng, singing = song.rng("lead melody"), song.style.singing
    templates = rng.permutation(len(singing.phrases))
    motifs: dict[int, list[int]] = {}
    phrases = []
    for index, bar in enumerate(range(0, song.grid.bars, _PHRASE_BARS)):
        template = int(templates[(0, 0, 1, 0)[index % 4] % len(templates)])
        pattern = singing.phrases[template]
        motif = motifs.setdefault(template, _motif(len(parse(pattern)), rng))
        phrases.append(_phrase(song, bar, pattern, motif, rng))
    return [phrase for phrase in phrases if phrase]


def _motif(count: int, rng: Rng) -> list[int]:
    """Draw a contour: scale steps from note to note, mostly small."""
    steps = rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 3], size=count)
    return [int(step) for step in steps]


def _phrase(song: Song, bar: int, pattern: str, motif: list[int], rng: Rng) -> Phrase:
    singing, grid = song.style.singing, song.grid
    ranges = _SPEECH_RANGES if singing.speech else _RANGES
    low, high = ranges[song.voice]
    scale = song.key.scale(low, high)
    place = len(scale) // 2
    syllables = []
    for beat, move in zip(parse(pattern), motif, strict=True):
        place = int(np.clip(place + move, 0, len(scale) - 1))
        step = bar * STEPS + beat.step
        pitch = scale[place]
        if beat.step % 4 == 0 or beat.length > 2:
            pitch = nearest(song.chord_at(step).classes, pitch)
        start = grid.time(step) + singing.delay_s + float(rng.normal(0, 0.012))
        if start < grid.duration_s:
            length = grid.span(step, beat.length) * float(rng.uniform(0.9, 1.0))
            velocity = beat.velocity * float(rng.uniform(0.8, 1.1))
            note = Note(max(0.0, start), length, pitch, velocity)
            syllables.append(_syllable(note, rng))
    return tuple(syllables)


def _syllable(note: Note, rng: Rng) -> Syllable:
    onset = _CONSONANTS[rng.integers(len(_CONSONANTS))]
    return Syllable(note, onset, _VOWELS[rng.integers(len(_VOWELS))])


def backing_voices(song: Song, lead: list[Phrase]) -> list[list[Phrase]]:
    """Return two or three backing singers' phrases, each singer a list.

    They join some of the lead's phrases in thirds and fifths, and hold chords under the others.
    """
    rng, singing = song.rng("backing melody"), song.style.singing
    joins = rng.random(len(lead)) < singing.backing_share
    joins[rng.integers(len(lead)) if len(lead) else 0 :][:1] = True
    singers: list[list[Phrase]] = []
    for part, interval in enumerate((2, 4, -3)[: 2 if singing.speech else 3]):
        phrases = [
            _harmony(song, phrase, interval, rng) if join else _chord_tone(song, phrase, part, rng)
            for phrase, join in zip(lead, joins, strict=True)
        ]
        singers.append([phrase for phrase in phrases if phrase])
    return singers


def _harmony(song: Song, phrase: Phrase, interval: int, rng: Rng) -> Phrase:
    """Sing along some scale steps away; a rapper's partners only double the line's end."""
    if song.style.singing.speech:
        return tuple(_shifted(s, 12 if interval == 4 else 0, rng) for s in phrase[-4:])
    scale = song.key.scale(36, 96)
    out = []
    for syllable in phrase:
        place = int(np.searchsorted(scale, syllable.note.pitch))
        pitch = scale[int(np.clip(place + interval, 0, len(scale) - 1))]
        out.append(_shifted(syllable, pitch - syllable.note.pitch, rng))
    return tuple(out)


def _shifted(syllable: Syllable, semitones: float, rng: Rng) -> Syllable:
    note = syllable.note
    return replace(
        syllable,
        note=replace(
            note,
            start_s=max(0.0, note.start_s + float(rng.normal(0.008, 0.012))),
            pitch=note.pitch + semitones,
        ),
    )


def _chord_tone(song: Song, phrase: Phrase, part: int, rng: Rng) -> Phrase:
    """Hold one tone of the chord on `oo` under the second half of a phrase, or rest."""
    if song.style.singing.speech or rng.random() < 0.4:
        return ()
    first = phrase[len(phrase) // 2].note
    step = first.start_s * song.grid.tempo_bpm / 15
    low = _RANGES[song.voice][0] + 4
    pitch = close_voicing(song.chord_at(step), low, 3)[part]
    length = song.grid.span(0, STEPS * 0.8)
    vowel = "o" if rng.random() < 0.5 else "u"
    return (Syllable(Note(first.start_s, length, pitch, 0.6), "", vowel),)
