"""Weights over all stems in a decision: taken where they gain, and told in any case."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from stemwise.analysis.stem_fit import FitRule, StemFit
from stemwise.core.errors import ConfigError
from stemwise.core.types import WHOLE
from stemwise.decision.cross_stem import crossed
from stemwise.decision.gathering import Gathered
from stemwise.decision.recipes import Choice, Recipe
from stemwise.evaluation.settings import MetricSettings
from stemwise.measurement.gram import pack
from stemwise.selection.stem_forms import StemForms
from stemwise.separation.ensembles.spec import Ensemble, parse
from stemwise.storage import tables

from ..selection.planted import forms_of

KEY = (WHOLE.stem, WHOLE.source, "drums")
SIGNALS = ("mixture", "a/drums", "a/bass", "b/drums", "wiener/drums", "wiener/bass")


def songs(bleed, artists=12):
    """Return vectors of reference and signals: a's drums hold `bleed` of its bass, give or take.

    Without bleed no signal knows anything of what a's drums lack.
    """
    random = np.random.default_rng(1)
    x, bass, noise = (np.eye(12)[place] for place in range(3))
    found = np.zeros((artists, len(SIGNALS), 12))
    for song in found:
        own = bleed + 0.05 * random.normal()
        chance = 0.1 * random.normal(size=(4, 9))
        song[0] = x + bass
        song[1] = x + own * bass + 0.1 * noise
        song[2] = bass + 0.1 * x
        song[3] = x + 0.5 * np.eye(12)[3] * (1 + 0.1 * random.normal())
        song[4:] = np.eye(12)[4:6]
        song[2:, 3:] += chance
        if not bleed:
            song[:, 1:] = random.normal(size=(len(SIGNALS), 11))
            song[1, 1:] = 0
    lacks = np.zeros(12) if bleed else 0.1 * noise
    return np.tile(x + lacks, (artists, 1)), found


def of(bleed, **rule):
    references, signals = songs(bleed)
    forms = forms_of(references, signals, SIGNALS)
    plain = forms.only(["a/drums", "b/drums"])
    plain = StemForms(**{**vars(plain), "stem": "drums", "models": ("a", "b")})
    artists = tuple(f"artist {number}" for number in range(len(forms)))
    rows = tables.framed(
        "cross",
        [
            {
                "dataset": track[0],
                "track_id": track[1],
                **dict(zip(("parent", "parent_source", "stem"), KEY, strict=True)),
                "signals": list(SIGNALS),
                "energy": float(forms.energy[number]),
                "cross": forms.cross[number].tolist(),
                **{
                    name: pack(getattr(forms, name)[number]).tolist()
                    for name in ("gram", "projection", "overlap", "span")
                },
            }
            for number, track in enumerate(forms.tracks)
        ],
    )
    found = Gathered(KEY, plain, artists, frozenset(), 0)
    fit = StemFit(KEY, plain, artists, FitRule("simplex", StemForms.snr, **rule))
    return found, fit, rows


def test_bleed_is_taken_off_and_told():
    found, fit, rows = of(0.4)
    made = crossed(found, fit, ("a",), ("a", "b"), rows)
    assert made is not None and made.taken
    assert made.over_blend > 3 and made.weights["a/bass"] < -0.2
    row = made.regret_row()
    assert (row["level"], row["tracks"]) == ("cross_stem", 12)
    assert row["gain"] == pytest.approx(np.mean(made.fit.scores - made.single))
    value = parse(made.content, "recipe")
    assert isinstance(value, Ensemble) and set(value.models) == set(made.models)


def test_a_recipe_holds_them_with_what_they_gain():
    found, fit, rows = of(0.4)
    made = crossed(found, fit, ("a",), ("a", "b"), rows)
    choice = Choice(
        made.weights,
        frozenset(),
        0.0,
        (9.0, 8.0, 10.0),
        True,
        made.gain,
        ensemble=made.content,
        over_blend=made.over_blend,
    )
    content = Recipe.of("mine", {KEY: choice}, {}).content({})
    assert content["stems"]["drums"]["kind"] == "cross_stem"
    assert content["provenance"]["gain_over_blend_db"]["drums"] == pytest.approx(
        made.over_blend, abs=1e-4
    )


def test_what_was_measured_below_such_a_parent_is_claimed():
    found, fit, rows = of(0.4)
    made = crossed(found, fit, ("a",), ("a", "b"), rows)
    own = Choice(made.weights, frozenset(), 0.0, ensemble=made.content)
    kick = Choice({"d": 1.0}, frozenset({"recipe:mine"}), 0.0, (5.0, 4.0, 6.0), True)
    chosen = {KEY: own, ("drums", "estimate", "kick"): kick}
    # as the recipe's file was read: settings complete, its models in another order
    written = parse(made.content, "mine").written()
    assert Recipe.of("mine", chosen, {"recipe:mine": written}).unclaimed() == []
    for other in (
        {},
        {"recipe:mine": {"a": 1.0}},
        {"recipe:mine": {**written, "weights": {"a": 1}}},
    ):
        assert [one.stems for one in Recipe.of("mine", chosen, other).unclaimed()] == [("kick",)]


def test_without_bleed_the_plain_blend_stays():
    found, fit, rows = of(0.0)
    made = crossed(found, fit, ("a",), ("a", "b"), rows)
    assert made is not None and not made.taken and made.regret_row()["gain_shrunken"] is None


def test_a_dearer_set_must_gain_what_a_model_is_worth():
    found, fit, rows = of(0.4, worth_db=50.0)
    assert not crossed(found, fit, ("a",), ("a", "b"), rows).taken
    assert crossed(found, fit, ("a", "b"), ("a", "b"), rows).taken


def test_of_some_models_there_is_no_wiener_estimate():
    found, fit, rows = of(0.4)
    alone = Gathered(KEY, found.forms.only(["a"]), found.artists, frozenset(), 0)
    single = StemFit(KEY, alone.forms, alone.artists, fit.rule)
    made = crossed(alone, single, ("a",), ("a",), rows)
    assert made.models == ("a",) and not any(name.startswith("wiener") for name in made.weights)


def test_where_it_was_not_measured_there_is_nothing():
    found, fit, rows = of(0.4)
    assert crossed(found, fit, ("a",), ("a", "b"), rows.clear()) is None


def test_what_is_to_be_measured_follows_the_decision():
    assert MetricSettings().deciding(True).cross_stem is True
    assert MetricSettings().deciding(False).cross_stem is False
    assert MetricSettings(cross_stem=True).deciding(False).cross_stem is True
    with pytest.raises(ConfigError, match=r"metric\.cross_stem=false"):
        MetricSettings(cross_stem=False).deciding(True)
    # it changes no other number, so it is no other measurement
    every = [MetricSettings(cross_stem=value).measured for value in (True, False, "auto")]
    assert all(one == other for one, other in pairwise(every))
