"""Sets of models: which are tried, and which cost the least together."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.selection.sets import Offer, candidate_sets, cheapest, cheapest_alone, cost_of

COST = {"a": 1.0, "b": 1.1, "c": 5.0}


def test_every_set_of_few_models_is_tried_once():
    sets = candidate_sets("abcd")
    assert len(sets) == len(set(sets)) == 15 and sets[0] == ("a",) and sets[-1] == tuple("abcd")
    assert candidate_sets("a") == (("a",),)
    assert len(candidate_sets("abcdefg")) == 127
    assert {len(group) for group in candidate_sets("abcdefghi")} == {1, 2, 3, 9}


@pytest.mark.parametrize("models", [10, 20, 30, 40])
def test_of_many_models_the_small_sets_and_all_together(models):
    names = tuple(f"m{i}" for i in range(models))
    sets = candidate_sets(names)
    assert sets[:models] == tuple((name,) for name in names) and sets[-1] == names
    assert {len(group) for group in sets} == {1, 2, models} and len(set(sets)) == len(sets)


def test_a_cost_that_is_not_known_is_not_0():
    assert cost_of(("a", "b"), COST) == pytest.approx(2.1)
    assert cost_of(("a", "x"), COST) is None and cost_of(("a", "x"), COST | {"x": None}) is None


def test_the_cheapest_alone():
    sets = (("a",), ("b",), ("a", "b"))
    means = np.array([5.0, 7.0, 9.0])
    assert cheapest_alone(sets, means, np.array([False, True, True]), COST) == 1
    assert cheapest_alone(sets, means, np.array([True, True, True]), COST) == 0
    # of unknown cost: as few models as possible, and the best of those
    assert cheapest_alone(sets, means, np.array([True, True, True]), {}) == 1


def test_a_model_that_runs_anyway_is_free_for_other_stems():
    """Drums need b. Vocals would take a, which is cheaper alone, but b is as good for them."""
    drums, vocals = Offer((("b",),), (9.0,)), Offer((("a",), ("b",)), (7.0, 7.0))
    assert cheapest([vocals], COST) == [0]
    assert cheapest([drums, vocals], COST) == [0, 1]


def test_among_equal_costs_the_cheaper_set_and_then_the_better():
    needs_both = Offer((("a", "b"),), (9.0,))
    assert cheapest([needs_both, Offer((("a", "b"), ("a",)), (8.0, 7.9))], COST) == [0, 1]
    assert cheapest([Offer((("a",), ("b",)), (7.0, 8.0))], {"a": 1.0, "b": 1.0}) == [1]
    assert cheapest([Offer((("a",), ("c",)), (7.0, 8.0))], {}) == [1]  # of unknown cost


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_integer_program_finds_what_trying_everything_finds(seed):
    random = np.random.default_rng(seed)
    every = candidate_sets("abcd")
    cost = dict(zip("abcd", random.uniform(0.1, 3, 4), strict=True))
    offers = []
    for _ in range(3):
        places = random.choice(len(every), size=random.integers(1, 6), replace=False)
        sets = tuple(every[place] for place in places)
        offers.append(Offer(sets, tuple(random.uniform(0, 9, len(sets)))))

    def total(choice):
        return sum(
            cost[m] for m in {m for o, n in zip(offers, choice, strict=True) for m in o.sets[n]}
        )

    best = min(map(total, product(*(range(len(offer.sets)) for offer in offers))))
    assert total(cheapest(offers, cost)) == pytest.approx(best)
