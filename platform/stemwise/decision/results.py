"""From finished tracks to the tables of a run: collect, score, rank, write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from stemwise.core.errors import OutputError
from stemwise.core.places import Place
from stemwise.core.types import HELD_OUT, RECIPE_PREFIX
from stemwise.selection.keys import PairOf
from stemwise.selection.oracle import ORACLE, add_scores, oracle_rows, rank
from stemwise.storage import parts, tables
from stemwise.storage.batches import TRACKS_AT_ONCE, Batches, BatchWriter
from stemwise.storage.definitions import Protocol
from stemwise.storage.parts import Part

SMALL = ("tracks", "estimates", "forms", "scores")
BLOCKS = "measurements"
CROSS = "cross"  # which runs have that measured the estimates of all stems together
_DERIVED = (ORACLE, RECIPE_PREFIX + HELD_OUT)


@dataclass(frozen=True)
class Content:
    """The tables of a run.

    Attributes:
        tracks, estimates, forms, scores, cross: as frames; `cross` is empty unless it was measured.
        measurements: stay on disk and are read some tracks at a time.
        ranked: the models of every stem of every track, from best to worst (`selection.oracle.rank`).
    """

    tracks: pl.DataFrame
    estimates: pl.DataFrame
    forms: pl.DataFrame
    scores: pl.DataFrame
    measurements: Batches
    ranked: pl.DataFrame = field(default_factory=pl.DataFrame)
    cross: pl.DataFrame = field(default_factory=lambda: tables.framed(CROSS, ()))


def collect(
    folder: Place, tracks: Iterable[str], into: Path, protocol: Protocol | None = None
) -> Content:
    """Return the tables of the finished tracks named `tracks`, in the order of their names.

    Their blocks are written to the table `measurements` below the folder `into`, with the `protocol` by
    which they were measured.

    Raises:
        OutputError: a track is not finished, or the table cannot be written.
    """
    found: dict[str, list[pa.Table]] = {name: [] for name in (*SMALL, CROSS)}
    with BatchWriter(into, BLOCKS, protocol) as writer:
        for group in _batches(folder, tracks):
            for name, kept in found.items():
                kept.append(_joined(name, group))
            writer.write(_joined(BLOCKS, group))
    frames = {name: tables.frame(tables.concat(name, kept)) for name, kept in found.items()}
    return Content(**frames, measurements=Batches(BLOCKS, writer.path))


def collect_some(folder: Place, tracks: Iterable[str], names: Sequence[str]) -> dict[str, pa.Table]:
    """Return some small tables of the finished tracks named `tracks`.

    Raises:
        OutputError: a track is not finished.
    """
    groups = list(_batches(folder, tracks))
    return {name: tables.concat(name, (_joined(name, group) for group in groups)) for name in names}


def _batches(folder: Place, tracks: Iterable[str]) -> Iterator[list[Part]]:
    names = sorted(tracks)
    group: list[Part] = []
    for name, part in zip(names, parts.read_all(folder, names), strict=True):
        if part is None:
            raise OutputError(f"{parts.path(folder, name)} is missing or damaged: run again.")
        group.append(part)
        if len(group) == TRACKS_AT_ONCE:
            yield group
            group = []
    if group:
        yield group


def _joined(name: str, group: Sequence[Part]) -> pa.Table:
    """Return a table of several tracks that shares no memory with what was read of them."""
    known = (part.tables for part in group)
    # parts of older versions have no table `cross`
    return tables.concat(
        name, (own[name] for own in known if name != CROSS or name in own)
    ).combine_chunks()


def score_and_rank(
    content: Content, pair_of: PairOf, rule: str, candidates: Sequence[str]
) -> Content:
    """Return the content with the rule applied, models ranked, and `oracle` rows made again.

    Args:
        content: tables as measured; derived rows in `scores` are left out.
        pair_of: columns of `scores` that make up the score, by stem.
        rule: makes one number of both.
        candidates: models that may be chosen, in the order that breaks ties.
    """
    measured = content.scores.filter(~pl.col("model").is_in(_DERIVED))
    scores = add_scores(measured, pair_of, rule)
    ranked = rank(scores, candidates)
    oracle = oracle_rows(scores, ranked)
    return replace(content, scores=pl.concat([scores, oracle]), ranked=ranked)


def write(folder: Path, frames: dict[str, pl.DataFrame], protocol: Protocol | None = None) -> None:
    """Write tables of a run, decided by a protocol (OutputError where that is impossible)."""
    for name, frame in frames.items():
        tables.write(folder, name, [tables.of_frame(name, frame)], protocol)
