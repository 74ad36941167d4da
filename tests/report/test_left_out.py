"""Whatever a table of means leaves out is counted in the table itself."""

from __future__ import annotations

import pytest

from stemwise.report.decision import front, leaders, ledger
from stemwise.report.ledgers import all_ledgers
from stemwise.report.level2 import sub_stems
from stemwise.report.paper_tables import paper_tables
from stemwise.report.run_tables import read_run
from stemwise.report.tables import left_out, table_one

# tables of every row, or of counts: nothing is left out of them
COMPLETE = {"anomalies", "paper_figure4"}


def tables_of(made):
    run = read_run(made.output, made.models)
    scores = run["scores"]
    found = [table_one(scores, made.models), sub_stems(scores, "drums", made.models)]
    found += [sub_stems(scores, "vocals", made.models), *all_ledgers(run), *paper_tables(run)]
    found += [leaders(run["leaderboard"]), ledger(run["regret"]), front(run["front"])]
    return {f"{table.name} ({table.title})": table for table in found}


def test_every_table_of_means_says_what_it_leaves_out(make_run):
    """Three songs have an infinite or no score of every model."""
    found = tables_of(make_run(infinite=True))
    assert len(found) >= 14
    silent = [
        title
        for title, table in found.items()
        if "no finite score there" not in table.note and table.name not in COMPLETE
    ]
    assert silent == []


def test_nothing_is_said_where_nothing_is_left_out(make_run):
    found = tables_of(make_run())
    assert not [title for title, table in found.items() if "no finite score" in table.note]


@pytest.mark.parametrize(
    ("dropped", "said"),
    [
        ({}, ""),
        ({"bass": 0}, ""),
        ({"bass": 2, "drums": 0, "other": 1}, "no finite score there: bass 2, other 1."),
    ],
)
def test_the_sentence_counts_stems_that_lose_tracks(dropped, said):
    assert left_out(dropped).endswith(said) and bool(left_out(dropped)) is bool(said)
