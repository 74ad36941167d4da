"""What is predicted of a song's stems, from the audio on disk as from the tables of the benchmark."""

import numpy as np
import pytest

from stemwise.measurement.gram import gram as packed
from stemwise.measurement.gram import unpack
from stemwise.separation.products import products
from stemwise.separation.quality import AGREEMENT, features
from stemwise.separation.quality.songs import Origin, predicted, stem_features
from stemwise.separation.recipe import load_recipe
from stemwise.separation.spool import Spool
from stemwise.separation.tier_run import TierRun

GAINS = {"m": {"vocals": 0.5, "drums": 0.25}, "n": {"vocals": 0.3}, "p": {"kick": 0.6}}
LINE = (
    "coefficients: [1.0], intercept: 2.0, sigma: 1.0, half_width: 1.5, ranges: [[-60, 60]], "
    "rank_correlation: 0.9, rank_correlation_of_level: 0.9, tracks: 12, artists: 12"
)
RECIPE = f"""
stems: {{vocals: {{m: 0.25, n: 0.75}}, drums: {{m: 1.0}}}}
children: {{drums: {{kick: {{p: 1.0}}}}}}
remainder: other
quality:
  vocals: {{features: [agreement], {LINE}}}
  kick: {{features: [level], {LINE}}}
"""


def run_model(model, heard, folder):
    """Filters that differ by model, so that no two estimates are the same up to a gain."""
    signal = np.asarray(heard[:, :])
    spool = Spool(folder, GAINS[model])
    late = np.roll(signal, len(model) + ord(model) % 3, axis=1)
    spool.add(np.stack([g * signal + (0.4 - g) * late for g in GAINS[model].values()]))
    return spool


@pytest.fixture
def run(tmp_path):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    mixture = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 70_001)).astype(np.float32)

    def start(wanted=()):
        made = TierRun(
            load_recipe(str(tmp_path / "recipe.yaml")), run_model, mixture, tmp_path, wanted
        )
        return made, {stem: future.result() for stem, future in made.make(0).items()}

    return mixture, start


def test_products_are_those_of_the_benchmark():
    signals = np.random.default_rng(0).uniform(-1, 1, (3, 2, 70_001))
    assert products(list(signals)) == pytest.approx(unpack(packed(signals)), rel=1e-12)


def test_features_of_the_audio_are_those_of_the_table(run, tmp_path):
    mixture, start = run
    work, made = start()
    origin = work._origins[0]["vocals"]
    found = stem_features("vocals", origin, made["vocals"])
    estimates = [origin.models[model].result().read("vocals")[:, :] for model in ("m", "n")]
    # the table has the models and the mixture, and the blend follows from its weights
    table = unpack(packed(np.array([mixture, *estimates], dtype=np.float64)))
    rows = np.array([[1, 0, 0], [0, 0.25, 0.75], [0, 1, 0], [0, 0, 1]])
    expected = features(rows @ table @ rows.T, [0.25, 0.75])
    assert found == pytest.approx({n: float(v) for n, v in expected.items()}, abs=1e-6)


def test_stems_of_both_levels_are_predicted(run):
    _, start = run
    work, made = start()
    told = work.predicted(0, made)
    assert set(told) == {"vocals", "kick"}
    origins = work._origins[0]
    agreement = stem_features("vocals", origins["vocals"], made["vocals"])[AGREEMENT]
    assert told["vocals"] == pytest.approx((2 + agreement, 0.5 + agreement, 3.5 + agreement))
    heard, kick = made["drums"].read("drums")[:, :], made["kick"].read("kick")[:, :]
    level = 10 * np.log10(float((kick**2).sum() / (heard**2).sum()))
    assert told["kick"][0] == pytest.approx(2 + level, abs=1e-4)


def test_a_part_is_predicted_though_its_parent_was_not_asked_for(run):
    _, start = run
    work, made = start(("kick",))
    assert set(made) == {"kick"} and set(work.predicted(0, made)) == {"kick"}


def test_what_was_not_made_or_has_no_origin_is_not_predicted(run, tmp_path):
    _, start = run
    work, made = start()
    quality = load_recipe(str(tmp_path / "recipe.yaml")).quality
    assert predicted(quality, {}, made) == {}
    assert set(predicted(quality, work._origins[0], {"kick": made["kick"]})) == {"kick"}
    assert isinstance(work._origins[0]["kick"], Origin)
