"""The segment oracle puts the best model of every segment together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stemwise.core.types import WHOLE, Track
from stemwise.evaluation.rows import measurement_rows
from stemwise.measurement.track_stem import measure_stem
from stemwise.selection.segments import SegmentOracle
from stemwise.selection.stem_blocks import over_blocks

from ..tables_of import batches

PAIR = ("snr", "si_sdr")
TRACK = Track("d", "t", "T", ("vocals",), {})
RATE = 44_100


def blocks(x, estimates):
    measured = measure_stem(x, {"mixture": x, **estimates}, block_s=1.0)
    return measurement_rows(TRACK, WHOLE, "vocals", measured)


def segment_oracle(rows, models, pair, rule, segment_s):
    stem = ("mixture", "mixture", "vocals")
    found = SegmentOracle({stem: models}, lambda _: pair, rule, segment_s)
    over_blocks(batches(rows), [found])
    return found.scores["d", "t", *stem]


def test_two_models_that_are_good_in_turn_make_one_that_always_is():
    """a errs in the first half, b in the second: together they err nowhere but by a tenth."""
    random = np.random.default_rng(0)
    x, noise = random.normal(0, 0.1, (2, 2, 20 * RATE))
    first = np.arange(20 * RATE) < 10 * RATE
    a = x + noise * np.where(first, 1.0, 0.1)
    b = x + noise * np.where(first, 0.1, 1.0)
    rows = blocks(x, {"a": a, "b": b})
    both = segment_oracle(rows, ["a", "b"], ("snr", "snr"), "linear", 1.0)
    assert both == pytest.approx(20, abs=0.1)  # error a tenth of the signal everywhere
    alone = segment_oracle(rows, ["a"], ("snr", "snr"), "linear", 1.0)
    assert alone == pytest.approx(10 * math.log10(2 / 1.01), abs=0.1)
    whole = segment_oracle(rows, ["a", "b"], ("snr", "snr"), "linear", 20.0)
    assert alone - 0.1 < whole <= both


def test_one_model_has_its_own_score():
    random = np.random.default_rng(1)
    x, noise = random.normal(0, 0.1, (2, 2, 3 * RATE))
    rows = blocks(x, {"a": 0.5 * x + 0.1 * noise})
    measured = measure_stem(x, {"a": 0.5 * x + 0.1 * noise})
    found = segment_oracle(rows, ["a"], PAIR, "linear", 1.0)
    s, i = measured.snr("a"), measured.si_sdr("a")
    assert found == pytest.approx(
        -10 * math.log10((10 ** (-s / 10) + 10 ** (-i / 10)) / 2), abs=1e-6
    )
