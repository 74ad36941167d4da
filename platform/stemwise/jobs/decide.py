"""What a run decides, written beside its tables: statistics, regret ledger, recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import yaml

from stemwise import results, tables
from stemwise.analysis.statistics import seconds_per_minute, statistics
from stemwise.decision import DecisionSettings, Fitting, decide
from stemwise.errors import OutputError
from stemwise.models.registry import ModelSpec
from stemwise.selection.oracle import key_of
from stemwise.types import FILE_PREFIX, RECIPE_PREFIX


def write_decision(
    output: Path,
    content: dict[str, pa.Table],
    specs: Sequence[ModelSpec],
    candidates: Sequence[str],
    pair: tuple[str, str],
    rule: str,
    settings: DecisionSettings,
) -> list[str]:
    """Write all tables and recipes of a run; return notes on what could not be fitted.

    Raises:
        OutputError: the run's folder cannot be written.
    """
    frame = pl.DataFrame(pl.from_arrow(content["scores"]))
    # a recipe is for serving, and finished files of other tools cannot be run
    able = [model for model in candidates if not model.startswith(FILE_PREFIX)]
    fitting = Fitting(able, pair, rule, settings, seconds_per_minute(frame))
    rows = {name: table.to_pylist() for name, table in content.items()}
    decision = decide(rows, fitting, output.name)
    measured = {row["model"] for row in rows["scores"] if row["model"].startswith(RECIPE_PREFIX)}
    scores = [*rows["scores"], *_described(decision.scores, rows["scores"])]
    results.write(output / "tables", content | {"scores": tables.to_table("scores", scores)})
    found = statistics(
        frame,
        pl.DataFrame(pl.from_arrow(content["tracks"])),
        [*candidates, *sorted(measured)],
        {spec.name: spec.trained_on for spec in specs},
        settings.seed,
    )
    found |= {"regret": decision.regret, "front": decision.front}
    for name, group in found.items():
        tables.write(output / "tables", name, [tables.to_table(name, group)])
    for recipe in decision.recipes.values():
        write_recipe(output / "recipes", recipe)
    return decision.notes


def _described(
    made: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Add to rows of a recipe what the rows of models say of the same stem of the same track."""
    known = {key_of(row): row for row in scores}
    shared = ("genre", "voice", "has_bleed", "reference_dbfs", "parent_model")
    return [{name: known[key_of(row)][name] for name in shared} | dict(row) for row in made]


def write_recipe(folder: Path, recipe: Mapping[str, Any]) -> Path:
    """Write `<folder>/<name>.yaml` and return its path (OutputError where that is impossible)."""
    path = folder / f"{recipe['name']}.yaml"
    temporary = path.with_name(f".{path.name}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return path
