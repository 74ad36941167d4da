"""museval against plain arithmetic: its SDR needs no filter (only ISR, SIR and SAR do)."""

import importlib.util

import numpy as np
import pytest

from stemwise.core.errors import MissingDependencyError
from stemwise.measurement.bsseval.museval_engine import load_metrics, museval_scores
from stemwise.measurement.bsseval.scores import METRICS

RATE = 44_100


def framewise(reference, estimate):
    """Return plain energy ratios of whole seconds in dB."""
    values = []
    for start in range(0, reference.shape[1] - RATE + 1, RATE):
        x, y = (s[:, start : start + RATE].astype(np.float64) for s in (reference, estimate))
        values.append(10 * np.log10((x**2).sum() / ((x - y) ** 2).sum()))
    return values


@pytest.fixture
def pair(noise):
    """Return references, estimates and mixture of two stems, 3.4 s, with a different error a frame."""
    samples = int(3.4 * RATE)
    true = {"vocals": noise(samples), "drums": noise(samples, seed=1)}
    ramp = np.linspace(0.02, 0.3, samples, dtype=np.float32)
    found = {"vocals": true["vocals"] + ramp * true["drums"], "drums": 0.9 * true["drums"]}
    return true, found, true["vocals"] + true["drums"]


def test_sdr_is_the_median_of_plain_ratios_over_whole_seconds(pair):
    true, found, mixture = pair
    scores = museval_scores(true, found, mixture)
    assert set(scores) == set(true)
    for stem, values in scores.items():
        assert set(values) == set(METRICS)
        frames = framewise(true[stem], found[stem])
        assert len(frames) == 3
        assert values["museval_sdr"] == pytest.approx(np.median(frames), abs=1e-6)
    # interference from drums in vocals, and nothing else wrong with them
    assert abs(scores["vocals"]["museval_sir"] - scores["vocals"]["museval_sdr"]) < 2
    assert scores["vocals"]["museval_sar"] > scores["vocals"]["museval_sir"] + 5
    assert scores["drums"]["museval_isr"] == pytest.approx(20, abs=0.5)


def test_frames_in_which_any_source_is_silent_count_for_none(pair):
    true, found, mixture = pair
    true["drums"][:, :RATE] = 0
    frames = framewise(true["vocals"], found["vocals"])
    scores = museval_scores(true, found, mixture)
    expected = np.median(frames[1:])
    assert scores["vocals"]["museval_sdr"] == pytest.approx(expected, abs=1e-6)
    assert abs(expected - np.median(frames)) > 0.5


def test_a_single_stem_is_scored_beside_its_complement(pair):
    true, found, mixture = pair
    scores = museval_scores({"vocals": true["vocals"]}, {"vocals": found["vocals"]}, mixture)
    assert set(scores) == {"vocals"}
    both = museval_scores(
        true, {"vocals": found["vocals"], "drums": mixture - found["vocals"]}, mixture
    )
    for metric in METRICS:
        assert scores["vocals"][metric] == pytest.approx(both["vocals"][metric], abs=1e-3)


def test_where_a_single_estimate_is_the_whole_mixture_its_complement_is_silent(pair):
    true, found, mixture = pair
    found["vocals"][:, :RATE] = mixture[:, :RATE]
    scores = museval_scores({"vocals": true["vocals"]}, {"vocals": found["vocals"]}, mixture)
    expected = np.median(framewise(true["vocals"], found["vocals"])[1:])
    assert scores["vocals"]["museval_sdr"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("case", ["reference", "estimate", "complement", "antiphase"])
def test_a_source_that_is_silent_throughout_leaves_all_undefined(pair, case):
    true, found, mixture = pair
    if case == "reference":
        true["drums"] = 0 * mixture
    elif case == "estimate":
        found["drums"] = 0 * mixture
    elif case == "antiphase":
        true["drums"] = np.stack([mixture[0], -mixture[0]])
    else:
        true, found = ({"vocals": s["vocals"]} for s in (true, found))
        mixture = true["vocals"]
    scores = museval_scores(true, found, mixture)
    assert scores == {stem: dict.fromkeys(METRICS) for stem in true}


def test_a_missing_package_is_named(monkeypatch, pair):
    load_metrics.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"stemwise\[museval\]"):
        museval_scores(*pair)
    load_metrics.cache_clear()


def test_no_ffmpeg_is_needed(monkeypatch, pair):
    """Importing the package itself fails without one."""
    load_metrics.cache_clear()
    monkeypatch.setenv("PATH", "")
    assert museval_scores(*pair)["vocals"]["museval_sdr"] is not None
