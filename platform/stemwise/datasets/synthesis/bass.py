"""Basses: plucked, upright, 808 and synthesiser."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.oscillators import (
    count_below,
    cycles_of,
    damped_partials,
    harmonics,
    oscillate,
    wavetable,
)
from stemwise.datasets.synthesis.parts import play_part
from stemwise.datasets.synthesis.rhythm import Note
from stemwise.datasets.synthesis.signals import (
    Mono,
    Rng,
    add_at,
    burst,
    curve,
    damp,
    decay,
    hertz,
    samples_of,
    soften,
    swell,
)


def perform(song: Song) -> Mono:
    """Play the bass part, `(samples,)`: a bass sits in the middle."""
    rng, sound = song.rng("bass"), song.parts["bass"].sound
    notes = play_part(song, "bass")
    track = np.zeros(song.samples, dtype=np.float32)
    if sound == "808":
        return _glides(track, notes)
    tilt = float(rng.uniform(-0.1, 0.3))
    makers: dict[str, Callable[[Note, Rng], Mono]] = {
        "finger": lambda note, rng: _plucked(note, rng, 1.1 + tilt, 0.22, 0.03),
        "pick": lambda note, rng: _plucked(note, rng, 0.7 + tilt, 0.09, 0.1),
        "upright": _upright,
        "sub": _synthesiser,
    }
    for note in notes:
        add_at(track, makers[sound](note, rng), note.start_s)
    return np.tanh(track / (0.4 * np.abs(track).max() + 1e-9)) if sound == "pick" else track


def _plucked(note: Note, rng: Rng, tilt: float, pluck: float, noise: float) -> Mono:
    """A wound string: harmonics fall as k^−tilt, with notches at the pluck's place."""
    f0 = hertz(note.pitch) * float(rng.uniform(0.998, 1.002))
    k = np.arange(1.0, count_below(f0, 5_000, 40) + 1)
    gains = np.abs(np.sin(np.pi * k * pluck)) / k**tilt * note.velocity ** (1 + 0.04 * k)
    gains *= np.exp(-k * f0 / 2_200)
    n = samples_of(note.length_s + 0.05)
    ring_s = 1.8 / (1 + 0.1 * k + (k * f0 / 450) ** 1.5)
    ring = damped_partials(harmonics(f0, len(k), 4e-5), ring_s, gains, n)
    add_at(ring, noise * burst(rng, 700, 3_000, 0.006), 0)
    return damp(soften(ring, 0.003), note.length_s)


def _upright(note: Note, rng: Rng) -> Mono:
    """A double bass: a round note with a wooden thump, and a little growl."""
    f0 = hertz(note.pitch) * float(rng.uniform(0.996, 1.004))
    k = np.arange(1.0, count_below(f0, 2_500, 24) + 1)
    gains = note.velocity ** (1 + 0.1 * k) / k**1.15 * rng.uniform(0.6, 1.2, len(k))
    gains *= np.exp(-k * f0 / 700)
    n = samples_of(note.length_s + 0.06)
    ring_s = 0.8 / (1 + 0.15 * k + (k * f0 / 500) ** 1.5)
    ring = damped_partials(harmonics(f0, len(k), 6e-5), ring_s, gains, n)
    soften(ring, 0.008)
    add_at(ring, 0.35 * burst(rng, 90, 700, 0.018), 0)
    return damp(ring, note.length_s, 0.06)


def _synthesiser(note: Note, _rng: Rng) -> Mono:
    """A sub sine under a saw whose brightness closes after each note's start."""
    f0 = hertz(note.pitch)
    envelope = swell(note.length_s, 0.005, 0.03, 0.8)
    n = len(envelope)
    cycles = cycles_of(np.full(n, f0))
    k = np.arange(1.0, count_below(f0, 3_500, 60) + 1)
    bright = oscillate(wavetable(1 / k), cycles)
    round_ = oscillate(wavetable(1 / k**2.5), cycles)
    openness = 0.75 * decay(n, 0.09) * note.velocity
    return envelope * (round_ + openness * (bright - round_))


def _glides(track: Mono, notes: list[Note]) -> Mono:
    """The 808: one saturated sine that slides from note to note and dies slowly."""
    for note, before in zip(notes, [None, *notes], strict=False):
        length = min(note.length_s + 0.25, 1.6)
        n = samples_of(length)
        target = hertz(note.pitch)
        origin = target if before is None else hertz(before.pitch)
        glide = np.geomspace(origin, target, 8)
        pitch = curve(np.linspace(0, 0.09, 8).tolist(), glide.tolist(), n)
        pitch *= 1 + 1.2 * decay(n, 0.008)
        tone = np.sin(2 * np.pi * cycles_of(pitch)).astype(np.float32) * decay(n, 0.75)
        add_at(track, damp(tone * note.velocity, length - 0.06, 0.06), note.start_s)
    # Saturation gives small loudspeakers the harmonics that a pure sine lacks.
    out: Mono = np.tanh(2.2 * track) + 0.08 * np.tanh(12 * track)
    return out
