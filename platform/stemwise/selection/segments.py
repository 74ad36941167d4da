"""The segment oracle: what choosing again every few seconds would reach, given the references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from stemwise.measurement.energy_ratios import decibels
from stemwise.selection.block_energies import Energies, columns_of, energies
from stemwise.selection.keys import Key, Pair, PairOf
from stemwise.selection.regrouping import edges
from stemwise.selection.rules import get_rule
from stemwise.selection.stem_blocks import StemBlocks

Float = npt.NDArray[np.float64]


class SegmentOracle:
    """Collects the whole-track scores in dB of the best model of every segment, put together.

    Energies of the chosen models are added up over segments; filters and gains of scale-free scores
    stay those of the whole track.

    Args:
        models: who may be chosen, by (parent, parent source, stem).
        pair_of: the two scores, by stem.
        rule: makes one number of them.
        segment_s: length of a segment in seconds.
    """

    def __init__(
        self,
        models: Mapping[tuple[str, str, str], Sequence[str]],
        pair_of: PairOf,
        rule: str,
        segment_s: float,
    ) -> None:
        self.models, self.pair_of = models, pair_of
        self.rule, self.segment_s = rule, segment_s
        self.scores: dict[Key, float] = {}

    @property
    def columns(self) -> frozenset[str]:
        """See `Visitor`."""
        return frozenset().union(*(columns_of(self.pair_of(stem)) for *_, stem in self.models))

    def visit(self, blocks: StemBlocks) -> None:
        """See `Visitor`; a stem that lacks one of its models is left out."""
        groups: dict[tuple[tuple[str, ...], Pair], list[int]] = {}
        for place, key in enumerate(blocks.keys):
            models = tuple(self.models.get(key[2:], ()))
            if models and set(models) <= set(blocks.signals):
                groups.setdefault((models, self.pair_of(key[-1])), []).append(place)
        for (models, pair), places in groups.items():
            own = blocks.only(places)
            index = [own.signals.index(model) - 1 for model in models]
            both = [energies(name, own).of(index) for name in pair]
            found = self._best(own, both)
            self.scores |= dict(zip(own.keys, map(float, found), strict=True))

    def _best(self, blocks: StemBlocks, both: Sequence[Energies]) -> Float:
        """Return the score of each stem, from energies `(blocks, models)`."""
        starts, counts = edges(blocks.counts, blocks.seconds, self.segment_s)
        rule = get_rule(self.rule)
        grouped = [
            [np.add.reduceat(part, starts, axis=0) for part in (e.target, e.residual)] for e in both
        ]
        scores = rule(*(decibels(*parts) for parts in grouped))
        best = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)[:, None]
        first = np.cumsum(counts) - counts
        totals = [
            [np.add.reduceat(np.take_along_axis(p, best, axis=1)[:, 0], first) for p in parts]
            for parts in grouped
        ]
        return rule(*(decibels(*parts) for parts in totals))
