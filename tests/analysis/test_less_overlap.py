"""What less overlap costs, against numbers worked out by hand."""

from __future__ import annotations

import polars as pl
import pytest
from scipy import stats

from stemwise.analysis.less_overlap import Twins, less_overlap
from stemwise.report.less_overlap import less_overlap_table
from stemwise.storage import tables

ARTISTS = ("a", "b", "c")
DIFFERENCES = (-0.1, -0.3, -0.2)  # fast minus reference


def row(track, model, score, wall_s, **more):
    return {
        "dataset": "d",
        "track_id": track,
        "model": model,
        "parent": "mixture",
        "parent_source": "mixture",
        "stem": "vocals",
        "score": score,
        "snr": None if score is None else 2 * score,
        "wall_s": wall_s,
        "device": "cpu",
        "status": "ok",
        **more,
    }


def planted(*more):
    rows = []
    for number, difference in enumerate(DIFFERENCES):
        rows.append(row(f"t{number}", "m", 5.0 + number, 3.0 + number))
        rows.append(row(f"t{number}", "m-fast", 5.0 + number + difference, 1.0 + number / 2))
    songs = [
        {
            "dataset": "d",
            "track_id": f"t{n}",
            "artist": artist,
            "title": f"t{n}",
            "duration_s": 2.0 * n + 2,
        }
        for n, artist in enumerate(ARTISTS)
    ]
    return tables.framed("scores", [*rows, *more]), tables.framed("tracks", songs)


def price(*more, heard=None):
    return less_overlap(*planted(*more), [Twins("m", "m-fast", heard)])


def test_the_price_is_the_mean_difference_with_its_interval_over_artists():
    (found,) = price()
    assert (found["model"], found["fast_model"], found["stem"]) == ("m", "m-fast", "vocals")
    assert (found["tracks"], found["artists"]) == (3, 3)
    assert found["score"] == pytest.approx(-0.2)
    # the t-test on three artists: s = 0.1, t(0.975, 2) = 4.303
    half = stats.t.isf(0.025, 2) * 0.1 / 3**0.5
    assert found["score_low"] == pytest.approx(-0.2 - half)
    assert found["score_high"] == pytest.approx(-0.2 + half)
    assert (found["snr"], found["snr_low"]) == (pytest.approx(-0.4), pytest.approx(-0.4 - 2 * half))
    assert found["time_ratio"] == pytest.approx(4 / 1.5)  # of 3, 2.67 and 2.5
    assert "heard_fast" not in found


def test_tracks_without_both_scores_and_times_of_other_devices_do_not_count():
    extra = [
        row("t3", "m", 9.0, 1.0),
        row("t3", "m-fast", None, 1.0, status="failed"),
        row("t0", "other", 50.0, 1.0),
    ]
    (found,) = price(*extra)
    assert (found["tracks"], found["score"]) == (3, pytest.approx(-0.2))
    scores, tracks = planted()
    moved = scores.with_columns(
        pl.when(pl.col("model") == "m").then(pl.lit("cuda")).otherwise("device").alias("device")
    )
    (found,) = less_overlap(moved, tracks, [Twins("m", "m-fast")])
    assert found["time_ratio"] is None


def test_what_is_heard_is_counted_over_all_samples_of_the_tracks():
    # tracks of 2, 4 and 6 s: 12 s are heard three times, and once with 1 s more per track
    (found,) = price(heard=(lambda n: 3 * n, lambda n: n + 44_100))
    assert found["heard_reference"] == pytest.approx(3)
    assert found["heard_fast"] == pytest.approx(15 / 12)
    table = less_overlap_table(tables.framed("less_overlap", [found]))
    (line,) = table.rows
    assert line[:2] == ("m", "vocals") and line[2] == "−0.200"
    assert line[6:] == ("2.67×", "3.00 → 1.25", "3")


def test_one_artist_has_no_interval_and_one_name_no_price():
    scores, tracks = planted()
    alone = tracks.with_columns(pl.lit("a").alias("artist"))
    (found,) = less_overlap(scores, alone, [Twins("m", "m-fast")])
    assert found["score_low"] is None and found["score"] == pytest.approx(-0.2)
    assert less_overlap(scores, tracks, [Twins("m", "absent")]) == []
