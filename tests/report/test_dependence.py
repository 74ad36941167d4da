"""The report says who made the tracks, whose artists are unknown, and what is there twice."""

import polars as pl
import pytest

from stemwise.report.dependence import (
    by_whom,
    dependence_notes,
    duplicates_table,
    how_often,
    repeated,
)
from stemwise.storage.tables import to_table


def tracks(*artists):
    rows = [
        {"dataset": "d", "track_id": f"t{number}", "artist": artist}
        for number, artist in enumerate(artists)
    ]
    return pl.DataFrame(pl.from_arrow(to_table("tracks", rows)))


def twice(*pairs, kind="equal", other="d"):
    names = ("dataset", "track_id", "other_dataset", "other_track_id", "similarity", "kind")
    rows = [dict(zip(names, ("d", a, other, b, 0.98, kind), strict=True)) for a, b in pairs]
    return pl.DataFrame(pl.from_arrow(to_table("duplicates", rows)))


@pytest.mark.parametrize(
    ("artists", "told"),
    [
        (["A", "A", "B"], " by 2 artists"),
        (["A"], " by 1 artist"),
        ([None, None], ", artists unknown (each counts as its own)"),
        (["A", None], " by 1 artist, 1 track of an unknown artist (each counts as its own)"),
        (
            ["A", "B", None, ""],
            " by 2 artists, 2 tracks of unknown artists (each counts as its own)",
        ),
        ([], ""),
    ],
)
def test_unknown_artists_are_no_artist(artists, told):
    assert by_whom(tracks(*artists)) == told


def test_nothing_is_said_where_nothing_is_wrong():
    assert dependence_notes(tracks("A", "B"), twice()) == []
    assert how_often(twice()) == repeated(twice()) == ""
    assert duplicates_table(tracks("A"), twice()).rows == ()


def test_unknown_artists_are_said_to_be_unknown():
    (note,) = dependence_notes(tracks("A", None, None), twice())
    assert note.startswith(
        "The artists of 2 tracks are unknown: each such track counts as an artist"
    )
    (note,) = dependence_notes(tracks("A", None), twice())
    assert note.startswith("The artist of 1 track is unknown: each")
    (note,) = dependence_notes(tracks(None), twice())
    assert note.startswith("The artists are unknown: each")


def test_recordings_that_appear_twice_are_listed():
    assert repeated(twice(("t0", "t1"))) == (
        "1 recording appears twice: t0 = t1. It counts as one artist."
    )
    two = pl.concat([twice(("t0", "t1")), twice(("t2", "t3"), kind="nearly equal", other="e")])
    assert repeated(two) == (
        "2 recordings appear twice: d/t0 = d/t1; d/t2 = e/t3 (nearly equal). They count as one "
        "artist each."
    )
    three = twice(("t0", "t1"), ("t0", "t2"))
    assert how_often(three) == "1 recording appears more than once"
    assert "t0 = t1 = t2" in repeated(three)
    many = twice(*((f"a{number}", f"b{number}") for number in range(5)))
    assert "a2 = b2; and 2 more. They" in repeated(many)


def test_the_table_names_both_artists():
    (row,) = duplicates_table(tracks("A", None), twice(("t0", "t1"))).rows
    assert row == ("d/t0", "A", "d/t1", "unknown", "0.980", "equal")
