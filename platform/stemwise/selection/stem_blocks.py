"""The measured blocks of many stems as arrays: what all that looks into a song's time is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stemwise.selection.keys import KEY, Key
from stemwise.storage.batches import Batches

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
_ALWAYS = (*KEY, "block", "length_s", "signals")


@dataclass(frozen=True)
class StemBlocks:
    """Stems of tracks that have the same signals; their blocks lie one after another, in time's order.

    Attributes:
        keys: (dataset, track, parent, parent source, stem) of each stem.
        signals: `reference`, `mixture`, then models.
        seconds: length of the first block of each stem.
        counts: how many blocks each stem has.
        columns: of the table `measurements`, `(blocks, values)`.
    """

    keys: tuple[Key, ...]
    signals: tuple[str, ...]
    seconds: Float
    counts: Int
    columns: dict[str, Float]

    @property
    def starts(self) -> Int:
        """Position of the first block of each stem."""
        return np.cumsum(self.counts) - self.counts

    def only(self, chosen: Sequence[int]) -> StemBlocks:
        """Return the stems at these positions."""
        index = np.asarray(chosen, dtype=np.int64)
        if len(index) == len(self.keys) and (np.diff(index) == 1).all():
            return self
        rows = _ranges(self.starts[index], self.counts[index])
        return StemBlocks(
            tuple(self.keys[i] for i in index),
            self.signals,
            self.seconds[index],
            self.counts[index],
            {name: values[rows] for name, values in self.columns.items()},
        )


class Visitor(Protocol):
    """Something that is computed from blocks."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns of `measurements` that it needs, beside the keys; none: no blocks at all."""
        ...

    def visit(self, blocks: StemBlocks) -> None:
        """Take in some stems; each stem is seen once, and all stems of a track in a row."""
        ...


def over_blocks(measurements: Batches, visitors: Sequence[Visitor]) -> None:
    """Show the blocks of a run to all visitors in one pass.

    Raises:
        OutputError: the table is damaged.
    """
    wanted = [visitor for visitor in visitors if visitor.columns]
    columns = sorted(frozenset().union(*(visitor.columns for visitor in wanted)))
    if not columns:
        return
    for batch in measurements.read([*_ALWAYS, *columns]):
        for blocks in stem_blocks(batch, columns):
            for visitor in wanted:
                visitor.visit(blocks)


def stem_blocks(batch: pa.Table, columns: Sequence[str]) -> Iterator[StemBlocks]:
    """Split a sorted batch of `measurements` into groups of stems that have the same signals.

    Args:
        batch: rows of whole tracks, strings as dictionaries, each column in one chunk.
        columns: which lists of numbers are wanted.
    """
    codes = [_chunk(batch, name).indices.to_numpy() for name in KEY]
    changes = np.any([np.diff(code) != 0 for code in codes], axis=0)
    starts = np.flatnonzero(np.concatenate([[True], changes]))
    counts = np.diff(np.append(starts, batch.num_rows))
    seconds = _chunk(batch, "length_s").to_numpy()[starts]
    names = [_chunk(batch, name).take(pa.array(starts)).to_pylist() for name in KEY]
    keys = list(zip(*names, strict=True))
    signals = [tuple(own) for own in _chunk(batch, "signals").take(pa.array(starts)).to_pylist()]
    for layout in dict.fromkeys(signals):
        own = np.array([i for i, found in enumerate(signals) if found == layout])
        rows = None if len(own) == len(keys) else _ranges(starts[own], counts[own])
        yield StemBlocks(
            tuple(keys[i] for i in own),
            layout,
            seconds[own],
            counts[own],
            {name: _lists(_chunk(batch, name), rows) for name in columns},
        )


def _chunk(batch: pa.Table, name: str) -> pa.Array:
    return batch.column(name).chunk(0)


def _lists(values: pa.ListArray, rows: Int | None) -> Float:
    """Return lists of equal length as `(rows, length)`."""
    if rows is not None:
        values = values.take(pa.array(rows))
    flat: Float = values.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(values), -1)


def _ranges(starts: Int, counts: Int) -> Int:
    """Return start, start + 1, … for each count, one after another."""
    ends = np.cumsum(counts)
    shifts: Int = np.repeat(starts - (ends - counts), counts)
    return np.arange(len(shifts)) + shifts
