"""Which models share a GPU: few groups that fit, level 1 before level 2, the same ones every time."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.stems import MIXTURE
from stemwise.evaluation.groups import CONTEXT_GB, groups
from stemwise.models import registry
from stemwise.models.facts import level
from stemwise.models.registry import ReadyModel
from stemwise.models.spec import GpuMemory, ModelSpec


def ready(name, weights=None, passed=0.0, parent=MIXTURE):
    memory = None if weights is None else GpuMemory(weights, passed, "estimated")
    spec = ModelSpec(name, "stemwise.models.x.X", "X", parent=parent, gpu_memory=memory)
    return ReadyModel(spec, (), name)


def zoo(*names):
    return [ReadyModel(registry.get(name), (), name) for name in names]


def names(parted):
    return [[model.spec.name for model in group] for group in parted]


def need(group):
    told = [model.spec.gpu_memory for model in group]
    return sum(m.weights_gb for m in told) + max(m.pass_gb for m in told) + CONTEXT_GB


def test_without_a_gpu_and_with_room_for_all_there_is_one_group_in_the_runs_order():
    models = zoo(*registry.named_sets()["paper_both"])
    assert groups(models, None) == [models] == groups(models, 80)
    assert groups(models, need(models) + 1e-6) == [models]
    assert len(groups(models, need(models) - 1e-6)) == 2
    assert groups([], None) == [] == groups([], 80)


def test_weights_add_up_and_passes_take_turns():
    models = [ready("a", 1, 4), ready("b", 1, 4), ready("c", 1, 4)]
    assert names(groups(models, CONTEXT_GB + 7)) == [["a", "b", "c"]]
    assert len(groups(models, CONTEXT_GB + 6.9)) == 2


def test_a_pass_grows_with_its_chunks():
    models = [ready("a", 1, 4), ready("b", 1, 4)]
    assert len(groups(models, CONTEXT_GB + 6)) == 1 == len(groups(models, CONTEXT_GB + 4, 2))
    assert len(groups(models, CONTEXT_GB + 6, 5)) == 2


def test_level_two_comes_after_level_one_and_uses_the_room_that_it_leaves():
    models = [
        ready("kick", 2, parent="drums"),
        ready("big", 9),
        ready("small", 1),
        ready("lead", 6, parent="vocals"),
        ready("middle", 7),
    ]
    parted = groups(models, CONTEXT_GB + 10)
    # big and small share the first, middle has room for kick, and lead finds none
    assert names(parted) == [["big", "small"], ["kick", "middle"], ["lead"]]
    assert names(groups(models, CONTEXT_GB + 13)) == [
        ["big", "small"],
        ["lead", "middle"],
        ["kick"],
    ]


def test_a_model_that_is_too_large_is_alone_but_for_those_that_need_no_gpu():
    models = [ready("none", 0), ready("huge", 5, 20), ready("small", 0.1), ready("light", 0, 1)]
    assert names(groups(models, 8)) == [["none", "huge", "light"], ["small"]]
    assert names(groups(models, CONTEXT_GB / 2)) == [["none", "huge", "light"], ["small"]]


def test_what_is_not_known_counts_like_the_largest():
    models = [ready("mine"), ready("a", 1, 4), ready("b", 2, 1)]
    assert len(groups(models, CONTEXT_GB + 1 + 2 + 2 + 4)) == 1
    assert names(groups(models, CONTEXT_GB + 8.9)) == [["mine", "a"], ["b"]]
    assert len(groups([ready("mine"), ready("yours")], 8)) == 1


def test_the_papers_models_share_a_card_of_24_gb_and_part_on_one_of_8():
    models = zoo(*registry.named_sets()["paper_both"])
    assert len(groups(models, 24)) == 1
    parted = groups(models, 8)
    assert len(parted) == 2
    assert {model.spec.name for model in parted[0]} >= set(registry.named_sets()["paper"])


SIZES = st.sampled_from([0.0, 0.4, 1.0, 2.5, 6.0, 30.0])
MODELS = st.lists(st.tuples(SIZES, SIZES, st.sampled_from([MIXTURE, "drums"])), max_size=7)


@settings(max_examples=200, deadline=None)
@given(sizes=MODELS, memory=st.sampled_from([0.5, 2.0, 8.0, 12.0]))
def test_all_are_placed_once_in_groups_that_fit(sizes, memory):
    models = [ready(f"m{number}", *size) for number, size in enumerate(sizes)]
    parted = groups(models, memory)
    placed = list(itertools.chain(*parted))
    assert sorted(placed, key=models.index) == models
    assert parted == groups(list(models), memory)
    for group in parted:
        assert group and group == sorted(group, key=models.index)
        alone = max(need([model]) for model in group)
        assert need(group) <= max(memory, alone) + 1e-9
    levels = [[level(model.spec) for model in group] for group in parted]
    for earlier, later in itertools.pairwise(levels):
        assert max(earlier) <= min(later) or 2 not in earlier
    # no two groups of one level could have been one
    for one, other in itertools.combinations(parted, 2):
        if {level(model.spec) for model in one + other} == {1}:
            assert need(one + other) > memory - 1e-9
