"""What went wrong: failures, suspicious estimates, duplicates, odd files, missing scores, bleed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from stemwise.analysis.aggregate import problem_counts
from stemwise.report import ledgers
from stemwise.report import paper_numbers as paper
from stemwise.report.dependence import duplicates_table
from stemwise.report.imported import imported_failures, imported_problems
from stemwise.report.level2 import by_bleed
from stemwise.report.markup import Html, db, el, join, of_text, table
from stemwise.report.paper_tables import ran_the_papers
from stemwise.report.run_tables import RunTables
from stemwise.report.tables import TextTable
from stemwise.report.troubles import facts, failures, problems

_LONGEST = 200  # rows on the page; the CSV files hold all


def troubles(run: RunTables) -> Html:
    """Return the section: what went wrong first, then what was checked and found in order."""
    bleed, odd = by_bleed(run["scores"]), problems(run["tracks"])
    told = [
        (failures(run["scores"]), "no failures", 4),
        (ledgers.anomalies(run), "no estimate late, inverted or at the wrong level", 5),
        (duplicates_table(run["tracks"], run["duplicates"]), "no duplicate recordings", 4),
        (odd, "no problems in the dataset's files", 2),
    ]
    theirs = ", ".join(f"{stem} {db(value)} dB" for stem, value in paper.BLEED.items())
    note = el("p", f"In the paper (section 6.4): {theirs}.", cls="note")
    shown = bleed.rows and ran_the_papers(run)
    return join(
        [
            _parts(told),
            el("p", known, cls="note")
            if (known := facts(run["tracks"])) and not odd.rows
            else None,
            _without_scores(run),
            _part(bleed, 3),
            note if shown else None,
        ]
    )


def imported_troubles(run: RunTables) -> Html:
    """Return the section of scores that others published, of whose audio nothing is known."""
    told = [
        (imported_failures(run["scores"]), "no failures", 4),
        (imported_problems(run["tracks"]), "no problems in the imported files", 2),
    ]
    return join([_parts(told), _without_scores(run)])


def _parts(told: Sequence[tuple[TextTable, str, int]]) -> Html:
    """Return the tables that have rows, and one line that says what was found in order."""
    fine = [nothing for made, nothing, _ in told if not made.rows]
    said = f"Checked: {', '.join(fine)}." if fine else ""
    parts = [_part(made, texts) for made, _, texts in told]
    return join([el("p", said, cls="none") if said else None, parts])


def _part(made: TextTable, texts: int) -> Html | None:
    if not made.rows:
        return None
    cut = replace(made, rows=made.rows[:_LONGEST], note=made.note)
    more = len(made.rows) - len(cut.rows)
    rest = el("p", f"… and {more} more in {made.name}.csv", cls="note") if more else None
    return join(
        [el("h3", f"{made.title} ({len(made.rows)})"), of_text(cut, texts, titled=False), rest]
    )


def _without_scores(run: RunTables) -> Html | None:
    counts = problem_counts(run["scores"]).filter(pl.col("status") != "failed")
    if counts.is_empty():
        return None
    rows = [[r["status"], str(r["rows"]), str(r["tracks"])] for r in counts.to_dicts()]
    note = "Excluded from all means; docs/scores.md explains each status."
    made = table(("status", "rows", "tracks"), rows, "Rows without a score", titled=False)
    return join([el("h3", "Rows without a score"), made, el("p", note, cls="note")])
