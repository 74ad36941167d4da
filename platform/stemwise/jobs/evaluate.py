"""The main job: separate → measure → score → select → report, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from stemwise.core.errors import PARTLY_FAILED
from stemwise.core.types import Track
from stemwise.decision import results
from stemwise.evaluation.settings import Stage
from stemwise.jobs import saved_run
from stemwise.jobs.decide import write_decision
from stemwise.jobs.finished_run import FinishedRun, candidates
from stemwise.jobs.launch import launch
from stemwise.jobs.run_places import TABLES, RunFolder
from stemwise.jobs.saved_run import Resolved
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.work import job
from stemwise.report.decision import leaders, ledger
from stemwise.report.less_overlap import less_overlap_table
from stemwise.report.page import write_report
from stemwise.report.run_tables import read_run
from stemwise.report.tables import TextTable, table_one
from stemwise.report.terminal import show_list, show_note, show_table
from stemwise.report.terminal_verdict import show_verdict
from stemwise.report.troubles import facts, failures, problems
from stemwise.storage import tables


def evaluate(
    settings: EvaluateSettings,
    console: Console,
    stage: Stage = "all",
    shown: Console | None = None,
) -> int:
    """Run the job and return the exit code: 0, or 3 where a track, model or stem failed.

    Progress goes to `console`; the tables of the end to `shown`, where that is another one.
    """
    selection, decision = settings.selection, settings.decision
    with job(settings, console, stage) as run:
        names = run.finish(console)
        work, metric = run.work, run.work.metric
        resolved = Resolved.of(work.models, work.hierarchy)
        saved_run.save(run.output, settings, resolved)
        collected = results.collect(work.parts, names, run.output / TABLES, metric.measured)
        chosen = candidates(run.specs, collected.scores["model"].unique().to_list())
        content = results.score_and_rank(collected, metric.pair_of, selection.rule, chosen)
        finished = FinishedRun(
            run.folder,
            run.specs,
            chosen,
            content,
            metric,
            selection,
            decision,
            resolved,
            work.recipes,
            run.overlap,
            work.ensembles,
        )
        notes = write_decision(finished)
        models = [spec.name for spec in run.specs]
        return report(run.folder, models, shown or console, notes, work.tracks)


def report(
    run: RunFolder,
    models: list[str],
    console: Console,
    notes: Sequence[str] = (),
    songs: Sequence[Track] = (),
) -> int:
    """Print a finished run's tables of text and write its report; return its exit code.

    `songs` are the run's tracks, whose mixtures and true stems the page lets one hear.
    """
    folder = run.local / TABLES
    scores, tracks = tables.read(folder, "scores"), tables.read(folder, "tracks")
    tables_of_text = [
        table_one(scores, models),
        leaders(tables.read(folder, "leaderboard")),
        ledger(tables.read(folder, "regret")),
        *_less_overlap(folder),
    ]
    for table in tables_of_text:
        if table.rows:
            show_table(console, table, whole=table.name == "leaderboard")
    for note in notes:
        show_note(console, note)
    failed = failures(scores)
    show_list(console, problems(tracks), "yellow")
    show_list(console, failed, "bold red")
    show_note(console, facts(tracks), "dim")
    page = write_report(run.local, models, songs, run.place)
    show_verdict(console, read_run(run.local, models))
    places = {"Tables": folder, "All results as text": page.parent / "report.md", "Report": page}
    for name, path in places.items():
        console.print(f"{name}: {run.shown(path)}", soft_wrap=True, highlight=False, markup=False)
    return PARTLY_FAILED if failed.rows else 0


def _less_overlap(folder: Path) -> list[TextTable]:
    """Return what less overlap costs; nothing where the run has no such table."""
    if not (folder / "less_overlap").is_dir():
        return []
    return [less_overlap_table(tables.read(folder, "less_overlap"))]


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise evaluate` with Hydra overrides."""
    return launch("evaluate", EvaluateSettings, evaluate, arguments)
