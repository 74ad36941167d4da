"""The sounds of kick, snare and toms, and the performance of the whole kit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from stemwise.core.types import Audio
from stemwise.datasets.synthesis import cymbals
from stemwise.datasets.synthesis.composition import Song
from stemwise.datasets.synthesis.drum_parts import Hit, drum_hits
from stemwise.datasets.synthesis.oscillators import cycles_of, damped_partials
from stemwise.datasets.synthesis.signals import (
    Mono,
    Rng,
    add_at,
    band,
    burst,
    decay,
    pan,
    samples_of,
    soften,
    white,
)
from stemwise.datasets.synthesis.style import Kit

# Sound → (leaf, loudness beside the kick, position between left and right).
_PLACES = {
    "kick": ("kick", 1.0, 0.0),
    "snare": ("snare", 1.5, 0.05),
    "tom_high": ("toms", 1.1, -0.35),
    "tom_mid": ("toms", 1.15, 0.1),
    "tom_low": ("toms", 1.2, 0.45),
    "hat": ("cymbals", 0.55, 0.3),
    "open_hat": ("cymbals", 0.5, 0.3),
    "ride": ("cymbals", 0.55, -0.4),
    "crash": ("cymbals", 0.8, -0.25),
}
_VARIANTS = (0.4, 0.7, 1.0, 1.0)
# Modes of an ideal circular membrane relative to its lowest one.
_MEMBRANE = np.array([1.0, 1.593, 2.136, 2.296, 2.653, 2.918, 3.156, 3.5])


def perform(song: Song) -> dict[str, Audio]:
    """Play the kit: kick, snare, toms and cymbals, each `(2, samples)`."""
    rng = song.rng("drums")
    kit = _own_kit(song.style.kit, rng)
    hits = drum_hits(song)
    leaves = {
        leaf: np.zeros((2, song.samples), dtype=np.float32)
        for leaf in ("kick", "snare", "toms", "cymbals")
    }
    for sound, (leaf, loudness, position) in _PLACES.items():
        mine = [hit for hit in hits if hit.sound == sound]
        if mine:
            for start_s, stroke in _strokes(mine, kit, rng):
                stereo = stroke if stroke.ndim == 2 else pan(stroke, position)
                add_at(leaves[leaf], np.float32(loudness) * stereo, start_s)
    return leaves


def _own_kit(kit: Kit, rng: Rng) -> Kit:
    """Tune the style's kit a little differently for every song."""
    tune, tight = rng.uniform(0.9, 1.12, 3), rng.uniform(0.8, 1.25, 2)
    return replace(
        kit,
        kick_hz=kit.kick_hz * tune[0],
        kick_decay_s=kit.kick_decay_s * tight[0],
        snare_hz=kit.snare_hz * tune[1],
        snare_decay_s=kit.snare_decay_s * tight[1],
        hat_hz=kit.hat_hz * tune[2],
    )


def _strokes(hits: Iterable[Hit], kit: Kit, rng: Rng) -> Iterator[tuple[float, Audio]]:
    """Yield (start, sound) per stroke; equal strokes take turns, as no two are alike."""
    bank: dict[int, Audio] = {}
    for hit in hits:
        close = np.abs(np.array(_VARIANTS) - hit.velocity)
        choice = int(rng.choice(np.flatnonzero(close == close.min())))
        if choice not in bank:
            bank[choice] = _strike(hit.sound, kit, _VARIANTS[choice], rng)
        yield hit.start_s, bank[choice] * np.float32(hit.velocity**1.3)


