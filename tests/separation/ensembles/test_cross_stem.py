"""Weights over all stems: what recipes say, what is refused, and that they run as measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from stemwise.audio.raw import Signal
from stemwise.core.errors import ConfigError
from stemwise.core.types import Audio
from stemwise.evaluation.cross_stem import CrossStem
from stemwise.evaluation.ensemble import blended
from stemwise.evaluation.outputs import Output
from stemwise.evaluation.rows import Origin
from stemwise.measurement.matching import Match
from stemwise.measurement.references import ReferenceProducts
from stemwise.measurement.track_stem import measure_stem
from stemwise.separation.ensembles.spec import Ensemble, models_of, parse, sources_of
from stemwise.separation.recipe import Recipe, load_recipe
from stemwise.separation.recipe_run import run_recipe
from stemwise.separation.spool import Spool

SAMPLES = 70_000  # more than a stretch
STEMS = ("vocals", "drums")
WEIGHTS = {"a/drums": 0.7, "b/drums": 0.4, "a/vocals": -0.2, "mixture": 0.05, "wiener/drums": 0.2}
MASKS = {"vocals": ["a", "b"], "drums": ["a", "b"]}
VALUE = {"kind": "cross_stem", "weights": WEIGHTS, "wiener": MASKS}


def _noise(seed: int) -> Audio:
    noise = np.random.default_rng(seed).standard_normal((2, SAMPLES + 4)).astype(np.float32)
    return 0.1 * sum(noise[:, place : place + SAMPLES] for place in range(5))


@pytest.fixture(scope="module")
def references() -> dict[str, Audio]:
    return {stem: _noise(number) for number, stem in enumerate(STEMS)}


@pytest.fixture(scope="module")
def mixture(references: dict[str, Audio]) -> Audio:
    return references["vocals"] + references["drums"]


@pytest.fixture(scope="module")
def estimates(references: dict[str, Audio], mixture: Audio) -> dict[str, dict[str, Audio]]:
    """Return what two models with bleed make."""
    return {
        model: {stem: own + np.float32(bleed) * mixture for stem, own in references.items()}
        for model, bleed in (("a", 0.2), ("b", -0.3))
    }


@pytest.fixture
def outputs(estimates: dict[str, dict[str, Audio]]) -> dict[str, Output]:
    return {name: Output(STEMS, Origin(name), own.__getitem__) for name, own in estimates.items()}


def _recipe() -> Recipe:
    return Recipe("mine", {"drums": parse(VALUE, "mine")}, remainder="vocals")


def test_the_recipe_runs_as_it_is_predicted_and_as_it_is_measured(
    references: dict[str, Audio],
    mixture: Audio,
    estimates: dict[str, dict[str, Audio]],
    outputs: dict[str, Output],
    tmp_path: Path,
) -> None:
    """Scores from the table `cross`, of the run recipe and of the benchmark's row are the same."""

    def run_model(model: str, heard: Signal, folder: Path) -> Spool:
        spool = Spool(folder, STEMS)
        spool.add(np.stack([estimates[model][stem] for stem in STEMS]))
        return spool

    spools = run_recipe(_recipe(), run_model, mixture, tmp_path)
    served = np.asarray(spools["drums"].result().read("drums"))
    row = blended(_recipe(), outputs, mixture)
    assert row.read is not None
    np.testing.assert_array_equal(served, row.read("drums"))
    rest = np.asarray(spools["vocals"].result().read("vocals"))
    np.testing.assert_allclose(rest, mixture - served, atol=1e-6)
    beside = ReferenceProducts(references.__getitem__, 1.0).beside(["vocals"])
    measured = measure_stem(references["drums"], {"mixture": served}, beside=beside)
    found = CrossStem(("a", "b")).forms(
        {"drums": references["drums"]}, {"drums": beside}, outputs, mixture
    )["drums"]
    weights = [WEIGHTS.get(name, 0.0) for name in found.models]
    assert set(WEIGHTS) < set(found.models) and "wiener/vocals" in found.models
    for name in ("snr", "si_sdr", "bss_sdr"):
        predicted = float(getattr(found, name)(weights))
        assert getattr(measured, name)("mixture") == pytest.approx(predicted, abs=1e-3), name


def test_only_stems_that_a_model_makes_by_itself_are_targets() -> None:
    wanted = {
        "drums": {"a": Match("drums", ("drums",), True)},
        "other+piano": {"a": Match("other+piano", ("other", "piano"), True)},
        "bass": {"tool": Match("bass", ("bass",), True)},
    }
    assert CrossStem(("a", "b")).targets(wanted) == ["drums"]


def test_a_recipe_tells_models_and_estimates_and_is_written_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"name": "mine", "stems": {"drums": VALUE}}))
    value = load_recipe(str(path)).stems["drums"]
    assert isinstance(value, Ensemble) and models_of(value) == ("a", "b")
    every = {(model, stem) for model in "ab" for stem in STEMS}
    assert set(sources_of(value, "drums")) == every
    assert parse(value.written(), "again") == value


def test_without_a_wiener_estimate_no_mask_is_made() -> None:
    value = parse({**VALUE, "weights": {"a/drums": 1.0}}, "mine")
    assert models_of(value) == ("a",) and sources_of(value, "drums") == (("a", "drums"),)


@pytest.mark.parametrize(
    ("weights", "wiener", "told"),
    [
        ({"a": 1.0}, {}, "'a' is no signal"),
        ({"wiener/drums": 1.0, "a/drums": 1.0}, {}, "wiener must map drums"),
        ({"mixture": 1.0}, {}, "some model"),
        ({"a/drums": "loud"}, {}, "'loud'"),
        ({"a/drums": float("nan")}, {}, "nan"),
        ({"wiener/drums": 1.0}, {"drums": "a"}, "list of models"),
        ([], {}, "must map signals"),
    ],
)
def test_what_cannot_be_used_is_said(weights: object, wiener: object, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse({"kind": "cross_stem", "weights": weights, "wiener": wiener}, "mine.yaml")


def test_a_stem_that_a_model_lacks_is_named(outputs: dict[str, Output], mixture: Audio) -> None:
    value = parse({"kind": "cross_stem", "weights": {"a/bass": 1.0}}, "mine")
    made = blended(Recipe("mine", {"drums": value}), outputs, mixture)
    assert made.error is not None and "bass of 'a'" in made.error
