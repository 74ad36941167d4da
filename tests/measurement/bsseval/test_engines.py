"""Both engines behind one protocol: the same scores from the same signals."""

import numpy as np
import pytest

from stemwise.core.errors import ConfigError
from stemwise.measurement.bsseval import torch_engine
from stemwise.measurement.bsseval.engines import ENGINES, load_engine
from stemwise.measurement.bsseval.scores import METRICS, median

RATE = 44_100


@pytest.fixture
def pair(noise):
    """Return references, estimates and mixture of two stems, 2.2 s."""
    samples = int(2.2 * RATE)
    true = {"vocals": noise(samples), "drums": noise(samples, seed=1)}
    ramp = np.linspace(0.02, 0.3, samples, dtype=np.float32)
    found = {"drums": 0.9 * true["drums"], "vocals": true["vocals"] + ramp * true["drums"]}
    for stem in found:
        found[stem] += 0.01 * noise(samples, seed=len(stem))
    return true, found, true["vocals"] + true["drums"]


def test_engines_agree(pair):
    ours, museval = (load_engine(name)(*pair) for name in ENGINES)
    assert list(ours) == list(museval) == ["vocals", "drums"]
    for stem, values in ours.items():
        assert tuple(values) == METRICS
        assert values == pytest.approx(museval[stem], abs=1e-6)


def test_engines_agree_on_a_single_stem_and_its_complement(pair):
    true, found, mixture = pair
    alone = [{"vocals": signals["vocals"]} for signals in (true, found)]
    ours, museval = (load_engine(name)(*alone, mixture) for name in ENGINES)
    assert set(ours) == {"vocals"}
    assert ours["vocals"] == pytest.approx(museval["vocals"], abs=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", ["reference", "estimate", "perfect"])
def test_what_no_frame_defines_is_null(pair, engine, case):
    """Ratios without an error are infinite; museval's tables leave them out, and so do we."""
    true, found, mixture = pair
    if case == "perfect":
        found = {stem: x.copy() for stem, x in true.items()}
    else:
        ({"reference": true, "estimate": found}[case])["drums"] = 0 * mixture
    scores = load_engine(engine)(true, found, mixture)
    assert scores == {stem: dict.fromkeys(METRICS) for stem in true}


def test_models_of_equal_stems_share_the_references_system(pair, monkeypatch):
    true, found, mixture = pair
    built = []

    class Counted(torch_engine.BssEval):
        def __init__(self, references, **kinds):
            built.append(tuple(references))
            super().__init__(references, **kinds)

    monkeypatch.setattr(torch_engine, "BssEval", Counted)
    engine = load_engine("torch")
    half = {stem: 0.5 * y for stem, y in found.items()}
    shuffled = dict(reversed(true.items()))
    first, second = engine(true, found, mixture), engine(shuffled, half, mixture)
    assert built == [("drums", "vocals")]
    assert first["vocals"]["museval_sdr"] > second["vocals"]["museval_sdr"] + 3
    assert first == load_engine("torch")(true, found, mixture)
    engine({"vocals": true["vocals"]}, {"vocals": found["vocals"]}, mixture)
    assert built[-1] == ("the rest", "vocals")


def test_uncertain_references_are_told_once_per_set_of_stems(pair):
    true, found, mixture = pair
    true = {stem: np.repeat(x[:, ::20], 20, axis=1)[:, : x.shape[1]] for stem, x in true.items()}
    true["drums"] = np.cumsum(np.cumsum(true["drums"], axis=1), axis=1).astype(np.float32)
    told = []
    engine = load_engine("torch", told.append)
    for _ in range(2):
        engine(true, found, mixture)
    assert len(told) == 1
    assert "drums, vocals" in told[0]


def test_medians_leave_out_what_is_undefined_or_infinite():
    nan, inf = np.nan, np.inf
    assert median(np.array([nan, 1.0, 4.0, 2.0])) == 2
    assert median(np.array([inf, 306.2, 3.0, 1.0])) == 2
    assert median(np.array([nan, inf, -inf])) is None


def test_an_unknown_engine():
    with pytest.raises(ConfigError, match=r"matlab.*torch, museval"):
        load_engine("matlab")
