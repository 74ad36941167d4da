"""Hi-hat, ride and crash: crowds of inharmonic partials in filtered noise, wide in stereo."""

from __future__ import annotations

import numpy as np

from stemwise.core.types import Audio
from stemwise.datasets.synthesis.oscillators import damped_partials
from stemwise.datasets.synthesis.signals import Rng, band, decay, samples_of, white


def _plate(
    low_hz: float,
    high_hz: float,
    *,
    count: int,
    decay_s: float,
    samples: int,
    rng: Rng,
    tilt: float = 0.3,
) -> Audio:
    """Ring `count` modes of a metal plate; high ones die sooner, low ones are weaker by `tilt`."""
    frequencies = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz), count))
    decays = decay_s * rng.uniform(0.4, 1.3, count) * (low_hz / frequencies) ** 0.35
    # A mode's antinodes lie anywhere on the plate: each has its own place in the stereo picture.
    place = rng.uniform(0.2, np.pi / 2 - 0.2, count)
    strength = rng.exponential(1.0, count) * np.minimum(1, (frequencies / 3_000) ** tilt)
    gains = strength * np.stack([np.cos(place), np.sin(place)])
    phases = rng.uniform(0, 2 * np.pi, count)
    return damped_partials(frequencies, decays, gains / np.sqrt(count), samples, phases)


def _hiss(samples: int, rng: Rng, shared: float = 0.6) -> Audio:
    """Return stereo noise whose channels share part of their power."""
    common = white(samples, rng)
    out: Audio = np.float32(shared) * common + np.float32(1 - shared) * white((2, samples), rng)
    return out


def hat(centre_hz: float, decay_s: float, hardness: float, rng: Rng) -> Audio:
    """A closed (some 35 ms) or open (some 180 ms) hi-hat."""
    n = samples_of(min(7 * decay_s, 0.9))
    low, high = 0.45 * centre_hz, 2.2 * centre_hz
    metal = _plate(low, high, count=110, decay_s=2.0 * decay_s, samples=n, rng=rng)
    noise = band(_hiss(n, rng), 0.8 * centre_hz, 2.1 * centre_hz) * decay(n, decay_s)
    tick = band(_hiss(n, rng), 3_000, 9_000) * decay(n, 0.004)
    out: Audio = 0.6 * metal * decay(n, 1.5 * decay_s) + noise + 0.4 * hardness * tick
    return out


def ride(hardness: float, rng: Rng) -> Audio:
    """A stick's ping on top of a long wash."""
    n = samples_of(1.4)
    ping = _plate(2_600, 7_000, count=14, decay_s=0.25, samples=n, rng=rng)
    wash = _plate(350, 13_000, count=220, decay_s=0.9, samples=n, rng=rng, tilt=1.1)
    wash *= 0.4 + 0.6 * hardness
    noise = band(_hiss(n, rng), 4_000, 14_000) * decay(n, 0.22)
    stick = band(_hiss(n, rng), 3_000, 8_000) * decay(n, 0.004)
    return _fade_tail(ping + wash + 0.4 * noise + 0.5 * stick)


def crash(rng: Rng) -> Audio:
    """A wide burst whose brightness dies before its body."""
    n = samples_of(2.4)
    out = 0.8 * _plate(280, 14_000, count=160, decay_s=1.0, samples=n, rng=rng)
    for low, high, time_s in ((400, 2_000, 0.5), (2_000, 6_000, 0.65), (6_000, 15_000, 0.45)):
        out += 0.8 * band(_hiss(n, rng, 0.4), low, high) * decay(n, time_s)
    attack = np.minimum(1, np.arange(n, dtype=np.float32) / samples_of(0.004))
    return _fade_tail(out * attack)


def _fade_tail(sound: Audio) -> Audio:
    fade = samples_of(0.8)
    sound[..., -fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return sound
