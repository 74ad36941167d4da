"""A finished run opened again: its tables and models, and the settings to apply to them now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa

from stemwise.analysis.dependence import duplicates_of
from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.types import FILE_PREFIX, RECIPE_PREFIX
from stemwise.decision import DecisionSettings, results
from stemwise.decision.cross_stem import NOT_MEASURED
from stemwise.decision.results import Content
from stemwise.evaluation.measured import Measured
from stemwise.evaluation.settings import MetricSettings
from stemwise.importing.folder import refuse_imported
from stemwise.jobs import run_ensembles, saved_run
from stemwise.jobs.run_models import models_of
from stemwise.jobs.run_places import TABLES, RunFolder
from stemwise.jobs.saved_run import Resolved
from stemwise.jobs.settings import EvaluateSettings, ReportSettings
from stemwise.models.overlap import REFERENCE, Overlap
from stemwise.models.spec import ModelSpec
from stemwise.selection.oracle import SelectionSettings
from stemwise.separation.recipe import Recipe
from stemwise.storage import tables
from stemwise.storage.batches import Batches


@dataclass(frozen=True)
class FinishedRun:
    """What decisions and reports are made from.

    `content` are the run's tables with the rule applied and models ranked again.
    """

    folder: RunFolder
    specs: list[ModelSpec]
    candidates: list[str]
    content: Content
    metric: MetricSettings
    selection: SelectionSettings
    decision: DecisionSettings
    resolved: Resolved
    recipes: Sequence[Recipe] = ()
    overlap: Overlap = REFERENCE
    ensembles: Sequence[Measured] = ()

    @property
    def output(self) -> Path:
        """Where its files are on this machine."""
        return self.folder.local

    @cached_property
    def duplicates(self) -> pl.DataFrame:
        """Pairs of tracks that are one recording."""
        return duplicates_of(self.content.tracks)

    def trained_on(self) -> dict[str, tuple[str, ...]]:
        """Return what each model was trained on; a recipe, on what any of its models was."""
        known = {spec.name: spec.trained_on for spec in self.specs}
        for recipe in self.recipes:
            own = (name for model in recipe.models() for name in known.get(model, ()))
            known[RECIPE_PREFIX + recipe.name] = tuple(dict.fromkeys(own))
        return known


def open_run(settings: ReportSettings, folder: RunFolder) -> FinishedRun:
    """Return the run in a folder with the metric, selection and decision of these settings.

    Raises:
        OutputError: no finished run, or one of an older version.
        ConfigError: a setting that would need the audio again.
    """
    output = folder.local
    refuse_imported(output)
    metric, selection, decision = settings.metric, settings.selection, settings.decision
    earlier, resolved = saved_run.load(output)
    now = metric.measured
    for key, value in earlier.metric.measured.items():
        if now[key] != value:
            raise ConfigError(
                f"metric.{key} was {value} when this run measured and cannot be changed afterwards: "
                "run `stemwise evaluate` with it."
            )
    run = models_of(earlier)
    specs = run.specs
    frames = {name: _read(output, name) for name in results.SMALL}
    if (output / TABLES / results.CROSS).is_dir():
        frames[results.CROSS] = _read(output, results.CROSS)
    content = Content(**frames, measurements=_blocks(output))
    # it is empty where a later evaluation did not measure it
    if decision.cross_stem and content.cross.is_empty():
        raise ConfigError(NOT_MEASURED)
    chosen = candidates(specs, content.scores["model"].unique().to_list())
    scored = results.score_and_rank(content, metric.pair_of, selection.rule, chosen)
    return FinishedRun(
        folder,
        specs,
        chosen,
        scored,
        metric,
        selection,
        decision,
        resolved,
        run.recipes,
        run.overlap,
        _ensembles(earlier, specs, chosen),
    )


def _ensembles(
    earlier: EvaluateSettings, specs: list[ModelSpec], present: Sequence[str]
) -> list[Measured]:
    """Return the ensembles that the run measured, of its models and the other tools that it found."""
    listed = run_ensembles.chosen(earlier.ensembles, earlier.models)
    files = tuple(n.removeprefix(FILE_PREFIX) for n in present if n.startswith(FILE_PREFIX))
    return run_ensembles.measured(listed, specs, files, ())


def candidates(specs: list[ModelSpec], present: list[str]) -> list[str]:
    """Return the models that may be chosen: no reference lines or recipes, but other tools' too."""
    finished = sorted({name for name in present if name.startswith(FILE_PREFIX)})
    return [spec.name for spec in specs if spec.selectable] + finished


def _read(output: Path, name: str) -> pl.DataFrame:
    frame = tables.read(output / TABLES, name)
    _refuse_older(output, name, frame.columns)
    try:
        return tables.frame(tables.of_frame(name, frame))
    except pa.ArrowException as error:
        raise OutputError(
            f"{output / TABLES / name} is damaged ({error}): run `stemwise evaluate` again."
        ) from error


def _blocks(output: Path) -> Batches:
    blocks = Batches(results.BLOCKS, output / TABLES / results.BLOCKS / f"{results.BLOCKS}.parquet")
    _refuse_older(output, results.BLOCKS, blocks.columns())
    return blocks


def _refuse_older(output: Path, name: str, columns: Sequence[str]) -> None:
    absent = [column for column in tables.SCHEMAS[name].names if column not in columns]
    if absent:
        raise OutputError(
            f"{output / TABLES / name} was written by an older version (it lacks {absent[0]}): "
            "run `stemwise evaluate` with the same settings again, estimates are kept."
        )
