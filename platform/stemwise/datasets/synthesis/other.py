"""What is neither voice, drums, bass, guitar nor piano: strings, pads, organ, brass, bells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.oscillators import count_below, damped_partials, harmonics
from stemwise.datasets.synthesis.parts import play_part
from stemwise.datasets.synthesis.rhythm import Note
from stemwise.datasets.synthesis.signals import (
    Floats,
    Mono,
    Rng,
    add_at,
    band,
    bend,
    burst,
    damp,
    decay,
    hertz,
    pan,
    samples_of,
    seconds,
    smooth_random,
    swell,
    vibrato,
    white,
)

_DRAWBARS = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0])
_BELL = np.array([1.0, 2.0, 3.01, 4.16, 5.43, 6.79, 8.21])


def perform(song: Song) -> Audio:
    """Play the part, `(2, samples)`."""
    rng, sound = song.rng("other"), song.parts["other"].sound
    makers: dict[str, Callable[[Note, Rng], Audio]] = {
        "strings": _strings,
        "pad": lambda note, rng: _saws(note, rng, 1.6, 0.25, 0.35),
        "supersaw": lambda note, rng: _saws(note, rng, 1.0, 0.02, 0.12),
        "organ": _organ,
        "bells": _bells,
        "brass": _brass,
    }
    out = np.zeros((2, song.samples), dtype=np.float32)
    for note in play_part(song, "other"):
        add_at(out, makers[sound](note, rng), note.start_s)
    if sound == "organ":
        return _rotate(out, rng)
    if sound in ("pad", "supersaw"):
        return _sweep(out, rng)
    return out


def _ensemble(
    note: Note, gains: Floats, cents: Floats, *, spread: float, samples: int, rng: Rng
) -> Audio:
    """Several detuned players of one note, spread between left and right."""
    f0, count = hertz(note.pitch), len(gains)
    frequencies = np.concatenate([harmonics(f0 * 2 ** (c / 1200), count) for c in cents])
    places = (1 + spread * np.linspace(-1, 1, len(cents))) * np.pi / 4
    sides = np.repeat(np.stack([np.cos(places), np.sin(places)]), count, axis=1)
    phases = rng.uniform(0, 2 * np.pi, len(frequencies))
    endless = np.full(len(frequencies), 1e6)
    strength = sides * np.tile(gains, len(cents)) * note.velocity / len(cents)
    return damped_partials(frequencies, endless, strength, samples, phases)


def _strings(note: Note, rng: Rng) -> Audio:
    """A section of bowed strings, each with a vibrato of its own."""
    envelope = swell(note.length_s, 0.16, 0.25, 0.9)
    f0 = hertz(note.pitch)
    k = np.arange(1.0, count_below(f0, 7_000, 26) + 1)
    # A violin's bridge lifts the region of 2 … 3 kHz; its body has no strong low end.
    body = 1 + 1.2 * np.exp(-(((k * f0 - 2_500) / 900) ** 2)) - 0.5 * np.exp(-k * f0 / 300)
    out = np.zeros((2, len(envelope)), dtype=np.float32)
    for place in (-0.6, 0.5):
        cents = rng.normal(0, 6, 2)
        desk = _ensemble(note, body / k**1.1, cents, spread=0.0, samples=len(envelope), rng=rng)[0]
        shaken = vibrato(desk, rng.uniform(4.8, 6.2), 16, 0.5, rng.uniform(0, 6))
        out += pan(shaken, place)
    bow = band(white(len(envelope), rng), 2_000, 8_000) * 0.004
    return (out + bow) * envelope


def _saws(note: Note, rng: Rng, tilt: float, attack_s: float, release_s: float) -> Audio:
    """Detuned saws side by side."""
    envelope = swell(note.length_s, attack_s, release_s, 0.85)
    f0 = hertz(note.pitch)
    k = np.arange(1.0, count_below(f0, 9_000, 30) + 1)
    cents = np.array([-13.0, -5.0, 0.0, 6.0, 12.0]) + rng.normal(0, 1.5, 5)
    sound = _ensemble(note, 1 / k**tilt, cents, spread=0.9, samples=len(envelope), rng=rng)
    return sound * envelope


def _organ(note: Note, rng: Rng) -> Audio:
    """Tone wheels: nine drawbars, a key click, no decay."""
    envelope = swell(note.length_s, 0.006, 0.03)
    n = len(envelope)
    bars = np.array([0.6, 1.0, 0.5, 0.7, 0.35, 0.3, 0.12, 0.15, 0.2])
    wheels = damped_partials(hertz(note.pitch) * _DRAWBARS, np.full(9, 1e6), bars, n)
    add_at(wheels, 0.15 * burst(rng, 1_500, 5_000, 0.005), 0)
    return pan(wheels * envelope, 0.0)


def _bells(note: Note, rng: Rng) -> Audio:
    """Struck metal bars."""
    n = samples_of(1.8)
    gains = note.velocity / np.arange(1.0, len(_BELL) + 1) ** 1.2
    tone = damped_partials(hertz(note.pitch) * _BELL, 0.7 / _BELL**0.7, gains, n)
    return pan(damp(tone, 1.6, 0.2), float(rng.uniform(-0.6, 0.6)))


def _brass(note: Note, rng: Rng) -> Audio:
    """A reed or horn, from a soft sound to a bright one as it swells, with vibrato and breath."""
    envelope = swell(note.length_s, 0.05, 0.08, 0.75)
    n, f0 = len(envelope), hertz(note.pitch)
    k = np.arange(1.0, count_below(f0, 8_000, 28) + 1)
    formant = 1 + 1.5 * np.exp(-(((k * f0 - 1_100) / 450) ** 2))
    endless = np.full(len(k), 1e6)
    soft = damped_partials(harmonics(f0, len(k)), endless, formant / k**2.0, n)
    bright = damped_partials(harmonics(f0, len(k)), endless, formant / k**0.9, n)
    tone = soft + note.velocity * envelope**2 * (bright - soft)
    breath = band(white(n, rng), 1_000, 6_000) * 0.012
    # The player starts some 40 cents flat and slides into the note.
    scoop = -8e-4 * (1 - decay(n, 0.05))
    tone = bend(tone, scoop - scoop.min())
    shaken = vibrato(tone, float(rng.uniform(4.8, 5.6)), 28, 0.35, float(rng.uniform(0, 6)))
    return pan((shaken + breath) * envelope * note.velocity, 0.25)


def _rotate(stereo: Audio, rng: Rng) -> Audio:
    """A rotating loudspeaker: pitch and loudness swing, oppositely on both sides."""
    time = seconds(stereo.shape[1])
    angle = 2 * np.pi * rng.uniform(5.8, 6.8) * time + rng.uniform(0, 6)
    # The valves of its amplifier add a little growl.
    stereo = np.tanh(1.2 * stereo / (np.abs(stereo).max() + 1e-9))
    sides: list[Mono] = []
    for channel, sign in zip(stereo, (1, -1), strict=True):
        swing = sign * np.sin(angle)
        moved = bend(channel, 2.2e-4 * (1 + swing))
        sides.append((moved * (1 + 0.25 * swing)).astype(np.float32))
    return np.stack(sides)


def _sweep(stereo: Audio, rng: Rng) -> Audio:
    """Open and close a filter slowly by cross-fading towards a darker copy."""
    dark, length_s = band(stereo, None, 1_100), stereo.shape[1] / SAMPLE_RATE
    openness = np.clip(0.6 + 0.35 * smooth_random(stereo.shape[1], length_s / 2, rng), 0, 1)
    out: Audio = dark + openness.astype(np.float32) * (stereo - dark)
    return out
