"""From a run's rows to recipes: what is fitted, what is refused, and that recipes keep their word."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import yaml

from stemwise import audio
from stemwise.core.errors import ConfigError
from stemwise.datasets.folder import Folder
from stemwise.decision import DecisionSettings, Fitting
from stemwise.decision import decide as decide_of
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.measurement.track_stem import measure_stem
from stemwise.models.registry import get, prepare
from stemwise.selection.oracle import add_scores
from stemwise.separation.recipe import Recipe, load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator
from stemwise.storage.estimates import EstimateStore

from ..conftest import make_song
from ..tables_of import content, frame

PAIR = ("snr", "bss_sdr")
MODELS = ("band_split", "hpss", "repet_sim")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Six songs of 1.5 s by three artists."""
    folder = tmp_path_factory.mktemp("songs")
    for number in range(6):
        song = make_song(folder / f"song-{number}", number)
        (song / "track.json").write_text(f'{{"artist": "artist {number % 3}", "genre": "rock"}}')
    return folder


@pytest.fixture(scope="module")
def rows(root, tmp_path_factory):
    """Rows of all tables of evaluating them with three classical models, without Ray."""
    pytest.importorskip("librosa", reason="librosa is not installed")
    return rows_of(root, tmp_path_factory.mktemp("store"))


def rows_of(root: Path, place: Path) -> dict[str, list[dict[str, object]]]:
    zoo = Zoo.load([prepare(get(name)) for name in MODELS], "cpu", None)
    evaluate = TrackEvaluator(zoo, EstimateStore(place), MetricSettings())
    found: dict[str, list[dict[str, object]]] = {}
    for track in Folder(root=root).tracks():
        for name, rows in evaluate(track).tables.items():
            found.setdefault(name, []).extend(rows)
    scores = add_scores(frame("scores", found["scores"]), lambda _: PAIR, "linear")
    return found | {"scores": scores.to_dicts()}


def decide(rows, fitting, run):
    return decide_of(content(rows), fitting, run)


def scores_of(decision):
    return [row for held in decision.scores for row in held.to_dicts()]


def fitting(candidates=MODELS, pair=PAIR, **settings):
    cost = {"band_split": 1.0, "hpss": 2.0, "repet_sim": None}
    return Fitting(candidates, lambda _: pair, "linear", DecisionSettings(**settings), cost, cost)


def saved(recipe, tmp_path):
    path = tmp_path / f"{recipe['name']}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return load_recipe(str(path))


def test_a_recipe_separates_what_its_prediction_says(root, tmp_path):
    """Measuring the recipe's own audio equals the forms of its models' audio to 1e-6 dB."""
    pytest.importorskip("librosa", reason="librosa is not installed")
    weights = {"band_split": 0.8, "hpss": 0.3}
    separator = RecipeSeparator(Recipe("mine", {"drums": weights}), "cpu")
    for number in range(2):
        song = root / f"song-{number}"
        stems = {path.stem: audio.load(path) for path in sorted(song.glob("*.wav"))}
        mixture = np.sum(list(stems.values()), axis=0)
        estimates = {
            name: separated(RecipeSeparator(load_recipe(name), "cpu"), mixture, tmp_path / name)
            for name in weights
        }
        single = measure_stem(stems["drums"], estimates)
        forms = single.forms()
        blend = separated(separator, mixture, tmp_path / "blend")
        measured = measure_stem(stems["drums"], {"mixture": blend})
        for name in ("snr", "si_sdr", "bss_sdr"):
            predicted = float(getattr(forms, name)(list(weights.values())))
            assert getattr(measured, name)("mixture") == pytest.approx(predicted, abs=1e-6)


def separated(separator, mixture, folder):
    with TemporaryDirectory(dir=folder.parent) as scratch:
        return np.asarray(separator(mixture, Path(scratch), ("drums",))["drums"].read("drums"))


def test_recipes_have_their_provenance_and_can_be_loaded(rows, tmp_path):
    decision = decide(rows, fitting(folds=3), "my run")
    assert set(decision.recipes) == {"deployable", "paper"}
    for recipe in decision.recipes.values():
        loaded = saved(recipe, tmp_path)
        assert set(loaded.stems) == {"vocals", "drums", "bass"} | ({"other"} & set(loaded.stems))
        facts = recipe["provenance"]
        assert (facts["dataset"], facts["tracks"], facts["run"]) == ("folder", 6, "my run")
        assert set(facts["oracle_gap_db"]) >= set(loaded.stems)
    deployable = decision.recipes["deployable"]["provenance"]
    mean, low, high = deployable["held_out_snr"]["drums"]
    assert low <= mean <= high
    paper = decision.recipes["paper"]
    assert all(list(weights.values()) == [1.0] for weights in paper["stems"].values())
    assert "most tracks" in paper["provenance"]["fitted_by"]


def test_the_ledger_has_every_level_of_every_stem(rows):
    decision = decide(rows, fitting(folds=3), "run")
    levels = {(row["stem"], row["level"]) for row in decision.regret.iter_rows(named=True)}
    expected = {"best_single", "recipe", "track_oracle", "segment_oracle", "equal_models"}
    assert {level for stem, level in levels if stem == "drums"} == expected
    steps = [row for row in decision.front.iter_rows(named=True) if row["stem"] == "drums"]
    assert [row["step"] for row in steps] == [1, 2]
    means = [row["mean_score"] for row in steps]
    assert means == sorted(means)  # another model never hurts where it is fitted
    assert steps[-1]["seconds_per_minute"] == 3.0


