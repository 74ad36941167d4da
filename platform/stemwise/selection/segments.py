"""The segment oracle: what choosing anew every few seconds would reach, with the truth at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.measurement.energy_ratios import decibels
from stemwise.selection.block_energies import BLOCK_ENERGIES
from stemwise.selection.bootstrap import Energies, regroup
from stemwise.selection.rules import get_rule


def segment_oracle(
    blocks: Sequence[Mapping[str, Any]],
    models: Sequence[str],
    pair: tuple[str, str],
    rule: str,
    segment_s: float,
) -> float:
    """Return the whole-track score in dB of the best model of every segment, put together.

    Energies of the chosen models are added up over segments; filters and gains of scale-free scores
    stay those of the whole track.

    Args:
        blocks: rows of `measurements` of one stem of one track.
        models: who may be chosen.
        pair: the two scores.
        rule: makes one number of them.
        segment_s: length of a segment in seconds.
    """
    ordered = sorted(blocks, key=lambda row: int(row["block"]))
    seconds = float(ordered[0]["length_s"])
    both = []
    for name in pair:
        energies = BLOCK_ENERGIES[name](ordered, models)
        parts = (regroup(part, seconds, segment_s) for part in (energies.target, energies.residual))
        both.append(Energies(*parts))
    combine = get_rule(rule)
    scores = combine(*(decibels(e.target, e.residual) for e in both))
    best = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=0)
    columns = np.arange(scores.shape[1])
    totals = [
        decibels(e.target[best, columns].sum(), e.residual[best, columns].sum()) for e in both
    ]
    return float(combine(*totals))
