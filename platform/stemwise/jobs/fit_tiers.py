"""`stemwise fit tiers=…`: a recipe of tiers from a finished run, and what going on is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.decision import results
from stemwise.decision.tiers import decide_tiers
from stemwise.jobs.decide import able, fitting_of, write_recipe
from stemwise.jobs.finished_run import FinishedRun
from stemwise.jobs.run_places import RECIPES, TABLES
from stemwise.jobs.settings import FitSettings
from stemwise.report.dependence import dependence_notes
from stemwise.report.terminal import show_note, show_table
from stemwise.report.tiers import tiers_table


def fit_tiers(settings: FitSettings, run: FinishedRun, name: str, console: Console) -> int:
    """Fit and replay tiers, write the table `tiers` and the recipe; return the exit code.

    The report shows the table the next time that it is made.

    Raises:
        ConfigError: tiers that cannot be compared.
    """
    plans = _plans(settings, able(run))
    models = [model for own in plans.values() for model in own]
    fitting = fitting_of(run, list(dict.fromkeys(models)))
    made = decide_tiers(run.content, fitting, plans, name, run.output.name)
    protocol = run.metric.written | {"rule": run.selection.rule}
    results.write(run.output / TABLES, {"tiers": made.table}, protocol)
    for note in (*dependence_notes(run.content.tracks, run.duplicates), *made.notes):
        show_note(console, note)
    show_table(console, tiers_table(made.table))
    if made.recipe is None:
        return 1
    path = write_recipe(
        run.output / RECIPES, made.recipe, run.resolved.entries, run.folder.is_remote, run.overlap
    )
    console.print(f"Recipe: {run.folder.shown(path)}", soft_wrap=True, highlight=False)
    return 0


def _plans(settings: FitSettings, known: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the models of each tier by its name, which is made up where none is given."""
    given = settings.tiers or ()
    if settings.models is not None:
        raise ConfigError("models= and tiers= exclude each other: name the models in tiers=.")
    plans = dict(given) if isinstance(given, Mapping) else _named(given)
    for name, models in plans.items():
        unknown = [model for model in models if model not in known]
        if unknown or not models:
            near = did_you_mean(unknown[0], known) if unknown else ""
            raise ConfigError(
                f"tiers: {unknown[0] if unknown else '[]'} ({name}) is not among this run's models: "
                f"{near}use {', '.join(known)}."
            )
    return {name: tuple(dict.fromkeys(models)) for name, models in plans.items()}


def _named(tiers: Sequence[tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Call the first tier fast, the last best, and those between by their number."""
    names = ["fast", *(f"tier-{number}" for number in range(2, len(tiers))), "best"]
    return dict(zip(names if len(tiers) > 1 else names[:1], tiers, strict=True))
