"""The six official checkpoints at reduced size: formats, output, whole tracks, strict loading."""

from __future__ import annotations

import sys

import pytest
import torch
from demucs.states import load_model

from stemwise.core.errors import CheckpointError, ConfigError, MissingDependencyError
from stemwise.models.registry import build, get, named_sets, prepare, resolve
from stemwise.separation.separator import Separator

from .official_checkpoints import (
    CHUNK,
    DEMUCS,
    MSST,
    NAMES,
    OFFICIAL,
    SEGMENT,
    SMALL,
    content_of,
    entry,
    file_name,
    network_of,
)
from .reference_inference import demucs_separate, msst_separate, off_centre_noise

pytest.importorskip("pymss_core")
# the reference class, called directly in these tests; the product silences this for SCNet
pytestmark = pytest.mark.filterwarnings("ignore:A window was not provided")

SEGMENT_LENGTH = int(44_100 * SEGMENT)
STRIDE = int(0.75 * SEGMENT_LENGTH)
STEMS = {
    "scnet": ("drums", "bass", "other", "vocals"),
    "scnet_large": ("drums", "bass", "other", "vocals"),
    "melband_roformer_vocals": ("vocals",),
    "melband_roformer_karaoke": ("lead_vocals",),
    "htdemucs_6s": ("drums", "bass", "other", "vocals", "guitar", "piano"),
    "drumsep": ("kick", "snare", "cymbals", "toms"),
}


