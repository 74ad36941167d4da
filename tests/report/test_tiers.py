"""The page has a section on cascades where tiers were replayed, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.tiers import Curves, Spot, tiers_figure
from stemwise.report.page.section_tiers import tiers_section
from stemwise.report.run_tables import RunTables
from stemwise.report.tiers import tiers_table
from stemwise.storage import tables

TIER = {
    "recipe": "cascade",
    "step": 1,
    "policy": "tier",
    "tier": "fast",
    "tracks": 9,
    "artists": 4,
    "mean_score": 5.0,
    "low": 4.0,
    "high": 6.0,
    "gain": 0.0,
    "seconds_per_minute": 2.0,
    "share": 0.0,
    "left_out": False,
}
BEST = TIER | {"step": 2, "tier": "best", "mean_score": 6.0, "gain": 1.0, "seconds_per_minute": 6.0}
MIX = {"over_mix": 0.4, "over_mix_low": 0.1, "over_mix_high": 0.7}
GOES_ON = TIER | MIX | {"tier": None, "threshold": 0.1, "share": 0.5, "gain": 0.9}
CASCADE = GOES_ON | {"step": 3, "policy": "cascade", "mean_score": 5.9, "seconds_per_minute": 4.0}
RECIPE = CASCADE | {"step": 4, "policy": "recipe"}


def section(tmp_path, *rows):
    run = RunTables(Path("x"), (), {"tiers": tables.framed("tiers", rows)})
    return tiers_section(run, Sheet(tmp_path))


def test_rows_are_written_with_what_is_not_known_as_a_dash():
    made = tiers_table(tables.framed("tiers", (RECIPE, TIER | {"left_out": True})))
    alone, recipe = made.rows
    assert alone[:4] == ("fast alone (left out)", "–", "2.0", "–") and alone[-2:] == ("–", "–")
    assert recipe[:5] == ("recipe", "+0.10", "4.0", "50 %", "5.90")
    assert recipe[-2:] == ("+0.400", "0.100 … 0.700")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((TIER, BEST, CASCADE, RECIPE), "at 2.0 times its cost, more than a random mix"),
        ((TIER, BEST, RECIPE | {"over_mix_low": -0.1}), "not established to be more than"),
        ((TIER, BEST, RECIPE | {"share": 1.0}), "it treats all songs alike"),
        ((TIER, BEST | {"left_out": True}), "No tier beats fast"),
        ((TIER | {"seconds_per_minute": None},), "No tier beats fast"),
    ],
)
def test_the_verdict_says_whether_choosing_songs_is_worth_anything(tmp_path, rows, words):
    assert words in section(tmp_path, *rows)


def test_a_run_without_tiers_has_no_section(tmp_path):
    assert section(tmp_path) is None


def test_the_dashed_line_is_the_best_mixture_of_tiers():
    axes = Figure().add_subplot()
    tiers = [Spot("a", 1, 5.0, 4, 6), Spot("b", 2, 4.0), Spot("c", 3, 6.0)]
    tiers_figure(axes, Curves(tiers, [], [], tiers[2]))
    assert list(axes.lines[0].get_xdata()) == [1, 3]
    assert axes.get_ylim()[0] < 4 and axes.get_ylim()[1] > 6
