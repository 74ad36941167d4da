import pytest

from stemwise.core.stems import partition_of
from stemwise.measurement.matching import Match, match_stems, match_sum

FOUR = ("vocals", "drums", "bass", "other")
SIX = ("vocals", "drums", "bass", "guitar", "piano", "other")
TWO = ("vocals", "instrumental")


def matched(model, partition, references=None):
    found = match_stems(model, partition, partition if references is None else references)
    assert len({match.stem for match in found}) == len(found)
    return {match.stem: match for match in found}


@pytest.mark.parametrize("stems", [FOUR, SIX, TWO, ("vocals", "piano", "drums", "bass", "other")])
def test_a_model_of_the_datasets_own_stems_matches_name_by_name(stems):
    assert matched(stems, stems) == {stem: Match(stem, (stem,), known=True) for stem in stems}


def test_four_stems_on_six():
    found = matched(FOUR, SIX)
    assert set(found) == {"vocals", "drums", "bass", "guitar+piano+other"}
    assert found["guitar+piano+other"] == Match("guitar+piano+other", ("other",), known=True)


def test_six_stems_on_four():
    found = matched(SIX, FOUR)
    assert found["other"].stem == "other"
    assert sorted(found["other"].parts) == ["guitar", "other", "piano"]
    assert found["other"].known
    assert not found["guitar"].known
    assert not found["piano"].known


def test_five_stems_on_six_and_back():
    five = ("vocals", "drums", "bass", "piano", "other")
    assert matched(five, SIX)["guitar+other"].parts == ("other",)
    assert matched(SIX, five)["other"].parts == ("other", "guitar")


def test_different_stems_on_both_sides():
    """Guitar is in the dataset only, piano in the model only."""
    found = matched(
        ("vocals", "drums", "bass", "piano", "other"),
        ("vocals", "drums", "bass", "guitar", "other"),
    )
    assert found["guitar+other"].parts == ("other", "piano")
    assert not found["piano"].known


def test_vocals_and_other_is_everything_else():
    found = matched(("vocals", "other"), FOUR)
    assert set(found) == {"vocals", "drums+bass+other"}
    assert found["drums+bass+other"] == Match("drums+bass+other", ("other",), known=True)


@pytest.mark.parametrize("partition", [FOUR, SIX])
def test_instrumental_is_known_where_vocals_are(partition):
    found = matched(TWO, partition)
    assert found["instrumental"] == Match("instrumental", ("instrumental",), known=True)
    without = matched(TWO, partition, [stem for stem in partition if stem != "vocals"])
    assert not without["instrumental"].known
    assert not without["vocals"].known


def test_a_models_other_may_be_the_datasets_instrumental():
    assert matched(("vocals", "other"), TWO)["instrumental"].parts == ("other",)
    four = matched(FOUR, TWO)
    assert set(four) == {"vocals", "drums", "bass", "instrumental"}
    assert sorted(four["instrumental"].parts) == ["bass", "drums", "other"]
    assert four["instrumental"].known


def test_instrumental_never_holds_vocals():
    """A folder with mixture and instrumental only: the model's vocals are no part of it."""
    found = matched(FOUR, ("instrumental",))
    assert sorted(found["instrumental"].parts) == ["bass", "drums", "other"]
    assert not found["vocals"].known


def test_a_stem_that_the_song_lacks_is_no_row_with_a_truth():
    found = matched(FOUR, FOUR, ["vocals", "other"])
    assert [found[stem].known for stem in FOUR] == [True, False, False, True]


def test_the_name_of_other_does_not_depend_on_what_the_song_has():
    """The partition decides; guitar is silent in this song and stays in the name."""
    found = matched(FOUR, SIX, ["vocals", "drums", "bass", "piano"])
    assert found["guitar+piano+other"].known
    none = matched(FOUR, SIX, ["vocals", "drums", "bass"])
    assert not none["guitar+piano+other"].known


def test_no_rest_in_the_dataset_means_no_other():
    """A folder with mixture, vocals and drums: nothing says what else there is."""
    found = matched(("vocals", "drums", "other"), ("vocals", "drums"))
    assert found["other"] == Match("other", ("other",), known=False)


@pytest.mark.parametrize("odd", ["strings", "lead_vocals", "kick"])
def test_a_rest_outside_the_first_level_is_not_guessed(odd):
    partition = ("drums", "bass", "other", odd)
    assert matched(("vocals", "drums", "bass", "other"), partition)["other"] == Match(
        "other", ("other",), known=False
    )