@pytest.fixture(autouse=True)
def _own_home(home):
    """Digests of checkpoints are recorded in a folder of the test's own."""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a reduced checkpoint under its published name."""

    def save(name, wrap="flat", change=None):
        content = content_of(name, network_of(name, SMALL[name]), wrap)
        path = tmp_path / file_name(name)
        torch.save(content if change is None else change(content), path)
        return path

    return save


def loaded(value):
    return build(prepare(resolve(value)))


def message_of(value, error=CheckpointError):
    with pytest.raises(error) as caught:
        loaded(value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def reference_of(name, path):
    """Return the reference class with the weights of the file, half precision where it has that."""
    if name in DEMUCS:
        return load_model(torch.load(path, weights_only=False)).eval()
    return network_of(name, SMALL[name])


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        *((name, wrap) for name in MSST for wrap in ("flat", "best_state", "module", "both")),
        *((name, "package") for name in DEMUCS),
    ],
)
def test_published_formats_load_and_separate_as_the_reference_class(name, wrap, write):
    path = write(name, wrap)
    model = loaded(entry(name, path))
    assert model.stems == STEMS[name]
    length = SEGMENT_LENGTH if name in DEMUCS else CHUNK
    chunks = torch.randn(2, 2, length, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = reference_of(name, path)(chunks)
        found = model.forward(chunks)
    assert found.shape == (2, len(model.stems), 2, length)
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(found, expected.reshape(found.shape), rtol=0, atol=1e-6)


# below half a chunk (zero-padded), below a chunk (reflected), one chunk, several with a short last
@pytest.mark.parametrize("length", [8000, 15_001, CHUNK, 26_461, 60_011])
@pytest.mark.parametrize("name", MSST)
def test_a_whole_track_is_separated_as_msst_does(name, length, write):
    settings = get(name).settings
    mixture = off_centre_noise(length)
    expected = msst_separate(
        reference_of(name, None), mixture, CHUNK, settings["num_overlap"], settings["zscore"]
    )
    found = Separator(loaded(entry(name, write(name))), "cpu")(mixture)
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(found, expected.float(), rtol=0, atol=1e-5)


# shorter than a segment, one and a little, several with a short last one
@pytest.mark.parametrize("length", [300, SEGMENT_LENGTH - 777, STRIDE + 1, 2 * STRIDE + 12_345])
@pytest.mark.parametrize("name", DEMUCS)
def test_a_whole_track_is_separated_as_demucs_does(name, length, write):
    path, mixture = write(name), off_centre_noise(length)
    expected = demucs_separate(path, mixture)
    found = Separator(loaded(entry(name, path)), "cpu")(mixture)
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def change_state(change):
    """Return a change of the weights, wherever a file of that format keeps them."""

    def apply(content):
        if "klass" in content:
            return {**content, "state": change(dict(content["state"]))}
        return change(dict(content))

    return apply


@pytest.mark.parametrize("name", NAMES)
def test_keys_that_do_not_fit_are_named(name, write):
    first = OFFICIAL[name].first
    for change, says in (
        (lambda state: {k: v for k, v in state.items() if k != first}, f"lacks {first}."),
        (lambda state: state | {"extra.weight": torch.zeros(1)}, "has unexpected extra.weight."),
        (lambda state: state | {first: torch.zeros(7)}, f"reshapes {first}."),
    ):
        path = write(name, change=change_state(change))
        message = message_of(entry(name, path))
        assert message.startswith(str(path)) and message.endswith(says)


@pytest.mark.parametrize("name", NAMES)
def test_what_holds_no_weights_is_refused(name, write):
    says = "no state dict" if name in MSST else "is not a Demucs package"
    assert says in message_of(entry(name, write(name, change=lambda content: [1, 2])))


@pytest.mark.parametrize(
    ("of", "base", "says"),
    [
        ("scnet", "melband_roformer_vocals", "of another architecture than MelBandRoformer"),
        ("scnet", "scnet_large", "of another architecture than SCNet .*reshapes encoder"),
        ("melband_roformer_karaoke", "scnet", "of another architecture than SCNet "),
        ("melband_roformer_vocals", "htdemucs_6s", "is not a Demucs package .* choose a `base`"),
        ("scnet_large", "drumsep", "is not a Demucs package .* choose a `base`"),
        ("htdemucs_6s", "scnet", "is a Demucs package .* choose a `base` of the Demucs family"),
        ("drumsep", "melband_roformer_karaoke", "is a Demucs package .*HDemucs"),
    ],
)
def test_a_file_of_another_architecture_is_one_clear_sentence(of, base, says, write):
    path = write(of)
    with pytest.raises(CheckpointError, match=says) as caught:
        loaded(entry(base, path))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("name", DEMUCS)
def test_the_stems_of_a_package_keep_their_order(name, write):
    path, stems = write(name), list(STEMS[name])
    assert loaded(entry(name, path) | {"stems": stems}).stems == STEMS[name]
    swapped = [*stems[:-2], stems[-1], stems[-2]]
    message = message_of(entry(name, path) | {"stems": swapped}, ConfigError)
    assert f"separates {', '.join(stems)} in this order" in message and str(path) in message


@pytest.mark.parametrize("name", NAMES)
def test_the_zoo_says_where_the_official_file_is_and_what_it_holds(name):
    spec = get(name)
    (checkpoint,) = spec.checkpoints
    assert checkpoint.url is not None and checkpoint.url.startswith("https://")
    assert checkpoint.url.endswith(f"/{checkpoint.filename}")
    assert checkpoint.size and len(checkpoint.sha256 or "") == 64
    assert spec.licence and spec.trained_on and spec.paper
    assert spec.stems == STEMS[name]
    level2 = {"drumsep": ("drums", None), "melband_roformer_karaoke": ("vocals", "backing_vocals")}
    assert (spec.parent, spec.residual) == level2.get(name, ("mixture", None))


def test_the_papers_models_are_sets():
    sets = named_sets()
    assert set(sets["paper"]) == {"htdemucs_6s", "melband_roformer_vocals", "scnet", "scnet_large"}
    assert sets["paper_level2"] == ("drumsep", "melband_roformer_karaoke")
    assert sets["paper_both"] == sets["paper"] + sets["paper_level2"]
    assert set(sets["paper_both"]) == set(NAMES)


@pytest.mark.parametrize("name", MSST)
def test_without_pymss_core_the_extra_is_named(name, write, monkeypatch):
    path = write(name)
    for module in [key for key in sys.modules if key.split(".")[0] == "pymss_core"]:
        monkeypatch.setitem(sys.modules, module, None)
    message = message_of(entry(name, path), MissingDependencyError)
    assert "pymss-core" in message and "pip install 'stemwise[zoo]'" in message


def test_a_chunk_that_is_no_multiple_of_the_hop_is_refused(write):
    path = write("melband_roformer_vocals")
    assert "hop" in message_of(entry("melband_roformer_vocals", path, chunk=17_641), ConfigError)
