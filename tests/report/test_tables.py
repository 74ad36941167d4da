import csv
import math

import polars as pl
import pytest

from stemwise.core.errors import OutputError
from stemwise.report.tables import (
    TextTable,
    model_order,
    number,
    stem_label,
    table_one,
    to_markdown,
    winners,
    winners_per_track,
    write_all,
)
from stemwise.storage.tables import to_table

REST = "guitar+piano+other"


def frame(name, rows):
    head = {"dataset": "d", "parent": "mixture", "parent_source": "mixture", "status": "ok"}
    return pl.from_arrow(to_table(name, [head | row for row in rows]))


def score(track, model, stem, value, **more):
    return {
        "track_id": track,
        "model": model,
        "stem": stem,
        "paper_snr": value,
        "paper_sdr": value + 1,
        "score": value + 0.5,
    } | more


@pytest.fixture
def scores():
    rows = [
        score("t", "zeta", "vocals", 5.0),
        score("u", "zeta", "vocals", 7.0),
        score("t", "alpha", "vocals", 4.0),
        score("u", "alpha", "vocals", 5.0),
        score("t", "alpha", REST, 1.004),
        score("t", "mixture", REST, -3.0),
        score("u", "mixture", REST, -6.0),
        *(score(track, "oracle", "vocals", value) for track, value in (("t", 5.0), ("u", 7.0))),
    ]
    return frame("scores", rows)


@pytest.fixture
def selections():
    def chosen(track, stem, model, probability, margin, runner_up="other"):
        return {
            "track_id": track,
            "stem": stem,
            "model": model,
            "runner_up": runner_up,
            "win_probability": probability,
            "margin": margin,
            "score": 5.0,
        }

    return frame(
        "selections",
        [
            chosen("t", "vocals", "zeta", 0.75, 1.0),
            chosen("u", "vocals", "zeta", 1.0, 2.0),
            chosen("v", "vocals", "alpha", None, None),
            chosen("t", REST, "alpha", 0.5, 0.25),
            chosen("v", REST, "alpha", 1.0, None, runner_up=None),
        ],
    )


def floor(track, stem, score):
    return {"track_id": track, "stem": stem, "model": "mixture", "score": score}


@pytest.mark.parametrize(
    ("stem", "label"),
    [
        ("vocals", "vocals"),
        (REST, REST),
        ("drums+bass+other", "drums+bass+other"),
        ("drums+bass+guitar+piano+other", "all but vocals"),
        ("bass+guitar+piano+other", "all but vocals, drums"),
        ("vocals+drums+bass+guitar+piano+other", "vocals+drums+bass+guitar+piano+other"),
        ("drums+bass+strings+piano+other", "drums+bass+strings+piano+other"),
        ("instrumental", "instrumental"),
    ],
)
def test_long_sums_are_told_by_what_they_leave_out(stem, label):
    assert stem_label(stem) == label


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (math.nan, "–"), (0.0, "0.00"), (-6.251, "-6.25"), (math.inf, "inf")],
)
def test_numbers(value, text):
    assert number(value) == text


def test_reference_lines_stand_first_and_last():
    present = ["oracle", "b", "file:x", "mixture", "a", "oracle_irm"]
    expected = ["mixture", "b", "a", "file:x", "oracle_irm", "oracle"]
    assert model_order(["b", "absent", "oracle_irm", "a"], present) == expected


def test_table_one(scores):
    table = table_one(scores, ["zeta", "alpha"])
    assert table.columns == ("model", "vocals SNR", "vocals SDR", f"{REST} SNR", f"{REST} SDR")
    assert table.rows == (
        ("mixture (unprocessed)", "–", "–", "-3.00", "-2.00"),
        ("zeta", "6.00", "7.00", "–", "–"),
        ("alpha", "4.50", "5.50", "1.00", "2.00"),
        ("oracle (ensemble)", "6.00", "7.00", "–", "–"),
        ("tracks", "2", "", "1", ""),
    )
    assert table.groups == (2, 2)
    assert f"{REST} 1" in table.note
    assert "vocals" not in table.note


def test_table_one_of_a_run_without_scores():
    table = table_one(frame("scores", []), ["a"])
    assert (table.columns, table.rows) == (("model",), ())


def test_winners(selections):
    floors = [floor("t", "vocals", 4.0), floor("u", "vocals", 6.0), floor("t", REST, 1.0)]
    assert winners(selections, frame("scores", floors)).rows == (
        ("vocals", "zeta", "2", "3", "1", "0.88", "1.50"),  # on u the mixture is better
        ("vocals", "alpha", "1", "3", "0", "–", "–"),
        (REST, "alpha", "2", "2", "1", "0.50", "0.25"),  # one of them had no rival
    )


def test_winners_per_track(selections):
    floors = [floor("u", "vocals", 6.0)]
    table = winners_per_track(selections, frame("scores", floors))
    assert table.columns == ("track", "vocals", REST)
    assert table.rows == (
        ("t", "zeta 0.75", "alpha 0.50"),
        ("u", "zeta ↓ 1.00", "–"),
        ("v", "alpha", "alpha"),  # sure for want of a rival: no P(win)
    )


def from_markdown(text):
    """Return header and rows of the pipe table in `text`."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cut = [line.replace("\\|", "\0").strip("|").split("|") for line in lines]
    rows = [tuple(cell.replace("\0", "|").strip() for cell in row) for row in cut]
    assert set("".join(rows[1])) <= set("-: ")
    return rows[0], tuple(rows[2:])


def test_markdown_and_csv_hold_what_the_table_holds(tmp_path, scores, selections):
    odd = TextTable("odd", "Odd", ("a", "b"), (('x | y, "z"', "1"), ("é–", "")), "A note.")
    made = [
        table_one(scores, ["zeta"]),
        winners(selections, scores),
        winners_per_track(selections, scores),
        odd,
    ]
    paths = write_all(tmp_path / "new" / "report", made, "A run")
    names = {path.name for path in paths}
    stems = ("table1", "winners", "winners_per_track", "odd")
    assert names == {f"{s}.{kind}" for s in stems for kind in ("csv", "md")} | {"report.md"}
    report = paths[-1].read_text(encoding="utf-8")
    assert report.startswith("# A run\n")
    for table in made:
        folder = paths[-1].parent
        with (folder / f"{table.name}.csv").open(newline="", encoding="utf-8") as file:
            header, *rows = map(tuple, csv.reader(file))
        known = [tuple("" if cell == "–" else cell for cell in row) for row in table.rows]
        assert (header, rows) == (table.columns, known)
        text = (folder / f"{table.name}.md").read_text(encoding="utf-8")
        assert from_markdown(text) == (table.columns, table.rows)
        assert f"## {table.title}\n" in text
        assert table.note in text
        assert to_markdown(table) in report


def test_a_report_is_replaced(tmp_path):
    table = TextTable("t", "T", ("a",), (("long text",), ("more",)))
    write_all(tmp_path, [table], "one")
    write_all(tmp_path, [TextTable("t", "T", ("a",), (("x",),))], "two")
    assert (tmp_path / "t.csv").read_text() == "a\nx\n"
    assert "long text" not in (tmp_path / "report.md").read_text()


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "report").write_text("a file")
    with pytest.raises(OutputError, match="report cannot be written"):
        write_all(tmp_path / "report", [], "A run")
