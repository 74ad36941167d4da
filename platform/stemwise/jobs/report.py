"""Score, select and report again from the tables of a finished run, without audio."""

from __future__ import annotations

from rich.console import Console

from stemwise.jobs.decide import write_decision
from stemwise.jobs.evaluate import report
from stemwise.jobs.finished_run import open_run
from stemwise.jobs.launch import launch
from stemwise.jobs.run_places import CONFIG, RECIPES, REPORT, TABLES, mirrored, output_folder
from stemwise.jobs.settings import ReportSettings


def report_again(settings: ReportSettings, console: Console) -> int:
    """Apply another protocol, rule or decision to a run and print its report; return the exit code."""
    with mirrored(output_folder(settings.output), (CONFIG, TABLES, RECIPES, REPORT)) as folder:
        run = open_run(settings, folder)
        notes = write_decision(run)
        return report(folder, [spec.name for spec in run.specs], console, notes)


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise report` with Hydra overrides."""
    return launch("report", ReportSettings, report_again, arguments)
