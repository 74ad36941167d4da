"""Small tools on sampled signals: envelopes, placement, filters, panning.

Mono sounds are float32 of shape `(samples,)`, stereo ones `(2, samples)`, all at 44.1 kHz.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import signal

from stemwise.core.types import SAMPLE_RATE, Audio

Mono = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
Sample = TypeVar("Sample", np.float32, np.complex64)


def samples_of(seconds: float) -> int:
    """Return the number of samples in `seconds`, never below one."""
    return max(1, round(seconds * SAMPLE_RATE))


def seconds(samples: int) -> Floats:
    """Return the time axis of `samples` samples in seconds."""
    return np.arange(samples) / SAMPLE_RATE


def curve(times_s: Sequence[float], values: Sequence[float], samples: int) -> Mono:
    """Draw straight lines through `(times_s, values)`, `(samples,)`."""
    return np.interp(seconds(samples), times_s, values).astype(np.float32)


def decay(samples: int, time_constant_s: float) -> Mono:
    """Return exp(−t / time_constant_s), `(samples,)`."""
    rate = np.float32(-1 / (SAMPLE_RATE * time_constant_s))
    out: Mono = np.exp(np.arange(samples, dtype=np.float32) * rate)
    return out


def swell(length_s: float, attack_s: float, release_s: float, sustain: float = 1.0) -> Mono:
    """Return a held note's envelope: up in `attack_s`, towards `sustain`, down *after* `length_s`.

    It is `length_s + release_s` long; a note shorter than its attack peaks at its end.
    """
    attack_s = min(attack_s, 0.8 * length_s)
    held = max(length_s, attack_s + 1e-3)
    samples = samples_of(held + release_s)
    knots = [0.0, attack_s, min(held, attack_s + 0.15), held, held + release_s]
    return curve(knots, [0.0, 1.0, 0.5 + 0.5 * sustain, sustain, 0.0], samples)


def damp(sound: Mono, length_s: float, release_s: float = 0.04) -> Mono:
    """Let a ringing `sound` ring for `length_s`, then stop it as a finger or damper does."""
    keep = min(len(sound), samples_of(length_s + release_s))
    fade = min(keep, samples_of(release_s))
    out = sound[:keep].copy()
    out[keep - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return out


def add_at(track: Audio, sound: Audio, start_s: float) -> None:
    """Add `sound` into `track` (both `(…, samples)`) at `start_s`; what sticks out is cut."""
    start = max(0, round(start_s * SAMPLE_RATE))
    stop = min(track.shape[-1], start + sound.shape[-1])
    if stop > start:
        track[..., start:stop] += sound[..., : stop - start]


def pan(sound: Mono, position: float) -> Audio:
    """Place a mono sound between left (−1) and right (1) at constant power: `(2, samples)`."""
    angle = (position + 1) * np.pi / 4
    gains = np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32)
    return gains * sound


def white(shape: int | tuple[int, ...], rng: Rng) -> Audio:
    """Return Gaussian noise of unit power."""
    return rng.standard_normal(shape, dtype=np.float32)


def smooth_random(points: int, turns: float, rng: Rng) -> Mono:
    """Return a random curve of about unit deviation that turns `turns` times, `(points,)`."""
    count = max(2, int(turns) + 2)
    knots = np.linspace(0, points, count)
    return np.interp(np.arange(points), knots, rng.standard_normal(count)).astype(np.float32)


@lru_cache(maxsize=256)
def _sections(low_hz: float | None, high_hz: float | None, order: int) -> Floats:
    if low_hz is None:
        design = signal.butter(order, high_hz, "lowpass", fs=SAMPLE_RATE, output="sos")
    elif high_hz is None:
        design = signal.butter(order, low_hz, "highpass", fs=SAMPLE_RATE, output="sos")
    else:
        design = signal.butter(order, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(design, dtype=np.float64)


def band(sound: Audio, low_hz: float | None, high_hz: float | None, order: int = 2) -> Audio:
    """Keep what lies between two frequencies (Butterworth); None leaves that side open."""
    # Cut-offs are rounded so that random ones share their designs in the cache.
    low = None if low_hz is None else round(low_hz, -1) or 10.0
    high = None if high_hz is None else round(min(high_hz, 0.45 * SAMPLE_RATE), -1)
    filtered = signal.sosfilt(_sections(low, high, order), sound, axis=-1)
    return np.asarray(filtered, dtype=np.float32)


def burst(rng: Rng, low_hz: float | None, high_hz: float | None, time_constant_s: float) -> Mono:
    """Return band noise that dies at once: the touch of a pick, stick or hammer, `(samples,)`."""
    n = samples_of(8 * time_constant_s)
    return band(white(n, rng), low_hz, high_hz) * decay(n, time_constant_s)


def soften(sound: Mono, attack_s: float) -> Mono:
    """Ramp up the first `attack_s` seconds of `sound` in place and return it."""
    n = min(len(sound), samples_of(attack_s))
    sound[:n] *= np.arange(n, dtype=np.float32) / n
    return sound


def read_at(table: npt.NDArray[Sample], position: Floats) -> npt.NDArray[Sample]:
    """Read `table` at fractional positions by straight lines; positions beyond it are clipped.

    A complex table is two real ones that are read at once.
    """
    clipped = np.clip(position, 0, len(table) - 1.001)
    index = clipped.astype(np.int32)
    fraction = (clipped - index).astype(np.float32)
    left = table[index]
    return np.asarray(left + fraction * (table[index + 1] - left), dtype=table.dtype)


def bend(sound: Mono, delay_s: npt.NDArray[np.floating]) -> Mono:
    """Play `sound` late by a moving `delay_s`; where the delay grows, the pitch falls."""
    if len(sound) < 2:
        return sound
    return read_at(sound, np.arange(len(sound)) - delay_s * SAMPLE_RATE)


def vibrato(sound: Mono, rate_hz: float, cents: float, onset_s: float, phase: float) -> Mono:
    """Shake the pitch of a finished note by ±`cents`, growing in over `onset_s` seconds."""
    time = seconds(len(sound)).astype(np.float32)
    # A delay d(t) shifts the pitch by −d'(t), hence the division by the angular rate.
    depth = (2 ** (cents / 1200) - 1) / (2 * np.pi * rate_hz) * np.minimum(1, time / onset_s)
    swing = np.sin(np.float32(2 * np.pi * rate_hz) * time + np.float32(phase))
    return bend(sound, depth * (1 + swing))


def hertz(pitch: float) -> float:
    """Return the frequency of a MIDI pitch (69 = A4 = 440 Hz)."""
    return float(440.0 * 2 ** ((pitch - 69) / 12))
