"""Who is better: planted differences, planted ties, and matched tracks only."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from stemwise.analysis.comparisons import comparisons, leaderboard, tie_groups
from stemwise.analysis.cross_fit import folds_of
from stemwise.analysis.genre import genre_effects, genre_scores, interaction_p, routing_gain
from stemwise.analysis.matched import Matched, by_stem
from stemwise.analysis.statistics import is_trained_here, seconds_per_minute, statistics
from stemwise.storage.tables import ANALYSIS, to_table

STEM = ("mixture", "mixture", "vocals")


def matched(values, artists=None, genres=None):
    values = np.asarray(values, dtype=float)
    count = values.shape[1]
    return Matched(
        STEM,
        tuple("abcdefghijklmnopqrstuvwxyz"[: len(values)]),
        tuple(("d", f"t{i}") for i in range(count)),
        tuple(artists or (f"artist {i}" for i in range(count))),
        tuple(genres or [None] * count),
        values,
        (),
    )


def planted(seed=0, tracks=60):
    """a and b tie at 10 dB, c is 2 dB worse, all of them harder on the same songs."""
    random = np.random.default_rng(seed)
    song = random.normal(0, 4, tracks)
    return matched([level + song + random.normal(0, 0.5, tracks) for level in (10.0, 10.02, 8.0)])


def test_planted_ties_and_differences_are_recovered():
    found = planted()
    pairs = comparisons(found)
    by_pair = {frozenset((row["model_a"], row["model_b"])): row for row in pairs}
    assert len(pairs) == 3
    assert not by_pair[frozenset("ab")]["told_apart"]
    assert by_pair[frozenset("ac")]["told_apart"] and by_pair[frozenset("bc")]["told_apart"]
    row = by_pair[frozenset("ac")]
    assert row["difference"] == pytest.approx(2, abs=0.3)
    assert row["low"] < 2 < row["high"] and row["high"] - row["low"] < 0.5  # paired: songs cancel
    assert row["win_rate"] > 0.95 and row["tracks_needed"] < 10
    assert by_pair[frozenset("ab")]["tracks_needed"] > 500
    order = sorted("abc", key=lambda m: -found.of(m).mean())
    assert tie_groups(order, pairs) == {order[0]: 1, order[1]: 1, "c": 2}


@pytest.mark.parametrize("tracks", [4, 6, 11, 20, 40])
def test_what_is_needed_never_contradicts_what_was_found(tracks):
    """ "About 3 tracks would be needed" beside 6 that could not tell: seen on one page."""
    random = np.random.default_rng(tracks)
    for _ in range(30):
        levels = random.normal(0, 1, (8, 1))
        found = matched((levels + random.normal(0, 1.5, (8, tracks))).tolist())
        for row in comparisons(found):
            if row["told_apart"] is False and row["tracks_needed"] is not None:
                assert row["tracks_needed"] > tracks


def test_many_models_are_told_apart_and_a_number_of_tracks_is_named():
    """4000 patterns and 325 pairs: Holm's method would leave nothing below 0.081."""
    random = np.random.default_rng(0)
    found = matched((np.arange(26.0)[:, None] + random.normal(0, 1, (26, 14))).tolist())
    rows = comparisons(found)
    assert sum(row["told_apart"] for row in rows) > 250
    assert sum(row["tracks_needed"] is not None for row in rows) > 300
    for row in rows:
        assert row["told_apart"] == (row["low_adjusted"] > 0 or row["high_adjusted"] < 0)
        assert row["low_adjusted"] <= row["low"] and row["high"] <= row["high_adjusted"]


