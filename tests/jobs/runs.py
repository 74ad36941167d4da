"""Runs of the command line on folders of songs, and what they leave."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from stemwise.cli import main
from stemwise.storage import tables

MODELS = "models=[band_split,oracle_irm]"


def evaluate(root: object, output: object, *overrides: str) -> int:
    """Run `stemwise evaluate dataset=folder`; return its exit code."""
    given = [f"dataset.root={root}", f"output={output}", *overrides]
    return main(["evaluate", "dataset=folder", *given])


def scores(output: Path) -> pl.DataFrame:
    """Return the scores of a run."""
    return tables.read(output / "tables", "scores")
