"""What ties: runs of models, the figure of forty, and leaderboards that fold after the leaders."""

from __future__ import annotations

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.report.abridged import abridged
from stemwise.report.decision import leaders
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.leading import leading, listed, suspicion
from stemwise.report.page import write_report
from stemwise.report.page.section_board import _letter, leaderboards
from stemwise.report.run_tables import read_run
from stemwise.report.tables import TextTable
from stemwise.report.tied import columns_of, tied_runs, were_tested
from stemwise.storage import tables
from stemwise.storage.tables import schema_of, to_table


def pairs(names, apart):
    return [
        {"model_a": a, "model_b": b, "told_apart": (a, b) in apart}
        for a, b in combinations(names, 2)
    ]


@pytest.mark.parametrize(
    ("apart", "runs"),
    [
        ([], [(0, 3)]),
        ([("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")], []),
        ([("a", "c"), ("a", "d"), ("b", "d")], [(0, 1), (1, 2), (2, 3)]),
        ([("a", "d")], [(0, 2), (1, 3)]),
        ([("a", "b"), ("a", "c"), ("a", "d")], [(1, 3)]),
        ([("b", "c")], [(0, 1), (2, 3)]),  # although a and d tie with all
    ],
)
def test_bars_of_four_models(apart, runs):
    assert tied_runs("abcd", pairs("abcd", apart)) == runs


@st.composite
def answers(draw):
    """Return how many models there are, and for each of their pairs whether it is told apart."""
    count = draw(st.integers(2, 9))
    size = count * (count - 1) // 2
    return count, draw(st.lists(st.booleans(), min_size=size, max_size=size))


@given(answers())
def test_bars_are_all_maximal_runs_of_ties(case):
    count, told = case
    names = list(range(count))
    apart = {pair for pair, yes in zip(combinations(names, 2), told, strict=True) if yes}
    tie = [
        (i, j)
        for i, j in combinations(names, 2)
        if not apart & set(combinations(range(i, j + 1), 2))
    ]
    largest = [r for r in tie if not any(o != r and o[0] <= r[0] and r[1] <= o[1] for o in tie)]
    found = tied_runs(names, pairs(names, apart))
    assert found == sorted(largest)
    columns = columns_of(found)
    for (one, a), (other, b) in combinations(zip(found, columns, strict=True), 2):
        assert a != b or one[1] < other[0]


def test_pairs_that_were_not_tested_tie():
    rows = [{"model_a": "a", "model_b": "b", "told_apart": None, "p_adjusted": None}]
    assert tied_runs("ab", rows) == [(0, 1)]
    assert not were_tested(rows)


def test_letters_go_on_after_z():
    assert [_letter(n) for n in (1, 26, 27, 52, 53)] == ["A", "Z", "AA", "AZ", "BA"]


def board(groups, means=None):
    means = means or [10.0 - i for i in range(len(groups))]
    return [
        {"model": f"m{i}", "rank": i + 1, "tie_group": g, "mean_score": m}
        for i, (g, m) in enumerate(zip(groups, means, strict=True))
    ]


@pytest.mark.parametrize(
    ("groups", "most", "shown"),
    [
        ([1] * 26, 5, 5),
        ([1, 1, *range(2, 26)], 5, 3),
        ([1, 1, 1, 1, 2, 3, 4], 5, 4),
        ([1, 2, 3, 4], 5, 4),  # a single row is never left over
        ([1, 2, 3, 4, 5], 5, 3),
        ([1], 5, 1),
    ],
)
def test_leaders_are_the_first_tie_group_within_bounds(groups, most, shown):
    assert len(leading(board(groups), most)) == shown


def test_infinite_means_stand_before_the_leaders_and_are_no_group():
    rows = board([1, 2, 3, 3, 3, 3, 4, 5, 6], [float("inf")] * 2 + [9.0 - i for i in range(7)])
    assert len(leading(rows, 5)) == 2 + 4
    assert suspicion([]) is None
    assert suspicion(["a"]) == (
        "a equals the reference on every track: an answer key rather than a separator?"
    )
    assert str(suspicion(["a", "b"])).startswith("a and b equal the reference on every track")


def test_names_are_listed_as_people_write_them():
    told = ["a", "a and b", "a, b and c", "a, b, c and 2 more"]
    assert [listed("abcdef"[:n]) for n in (1, 2, 3, 5)] == told


