"""`stemwise run-separate`: fill the estimate store, measure nothing."""

from __future__ import annotations

import polars as pl
from rich.console import Console

from stemwise.core.errors import PARTLY_FAILED
from stemwise.decision import results
from stemwise.jobs.launch import launch
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.work import job
from stemwise.report.terminal import show_list
from stemwise.report.troubles import failures
from stemwise.storage import tables


def run_separate(settings: EvaluateSettings, console: Console) -> int:
    """Separate a dataset and write the tables `tracks` and `estimates`; return the exit code."""
    with job(settings, console, "separate") as run:
        names = run.finish(console)
        found = results.collect_some(run.work.parts, names, ("tracks", "estimates"))
        for name, table in found.items():
            tables.write(run.output / "tables", name, [table])
        estimates = tables.read(run.output / "tables", "estimates")
        failed = estimates.filter(pl.col("status") == "failed")
        done = len(estimates) - len(failed)
        console.print(f"{done} estimates are in the store, {len(failed)} failed.", highlight=False)
        show_list(console, failures(estimates), "bold red")
        console.print(f"Store: {run.work.store}", soft_wrap=True, highlight=False)
        return PARTLY_FAILED if len(failed) else 0


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise run-separate` with the overrides of `stemwise evaluate`."""
    return launch("evaluate", EvaluateSettings, run_separate, arguments)
