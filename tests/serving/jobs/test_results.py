"""What is said of finished stems, against closed forms."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.audio.raw import RawAudio
from stemwise.separation.ensembles.spec import parse
from stemwise.separation.recipe import Recipe
from stemwise.separation.spool import FULL_SCALE, Spool, common_gain
from stemwise.serving.files.job_files import JobFiles
from stemwise.serving.jobs import results


def constant(value: float, length: int = 100) -> np.ndarray:
    return np.full((2, length), value, np.float32)


def noise(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (2, length)).astype(np.float32)


@pytest.fixture
def spools(tmp_path: Path):
    """Return a function (stem=samples, …) → stem → spool."""

    def make(**signals: np.ndarray) -> dict[str, Spool]:
        made = {}
        for stem, signal in signals.items():
            made[stem] = Spool(tmp_path, [stem])
            made[stem].add(signal[None])
        return made

    return make


@pytest.mark.parametrize(
    ("length", "step", "count"),
    [
        (1, 1, 1),
        (1999, 1, 1999),
        (2000, 1, 2000),
        (2001, 2, 1001),
        (4000, 2, 2000),
        (4001, 3, 1334),
    ],
)
def test_a_waveform_has_at_most_2000_peaks_of_equal_stretches(
    length: int, step: int, count: int
) -> None:
    found, peaks = results.waveform(noise(length))
    assert (found, len(peaks)) == (step, count)
    assert math.ceil(length / step) == count


def test_a_waveform_of_a_ramp_is_its_last_samples() -> None:
    ramp = np.stack([np.arange(6000) / 6000, -np.arange(6000) / 12000]).astype(np.float32)
    step, peaks = results.waveform(ramp)
    assert step == 3
    assert peaks == [round((3 * place + 2) / 6000, 4) for place in range(2000)]


def test_a_waveform_is_of_both_channels_and_may_exceed_one() -> None:
    signal = np.array([[0.1, -0.2, 0.3], [-3.0, 0.1, 0.0]], np.float32)
    assert results.waveform(signal) == (1, [3.0, 0.2, 0.3])


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 400), count=st.integers(1, 40), block=st.integers(1, 60))
def test_a_waveform_does_not_depend_on_how_it_is_read(length: int, count: int, block: int) -> None:
    signal = noise(length, seed=length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "_BLOCK", block)
        step, peaks = results.waveform(signal, count)
    expected = [
        round(float(np.abs(signal[:, start : start + step]).max()), 4)
        for start in range(0, length, step)
    ]
    assert step == math.ceil(length / count) and peaks == expected and len(peaks) <= count


def test_levels_in_closed_form() -> None:
    assert results.rms_dbfs([constant(1.0)], [1.0]) == pytest.approx(0.0)
    assert results.rms_dbfs([constant(0.1)], [1.0]) == pytest.approx(-20.0, abs=1e-4)
    one_channel = constant(1.0)
    one_channel[1] = 0
    assert results.rms_dbfs([one_channel], [1.0]) == pytest.approx(-3.0103, abs=1e-4)
    sine = np.tile(np.sin(2 * np.pi * np.arange(1000) / 100), (2, 1)).astype(np.float32)
    assert results.rms_dbfs([sine], [1.0]) == pytest.approx(-3.0103, abs=1e-4)


def test_levels_of_differences_and_of_silence() -> None:
    half = constant(0.5)
    assert results.rms_dbfs([half, half], [1.0, -1.0]) is None
    assert results.rms_dbfs([constant(0.0)], [1.0]) is None
    mixed = results.rms_dbfs([half, constant(0.2), constant(0.2)], [1.0, -1.0, -1.0])
    assert mixed == pytest.approx(-20.0, abs=1e-3)
    tiny = results.rms_dbfs([constant(2.0**-140)], [1.0])  # a denormal float32
    assert tiny == pytest.approx(20 * math.log10(2.0**-140))


def test_levels_do_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = noise(1000)
    whole = results.rms_dbfs([signal], [1.0])
    monkeypatch.setattr(results, "_BLOCK", 7)
    assert results.rms_dbfs([signal], [1.0]) == pytest.approx(whole, rel=1e-12)


FULL = Recipe("full", {"vocals": {"m": 1.0}, "drums": {"m": 1.0}}, remainder="other")
NESTED = Recipe(
    "nested",
    {"vocals": {"m": 1.0}, "drums": {"m": 0.5, "n": 0.5}},
    children={"drums": {"kick": {"p": 1.0}, "snare": {"p": 0.5, "q": 0.5}}},
    rests={"drums": "drums_rest"},
)


def parents(found: list[dict]) -> dict[str, list[str]]:
    return {item["parent"]: item["stems"] for item in found}


def test_conservation_with_a_remainder(spools) -> None:
    made = spools(vocals=constant(0.25), drums=constant(0.125), other=constant(0.125))
    assert results.conservation(FULL, constant(0.5), made) == [
        {
            "parent": "mixture",
            "stems": ["vocals", "drums", "other"],
            "difference_dbfs": None,
            "exact": True,
        }
    ]


def test_conservation_says_what_is_missing(spools) -> None:
    recipe = Recipe("r", dict(FULL.stems))
    made = spools(vocals=constant(0.25), drums=constant(0.15))
    [item] = results.conservation(recipe, constant(0.5), made)
    assert item["stems"] == ["vocals", "drums"] and not item["exact"]
    assert item["difference_dbfs"] == pytest.approx(-20.0, abs=1e-3)


@pytest.mark.parametrize("left_out", ["vocals", "drums", "other"])
def test_conservation_is_said_of_complete_sets_only(spools, left_out: str) -> None:
    signals = {stem: constant(0.1) for stem in ("vocals", "drums", "other") if stem != left_out}
    assert results.conservation(FULL, constant(0.5), spools(**signals)) == []


def test_conservation_of_a_parent_with_its_rest(spools) -> None:
    everything = {
        "vocals": constant(0.25),
        "drums": constant(0.25),
        "kick": constant(0.125),
        "snare": constant(0.0625),
        "drums_rest": constant(0.0625),
    }
    found = results.conservation(NESTED, constant(0.5), spools(**everything))
    assert parents(found) == {
        "mixture": ["vocals", "drums"],
        "drums": ["kick", "snare", "drums_rest"],
    }
    assert all(item["exact"] for item in found)


@pytest.mark.parametrize(
    ("stems", "said"),
    [
        (("drums", "kick", "snare", "drums_rest"), {"drums"}),
        (("drums", "kick", "snare"), set()),  # the rest is missing
        (("kick", "snare", "drums_rest"), set()),  # the parent is missing
        (("vocals", "drums"), {"mixture"}),
        (("kick",), set()),
    ],
)
def test_conservation_of_subsets(spools, stems: tuple[str, ...], said: set[str]) -> None:
    made = spools(**{stem: constant(0.1) for stem in stems})
    assert set(parents(results.conservation(NESTED, constant(0.5), made))) == said


@pytest.mark.parametrize(
    ("stems", "summed"),
    [
        (("vocals", "instrumental"), ["vocals", "instrumental"]),
        (
            ("vocals", "drums", "bass", "other", "instrumental"),
            ["vocals", "drums", "bass", "other"],
        ),
        (("lead_vocals", "backing_vocals", "vocals", "other"), ["vocals", "other"]),
    ],
)
def test_conservation_counts_nothing_twice(spools, stems, summed: list[str]) -> None:
    recipe = Recipe("r", {stem: {"m": 1.0} for stem in stems})
    made = spools(**{stem: constant(0.1) for stem in stems})
    assert parents(results.conservation(recipe, constant(0.5), made)) == {"mixture": summed}


def test_an_instrumental_stem_beside_a_remainder_is_counted_as_it_was_subtracted(spools) -> None:
    stems = {"vocals": {"m": 1.0}, "instrumental": {"m": 1.0}}
    recipe = Recipe("r", stems, remainder="other")
    made = spools(vocals=constant(0.25), instrumental=constant(0.125), other=constant(0.125))
    [item] = results.conservation(recipe, constant(0.5), made)
    assert set(item["stems"]) == {"vocals", "instrumental", "other"} and item["exact"]


def test_one_gain_keeps_the_loudest_stem_below_full_scale(spools) -> None:
    quiet, loud = spools(a=constant(0.5)), spools(a=constant(0.5), b=constant(-2.0))
    assert common_gain(quiet, "flac") == 1.0
    assert common_gain(loud, "flac") == FULL_SCALE / 2
    assert common_gain(loud, "wav") == 1.0
    assert common_gain(spools(c=constant(1.0)), "flac") == FULL_SCALE
    assert common_gain(spools(d=constant(FULL_SCALE)), "flac") == 1.0


@pytest.mark.parametrize(
    ("recipe", "stem", "parent", "models"),
    [
        (FULL, "vocals", "mixture", {"m": 1.0}),
        (FULL, "other", "mixture", {"m": -1.0}),
        (NESTED, "drums", "mixture", {"m": 0.5, "n": 0.5}),
        (NESTED, "snare", "drums", {"p": 0.5, "q": 0.5}),
        (NESTED, "drums_rest", "drums", {"p": -1.0, "q": -1.0}),
    ],
)
def test_where_a_stem_comes_from(recipe: Recipe, stem: str, parent: str, models: dict) -> None:
    assert results.origin(recipe, stem) == (parent, None, models)


def test_the_models_of_an_ensemble_without_weights_have_none() -> None:
    median = parse({"kind": "median", "models": ["a", "b", "c"]}, "here")
    found = results.origin(Recipe("r", {"drums": median}, remainder="rest"), "drums")
    assert found == ("mixture", "median", dict.fromkeys("abc"))


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"vocals": [5.0, 4.0, 6.0]}, {"vocals": [5.0, 4.0, 6.0]}),
        ({"vocals": (5, None, None)}, {"vocals": [5, None, None]}),
        ({"vocals": [5.0, 4.0], "drums": "loud", "bass": [1, 2, "x"]}, {}),
        ({"vocals": [math.nan, 4.0, 6.0], "drums": [1.0, -math.inf, math.inf]}, {}),
        ({"vocals": [True, 4.0, 6.0]}, {}),
        ([1, 2], {}),
        (None, {}),
    ],
)
def test_quality_is_what_the_recipe_says_in_full(known: object, said: dict) -> None:
    assert results.quality(Recipe("r", provenance={"held_out_snr": known})) == said


@pytest.mark.parametrize(
    ("kind", "subtype", "tolerance"), [("wav", "FLOAT", 0), ("flac", "PCM_24", 2.0**-23)]
)
def test_a_stem_is_encoded_drawn_and_described(
    tmp_path: Path, spools, kind: str, subtype: str, tolerance: float
) -> None:
    files = JobFiles(str(tmp_path / "files"), tmp_path / "cache")
    signal = noise(5000)
    folder = tmp_path / "scratch"
    folder.mkdir()
    facts = results.write_stem("job", "bass", spools(bass=signal)["bass"], kind, 0.5, files, folder)
    path = files.local(results.stem_key("job", "bass", kind))
    samples, _ = soundfile.read(path, dtype="float32")
    assert soundfile.info(path).subtype == subtype
    np.testing.assert_allclose(samples.T, 0.5 * signal, atol=tolerance, rtol=0)
    level = 10 * math.log10(np.mean(np.square(signal, dtype=np.float64)))
    assert facts == {
        "bytes": path.stat().st_size,
        "peak": float(np.abs(signal).max()),
        "rms_dbfs": pytest.approx(level),
    }
    drawn = json.loads(files.local(results.peaks_key("job", "bass")).read_text())
    step, peaks = results.waveform(signal)  # before the gain, as the levels are
    assert drawn == {"stem": "bass", "samples_per_peak": step, "peaks": peaks}
    assert list(folder.iterdir()) == []


def test_signals_on_disk_are_read_as_those_in_memory(tmp_path: Path) -> None:
    signal = noise(3000)
    path = tmp_path / "signal.f32"
    np.ascontiguousarray(signal.T).tofile(path)
    on_disk = RawAudio(path, 3000)
    assert results.waveform(on_disk) == results.waveform(signal)
    assert results.rms_dbfs([on_disk], [1.0]) == results.rms_dbfs([signal], [1.0])
