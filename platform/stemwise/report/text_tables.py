"""All tables of text of a run: for CSV, Markdown and LaTeX."""

from __future__ import annotations

from dataclasses import replace

from stemwise.report import ledgers
from stemwise.report.dependence import duplicates_table
from stemwise.report.genres import distribution
from stemwise.report.imported import (
    imported_failures,
    imported_problems,
    imported_winners,
    published,
)
from stemwise.report.level2 import TITLES, by_bleed, sub_stems
from stemwise.report.markup import MINUS
from stemwise.report.paper_tables import paper_tables
from stemwise.report.recipes import recipes_table
from stemwise.report.run_tables import RunTables
from stemwise.report.tables import TextTable, table_one, winners, winners_per_track
from stemwise.report.troubles import failures, problems


def text_tables(run: RunTables) -> list[TextTable]:
    """Return all tables of text of a run, in the order of the Markdown report."""
    made = _text_of_imports(run) if run.imported else _text_of_a_run(run)
    return [*(_for_files(table) for table in made if table.rows), *_troubles(run)]


def _text_of_a_run(run: RunTables) -> list[TextTable]:
    scores, selections = run["scores"], run["selections"]
    return [
        table_one(scores, run.models),
        winners(selections, scores),
        winners_per_track(selections, scores),
        *(sub_stems(scores, parent, run.models, run["tracks"]) for parent in TITLES),
        by_bleed(scores),
        *ledgers.all_ledgers(run),
        recipes_table(run.output),
        distribution(run),
        *paper_tables(run),
        duplicates_table(run["tracks"], run["duplicates"]),
    ]


def _text_of_imports(run: RunTables) -> list[TextTable]:
    return [
        *ledgers.all_ledgers(run),
        imported_winners(run["selections"], run["scores"]),
        published(run["scores"]),
    ]


def _troubles(run: RunTables) -> list[TextTable]:
    """Return what went wrong, also where nothing did: a file of no rows says so."""
    if run.imported:
        return [imported_failures(run["scores"]), imported_problems(run["tracks"])]
    return [failures(run["scores"]), problems(run["tracks"])]


def _for_files(table: TextTable) -> TextTable:
    """Return a table whose numbers programs can read: with the minus of a keyboard, and inf."""
    rows = tuple(
        tuple(cell.replace(MINUS, "-").replace("∞", "inf") for cell in row) for row in table.rows
    )
    return replace(table, rows=rows)
