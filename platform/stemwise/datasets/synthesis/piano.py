"""A grand piano: stiff strings in unison choirs, hammer noise, dampers; and a felted dark one."""

from __future__ import annotations

import numpy as np

from stemwise.core.types import Audio
from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.oscillators import count_below, damped_partials, harmonics
from stemwise.datasets.synthesis.parts import play_part
from stemwise.datasets.synthesis.rhythm import Note
from stemwise.datasets.synthesis.signals import (
    Floats,
    Mono,
    Rng,
    add_at,
    burst,
    damp,
    hertz,
    pan,
    samples_of,
    soften,
)

_PEDAL_S = 0.35


def perform(song: Song) -> Audio:
    """Play the piano part, `(2, samples)`: low strings to the left, high ones to the right."""
    rng = song.rng("piano")
    dark = song.parts["piano"].sound == "dark"
    out = np.zeros((2, song.samples), dtype=np.float32)
    for note in play_part(song, "piano"):
        place = float(np.clip((note.pitch - 64) / 30, -0.7, 0.7))
        add_at(out, pan(_key(note, dark, rng), place), note.start_s)
    return out


def _key(note: Note, dark: bool, rng: Rng) -> Mono:
    """One key: sound of its strings, thud of its hammer."""
    f0 = hertz(note.pitch)
    length = note.length_s + _PEDAL_S
    n = samples_of(length + 0.15)
    top = 2_500 if dark else 3_500 + 5_500 * note.velocity
    k = np.arange(1.0, count_below(f0, top, 30) + 1)
    out = damped_partials(*_strings(note, k, 1.7 if dark else 1.15, rng), n)
    soften(out, 0.002)
    add_at(out, 0.2 * note.velocity * burst(rng, 120, 900, 0.012), 0)
    if not dark:
        add_at(out, 0.1 * note.velocity * burst(rng, 1_500, 4_500, 0.004), 0)
    return damp(out, length, 0.12)


def _strings(note: Note, k: Floats, tilt: float, rng: Rng) -> tuple[Floats, Floats, Floats]:
    """Return frequencies, decays and gains of two strings a fraction of a hertz apart.

    While they move together the soundboard drains them fast (prompt sound); once they have drifted
    apart they feed it less and ring on (aftersound). Two sets of partials give both decays, and
    their beats.
    """
    # Stiffness grows by some 8 % a semitone above the middle of the keyboard.
    stiffness = 3.5e-4 * 2 ** ((note.pitch - 60) / 9)
    f0 = hertz(note.pitch)
    partials = harmonics(f0, len(k), stiffness)
    # A hammer at 1/8 of the string leaves out every eighth partial; a soft stroke has fewer highs.
    gains = (np.abs(np.sin(np.pi * k / 8.1)) + 0.05) / k**tilt * note.velocity ** (1 + 0.1 * k)
    gains *= np.exp(-partials / 4_000) * rng.uniform(0.7, 1.3, len(k))
    prompt = 0.55 * (262 / f0) ** 0.5 / (1 + 0.1 * k)
    apart = 2 ** (rng.uniform(0.4, 1.2) / 1200)
    return (
        np.concatenate([partials, partials * apart]),
        np.concatenate([prompt, 4.5 * prompt]),
        np.concatenate([gains, 0.3 * gains]) * note.velocity,
    )