def _strike(sound: str, kit: Kit, hardness: float, rng: Rng) -> Audio:
    """Make one variant of one sound with a peak of about one."""
    makers: dict[str, Callable[[], Audio]] = {
        "kick": lambda: _kick(kit, hardness, rng),
        "snare": lambda: _snare(kit, hardness, rng),
        "tom_high": lambda: _tom(kit.tom_hz[2], hardness, rng),
        "tom_mid": lambda: _tom(kit.tom_hz[1], hardness, rng),
        "tom_low": lambda: _tom(kit.tom_hz[0], hardness, rng),
        "hat": lambda: cymbals.hat(kit.hat_hz, 0.035, hardness, rng),
        "open_hat": lambda: cymbals.hat(kit.hat_hz, 0.18, hardness, rng),
        "ride": lambda: cymbals.ride(hardness, rng),
        "crash": lambda: cymbals.crash(rng),
    }
    made = makers[sound]()
    made /= np.abs(made).max() + 1e-9
    return made


def _kick(kit: Kit, hardness: float, rng: Rng) -> Mono:
    """A head that falls from some 180 Hz to its note, a beater's click, and a thud between them."""
    n = samples_of(6 * kit.kick_decay_s)
    pitch = kit.kick_hz * float(rng.uniform(0.985, 1.015))
    sweep = pitch * (1 + 2.4 * hardness * decay(n, 0.012) + 0.35 * decay(n, 0.05))
    body = np.sin(2 * np.pi * cycles_of(sweep)).astype(np.float32) * decay(n, kit.kick_decay_s)
    soften(body, 0.0015)
    add_at(body, 0.25 * burst(rng, 90, 400, 0.02), 0)
    add_at(body, kit.kick_click * hardness * burst(rng, 2_000, 5_500, 0.003), 0)
    return body


def _snare(kit: Kit, hardness: float, rng: Rng) -> Mono:
    """Two coupled heads, the rattle of the wires, and the stick; or brushes, or hand claps."""
    n = samples_of(0.45)
    if kit.clap:
        return _clap(n, rng) + 0.5 * _shell(kit, n, hardness, rng)
    wires = band(white(n, rng), 1_200, 9_500) * decay(n, kit.snare_decay_s * (0.7 + 0.5 * hardness))
    if kit.brushes:
        # A brush is laid on rather than struck: its noise swells for some 15 ms.
        soften(wires, 0.015)
    strike = 0.1 if kit.brushes else 0.5
    out = strike * 2 * _shell(kit, n, hardness, rng) + 0.6 * kit.snare_wires * wires
    add_at(out, strike * hardness * burst(rng, 2_500, 7_000, 0.004), 0)
    return out


def _shell(kit: Kit, n: int, hardness: float, rng: Rng) -> Mono:
    f0 = kit.snare_hz * float(rng.uniform(0.985, 1.02))
    modes = f0 * _MEMBRANE * rng.uniform(0.98, 1.02, len(_MEMBRANE))
    gains = hardness ** np.arange(len(modes)) / (1 + np.arange(len(modes)))
    return damped_partials(modes, 0.09 / _MEMBRANE**0.7, gains, n)


def _clap(n: int, rng: Rng) -> Mono:
    """Several hands that do not quite meet, then the room."""
    hands = np.zeros(n, dtype=np.float32)
    for late_s in (0.0, 0.009, 0.019, 0.029):
        burst = white(n, rng) * decay(n, 0.09 if late_s > 0.02 else 0.004)
        add_at(hands, burst, late_s + float(rng.uniform(0, 0.002)))
    return 0.4 * band(hands, 800, 4_500) + 0.1 * band(hands, 4_500, 12_000)


def _tom(pitch_hz: float, hardness: float, rng: Rng) -> Mono:
    """A membrane whose pitch sags after the stroke, as its tension does."""
    n = samples_of(0.9)
    f0 = pitch_hz * float(rng.uniform(0.99, 1.01))
    sag = cycles_of(f0 * (1 + 0.25 * hardness * decay(n, 0.04)))
    out = np.zeros(n, dtype=np.float32)
    for order, ratio in enumerate(_MEMBRANE[:5]):
        tone = np.sin(2 * np.pi * ratio * sag).astype(np.float32)
        out += tone * decay(n, 0.22 / ratio) * (0.6 * hardness) ** order
    add_at(out, 0.3 * hardness * burst(rng, 1_500, 6_000, 0.006), 0)
    return out
