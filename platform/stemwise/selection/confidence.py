"""The confidence of every winner of a run, collected while its blocks pass by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.selection.block_energies import columns_of, energies
from stemwise.selection.bootstrap import (
    ALONE,
    UNKNOWN,
    Confidence,
    draw_blocks,
    stable_seed,
    win_confidence,
)
from stemwise.selection.keys import Key, Pair, PairOf
from stemwise.selection.oracle import CONFIDENCE, SelectionSettings
from stemwise.selection.regrouping import edges
from stemwise.selection.rules import get_rule
from stemwise.selection.stem_blocks import StemBlocks

Float = npt.NDArray[np.float64]


class WinConfidence:
    """Bootstraps the winner of each stem of each track.

    Args:
        ranked: models of each stem that has scores, from best to worst.
        pair_of: the two scores, by stem.
        settings: rule and bootstrap.
    """

    def __init__(
        self, ranked: Mapping[Key, Sequence[str]], pair_of: PairOf, settings: SelectionSettings
    ) -> None:
        self.ranked, self.pair_of, self.settings = ranked, pair_of, settings
        self.found: dict[Key, Confidence] = {}
        # of the current track, by number of blocks: its stems share them
        self._drawn: dict[tuple[int, int], Float] = {}

    @property
    def columns(self) -> frozenset[str]:
        """See `Visitor`; scores without energies per block (museval) need none and get no confidence."""
        pairs = {self.pair_of(stem) for stem in {key[-1] for key in self.ranked}}
        return frozenset().union(*map(columns_of, pairs))

    def visit(self, blocks: StemBlocks) -> None:
        """See `Visitor`."""
        pairs: dict[Pair, list[int]] = {}
        for place, key in enumerate(blocks.keys):
            pair = self.pair_of(key[-1])
            if key in self.ranked and columns_of(pair):
                pairs.setdefault(pair, []).append(place)
        for pair, places in pairs.items():
            self._visit(blocks.only(places), pair)

    def _visit(self, blocks: StemBlocks, pair: Pair) -> None:
        starts, counts = edges(blocks.counts, blocks.seconds, self.settings.bootstrap_block_s)
        both = [energies(name, blocks) for name in pair]
        summed = [
            np.add.reduceat(part, starts, axis=0) for e in both for part in (e.target, e.residual)
        ]
        place = {signal: at for at, signal in enumerate(blocks.signals[1:])}
        alike: dict[tuple[int, int, int], list[tuple[Key, list[Float]]]] = {}
        for key, first, count in zip(blocks.keys, np.cumsum(counts) - counts, counts, strict=True):
            models = self.ranked[key]
            if len(models) < 2:
                self.found[key] = ALONE
            elif count < 2:  # a single block tells nothing about other ones
                self.found[key] = UNKNOWN
            else:
                index = [place[model] for model in models]
                own = [part[first : first + count, index] for part in summed]
                seed = stable_seed(self.settings.seed, key[:2])
                alike.setdefault((seed, int(count), len(models)), []).append((key, own))
        for (seed, count, _), group in alike.items():
            self._bootstrap(group, self._draws(count, seed))

    def _bootstrap(self, group: Sequence[tuple[Key, list[Float]]], drawn: Float) -> None:
        parts = [np.stack(stems) for stems in zip(*(own for _, own in group), strict=True)]
        rule = get_rule(self.settings.rule)
        found = win_confidence((parts[0], parts[1]), (parts[2], parts[3]), rule, drawn)
        self.found |= dict(zip((key for key, _ in group), found, strict=True))

    def _draws(self, blocks: int, seed: int) -> Float:
        if (blocks, seed) not in self._drawn:
            if self._drawn and next(iter(self._drawn))[1] != seed:
                self._drawn.clear()
            self._drawn[blocks, seed] = draw_blocks(blocks, self.settings.draws, seed)
        return self._drawn[blocks, seed]

    def frame(self) -> pl.DataFrame:
        """Return the keys and the three columns of `selections`."""
        rows = [(*key, *astuple(own)) for key, own in self.found.items()]
        return pl.DataFrame(rows, schema=CONFIDENCE, orient="row")
