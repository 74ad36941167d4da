"""Quality against cost: the front, and names that do not meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from stemwise.report.figures.labels import place_labels
from stemwise.report.figures.palette import Palette
from stemwise.report.figures.quality_cost import Point, front_of, quality_cost
from stemwise.report.page.cost_figures import points_of
from stemwise.report.run_tables import read_run

numbers = st.floats(0.1, 100)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12))
def test_the_front_is_what_nothing_is_cheaper_and_better_than(pairs):
    points = [Point(str(i), cost, score) for i, (cost, score) in enumerate(pairs)]
    front = {(p.cost, p.score) for p in front_of(points)}
    for point in points:
        own = (point.cost, point.score)
        beaten = any(
            other.cost <= point.cost
            and other.score >= point.score
            and (other.cost, other.score) != own
            for other in points
        )
        assert (own in front) == (not beaten)


def axes_of(limit: float):
    axes = Figure(figsize=(5, 2.7)).add_subplot()
    axes.set_xlim(0, limit)
    axes.set_ylim(0, 10)
    return axes


def test_names_have_room_or_are_left_out():
    apart = [(1.0, 1.0, "a"), (5.0, 5.0, "b"), (9.0, 9.0, "c")]
    assert place_labels(axes_of(10), apart, {}) == ["a", "b", "c"]
    heap = [(5.0, 5.0, f"a long name {i}") for i in range(30)]
    written = place_labels(axes_of(10), heap, {})
    assert written[0] == "a long name 0" and len(written) < 10


@pytest.mark.parametrize("most", [2.0, 500.0])
def test_wide_ranges_of_cost_are_logarithmic(most):
    axes = Figure().add_subplot()
    points = [Point("a", 1.0, 3.0, 2.0, 4.0, "a"), Point("blend of 2", most, 5.0, chosen=True)]
    quality_cost(axes, points, Palette(["a"]))
    assert axes.get_xscale() == ("log" if most > 100 else "linear")
    assert {text.get_text() for text in axes.texts} == {"a", "blend of 2"}


def test_the_deployed_blend_is_a_point_of_its_own_and_a_deployed_model_is_marked(make_run):
    single = {"kind": "model", "models": ["alpha"], "weights": [1.0], "gain": None}
    run = make_run(level2=False, deployment={"vocals": {}, "drums": single})
    held = read_run(run.output, run.models)
    vocals, drums, other = (
        points_of(held, ("mixture", "mixture", stem)) for stem in ("vocals", "drums", "other")
    )
    assert [p.name for p in vocals if p.chosen] == ["blend of 2"] and len(vocals) == 4
    assert [p.name for p in drums if p.chosen] == ["alpha"] and len(drums) == 3
    assert not any(p.chosen for p in other)
