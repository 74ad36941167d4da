"""Failures and problems as tables."""

import polars as pl

from stemwise.report.troubles import failures, problems


def test_failures_are_grouped_by_track_and_reason():
    rows = [
        ("t", "mixture", "vocals", "failed", "x.wav is cut"),
        ("t", "a", "vocals", "failed", "x.wav is cut"),
        ("t", "a", "drums", "failed", "x.wav is cut"),
        ("t", "b", "drums", "failed", "out of memory"),
        ("u", "a", "drums", "ok", None),
        ("u", "a", "bass", "missing_reference", None),
    ]
    scores = pl.DataFrame(rows, ["track_id", "model", "stem", "status", "error"], orient="row")
    assert failures(scores).rows == (
        ("t", "mixture, a", "vocals, drums", "x.wav is cut"),
        ("t", "b", "drums", "out of memory"),
    )
    assert failures(scores.filter(pl.col("status") == "ok")).rows == ()


def test_every_problem_has_a_row():
    tracks = pl.DataFrame({"track_id": ["t", "u", "v"], "problems": [["mono", "late"], [], ["x"]]})
    assert problems(tracks).rows == (("t", "mono"), ("t", "late"), ("v", "x"))