def test_a_model_that_is_perfect_everywhere_leads_and_is_not_compared():
    """It used to leave the ranking, and take all tracks with it."""
    random = np.random.default_rng(0)
    rows = [score(t, "a", v) for t, v in zip("tuvw", random.normal(5, 1, 4), strict=True)]
    rows += [score(t, "b", v) for t, v in zip("tuvw", random.normal(4, 1, 4), strict=True)]
    rows += [score(t, m, np.inf) for t in "tuvw" for m in ("perfect", "copy")]
    rows += [score(t, "nothing", -np.inf) for t in "tuvw"]
    models = ["a", "b", "copy", "nothing", "perfect"]
    (found,) = by_stem(frame(rows), TRACKS, models)
    assert found.models == ("a", "b") and len(found.tracks) == 4 and not found.dropped
    pairs = comparisons(found)
    board = leaderboard(found, pairs, {}, {})
    assert [row["model"] for row in board] == ["copy", "perfect", "a", "b", "nothing"]
    assert [row["mean_score"] for row in board][::4] == [np.inf, -np.inf]
    assert [row["tie_group"] for row in board][:2] == [1, 1] and board[2]["tie_group"] == 2
    assert board[0]["low"] is None and board[0]["tracks"] == 4 and board[0]["artists"] == 3
    between = {(row["model_a"], row["model_b"]): row for row in pairs}
    assert between["perfect", "a"]["difference"] == np.inf
    assert between["perfect", "a"]["p_value"] is None
    assert between["copy", "perfect"]["difference"] == 0.0
    assert between["b", "nothing"]["told_apart"]
    assert len(pairs) == 10  # every pair of five, once


def test_nothing_but_a_perfect_model_is_a_leaderboard_of_one():
    rows = [score(t, "perfect", np.inf) for t in "tuvw"]
    found = statistics(frame(rows), TRACKS, ["perfect"], {})
    (row,) = found["leaderboard"].to_dicts()
    assert (row["rank"], row["mean_score"], row["tie_group"]) == (1, np.inf, 1)


def test_forty_models_on_three_songs_make_no_claims_that_three_songs_cannot_bear():
    random = np.random.default_rng(1)
    found = matched(random.normal(0, 1, (26, 3)).tolist())
    assert not any(row["told_apart"] for row in comparisons(found))


def test_the_first_that_can_be_told_apart_opens_the_next_group():
    """b ties with a and c ties with b, but c can be told from a: c leads its own group."""
    apart = {("a", "b"): False, ("a", "c"): True, ("b", "c"): False}
    pairs = [{"model_a": a, "model_b": b, "told_apart": t} for (a, b), t in apart.items()]
    assert tie_groups("abc", pairs) == {"a": 1, "b": 1, "c": 2}


def test_the_leaderboard_ranks_with_and_without_models_trained_here():
    found = planted()
    rows = leaderboard(found, comparisons(found), {"a": 3.0}, {"a": True})
    by_model = {row["model"]: row for row in rows}
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert by_model["a"]["rank_clean"] is None and by_model["a"]["trained_here"]
    assert (by_model["b"]["rank_clean"], by_model["c"]["rank_clean"]) == (1, 2)
    assert by_model["a"]["seconds_per_minute"] == 3.0
    assert by_model["b"]["seconds_per_minute"] is None
    assert by_model["c"]["low"] < by_model["c"]["mean_score"] < by_model["c"]["high"]


def test_one_model_or_one_track_is_no_comparison():
    alone = matched([[1.0, 2.0]])
    assert comparisons(alone) == []
    assert [row["tie_group"] for row in leaderboard(alone, [], {}, {})] == [1]
    single = matched([[1.0], [2.0]])
    (pair,) = comparisons(single)
    assert (pair["model_a"], pair["difference"]) == ("b", 1.0)
    assert pair["p_value"] is pair["low"] is pair["told_apart"] is pair["tracks_needed"] is None
    assert {row["tie_group"] for row in leaderboard(single, [pair], {}, {})} == {1}


