"""Wiener estimates: closed forms, and stretches that do not depend on how a track is cut."""

from __future__ import annotations

import numpy as np
import pytest

from stemwise.core.errors import ModelError
from stemwise.core.types import Audio
from stemwise.separation.ensembles.wiener import HOP, wiener

SAMPLES = 30_000


def _tone(hertz: float, level: float = 0.3) -> Audio:
    time = np.arange(SAMPLES) / 44_100
    wave = level * np.sin(2 * np.pi * hertz * time)
    return np.stack([wave, -0.5 * wave]).astype(np.float32)


def _whole(heard: Audio, estimates: dict[str, list[Audio]], block: int = 1 << 16) -> Audio:
    return np.concatenate(list(wiener(heard, estimates, block)), axis=2)


def _noise(seed: int) -> Audio:
    return np.random.default_rng(seed).standard_normal((2, SAMPLES)).astype(np.float32)


def test_perfect_estimates_of_tones_far_apart_come_back() -> None:
    low, high = _tone(300), _tone(5000, 0.1)
    made = _whole(low + high, {"bass": [low], "other": [high]})
    inside = slice(4096, -4096)  # where the tones begin and end, they are clicks of all frequencies
    for own, true in zip(made, (low, high), strict=True):
        error = own[:, inside] - true[:, inside]
        assert 10 * np.log10(np.sum(true[:, inside] ** 2) / np.sum(error**2)) > 90


def test_stems_add_up_to_what_was_heard_and_equal_powers_share_it() -> None:
    heard, one, two = _noise(0), _noise(1), _noise(2)
    made = _whole(heard, {"a": [one, two], "b": [two]})
    np.testing.assert_allclose(made.sum(axis=0), heard, atol=1e-5)
    shared = _whole(heard, {"a": [one, two], "b": [two, one], "c": [one, two]})
    np.testing.assert_allclose(shared, np.stack([heard / 3] * 3), atol=1e-5)
    silent = np.zeros_like(heard)
    np.testing.assert_allclose(
        _whole(heard, {"a": [silent], "b": [silent]})[0], heard / 2, atol=1e-5
    )


@pytest.mark.parametrize("block", [HOP, 7 * HOP, 12_345])
def test_stretches_do_not_depend_on_the_block(block: int) -> None:
    heard, estimates = _noise(0), {"a": [_noise(1)], "b": [_noise(2), _noise(3)]}
    np.testing.assert_allclose(_whole(heard, estimates, block), _whole(heard, estimates), atol=2e-6)


def test_a_louder_estimate_takes_the_share_of_its_power() -> None:
    heard, one = _noise(0), _noise(1)
    made = _whole(heard, {"a": [2 * one], "b": [one]})
    np.testing.assert_allclose(made[0], 0.8 * heard, atol=1e-5)


def test_a_shorter_estimate_is_refused() -> None:
    with pytest.raises(ModelError, match="bass"):
        next(wiener(_noise(0), {"bass": [_noise(1)[:, :-1]], "b": [_noise(2)]}))
