"""What a recipe's YAML says, and above all what it must not say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from stemwise.core.stems import whole_of
from stemwise.decision.recipes import Choice, Recipe, alone, in_recipe, rounded
from stemwise.separation.quality import Quality
from stemwise.separation.recipe import load_recipe

MIX = ("mixture", "mixture")
LEAD = ("vocals", "estimate", "lead_vocals")


def top(weights, **more):
    return Choice(weights, frozenset(), 0.5, (5.0, 4.0, 6.0), **more)


def below(model, weights=None, snr=2.0):
    return Choice(weights or {"karaoke": 1.0}, frozenset({model}), 0.25, (snr, 1.0, 3.0))


def recipe(vocals, parent, blends=None):
    chosen = {(*MIX, "vocals"): top(vocals), LEAD: below(parent)}
    return Recipe.of("deployable", chosen, blends or {})


def test_children_measured_below_the_recipes_own_parent_are_claimed():
    made = recipe({"spleeter": 1.0}, "spleeter")
    facts = made.content({"run": "r"})["provenance"]
    assert facts["held_out_snr"]["lead_vocals"] == [2.0, 1.0, 3.0]
    assert facts["parent_models"] == {"vocals": "spleeter"} and facts["run"] == "r"
    assert made.unclaimed() == []


def test_children_measured_below_another_parent_are_made_but_not_claimed():
    """Served below spleeter's vocals, measured below scnet's: 4.29 dB and 2.10 dB in one real run."""
    made = recipe({"spleeter": 1.0}, "scnet")
    content = made.content({})
    assert content["children"] == {"vocals": {"lead_vocals": {"karaoke": 1.0}}}
    facts = content["provenance"]
    for claim in ("held_out_snr", "established", "oracle_gap_db"):
        assert "lead_vocals" not in facts[claim] and "vocals" in facts[claim]
    assert facts["parent_models"] == {"vocals": "scnet"}
    (told,) = made.unclaimed()
    assert (told.parent, told.stems, told.measured_below) == (
        "vocals",
        ("lead_vocals",),
        ("scnet",),
    )
    assert told.own == ("spleeter",)


@pytest.mark.parametrize(
    ("measured", "same"),
    [
        ({"a": 0.25, "b": 0.75}, True),
        ({"a": 0.25, "b": 0.75, "c": 4e-9}, True),
        ({"a": 0.250003, "b": 0.749997}, True),  # solvers differ a little from machine to machine
        ({"a": 0.251, "b": 0.749}, False),
        ({"a": 1.0}, False),
    ],
)
def test_a_parent_that_is_a_blend_is_known_by_its_weights(measured, same):
    made = recipe({"a": 0.25, "b": 0.75}, "recipe:mine", {"recipe:mine": measured})
    assert (made.unclaimed() == []) is same


def test_a_blend_whose_weights_are_unknown_is_not_the_recipes_own():
    assert recipe({"a": 0.25, "b": 0.75}, "recipe:mine").unclaimed()


def test_tracks_below_two_parents_are_claimed_by_neither():
    mixed = Choice({"karaoke": 1.0}, frozenset({"a", "b"}), 0.0, (2.0, 1.0, 3.0))
    made = Recipe.of("r", {(*MIX, "vocals"): top({"a": 1.0}), LEAD: mixed}, {})
    assert made.unclaimed()[0].measured_below == ("a", "b")


def test_a_weight_that_rounds_to_nothing_is_not_written():
    assert rounded({"a": 0.7, "b": 4.9e-7, "c": -1e-12, "d": 0.3}) == {"a": 0.7, "d": 0.3}
    made = Recipe.of("r", {(*MIX, "drums"): top({"a": 1.0, "b": 1e-9})}, {})
    assert made.content({})["stems"] == {"drums": {"a": 1.0}}


def test_nothing_is_said_of_stems_that_the_recipe_does_not_make():
    chosen = {
        (*MIX, "vocals"): top({"a": 1.0}),
        (*MIX, "bass"): top({"a": 1.0}),
        (*MIX, "instrumental"): top({"b": 1.0}),
        ("drums", "estimate", "kick"): below("a"),  # its parent is not made
        ("vocals", "reference", "lead_vocals"): below(""),
    }
    content = Recipe.of("r", chosen, {}).content({})
    assert set(content["stems"]) == {"vocals", "bass"} and "children" not in content
    for claim in ("held_out_snr", "established", "oracle_gap_db"):
        assert set(content["provenance"][claim]) == {"vocals", "bass"}
    assert content["remainder"] == "other"


def test_recordings_of_drums_alone_give_a_recipe_of_their_parts():
    chosen = {
        ("drums", "reference", "kick"): top({"drumsep": 1.0}),
        ("drums", "reference", "cymbals"): top({"drumsep": 1.0}),
    }
    content = Recipe.of("r", chosen, {}, "drums").content({})
    assert content["stems"] == {"kick": {"drumsep": 1.0}, "cymbals": {"drumsep": 1.0}}
    assert set(content["provenance"]["held_out_snr"]) == {"kick", "cymbals"}
    assert "remainder" not in content and "children" not in content


def test_whole_songs_are_no_recordings_of_one_stem():
    assert whole_of(("kick", "snare")) == "drums" and whole_of(("lead_vocals",)) == "vocals"
    assert whole_of(("kick", "bass")) is whole_of(()) is whole_of(("drums",)) is None
    assert alone([("kick",), ("snare", "hihat")]) == "drums"
    assert alone([("kick",), ("lead_vocals",)]) is alone([("kick",), ("vocals", "kick")]) is None


def test_cymbals_that_hold_the_hihat_are_the_recipes_cymbals():
    """On data that tells them apart they are scored as hihat+cymbals; the model calls them cymbals."""
    both, place = top({"drumsep": 1.0}), ("drums", "reference")
    chosen = {(*place, "kick"): both, (*place, "hihat+cymbals"): both}
    content = Recipe.of("r", chosen, {}, "drums").content({})
    assert content["stems"]["cymbals"] == {"drumsep": 1.0}
    assert "cymbals" in content["provenance"]["held_out_snr"]
    own = {**chosen, (*place, "cymbals"): top({"other": 1.0})}
    assert Recipe.of("r", own, {}, "drums").content({})["stems"]["cymbals"] == {"other": 1.0}


def test_only_stems_of_the_recipe_have_a_say_in_which_models_run():
    """The instrumental is what drums and bass make up, and true parents are nobody's to hear."""
    level1 = [("mixture", "mixture", stem) for stem in ("vocals", "drums", "instrumental")]
    below = [("drums", source, "kick") for source in ("reference", "estimate")]
    other = [("vocals", "estimate", "lead_vocals"), ("guitar", "estimate", "x")]
    found = in_recipe([*level1, *below, *other], None)
    assert found == [*level1[:2], below[1], other[0]]
    assert in_recipe([level1[0], level1[2]], None) == [level1[0], level1[2]]
    assert in_recipe(below, "drums") == [below[0]]


def test_what_predicts_a_stem_is_written_where_it_was_measured_as_it_is_made(tmp_path):
    line = Quality(("level",), (0.5,), 8.0, 1.0, 2.0, ((-20.0, 0.0),), 0.8, 0.8, 20, 15)
    lead = replace(below("scnet"), quality=line)
    chosen = {(*MIX, "vocals"): top({"spleeter": 1.0}, quality=line), LEAD: lead}
    content = Recipe.of("deployable", chosen, {}).content({})
    assert set(content["quality"]) == {"vocals"}  # lead vocals were measured below another parent
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    assert load_recipe(str(path)).quality == {"vocals": line}
