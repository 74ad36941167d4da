"""Rows of tables from what the estimate store says."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemwise.core.types import WHOLE, Track
from stemwise.evaluation.rows import Origin, estimate_rows
from stemwise.storage.estimates import Entry


@pytest.mark.parametrize("batch_size", [2, None])
def test_an_estimate_tells_how_it_was_made(batch_size):
    entry = Entry(
        "key", Path("store"), {"a": 0.5, "b": 1.0}, 441_000, 5.0, "cuda", batch_size, "tf32"
    )
    origin = Origin.of_entry("model", WHOLE, entry)
    first, second = estimate_rows(Track("test", "song", "A Song", (), {}), origin, entry.stems)
    assert (first["gain"], second["gain"]) == (0.5, 1.0)
    for row in (first, second):
        assert (row["device"], row["precision"]) == ("cuda", "tf32")
        assert (row["batch_size"], row["wall_s"]) == (batch_size, 5.0)
        assert row["realtime_factor"] == 2 and row["status"] == "ok"


def test_of_a_failed_estimate_no_precision_is_known():
    track = Track("test", "song", "A Song", (), {})
    (row,) = estimate_rows(track, Origin("model", WHOLE), ["a"], "it failed")
    assert row["precision"] is None and row["device"] is None
