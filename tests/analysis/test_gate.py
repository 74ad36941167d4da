"""What a gate compares: which model, which songs, and what is said where there is nothing to compare."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from stemwise.analysis.gate import Gate, Side, check, worst
from stemwise.analysis.noninferiority import FAILED, PASSED, UNDECIDED
from stemwise.core.errors import ConfigError

from ..tables_of import frame

SONGS = 12
WHOLE = ("mixture", "mixture")


def row(song, model, stem, score, parent=WHOLE, status="ok", **more):
    return {
        "dataset": "demo",
        "track_id": f"song-{song:02}",
        "model": model,
        "parent": parent[0],
        "parent_source": parent[1],
        "stem": stem,
        "status": status,
        "score": score,
    } | more


def side(name, values, ranks=(), songs=SONGS):
    """Make a side of `{(model, stem, *parent): [score per song]}`."""
    rows = [
        item if isinstance(item, dict) else row(song, key[0], key[1], item, key[2:] or WHOLE)
        for key, scores in values.items()
        for song, item in enumerate(scores)
        if item is not None
    ]
    tracks = [
        {"dataset": "demo", "track_id": f"song-{n:02}", "artist": f"artist {n // 2}"}
        for n in range(songs)
    ]
    board = [
        {
            "parent": "mixture",
            "parent_source": "mixture",
            "stem": stem,
            "model": model,
            "rank": place,
        }
        for stem, model, place in ranks
    ]
    made = (frame("scores", rows), frame("tracks", tracks), frame("leaderboard", board))
    return Side(name, *made)


def scores(mean, seed=0):
    return list(np.random.default_rng(seed).normal(mean, 0.05, SONGS))


OLD = side("old", {("recipe:deployable", "vocals"): scores(6.0), ("m", "vocals"): scores(5.0)})


def only(new, old=OLD, **asked):
    (found,) = check(new, old, Gate(**asked))
    return found


@pytest.mark.parametrize(
    ("mean", "outcome"), [(6.0, PASSED), (5.98, PASSED), (7.0, PASSED), (5.5, FAILED)]
)
def test_what_would_be_deployed_is_compared(mean, outcome):
    new = side(
        "new", {("recipe:deployable", "vocals"): scores(mean, 1), ("m", "vocals"): scores(9)}
    )
    found = only(new)
    assert (found.outcome, found.model) == (outcome, "recipe:deployable")
    assert (found.comparison.tracks, found.comparison.artists) == (12, 6)
    assert worst([found]) == outcome


def test_without_a_recipe_the_best_model_is_deployed_and_a_name_chooses_another():
    values = {("a", "vocals"): scores(5.0, 2), ("b", "vocals"): scores(6.0, 3)}
    new = side("new", values, [("vocals", "b", 1), ("vocals", "a", 2)])
    assert only(new).model == "b" and only(new).outcome == PASSED
    assert only(new, model="a").outcome == FAILED
    assert only(new, model="a", baseline_model="m").outcome == PASSED
    with pytest.raises(ConfigError, match=r"new has no scores of 'c': it has a, b"):
        only(new, model="c")


def test_all_stems_must_pass_each_with_its_margin():
    old = side("old", {("m", stem): scores(6.0) for stem in ("vocals", "drums", "bass")})
    new = side(
        "new",
        {("m", "vocals"): scores(5.7), ("m", "drums"): scores(6.0), ("m", "bass"): scores(6.0)},
    )
    asked = {"model": "m", "baseline_model": "m"}
    found = check(new, old, Gate(margin={"vocals": 0.5}, **asked))
    assert [(one.label, one.margin) for one in found] == [
        ("bass", 0.1),
        ("drums", 0.1),
        ("vocals", 0.5),
    ]
    assert worst(found) == PASSED
    assert worst(check(new, old, Gate(margin={"drums": 0.5, "default": 0.2}, **asked))) == FAILED
    assert worst(check(new, old, Gate(stems=("drums", "bass"), **asked))) == PASSED
    with pytest.raises(ConfigError, match=r"margin.vocls: the baseline has no 'vocls': did you"):
        check(new, old, Gate(margin={"vocls": 0.5}, **asked))


def test_a_song_that_only_the_baseline_separates_fails_the_stem():
    values = scores(9.0)
    values[3] = row(3, "recipe:deployable", "vocals", None, status="failed")
    values[5] = None
    new = side("new", {("recipe:deployable", "vocals"): values})
    found = only(new)
    assert found.outcome == FAILED and found.comparison.outcome == PASSED
    assert found.lost == ("demo/song-03", "demo/song-05") and "2 songs" in found.reason
    assert only(new, max_lost=2).outcome == PASSED


def test_songs_of_one_run_only_are_counted_and_infinitely_good_ones_are_not_lost():
    values = scores(6.0)
    values[0] = float("inf")
    new = side("new", {("recipe:deployable", "vocals"): values[:9]}, songs=9)
    found = only(new)
    assert (found.comparison.tracks, found.lost, found.unmatched) == (8, (), 4)


def test_nothing_to_compare_is_told_and_undecided():
    nothing = side("new", {("m", "drums"): scores(6.0)}, [("drums", "m", 1)])
    found = only(nothing)
    assert (found.outcome, found.model) == (UNDECIDED, None)
    assert found.reason == "new has no vocals: stems= leaves it out."
    key = ("recipe:deployable", "vocals")
    perfect = side("new", {key: [float("inf")] * SONGS})
    assert "infinite" in only(perfect).reason
    elsewhere = side("new", {key: [row(50, *key, 6.0)]}, songs=0)
    assert only(elsewhere).reason == "Nothing to compare: no song has a finite score in both."
    assert worst([]) == UNDECIDED
    alone = side("new", {key: scores(6.0)})
    alone = Side(
        "new", alone.scores, alone.tracks.with_columns(artist=pl.lit("x")), alone.leaderboard
    )
    assert "one artist" in only(alone).reason


def test_below_a_parent_only_what_is_served_is_compared():
    parts = {
        ("recipe:deployable", "kick", "drums", "estimate"): scores(6.0),
        ("recipe:deployable", "kick", "drums", "reference"): scores(6.0),
    }
    (found,) = check(side("new", parts), side("old", parts), Gate())
    assert (found.label, found.stem[1]) == ("drums/kick", "estimate")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"column": "snrr"}, "score=snrr is no score: did you mean snr"),
        ({"column": "si_sdr"}, "si_sdr was not measured in old"),
        ({"alpha": 0.5}, "alpha=0.5 is not usable"),
        ({"margin": -0.1}, "margin=-0.1 is not usable"),
        ({"margin": {"vocals": -1.0}}, "margin.vocals=-1.0 is not usable"),
        ({"max_lost": -1}, "max_lost=-1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(asked, told):
    with pytest.raises(ConfigError, match=told):
        only(OLD, **asked)