def test_the_recipes_own_rows_are_held_out_and_matched(rows):
    decision = decide(rows, fitting(folds=3), "run")
    drums = [row for row in scores_of(decision) if row["stem"] == "drums"]
    assert [row["track_id"] for row in drums] == [f"song-{i}" for i in range(6)]
    assert {row["model"] for row in drums} == {"recipe:deployable"}
    held = decision.recipes["deployable"]["provenance"]["held_out_snr"]["drums"][0]
    assert np.mean([row["snr"] for row in drums]) == pytest.approx(held, abs=1e-4)
    assert all(row["paper_sdr"] == row["bss_sdr"] for row in drums)


def test_a_protocol_that_needs_audio_fits_nothing_and_says_so(rows):
    decision = decide(rows, fitting(pair=("snr", "museval_sdr")), "run")
    assert decision.recipes == {} and decision.regret.is_empty()
    assert "museval_sdr" in decision.notes[0]


def test_without_a_common_track_nothing_is_fitted_and_it_is_said(rows):
    decision = decide(dict(rows, scores=[]), fitting(), "run")
    assert decision.recipes == {} and "no stem" in decision.notes[0]


def test_sums_of_stems_are_no_part_of_a_recipe(rows):
    """repet_sim's instrumental is everything but vocals: other models make that up already."""
    decision = decide(rows, fitting(folds=3), "run")
    assert "instrumental" not in decision.recipes["deployable"]["stems"]
    alone = decide(rows, fitting(("repet_sim",), folds=3), "run").recipes["deployable"]
    assert set(alone["stems"]) == {"vocals", "instrumental"} and "remainder" not in alone


@pytest.mark.parametrize("change", [{"folds": 1}, {"segment_s": 0.0}, {"seed": -1}])
def test_settings_that_cannot_be_meant_are_refused(change):
    with pytest.raises(ConfigError, match="decision"):
        DecisionSettings(**change)
    with pytest.raises(ConfigError, match="best"):
        DecisionSettings(strategy="best")


def with_level2(rows, below):
    """Add drums once more as lead vocals that were measured below the vocals of `below`."""
    place = {"parent": "vocals", "parent_source": "estimate", "stem": "lead_vocals"}
    return {
        name: [
            *group,
            *(
                row | place | {"parent_model": below}
                for row in group
                if row.get("stem") == "drums" and row.get("model") in (None, "hpss")
            ),
        ]
        for name, group in rows.items()
    }


def test_sub_stems_below_another_parent_are_neither_claimed_nor_scored(rows):
    """The recipe takes vocals from one model, the run took those of another apart."""
    two = fitting(("band_split", "hpss"), folds=3)
    (best,) = decide(rows, two, "run").recipes["deployable"]["stems"]["vocals"]
    found = decide(with_level2(rows, best), two, "run")
    facts = found.recipes["deployable"]["provenance"]
    assert found.unclaimed == [] and "lead_vocals" in facts["held_out_snr"]
    assert facts["parent_models"] == {"vocals": best}
    assert {row["stem"] for row in scores_of(found)} >= {"lead_vocals", "vocals"}

    other = next(model for model in MODELS if model != best)
    found = decide(with_level2(rows, other), two, "run")
    assert [item.stems for item in found.unclaimed] == [("lead_vocals",)]
    recipe = found.recipes["deployable"]
    assert recipe["children"]["vocals"]["lead_vocals"] == {"hpss": 1.0}
    assert "lead_vocals" not in recipe["provenance"]["held_out_snr"]
    assert recipe["provenance"]["parent_models"] == {"vocals": other}
    assert "lead_vocals" not in {row["stem"] for row in scores_of(found)}
    assert {row["stem"] for row in scores_of(found)} >= {"vocals"}


def test_finished_files_are_said_to_be_no_candidates(rows):
    files = [row | {"model": "file:tool"} for row in rows["scores"] if row["model"] == "hpss"]
    found = decide(dict(rows, scores=[*rows["scores"], *files]), fitting(folds=3), "run")
    assert found.recipes and "file:tool" in found.notes[0]
    alone = decide(dict(rows, scores=files), fitting((), folds=3), "run")
    assert alone.recipes == {} and "file:tool are estimates of other tools" in alone.notes[0]


def test_the_papers_gap_to_the_oracle_is_its_own(rows):
    """Not that of the deployable recipe: the oracle against the model that wins most tracks."""
    found = decide(rows, fitting(folds=3), "run")
    paper = found.recipes["paper"]
    ((winner, _),) = paper["stems"]["drums"].items()
    score = {
        (row["track_id"], row["model"]): row["score"]
        for row in rows["scores"]
        if row["stem"] == "drums" and row["model"] in ("band_split", "hpss")
    }
    tracks = {track for track, _ in score}
    best = [max(score[track, m] for m in ("band_split", "hpss")) for track in tracks]
    own = [score[track, winner] for track in tracks]
    gap = np.mean(best) - np.mean(own)
    assert paper["provenance"]["oracle_gap_db"]["drums"] == pytest.approx(gap, abs=1e-4)
    assert "established" not in paper["provenance"]


def test_no_recipe_is_written_that_nobody_could_read(rows):
    """Parts of drums of songs that are no recordings of drums alone: there is nothing to begin with."""
    moved = with_level2(rows, "hpss")
    scores = [row for row in moved["scores"] if row["parent"] == "vocals"]
    found = decide(dict(moved, scores=scores), fitting(("hpss",), folds=3), "run")
    assert found.recipes == {} and found.scores == []
    assert "not all songs are recordings of that stem alone" in found.notes[0]