def test_a_planted_genre_effect_is_found_and_routing_by_it_pays():
    """In rap a is 3 dB better, in jazz b is: no mean over all tells, routing gains at least 1.5 dB.

    (More, since the one model for all is chosen where the held-out genre is rarer.)"""
    random = np.random.default_rng(3)
    genres = ["rap", "jazz"] * 30
    sign = np.array([1.5 if genre == "rap" else -1.5 for genre in genres])
    noise = random.normal(0, 0.7, (2, 60))
    found = matched(np.stack([8 + sign, 8 - sign]) + noise, genres=genres)
    assert interaction_p(found) < 0.005
    gain, low, _ = routing_gain(found)
    assert 1.3 < gain < 3 and low > 0.7
    winners = {(row["genre"], row["model"]) for row in genre_scores(found) if row["winner"]}
    assert winners == {("rap", "a"), ("jazz", "b")}


def test_without_a_genre_effect_nothing_is_found_and_routing_does_not_pay():
    random = np.random.default_rng(4)
    alarms, gains = 0, []
    for seed in range(40):
        values = random.normal(0, 1, (3, 48)) + random.normal(0, 3, 48)
        found = matched(values, genres=["rap", "jazz", "pop"] * 16)
        alarms += interaction_p(found, draws=200, seed=seed) < 0.05
        gains.append(routing_gain(found, seed=seed)[0])
    assert alarms <= 6  # 5 % of 40 is 2
    assert np.mean(gains) < 0.05  # choosing on noise never gains on tracks held out


def test_genres_in_columns_equal_plain_loops():
    random = np.random.default_rng(6)
    artists = [f"artist {number}" for number in random.integers(0, 14, 50)]
    style = {artist: str(random.choice(["rap", "jazz", "pop"])) for artist in artists}
    genres = [None if i % 9 == 0 else style[artist] for i, artist in enumerate(artists)]
    found = matched(random.normal(5, 2, (3, 50)), artists=artists, genres=genres)
    gains = np.zeros(50)
    for held in folds_of(artists):
        learned = [i for i in range(50) if i not in held]
        overall = int(np.argmax(found.values[:, learned].mean(axis=1)))
        for track in held:
            same = [i for i in learned if genres[i] == genres[track] is not None]
            values = found.values[:, same if len(same) > 1 else learned].mean(axis=1)
            routed = int(np.argmax(values))
            gains[track] = found.values[routed, track] - found.values[overall, track]
    assert routing_gain(found)[0] == pytest.approx(gains.mean(), rel=0, abs=1e-12)
    pure = [
        a
        for a in sorted(style)
        if None not in {g for g, o in zip(genres, artists, strict=True) if o == a}
    ]
    kept = [i for i, artist in enumerate(artists) if artist in pure]
    values = found.values[:, kept]
    rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    whose = np.array([pure.index(artists[i]) for i in kept])

    def between(code):
        own = code[whose]
        means = [rest[:, own == g].mean(axis=1) for g in np.unique(own)]
        sizes = [(own == g).sum() for g in np.unique(own)]
        return sum(n * (m @ m) for n, m in zip(sizes, means, strict=True))

    shuffle = np.random.default_rng(2)
    code = np.array([sorted({style[a] for a in pure}).index(style[a]) for a in pure])
    larger = sum(between(shuffle.permutation(code)) >= between(code) for _ in range(200))
    assert interaction_p(found, draws=200, seed=2) == pytest.approx((1 + larger) / 201)


def test_songs_of_one_artist_count_once_in_the_genre_test():
    """One artist per genre, with a quirk: as many songs as one likes say nothing about genres."""
    values = np.stack([np.tile([3.0, -3.0], 20), np.zeros(40)])
    values += np.random.default_rng(0).normal(0, 0.1, values.shape)
    found = matched(values, artists=["x", "y"] * 20, genres=["rap", "jazz"] * 20)
    assert interaction_p(found) is None
    assert genre_effects(found)["p_value"] is None


def test_a_genre_with_one_track_has_a_mean_and_no_winner():
    found = matched([[1.0, 2.0, 3.0], [0.0, 1.0, 2.0]], genres=["rap", "rap", "jazz"])
    jazz = [row for row in genre_scores(found) if row["genre"] == "jazz"]
    assert [row["mean_score"] for row in jazz] == [3.0, 2.0]
    assert all(row["low"] is None and not row["winner"] for row in jazz)
    assert sum(row["winner"] for row in genre_scores(found)) == 1


