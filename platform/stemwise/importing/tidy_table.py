"""Scores that others published as a tidy table (`tidy.py`), ready for the tables of an import."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.core.nearest import did_you_mean
from stemwise.importing import tidy
from stemwise.importing.published import (
    COLUMNS,
    MUSEVAL,
    TABLE,
    Frames,
    Published,
    Scores,
    Source,
    TrackScores,
    check_model,
    stem_of,
)
from stemwise.storage.tables import METRICS

_SONG = ("dataset", "track")
_NO_VALUE = "The table has no value here."


def read_file(
    path: Path,
    columns: Mapping[str, str],
    wanted: Sequence[str] | None = None,
    split: str | None = None,
    given: Mapping[str, str] | None = None,
) -> Published:
    """Read a table.

    Args:
        path: CSV, TSV or Parquet.
        columns: our names → the table's.
        wanted: models to read; None: all.
        split: whose songs to read; None: all.
        given: translations of stem names.

    Raises:
        ConfigError: a column, model or split that the table does not have.
        DatasetError: the table cannot be read, a cell holds what it cannot, a row is there twice with
            other scores, or a song has two artists, genres or splits.
    """
    table = tidy.read(path, columns)
    table = _chosen(table, "model", wanted, "models", path)
    if split is not None:
        if "split" not in table.columns:
            raise ConfigError(f"split={split}: no column of {path.name} is mapped to split.")
        table = _chosen(table, "split", [split], "split", path)
    metrics = [name for name in METRICS if name in table.columns]
    table = _once(table, metrics, path)
    facts = _facts(table, path)
    tracks = list(_tracks(table, metrics, facts, path, given or {}))
    digest = hashlib.sha256(table.write_csv().encode()).hexdigest()
    models = sorted({check_model(track.model, path.name) for track in tracks})
    measure = MUSEVAL if set(metrics) <= set(COLUMNS.values()) else TABLE
    return Published(
        tracks,
        [Source(model, str(path), 1, digest) for model in models],
        Frames(1.0, 1.0),  # museval's default: tables do not say
        measure=measure,
        columns=tuple(metrics),
        undefined=_NO_VALUE,
    )


def _chosen(
    table: pl.DataFrame, column: str, wanted: Sequence[str] | None, key: str, path: Path
) -> pl.DataFrame:
    if wanted is None:
        return table
    known = table[column].drop_nulls().unique().sort().to_list()
    for name in wanted:
        if name not in known:
            raise ConfigError(
                f"{key}={name} is not in {path.name}: {did_you_mean(name, known)}it has "
                f"{', '.join(known)[:500]}."
            )
    return table.filter(pl.col(column).is_in(list(wanted)))


def _once(table: pl.DataFrame, metrics: Sequence[str], path: Path) -> pl.DataFrame:
    """Return each row once; equal doubles are one (DatasetError where scores differ)."""
    keys = [name for name in ("dataset", *tidy.KEYS) if name in table.columns]
    table = table.unique([*keys, *metrics], keep="first", maintain_order=True)
    doubles = table.filter(table.select(keys).is_duplicated())
    if doubles.is_empty():
        return table
    first = doubles.row(0, named=True)
    twin = doubles.filter(*(pl.col(key).eq_missing(first[key]) for key in keys)).row(1, named=True)
    told = ", ".join(str(first[key]) for key in keys if first[key] is not None)
    raise DatasetError(
        f"{path.name}: rows {first[tidy.ROW]} and {twin[tidy.ROW]} are both of {told}, with other "
        "scores: if another column tells them apart, keep one of its values, or make it part of the "
        "model's name."
    )


def _facts(table: pl.DataFrame, path: Path) -> dict[tuple[Any, ...], dict[str, str | None]]:
    """Return artist, genre and split of each song (DatasetError where a song has two)."""
    song = [name for name in _SONG if name in table.columns]
    facts = [name for name in ("artist", "genre", "split") if name in table.columns]
    found = table.group_by(song).agg(pl.col(name).drop_nulls().unique().sort() for name in facts)
    made: dict[tuple[Any, ...], dict[str, str | None]] = {}
    for row in found.iter_rows(named=True):
        for name in facts:
            if len(row[name]) > 1:
                raise DatasetError(
                    f"{path.name}: the song {row['track']!r} has two values of {name}, "
                    f"{row[name][0]!r} and {row[name][1]!r}: correct one."
                )
        made[tuple(row[name] for name in song)] = {n: next(iter(row[n]), None) for n in facts}
    return made


def _tracks(
    table: pl.DataFrame,
    metrics: Sequence[str],
    facts: Mapping[tuple[Any, ...], Mapping[str, str | None]],
    path: Path,
    given: Mapping[str, str],
) -> Iterator[TrackScores]:
    """Yield what each model scores on each song."""
    song = [name for name in _SONG if name in table.columns]
    for key, group in table.group_by([*song, "model"], maintain_order=True):
        known = facts[key[: len(song)]]
        scored: dict[str, Scores] = {}
        rejected: dict[str, str] = {}
        for row in group.iter_rows(named=True):
            where = f"{path.name}, row {row[tidy.ROW]}"
            try:
                stem = stem_of(row["stem"], given)
            except DatasetError as error:
                rejected[row["stem"]] = f"{where}: {error}."
                continue
            if stem in scored:
                rejected[row["stem"]] = f"{where}: the stem {stem!r} appears twice."
                continue
            scored[stem] = {name: row[name] for name in metrics}
        cost = group[tidy.COST].drop_nulls().mean() if tidy.COST in group.columns else None
        yield TrackScores(
            str(key[-1]),
            str(key[len(song) - 1]),
            path.name,
            known.get("split"),
            stems=scored,
            rejected=rejected,
            seconds_per_minute=cost
            if isinstance(cost, float) and 0 < cost < float("inf")
            else None,
            artist=known.get("artist"),
            genre=known.get("genre"),
            dataset=str(key[0]) if len(song) > 1 and key[0] is not None else None,
        )
