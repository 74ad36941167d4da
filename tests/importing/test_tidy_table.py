"""Tidy tables of others: columns mapped, odd cells told, unknown values null and never 0."""

from __future__ import annotations

import polars as pl
import pytest

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.importing import rows
from stemwise.importing.published import MUSEVAL, TABLE
from stemwise.importing.tidy_table import read_file

COLUMNS = {"model": "model_id", "track": "song", "stem": "target", "museval_sdr": "sdr_median"}
HEAD = "model_id,song,target,sdr_median\n"


@pytest.fixture
def table(tmp_path):
    def write(text, name="scores.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def scores(found):
    frame = rows.score_frame(found, "theirs")
    return {
        (row["model"], row["track_id"], row["stem"]): row for row in frame.iter_rows(named=True)
    }


def test_columns_are_mapped_and_the_unknown_stays_null(table):
    found = read_file(
        table(HEAD + "a,One,vocals,5.5\na,One,Bass,\na,Two,vocals,NaN\nb,One,vocals,-inf\n"),
        COLUMNS,
    )
    made = scores(found)
    assert found.measure == MUSEVAL and found.models == ["a", "b"]
    assert made["a", "one", "vocals"]["museval_sdr"] == 5.5
    assert made["a", "one", "vocals"]["dataset"] == "theirs"
    assert made["a", "one", "bass"]["museval_sdr"] is None
    assert made["a", "one", "bass"]["error"] == "The table has no value here."
    assert made["a", "two", "vocals"]["museval_sdr"] is None
    assert made["b", "one", "vocals"]["museval_sdr"] == -float("inf")
    assert made["a", "one", "vocals"]["snr"] is None


def test_artist_genre_dataset_split_and_cost_are_kept(tmp_path):
    path = tmp_path / "scores.parquet"
    pl.DataFrame(
        {
            "model": ["a", "a", "b"],
            "track_id": ["Intro", "Intro", "Intro"],
            "stem": ["vocals", "drums", "vocals"],
            "artist": ["X", None, "X"],
            "genre": ["pop", "pop", None],
            "dataset": ["d1", "d1", "d2"],
            "split": ["test", "test", "train"],
            "seconds_per_minute": [30.0, 30.0, None],
            "snr": [1, 2, 3],
            "si_sdr": [1.5, float("nan"), float("inf")],
        }
    ).write_parquet(path)
    found = read_file(path, {})
    assert (found.measure, found.columns) == (TABLE, ("snr", "si_sdr"))
    tracks = {row["dataset"]: row for row in rows.track_rows(found, "songs")}
    assert (tracks["d1"]["artist"], tracks["d1"]["genre"]) == ("X", "pop")
    assert (tracks["d2"]["genre"], tracks["d2"]["split"]) == (None, "train")
    frame = rows.score_frame(found, "songs").sort("dataset", "stem")
    assert frame["dataset"].to_list() == ["d1", "d1", "d2"]
    assert frame["si_sdr"].to_list() == [None, 1.5, float("inf")]
    assert frame["realtime_factor"].to_list() == [2.0, 2.0, None]
    assert [track.model for track in read_file(path, {}, split="train").tracks] == ["b"]


def test_units_and_separators_as_people_write_them(table):
    text = "model\ttrack\tstem\tsnr\nm\tA - B\tvocals\t 5.25 dB\nm\tA - B\tbass\tN/A\n"
    found = read_file(table(text, "scores.tsv"), {})
    made = scores(found)
    assert made["m", "a-b", "vocals"]["snr"] == 5.25 and made["m", "a-b", "bass"]["snr"] is None
    (row,) = rows.track_rows(found, "songs")
    assert (row["artist"], row["title"]) == ("A", "B")


def test_equal_doubles_are_one_and_unknown_stems_fail_alone(table):
    found = read_file(table(HEAD + "a,One,vocals,5\na,One,vocals,5\na,One,lead,6\n"), COLUMNS)
    made = scores(found)
    assert made["a", "one", "vocals"]["status"] == "ok"
    assert made["a", "one", "lead"]["status"] == "failed"
    assert "row 3: target 'lead' is not a known stem" in made["a", "one", "lead"]["error"]
    translated = read_file(table(HEAD + "a,One,lead,6\n"), COLUMNS, given={"lead": "lead_vocals"})
    assert ("a", "one", "lead_vocals") in scores(translated)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,One,vocals,5\na,One,vocals,6\n", "rows 1 and 2 are both of a, One, vocals, with other"),
        ("a,One,vocals,loud\n", "row 1 has 'loud' in the column sdr_median"),
        ('a,One,vocals,5\na,One,drums,"5,3"\n', "row 2 has '5,3'"),
        ("a,One,vocals,1e9\n", "'1e9' in the column sdr_median, which is no number of decibels"),
        ("a,,vocals,5\n", "row 1 has no song"),
        ("a,One,vocals,5\n,Two,vocals,5\n", "row 2 has no model_id"),
        ("oracle,One,vocals,5\n", "'oracle' cannot name a model"),
    ],
)
def test_what_is_wrong_is_named_by_its_row(table, text, told):
    with pytest.raises(DatasetError, match=told):
        read_file(table(HEAD + text), COLUMNS)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (
            {**COLUMNS, "museval_sdr": "sdr"},
            "columns.museval_sdr=sdr is not in scores.csv: did you ",
        ),
        ({**COLUMNS, "modle": "model_id"}, "columns.modle is unknown: did you mean model"),
        ({"model": "model_id"}, "has no column of stem: name it .* of model_id, song, target, sdr"),
        ({k: COLUMNS[k] for k in ("model", "track", "stem")}, "no column of scores"),
        ({**COLUMNS, "genre": "style"}, "columns.genre=style is not in .* it has model_id, song"),
    ],
)
def test_a_mapping_that_does_not_fit_lists_the_columns(table, columns, told):
    text = HEAD + "a,One,vocals,5\n"
    with pytest.raises(ConfigError, match=told):
        read_file(table(text), columns)


def test_a_song_of_two_artists_a_strange_split_and_no_file_are_told(table, tmp_path):
    text = "model,track,stem,snr,artist\na,One,vocals,5,X\nb,One,vocals,5,Y\n"
    with pytest.raises(DatasetError, match="'One' has two values of artist, 'X' and 'Y'"):
        read_file(table(text), {})
    with pytest.raises(ConfigError, match=r"no column of scores\.csv is mapped to split"):
        read_file(table(HEAD + "a,One,vocals,5\n"), COLUMNS, split="test")
    with pytest.raises(ConfigError, match=r"models=c is not in scores\.csv: it has a"):
        read_file(table(HEAD + "a,One,vocals,5\n"), COLUMNS, wanted=["c"])
    with pytest.raises(DatasetError, match="does not exist"):
        read_file(tmp_path / "none.csv", {})
    (tmp_path / "no.parquet").write_text("x")
    with pytest.raises(DatasetError, match="cannot be read as a table"):
        read_file(tmp_path / "no.parquet", {})
