"""The ideal ratio mask: a reference line that knows the truth."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.core.errors import AudioError
from stemwise.models.oracle import IdealRatioMaskModel
from stemwise.separation.separator import Separator

RATE = 44_100


def noise(length, seed):
    return np.random.default_rng(seed).normal(0, 0.1, (2, length)).astype(np.float32)


def band(length, low, high, seed):
    spectrum = np.fft.rfft(noise(length, seed))
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    spectrum[:, (frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, length).astype(np.float32)


def separate(references, **settings):
    separator = Separator(IdealRatioMaskModel(**settings), "cpu")
    mixture = sum(references.values())
    out = separator(mixture, references).numpy()
    assert separator.stems_for(references) == tuple(references)
    assert out.shape == (len(references), *mixture.shape)
    return mixture, dict(zip(references, out, strict=True))


@pytest.mark.parametrize("length", [1, 700, 131_072, 200_001])
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_estimates_sum_to_the_mixture(length, power):
    references = {stem: noise(length, seed) for seed, stem in enumerate(("a", "b", "c"))}
    mixture, found = separate(references, power=power)
    np.testing.assert_allclose(sum(found.values()), mixture, atol=1e-5)


def test_sounds_in_separate_bands_are_recovered_under_their_own_names():
    references = {
        "vocals": band(2 * RATE, 2000, 6000, 0),
        "bass": band(2 * RATE, 40, 900, 1),
    }
    _, found = separate(references)
    for stem, reference in references.items():
        rest = np.square(reference - found[stem]).sum()
        assert 10 * np.log10(np.square(reference).sum() / rest) > 30


def test_power_two_prefers_the_louder_more_than_power_one():
    quiet = noise(RATE, 0)
    references = {"loud": 3 * quiet, "quiet": quiet}
    for power, share in ((1.0, 3 / 4), (2.0, 9 / 10)):
        mixture, found = separate(references, power=power)
        np.testing.assert_allclose(found["loud"], share * mixture, atol=1e-5)


def test_a_silent_stem_gets_nothing_and_silence_stays_silence():
    loud, silent = noise(RATE, 0), np.zeros((2, RATE), np.float32)
    mixture, found = separate({"a": loud, "b": silent})
    assert not found["b"].any()
    np.testing.assert_allclose(found["a"], mixture, atol=1e-6)
    _, found = separate({"a": silent, "b": silent})
    assert not found["a"].any() and not found["b"].any()


def test_without_true_stems_it_refuses():
    separator = Separator(IdealRatioMaskModel(), "cpu")
    for references in (None, {}):
        with pytest.raises(AudioError, match="true stems"):
            separator(noise(RATE, 0), references)
