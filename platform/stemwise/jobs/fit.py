"""`stemwise fit`: recipes from a finished run, for some of its models and any strategy, in seconds."""

from __future__ import annotations

from typing import Any

import polars as pl
import yaml
from rich.console import Console

from stemwise import tables
from stemwise.analysis.statistics import seconds_per_minute
from stemwise.decision import Decision, Fitting, decide
from stemwise.errors import ConfigError
from stemwise.jobs.decide import write_recipe
from stemwise.jobs.finished_run import FinishedRun, open_run
from stemwise.jobs.launch import launch
from stemwise.report.decision import front, ledger
from stemwise.report.terminal import show_table
from stemwise.stems import check_name
from stemwise.types import FILE_PREFIX


def fit(config: dict[str, Any], console: Console) -> int:
    """Fit a recipe and print what it is worth on unseen artists; return the exit code."""
    name = check_name(str(config["recipe"] or config["decision"]["strategy"]))
    run = open_run(config)
    models = _models(config["models"], run)
    cost = seconds_per_minute(pl.DataFrame(pl.from_arrow(run.content["scores"])))
    fitting = Fitting(models, run.metric.pair, run.selection.rule, run.decision, cost)
    rows = {name: table.to_pylist() for name, table in run.content.items()}
    decision = decide(rows, fitting, run.output.name)
    for note in decision.notes:
        console.print(note, style="yellow", soft_wrap=True, highlight=False)
    if not decision.recipes:
        return 1
    for table, text in (("regret", ledger), ("front", front)):
        show_table(console, text(_frame(table, decision)))
    recipe = decision.recipes["deployable"] | {"name": name}
    path = write_recipe(run.output / "recipes", recipe)
    console.print(yaml.safe_dump({"stems": recipe["stems"]}, sort_keys=False), highlight=False)
    console.print(f"Recipe: {path}", soft_wrap=True, highlight=False)
    return 0


def _frame(name: str, decision: Decision) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(tables.to_table(name, getattr(decision, name))))


def _models(value: Any, run: FinishedRun) -> list[str]:
    """Return the candidates that `models=` leaves (ConfigError for one that the run lacks)."""
    able = [model for model in run.candidates if not model.startswith(FILE_PREFIX)]
    if value is None:
        return able
    wanted = value if isinstance(value, list) else [value]
    unknown = [str(model) for model in wanted if model not in able]
    if unknown or not wanted:
        raise ConfigError(
            f"models={unknown[0] if unknown else '[]'} is not among this run's models: "
            f"use {', '.join(able)}."
        )
    return [model for model in able if model in wanted]


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise fit` with Hydra overrides."""
    return launch("fit", fit, arguments)
