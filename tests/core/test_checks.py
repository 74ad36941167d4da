"""Ranges and names of settings."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.checks import in_range, one_of
from stemwise.core.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "bounds", "says"),
    [
        (1, {"least": 2}, "a.b=1 is not usable: give a number of at least 2."),
        (0.0, {"above": 0}, "a.b=0.0 is not usable: give a number above 0."),
        (
            1,
            {"least": 0, "below": 1},
            "a.b=1 is not usable: give a number of at least 0 and below 1.",
        ),
        (math.nan, {"above": 0}, "a.b=nan is not usable: give a number above 0."),
    ],
)
def test_a_number_outside_is_told_with_its_bounds(value, bounds, says):
    with pytest.raises(ConfigError) as caught:
        in_range("a.b", value, **bounds)
    assert str(caught.value) == says


@settings(deadline=None, max_examples=50)
@given(st.floats(-9, 9), st.floats(-9, 9), st.floats(-9, 9))
def test_what_is_inside_passes_and_nothing_else(value, least, below):
    if least <= value < below:
        in_range("x", value, least=least, below=below)
    else:
        with pytest.raises(ConfigError, match=r"^x="):
            in_range("x", value, least=least, below=below)


def test_what_is_not_given_passes():
    in_range("x", None, least=1)


def test_a_name_that_is_unknown_is_told_with_the_nearest():
    one_of("x", "torch", ("torch", "museval"))
    with pytest.raises(ConfigError, match=r"^x=toch is unknown: did you mean torch\? use one of"):
        one_of("x", "toch", ("torch", "museval"))
