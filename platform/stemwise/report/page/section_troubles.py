"""Section 7: bleed, suspicious estimates, failures, and what is odd in the dataset's files."""

from __future__ import annotations

import polars as pl

from stemwise.analysis.aggregate import problem_counts
from stemwise.report import ledgers
from stemwise.report import paper_numbers as paper
from stemwise.report.dependence import duplicates_table
from stemwise.report.imported import imported_failures, imported_problems
from stemwise.report.level2 import by_bleed
from stemwise.report.markup import Html, db, el, join, of_text, table
from stemwise.report.run_tables import RunTables
from stemwise.report.tables import TextTable
from stemwise.report.troubles import failures, problems

_LONGEST = 200  # rows on the page; the CSV files hold all


def troubles(run: RunTables) -> Html:
    """Return the section."""
    odd, failed, bleed = ledgers.anomalies(run), failures(run["scores"]), by_bleed(run["scores"])
    twice = duplicates_table(run["tracks"], run["duplicates"])
    told = [
        _part("Suspicious estimates", odd, "None is late, inverted or at another level.", 5),
        _part("Failures", failed, "Nothing failed.", 4),
        _part("Recordings that appear twice", twice, "Every recording is there once.", 4),
        _part("The dataset's files", problems(run["tracks"]), "Nothing is odd in them.", 2),
        _without_scores(run),
        _part("Bleed", bleed, "No stem has both tracks with bleed and tracks without.", 3),
    ]
    theirs = ", ".join(f"{stem} {db(value)} dB" for stem, value in paper.BLEED.items())
    note = f"The paper's section 6.4 has these differences: {theirs}."
    return join([told, el("p", note, cls="note") if bleed.rows else None])


def imported_troubles(run: RunTables) -> Html:
    """Return the section of scores that others published, of whose audio nothing is known."""
    failed, odd = imported_failures(run["scores"]), imported_problems(run["tracks"])
    return join(
        [
            _part("Failures", failed, "Nothing failed.", 4),
            _part("The imported files", odd, "Nothing is odd in them.", 2),
            _without_scores(run),
        ]
    )


def _part(title: str, made: TextTable, nothing: str, texts: int) -> Html:
    if not made.rows:
        return join([el("h3", title), el("p", nothing, cls="none")])
    cut = TextTable(made.name, made.title, made.columns, made.rows[:_LONGEST], made.note)
    more = len(made.rows) - len(cut.rows)
    rest = el("p", f"… and {more} more in {made.name}.csv", cls="note") if more else None
    count = f"{title} ({len(made.rows)})"
    body = [of_text(cut, texts, titled=False), rest]
    return (
        el("details", el("summary", count), body)
        if len(made.rows) > 12
        else join([el("h3", count), body])
    )


def _without_scores(run: RunTables) -> Html | None:
    counts = problem_counts(run["scores"]).filter(pl.col("status") != "failed")
    if counts.is_empty():
        return None
    rows = [[r["status"], str(r["rows"]), str(r["tracks"])] for r in counts.to_dicts()]
    note = "These rows have no score and count in no mean; docs/scores.md has each status."
    made = table(("status", "rows", "tracks"), rows, "Rows without a score", titled=False)
    return join([el("h3", "Rows without a score"), made, el("p", note, cls="note")])
