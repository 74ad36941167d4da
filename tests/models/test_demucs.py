"""Demucs packages: the same samples as the demucs package's own inference."""

from __future__ import annotations

import os
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from demucs.demucs import Demucs
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models.demucs import DemucsModel, load_package
from stemwise.separation.separator import Separator

from .reference_inference import demucs_separate, off_centre_noise

SOURCES = ["drums", "bass", "other", "vocals"]
SEGMENT = Fraction(3, 5)
CHUNK = int(44_100 * SEGMENT)
STRIDE = int(0.75 * CHUNK)
HYBRID = {"channels": 8, "depth": 4, "nfft": 1024, "dconv_comp": 4, "segment": SEGMENT}
BUILDS = {
    "demucs-v3": (Demucs, {"channels": 4, "depth": 3, "segment": SEGMENT}),
    "hdemucs": (HDemucs, HYBRID),
    "htdemucs": (HTDemucs, HYBRID | {"t_layers": 2, "t_heads": 2}),
}


def content(name, **changes):
    """A Demucs package as the authors write it: class, arguments and half-precision weights."""
    klass, kwargs = BUILDS[name]
    kwargs = kwargs | {"sources": SOURCES} | changes
    torch.manual_seed(0)
    network = klass(**kwargs)
    with torch.no_grad():
        for key, value in network.named_parameters():
            if (
                "scale" in key or "gamma" in key
            ):  # layer scales start near zero: hear the layers too
                value.fill_(0.5)
    state = {key: value.half() for key, value in network.state_dict().items()}
    return {"klass": klass, "args": (), "kwargs": kwargs, "state": state, "training_args": {}}


