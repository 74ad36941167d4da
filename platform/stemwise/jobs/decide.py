"""What a run decides, written beside its tables: statistics, regret ledger, recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from stemwise.analysis.statistics import seconds_per_minute, statistics
from stemwise.core.errors import OutputError
from stemwise.core.types import FILE_PREFIX, HELD_OUT, RECIPE_PREFIX
from stemwise.decision import Decision, Fitting, decide, results
from stemwise.jobs.finished_run import FinishedRun
from stemwise.jobs.run_places import RECIPES
from stemwise.models.entries import Entry, relative
from stemwise.report.dependence import dependence_notes
from stemwise.selection.oracle import key_of
from stemwise.storage import tables
from stemwise.storage.disk import write_whole


def write_decision(run: FinishedRun) -> list[str]:
    """Write all tables and recipes of a run; return notes on what could not be fitted or claimed.

    Raises:
        OutputError: the run's folder cannot be written.
    """
    output = run.output
    frame = pl.DataFrame(pl.from_arrow(run.content["scores"]))
    rows = {name: table.to_pylist() for name, table in run.content.items()}
    decision = decide(rows, fitting_of(run, able(run)), output.name)
    measured = {row["model"] for row in rows["scores"] if row["model"].startswith(RECIPE_PREFIX)}
    scores = [*rows["scores"], *_described(decision.scores, rows["scores"])]
    results.write(output / "tables", run.content | {"scores": tables.to_table("scores", scores)})
    found = statistics(
        frame,
        run.tracks,
        [*run.candidates, *sorted(measured)],
        run.trained_on(),
        run.decision.seed,
        run.duplicates,
    )
    found |= {"regret": decision.regret, "front": decision.front}
    for name, group in found.items():
        tables.write(output / "tables", name, [tables.to_table(name, group)])
    twice = run.duplicates.to_arrow().cast(tables.ANALYSIS["duplicates"])
    tables.write(output / "tables", "duplicates", [twice])
    for recipe in decision.recipes.values():
        write_recipe(output / RECIPES, recipe, run.resolved.entries, run.folder.is_remote)
    file = f"{HELD_OUT}.yaml"
    shown = run.folder.shown(output / RECIPES / file)
    silent = [tables.NOT_KEPT] if tables.none_kept(rows["estimates"]) else []
    dependent = dependence_notes(run.tracks, run.duplicates)
    return [*dependent, *decision.notes, *unclaimed(decision, file, shown), *silent]


def able(run: FinishedRun) -> list[str]:
    """Return the candidates that a recipe can run: finished files of other tools cannot be."""
    return [model for model in run.candidates if not model.startswith(FILE_PREFIX)]


def fitting_of(run: FinishedRun, models: Sequence[str]) -> Fitting:
    """Return what `decide` fits of a run."""
    cost = seconds_per_minute(pl.DataFrame(pl.from_arrow(run.content["scores"])))
    return Fitting(
        models,
        run.metric.pair,
        run.selection.rule,
        run.decision,
        cost,
        run.resolved.blends,
        run.duplicates,
    )


def unclaimed(decision: Decision, name: str, shown: str) -> list[str]:
    """Say which sub-stems a recipe claims nothing of, why, and how to measure them."""
    return [
        f"{name} claims no score of {', '.join(item.stems)}: they were measured below "
        f"{item.parent} of {', '.join(item.measured_below)}, but the recipe takes {item.parent} from "
        f"{', '.join(item.own)}. The same command with hierarchy.parents.{item.parent}={shown} measures "
        "them."
        for item in decision.unclaimed
    ]


def _described(
    made: Sequence[Mapping[str, Any]], scores: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Add to rows of a recipe what the rows of models say of the same stem of the same track."""
    known = {key_of(row): row for row in scores}
    shared = ("genre", "voice", "has_bleed", "reference_dbfs", "parent_model")
    return [{name: known[key_of(row)][name] for name in shared} | dict(row) for row in made]


def write_recipe(
    folder: Path, recipe: Mapping[str, Any], entries: Mapping[str, Entry], moves: bool = False
) -> Path:
    """Write `<folder>/<name>.yaml` with the entries of its own models; return its path.

    Paths in entries are relative to the folder, unless the recipe moves elsewhere without its models.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = folder / f"{recipe['name']}.yaml"
    groups = [recipe["stems"], *recipe.get("children", {}).values()]
    used = {model for group in groups for weights in group.values() for model in weights}
    own = {
        name: dict(entry) if moves else relative(entry, folder)
        for name, entry in entries.items()
        if name in used
    }
    for entry in own.values():
        entry.pop("name", None)  # its key says it
    content = {k: v for k, v in recipe.items() if k != "provenance"}
    content |= {"models": own} if own else {}
    content["provenance"] = recipe["provenance"]
    try:
        write_whole(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return path
