"""From the tables of a run to predictions of SNR: features and SNR of held-out blends."""

import numpy as np
import pytest

from stemwise.analysis.regret import Ledger
from stemwise.decision.gathering import Gathered
from stemwise.decision.quality import StemQuality
from stemwise.measurement.gram import pack
from stemwise.selection.form_table import stack
from stemwise.separation.quality import features
from stemwise.storage.tables import ANALYSIS

from ..tables_of import frame

STEM = ("mixture", "mixture", "vocals")
PLACE = dict(zip(("parent", "parent_source", "stem"), STEM, strict=True))
SONGS = 16


@pytest.fixture
def songs():
    """Reference, mixture and two models per song; loud songs are separated better."""
    random = np.random.default_rng(0)
    level = np.linspace(0.2, 2, SONGS)
    x, rest, one, two = random.normal(size=(4, SONGS, 500))
    x *= level[:, None]
    made = [x + 0.3 * rest + 0.3 * noise for noise in (one, two)]
    return x, x + rest, *made


def rows_of(songs):
    x, *signals = songs
    for song in range(SONGS):
        own = np.array([signal[song] for signal in signals])
        square = pack(own @ own.T).tolist()
        yield PLACE | {
            "dataset": "d",
            "track_id": f"t{song:02}",
            "models": ["mixture", "a", "b"],
            "references": ["vocals"],
            "energy": float(x[song] @ x[song]),
            "cross": (own @ x[song]).tolist(),
            **dict.fromkeys(("gram", "projection", "overlap", "span"), square),
        }


def quality_of(songs, weights, artists=8, lost=(), chosen=None):
    forms = frame("forms", rows_of(songs))
    own = stack("vocals", ["b", "a"], forms)
    kept = own.at([n for n in range(SONGS) if n not in lost])
    labels = tuple(f"artist {n % artists}" for n in range(SONGS) if n not in lost)
    found = Gathered(STEM, kept, labels, frozenset(), 0)
    of_track = weights[[n for n in range(SONGS) if n not in lost]]
    used = {m: 1.0 for m, column in zip(("b", "a"), weights.T, strict=True) if column.any()}
    chosen = chosen or used
    made = Ledger([], chosen, None, (0, None, None), (0, None, None), np.zeros(1), 0.0, of_track)
    return StemQuality(found, made, forms, 0)


def test_snr_and_features_are_those_of_the_held_out_blend(songs):
    weights = np.random.default_rng(1).uniform(0.3, 0.7, (SONGS, 2))
    made = quality_of(songs, weights, lost=(3,))
    rows = made.predictions()
    assert [row["track_id"] for row in rows] == [f"t{n:02}" for n in range(SONGS) if n != 3]
    x, mixture, a, b = (signal[5] for signal in songs)
    blend = weights[5] @ np.array([b, a])
    found = next(row for row in rows if row["track_id"] == "t05")
    assert found["snr"] == pytest.approx(10 * np.log10(x @ x / ((x - blend) @ (x - blend))))
    signals = np.array([mixture, blend, b, a])
    told = features(signals @ signals.T, weights[5])
    assert set(made.fit.every.names) == set(told)
    assert found["low"] < found["predicted"] < found["high"]


def test_a_row_says_how_well_and_that_it_is_shown(songs):
    row = quality_of(songs, np.full((SONGS, 2), 0.5)).row()
    assert set(row) == set(ANALYSIS["quality"].names)
    assert row["shipped"] and row["rank_correlation"] > 0.8
    assert (row["tracks"], row["artists"]) == (SONGS, 8)
    assert row["error"] < row["snr_spread"]
    assert row["low"] < row["rank_correlation"] < row["high"]


def test_of_a_single_model_there_is_no_agreement(songs):
    weights = np.tile([0.0, 1.0], (SONGS, 1))
    made = quality_of(songs, weights)
    assert "agreement" not in made.fit.every.names


def test_with_few_artists_the_row_says_so(songs):
    made = quality_of(songs, np.full((SONGS, 2), 0.5), artists=3)
    row = made.row()
    assert not row["shipped"] and "too few artists: 3" in row["why"]
    assert made.predictions() == [] and "rank_correlation" not in row


def test_a_model_that_only_held_out_weights_need_is_no_feature_but_part_of_the_blend(songs):
    weights = np.full((SONGS, 2), 0.5)
    made = quality_of(songs, weights, chosen={"a": 1.0})
    assert "agreement" not in made.fit.every.names
    assert np.allclose(made.fit.snr, quality_of(songs, weights).fit.snr)
