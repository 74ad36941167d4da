"""Table rows of published scores, and what remains of earlier ones when more are added."""

from __future__ import annotations

from typing import Any

import polars as pl

from stemwise.importing.coverage import comparable, limits
from stemwise.importing.published import COLUMNS, Frames, Published, TrackScores
from stemwise.importing.rows import merge, score_frame, track_rows
from stemwise.storage import tables

SECOND = Frames(1.0, 1.0)


def vocals(value: float | None) -> dict[str, dict[str, float | None]]:
    return {"vocals": dict.fromkeys(COLUMNS.values(), value)}


def published(*tracks: TrackScores) -> Published:
    return Published(tracks, [], SECOND)


def made(*tracks: TrackScores) -> tuple[list[dict[str, Any]], pl.DataFrame]:
    found = published(*tracks)
    return track_rows(found, "songs"), score_frame(found, "songs")


def rows(*tracks: TrackScores) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    songs, scores = made(*tracks)
    return songs, scores.to_dicts()


def test_a_song_has_the_id_and_artist_that_our_reader_gives_it():
    (song,), _ = rows(TrackScores("m", "Ben Carrigan - We'll Talk", "f", "test", vocals(1.0)))
    assert song["track_id"] == "ben-carrigan-we-ll-talk"
    assert (song["artist"], song["title"]) == ("Ben Carrigan", "We'll Talk")


def test_spellings_of_a_title_are_one_song():
    songs, scores = rows(
        TrackScores("a", "Café - Über", "f", "test", vocals(1.0)),
        TrackScores("b", "Cafe\u0301 - U\u0308ber ", "g", "test", vocals(2.0)),
    )
    assert len(songs) == 1 and {row["track_id"] for row in scores} == {"cafe-uber"}


def test_a_broken_track_fails_for_the_stems_that_its_model_makes():
    songs, scores = rows(
        TrackScores("a", "A - B", "f", "test", vocals(1.0)),
        TrackScores("a", "C - D", "g", "test", error="g is cut."),
        TrackScores("b", "C - D", "h", "test", vocals(None)),
    )
    states = {(row["model"], row["track_id"]): (row["status"], row["error"]) for row in scores}
    assert states["a", "c-d"] == ("failed", "g is cut.")
    assert states["b", "c-d"][0] == "ok" and "undefined" in states["b", "c-d"][1]
    assert {song["track_id"]: song["problems"] for song in songs}["c-d"] == ["a: g is cut."]


def test_merging_replaces_the_same_model_on_the_same_track_only():
    old = made(
        TrackScores("a", "A - B", "f", "test", vocals(1.0)),
        TrackScores("a", "C - D", "f", "test", error="f is cut."),
        TrackScores("b", "C - D", "f", "test", vocals(2.0)),
    )
    oracle = old[1].head(1).with_columns(model=pl.lit("oracle"))
    new = made(
        TrackScores("a", "C - D", "f", "test", vocals(3.0)),
        TrackScores("a", "E - F", "f", "train", vocals(4.0)),
    )
    songs, scores = merge(old[0], pl.concat([old[1], oracle]), *new)
    found = {row[:2]: row[2] for row in scores.select("model", "track_id", "museval_sdr").rows()}
    assert found == {("a", "a-b"): 1, ("a", "c-d"): 3, ("b", "c-d"): 2, ("a", "e-f"): 4}
    assert {song["track_id"]: song["problems"] for song in songs}["c-d"] == []
    assert {song["track_id"]: song["split"] for song in songs}["e-f"] == "train"


def frames_of(values: dict[str, list[float | None]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return `scores` and `tracks` of models with one score per track, None where there is none."""
    songs, scores = made(
        *(
            TrackScores(model, f"Artist {number} - Song", "f", "test", vocals(value))
            for model, own in values.items()
            for number, value in enumerate(own)
            if value is not None
        )
    )
    return (
        scores.with_columns(score=pl.col("museval_sdr")),
        pl.DataFrame(pl.from_arrow(tables.to_table("tracks", songs))),
    )


def test_a_model_with_few_tracks_does_not_cost_the_others_theirs():
    scores, songs = frames_of({"a": [1, 2, 3, 4], "b": [2, 3, 4, 5], "few": [9, None, None, None]})
    models = ["a", "b", "few"]
    kept, notes = comparable(scores, None, models)
    assert set(kept["model"]) == {"a", "b"}
    assert "1 model has" in notes[0] and "few; min_tracks=1" in notes[0]
    assert limits(kept, songs, models) == []
    everyone, none_left = comparable(scores, 1, models)
    assert none_left == [] and set(everyone["model"]) == set(models)
    assert "3 of 4 tracks lack" in limits(everyone, songs, models)[0]


def test_what_cannot_be_compared_is_said():
    inf = float("inf")
    scores, songs = frames_of({"a": [1.0, 2.0], "perfect": [inf, inf]})
    kept, notes = comparable(scores, 1, ["a", "perfect"])
    assert set(kept["model"]) == {"a", "perfect"} and not notes  # ranked first, and asked about
    scores, songs = frames_of({"a": [1.0, 2.0], "odd": [inf, -inf]})
    kept, notes = comparable(scores, 1, ["a", "odd"])
    assert set(kept["model"]) == {"a"} and notes[0].endswith("no rank: odd.")
    assert "only model" in limits(kept, songs, ["a", "perfect"])[0]
    scores, songs = frames_of({"a": [1.0], "b": [2.0]})
    assert "1 matched track of one artist" in limits(scores, songs, ["a", "b"])[0]
    scores, songs = frames_of({"a": [1.0, None], "b": [None, 2.0]})
    assert "no track has a finite score of all 2" in limits(scores, songs, ["a", "b"])[0]
    scores = scores.with_columns(pl.lit(None, pl.Float64).alias("score"))
    assert "nothing to rank" in limits(scores, songs, ["a", "b"])[0]


def test_what_is_not_told_is_null_and_the_cost_is_of_the_device_that_measured_it():
    track = TrackScores("a", "A - B", "f", "test", vocals(1.0), {"Odd": "f: unknown."})
    timed = TrackScores("b", "A - B", "g", "test", vocals(2.0), seconds_per_minute=30.0)
    scores = score_frame(Published([track, timed], [], SECOND, "m3"), "songs").sort("model", "stem")
    assert scores.columns == tables.schema_of("scores").names
    assert scores["stem"].to_list() == ["odd", "vocals", "vocals"]
    assert scores["status"].to_list() == ["failed", "ok", "ok"]
    assert scores["realtime_factor"].to_list() == [None, None, 2.0]
    assert scores["device"].to_list() == [None, None, "m3"]
    assert scores["snr"].null_count() == 3


def test_nothing_imported_is_an_empty_table():
    songs, scores = merge([], None, [], None)
    assert songs == [] and scores.columns == tables.schema_of("scores").names and scores.is_empty()
