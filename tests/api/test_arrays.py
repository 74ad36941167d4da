"""One rule for arrays, and a sentence for everything else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stemwise.api.arrays import decoded
from stemwise.core.errors import AudioError, ConfigError


@pytest.mark.parametrize(
    "audio",
    [
        np.full(9, 0.5),
        np.full((1, 9), 0.5, np.float32),
        np.full((2, 9), 0.5, np.float16),
        torch.full((2, 9), 0.5, requires_grad=True),
        torch.full((9,), 0.5, dtype=torch.bfloat16),
    ],
)
def test_floats_of_one_or_two_channels_are_taken(audio):
    made = decoded(audio, 48_000)
    assert made.sample_rate == 48_000
    assert made.samples.dtype == np.float32
    assert made.samples.shape in {(1, 9), (2, 9)}
    assert (made.samples == 0.5).all()


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        (np.zeros((9, 2)), r"shape \(9, 2\).*give its transpose, audio.T"),
        (np.zeros((9, 1)), "audio.T"),
        (np.zeros((1, 2, 9)), r"give audio\[0\]"),
        (np.zeros((6, 900)), "mix it down"),
        (np.zeros(()), r"shape \(\)"),
        (np.zeros((2, 9), np.int16), "int16.*divide it by 32768"),
        (np.zeros((2, 9), bool), "bool, but floats"),
        (torch.zeros(2, 9, dtype=torch.int32), "int32.*divide it by 2147483648"),
        ([0.0, 0.1], "is a list: give a path, a numpy array"),
        (None, "NoneType"),
    ],
)
def test_another_shape_or_type_says_what_to_do(audio, sentence):
    with pytest.raises(ConfigError, match=sentence):
        decoded(audio, 44_100)


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        (np.zeros((2, 0)), "no samples"),
        (np.array([[0.0, np.nan, np.inf]]), "holds 2 samples that are NaN"),
        (np.full(9, 20_000.0), "divide it"),
    ],
)
def test_what_is_no_sound_is_refused(audio, sentence):
    with pytest.raises(AudioError, match=sentence):
        decoded(audio, 44_100, "the mixture")


@pytest.mark.parametrize("rate", [None, 0, -1, 44_100.5, True, "44100", float("nan"), float("inf")])
def test_a_rate_is_a_whole_number_of_hertz(rate):
    with pytest.raises(ConfigError, match="rate="):
        decoded(np.zeros(9), rate)
