import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError
from stemwise.core.stems import (
    CHILDREN,
    LEVEL1,
    ORDER,
    PARENT,
    check_name,
    composite,
    in_order,
    partition_of,
    parts_of,
)

known = st.sets(st.sampled_from(ORDER), min_size=1)


def test_the_tree():
    assert LEVEL1 == ("vocals", "drums", "bass", "guitar", "piano", "other")
    assert CHILDREN["vocals"] == ("lead_vocals", "backing_vocals")
    assert PARENT["kick"] == "drums"
    assert PARENT["backing_vocals"] == "vocals"
    assert not set(PARENT) & set(LEVEL1)
    assert set(ORDER) == {*LEVEL1, *PARENT, "instrumental"}
    assert len(ORDER) == len(set(ORDER))


def test_the_order_follows_the_tree_and_repeats_nothing():
    mixed = ["other", "zither", "snare", "vocals", "a+b", "drums", "vocals", "instrumental", "kick"]
    expected = ("vocals", "drums", "kick", "snare", "other", "instrumental", "a+b", "zither")
    assert in_order(mixed) == expected


@given(known)
def test_a_sums_name_does_not_depend_on_the_order_of_its_parts(parts):
    name = composite(parts)
    assert composite(sorted(parts, reverse=True)) == name
    assert parts_of(name) == in_order(parts)
    assert check_name(name) == name


def test_names_of_sums():
    assert composite(["other", "guitar", "piano"]) == "guitar+piano+other"
    assert composite(["vocals"]) == "vocals"
    assert parts_of("piano+other") == ("piano", "other")
    assert parts_of("bass") == ("bass",)


@pytest.mark.parametrize(
    ("stems", "expected"),
    [
        (["other", "bass", "vocals", "drums"], ("vocals", "drums", "bass", "other")),
        (["vocals", "instrumental"], ("vocals", "instrumental")),
        (["instrumental"], ("instrumental",)),
        (["vocals", "instrumental", "lead_vocals"], ("vocals", "instrumental")),
        (["lead_vocals", "instrumental"], ("lead_vocals", "instrumental")),
        (["vocals", "drums", "instrumental"], ("vocals", "drums")),
        (["drums", "instrumental"], ("drums",)),
        (["drums", "kick", "snare"], ("drums",)),
        (["kick", "snare", "bass"], ("kick", "snare", "bass")),
        (["lead_vocals", "backing_vocals", "drums"], ("lead_vocals", "backing_vocals", "drums")),
        (["vocals", "strings"], ("vocals", "strings")),
        ([], ()),
    ],
)
def test_nothing_is_counted_twice_in_a_partition(stems, expected):
    assert partition_of(stems) == expected
    assert partition_of(reversed(stems)) == expected


@given(known)
def test_a_partition_never_holds_a_stem_and_its_part(stems):
    partition = partition_of(stems)
    assert set(partition) <= stems
    assert not any(PARENT.get(a) == b for a, b in itertools.permutations(partition, 2))
    assert partition == partition_of(partition)


@pytest.mark.parametrize("name", ["vocals", "lead_vocals", "hi-hat", "piano+other", "808"])
def test_usable_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Vocals", "../up", "a b", "a/b", "_x", "-x", "+x", "kick.wav", "gesäng", "a\n"]
)
def test_unusable_names_are_refused(name):
    with pytest.raises(ConfigError, match="not usable"):
        check_name(name)
