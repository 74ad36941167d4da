"""Features of a stem: closed forms, and what gains and silence do to them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.separation.quality import AGREEMENT, LEAKAGE, LEVEL, features, names


def gram_of(*signals):
    rows = np.array([np.ravel(signal) for signal in signals], dtype=float)
    return rows @ rows.T


def test_level_and_leakage_of_a_mask_on_a_spectrum():
    bins = np.array([4.0, 2.0, 1.0, 3.0])
    mask = np.array([0.9, 0.5, 0.1, 0.3])
    stem = mask * bins
    found = features(gram_of(bins, stem, stem), [1.0])
    assert found[LEVEL] == pytest.approx(10 * np.log10((stem @ stem) / (bins @ bins)))
    # what a Wiener filter expects as its error: Σ M(1 − M)|m|²
    expected = (mask * (1 - mask) * bins**2).sum() / (stem @ stem)
    assert found[LEAKAGE] == pytest.approx(10 * np.log10(expected))
    assert tuple(found) == names(1) == (LEVEL, LEAKAGE)


def test_leakage_is_the_expected_error_of_a_wiener_filter():
    random = np.random.default_rng(0)
    powers = random.gamma(0.5, size=(2, 200_000))
    sources = random.normal(size=powers.shape) * np.sqrt(powers)
    heard = sources.sum(axis=0)
    stem = powers[0] / powers.sum(axis=0) * heard
    error = ((stem - sources[0]) ** 2).sum() / (stem @ stem)
    assert features(gram_of(heard, stem, stem), [1.0])[LEAKAGE] == pytest.approx(
        10 * np.log10(error), abs=0.1
    )


def test_agreement_is_the_spread_of_the_models_around_their_blend():
    one, other = np.array([1.0, 2.0, 0.5]), np.array([1.5, 1.0, 0.0])
    heard, weights = np.array([2.0, 2.0, 2.0]), np.array([0.75, 0.25])
    stem = weights @ [one, other]
    spread = 0.75 * 0.25 * ((one - other) ** 2).sum()  # of two models, known from their difference
    found = features(gram_of(heard, stem, one, other), weights)
    assert found[AGREEMENT] == pytest.approx(10 * np.log10(stem @ stem / spread))
    assert tuple(found) == names(2)


def test_equal_models_agree_up_to_60_db_and_a_copy_of_the_input_leaks_20_db_less():
    heard = np.array([1.0, -1.0, 2.0])
    found = features(gram_of(heard, heard, heard, heard), [0.5, 0.5])
    assert {name: float(v) for name, v in found.items()} == pytest.approx(
        {LEVEL: 0.0, LEAKAGE: -20.0, AGREEMENT: 60.0}
    )


def test_what_is_all_but_silent_is_like_20_db_below():
    heard = np.array([1.0, 2.0, -1.0])
    assert features(gram_of(heard, 1e-4 * heard, heard), [1.0])[LEVEL] == pytest.approx(-20)
    assert features(gram_of(heard, 1e-4 * heard, heard), [1.0])[LEAKAGE] == pytest.approx(20)


@given(st.floats(1e-3, 1e3), st.integers(1, 4), st.integers(0, 1000))
def test_a_gain_of_everything_changes_nothing(gain, models, seed):
    random = np.random.default_rng(seed)
    gram = gram_of(*random.normal(size=(2 + models, 8)))
    shares = random.uniform(0.1, 1, models)
    before, after = features(gram, shares), features(gain**2 * gram, 3 * shares)
    for name in names(models):
        assert after[name] == pytest.approx(before[name], abs=1e-6)


@pytest.mark.parametrize("silent", [0, 1])
def test_silence_has_no_features(silent):
    signals = np.random.default_rng(0).normal(size=(4, 8))
    signals[silent] = 0
    assert all(np.isnan(value) for value in features(gram_of(*signals), [1, 1]).values())


def test_many_songs_at_once():
    random = np.random.default_rng(0)
    grams = np.array([gram_of(*random.normal(size=(4, 8))) for _ in range(3)])
    shares = random.uniform(size=(3, 2))
    together = features(grams, shares)
    for song in range(3):
        alone = features(grams[song], shares[song])
        assert {n: float(v[song]) for n, v in together.items()} == pytest.approx(
            {n: float(v) for n, v in alone.items()}
        )
