"""A tidy table of others: one row per model, song and stem; which of its columns means what is mapped.

    columns={model: model_id, track: track_id, stem: stem, museval_sdr: sdr_median}

Ours come first, those of the table second. Scores are in dB; what is empty, NaN, NA, N/A, null or None
is unknown and stays null.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.core.nearest import did_you_mean
from stemwise.importing.table_file import read_table
from stemwise.storage.tables import METRICS

KEYS = ("model", "track", "stem")
FACTS = ("artist", "genre", "dataset", "split")
COST = "seconds_per_minute"
KNOWN = (*KEYS, *FACTS, COST, *METRICS)
ROW = "row"
# of a table that is read without a mapping: what else the column of the songs may be called
_ALIASES = {"track": ("track_id", "song", "title")}
_UNKNOWN = ("", "nan", "na", "n/a", "null", "none", "-", "–")
_MOST_DB = 300.0  # of a ratio in double precision; beyond, numbers are no decibels


def read(path: Path, columns: Mapping[str, str]) -> pl.DataFrame:
    """Return the mapped columns of a CSV, TSV or Parquet file under our names.

    Args:
        path: the file, or a folder of Parquet files.
        columns: ours → the table's; columns that are called as ours need not be named.

    Returns:
        Strings, scores and cost as f64 (null: unknown), and `row`, the number of the row in the file,
        counted from 1 without the header.

    Raises:
        ConfigError: an unknown name on either side, or no column of models, songs, stems or scores.
        DatasetError: the file cannot be read, or a cell holds what it cannot.
    """
    table = _table(path)
    mapped = _mapping(path, table.columns, columns)
    table = table.select(pl.col(theirs).alias(ours) for ours, theirs in mapped.items())
    table = table.with_row_index(ROW, offset=1)
    numbers = [name for name in mapped if name in METRICS or name == COST]
    table = table.with_columns(_text(name) for name in mapped if name not in numbers)
    for name in numbers:
        table = table.with_columns(_numbers(table, name, mapped[name], path))
    _refuse_nameless(table, mapped, path)
    return table


def _table(path: Path) -> pl.DataFrame:
    if not path.exists():
        raise DatasetError(f"{path} does not exist, but a table is expected: set input=.")
    return read_table(path, f"{path} cannot be read as a table")


def _mapping(path: Path, present: list[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return ours → theirs (ConfigError where one is unknown, or something is lacking)."""
    listed = ", ".join(present)[:500]
    for ours, theirs in given.items():
        if ours not in KNOWN:
            near = did_you_mean(ours, KNOWN)
            raise ConfigError(f"columns.{ours} is unknown: {near}use {', '.join(KNOWN)}.")
        if theirs not in present:
            near = did_you_mean(theirs, present)
            raise ConfigError(
                f"columns.{ours}={theirs} is not in {path.name}: {near}it has {listed}."
            )
    found = dict(given)
    for ours in KNOWN:
        names = (ours, *_ALIASES.get(ours, ()))
        called = next((name for name in names if name in present), None)
        if ours not in found and called is not None:
            found[ours] = called
    lacking = [name for name in KEYS if name not in found]
    if not lacking and not set(found) & set(METRICS):
        lacking = [METRICS[0]]
    if lacking:
        what = "scores" if lacking[0] in METRICS else lacking[0]
        raise ConfigError(
            f"{path.name} has no column of {what}: name it with 'columns={{{lacking[0]}: THEIRS}}', of "
            f"{listed}."
        )
    return {name: found[name] for name in KNOWN if name in found}


def _text(name: str) -> pl.Expr:
    """Return a column as text; what is empty is null."""
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(text.str.to_lowercase().is_in(_UNKNOWN)).then(None).otherwise(text).alias(name)


def _numbers(table: pl.DataFrame, name: str, theirs: str, path: Path) -> pl.Series:
    """Return a column as numbers (DatasetError for a cell that is none, or no decibels)."""
    column = table[name]
    if column.dtype == pl.Boolean or column.dtype.is_nested() or column.dtype.is_temporal():
        raise DatasetError(f"{path.name}: the column {theirs} holds {column.dtype}, not numbers.")
    if column.dtype == pl.String:
        text = table.select(_text(name))[name].str.replace(r"(?i)\s*dB$", "")
        made = text.cast(pl.Float64, strict=False)
        wrong = text.is_not_null() & made.is_null()
    else:
        made = column.cast(pl.Float64)
        wrong = pl.repeat(False, len(made), eager=True)
    made = made.fill_nan(None)
    if name != COST:
        wrong = wrong | (made.is_finite() & (made.abs() > _MOST_DB)).fill_null(False)
    if wrong.any():
        place = int(wrong.arg_max() or 0)
        raise DatasetError(
            f"{path.name}: row {place + 1} has {str(column[place])[:40]!r} in the column {theirs}, "
            "which is no number of decibels: correct it, or leave it empty where it is unknown."
        )
    return made.alias(name)


def _refuse_nameless(table: pl.DataFrame, mapped: Mapping[str, str], path: Path) -> None:
    for name in KEYS:
        empty = table.filter(pl.col(name).is_null())
        if not empty.is_empty():
            raise DatasetError(
                f"{path.name}: row {empty[ROW][0]} has no {mapped[name]}: each row needs a model, a "
                "song and a stem."
            )