def test_sub_stems_match_by_name_where_there_is_a_reference():
    found = matched(("kick", "snare", "toms"), FOUR, [*FOUR, "kick", "snare"])
    assert [found[stem].known for stem in ("kick", "snare", "toms")] == [True, True, False]


def test_only_stems_of_the_first_level_are_added_to_other():
    """Kick is in drums already, and instrumental holds everything."""
    for surplus in ("kick", "instrumental"):
        assert matched((*FOUR, surplus), FOUR)["other"].parts == ("other",)


def test_a_model_without_other_gets_no_row_for_it():
    assert set(matched(("vocals", "drums"), SIX)) == {"vocals", "drums"}


@pytest.mark.parametrize(
    ("files", "model", "row", "parts"),
    [
        ({"vocals", "instrumental"}, FOUR, "instrumental", {"drums", "bass", "other"}),
        ({*FOUR, "instrumental"}, ("vocals", "other"), "drums+bass+other", {"other"}),
        ({*FOUR, "kick", "snare"}, FOUR, "other", {"other"}),
        ({*FOUR, "lead_vocals", "backing_vocals"}, SIX, "other", {"other", "guitar", "piano"}),
    ],
)
def test_folders_of_files(files, model, row, parts):
    found = matched(model, partition_of(files), files)
    assert found[row].known
    assert set(found[row].parts) == parts


@pytest.mark.parametrize(
    ("model", "references", "expected"),
    [
        # the dataset tells them apart and the model does not: the row is their sum
        (("kick", "cymbals"), ("kick", "hihat", "cymbals"), {"hihat+cymbals": ("cymbals",)}),
        # the model tells them apart and the dataset does not: the estimates are added
        (("cymbals", "hihat"), ("kick", "cymbals"), {"cymbals": ("cymbals", "hihat")}),
        # both do
        (
            ("hihat", "cymbals"),
            ("hihat", "cymbals"),
            {"hihat": ("hihat",), "cymbals": ("cymbals",)},
        ),
        # neither does
        (("cymbals",), ("cymbals",), {"cymbals": ("cymbals",)}),
    ],
)
def test_cymbals_include_the_hihat_where_nobody_splits_it_off(model, references, expected):
    found = matched(model, FOUR, references)
    assert {stem: found[stem].parts for stem in found if stem != "kick"} == expected
    assert all(match.known for match in found.values() if match.stem != "kick")


def test_cymbals_without_a_reference_have_none():
    found = matched(("hihat", "cymbals"), FOUR, FOUR)
    assert [found[stem].known for stem in ("hihat", "cymbals")] == [False, False]


def summed(stem, model, partition=SIX, references=None):
    own = match_stems(model, partition, references or partition)
    found = match_sum(stem, own, partition)
    return None if found is None else set(found.parts)


@pytest.mark.parametrize(
    ("stem", "model", "parts"),
    [
        ("guitar+piano+other", SIX, {"guitar", "piano", "other"}),
        ("instrumental", SIX, {"drums", "bass", "guitar", "piano", "other"}),
        ("instrumental", FOUR, {"drums", "bass", "other"}),  # its other is guitar+piano+other
        ("instrumental", ("vocals", "other"), {"other"}),  # the same stem by another name
        ("guitar+piano+other", FOUR, {"other"}),
        ("instrumental", ("vocals", "drums", "bass"), None),  # guitar, piano, other are missing
        ("guitar+piano+other", ("guitar", "piano"), None),
        ("guitar+piano+other", ("vocals", "instrumental"), None),
        ("vocals+drums", ("vocals", "other"), None),  # its other is everything but vocals
    ],
)
def test_a_sum_that_others_make_whole_is_matched_by_its_parts(stem, model, parts):
    assert summed(stem, model) == parts


def test_hihat_and_cymbals_meet_their_sum():
    kit = ("kick", "snare", "toms", "hihat", "cymbals")
    assert summed("hihat+cymbals", kit, kit) == {"hihat", "cymbals"}
    assert summed("hihat+cymbals", ("kick", "snare", "toms", "cymbals"), kit) == {"cymbals"}
    assert summed("hihat+cymbals", ("kick", "hihat"), kit) is None


def test_a_stem_that_the_song_lacks_is_part_of_the_sum_all_the_same():
    """Without piano in the song, what the model takes for piano is still missing from its other."""
    references = ("vocals", "drums", "bass", "guitar", "other")
    assert summed("guitar+piano+other", SIX, SIX, references) == {"guitar", "piano", "other"}


def test_more_stems_than_the_dataset_has_are_counted_once():
    assert summed("instrumental", SIX, FOUR) == {"drums", "bass", "guitar", "piano", "other"}
