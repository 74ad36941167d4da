"""The nearest known name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.nearest import did_you_mean

KNOWN = ["block_s", "max_lag_s", "museval_sdr", "museval_sir", "songs_per_genre"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("block", "block_s"),
        ("blok_s", "block_s"),
        ("max_lags", "max_lag_s"),
        ("song", "songs_per_genre"),
        ("sdr", "museval_sdr"),
    ],
)
def test_names_that_are_near(text, meant):
    assert did_you_mean(text, KNOWN) == f"did you mean {meant}? "


@pytest.mark.parametrize("text", ["", "zzz", "x", "mu", None, 5])
def test_nothing_is_made_up(text):
    assert did_you_mean(text, KNOWN) == "" == did_you_mean("block_s", [])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(min_size=1), min_size=1), st.data())
def test_a_known_name_is_nearest_to_itself(known, data):
    name = data.draw(st.sampled_from(known))
    assert did_you_mean(name, known) == f"did you mean {name}? "
