"""audio-separator's ensemble presets become recipes: weights where they are linear, kinds elsewhere."""

from __future__ import annotations

import json
import os
import subprocess

import numpy as np
import pytest
import torch

from stemwise.core.errors import ConfigError
from stemwise.jobs.run_recipes import with_their_models
from stemwise.models.audio_separator_process import PYTHON_VARIABLE
from stemwise.separation import presets
from stemwise.separation.ensembles.apply import combined
from stemwise.separation.ensembles.kinds import kinds
from stemwise.separation.ensembles.spec import models_of, parse
from stemwise.separation.presets import ALGORITHMS, PREFIX, content
from stemwise.separation.recipe import load_recipe

LINEAR = {"instrumental_low_resource", "vocal_balanced", "vocal_rvc", "karaoke"}
SIX_AND_FOUR = ["BS-Roformer-SW.ckpt", "model_scnet_ep_36_sdr_10.0891.ckpt"]
KINDS = {
    "instrumental_clean": "stft_max",
    "instrumental_full": "stft_max",
    "instrumental_balanced": "stft_max",
    "vocal_clean": "stft_min",
    "vocal_full": "stft_max",
}


def mine(tmp_path, **preset):
    """Return the name of a preset in a file of one's own."""
    path = tmp_path / "mine.json"
    made = {"models": ["a.ckpt", "b.ckpt"], "algorithm": "avg_wave"} | preset
    path.write_text(json.dumps({"version": 1, "presets": {"one": made}}))
    return f"{PREFIX}{path}:one"


def test_all_nine_are_known_and_each_is_what_its_algorithm_is():
    assert {*presets.names()} == LINEAR | set(KINDS)
    for name in presets.names():
        made = content(PREFIX + name)
        assert made["name"] == f"preset-{name}" and len(made["models"]) >= 2
        assert set(made["stems"]) == {"vocals", "instrumental"}
        assert all(e["base"].startswith("audio_separator:") for e in made["models"].values())
        for how in made["stems"].values():
            if name in LINEAR:
                assert how == dict.fromkeys(made["models"], pytest.approx(1 / len(made["models"])))
            else:
                assert how == {"kind": KINDS[name], "models": list(made["models"])}


@pytest.mark.parametrize("name", presets.names())
def test_presets_load_as_recipes(name):
    recipe = load_recipe(PREFIX + name)
    assert recipe.name == f"preset-{name}" and set(recipe.stems) == {"vocals", "instrumental"}
    for how in recipe.stems.values():
        assert getattr(how, "kind", None) == KINDS.get(name)
    for model in models_of(recipe.stems["vocals"]):
        assert recipe.spec(model).target.endswith("AudioSeparatorModel")


def test_every_algorithm_is_weights_or_a_kind_that_there_is():
    assert {kind for kind in ALGORITHMS.values() if kind} <= set(kinds())


def test_the_average_of_spectra_is_the_average_of_signals():
    """Why avg_fft needs no STFT here: audio-separator's has hops of half a window."""
    torch.manual_seed(0)
    one, other = torch.randn(2, 8192, dtype=torch.float64)
    stft = {"n_fft": 2048, "hop_length": 1024, "window": torch.hann_window(2048).double()}
    spectra = [torch.stft(x, **stft, return_complex=True) for x in (one, other)]
    joined = torch.istft(0.75 * spectra[0] + 0.25 * spectra[1], **stft, length=8192)
    assert torch.allclose(joined, 0.75 * one + 0.25 * other, atol=1e-12)


THEIRS = """
import logging, sys
import numpy as np
from audio_separator.separator.ensembler import Ensembler
signals = list(np.load(sys.argv[1]))
for name in sys.argv[3:]:
    made = Ensembler(logging.getLogger(), name, None).ensemble([one.copy() for one in signals])
    np.save(f"{sys.argv[2]}/{name}.npy", made)
"""


@pytest.mark.skipif(PYTHON_VARIABLE not in os.environ, reason=f"{PYTHON_VARIABLE} is not set")
def test_every_algorithm_equals_audio_separators(tmp_path):
    signals = np.random.default_rng(0).standard_normal((3, 2, 40_000)).astype(np.float32)
    np.save(tmp_path / "signals.npy", signals)
    arguments = ["-c", THEIRS, str(tmp_path / "signals.npy"), str(tmp_path), *ALGORITHMS]
    subprocess.run([os.environ[PYTHON_VARIABLE], *arguments], check=True)
    for algorithm, kind in ALGORITHMS.items():
        expected = np.load(tmp_path / f"{algorithm}.npy")
        found = signals.mean(axis=0)
        if kind is not None:
            made = parse({"kind": kind, "models": ["a", "b", "c"]}, "here")
            found = np.concatenate(list(combined(made, list(signals))), axis=1)
        # UVR's two lose the last part of a hop; the others end it otherwise
        found, expected = found[:, :39_000], expected[:, :39_000]
        noise = np.square(found - expected).sum() / np.square(expected).sum()
        assert 10 * np.log10(noise + 1e-20) < -115, algorithm


