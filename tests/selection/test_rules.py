import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError
from stemwise.core.plugins import having_target
from stemwise.selection.rules import get_rule, linear, paper_guarded, paper_naive

decibel = st.floats(-200, 200)
positive = st.floats(0.001, 200)
step = st.floats(0, 50)
INF, NAN = math.inf, math.nan
SLACK = 1e-9


@given(decibel, decibel)
def test_linear_is_the_harmonic_mean_of_power_ratios(a, b):
    first, second = 10 ** (a / 10), 10 ** (b / 10)
    harmonic = 2 / (1 / first + 1 / second)
    assert linear(a, b) == pytest.approx(10 * math.log10(harmonic), abs=1e-9)


@given(decibel, decibel, step, step)
def test_linear_is_monotone_in_both(a, b, more_a, more_b):
    assert linear(a + more_a, b + more_b) >= linear(a, b) - SLACK


@given(decibel, decibel, st.floats(0.5, 50))
def test_linear_rewards_being_better_in_both(a, b, more):
    assert linear(a + more, b + more) > linear(a, b)


@given(decibel, decibel)
def test_linear_is_symmetric_and_close_to_the_smaller(a, b):
    assert linear(a, b) == linear(b, a)
    assert min(a, b) - SLACK <= linear(a, b) <= min(a, b) + 3.0103 + SLACK


@given(decibel, decibel, decibel)
def test_linear_shifts_with_its_arguments(a, b, shift):
    assert linear(a + shift, b + shift) == pytest.approx(linear(a, b) + shift, abs=1e-9)


@given(decibel)
def test_equal_scores_are_their_own_mean(a):
    assert linear(a, a) == pytest.approx(a, abs=1e-12)
    assert paper_guarded(a, a) == pytest.approx(a, abs=1e-9)


@given(positive, positive)
def test_guarded_is_the_papers_mean_where_both_are_positive(a, b):
    assert paper_guarded(a, b) == pytest.approx(2 * a * b / (a + b), rel=1e-12)
    assert paper_guarded(a, b) == pytest.approx(paper_naive(a, b), rel=1e-12)


@given(decibel, decibel)
def test_guarded_is_the_smaller_elsewhere(a, b):
    if min(a, b) <= 0:
        assert paper_guarded(a, b) == min(a, b)


@given(decibel, decibel, step, step)
def test_guarded_is_monotone_symmetric_and_between_its_arguments(a, b, more_a, more_b):
    assert paper_guarded(a + more_a, b + more_b) >= paper_guarded(a, b) - SLACK
    assert paper_guarded(a, b) == paper_guarded(b, a)
    assert min(a, b) - SLACK <= paper_guarded(a, b) <= max(a, b) + SLACK


WORSE_IN_BOTH = [((5, -4.9), (4.8, -5)), ((12, 12), (-5.1, 5))]


@pytest.mark.parametrize(("better", "worse"), WORSE_IN_BOTH)
def test_naive_can_prefer_what_is_worse_in_both(better, worse):
    assert all(x > y for x, y in zip(better, worse, strict=True))
    assert paper_naive(*worse) > paper_naive(*better)
    for rule in (linear, paper_guarded):
        assert rule(*better) > rule(*worse)


def test_naive_values_of_the_known_examples():
    assert paper_naive(5, -4.9) == pytest.approx(-490)
    assert paper_naive(4.8, -5) == pytest.approx(240)
    assert paper_naive(-5.1, 5) == pytest.approx(510)
    assert paper_naive(1.62, -6.25) == pytest.approx(4.374, abs=1e-3)  # above both
    assert linear(1.62, -6.25) == pytest.approx(-3.9, abs=0.05)


def test_naive_has_a_pole():
    assert abs(paper_naive(5, -5)) == INF
    assert paper_naive(5, -5 + 1e-9) < -1e9
    assert paper_naive(5, -5 - 1e-9) > 1e9
    assert math.isnan(paper_naive(0, 0))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (INF, INF, INF),
        (INF, 5, 5 + 10 * math.log10(2)),  # half the power ratio's inverse is left
        (5, INF, 5 + 10 * math.log10(2)),
        (-INF, 5, -INF),
        (-INF, -INF, -INF),
        (INF, -INF, -INF),
        (-INF, INF, -INF),
    ],
)
def test_infinite_scores_in_linear(a, b, expected):
    assert linear(a, b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(INF, INF, INF), (INF, 5, 10), (INF, -5, -5), (-INF, 5, -INF), (INF, -INF, -INF), (INF, 0, 0)],
)
def test_infinite_scores_in_guarded(a, b, expected):
    assert paper_guarded(a, b) == expected
    assert paper_guarded(b, a) == expected


RULES = [get_rule(name) for name in having_target("selection")]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("other", [NAN, 3.0, -3.0, INF, -INF])
def test_undefined_stays_undefined(rule, other):
    assert math.isnan(rule(NAN, other))
    assert math.isnan(rule(other, NAN))


@pytest.mark.parametrize("rule", RULES)
def test_rules_work_on_arrays(rule):
    a, b = np.array([[1.0, 2.0], [-3.0, 4.5]]), np.array([3.0, 5.0])
    found = rule(a, b)
    assert found.shape == (2, 2)
    for i, j in np.ndindex(2, 2):
        assert found[i, j] == pytest.approx(float(rule(a[i, j], b[j])))


def test_rules_by_name():
    assert [get_rule(name) for name in ("linear", "paper_guarded", "paper_naive")] == [
        linear,
        paper_guarded,
        paper_naive,
    ]
    with pytest.raises(ConfigError, match=r"harmonic.*linear, paper_guarded, paper_naive"):
        get_rule("harmonic")
