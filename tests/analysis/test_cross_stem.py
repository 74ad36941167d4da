"""Weights over all stems: bleed is found, and nothing is found where there is nothing.

`benchmarks/cross_stem.py` does the same at all sizes.
"""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.analysis.cross_fit import cross_fit, folds_of
from stemwise.analysis.cross_stem import CrossStemRule
from stemwise.analysis.stem_fit import certain
from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import simplex

from ..selection.planted import forms_of

OWN = ("a/drums", "b/drums")
NAMES = (*OWN, *(f"a/other{number}" for number in range(8)), "silence")


def songs(artists, bleed, seed):
    """Return one song per artist: other stems correlate with the error by chance, one by `bleed` too."""
    random = np.random.default_rng(seed)
    x = np.zeros((artists, 20))
    x[:, :2] = (0.4, 1.0)  # the first coordinate is what the models lack
    signals = np.zeros((artists, len(NAMES), 20))
    signals[:, :2, 1] = 1.0
    signals[:, 0, 2] = signals[:, 1, 3] = 0.1
    x += signals[:, :2].mean(axis=1) * [[0, 0, *[1] * 18]]
    share = 0.05 * random.normal(size=(artists, 8))
    share[:, 3] += bleed
    rest = random.normal(size=(artists, 8, 18))
    rest /= np.linalg.norm(rest, axis=-1, keepdims=True)
    signals[:, 2:10, 0] = share
    signals[:, 2:10, 2:] = rest * np.sqrt(1 - share**2)[..., None]
    return forms_of(x, signals, NAMES), [f"artist {number}" for number in range(artists)]


def gain(artists, bleed, seed):
    forms, labels = songs(artists, bleed, seed)
    parts = folds_of(labels)
    rule = CrossStemRule(OWN, simplex, StemForms.snr)
    plain = cross_fit(forms.only(OWN), parts, simplex, StemForms.snr).scores
    return certain(rule.held_out(forms, labels, parts).scores - plain, labels)


def test_nothing_is_established_where_nothing_is():
    assert sum(gain(8, 0.0, seed) is not None for seed in range(12)) <= 1


def test_bleed_is_found():
    found = [gain(12, 0.3, seed) for seed in range(4)]
    # at most 0.41 dB is what the one signal brings: 1/(1 − 0.3²)
    assert all(own is not None and 0.2 < own < 0.46 for own in found)


@pytest.mark.parametrize("artists", [1, 2])
def test_where_nothing_can_be_held_out_within_the_plain_blend_stays(artists):
    forms, _ = songs(4, 0.5, 0)
    rule = CrossStemRule(OWN, simplex, StemForms.snr)
    labels = [f"artist {number % artists}" for number in range(4)]
    made = rule.fit(forms, ["one"] * 4)
    np.testing.assert_array_equal(made, rule.centre(forms))
    if artists == 2:  # each fold learns from one artist, which can hold out nothing
        held = rule.held_out(forms, labels, folds_of(labels))
        np.testing.assert_array_equal(held.weights[:, 2:], 0)
