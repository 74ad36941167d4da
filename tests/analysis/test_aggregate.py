import math

import polars as pl
import pytest

from stemwise.analysis.aggregate import matched_means, problem_counts, win_counts
from stemwise.storage.tables import to_table


def frame(name, rows):
    head = {"dataset": "d", "parent": "mixture", "parent_source": "mixture"}
    return pl.from_arrow(to_table(name, [head | row for row in rows]))


def scores(values, *, stem="vocals", **more):
    """Return rows of `scores` from model → track → score (None: failed)."""
    return [
        {
            "track_id": track,
            "model": model,
            "stem": stem,
            "paper_snr": value,
            "paper_sdr": None if value is None else value + 1,
            "score": None if value is None else value + 0.5,
            "status": "failed" if value is None else "ok",
            **more,
        }
        for model, tracks in values.items()
        for track, value in tracks.items()
    ]


def means(rows):
    return {
        (row["stem"], row["model"]): row
        for row in matched_means(frame("scores", rows)).iter_rows(named=True)
    }


def test_models_are_compared_on_the_same_tracks_only():
    """`weak` failed on the hard track, so its mean over its own tracks would rank it first."""
    rows = scores({"good": {"easy": 10.0, "hard": 0.0}, "weak": {"easy": 9.0, "hard": None}})
    unmatched = frame("scores", rows).group_by("model").agg(pl.col("score").mean())
    ranked = dict(unmatched.iter_rows())
    assert ranked["weak"] > ranked["good"]
    found = means(rows)
    good, weak = found["vocals", "good"], found["vocals", "weak"]
    assert (good["score"], weak["score"]) == (10.5, 9.5)
    assert (good["paper_snr"], good["paper_sdr"]) == (10.0, 11.0)
    assert [(row["tracks"], row["dropped"]) for row in (good, weak)] == [(1, 1), (1, 1)]


def test_stems_are_matched_for_themselves():
    rows = scores({"a": {"t": 1.0, "u": 3.0}, "b": {"t": 2.0, "u": None}})
    rows += scores({"a": {"t": 5.0, "u": 7.0}}, stem="drums")  # b has no drums at all
    found = means(rows)
    assert set(found) == {("vocals", "a"), ("vocals", "b"), ("drums", "a")}
    drums = found["drums", "a"]
    assert (drums["paper_snr"], drums["tracks"], drums["dropped"]) == (6.0, 2, 0)
    assert found["vocals", "a"]["paper_snr"] == 1.0


def test_equal_track_names_of_two_datasets_are_two_tracks():
    rows = scores({"a": {"t": 1.0}, "b": {"t": 2.0}})
    rows += scores({"a": {"t": 3.0}, "b": {"t": 6.0}}, dataset="e")
    found = means(rows)
    assert [found["vocals", name]["paper_snr"] for name in "ab"] == [2.0, 4.0]
    assert found["vocals", "a"]["tracks"] == 2


def test_a_silent_estimate_is_no_score():
    rows = scores({"a": {"t": 1.0, "u": 3.0}, "b": {"t": 2.0}})
    rows += scores({"b": {"u": 0.0}}, status="silent_estimate")
    assert means(rows)["vocals", "a"]["tracks"] == 1


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_score_makes_no_infinite_mean(value):
    found = means(scores({"a": {"t": 1.0, "u": value}, "b": {"t": 2.0, "u": 3.0}}))
    assert [found["vocals", name]["paper_snr"] for name in "ab"] == [1.0, 2.0]
    assert [found["vocals", "b"][name] for name in ("tracks", "dropped")] == [1, 1]


def test_no_common_track_gives_no_mean_but_still_a_row():
    found = means(scores({"a": {"t": 1.0}, "b": {"u": 2.0}}))
    for name in "ab":
        row = found["vocals", name]
        assert (row["paper_snr"], row["tracks"], row["dropped"]) == (None, 0, 2)


