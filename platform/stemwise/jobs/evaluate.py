"""The main job: separate → measure → score → select → report, resumable."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from stemwise import results, tables
from stemwise.decision import DecisionSettings
from stemwise.errors import PARTLY_FAILED
from stemwise.evaluation.settings import Stage
from stemwise.jobs import configuration
from stemwise.jobs.decide import write_decision
from stemwise.jobs.launch import launch
from stemwise.jobs.work import job
from stemwise.models.registry import ModelSpec
from stemwise.report.decision import leaders, ledger
from stemwise.report.level2 import TITLES, by_bleed, sub_stems
from stemwise.report.page import write_report
from stemwise.report.tables import table_one, winners, winners_per_track
from stemwise.report.terminal import show_list, show_table
from stemwise.report.troubles import failures, problems
from stemwise.selection.oracle import SelectionSettings
from stemwise.types import FILE_PREFIX, Track


def evaluate(config: dict[str, Any], console: Console, stage: Stage = "all") -> int:
    """Run the job and return the exit code: 0, or 3 where a track, model or stem failed."""
    selection = configuration.settings(SelectionSettings, config["selection"], "selection")
    decision = configuration.settings(DecisionSettings, config["decision"], "decision")
    with job(config, console, stage) as run:
        names = run.finish(console)
        saved = json.dumps(config, indent=2, default=str)
        (run.output / "config.json").write_text(saved, encoding="utf-8")
        collected = results.collect(run.work.parts, names)
        chosen = candidates(run.specs, collected["scores"].column("model").to_pylist())
        content = results.score_and_select(collected, run.work.metric.pair, selection, chosen)
        pair = run.work.metric.pair
        notes = write_decision(
            run.output, content, run.specs, chosen, pair, selection.rule, decision
        )
        names = [spec.name for spec in run.specs]
        return report(run.output, names, console, notes, run.work.tracks)


def report(
    output: Path,
    models: list[str],
    console: Console,
    notes: Sequence[str] = (),
    songs: Sequence[Track] = (),
) -> int:
    """Print a finished run's tables of text and write its report; return its exit code.

    `songs` are the run's tracks, whose mixtures and true stems the page lets one hear.
    """
    folder = output / "tables"
    scores, selections = tables.read(folder, "scores"), tables.read(folder, "selections")
    tables_of_text = [
        table_one(scores, models),
        winners(selections, scores),
        winners_per_track(selections, scores),
        *(sub_stems(scores, parent, models) for parent in TITLES),
        by_bleed(scores),
        leaders(tables.read(folder, "leaderboard")),
        ledger(tables.read(folder, "regret")),
    ]
    shown = [table for table in tables_of_text if table.rows]
    for table in shown:
        show_table(console, table)
    for note in notes:
        console.print(note, style="yellow", soft_wrap=True, highlight=False)
    failed, odd = failures(scores), problems(tables.read(folder, "tracks"))
    show_list(console, odd, "yellow")
    show_list(console, failed, "bold red")
    page = write_report(output, models, songs)
    console.print(f"Tables: {folder}\nReport: {page}", soft_wrap=True, highlight=False)
    return PARTLY_FAILED if failed.rows else 0


def candidates(specs: list[ModelSpec], present: list[str]) -> list[str]:
    """Return the models that may be chosen: no reference lines or recipes, finished estimates too."""
    finished = sorted({name for name in present if name.startswith(FILE_PREFIX)})
    return [spec.name for spec in specs if spec.selectable] + finished


def main(arguments: list[str] | None = None) -> int:
    """Run `stemwise evaluate` with Hydra overrides."""
    return launch("evaluate", evaluate, arguments)
