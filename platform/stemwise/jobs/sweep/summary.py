"""The summary of a sweep: one table and one page over all jobs, and a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from stemwise.core.errors import OutputError, StorageError
from stemwise.core.places import place
from stemwise.jobs.run_comparison import READ, ComparedRun, alike, compared
from stemwise.jobs.run_places import CONFIG, TABLES, RunFolder, mirrored
from stemwise.jobs.sweep import songs
from stemwise.jobs.sweep.plan import SweepJob
from stemwise.jobs.sweep.record import Outcome
from stemwise.report.runs.content import Line
from stemwise.report.runs.terminal import best_runs, unfinished
from stemwise.report.terminal import show_list, show_note, show_table

_KIND = "stemwise sweep"


def summarise(
    folder: RunFolder,
    jobs: Sequence[SweepJob],
    outcomes: Mapping[str, Outcome],
    console: Console,
) -> None:
    """Write tables and page of a sweep, and tell the best settings and what failed.

    Raises:
        OutputError: the sweep's folder cannot be written.
    """
    known: set[tuple[str, str]] = set()
    with ExitStack() as stack:
        runs = [_opened(job, outcomes[job.name], folder, known, stack) for job in jobs]
        with_tables = [run for run in runs if run.local is not None]
        others = [run.line for run in runs if run.local is None]
        made = compared(folder, folder.local.name, _KIND, alike(with_tables), others)
    for table in best_runs(made):
        show_table(console, table)
    show_list(console, unfinished(made), "bold red")
    for name, path in {"Table": folder.local / TABLES / "sweep", "Page": _page(folder)}.items():
        show_note(console, f"{name}: {folder.shown(path)}", "")


def _page(folder: RunFolder) -> Path:
    return folder.local / "report" / "index.html"


def _opened(
    job: SweepJob,
    outcome: Outcome,
    folder: RunFolder,
    known: set[tuple[str, str]],
    stack: ExitStack,
) -> ComparedRun:
    """Return a job with its tables, if it has any that can be read."""
    output = job.settings.output or ""
    line = _line(job, outcome, known, folder)
    if not outcome.has_tables:
        return ComparedRun(line)
    names = (CONFIG, *(f"{TABLES}/{name}" for name in READ))
    try:
        here = stack.enter_context(mirrored(place(output), names)).local
        if not all((here / TABLES / name).is_dir() for name in READ):
            return ComparedRun(line)  # a job that only separates
    except (OutputError, StorageError) as error:
        return ComparedRun(replace(line, error=str(error)))
    return ComparedRun(replace(line, report=f"../{job.name}/report/index.html"), here)


def _line(job: SweepJob, outcome: Outcome, known: set[tuple[str, str]], folder: RunFolder) -> Line:
    made, found, taken = songs.counts(job.settings.output or "", known)
    return Line(
        job.name,
        job.settings.output or "",
        dict(job.differs),
        outcome.status,
        outcome.exit_code,
        outcome.error,
        outcome.wall_s,
        made,
        found,
        taken,
        log=f"../logs/{job.name}.txt"
        if (folder.local / "logs" / f"{job.name}.txt").is_file()
        else None,
    )