def test_no_rows():
    assert matched_means(frame("scores", [])).is_empty()
    assert win_counts(frame("selections", [])).is_empty()
    assert problem_counts(frame("scores", [])).is_empty()


def test_wins_per_stem_and_model():
    def won(track, stem, model, probability, margin):
        return {
            "track_id": track,
            "stem": stem,
            "model": model,
            "win_probability": probability,
            "margin": margin,
            "runner_up": None if margin is None else "c",
        }

    rows = [
        won("t", "vocals", "a", 1.0, 1.0),
        won("u", "vocals", "b", 0.5, 4.0),
        won("v", "vocals", "b", 0.7, 2.0),
        won("w", "vocals", "b", None, None),
        won("x", "vocals", "b", 0.6, 12.0),
        won("t", "drums", "a", None, None),
    ]
    found = win_counts(frame("selections", rows)).to_dicts()
    # within a stem the one with most wins comes first
    assert [(row["stem"], row["model"]) for row in found] == [
        ("drums", "a"),
        ("vocals", "b"),
        ("vocals", "a"),
    ]
    drums, b, a = found
    assert (b["wins"], b["tracks"], b["share"]) == (4, 5, 0.8)
    assert b["win_probability"] == pytest.approx(0.6)
    assert b["median_margin"] == 4.0
    assert (a["wins"], a["share"]) == (1, 0.2)
    assert drums["win_probability"] is None
    assert drums["median_margin"] is None


def test_problems_are_counted_by_status():
    def problem(track, model, status, stem="vocals"):
        return {"track_id": track, "model": model, "status": status, "stem": stem}

    rows = [
        problem("t", "a", "failed"),
        problem("t", "a", "failed", "drums"),
        problem("u", "b", "failed"),
        problem("u", "a", "silent_reference"),
        problem("u", "oracle", "failed"),
        problem("u", "a", "ok", "bass"),
    ]
    found = problem_counts(frame("scores", rows)).rows()
    assert found == [("failed", 3, 2, 2), ("silent_reference", 1, 1, 1)]


@pytest.mark.parametrize("line", ["mixture", "oracle_irm", "oracle"])
def test_lines_of_reference_have_no_veto(line):
    """Where the input is the stem its score is infinite: that loses no track for the models."""
    rows = scores({"a": {"t": 1.0, "u": 3.0, "v": 5.0}, line: {"t": -2.0, "u": math.inf}})
    found = means(rows)
    own, floor = found["vocals", "a"], found["vocals", line]
    assert (own["paper_snr"], own["tracks"], own["dropped"]) == (3.0, 3, 0)
    assert (floor["paper_snr"], floor["tracks"]) == (-2.0, 1)


def test_a_line_counts_only_where_the_models_are_matched():
    rows = scores({"a": {"t": 1.0, "u": 3.0}, "b": {"t": 1.0, "u": None}})
    found = means(rows + scores({"mixture": {"t": -1.0, "u": -3.0}}))
    assert found["vocals", "mixture"]["paper_snr"] == -1.0


def test_a_track_on_which_every_model_failed_is_counted_as_dropped():
    rows = scores({"a": {"t": 1.0, "u": None}, "mixture": {"t": -1.0, "u": -3.0}})
    assert means(rows)["vocals", "a"]["dropped"] == 1


def test_lines_alone_are_compared_with_each_other():
    found = means(scores({"mixture": {"t": -1.0, "u": -3.0}, "oracle_irm": {"t": 5.0}}))
    assert (found["vocals", "mixture"]["paper_snr"], found["vocals", "mixture"]["tracks"]) == (
        -1.0,
        1,
    )


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_a_model_of_infinite_scores_only_costs_nobody_a_track(value):
    given = {"good": {"t": 1.0, "u": 3.0}, "key": {"t": value, "u": value}}
    found = means(scores(given))
    good, key = found["vocals", "good"], found["vocals", "key"]
    assert (good["score"], good["tracks"], good["dropped"]) == (2.5, 2, 0)
    assert (key["score"], key["tracks"]) == (value, 2)
