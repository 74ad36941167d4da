"""All measurements of one stem of one track: a pass over its blocks, and one in search of lags."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.measurement.blend import BlendStatistics, projections
from stemwise.measurement.bss_filter import TAPS, distortion_filters
from stemwise.measurement.correlation import BlockCorrelator
from stemwise.measurement.energy_ratios import decibels, si_sdr, snr
from stemwise.measurement.gram import unpack
from stemwise.measurement.interference import Products, parts_of_error
from stemwise.measurement.lag_search import search
from stemwise.measurement.projection import ByFiltering, Edges, by_correlation
from stemwise.measurement.references import Beside, spans_of

Float = npt.NDArray[np.float64]
Spans = list[tuple[int, int]]
# Shorter blocks are filtered: their many correlations would take more memory and time than that.
_SHORT = 8 * TAPS


@dataclass(frozen=True)
class StemMeasurement:
    """What is known about one stem of one track.

    `signals` are `reference`, `mixture`, then the models; the rows of `gram` are blocks (see
    `gram.py`). `projection` and `remainder` `(blocks, signals − 1)` are the energies of bss_sdr's two
    parts per block for every signal but the reference, `interference` and `artifacts` those of the
    scale-free error. `lag` and `gain` belong to the same signals. `references` names those that span the
    space of SI-SIR, the stem's own as `reference`, and `span` `(signals − 1, signals − 1)` are the
    products of the projections on it.
    `auto` `(channels, 512)` is the reference's autocorrelation, `cross` `(signals − 1, channels, 512)`
    the correlation of every other signal with the reference delayed by 0 … 511 samples, `filters` of the
    same shape are the filters of bss_sdr.
    """

    signals: tuple[str, ...]
    starts: Float
    lengths: Float
    gram: Float
    projection: Float
    remainder: Float
    interference: Float
    artifacts: Float
    references: tuple[str, ...]
    span: Float
    lag: npt.NDArray[np.int64]
    gain: Float
    auto: Float
    cross: Float
    filters: Float
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

    def si_sir(self, signal: str) -> float:
        """Return the whole-track SI-SIR of `signal` in dB; +inf where no other reference is in it."""
        return self._scale_free(signal, self.interference)

    def si_sar(self, signal: str) -> float:
        """Return the whole-track SI-SAR of `signal` in dB; +inf for a sum of references."""
        return self._scale_free(signal, self.artifacts)

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

    def forms(self) -> BlendStatistics:
        """Return the quadratic forms of every blend of the signals but the reference."""
        total = self.total()
        forms = projections(self.auto, self.cross, self.filters)
        return BlendStatistics(
            self.signals[1:],
            float(total[0, 0]),
            total[0, 1:],
            total[1:, 1:],
            *forms,
            span=self.span,
        )

    def _scale_free(self, signal: str, energies: Float) -> float:
        """Return the ratio of the scaled reference's energy to one part of the error's, in dB."""
        energy, product, _ = self._products(signal)
        target = product**2 / energy if energy > 0 else math.nan
        return float(decibels(target, energies[:, self.signals.index(signal) - 1].sum()))

    def _products(self, signal: str) -> tuple[float, float, float]:
        index, total = self.signals.index(signal), self.total()
        return total[0, 0], total[0, index], total[index, index]


def measure_stem(
    reference: Audio,
    estimates: Mapping[str, Audio],
    block_s: float = 1.0,
    max_lag_s: float = 0.1,
    beside: Beside | None = None,
) -> StemMeasurement:
    """Measure every estimate of a stem against its reference.

    Args:
        reference: `(channels, samples)`.
        estimates: name → `(channels, samples)`, of the reference's length; `mixture` first.
        block_s: length of a block in seconds; the last one may be shorter.
        max_lag_s: largest delay that is searched for, both ways.
        beside: the other references of the song, in blocks of the same length.
    """
    block = max(1, round(block_s * SAMPLE_RATE))
    max_lag = max(TAPS - 1, round(max_lag_s * SAMPLE_RATE))
    channels, samples = reference.shape
    signals = list(estimates.values())
    spans = spans_of(samples, block_s)
    if beside is None or not beside.names:
        beside = Beside((), (), np.zeros((len(spans), 0, 0)))
    grams, correlations, total, across = _correlate([reference, *signals], spans, block, beside)
    auto, cross = total[0], total[1:]
    filters = distortion_filters(auto, cross)
    energies = _energies(reference, signals, spans, filters, (grams, correlations))
    parts = parts_of_error(_products(unpack(grams), across, beside.grams))
    norm = np.sqrt(np.diagonal(unpack(grams.sum(axis=0))))
    lag, value = search(reference, signals, cross.sum(axis=1), norm[0] * norm[1:], max_lag)
    energy = float(auto[:, 0].sum())
    return StemMeasurement(
        signals=("reference", *estimates),
        starts=np.array([start for start, _ in spans]) / SAMPLE_RATE,
        lengths=np.array([stop - start for start, stop in spans]) / SAMPLE_RATE,
        gram=grams,
        projection=energies[0],
        remainder=energies[1],
        interference=parts.interference,
        artifacts=parts.artifacts,
        references=("reference", *_with_sound(beside)),
        span=parts.span,
        lag=lag,
        gain=value / energy if energy > 0 else np.zeros(len(value)),
        auto=auto,
        cross=cross,
        filters=filters,
        samples=samples,
        channels=channels,
    )


def _products(grams: Float, across: Float, others: Float) -> Products:
    """Join what is known of the stem's reference and estimates with the references beside it.

    Args:
        grams: of reference and estimates, `(blocks, signals, signals)`.
        across: of them with the references beside, `(blocks, signals, beside)`.
        others: of the references beside, `(blocks, beside, beside)`.
    """
    own = np.concatenate([grams[:, :1, :1], across[:, :1]], axis=2)
    rest = np.concatenate([across[:, :1].swapaxes(1, 2), others], axis=2)
    outside = np.concatenate([grams[:, 1:, :1], across[:, 1:]], axis=2)
    return Products(np.concatenate([own, rest], axis=1), outside, grams[:, 1:, 1:])


def _with_sound(beside: Beside) -> list[str]:
    """Return the names of the references beside that are not silent throughout."""
    energy = np.diagonal(beside.grams, axis1=1, axis2=2).sum(axis=0)
    return [name for name, value in zip(beside.names, energy, strict=True) if value > 0]


def _correlate(
    signals: list[Audio], spans: Spans, block: int, beside: Beside
) -> tuple[Float, Float | None, Float, Float]:
    """Return Gram matrices and correlations of each block, the correlations of the track, and the
    products of each block with the references beside.

    The correlations of each block, `(blocks, signals, channels, TAPS)`, are kept where blocks are long.
    """
    correlator = BlockCorrelator(signals, block, TAPS, beside.signals)
    grams, kept, outside = [], [], []
    total = np.zeros((len(signals), signals[0].shape[0], TAPS))
    for start, stop in spans:
        products, lags, across = correlator(start, stop)
        grams.append(products)
        outside.append(across)
        total += lags
        if block >= _SHORT:
            kept.append(lags)
    return np.array(grams), np.array(kept) if kept else None, total, np.array(outside)


def _energies(
    reference: Audio,
    estimates: list[Audio],
    spans: Spans,
    filters: Float,
    known: tuple[Float, Float | None],
) -> Float:
    """Return the energies of projections and remainders, `(2, blocks, estimates)`."""
    grams, correlations = known
    energies = np.zeros((2, len(spans), len(estimates)))
    lost = np.ones(energies.shape[1:], dtype=np.bool_)
    if correlations is not None:
        edges = Edges.of(reference, spans, TAPS - 1)
        own = np.diagonal(unpack(grams), axis1=1, axis2=2)[:, 1:]
        energies[0], energies[1], lost = by_correlation(
            filters, correlations[:, 0], correlations[:, 1:], edges, own
        )
    if lost.any():
        filtering = ByFiltering(reference, estimates, filters, spans[0][1])
        for block in np.flatnonzero(lost.any(axis=1)):
            energies[:, block, lost[block]] = filtering(*spans[block], lost[block])
    return energies