def frame(rows, name="scores"):
    return pl.from_arrow(to_table(name, rows))


def score(track, model, value, status="ok", **more):
    row = {"dataset": "d", "track_id": track, "parent": "mixture", "parent_source": "mixture"}
    return row | {"stem": "vocals", "model": model, "status": status, "score": value} | more


TRACKS = frame(
    [{"dataset": "d", "track_id": t, "artist": a, "genre": "rap"} for t, a in ("tA", "uA", "vB")]
    + [{"dataset": "d", "track_id": "w"}],
    "tracks",
)


def test_models_are_never_ranked_on_different_tracks():
    rows = [score(t, "a", v) for t, v in zip("tuvw", (1.0, 2.0, 3.0, 9.0), strict=True)]
    rows += [score("t", "b", 0.0), score("u", "b", 1.0), score("v", "b", np.inf)]
    rows += [score("w", "b", None, "failed"), score("t", "mixture", -9.0)]
    (found,) = by_stem(frame(rows), TRACKS, ["b", "a"])
    assert found.models == ("b", "a")
    assert [track for _, track in found.tracks] == ["t", "u"]
    assert [track for _, track in found.dropped] == ["v", "w"]
    assert found.artists == ("A", "A") and found.genres == ("rap", "rap")


def test_a_track_of_an_unknown_artist_is_a_cluster_of_its_own():
    (found,) = by_stem(frame([score(t, "a", 1.0) for t in "tuvw"]), TRACKS, ["a"])
    assert found.artists == ("A", "A", "B", "d/w")


def test_all_statistics_of_a_run_fit_their_tables():
    rows = [
        score(t, m, float(i + 3 * (m == "a")), snr=1.0) for i, t in enumerate("tuvw") for m in "ab"
    ]
    found = statistics(frame(rows), TRACKS, ["a", "b"], {"a": ("d",)})
    assert set(found) == {
        "leaderboard",
        "comparisons",
        "genre_scores",
        "genre_effects",
        "anomalies",
    }
    for name, group in found.items():
        assert group.columns == ANALYSIS[name].names
        assert name == "anomalies" or not group.is_empty()
    assert found["leaderboard"]["trained_here"].to_list() == [True, False]


def test_silent_references_and_nothing_at_all_give_empty_tables():
    rows = [score("t", "a", None, "silent_reference")]
    assert all(group.is_empty() for group in statistics(frame(rows), TRACKS, ["a"], {}).values())
    assert all(group.is_empty() for group in statistics(frame([]), TRACKS, ["a"], {}).values())


@pytest.mark.parametrize(
    ("trained_on", "dataset", "split", "expected"),
    [
        (("MUSDB18-HQ", "800 internal songs"), "musdb18hq", "train", True),
        (("MUSDB18-HQ",), "musdb18", "train", True),
        (("MUSDB18-HQ",), "musdb18hq", "test", False),
        (("MUSDB18-HQ",), "moisesdb", None, False),
        (("MoisesDB",), "moisesdb", None, True),
        (("demo generator",), "demo", "test", False),
        (("not published",), "folder", None, False),
        ((), "demo", None, False),
    ],
)
def test_models_that_saw_the_songs_are_flagged(trained_on, dataset, split, expected):
    tracks = frame([{"dataset": dataset, "track_id": "t", "split": split}], "tracks")
    assert is_trained_here(trained_on, tracks) is expected


def test_the_cost_is_seconds_per_minute_of_audio():
    rows = [score("t", "a", 1.0, realtime_factor=30.0), score("u", "a", 1.0, realtime_factor=60.0)]
    assert seconds_per_minute(frame([*rows, score("t", "mixture", 0.0)])) == {"a": 1.5}
