"""Estimates that are late, inverted or of another level are flagged; poor separation is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from stemwise.analysis.anomalies import anomalies
from stemwise.measurement.track_stem import measure_stem
from stemwise.storage.tables import to_table


def flagged(estimate, x, model="m"):
    found = measure_stem(x, {"mixture": estimate})
    row = {"dataset": "d", "track_id": "t", "model": model, "parent": "mixture"}
    row |= {"parent_source": "mixture", "stem": "vocals", "status": "ok"}
    row |= {name: getattr(found, name)("mixture") for name in ("snr", "si_sdr", "bss_sdr")}
    row |= {"lag_samples": found.lag_samples("mixture"), "gain_db": found.gain_db("mixture")}
    return anomalies(pl.from_arrow(to_table("scores", [row])))


RANDOM = np.random.default_rng(0)
X = RANDOM.normal(0, 0.1, (2, 30_000))
NOISE = RANDOM.normal(0, 0.1, (2, 30_000))


def late(samples):
    return np.pad(X, ((0, 0), (samples, 0)))[:, : X.shape[1]]


@pytest.mark.parametrize(
    ("estimate", "kind", "says"),
    [
        (late(40) + 0.1 * NOISE, "late", "40 samples late"),
        (-X + 0.1 * NOISE, "inverted", "polarity"),
        (0.25 * X + 0.02 * NOISE, "quiet", "12.0 dB too quiet"),
        (4 * X + 0.1 * NOISE, "loud", "12.0 dB too loud"),
    ],
)
def test_bugs_are_named(estimate, kind, says):
    (row,) = flagged(estimate, X)
    assert row["kind"] == kind and says in row["text"]
    assert row["track_id"] == "t" and row["stem"] == "vocals"


@pytest.mark.parametrize("level", [0.1, 1.0, 3.0])
def test_poor_separation_is_no_bug(level):
    assert flagged(X + level * NOISE, X) == []


def test_reference_lines_are_left_out():
    assert flagged(-X, X, model="mixture") == []
