"""Where tones come from: sums of damped sinusoids, and wavetables for gliding pitches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.datasets.synthesis.signals import Floats, Mono, Sample, read_at

TABLE = 4096
_BLOCK = 256
_HIGHEST_HZ = 18_000.0


def damped_partials(
    frequencies_hz: Floats,
    decays_s: Floats,
    gains: Floats,
    samples: int,
    phases: Floats | None = None,
) -> Audio:
    """Sum sinusoids gᵢ·exp(−t/dᵢ)·sin(2πfᵢt + φᵢ).

    `gains` is `(partials,)`, or `(channels, partials)` to spread partials in the stereo picture.
    Returns `(samples,)` or `(channels, samples)`.

    With t = block start + offset, each damped sinusoid is a product of a complex factor of the
    block and one of the offset, so the sum over partials is a matrix product: a string with 25
    partials costs about as much as one plain sine.
    """
    audible = frequencies_hz < _HIGHEST_HZ
    gains = np.atleast_2d(gains)[:, audible]
    frequencies, decays = frequencies_hz[audible], decays_s[audible]
    phase = np.zeros(len(frequencies)) if phases is None else phases[audible] / (2 * np.pi)
    blocks = -(-samples // _BLOCK)
    starts = np.arange(blocks)[:, None] * (_BLOCK / SAMPLE_RATE)
    offsets = np.arange(_BLOCK)[None, :] / SAMPLE_RATE
    sin_a, cos_a = _spiral(starts * frequencies + phase, -starts / decays)
    sin_b, cos_b = _spiral(frequencies[:, None] * offsets, -offsets / decays[:, None])
    out = np.empty((len(gains), blocks * _BLOCK), dtype=np.float32)
    for channel, gain in enumerate(gains.astype(np.float32)):
        # sin(a + b) = sin a · cos b + cos a · sin b
        out[channel] = ((sin_a * gain) @ cos_b + (cos_a * gain) @ sin_b).ravel()
    return out[:, :samples] if len(gains) > 1 else out[0, :samples]


def _spiral(cycles: Floats, log_gain: Floats) -> tuple[Mono, Mono]:
    """Return damped sine and cosine; cycles are wrapped in float64 before float32 rounds them."""
    angle = ((cycles - np.round(cycles)) * (2 * np.pi)).astype(np.float32)
    gain = np.exp(log_gain.astype(np.float32))
    return np.sin(angle) * gain, np.cos(angle) * gain


def harmonics(f0_hz: float, count: int, stiffness: float = 0.0) -> Floats:
    """Return the partials of a stiff string: k·f0·√(1 + stiffness·k²), `(count,)` Hz."""
    k = np.arange(1, count + 1)
    return np.asarray(k * f0_hz * np.sqrt(1 + stiffness * k**2))


def count_below(f0_hz: float, limit_hz: float, most: int) -> int:
    """Return how many harmonics of `f0_hz` lie below `limit_hz`, within 1 … `most`."""
    return int(np.clip(limit_hz / f0_hz, 1, most))


def wavetable(gains: Sequence[float] | Floats, phases: Floats | None = None) -> Mono:
    """Return one period with the given harmonic gains at unit power, `(TABLE + 1,)`."""
    spectrum = np.zeros(TABLE // 2 + 1, dtype=np.complex128)
    amplitude = np.asarray(gains, dtype=np.float64)
    turn = np.zeros(len(amplitude)) if phases is None else phases
    spectrum[1 : len(amplitude) + 1] = amplitude * np.exp(1j * turn)
    period = np.fft.irfft(spectrum, TABLE)
    period /= np.sqrt(np.mean(period**2))
    return np.append(period, period[0]).astype(np.float32)


def cycles_of(f0_hz: Floats | Mono, start: float = 0.0) -> Floats:
    """Integrate a frequency curve into a phase in cycles, `(samples,)` float64."""
    return start + np.cumsum(f0_hz, dtype=np.float64) / SAMPLE_RATE


def oscillate(table: npt.NDArray[Sample], cycles: Floats) -> npt.NDArray[Sample]:
    """Play a wavetable along a phase curve in cycles."""
    return read_at(table, (cycles - np.floor(cycles)) * TABLE)
