"""`stemwise fit`: recipes from a finished run, for some of its models and any strategy, in seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml
from rich.console import Console

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.types import HELD_OUT
from stemwise.decision import decide
from stemwise.jobs.decide import able, fitting_of, unclaimed, write_recipe
from stemwise.jobs.finished_run import FinishedRun, open_run
from stemwise.jobs.fit_tiers import fit_tiers
from stemwise.jobs.launch import launch
from stemwise.jobs.run_places import CONFIG, RECIPES, TABLES, mirrored, output_folder
from stemwise.jobs.settings import FitSettings
from stemwise.report.decision import front, ledger, qualities
from stemwise.report.dependence import dependence_notes
from stemwise.report.terminal import show_note, show_table

_TIERED = "tiers"


def fit(settings: FitSettings, console: Console) -> int:
    """Fit a recipe and print what it is worth on unseen artists; return the exit code."""
    name = _name(settings.recipe or (_TIERED if settings.tiers else settings.decision.strategy))
    with mirrored(output_folder(settings.output), (CONFIG, TABLES)) as folder:
        return _fit(settings, open_run(settings, folder), name, console)


def _fit(settings: FitSettings, run: FinishedRun, name: str, console: Console) -> int:
    if settings.tiers is not None:
        return fit_tiers(settings, run, name, console)
    fitting = fitting_of(run, _models(settings.models, run))
    decision = decide(run.content, fitting, run.output.name)
    for note in (*dependence_notes(run.content.tracks, run.duplicates), *decision.notes):
        show_note(console, note)
    if not decision.recipes:
        return 1
    for table, text in (("regret", ledger), ("front", front), ("quality", qualities)):
        show_table(console, text(getattr(decision, table)))
    recipe = decision.recipes[HELD_OUT] | {"name": name}
    path = write_recipe(
        run.output / RECIPES, recipe, run.resolved.entries, run.folder.is_remote, run.overlap
    )
    for note in unclaimed(decision, path.name, run.folder.shown(path)):
        show_note(console, note)
    console.print(yaml.safe_dump({"stems": recipe["stems"]}, sort_keys=False), highlight=False)
    console.print(f"Recipe: {run.folder.shown(path)}", soft_wrap=True, highlight=False)
    return 0


def _name(name: str) -> str:
    """Return the recipe's name if it can be one (ConfigError where not)."""
    if name in (HELD_OUT, "paper"):
        raise ConfigError(f"recipe={name} is what every run writes itself: choose another name.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", name):
        raise ConfigError(
            f"recipe={name} cannot name a file: use letters, digits, '_', '-' and '.' only."
        )
    return name


def _models(wanted: Sequence[str] | None, run: FinishedRun) -> list[str]:
    """Return the candidates that `models=` leaves (ConfigError for one that the run lacks)."""
    known = able(run)
    if wanted is None:
        return known
    unknown = [model for model in wanted if model not in known]
    if unknown or not wanted:
        raise ConfigError(
            f"models={unknown[0] if unknown else '[]'} is not among this run's models: "
            f"{did_you_mean(unknown[0], known) if unknown else ''}use {', '.join(known)}."
        )
    return [model for model in known if model in wanted]


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise fit` with Hydra overrides."""
    return launch("fit", FitSettings, fit, arguments)