@pytest.fixture(scope="module", params=BUILDS)
def package(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("packages") / f"{request.param}.th"
    torch.save(content(request.param), path)
    return path


@pytest.mark.parametrize(
    "length",
    [
        300,
        CHUNK - 777,
        CHUNK,
        CHUNK + 1,
        STRIDE + 1,
        3 * STRIDE + 12_345,
    ],
)
def test_the_output_is_that_of_demucs(package, length):
    mixture = off_centre_noise(length)
    expected = demucs_separate(package, mixture)
    model = DemucsModel(package)
    found = Separator(model, "cpu")(mixture)
    assert model.stems == tuple(SOURCES)
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("segment_s", [0.3, 0.5])
def test_a_shorter_segment_is_that_of_demucs(package, segment_s):
    mixture = off_centre_noise(40_001)
    expected = demucs_separate(package, mixture, segment_s)
    found = Separator(DemucsModel(package, segment_s=segment_s), "cpu")(mixture)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (found - Separator(DemucsModel(package), "cpu")(mixture)).abs().max() > 1e-4


def test_the_batch_size_does_not_matter(package):
    mixture, model = off_centre_noise(4 * STRIDE + 99), DemucsModel(package)
    one, three = Separator(model, "cpu", 1)(mixture), Separator(model, "cpu", 3)(mixture)
    torch.testing.assert_close(one, three, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "mixture", [np.zeros((2, 30_000)), np.full((2, 30_000), 0.1), off_centre_noise(1)]
)
def test_silence_a_constant_and_one_sample_are_separated(package, mixture):
    out = Separator(DemucsModel(package), "cpu")(mixture.astype(np.float32))
    assert out.shape == (4, 2, mixture.shape[1])
    assert out.isfinite().all()


def test_a_segment_longer_than_trained_is_demucs_own_limit(package):
    if package.stem == "htdemucs":
        with pytest.raises(ConfigError, match=r"0\.6 s"):
            DemucsModel(package, segment_s=0.7)
        return
    mixture = off_centre_noise(50_000)
    found = Separator(DemucsModel(package, segment_s=0.7), "cpu")(mixture)
    torch.testing.assert_close(found, demucs_separate(package, mixture, 0.7), atol=1e-5, rtol=0)


def real_checkpoints():
    root = Path(os.environ.get("STEMWISE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    return sorted((root / "weights" / "tiny-demucs").glob("*.th"))


def test_a_real_checkpoint_gives_demucs_output():
    paths = real_checkpoints()
    if not paths:
        pytest.skip("no weights/tiny-demucs under STEMWISE_TEST_DATA")
    mixture = off_centre_noise(3 * 44_100 + 17)
    for path in paths:
        model = DemucsModel(path)
        assert model.stems == ("drums", "bass", "other", "vocals", "guitar")
        torch.testing.assert_close(
            Separator(model, "cpu")(mixture), demucs_separate(path, mixture), atol=1e-5, rtol=0
        )


def test_stems_may_be_named_anew_but_not_miscounted(tmp_path):
    path = tmp_path / "model.th"
    torch.save(content("demucs-v3"), path)
    named = DemucsModel(path, stems=["kick", "snare", "toms", "cymbals"])
    assert named.stems == ("kick", "snare", "toms", "cymbals")
    for wrong in (["vocals"], [*SOURCES, "piano"], ["vocals", "vocals", "bass", "drums"]):
        with pytest.raises(ConfigError, match="separates 4 stems"):
            DemucsModel(path, stems=wrong)


@pytest.mark.parametrize(
    "wrong",
    [["drums", "bass", "vocals", "other"], ["vocals", "a", "b", "c"], ["a", "drums", "b", "c"]],
)
def test_a_name_of_the_package_may_not_label_another_of_its_stems(tmp_path, wrong):
    path = tmp_path / "model.th"
    torch.save(content("demucs-v3", sources=["drum", "bass", "other", "vocal"]), path)
    with pytest.raises(
        ConfigError, match=r"model\.th separates drums, bass, other, vocals in this"
    ):
        DemucsModel(path, stems=wrong)
    for right in (SOURCES, ["drums", "bass", "guitar", "vocals"]):
        assert DemucsModel(path, stems=right).stems == tuple(right)


@pytest.mark.parametrize(
    "sources",
    [["../../escape", "b", "c", "d"], ["a/b", "b", "c", "d"], ["vocal", "vocals", "a", "b"]],
)
def test_stems_that_are_no_file_names_are_refused(tmp_path, sources):
    path = tmp_path / "model.th"
    torch.save(content("demucs-v3", sources=sources), path)
    with pytest.raises(ConfigError):
        DemucsModel(path)


def test_dropped_constructor_arguments_are_not_an_alarm(tmp_path):
    made = content("demucs-v3")
    made["kwargs"]["long_gone"] = 1
    path = tmp_path / "model.th"
    torch.save(made, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert DemucsModel(path).stems == tuple(SOURCES)


def change(key, value):
    return lambda made: made | {key: value}


def drop_a_weight(made):
    state = dict(made["state"])
    state.popitem()
    return made | {"state": state}


@pytest.mark.parametrize(
    "damage",
    [
        lambda made: made["state"],
        lambda made: [made],
        lambda made: {key: value for key, value in made.items() if key != "args"},
        change("klass", Fraction),
        change("klass", "Demucs"),
        change("klass", ["Demucs"]),
        change("klass", HTDemucs),
        change("kwargs", {}),
        change("kwargs", None),
        change("state", {}),
        change("state", None),
        change("state", {"__quantized": True, "quantized": []}),
        change("state", {"encoder.0.0.weight": 5}),
        lambda made: made | {"kwargs": made["kwargs"] | {"channels": 6}},
        lambda made: made | {"kwargs": made["kwargs"] | {"channels": "many"}},
        lambda made: made | {"kwargs": made["kwargs"] | {"norm_groups": 3, "norm_starts": 0}},
        drop_a_weight,
    ],
)
def test_what_is_not_a_demucs_package_is_refused(tmp_path, damage):
    path = tmp_path / "damaged.th"
    torch.save(damage(content("demucs-v3")), path)
    with pytest.raises(CheckpointError, match=r"damaged\.th") as caught:
        load_package(path)
    assert "\n" not in str(caught.value)


def test_a_mono_network_is_refused(tmp_path):
    path = tmp_path / "mono.th"
    torch.save(content("demucs-v3", audio_channels=1), path)
    with pytest.raises(CheckpointError, match=r"mono\.th.*stereo"):
        load_package(path)


@pytest.mark.parametrize(
    "setting", [{"overlap": 1.0}, {"overlap": -0.5}, {"segment_s": 0}, {"segment_s": -1}]
)
def test_impossible_settings_are_refused(tmp_path, setting):
    path = tmp_path / "model.th"
    torch.save(content("demucs-v3"), path)
    with pytest.raises(ConfigError):
        DemucsModel(path, **setting)
