"""Tables that users bring: CSV, TSV or Parquet."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from stemwise.core.errors import DatasetError


def read_table(path: Path, told: str) -> pl.DataFrame:
    """Return a table; the cells of CSV and TSV are text. A folder holds Parquet files.

    Args:
        path: of the file, whose suffix says what it is.
        told: of what it is, to begin a sentence: "… cannot be read".

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        if path.is_dir() or path.suffix.lower() == ".parquet":
            return pl.read_parquet(path / "**" / "*.parquet" if path.is_dir() else path)
        separator = "\t" if path.suffix.lower() == ".tsv" else ","
        return pl.read_csv(path, separator=separator, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DatasetError(
            f"{told} ({reason}): save it as CSV with commas in UTF-8, as TSV, or as Parquet."
        ) from error
