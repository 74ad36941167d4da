"""Recipes with tiers: what is read, what is refused, and which models hear a song."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError, ModelError
from stemwise.separation.promise import Promise, features, features_of, promise_of
from stemwise.separation.recipe import load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator
from stemwise.separation.spool import Spool
from stemwise.separation.tier_run import TierRun

FAST = "{name: fast, stems: {vocals: {m: 1.0}, drums: {m: 1.0}}}"
BEST = "{name: best, stems: {vocals: {m: 0.5, n: 0.5}, drums: {m: 1.0}}, gain: {vocals: {intercept: 1}}}"
GAINS = {"m": {"vocals": 0.5, "drums": 0.25}, "n": {"vocals": 0.25}}


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return load_recipe(str(path))

    return write


def tiers(*items, more=""):
    return f"name: cascade\n{more}tiers:\n" + "".join(f"  - {item}\n" for item in items)


def test_the_recipe_is_its_best_tier_and_knows_the_others(written):
    recipe = written(tiers(FAST, BEST, more="worth_db: 0.3\n"))
    assert (recipe.name, recipe.worth_db) == ("cascade", 0.3)
    assert [tier.name for tier in recipe.tiers] == ["fast", "best"]
    assert recipe.stems == recipe.tiers[-1].stems
    assert recipe.models() == ("m", "n")
    assert recipe.tiers[0].promise is None
    assert recipe.tiers[1].promise == Promise({"vocals": {"intercept": 1.0}})
    only = recipe.only(("vocals",))
    assert [tuple(tier.stems) for tier in (only, *only.tiers)] == [("vocals",)] * 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (tiers(FAST), "list of 2 to"),
        (tiers(FAST, FAST), "two tiers are called 'fast'"),
        (tiers(FAST, "{name: best, stems: {vocals: {n: 1}}}"), "'fast' makes drums"),
        (tiers(FAST, "{name: a/b, stems: {vocals: {n: 1}}}"), "'a/b'"),
        (tiers(FAST, "{name: best}"), "must be a mapping of name, stems"),
        (tiers(FAST, BEST, more="stems: {vocals: {m: 1}}\n"), "beside tiers"),
        (tiers(FAST, BEST, more="worth_db: .nan\n"), "worth_db"),
        (tiers(FAST, BEST, more="quick: 1\n"), "'quick'"),
        (tiers(BEST, FAST), "no tier before"),
        (tiers(FAST, BEST.replace("{intercept: 1}", "{level: 1}")), "gain of vocals"),
        (tiers(FAST, BEST.replace("intercept: 1", "intercept: .inf")), "no number"),
        (tiers(FAST, BEST.replace("gain: {vocals", "gain: {vocal")), "did you mean vocals?"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(written, text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        written(text)


@pytest.fixture
def run(tmp_path, written):
    """Return a run of the two tiers on noise, its mixture, and how often each model was heard."""
    heard = Counter()
    mixture = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 3000)).astype(np.float32)

    def model(name, signal, folder):
        heard[name] += 1
        spool = Spool(folder, list(GAINS[name]))
        spool.add(np.stack([np.float32(gain) * signal[:, :] for gain in GAINS[name].values()]))
        return spool

    def make(text, wanted=()):
        return TierRun(written(text), model, mixture, tmp_path, wanted), mixture, heard

    return make


def test_each_model_hears_a_song_once_and_the_best_tier_is_what_it_is_alone(run):
    tiered, mixture, heard = run(tiers(FAST, BEST))
    first = tiered.make(0)
    np.testing.assert_allclose(first["vocals"].result().read("vocals")[:, :], 0.5 * mixture)
    assert heard == {"m": 1} and tiered.worth(1, first)
    second = tiered.make(1)
    assert heard == {"m": 1, "n": 1}
    np.testing.assert_allclose(
        second["vocals"].result().read("vocals")[:, :], 0.375 * mixture, rtol=1e-6
    )


def test_the_next_tier_must_promise_what_it_is_worth(run):
    gain = "gain: {vocals: {intercept: 1, level: 0.1}, drums: {intercept: -9}}"
    text = tiers(
        FAST, BEST.replace("gain: {vocals: {intercept: 1}}", gain), more="worth_db: 0.39\n"
    )
    tiered, _, _ = run(text, ("vocals",))
    # the estimate is half of the mixture: −6.02 dB
    assert tiered.promised(1, tiered.make(0)) == pytest.approx(1 - 0.602, abs=1e-3)


def test_a_model_that_failed_may_be_tried_again(tmp_path, written):
    faults = [OSError("gone")]

    def model(name, signal, folder):
        if faults:
            raise faults.pop()
        spool = Spool(folder, ("vocals", "drums"))
        spool.add(np.stack([signal, signal]))
        return spool

    tiered = TierRun(written(tiers(FAST, BEST)), model, np.ones((2, 9), np.float32), tmp_path)
    with pytest.raises(OSError, match="gone"):
        tiered.make(0)
    assert set(tiered.make(1)) == {"vocals", "drums"}


def test_features_have_closed_forms():
    random = np.random.default_rng(1)
    source, rest = random.normal(size=(2, 2, 200_000)).astype(np.float32)
    rest *= 2
    found = features_of(source + rest, source, [source])
    assert found["level"] == pytest.approx(10 * np.log10(1 / 5), abs=0.05)
    assert found["lean"] == pytest.approx(0, abs=0.01)
    leaky = features_of(source + rest, source + rest / 2, [source + rest, source])
    # ⟨s + r/2, r/2⟩ = 1, with energies 2 and 1; the models differ from it by r/2, of energy 1
    assert leaky["lean"] == pytest.approx(1 / np.sqrt(2), abs=0.01)
    assert leaky["spread"] == pytest.approx(10 * np.log10(1 / 2), abs=0.05)


@given(st.integers(1, 3), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-12, 1.0]))
def test_features_are_finite_and_do_not_depend_on_the_songs_level(models, seed, scale):
    signals = np.random.default_rng(seed).normal(size=(2 + models, 8)) * scale
    gram = signals @ signals.T
    found = features(gram)
    assert np.isfinite(found).all() and found.shape == (2 + (models > 1),)
    np.testing.assert_allclose(features(gram * 4.0), found, atol=1e-6)


def test_a_promise_is_the_mean_over_the_stems_at_hand():
    promise = promise_of({"vocals": {"intercept": 1, "lean": 2}, "bass": {"intercept": 3}})
    assert promise.of({"vocals": {"lean": 0.5}, "bass": {}}) == pytest.approx(2.5)
    assert promise.of({"bass": {}}) == 3
    assert promise.of({"drums": {}}) is None  # intercepts say nothing without their features
    mean = promise_of({"vocals": {"intercept": 1}, "bass": {"intercept": 3}})
    assert mean.of({"drums": {}}) == 2


DEMO = (
    "{name: fast, stems: {vocals: {band_split: 1.0}, drums: {band_split: 1.0}}}",
    "{name: best, stems: {vocals: {band_split: 0.5}, drums: {band_split: 1.0}}%s}",
)


@pytest.mark.parametrize(
    ("gain", "until", "tier"),
    [
        ("", None, "best"),
        ("", 0.0, "fast"),
        (", gain: {vocals: {intercept: 0.05}}", None, "fast"),
        (", gain: {vocals: {intercept: 0.2}}", None, "best"),
    ],
)
def test_a_song_is_answered_by_the_best_tier_that_is_worth_it_and_in_time(
    tmp_path, written, gain, until, tier
):
    text = tiers(DEMO[0], DEMO[1] % gain, more="worth_db: 0.1\n")
    recipe, told = written(text), []
    mixture = np.random.default_rng(2).normal(size=(2, 8000)).astype(np.float32)
    separator = RecipeSeparator(recipe, "cpu")
    made = separator(mixture, tmp_path, until=until, answered=lambda *of: told.append(of))
    (tmp_path / "alone").mkdir()
    alone = RecipeSeparator(recipe.tiers[["fast", "best"].index(tier)], "cpu")(
        mixture, tmp_path / "alone"
    )
    assert told == [(tier, "")]
    for stem, spool in alone.items():
        np.testing.assert_array_equal(made[stem].read(stem)[:, :], spool.read(stem)[:, :])


def test_a_better_tier_that_fails_leaves_the_one_before(tmp_path, written, monkeypatch):
    text = tiers(DEMO[0], "{name: best, stems: {vocals: {mixture: 1.0}, drums: {mixture: 1.0}}}")
    separator, told = RecipeSeparator(written(text), "cpu"), []
    load = separator._separator

    def fails(name):
        if name == "mixture":
            raise ModelError("mixture gave NaN.")
        return load(name)

    monkeypatch.setattr(separator, "_separator", fails)
    mixture = np.random.default_rng(2).normal(size=(2, 8000)).astype(np.float32)
    made = separator(mixture, tmp_path, answered=lambda *of: told.append(of))
    assert told == [("fast", "The tier best failed: mixture gave NaN.")]
    assert set(made) == {"vocals", "drums"}
