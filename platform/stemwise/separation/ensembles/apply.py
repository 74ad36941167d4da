"""An ensemble applied to estimates, block by block: the one function of benchmark, command and service.

Blocks lie where the settings say, whatever the signals are kept in, so the samples are equal
everywhere; and the result is that of the whole signal, wherever blocks lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from stemwise.audio.raw import Signal
from stemwise.core.types import Audio
from stemwise.separation.ensembles import cross_stem
from stemwise.separation.ensembles.kinds import get_kind
from stemwise.separation.ensembles.spec import Ensemble

_BLOCK = 1 << 17  # 3 s; of ten models their bins take 40 MB


def combined(
    ensemble: Ensemble,
    signals: Sequence[Signal],
    heard: Signal | None = None,
    block: int = _BLOCK,
) -> Iterator[Audio]:
    """Yield consecutive stretches `(2, n)` float32 of an ensemble.

    Args:
        ensemble: how to combine.
        signals: `(2, samples)` of each of its sources (`sources_of`), in their order, all of one length.
        heard: what the models heard, `(2, samples)`, for kinds of all stems, which need it.
        block: samples of a stretch, brought to whole hops.
    """
    kind = get_kind(ensemble.kind)
    if kind.stems and heard is not None:
        named = zip(cross_stem.sources(ensemble.settings), signals, strict=True)
        for stretch in cross_stem.stretches(ensemble.settings, dict(named), heard):
            yield kind.combine(stretch, ensemble.models, ensemble.settings)
        return
    framing = kind.framing(ensemble.settings)
    margin, hop = (framing.margin, framing.hop) if framing else (0, 1)
    step = max(1, block // hop) * hop
    samples = signals[0].shape[1]
    for start in range(0, samples, step):
        count = min(step, samples - start)
        whole = -(-count // hop) * hop
        heard = _read(signals, start - margin, whole + 2 * margin)
        if framing is None:
            made = kind.combine(heard, ensemble.models, ensemble.settings)
        else:
            bins = framing.analyse(heard)
            made = framing.synthesise(kind.combine(bins, ensemble.models, ensemble.settings))
        yield np.ascontiguousarray(made[:, :count], np.float32)


def _read(signals: Sequence[Signal], start: int, count: int) -> Audio:
    """Return `count` samples of all signals, `(signals, 2, count)`, with silence around them."""
    out = np.zeros((len(signals), signals[0].shape[0], count), np.float32)
    before = max(0, -start)
    for place, signal in zip(out, signals, strict=True):
        found = signal[:, start + before : start + count]
        place[:, before : before + found.shape[1]] = found
    return out
