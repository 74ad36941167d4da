"""How well the SNR is predicted, in the report's words, table and figures."""

import pytest

from stemwise.report.figures.drawing import Sheet
from stemwise.report.page.section_quality import quality_section, verdict
from stemwise.report.quality import quality_table
from stemwise.report.run_tables import read_run
from stemwise.storage import tables

EVERY = {
    "features": ["level", "leakage"],
    "tracks": 20,
    "artists": 15,
    "rank_correlation": 0.8,
    "low": 0.5,
    "high": 0.93,
    "rank_correlation_of_level": 0.4,
    "snr_spread": 2.5,
    "error": 1.25,
    "error_of_level": 2.0,
    "half_width": 2.25,
    "coverage": 0.9,
    "shipped": True,
    "why": None,
}
LEVEL = EVERY | {"features": ["level"], "why": "not certainly closer"}
NONE = EVERY | {"shipped": False, "rank_correlation": 0.1, "low": -0.4, "why": "do not rank"}
FEW = dict.fromkeys(EVERY) | {
    "features": ["level", "leakage"],
    "tracks": 4,
    "artists": 3,
    "shipped": False,
    "why": "too few artists: 3 of at least 6",
}


def test_the_table_says_what_is_shown_beside_the_level():
    rows = [("Vocals", EVERY), ("Drums", LEVEL), ("Bass", NONE), ("Kick", FEW)]
    found = quality_table(rows).rows
    assert found[0][:5] == ("Vocals", "yes", "0.80", "0.50 … 0.93", "0.40")
    assert [row[1] for row in found] == ["yes", "level alone", "no", "too few"]
    assert found[3][2:] == ("–", "–", "–", "–", "–", "–", "3")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("Bass", NONE), ("Kick", FEW)], "Of no stem could the SNR be predicted"),
        ([("Vocals", EVERY)], "predict the SNR of Vocals on new songs."),
        (
            [("Vocals", EVERY), ("Drums", LEVEL), ("Bass", NONE)],
            "SNR of Vocals and Drums on new songs (Drums: from the level alone). Withheld: Bass.",
        ),
    ],
)
def test_the_sentence_names_what_is_withheld(rows, said):
    assert said in verdict(rows)


def test_the_section_draws_each_stem_and_is_left_out_of_older_runs(make_run, tmp_path):
    run = make_run(level2=False)
    sheet = Sheet(tmp_path)
    assert not quality_section(read_run(run.output, run.models), sheet)
    place = {"parent": "mixture", "parent_source": "mixture", "stem": "vocals"}
    song = place | {"dataset": "d", "track_id": "t", "snr": 5.0, "predicted": 4.0}
    songs = [song | {"low": 1.75, "high": 6.25}, song | {"track_id": "u", "low": 0.0, "high": 8.0}]
    for name, rows in (("quality", [place | NONE]), ("predictions", songs)):
        tables.write(run.output / "tables", name, [tables.to_table(name, rows)])
    body = quality_section(read_run(run.output, run.models), sheet)
    assert "vocals (withheld)" in body.lower() and "2 songs, rank correlation 0.10" in body
    assert (tmp_path / "quality-vocals.png").is_file()
