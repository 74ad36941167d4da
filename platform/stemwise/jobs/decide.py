"""What a run decides, written beside its tables: statistics, regret ledger, recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from stemwise.analysis.less_overlap import Twins, less_overlap
from stemwise.analysis.statistics import seconds_per_minute, statistics
from stemwise.core.errors import OutputError
from stemwise.core.types import ENSEMBLE_PREFIX, FILE_PREFIX, HELD_OUT, RECIPE_PREFIX
from stemwise.decision import Decision, Fitting, decide, results
from stemwise.jobs.finished_run import FinishedRun
from stemwise.jobs.run_places import RECIPES, TABLES
from stemwise.models.entries import Entry, relative
from stemwise.models.heard import heard_by
from stemwise.models.overlap import KEY as OVERLAP_KEY
from stemwise.models.overlap import REFERENCE, Overlap, cut, is_fast
from stemwise.models.registry import same_model
from stemwise.models.spec import ModelSpec
from stemwise.report.dependence import dependence_notes
from stemwise.report.zoo_cost import minute_cost
from stemwise.selection.confidence import WinConfidence
from stemwise.selection.keys import KEY
from stemwise.selection.oracle import models_by_key, selections
from stemwise.separation.ensembles.spec import models_of, read_value
from stemwise.storage import tables
from stemwise.storage.disk import write_whole

_TIERS = "tiers"
_STALE = (
    "The tiers were replayed on other scores than these, so the report leaves them out: run "
    "`stemwise fit tiers=…` again."
)


def write_decision(run: FinishedRun) -> list[str]:
    """Write all tables and recipes of a run; return notes on what could not be fitted or claimed.

    Raises:
        OutputError: the run's folder cannot be written.
    """
    output, content = run.output, run.content
    ranked = models_by_key(content.ranked)
    confidence = WinConfidence(ranked, run.metric.pair_of, run.selection)
    decision = decide(content, fitting_of(run, able(run)), output.name, [confidence])
    chosen = selections(content.ranked, confidence.frame(), run.selection.rule)
    made = [tables.frame(tables.of_frame("scores", held)) for held in decision.scores]
    frames = {"tracks": content.tracks, "estimates": content.estimates, "forms": content.forms}
    # a run that measured it before must not keep what it did not measure now
    if len(content.cross) or (output / TABLES / results.CROSS).is_dir():
        frames[results.CROSS] = content.cross
    # held-out blends have no scores by users' own metrics
    scores = pl.concat([content.scores, *made], how="diagonal")
    frames |= {"scores": scores, "selections": chosen}
    protocol = run.metric.written | {"rule": run.selection.rule}
    before = _scores(output) if _replayed(output) else None
    results.write(output / TABLES, frames, protocol)
    found = statistics(
        content.scores.filter(~pl.col("model").str.starts_with(ENSEMBLE_PREFIX)),
        content.tracks,
        [*run.candidates, *_measured_recipes(content.scores)],
        run.trained_on(),
        run.decision.seed,
        run.duplicates,
    )
    found |= {
        "regret": decision.regret,
        "front": decision.front,
        "kinds": decision.kinds,
        "deployment": decision.deployment,
        "quality": decision.quality,
        "predictions": decision.predictions,
    }
    price = less_overlap(content.scores, content.tracks, twins_of(run.specs), run.duplicates)
    found["less_overlap"] = tables.framed("less_overlap", price)
    stale = before is not None and not before.equals(_scores(output))
    if stale:
        found[_TIERS] = tables.framed(_TIERS, ())
    results.write(output / TABLES, found | {"duplicates": run.duplicates}, protocol)
    for recipe in decision.recipes.values():
        write_recipe(
            output / RECIPES, recipe, run.resolved.entries, run.folder.is_remote, run.overlap
        )
    file = f"{HELD_OUT}.yaml"
    shown = run.folder.shown(output / RECIPES / file)
    silent = [tables.NOT_KEPT] if tables.none_kept(content.estimates) else []
    dependent = dependence_notes(content.tracks, run.duplicates)
    replay = [_STALE] if stale else []
    return [*dependent, *decision.notes, *unclaimed(decision, file, shown), *silent, *replay]


def _replayed(output: Path) -> bool:
    """Tell whether tiers were replayed on a run's tables."""
    folder = output / TABLES
    return (folder / _TIERS).is_dir() and len(tables.read(folder, _TIERS)) > 0


