"""What a musical style consists of (the styles themselves are in `genres`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Groove:
    """One bar of drums in sixteenth steps: see `rhythm.parse`; `r` is a double stroke."""

    kick: str
    snare: str
    hat: str = ""
    open_hat: str = ""
    ride: str = ""


@dataclass(frozen=True)
class Kit:
    """How the drums sound. Frequencies in Hz, decays (time constants) in seconds."""

    kick_hz: float = 54.0
    kick_decay_s: float = 0.095
    kick_click: float = 0.5
    snare_hz: float = 190.0
    snare_decay_s: float = 0.115
    snare_wires: float = 1.0
    clap: bool = False
    brushes: bool = False
    hat_hz: float = 7_000.0
    tom_hz: tuple[float, float, float] = (84.0, 118.0, 165.0)
    timing_s: float = 0.005


@dataclass(frozen=True)
class Part:
    """One way to play an instrument.

    `manner` is how a pattern's beats become notes: `block`, `strum`, `arpeggio` and `line` use
    `count` chord tones from MIDI pitch `low` upwards; `root` and `walk` are for basses.
    """

    sound: str
    manner: str
    low: int
    count: int
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class Singing:
    """How the voices sing. Phrases are patterns of two bars (32 steps)."""

    phrases: tuple[str, ...]
    vibrato_cents: float = 35.0
    portamento_s: float = 0.035
    breath: float = 0.05
    effort: float = 0.6
    speech: float = 0.0
    backing_share: float = 0.5
    delay_s: float = 0.0


@dataclass(frozen=True)
class Style:
    """A genre: ranges and alternatives out of which each song takes its own.

    `levels_db` are loudnesses while playing, relative to each other. `absent` and `rest` are the
    chances that an instrument is missing from a song, or silent for two bars.
    """

    tempo_bpm: tuple[float, float]
    minor_share: float
    major_progressions: tuple[str, ...]
    minor_progressions: tuple[str, ...]
    grooves: tuple[Groove, ...]
    kit: Kit
    bass: tuple[Part, ...]
    guitar: tuple[Part, ...]
    piano: tuple[Part, ...]
    other: tuple[Part, ...]
    singing: Singing
    levels_db: Mapping[str, float]
    eighth_swing: float = 0.5
    sixteenth_swing: float = 0.5
    five_tones: bool = False
    sidechain: float = 0.0
    room_s: float = 0.5
    wet: float = 1.0
    absent: Mapping[str, float] = field(default_factory=dict)
    rest: Mapping[str, float] = field(default_factory=dict)