def many(count, stems=("vocals", "drums")):
    key = {"parent": "mixture", "parent_source": "mixture", "trained_here": False}
    rows = [
        key | row | {"stem": stem, "tracks": 50, "artists": 46, "dropped": 0}
        for stem in stems
        for row in board([1 + i // 3 for i in range(count)])
    ]
    return pl.DataFrame(pl.from_arrow(to_table("leaderboard", rows)))


def test_the_terminal_shows_the_leaders_of_every_stem():
    shown = leaders(many(26)).rows
    assert [row[0] for row in shown] == ["vocals"] * 4 + ["drums"] * 4
    assert [row[2] for row in shown[:4]] == ["m0", "m1", "m2", "and 23 more: tables/leaderboard"]


def test_the_terminal_says_who_is_an_answer_key():
    frame = many(3).with_columns(
        mean_score=pl.when(pl.col("rank") == 1).then(float("inf")).otherwise("mean_score")
    )
    made = leaders(frame)
    assert made.rows[0][2:4] == ("m0", "inf")
    assert "vocals: m0 equals the reference on every track: an answer key" in made.note


def test_long_groups_of_a_table_are_cut_with_a_line():
    rows = tuple((stem, f"m{n}", str(n)) for stem in ("vocals", "drums") for n in range(7))
    shown = abridged(TextTable("won", "Won", ("stem", "model", "n"), rows)).rows
    assert len(shown) == 12
    assert shown[5] == ("vocals", "and 2 more: won.csv", "")
    six = TextTable("won", "Won", ("stem", "model", "n"), rows[:6])
    assert abridged(six) == six


@pytest.mark.parametrize("count", [2, 26, 45])
def test_many_models_fold_and_their_pairs_are_bounded(make_run, count):
    run = make_run(tracks=1, models=("m0",), level2=False, analysis=False)
    stems = ("vocals", "drums", "other")
    places = many(count, stems)
    every = [
        {"parent": "mixture", "parent_source": "mixture", "stem": stem, "told_apart": b - a > 2}
        | {"model_a": f"m{a}", "model_b": f"m{b}", "difference": 0.1, "p_adjusted": 0.04}
        for stem in stems
        for a, b in combinations(range(count), 2)
    ]
    folder = run.output / "tables"
    tables.write(folder, "leaderboard", [places.to_arrow().cast(schema_of("leaderboard"))])
    tables.write(folder, "comparisons", [to_table("comparisons", every)])
    sheet = Sheet(run.output / "figures")
    sheet.folder.mkdir()
    html = leaderboards(read_run(run.output, run.models), sheet, Palette(run.models))
    for stem in stems:
        assert f'href="figures/ties-{stem}.svg"' in html
        assert (sheet.folder / f"ties-{stem}.png").stat().st_size > 5000
    assert html.count("<tr") < 130 + 3 * (count + 3)
    assert ("the best 40 of 45" in html) == (count == 45)
    assert (f"all {len(every):,} are in".replace(",", " ") in html) == (count > 2)
    assert ("more models" in html) == (count > 2)
    assert ('href="../tables/comparisons/comparisons.parquet"' in html) == (count > 2)


@pytest.mark.usefixtures("unrendered")
def test_a_perfect_model_is_listed_first_and_asked_about(make_run):
    run = make_run(level2=False)
    folder = run.output / "tables"
    path = folder / "leaderboard" / "leaderboard.parquet"
    rows = pl.read_parquet(path).with_columns(pl.col("rank", "tie_group") + 1)
    key = rows.filter(pl.col("rank") == 2).with_columns(
        model=pl.lit("key"), rank=pl.lit(1, pl.Int64), tie_group=pl.lit(1, pl.Int64),
        mean_score=pl.lit(float("inf")), low=pl.lit(None, pl.Float64), high=pl.lit(None, pl.Float64),
    )  # fmt: skip
    worst = key.with_columns(
        model=pl.lit("void"), rank=pl.lit(9, pl.Int64), mean_score=pl.lit(float("-inf"))
    )
    pl.concat([rows, key, worst]).write_parquet(path)
    html = write_report(run.output, run.models).read_text(encoding="utf-8")
    assert html.count("key equals the reference on every track: an answer key") >= 3
    assert "−∞" in html and "∞" in html
    csv = (run.output / "report" / "leaderboard.csv").read_text(encoding="utf-8")
    assert ",key,1,1,1,inf,," in csv and ",-inf," in csv
