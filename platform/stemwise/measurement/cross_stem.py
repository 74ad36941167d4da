"""The quadratic forms of blends over the estimates of *all* stems, in one pass over a track.

`track_stem.py` knows, of each stem, the estimates of that stem. Here every signal meets every reference:
its spectrum is computed once and correlated with all of them, and one Gram matrix holds all products.
What results per stem are the statistics of `blend.py` over all signals, so all whole-track scores of a
blend follow from them as they do from the table `forms`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from stemwise.audio.raw import Signal
from stemwise.measurement.blend import BlendStatistics, projections
from stemwise.measurement.bss_filter import TAPS, distortion_filters
from stemwise.measurement.interference import Products, parts_of_error
from stemwise.measurement.references import across

Float = npt.NDArray[np.float64]
# transforms as in `correlation.py`; a dozen parts are read at a time
_SIZE, _PARTS = 4096, 12
_PART = _SIZE - TAPS + 1


@dataclass(frozen=True)
class Target:
    """A stem that is to be made: its reference, and the names of those beside it (`references.py`)."""

    stem: str
    beside: tuple[str, ...]


def cross_forms(
    targets: Sequence[Target], references: Mapping[str, Signal], signals: Mapping[str, Signal]
) -> dict[str, BlendStatistics]:
    """Return each target's forms over all `signals`.

    Args:
        targets: stems to be made.
        references: of the targets and of what is beside them, by name, `(channels, samples)`.
        signals: by name, of the same shape.
    """
    wanted = [target.stem for target in targets]
    names = [*wanted, *(name for name in references if name not in wanted)]
    found = _correlate([references[name] for name in names], list(signals.values()), len(wanted))
    forms = {}
    for number, target in enumerate(targets):
        beside = [names.index(name) for name in (target.stem, *target.beside)]
        forms[target.stem] = _forms(found, number, beside, tuple(signals))
    return forms


@dataclass(frozen=True)
class _Correlated:
    """Products of a track: `gram` of references, then signals; lags with each target.

    `auto` is `(targets, channels, TAPS)`, `cross` `(targets, signals, channels, TAPS)`.
    """

    references: int
    gram: Float
    auto: Float
    cross: Float


def _forms(
    found: _Correlated, target: int, beside: Sequence[int], names: tuple[str, ...]
) -> BlendStatistics:
    own = slice(found.references, None)
    outside, gram = found.gram[own][:, beside], found.gram[own, own]
    products = Products(found.gram[np.ix_(beside, beside)][None], outside[None], gram[None])
    auto, cross = found.auto[target], found.cross[target]
    return BlendStatistics(
        names,
        float(found.gram[target, target]),
        outside[:, 0],
        gram,
        *projections(auto, cross, distortion_filters(auto, cross)),
        span=parts_of_error(products).span,
    )


def _correlate(
    references: Sequence[Signal], signals: Sequence[Signal], targets: int
) -> _Correlated:
    """Correlate all signals, and the targets themselves, with the first `targets` references."""
    every = [*references, *signals]
    channels, samples = every[0].shape
    known = [*range(targets), *range(len(references), len(every))]  # what is correlated
    gram = np.zeros((len(every), len(every)))
    total = torch.zeros(targets, len(known), channels, _SIZE // 2 + 1, dtype=torch.complex128)
    padded = torch.zeros(len(known), channels, _SIZE, dtype=torch.float64)
    delayed = torch.zeros(targets, channels, _SIZE, dtype=torch.float64)
    tail = np.zeros((targets, channels, TAPS - 1))
    for start in range(0, samples, _PART * _PARTS):
        stretch = np.stack([s[:, start : start + _PART * _PARTS] for s in every]).astype(np.float64)
        for first in range(0, stretch.shape[2], _PART):
            part = stretch[..., first : first + _PART]
            gram += across(part, part)
            length = part.shape[2]
            padded[..., :length] = torch.from_numpy(part[known])
            padded[..., length:] = 0
            # what precedes the part in the reference lies at the end: earlier by wrapping around
            delayed[..., :length] = padded[:targets, :, :length]
            delayed[..., length:] = 0
            delayed[..., 1 - TAPS :] = torch.from_numpy(tail)
            spectra = torch.fft.rfft(padded)
            for own, reference in zip(total, torch.fft.rfft(delayed), strict=True):
                own.addcmul_(spectra, reference.conj().resolve_conj())
            tail = np.concatenate([tail, part[:targets]], axis=2)[..., 1 - TAPS :]
    lags: Float = torch.fft.irfft(total, _SIZE)[..., :TAPS].numpy()
    auto = lags[range(targets), range(targets)]
    return _Correlated(len(references), gram, auto, lags[:, targets:])
