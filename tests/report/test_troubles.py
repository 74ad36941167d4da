"""Failures and problems as tables, and facts as one line."""

import polars as pl

from stemwise.report.troubles import facts, failures, problems


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


def test_what_is_no_problem_is_counted_in_a_line():
    told = [
        "vocals/a.wav is mono: doubled.",
        "vocals/b.wav is mono: doubled.",
        "drums/c.wav has 48000 Hz: resampled to 44100 Hz.",
        "bass is 441 samples (0.010 s) shorter than the mixture: padded at its end.",
        "bass is 44100 samples (1.000 s) shorter than the longest stem: padded.",
        "drums/d.wav is left out of its stem and of the mixture: cut",
    ]
    tracks = pl.DataFrame({"track_id": ["t", "u"], "problems": [told, told[:1]]})
    assert [text for _, text in problems(tracks).rows] == told[4:]
    assert facts(tracks) == (
        "Files converted on reading: 3 mono, doubled to stereo (2 tracks); "
        "1 resampled to 44100 Hz (1 track); 1 padded or trimmed by less than 0.1 s (1 track)."
    )
    assert facts(tracks.with_columns(problems=pl.lit([told[4]]))) == ""
