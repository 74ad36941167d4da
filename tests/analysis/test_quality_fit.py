"""Fitting predictions of SNR: what is recovered, what is withheld, and how often intervals hold."""

from dataclasses import replace

import numpy as np
import pytest

from stemwise.analysis import quality_fit
from stemwise.analysis.quality_fit import Candidate, Ranks, fit_quality, ridge
from stemwise.separation.quality import AGREEMENT, LEAKAGE, LEVEL, predict


def songs(random, artists=12, per_artist=2, r=0.95, of_level=0.0):
    """Features, SNR and artists; the leakage explains R² of the SNR, or the level does."""
    count = artists * per_artist
    level, leakage, agreement, noise = random.normal(size=(4, count))
    signal = np.sqrt(of_level) * level - np.sqrt(1 - of_level) * leakage
    snr = 5 + 3 * (r * signal + np.sqrt(1 - r**2) * noise)
    names = [f"artist {n // per_artist}" for n in range(count)]
    return {LEVEL: level, LEAKAGE: leakage, AGREEMENT: agreement}, snr, names


def test_a_line_is_found_up_to_its_shrinkage():
    x = np.random.default_rng(0).normal(size=(5000, 2))
    slopes, intercept = ridge(x, 3 + x @ [2.0, -1.0])
    assert slopes == pytest.approx([2.0, -1.0], rel=1e-3)
    assert intercept == pytest.approx(3, abs=1e-2)


def test_a_constant_feature_has_no_slope():
    x = np.stack([np.full(50, -13.7), np.linspace(0, 1, 50)], axis=1)
    slopes, _ = ridge(x, x[:, 1])
    assert slopes[0] == 0


def test_what_the_leakage_says_is_used_and_the_level_stands_beside_it():
    fit = fit_quality(*songs(np.random.default_rng(0)))
    assert fit.quality is not None and fit.why is None
    assert fit.quality.features == (LEVEL, LEAKAGE, AGREEMENT)
    assert fit.quality.rank_correlation > 0.8 > 0.5 > fit.quality.rank_correlation_of_level
    assert fit.quality.tracks == 24 and fit.quality.artists == 12


def test_where_all_is_in_the_level_the_level_alone_is_used():
    fit = fit_quality(*songs(np.random.default_rng(1), of_level=1.0))
    assert fit.quality is not None and fit.quality.features == (LEVEL,)
    assert fit.quality.rank_correlation == fit.quality.rank_correlation_of_level
    assert "level alone" in fit.why


def test_nothing_is_shown_of_noise_or_of_too_few_artists():
    noise = fit_quality(*songs(np.random.default_rng(0), r=0.0))
    assert noise.quality is None and "do not rank" in noise.why and noise.every is not None
    few = fit_quality(*songs(np.random.default_rng(0), artists=5, per_artist=9))
    assert few.quality is None and few.why == "too few artists: 5 of at least 6"


def test_ranks_alone_do_not_help_where_the_mean_is_closer():
    """As of drums on 31 real songs: rank correlation 0.40 (0.04 … 0.68), 2.4 dB off, the mean 2.2."""
    ranked = Candidate((LEVEL,), np.zeros(9), Ranks(0.4, 0.04, 0.68), 2.0, 2.2, 4.0, 0.9)
    off = replace(ranked, sigma=2.4)
    assert ranked.established and not off.established
    names = [str(n) for n in range(9)]
    assert quality_fit._choose(off, ranked, np.zeros(9), names)[0] is ranked
    chosen, why = quality_fit._choose(off, off, np.zeros(9), names)
    assert chosen is None and "no closer than the mean" in why


def test_equal_snrs_are_not_ranked():
    columns, snr, names = songs(np.random.default_rng(0))
    fit = fit_quality(columns, np.zeros_like(snr), names)
    assert fit.quality is None and fit.every.ranks is None


def test_tracks_without_a_finite_number_are_left_out():
    columns, snr, names = songs(np.random.default_rng(0))
    snr[3], columns[LEVEL][5] = np.inf, np.nan
    fit = fit_quality(columns, snr, names)
    assert len(fit.used) == 22 and not {3, 5} & set(fit.used)


def test_held_out_predictions_do_not_see_their_artist():
    columns, snr, names = songs(np.random.default_rng(0))
    before = fit_quality(columns, snr, names).every.predicted
    snr[:2] += 40  # both songs of the first artist
    after = fit_quality(columns, snr, names).every.predicted
    assert after[:2] == pytest.approx(before[:2]) and not np.allclose(after[2:], before[2:])


def test_simulated_size_power_and_coverage(monkeypatch):
    """The long one is benchmarks/quality_simulation.py."""
    monkeypatch.setattr(quality_fit, "_coverage", lambda *_: None)  # most of the time
    random = np.random.default_rng(0)
    shown = [fit_quality(*songs(random, 8, 1, 0.0)).quality is not None for _ in range(15)]
    assert sum(shown) <= 2
    found, inside = 0, []
    for _ in range(16):
        quality = fit_quality(*songs(random, 12, 1, 0.9)).quality
        found += quality is not None
        if quality:
            columns, snr, _ = songs(random, 20, 1, 0.9)
            for song, true in enumerate(snr):
                told = predict(quality, {name: v[song] for name, v in columns.items()})
                inside += [] if told is None else [told[1] <= true <= told[2]]
    assert found >= 10
    assert 0.85 <= np.mean(inside) <= 0.985
