"""The page has a section on less overlap where a model ran in both ways, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemwise.report.less_overlap import TITLE, less_overlap_table
from stemwise.report.page.sections import _less_overlap
from stemwise.report.run_tables import RunTables
from stemwise.storage import tables

ROW = {
    "parent": "mixture",
    "parent_source": "mixture",
    "stem": "vocals",
    "model": "m",
    "fast_model": "m-fast",
    "tracks": 3,
    "artists": 1,
    "score": -0.2,
    "snr": 0.125,
    "snr_low": -0.1,
    "snr_high": 0.35,
}


def run(*rows):
    return RunTables(Path("x"), ("m",), {"less_overlap": tables.framed("less_overlap", rows)})


def test_what_is_not_known_is_a_dash():
    (line,) = less_overlap_table(run(ROW)["less_overlap"]).rows
    assert line == ("m", "vocals", "−0.200", "–", "+0.125", "−0.100 … 0.350", "–", "–", "3")


def test_sub_stems_follow_and_say_what_they_are_made_of():
    below = {**ROW, "parent": "drums", "parent_source": "reference", "stem": "kick", "model": "a"}
    rows = less_overlap_table(run(below, ROW)["less_overlap"]).rows
    assert [row[1] for row in rows] == ["vocals", "kick from true drums"]


@pytest.mark.parametrize(("rows", "sections"), [((), 0), ((ROW,), 1)])
def test_a_run_that_held_no_model_in_both_ways_has_no_such_section(rows, sections):
    made = _less_overlap(run(*rows))
    assert len(made) == sections
    assert all(section.title == TITLE and "m" in section.body for section in made)
