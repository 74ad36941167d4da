"""Plucked guitars: acoustic, clean, palm-muted with echoes, and driven through a loudspeaker."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import signal

from stemwise.core.types import Audio
from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.oscillators import count_below, damped_partials, harmonics
from stemwise.datasets.synthesis.parts import play_part
from stemwise.datasets.synthesis.rhythm import Note
from stemwise.datasets.synthesis.signals import (
    Mono,
    Rng,
    add_at,
    band,
    burst,
    damp,
    hertz,
    pan,
    samples_of,
    soften,
    vibrato,
)


@dataclass(frozen=True)
class Tone:
    """How a string sounds: spectral tilt, pluck position, ring (s), pick noise, highest partial."""

    tilt: float
    position: float
    ring_s: float
    pick: float
    top_hz: float


_TONES = {
    "acoustic": Tone(1.05, 0.17, 1.6, 0.12, 9_000),
    "clean": Tone(1.45, 0.24, 1.9, 0.05, 5_500),
    "muted": Tone(1.3, 0.12, 0.16, 0.1, 5_000),
    "driven": Tone(1.0, 0.11, 2.5, 0.08, 4_500),
}


def perform(song: Song) -> Audio:
    """Play the guitar part, `(2, samples)`."""
    rng, sound = song.rng("guitar"), song.parts["guitar"].sound
    notes = play_part(song, "guitar")
    if sound == "driven":
        # Rock guitars are recorded twice and spread: two takes differ in every stroke.
        takes = [_amplify(_take(song, notes, sound, rng)) for _ in range(2)]
        left, right = pan(takes[0], -0.8), pan(takes[1], 0.8)
        return np.asarray(left + right, dtype=np.float32)
    dry = _take(song, notes, sound, rng)
    side = float(rng.uniform(0.25, 0.55)) * float(rng.choice([-1, 1]))
    if sound == "muted":
        return _echoes(dry, song.grid.span(0, 3), side)
    if sound == "acoustic":
        dry = _body(dry)
    out: Audio = pan(dry, side) + _microphone(dry, side)
    return out


def _take(song: Song, notes: list[Note], sound: str, rng: Rng) -> Mono:
    """Play all notes once, `(samples,)`, each a few milliseconds off."""
    track = np.zeros(song.samples, dtype=np.float32)
    tone = _own_tone(_TONES[sound], rng)
    for note in notes:
        add_at(track, _string(note, tone, rng), note.start_s + rng.normal(0, 0.004))
    return track


def _own_tone(tone: Tone, rng: Rng) -> Tone:
    """Take another guitar of the same kind."""
    return replace(
        tone,
        tilt=tone.tilt + rng.uniform(-0.15, 0.2),
        position=tone.position + rng.uniform(-0.03, 0.06),
        ring_s=tone.ring_s * rng.uniform(0.7, 1.2),
        pick=tone.pick * rng.uniform(0.6, 1.6),
    )


def _string(note: Note, tone: Tone, rng: Rng) -> Mono:
    """One plucked string: a comb from the pluck's place, and highs that die first."""
    f0 = hertz(note.pitch) * float(rng.uniform(0.9975, 1.0025))
    k = np.arange(1, count_below(f0, tone.top_hz, 32) + 1)
    comb = np.abs(np.sin(np.pi * k * (tone.position + rng.uniform(-0.02, 0.02)))) + 0.03
    gains = comb / k**tone.tilt * note.velocity ** (1 + 0.05 * k)
    gains *= np.exp(-k * f0 / (0.5 * tone.top_hz))
    ring = tone.ring_s * (196 / f0) ** 0.4 / (1 + (k * f0 / 2_200) ** 1.1)
    n = samples_of(note.length_s + 0.1)
    sound = damped_partials(harmonics(f0, len(k), 5e-5), ring, gains, n)
    out = soften(sound, 0.0015)
    add_at(out, tone.pick * note.velocity * burst(rng, 1_500, 6_000, 0.005), 0)
    if note.length_s > 0.5 and rng.random() < 0.4:
        out = vibrato(out, float(rng.uniform(4.5, 5.5)), 9, 0.4, 0.0)
    return damp(out, note.length_s, 0.05)


def _amplify(dry: Mono) -> Mono:
    """Drive a valve amplifier and its loudspeaker.

    The strings are distorted together, which is what makes power chords growl: tones at the sums
    and differences of their partials appear. Twice the sample rate keeps aliases away.
    """
    tight = band(dry, 90, 4_500)
    peak = float(np.abs(tight).max()) or 1.0
    fast = signal.resample_poly(tight * np.float32(9 / peak), 2, 1)
    driven = np.tanh(fast + 0.15 * fast**2 / (1 + np.abs(fast)))
    back = np.asarray(signal.resample_poly(driven, 1, 2), dtype=np.float32)[: len(dry)]
    out: Mono = band(back, 90, 4_800, 3) + 0.5 * band(back, 1_500, 3_500)
    return out


def _body(dry: Mono) -> Mono:
    """Add the air and top-plate resonances of a wooden box."""
    out: Mono = band(dry, 70, None) + 0.5 * band(dry, 90, 125) + 0.4 * band(dry, 180, 260)
    return out


def _microphone(dry: Mono, side: float) -> Audio:
    """A second microphone on the other side: later and duller."""
    late = samples_of(0.009)
    delayed = np.concatenate([np.zeros(late, dtype=np.float32), dry])[: len(dry)]
    return pan(0.5 * band(delayed, None, 3_500), -side)


def _echoes(dry: Mono, gap_s: float, side: float) -> Audio:
    """Repeat the sound from side to side."""
    out = pan(dry, 0.5 * side)
    for repeat in range(1, 4):
        place = side * (-1.4 if repeat % 2 else 1.4)
        add_at(out, pan(dry * 0.45**repeat, place), repeat * gap_s)
    return out
