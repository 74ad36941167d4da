"""The tables of a finished run as one object; a table that the run lacks is empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from stemwise.analysis.aggregate import REFERENCE_LINES
from stemwise.analysis.matched import STEM_KEY
from stemwise.core.errors import OutputError
from stemwise.core.stems import MIXTURE, sort_key
from stemwise.core.types import ENSEMBLE_PREFIX, REFERENCE
from stemwise.report.tables import model_order, stem_label
from stemwise.selection.keys import is_stem
from stemwise.storage import tables

Row = dict[str, Any]
StemKey = tuple[str, str, str]
NEEDED = ("tracks", "scores")
# Blends of the run's models are scored under this name.
RECIPE = "recipe:"


@dataclass(frozen=True)
class RunTables:
    """What the report reads.

    Attributes:
        output: the run's folder.
        models: in the order of the run, then those that only the scores name; reference lines apart.
        frames: table name → rows; empty where the run has no such table.
        imported: these are scores that others published, of which there is no audio.
    """

    output: Path
    models: tuple[str, ...]
    frames: dict[str, pl.DataFrame]
    imported: bool = False

    @property
    def separators(self) -> tuple[str, ...]:
        """The models but for blends of them."""
        return tuple(model for model in self.models if not model.startswith(RECIPE))

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.frames[name]

    @cached_property
    def stems(self) -> tuple[StemKey, ...]:
        """Every (parent, parent source, stem) that has scores: level 1 first."""
        keys = {tuple(row) for row in self["scores"].select(STEM_KEY).unique().iter_rows()}
        return tuple(sorted(keys, key=_stem_order))

    @property
    def level1(self) -> tuple[StemKey, ...]:
        """Those stems that come from the mixture; of recordings of drums alone, their parts."""
        whole = tuple(key for key in self.stems if key[0] == MIXTURE)
        return whole or tuple(key for key in self.stems if key[1] == REFERENCE)

    def rows(self, name: str, key: StemKey | None = None) -> list[Row]:
        """Return the rows of a table, of one stem where `key` is given."""
        return (self[name] if key is None else self.of_stem(name, key)).to_dicts()

    def of_stem(self, name: str, key: StemKey) -> pl.DataFrame:
        """Return the rows of a table that are of one stem."""
        return self[name].filter(is_stem(key))


def read_run(output: Path, models: Sequence[str], imported: bool = False) -> RunTables:
    """Read the tables of a run; only `tracks` and `scores` must be there.

    `imported` says that they are of `stemwise import-scores`.

    Raises:
        OutputError: a table that is needed is missing, or one is not what this version writes.
    """
    frames = {name: _read(output, name) for name in (*tables.SCHEMAS, *tables.ANALYSIS)}
    # other kinds of ensembles have a table and a figure of their own; only their failures stand here
    other = pl.col("model").str.starts_with(ENSEMBLE_PREFIX)
    frames["scores"] = frames["scores"].filter(~other | (pl.col("status") == "failed"))
    named = frames["scores"]["model"].unique().to_list()
    present = [name for name in named if not name.startswith(ENSEMBLE_PREFIX)]
    ordered = [name for name in model_order(models, present) if name not in REFERENCE_LINES]
    return RunTables(output, tuple(ordered), frames, imported)


def _read(output: Path, name: str) -> pl.DataFrame:
    empty = pl.from_arrow(tables.schema_of(name).empty_table())
    assert isinstance(empty, pl.DataFrame)
    # block by block, and large: nothing of the report is made from these
    if name in ("measurements", "forms"):
        return empty
    folder = output / "tables"
    if name not in NEEDED and not any((folder / name).glob("**/*.parquet")):
        return empty
    frame = tables.read(folder, name)
    # a score that an older version did not compute is a score that was not computed
    if name == "scores":
        later = [c for c in empty.columns if c not in frame.columns and _is_metric(c, empty)]
        frame = frame.with_columns(pl.lit(None, pl.Float64).alias(column) for column in later)
    missing = [column for column in empty.columns if column not in frame.columns]
    if missing:
        raise OutputError(
            f"{folder / name} has no column {missing[0]!r}, so another version wrote it: "
            "run `stemwise evaluate` with the same output= again."
        )
    return frame


def _is_metric(column: str, scores: pl.DataFrame) -> bool:
    return scores.schema[column] == pl.Float64 and column not in ("paper_snr", "paper_sdr", "score")


def _stem_order(key: StemKey) -> tuple[bool, str, tuple[int, str], str]:
    parent, source, stem = key
    return parent != MIXTURE, parent, sort_key(stem), source


def label(key: StemKey) -> str:
    """Return a stem's name for people, at level 2 with what it was made from."""
    parent, source, stem = key
    if parent == MIXTURE:
        return stem_label(stem)
    return f"{stem_label(stem)} from {'true' if source == REFERENCE else 'estimated'} {parent}"


def slug_of(key: StemKey) -> str:
    """Return a stem's name for files and anchors."""
    parent, source, stem = key
    return stem if parent == MIXTURE else f"{parent}-{source}-{stem}"


def finite(rows: Iterable[Row], column: str = "mean_score") -> list[Row]:
    """Return the rows in which a column has a number that can be drawn."""
    bound = float("inf")
    return [row for row in rows if row[column] is not None and -bound < row[column] < bound]
