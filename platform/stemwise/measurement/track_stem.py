"""All measurements of one stem of one track in two passes over its samples, block by block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.measurement.bss_filter import TAPS, distortion_filters
from stemwise.measurement.correlation import Correlator
from stemwise.measurement.energy_ratios import decibels, si_sdr, snr
from stemwise.measurement.gram import gram, unpack

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class StemMeasurement:
    """What is known about one stem of one track.

    `signals` are `reference`, `mixture`, then the models; the rows of `gram` are blocks (see
    `gram.py`). `projection` and `remainder` `(blocks, signals − 1)` are the energies of bss_sdr's two
    parts per block for every signal but the reference. `lag` and `gain` belong to the same signals.
    `auto` `(channels, 512)` is the reference's autocorrelation, `cross` `(signals − 1, channels, 512)`
    the correlation of every other signal with the reference delayed by 0 … 511 samples.
    """

    signals: tuple[str, ...]
    starts: Float
    lengths: Float
    gram: Float
    projection: Float
    remainder: Float
    lag: npt.NDArray[np.int64]
    gain: Float
    auto: Float
    cross: Float
    samples: int
    channels: int

    def total(self) -> Float:
        """Return the Gram matrix of the whole track, `(signals, signals)`."""
        return unpack(self.gram.sum(axis=0))

    def reference_dbfs(self) -> float:
        """Return the reference's RMS level in dB re full scale (−inf for digital silence)."""
        return float(decibels(self.total()[0, 0], self.samples * self.channels))

    def snr(self, signal: str) -> float:
        """Return the whole-track SNR of `signal` in dB."""
        return float(snr(*self._products(signal)))

    def si_sdr(self, signal: str) -> float:
        """Return the whole-track SI-SDR of `signal` in dB."""
        return float(si_sdr(*self._products(signal)))

    def bss_sdr(self, signal: str) -> float:
        """Return the whole-track, 512-tap, per-channel BSS Eval SDR of `signal` in dB."""
        if math.isinf(self.snr(signal)):
            return self.snr(signal)  # the reference itself lies in the span: no remainder at all
        index = self.signals.index(signal) - 1
        return float(decibels(self.projection[:, index].sum(), self.remainder[:, index].sum()))

    def is_silent(self, signal: str) -> bool:
        """Tell whether `signal` is digital silence."""
        return bool(self._products(signal)[2] == 0)

    def lag_samples(self, signal: str) -> int:
        """Return by how many samples `signal` is late (negative: early)."""
        return int(self.lag[self.signals.index(signal) - 1])

    def gain_db(self, signal: str) -> float:
        """Return the level of `signal`'s part that is the reference, at its lag, in dB."""
        gain = abs(self.gain[self.signals.index(signal) - 1])
        return 20 * math.log10(gain) if gain > 0 else -math.inf

    def _products(self, signal: str) -> tuple[float, float, float]:
        index, total = self.signals.index(signal), self.total()
        return total[0, 0], total[0, index], total[index, index]


def measure_stem(
    reference: Audio,
    estimates: Mapping[str, Audio],
    block_s: float = 1.0,
    max_lag_s: float = 0.1,
) -> StemMeasurement:
    """Measure every estimate of a stem against its reference.

    Args:
        reference: `(channels, samples)`.
        estimates: name → `(channels, samples)`, of the reference's length; `mixture` first.
        block_s: length of a block in seconds; the last one may be shorter.
        max_lag_s: largest delay that is searched for, both ways.
    """
    block = max(1, round(block_s * SAMPLE_RATE))
    max_lag = max(TAPS - 1, round(max_lag_s * SAMPLE_RATE))
    blocks = _Blocks(reference, list(estimates.values()), block, max_lag)
    grams = []
    for index in range(blocks.count):
        x, y = blocks.read(index)
        grams.append(gram(np.concatenate([x[None], y])))
        blocks.correlator.add(blocks.around(index), x, y)
    auto, cross = blocks.correlator.auto(), blocks.correlator.cross()
    causal = cross[..., max_lag : max_lag + TAPS]
    filters = distortion_filters(auto[:, :TAPS], causal)
    energies = np.array([blocks.project(index, filters) for index in range(blocks.count)])
    lag, gain = _alignment(cross, float(auto[:, 0].sum()), max_lag)
    lengths = np.array([blocks.length(index) for index in range(blocks.count)]) / SAMPLE_RATE
    return StemMeasurement(
        signals=("reference", *estimates),
        starts=np.arange(blocks.count) * block / SAMPLE_RATE,
        lengths=lengths,
        gram=np.array(grams),
        projection=energies[:, 0],
        remainder=energies[:, 1],
        lag=lag,
        gain=gain,
        auto=auto[:, :TAPS],
        cross=causal,
        samples=reference.shape[1],
        channels=reference.shape[0],
    )


def _alignment(cross: Float, energy: float, max_lag: int) -> tuple[npt.NDArray[np.int64], Float]:
    """Return lag (argmax of |cross-correlation|, joint over channels) and gain ⟨x̂, x delayed⟩/‖x‖²."""
    joint = cross.sum(axis=1)
    peak = np.argmax(np.abs(joint), axis=1)
    at_peak = joint[np.arange(len(joint)), peak]
    return peak - max_lag, at_peak / energy if energy > 0 else np.zeros(len(joint))


class _Blocks:
    """Float64 blocks of reference and estimates, and the reference's surroundings of each."""

    def __init__(self, reference: Audio, estimates: list[Audio], block: int, max_lag: int) -> None:
        self.reference, self.estimates, self.block = reference, estimates, block
        self.samples = reference.shape[1]
        self.count = max(1, math.ceil(self.samples / block))
        self.correlator = Correlator(len(estimates), reference.shape[0], block, max_lag)

    def length(self, index: int) -> int:
        return int(min(self.block, self.samples - index * self.block))

    def read(self, index: int) -> tuple[Float, Float]:
        part = slice(index * self.block, index * self.block + self.length(index))
        estimates = np.stack([signal[:, part] for signal in self.estimates])
        return self.reference[:, part].astype(np.float64), estimates.astype(np.float64)

    def around(self, index: int) -> npt.NDArray[np.complex128]:
        halo = self.correlator.max_lag
        start, stop = index * self.block - halo, index * self.block + self.block + halo
        x = self.reference[:, max(start, 0) : min(stop, self.samples)].astype(np.float64)
        padding = (max(-start, 0), max(stop - self.samples, 0))
        return self.correlator.transform(np.pad(x, ((0, 0), padding)))

    def project(self, index: int, filters: Float) -> tuple[Float, Float]:
        """Return per estimate the energies of x∗h and of x̂ − x∗h in this block.

        The filter's tail beyond the end of the track belongs to the last block.
        """
        halo, last = self.correlator.max_lag, index == self.count - 1
        spectrum = self.around(index) * self.correlator.transform(filters)
        stop = halo + self.length(index) + (TAPS - 1 if last else 0)
        projected = fft.irfft(spectrum, self.correlator.size, axis=-1)[..., halo:stop]
        _, y = self.read(index)
        rest = np.pad(y, ((0, 0), (0, 0), (0, projected.shape[-1] - y.shape[-1]))) - projected
        return np.square(projected).sum(axis=(1, 2)), np.square(rest).sum(axis=(1, 2))
