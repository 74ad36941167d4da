"""The decisions that all players of one song share: tempo, key, chords, who plays when."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from stemwise.core.errors import ConfigError
from stemwise.datasets.synthesis.genres import STYLES
from stemwise.datasets.synthesis.harmony import Chord, Key
from stemwise.datasets.synthesis.rhythm import STEPS, Grid
from stemwise.datasets.synthesis.signals import Rng, samples_of
from stemwise.datasets.synthesis.style import Groove, Part, Style

_BLOCK_BARS = 2
_SECTION_BARS = 4
_HALF_BAR = STEPS // 2


@dataclass(frozen=True)
class Song:
    """A song before anyone plays it.

    `chords` has one entry per half bar. `silent` holds (instrument, block of two bars) pairs in
    which an instrument rests; `absent` those that the song lacks altogether.
    """

    genre: str
    seed: int
    style: Style
    grid: Grid
    key: Key
    voice: str
    chords: tuple[Chord, ...]
    groove: Groove
    parts: dict[str, Part]
    fill_offset: int
    absent: frozenset[str]
    silent: frozenset[tuple[str, int]]

    @property
    def samples(self) -> int:
        """Length in samples."""
        return self.grid.samples

    def rng(self, player: str) -> Rng:
        """Return a player's own random stream, so that one player's changes leave others alone."""
        return _stream(self.genre, self.seed, player)

    def chord_at(self, step: float) -> Chord:
        """Return the chord that sounds at a sixteenth step."""
        return self.chords[int(step // _HALF_BAR) % len(self.chords)]

    def plays(self, player: str, bar: int) -> bool:
        """Tell whether an instrument plays in a bar."""
        return player not in self.absent and (player, bar // _BLOCK_BARS) not in self.silent

    def is_fill(self, bar: int) -> bool:
        """Tell whether the drummer ends a section in this bar."""
        return (bar + self.fill_offset) % _SECTION_BARS == _SECTION_BARS - 1


def _stream(genre: str, seed: int, player: str) -> Rng:
    # Not hash(): Python salts it anew in every process.
    return np.random.default_rng([zlib.crc32(genre.encode()), seed, zlib.crc32(player.encode())])


def style_of(genre: str) -> Style:
    """Return a genre's style.

    Raises:
        ConfigError: the genre is unknown.
    """
    if genre not in STYLES:
        raise ConfigError(f"Genre {genre!r} is unknown: choose from {', '.join(STYLES)}.")
    return STYLES[genre]


def compose(genre: str, seed: int, duration_s: float) -> Song:
    """Decide a song's shared facts.

    Raises:
        ConfigError: the genre is unknown, the seed negative, or the duration not above zero.
    """
    style = style_of(genre)
    if seed < 0:
        raise ConfigError(f"seed={seed} is not usable: give a whole number from 0 on.")
    if not 0 < duration_s < float("inf"):
        raise ConfigError(f"duration_s={duration_s} is not usable: give seconds above 0.")
    rng = _stream(genre, seed, "composition")
    key = Key(int(rng.integers(12)), bool(rng.random() < style.minor_share), style.five_tones)
    progressions = style.minor_progressions if key.minor else style.major_progressions
    grid = Grid(
        float(rng.uniform(*style.tempo_bpm)),
        samples_of(duration_s),
        style.eighth_swing,
        style.sixteenth_swing,
    )
    return Song(
        genre=genre,
        seed=seed,
        style=style,
        grid=grid,
        key=key,
        voice="female" if rng.random() < 0.5 else "male",
        chords=_chords(key, progressions[rng.integers(len(progressions))]),
        groove=style.grooves[rng.integers(len(style.grooves))],
        parts=_parts(style, rng),
        fill_offset=int(rng.integers(_SECTION_BARS - 1)),
        absent=frozenset(name for name, chance in style.absent.items() if rng.random() < chance),
        silent=_silences(style, grid.bars, rng),
    )


def _chords(key: Key, progression: str) -> tuple[Chord, ...]:
    """Read a progression, one word per bar (`ii7,V7` shares a bar), into half bars."""
    chords = []
    for bar in progression.split():
        numerals = bar.split(",")
        chords += [key.chord(numerals[0]), key.chord(numerals[-1])]
    return tuple(chords)


def _parts(style: Style, rng: Rng) -> dict[str, Part]:
    choices = {
        "bass": style.bass,
        "guitar": style.guitar,
        "piano": style.piano,
        "other": style.other,
    }
    return {name: parts[rng.integers(len(parts))] for name, parts in choices.items()}


def _silences(style: Style, bars: int, rng: Rng) -> frozenset[tuple[str, int]]:
    """Draw the blocks in which instruments rest; one block of each song is always spared."""
    blocks = -(-bars // _BLOCK_BARS)
    silent = set()
    for player, chance in style.rest.items():
        spared = int(rng.integers(blocks))
        drawn = np.flatnonzero(rng.random(blocks) < chance)
        silent |= {(player, int(block)) for block in drawn if block != spared}
    return frozenset(silent)