def _scores(output: Path) -> pl.DataFrame:
    return tables.read(output / TABLES, "scores").select(*KEY, "model", "score")


def twins_of(specs: Sequence[ModelSpec]) -> list[Twins]:
    """Return the models of a run that are one model, cut in both ways."""
    found = []
    for fast in filter(is_fast, specs):
        whole = cut(fast, REFERENCE)
        reference = next((one for one in specs if same_model(one, whole)), None)
        if reference is not None:
            counts = heard_by(reference), heard_by(fast)
            known = None if counts[0] is None or counts[1] is None else (counts[0], counts[1])
            found.append(Twins(reference.name, fast.name, known))
    return found


def _measured_recipes(scores: pl.DataFrame) -> list[str]:
    """Name the recipes that were measured as models are."""
    present = scores["model"].unique().sort()
    return present.filter(present.str.starts_with(RECIPE_PREFIX)).to_list()


def able(run: FinishedRun) -> list[str]:
    """Return the candidates that a recipe can run: estimates of other tools cannot be run."""
    return [model for model in run.candidates if not model.startswith(FILE_PREFIX)]


def fitting_of(run: FinishedRun, models: Sequence[str]) -> Fitting:
    """Return what `decide` fits of a run."""
    cost = seconds_per_minute(run.content.scores)
    return Fitting(
        models,
        run.metric.pair_of,
        run.selection.rule,
        run.decision,
        cost,
        prices(run.specs, models, cost),
        run.resolved.parents,
        run.duplicates,
        run.ensembles,
    )


def prices(
    specs: Sequence[ModelSpec], models: Sequence[str], measured: Mapping[str, float | None]
) -> dict[str, float | None]:
    """Return what each model costs when sets of models are weighed against each other.

    That is what the zoo declares, CPU seconds per minute of audio, so that a run decides as its
    repetition does. Where it declares none of some model, it is what was measured, in steps of √2.
    """
    declared = {spec.name: minute_cost(spec) for spec in specs if spec.name in models}
    if all(declared.get(model) is not None for model in models):
        return {model: declared[model] for model in models}
    return {
        model: None if (cost := measured.get(model)) is None else 2 ** (round(2 * log2(cost)) / 2)
        for model in models
    }


def unclaimed(decision: Decision, name: str, shown: str) -> list[str]:
    """Say which sub-stems a recipe claims nothing of, why, and how to measure them."""
    return [
        f"{name} states no score for {', '.join(item.stems)}: they were measured on {item.parent} by "
        f"{', '.join(item.measured_below)}, but the recipe's {item.parent} come from "
        f"{', '.join(item.own)}. Run the same command with hierarchy.parents.{item.parent}={shown} to "
        "measure them."
        for item in decision.unclaimed
    ]


def write_recipe(
    folder: Path,
    recipe: Mapping[str, Any],
    entries: Mapping[str, Entry],
    moves: bool = False,
    overlap: Overlap = REFERENCE,
) -> Path:
    """Write `<folder>/<name>.yaml` with the entries of its own models; return its path.

    Paths in entries are relative to the folder, unless the recipe moves elsewhere without its models.
    A recipe of a run that was cut otherwise than `reference` says so, and is run as it was measured.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = folder / f"{recipe['name']}.yaml"
    bodies = recipe.get("tiers", [recipe])
    groups = [g for body in bodies for g in (body["stems"], *body.get("children", {}).values())]
    used = {m for group in groups for value in group.values() for m in models_of(read_value(value))}
    own = {
        name: dict(entry) if moves else relative(entry, folder)
        for name, entry in entries.items()
        if name in used
    }
    for entry in own.values():
        entry.pop("name", None)  # its key says it
    told = {"name": recipe["name"], OVERLAP_KEY: overlap} if overlap != REFERENCE else {}
    content = told | {k: v for k, v in recipe.items() if k != "provenance"}
    content |= {"models": own} if own else {}
    content["provenance"] = recipe["provenance"]
    try:
        write_whole(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return path
