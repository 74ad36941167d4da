"""Bags of Demucs packages: the same samples as demucs' own BagOfModels, members loaded as needed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from demucs.apply import BagOfModels
from demucs.demucs import Demucs
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs
from demucs.pretrained import REMOTE_ROOT, _parse_remote_files
from demucs.states import load_model, serialize_model
from omegaconf import OmegaConf

from stemwise.core.config import load_yaml
from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models import demucs_bag, registry
from stemwise.models.checkpoints.checkpoint import Checkpoint
from stemwise.models.demucs_bag import DemucsBag
from stemwise.separation.separator import Separator

from .reference_inference import demucs_apply, off_centre_noise

SOURCES = ["drums", "bass", "other", "vocals"]
SEGMENT = Fraction(1, 5)
CHUNK = int(44_100 * SEGMENT)
HYBRID = {"channels": 4, "depth": 4, "nfft": 1024, "dconv_comp": 4, "segment": SEGMENT}
BUILDS = {
    "demucs": (Demucs, {"channels": 4, "depth": 3, "segment": SEGMENT}),
    "hdemucs": (HDemucs, HYBRID),
    "htdemucs": (HTDemucs, HYBRID | {"t_layers": 1, "t_heads": 2}),
}
BAGS = ("htdemucs_ft", "mdx_extra", "mdx_extra_q")
# the columns are drums, bass, other, vocals; as of demucs' bag `mdx`
UNEVEN = [[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 3.0, 0.5]]


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    """Return a function that writes packages as their authors do, once for each kind and seed."""
    folder = tmp_path_factory.mktemp("bag")

    def save(kind, seed=0, **changes):
        changed = "-".join(sorted(changes))
        path = folder / f"{kind}-{seed}-{changed}.th"
        if not path.is_file():
            klass, arguments = BUILDS[kind]
            torch.manual_seed(seed)
            network = klass(sources=changes.pop("sources", SOURCES), **(arguments | changes))
            with torch.no_grad():
                for name, value in network.named_parameters():
                    if "scale" in name or "gamma" in name:
                        value.fill_(0.5)  # layer scales start near zero: hear the layers too
            torch.save(serialize_model(network, OmegaConf.create({"epochs": 1})), path)
        return path

    return save


def reference(paths, weights=None, segment=None):
    networks = [load_model(torch.load(path, weights_only=False)).eval() for path in paths]
    return BagOfModels(networks, weights, segment)


def snr(expected, found):
    noise = (expected.double() - found.double()).square().sum()
    return float(10 * torch.log10(expected.double().square().sum() / noise))


@pytest.mark.parametrize("length", [300, CHUNK, 2 * CHUNK + 4321])
@pytest.mark.parametrize(
    ("kinds", "weights"),
    [
        (("htdemucs",) * 3, UNEVEN),
        (("hdemucs",) * 2, None),
        # these read different lengths for the same chunk
        (("demucs", "hdemucs", "htdemucs"), UNEVEN),
    ],
)
def test_a_bag_is_separated_as_demucs_does(kinds, weights, length, write):
    paths = [write(kind, seed) for seed, kind in enumerate(kinds)]
    mixture = off_centre_noise(length)
    expected = demucs_apply(reference(paths, weights), mixture)
    model = DemucsBag(paths, SOURCES, weights)
    found = Separator(model, "cpu", 2)(mixture)
    assert float(expected.std()) > 1e-3
    assert snr(expected, found) >= 100


def test_the_bags_segment_is_given_to_all_but_networks_trained_on_less(write):
    mixture = off_centre_noise(15_001)
    paths = [write("hdemucs"), write("demucs")]
    for segment in (0.1, 0.3):
        expected = demucs_apply(reference(paths, None, segment), mixture)
        assert snr(expected, Separator(DemucsBag(paths, segment_s=segment), "cpu")(mixture)) >= 100
    paths = [write("htdemucs")]
    for segment in (0.1, 44):
        expected = demucs_apply(reference(paths, None, segment), mixture)
        model = DemucsBag(paths[0], segment_s=segment)
        assert model.tiling.chunk == (CHUNK if segment == 44 else int(0.1 * 44_100))
        assert snr(expected, Separator(model, "cpu")(mixture)) >= 100


def test_some_stems_load_and_run_their_own_members_only(write, monkeypatch):
    paths = [write("htdemucs", seed) for seed in range(3)]
    mixture = off_centre_noise(CHUNK)
    whole = Separator(DemucsBag(paths, SOURCES, UNEVEN), "cpu")(mixture)
    read, load = [], demucs_bag.load_package
    monkeypatch.setattr(demucs_bag, "load_package", lambda path: read.append(path) or load(path))
    model = DemucsBag(paths, ["vocals", "other"], UNEVEN)
    assert (model.stems, read) == (("vocals", "other"), [paths[0], paths[2]])
    assert len(model.networks) == 1
    torch.testing.assert_close(Separator(model, "cpu")(mixture), whole[[3, 2]])


def test_the_fast_tiling_leaves_out_chunks_within_others(write):
    paths = [write("hdemucs", seed) for seed in range(2)]
    length = CHUNK + 2 * int(0.75 * CHUNK)
    usual, fast = DemucsBag(paths), DemucsBag(paths, overlap=0.5, tiling="fast")
    assert len(list(usual.tiling.tiles(length))) == 4
    assert len(list(fast.tiling.tiles(length))) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights": UNEVEN[:2]}, r"weights for 2 members, but 3 files"),
        ({"weights": [[1.0, 1.0]] * 3}, r"needs 4 numbers"),
        ({"weights": [[1.0, 1.0, 1.0, 0.0]] * 3}, r"weight for vocals"),
        ({"weights": [[1.0, 1.0, 1.0, float("nan")]] * 3}, r"weight for vocals"),
        ({"weights": [[1.0, 1.0, 1.0, float("inf")]] * 3}, r"weight for vocals"),
        ({"stems": ["drums", "drums"]}, r"each stem once"),
        ({"stems": ["bass", "drums", "other", "vocals"]}, r"in this order"),
        ({"stems": ["drums", "piano"]}, r"separates 4 stems"),
    ],
)
def test_what_does_not_fit_the_members_is_refused(change, says, write):
    paths = [write("htdemucs", seed) for seed in range(3)]
    with pytest.raises(ConfigError, match=says) as caught:
        DemucsBag(paths, **change)
    assert "\n" not in str(caught.value)


def test_members_that_differ_are_named(write):
    alike = write("hdemucs")
    other = write("hdemucs", sources=["a", "b"])
    with pytest.raises(CheckpointError, match=r"members of the same stems") as caught:
        DemucsBag([alike, other])
    assert str(caught.value).startswith(str(other))
    longer = write("hdemucs", segment=Fraction(1, 2))
    with pytest.raises(ConfigError, match=r"0\.2 s and .* 0\.5 s: give segment_s"):
        DemucsBag([alike, longer])
    assert DemucsBag([alike, longer], segment_s=0.15).tiling.chunk == int(0.15 * 44_100)


@pytest.mark.parametrize("name", ["htdemucs", "hdemucs_mmi", *BAGS])
def test_the_zoo_names_members_addresses_and_weights_as_demucs_does(name):
    spec, theirs = registry.get(name), load_yaml(REMOTE_ROOT / f"{name}.yaml")
    files = _parse_remote_files(REMOTE_ROOT / "files.txt")
    assert [item.url for item in spec.checkpoints] == [files[key] for key in theirs["models"]]
    for item in spec.checkpoints:
        assert item.filename == item.url.rpartition("/")[2]
        assert item.sha256.startswith(item.filename[9:17])  # what demucs itself verifies
    assert spec.settings.get("weights") == theirs.get("weights")
    assert spec.settings.get("segment_s") == theirs.get("segment")
    assert spec.stems == tuple(SOURCES)


# what the published packages hold beside their sources: tensors follow from it, and so does the size
HTDEMUCS = {
    "klass": "HTDemucs",
    "depth": 4,
    "bottom_channels": 512,
    "t_layers": 5,
    "t_heads": 8,
    "dconv_mode": 3,
    "dconv_comp": 8,
}
TRUE = {
    "htdemucs": (HTDEMUCS, 533),
    "htdemucs_ft": (HTDEMUCS, 533),
    "hdemucs_mmi": ({"klass": "HDemucs"}, 395),
    "mdx_extra": ({"klass": "HDemucs"}, 395),
}


@pytest.mark.parametrize("name", TRUE)
def test_members_have_as_many_weights_as_the_published_files_have_room_for(name):
    spec, (arguments, tensors) = registry.get(name), TRUE[name]
    with torch.device("meta"):
        network = registry.model_class(spec).untrained(spec.stems, arguments)
    count = sum(value.numel() for value in network.parameters())
    assert len(network.state_dict()) == tensors
    assert count * len(spec.checkpoints) == spec.parameters
    for item in spec.checkpoints:
        assert item.size == pytest.approx(2 * count, rel=3e-3)  # half precision, and the names


def test_a_bag_is_pulled_member_by_member_and_a_wrong_one_is_named(write, home, file_server):
    path = write("htdemucs")
    file_server.body = path.read_bytes()
    digest = hashlib.sha256(file_server.body).hexdigest()[:8]
    members = [
        Checkpoint(f"{number}-{digest}.th", url=file_server.url, sha256=digest)
        for number in range(4)
    ]
    spec = replace(registry.get("htdemucs_ft"), checkpoints=tuple(members))
    ready = registry.prepare(spec)
    assert [file.name for file in ready.paths] == [item.filename for item in members]
    assert registry.build(ready).stems == tuple(SOURCES)
    wrong = (*members[:2], replace(members[2], filename="wrong.th", sha256="0" * 8), members[3])
    with pytest.raises(CheckpointError, match=r"^wrong\.th could not be fetched.*sha256 00000000"):
        registry.prepare(replace(spec, checkpoints=wrong))


def test_a_missing_member_is_named(write, home, tmp_path):
    entry = {"name": "mine", "base": "mdx_extra"}
    absent = tmp_path / "gone.th"
    with pytest.raises(CheckpointError, match=r"gone\.th of model 'mine' does not exist"):
        registry.prepare(
            registry.resolve(entry | {"checkpoint": [str(write("hdemucs")), str(absent)]})
        )


def test_an_entry_makes_a_bag_of_ones_own(write, home):
    paths = [str(write("hdemucs", seed)) for seed in range(2)]
    own = {"name": "mine", "base": "mdx_extra", "checkpoint": paths}
    model = registry.build(registry.prepare(registry.resolve(own)))
    assert model.stems == tuple(SOURCES) and model.tiling.chunk == 44 * 44_100
    too_few = {**own, "base": "htdemucs_ft"}
    with pytest.raises(ConfigError, match=r"weights for 4 members, but 2 files"):
        registry.build(registry.prepare(registry.resolve(too_few)))