def test_a_run_takes_the_rest_of_the_mixture_from_a_preset_too(tmp_path):
    files = ["vocals_mel_band_roformer.ckpt", "MDX23C-8KFFT-InstVoc_HQ.ckpt"]
    specs = with_their_models([], [load_recipe(mine(tmp_path, models=files))])
    assert [spec.name for spec in specs] == [
        "melband_roformer_vocals-and-rest",
        "mdx23c_instvoc_hq",
    ]


def test_weights_are_shares_of_their_sum(tmp_path):
    made = content(mine(tmp_path, weights=[3, 1]))
    shares = {"audio_separator_a": 0.75, "audio_separator_b": 0.25}
    assert made["stems"] == {"vocals": shares, "instrumental": shares}


def test_a_model_without_weight_is_left_out(tmp_path):
    made = content(mine(tmp_path, weights=[3, 0]))
    assert made["stems"]["vocals"] == {"audio_separator_a": 1.0}
    one = content(mine(tmp_path, models=[*SIX_AND_FOUR, "a.ckpt"], weights=[0, 1, 1]))
    assert set(one["models"]) == {"audio_separator_a"}


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("median_wave", "median"), ("median_fft", "stft_median_parts")]
)
def test_the_median_of_two_is_their_mean_that_of_three_is_not(tmp_path, algorithm, kind):
    two = mine(tmp_path, algorithm=algorithm, weights=[2, 2])
    assert set(load_recipe(two).stems["vocals"].values()) == {0.5}
    files = ["a.ckpt", "b.ckpt", "c.ckpt"]
    three = load_recipe(mine(tmp_path, algorithm=algorithm, models=files)).stems["vocals"]
    assert (three.kind, len(three.models)) == (kind, 3)


def test_files_of_the_zoo_are_run_by_the_zoo_and_join_only_what_they_make(tmp_path):
    files = ["vocals_mel_band_roformer.ckpt", "MDX23C-8KFFT-InstVoc_HQ.ckpt", "BS-Roformer-SW.ckpt"]
    made = content(mine(tmp_path, models=files, algorithm="max_fft"))
    kim = "melband_roformer_vocals-and-rest"
    assert made["models"] == {kim: {"base": "melband_roformer_vocals", "residual": "instrumental"}}
    two = [kim, "mdx23c_instvoc_hq"]
    assert made["stems"]["instrumental"] == {"kind": "stft_max", "models": two}
    assert made["stems"]["vocals"]["models"] == [*two, "bs_roformer_sw"]
    recipe = load_recipe(mine(tmp_path, models=files))
    spec = recipe.spec(kim)
    assert spec.with_residual(spec.stems) == ("vocals", "instrumental")
    own = content(mine(tmp_path, models=files, stems=["drums"]))
    assert own["stems"] == {"drums": {"bs_roformer_sw": 1.0}}


def test_the_only_preset_of_a_file_needs_no_name(tmp_path):
    named = mine(tmp_path)
    assert content(named.removesuffix(":one")) == content(named)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"algorithm": "ensemble_wav"}, "joins by 'ensemble_wav', which stemwise does not have"),
        ({"models": ["a.ckpt"]}, "two models or more"),
        ({"models": ["a.ckpt", "a.ckpt"]}, "names a model twice"),
        ({"models": ["a.ckpt", "../b.txt"]}, "give the file name of a model"),
        ({"weights": [1]}, "2 models and the weights"),
        ({"weights": [1, "x"]}, "2 models and the weights"),
        ({"weights": [1, float("nan")]}, "2 models and the weights"),
        ({"weights": [1, -1]}, "not a sum of 0"),
        ({"algorithm": ["avg_wave"]}, "which stemwise does not have"),
        ({"stems": "vocals"}, "stems must list names, not 'vocals'"),
        ({"stems": [1]}, "stems must list names"),
        ({"models": [*SIX_AND_FOUR, "MDX23C-8KFFT-InstVoc_HQ.ckpt"], "weights": [1, -1, 2],
          "stems": ["bass"]}, "sum is 0 among the models that make bass"),
        ({"weights": [1, 2], "algorithm": "min_fft"}, "weights, which min_fft does not know"),
        ({"models": SIX_AND_FOUR, "stems": ["x"]}, "No model of the preset 'one' makes x"),
    ],
)  # fmt: skip
def test_a_preset_that_cannot_be_had_says_why(tmp_path, change, says):
    with pytest.raises(ConfigError, match=says) as caught:
        content(mine(tmp_path, **change))
    assert "\n" not in str(caught.value)


def test_unknown_presets_and_files_are_answered(tmp_path):
    with pytest.raises(ConfigError, match="no preset 'vocal_clear': did you mean vocal_clean"):
        load_recipe(f"{PREFIX}vocal_clear")
    with pytest.raises(ConfigError, match=r"gone\.json cannot be read"):
        content(f"{PREFIX}{tmp_path}/gone.json:one")
    (tmp_path / "odd.json").write_text("[1]")
    with pytest.raises(ConfigError, match=r"odd\.json holds no presets"):
        content(f"{PREFIX}{tmp_path}/odd.json")
