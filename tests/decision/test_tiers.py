"""Tiers replayed from tables: planted gains are found, and useless tiers named."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from stemwise.core.errors import ConfigError
from stemwise.decision import DecisionSettings, Fitting
from stemwise.decision.tiers import decide_tiers
from stemwise.measurement.gram import pack
from stemwise.separation.promise import features, names_for
from stemwise.separation.recipe import load_recipe

from ..tables_of import content

COST = {"cheap": 1.0, "dear": 30.0, "twin": 2.0}
SONGS = 24


def songs(gain_of, stems=("vocals", "drums")):
    """Return the tables of songs, each by an artist of its own; `gain_of(level)` is dear's, dB.

    Every signal is a mixture of four orthogonal ones: the source, the rest of the song, and two
    models' errors. The level of the source runs from −20 to 0 dB; cheap has 10 dB SNR, twin as much.
    """
    random = np.random.default_rng(5)
    forms, scores, tracks, estimates = [], [], [], []
    for number in range(SONGS):
        key = {"dataset": "d", "track_id": f"{number:02}"}
        tracks.append(key | {"artist": f"a{number}", "stems": list(stems), "problems": []})
        for stem in stems:
            level = random.uniform(-20, 0)
            size = 10 ** (level / 20)
            noise = 10 ** (random.normal(0, 0.05) - 0.5) * size  # 10 dB below, give or take
            better = noise * 10 ** (-gain_of(level) / 20)
            signals = np.array(
                [[size, 1, 0, 0], [size, 0, noise, 0], [size, 0, 0, better], [size, 0, noise, 0]]
            )
            gram = signals @ signals.T
            place = {"parent": "mixture", "parent_source": "mixture", "stem": stem}
            models = ["mixture", "cheap", "dear", "twin"]
            nothing = pack(np.zeros((4, 4)))
            squares = {"projection": nothing, "overlap": nothing, "span": nothing}
            form = {"models": models, "energy": size**2, "cross": list(signals[:, 0] * size)}
            forms.append(key | place | form | {"gram": pack(gram)} | squares)
            for model in models[1:]:
                scores.append(key | place | {"model": model, "status": "ok"})
                estimates.append(key | place | {"model": model, "status": "ok"})
    return content({"forms": forms, "scores": scores, "tracks": tracks, "estimates": estimates})


def fitting(**settings):
    own = DecisionSettings(**{"strategy": "nonnegative", "worth_db": 0.5} | settings)
    return Fitting(tuple(COST), lambda _: ("snr", "si_sdr"), "linear", own, COST, COST)


def replay(tables, plans, **settings):
    return decide_tiers(tables, fitting(**settings), plans, "cascade", "run")


PAIR = {"fast": ("cheap",), "best": ("dear",)}


@pytest.fixture(scope="module")
def planted():
    """What comes of songs of which only those below −10 dB gain, 6 dB."""
    return replay(songs(lambda level: 6.0 if level < -10 else 0.0), PAIR)


def rows(made, policy):
    return made.table.filter(made.table["policy"] == policy).sort("step").to_dicts()


def test_a_cascade_finds_the_songs_that_gain(planted):
    fast, best = rows(planted, "tier")
    (recipe,) = rows(planted, "recipe")
    assert (fast["tier"], best["tier"]) == ("fast", "best")
    assert fast["mean_score"] == pytest.approx(10, abs=0.5)
    assert recipe["gain"] > 0.8 * best["gain"] > 0.5
    assert recipe["share"] < 1 and recipe["seconds_per_minute"] < 31
    assert recipe["over_mix_low"] is not None
    halfway = min(rows(planted, "cascade"), key=lambda row: abs(row["share"] - 0.5))
    assert halfway["over_mix_low"] > 0
    top = max(row["over_mix"] for row in rows(planted, "oracle"))
    assert top >= halfway["over_mix"] > 0
    assert planted.recipe["provenance"]["gain_predicted"] == {"best": True}
    assert "can be predicted" in " ".join(planted.notes)


def test_the_recipe_promises_more_for_quiet_stems(planted, tmp_path):
    path = tmp_path / "cascade.yaml"
    path.write_text(yaml.safe_dump(planted.recipe))
    recipe = load_recipe(str(path))
    assert [tier.name for tier in recipe.tiers] == ["fast", "best"] and recipe.worth_db == 0.5
    assert recipe.remainder == "other" and recipe.models() == ("cheap", "dear")
    promise = recipe.tiers[1].promise
    quiet, loud = (
        dict(zip(names_for(1), features(signals @ signals.T), strict=True))
        for signals in (np.array([[size, 1, 0], [size, 0, 0.316 * size]]) for size in (0.12, 0.8))
    )
    assert promise.of({"vocals": quiet}) > 2 > 1 > promise.of({"vocals": loud})


def test_a_gain_that_is_the_same_everywhere_is_no_cascade():
    random = np.random.default_rng(8)
    made = replay(songs(lambda _: 1.0 + random.normal(0, 0.1)), PAIR)
    assert made.recipe["provenance"]["gain_predicted"] == {"best": False}
    assert "for every song" in made.notes[0] and "no better than a random mix" in made.notes[0]
    gain = made.recipe["tiers"][1]["gain"]
    assert set(gain["vocals"]) == {"intercept"}
    (recipe,) = rows(made, "recipe")
    assert recipe["share"] == 1 and recipe["gain"] == pytest.approx(1, abs=0.1)
    never = replay(songs(lambda _: 1.0 + random.normal(0, 0.1)), PAIR, worth_db=2.0)
    assert "for no song" in never.notes[0] and rows(never, "recipe")[0]["share"] == 0


def test_a_tier_that_never_beats_the_first_is_named_and_left_out():
    tables = songs(lambda level: 6.0 if level < -10 else 0.0)
    plans = {"fast": ("cheap",), "middle": ("twin",), "best": ("dear",)}
    made = replay(tables, plans)
    assert "'middle' is left out: it never beats 'fast'" in made.notes[0]
    assert [tier["name"] for tier in made.recipe["tiers"]] == ["fast", "best"]
    assert [row["left_out"] for row in rows(made, "tier")] == [False, True, False]
    # what it costs no longer counts
    for row in rows(made, "cascade"):
        assert row["seconds_per_minute"] == pytest.approx(1 + 30 * row["share"])
    alone = replay(tables, {"fast": ("cheap",), "middle": ("twin",)})
    assert alone.recipe is None and "alone is left" in alone.notes[-1]


def test_what_cannot_be_compared_is_refused():
    tables = songs(lambda _: 1.0)
    with pytest.raises(ConfigError, match="two tiers or more"):
        replay(tables, {"fast": ("cheap",)})
    one_artist = tables.tracks.with_columns(artist=tables.tracks["artist"].str.replace(".*", "one"))
    object.__setattr__(tables, "tracks", one_artist)
    with pytest.raises(ConfigError, match="two artists"):
        replay(tables, PAIR)


def test_a_stem_that_one_tier_lacks_is_named():
    tables = songs(lambda _: 1.0)
    lacking = (tables.scores["model"] == "dear") & (tables.scores["stem"] == "drums")
    silent = tables.scores.filter(~lacking)
    object.__setattr__(tables, "scores", silent)
    with pytest.raises(ConfigError, match="No model of the tier 'best' makes drums"):
        replay(tables, PAIR)


def test_costs_that_are_not_known_are_not_invented():
    made = decide_tiers(
        songs(lambda _: 1.0),
        Fitting(tuple(COST), lambda _: ("snr", "si_sdr"), "linear", DecisionSettings(), {}, {}),
        PAIR,
        "cascade",
        "run",
    )
    assert made.table["seconds_per_minute"].is_null().all()
