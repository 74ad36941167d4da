"""Community checkpoints: MSST's format on disk → resolve → prepare → build → Separator, as MSST."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from torch import Tensor, nn

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.evaluation.zoo import Zoo
from stemwise.jobs.configuration import models
from stemwise.models.msst_networks import ARCHITECTURES
from stemwise.models.registry import build, get, model_class, prepare, resolve, resolve_all
from stemwise.separation.recipe import load_recipe
from stemwise.separation.separator import Separator

from .reference_inference import msst_separate, off_centre_noise

pymss_core = pytest.importorskip("pymss_core")
# the reference class, called directly in these tests; the product silences this for SCNet
pytestmark = pytest.mark.filterwarnings("ignore:A window was not provided")

ROFORMER = {
    "dim": 16,
    "depth": 1,
    "stereo": True,
    "num_stems": 1,
    "time_transformer_depth": 1,
    "freq_transformer_depth": 1,
    "linear_transformer_depth": 0,
    "dim_head": 8,
    "heads": 2,
    "attn_dropout": 0.1,
    "ff_dropout": 0.1,
    "flash_attn": True,
    "dim_freqs_in": 257,
    "stft_n_fft": 512,
    "stft_hop_length": 147,
    "stft_win_length": 512,
    "mask_estimator_depth": 2,
    "multi_stft_resolutions_window_sizes": [512, 256],
}
FOUR = ["drums", "bass", "other", "vocals"]
AUDIO = {"chunk_size": 4410, "num_channels": 2, "sample_rate": 44_100}
BANDIT: dict[str, Any] = {
    "stems": ["vocals", "other"],
    "n_bands": 6,
    "n_sqm_modules": 1,
    "emb_dim": 8,
    "rnn_dim": 8,
    "rnn_type": "GRU",
    "mlp_dim": 8,
    "n_fft": 512,
    "win_length": 512,
    "hop_length": 128,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "bs_roformer": {
        "audio": AUDIO,
        "model": ROFORMER | {"freqs_per_bands": [57, 100, 100]},
        "training": {"instruments": ["vocals", "other"], "target_instrument": "vocals"},
        "inference": {"num_overlap": 2},
    },
    "mel_band_roformer": {
        "audio": AUDIO,
        "model": ROFORMER | {"num_bands": 12, "num_stems": 2},
        "training": {"instruments": ["Vocals", "Instrumental"], "target_instrument": None},
        "inference": {"num_overlap": 4},
    },
    "scnet": {
        "audio": AUDIO | {"chunk_size": 5000},
        "model": {
            "sources": FOUR,
            "audio_channels": 2,
            "dims": [4, 8, 8, 8],
            "num_dplayer": 2,
            "nfft": 512,
            "hop_size": 128,
            "win_size": 512,
            "normalized": True,
            "band_SR": [0.175, 0.392, 0.433],
            "band_stride": [1, 4, 16],
            "band_kernel": [3, 4, 16],
            "conv_depths": [3, 2, 1],
        },
        "training": {"instruments": FOUR, "target_instrument": None},
        "inference": {"num_overlap": 3, "normalize": True},
    },
    "htdemucs": {
        "audio": {"chunk_size": 8820},
        "model": "htdemucs",
        "htdemucs": {
            "channels": 8,
            "growth": 2,
            "nfft": 512,
            "num_subbands": 1,
            "depth": 3,
            "dconv_mode": 3,
            "t_layers": 2,
            "t_heads": 2,
            "bottom_channels": 16,
        },
        "training": {
            "instruments": FOUR,
            "target_instrument": None,
            "segment": 0.2,
            "samplerate": 44_100,
            "channels": 2,
            "normalize": True,
        },
        "inference": {"num_overlap": 3},
    },
    "mdx23c": {
        "audio": AUDIO | {"chunk_size": 128 * 31, "n_fft": 512, "hop_length": 128, "dim_f": 224},
        "model": {
            "act": "gelu",
            "norm": "InstanceNorm",
            "bottleneck_factor": 2,
            "growth": 4,
            "num_blocks_per_scale": 1,
            "num_channels": 8,
            "num_scales": 2,
            "num_subbands": 4,
            "scale": [2, 2],
        },
        "training": {"instruments": ["vocals", "other"], "target_instrument": None},
        "inference": {"num_overlap": 2, "dim_t": 32},
    },
    "bandit": {
        "audio": AUDIO,
        "model": {"in_channel": 1, "band_specs": "musical", "fs": 44_100, **BANDIT},
        "training": {"instruments": ["vocals", "other"], "target_instrument": None},
        "inference": {"num_overlap": 2},
    },
    "bandit_v2": {
        "audio": AUDIO,
        "kwargs": {"in_channels": 1, "band_type": "musical", "pad_mode": "reflect", **BANDIT},
        "training": {"instruments": ["vocals", "other"], "target_instrument": None},
        "inference": {"num_overlap": 2},
    },
    "apollo": {
        "audio": AUDIO,
        "model": {"sr": 44_100, "win": 20, "feature_dim": 16, "layer": 1},
        "training": {"instruments": ["restored", "addition"], "target_instrument": "restored"},
        "inference": {"num_overlap": 2},
    },
}


def reference(kind: str) -> nn.Module:
    """Build the class that MSST's users train, by the arguments of the config, with random weights."""
    config = CONFIGS[kind]
    torch.manual_seed(0)
    model = {} if kind == "htdemucs" else config.get("model")
    if kind == "bs_roformer":
        from pymss_core.modules.bs_roformer import BSRoformer

        return BSRoformer(**model).eval()
    if kind == "mel_band_roformer":
        from pymss_core.modules.bs_roformer import MelBandRoformer

        return MelBandRoformer(**model, mlp_hidden_layers=2, zero_dc=False).eval()
    if kind == "scnet":
        from pymss_core.modules.scnet import SCNet

        return SCNet(**model).eval()
    if kind == "mdx23c":
        from pymss_core.modules.mdx23c_tfc_tdf_v3 import TFC_TDF_net

        return TFC_TDF_net(pymss_core.to_attrdict(config)).eval()
    if kind == "bandit":
        from pymss_core.modules.bandit.core import MultiMaskMultiSourceBandSplitRNNSimple

        return MultiMaskMultiSourceBandSplitRNNSimple(**config["model"]).eval()
    if kind == "bandit_v2":
        from pymss_core.modules.bandit_v2 import Bandit

        return Bandit(**config["kwargs"]).eval()
    if kind == "apollo":
        from pymss_core.modules.look2hear import Apollo

        return Apollo(**config["model"]).eval()
    from pymss_core.modules.demucs4ht import get_model

    return get_model(pymss_core.to_attrdict(config)).eval()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, tuple[Path, Path, nn.Module]]:
    """Write config and checkpoint of every architecture, each in another of the usual wrappings."""
    folder = tmp_path_factory.mktemp("community")
    made = {}
    wraps: list[Any] = [
        lambda state: state,
        lambda state: {"model_state_dict": state, "epoch": 3, "best_metric": 9.7},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
        lambda state: {"state": state},
        lambda state: state,
        lambda state: state,
        lambda state: {"state_dict": state},
        lambda state: {"model_name": "apollo", "state_dict": state, "model_args": {"sr": 44_100}},
    ]
    for (kind, config), wrap in zip(CONFIGS.items(), wraps, strict=True):
        path = folder / f"{kind}.yaml"
        path.write_text(yaml.safe_dump(config))
        network = reference(kind)
        checkpoint = folder / f"{kind}.ckpt"
        torch.save(wrap(network.state_dict()), checkpoint)
        made[kind] = (path, checkpoint, network)
    return made


@pytest.fixture(autouse=True)
def _own_home(home):
    """Digests of checkpoints are recorded in a folder of the test's own."""


def entry(files, kind: str, **changes: Any) -> dict[str, Any]:
    config, checkpoint, _ = files[kind]
    made = {"name": "mine", "msst_config": str(config), "checkpoint": str(checkpoint)}
    return made | changes


def channel_by_channel(network: nn.Module):
    """Return Bandit as MSST calls it: a batch of single channels, put together again."""
    return lambda part: torch.cat([network(one[None, None])[0] for one in part[0]], dim=1)


def even_average(forward, mix: Tensor, chunk: int, num_overlap: int) -> Tensor:
    """Separate as MSST does with Demucs: whole chunks, zeros behind the end, plain averages."""
    total, count = torch.zeros(4, *mix.shape), torch.zeros(mix.shape[1])
    for start in range(0, mix.shape[1], chunk // num_overlap):
        part = mix[:, start : start + chunk]
        out = forward(nn.functional.pad(part, (0, chunk - part.shape[1]))[None])[0]
        total[..., start : start + chunk] += out[..., : part.shape[1]]
        count[start : start + chunk] += 1
    return total / count


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("length", [3000, 19_000])
def test_a_track_is_separated_as_msst_does(files, kind, length):
    network, config = files[kind][2], CONFIGS[kind]
    model = build(prepare(resolve(entry(files, kind))))
    mixture = off_centre_noise(length)
    found = Separator(model, "cpu")(mixture)
    overlap = config["inference"]["num_overlap"]
    if kind == "htdemucs":
        with torch.inference_mode():
            expected = even_average(network, torch.from_numpy(mixture), 8820, overlap)
    else:
        normalize = config["inference"].get("normalize", False)
        chunk = config["audio"]["chunk_size"]
        forward = channel_by_channel(network) if kind.startswith("bandit") else network
        expected = msst_separate(forward, mixture, chunk, overlap, normalize)
    assert found.shape == (len(model.stems), 2, length)
    assert expected.abs().max() > 1e-3  # random networks are quiet, but not silent
    # the deviation of a standardised track is the biased one there, which matters for a short one
    tolerance = 2e-4 if config["inference"].get("normalize") else 1e-5
    error = (found - expected.float().reshape(found.shape)).abs().max()
    assert error <= tolerance * expected.abs().max()


@pytest.mark.parametrize("kind", CONFIGS)
def test_names_of_stems_come_from_the_config_or_the_entry(files, kind):
    expected = {
        "bs_roformer": ("vocals",),
        "mel_band_roformer": ("vocals", "instrumental"),
        "mdx23c": ("vocals", "instrumental"),
        "bandit": ("vocals", "instrumental"),
        "bandit_v2": ("vocals", "instrumental"),
        "apollo": ("restored",),
    }.get(kind, tuple(FOUR))
    spec = resolve(entry(files, kind))
    assert (spec.stems, spec.licence, spec.trained_on) == (expected, None, ())
    others = ["kick", "snare", "toms", "cymbals"][: len(expected)]
    assert build(prepare(resolve(entry(files, kind, stems=others)))).stems == tuple(others)
    with pytest.raises(ConfigError, match="outputs"):
        resolve(entry(files, kind, stems=["one", "more", "than", "there", "are"]))


def test_settings_of_the_entry_correct_the_config(files):
    changed = {"num_overlap": 8, "network": {"zero_dc": True}}
    spec = resolve(entry(files, "mel_band_roformer", settings=changed, parent="vocals"))
    model: Any = build(prepare(spec))
    assert (model.network.zero_dc, model.tiling.num_overlap, spec.parent) == (True, 8, "vocals")
    plain: Any = build(prepare(resolve(entry(files, "mel_band_roformer"))))
    assert (plain.network.zero_dc, plain.tiling.num_overlap) == (False, 4)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_checkpoint_of_another_architecture_is_refused_by_its_keys(files, kind):
    other = "scnet" if kind != "scnet" else "mdx23c"
    wrong = entry(files, kind, checkpoint=str(files[other][1]))
    with pytest.raises(CheckpointError, match=r"(?s)another architecture.*lacks") as caught:
        build(prepare(resolve(wrong)))
    assert "\n" not in str(caught.value)


def test_the_number_of_hidden_layers_is_told_by_the_checkpoint(files):
    changed = {"network": {"mlp_hidden_layers": 1}}
    with pytest.raises(CheckpointError, match="another architecture"):
        build(prepare(resolve(entry(files, "mel_band_roformer", settings=changed))))


def test_the_identity_follows_settings_and_weights_not_the_files_place(files, tmp_path):
    def identity(**changes: Any) -> str:
        return prepare(resolve(entry(files, "bs_roformer", **changes))).identity

    base = identity()
    config, _, network = files["bs_roformer"]
    copy = tmp_path / "copy.yaml"
    training = CONFIGS["bs_roformer"]["training"] | {"lr": 1e-4, "use_amp": False}
    copy.write_text(yaml.safe_dump(CONFIGS["bs_roformer"] | {"training": training}))
    assert identity(name="other", msst_config=str(copy)) == base
    copy.write_text(config.read_text().replace("num_overlap: 2", "num_overlap: 4"))
    assert identity(msst_config=str(copy)) != base
    retrained = tmp_path / "retrained.ckpt"
    torch.save({key: value + 1 for key, value in network.state_dict().items()}, retrained)
    assert identity(checkpoint=str(retrained)) != base
    assert identity(settings={"network": {"zero_dc": True}}) != base


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"checkpoint": None}, "needs its checkpoint"),
        ({"base": "scnet"}, "no base"),
        ({"msst_config": "gone.yaml"}, r"gone\.yaml cannot be read"),
        ({"model_type": "waveunet"}, "'waveunet' is not an architecture"),
        ({"name": "scnet"}, "is taken"),
        ({"colour": "red"}, "unknown keys colour"),
        ({"settings": {"colour": "red"}}, "no setting colour"),
        ({"settings": {"network": {"colour": "red"}}}, "cannot be built"),
        ({"settings": {"network": 5}}, "cannot be built"),
    ],
)
def test_wrong_entries_are_refused_with_a_sentence(files, changes, says):
    with pytest.raises(ConfigError, match=says) as caught:
        build(prepare(resolve(entry(files, "bs_roformer", **changes))))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["bandit", "bandit_v2", "apollo"])
def test_stems_that_the_network_does_not_make_are_refused(kind):
    target, network = ARCHITECTURES[kind][0], CONFIGS[kind].get("model") or CONFIGS[kind]["kwargs"]
    module, name = target.split(".")
    cls: Any = getattr(importlib.import_module(f"stemwise.models.{module}"), name)
    with pytest.raises(ConfigError, match="its entry names 3"):
        cls.untrained(["a", "b", "c"], network)


def test_a_missing_checkpoint_is_named(files):
    with pytest.raises(CheckpointError, match=r"gone\.ckpt of model 'mine' does not exist"):
        prepare(resolve(entry(files, "scnet", checkpoint="gone.ckpt")))


def test_an_mdx23c_chunk_that_cannot_be_halved_is_refused_with_the_next(files):
    with pytest.raises(ConfigError, match="the next that does is 3968"):
        build(prepare(resolve(entry(files, "mdx23c", settings={"chunk": 4000}))))


def test_entries_work_where_models_are_listed(files, tmp_path, monkeypatch):
    """As a value of `models=`, from a file, relative to the folder one is in, and in `--recipe`."""
    config, checkpoint, _ = files["mdx23c"]
    monkeypatch.chdir(config.parent)
    value = f"[{{name: mine, msst_config: ./{config.name}, checkpoint: ./{checkpoint.name}}}]"
    listed = OmegaConf.to_container(OmegaConf.create(f"models: {value}"))["models"]
    (spec,), _ = models(tuple(listed))
    path = tmp_path / "entry.yaml"
    path.write_text(value[1:-1])
    assert resolve_all([str(path)]) == [spec]
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.any_stem) == ("mine", str(path))
    (loaded,) = Zoo.load([prepare(spec)], "cpu", None).models
    assert loaded.error is None
    assert loaded.stems(FOUR) == ("vocals", "instrumental")


def test_an_entry_with_stems_is_no_recipe(files, tmp_path):
    path = tmp_path / "entry.yaml"
    path.write_text(yaml.safe_dump(entry(files, "mdx23c", stems=["kick", "snare"])))
    assert load_recipe(str(path)).any_stem == str(path)


def test_configs_are_read_without_torch(files, tmp_path):
    """`stemwise models` and the checks before a run must not wait for it."""
    import subprocess

    code = (
        "import sys; from stemwise.models.registry import resolve; "
        f"resolve({entry(files, 'bs_roformer')!r}); "
        "assert 'torch' not in sys.modules and 'pymss_core' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


@pytest.mark.slow
def test_the_zoos_bs_roformer_has_the_size_of_its_published_file():
    """Bytes of weights, parameters, tensors, first and last key; the file adds 0.05 % of names."""
    spec = get("bs_roformer")
    (checkpoint,) = spec.checkpoints
    network: Any = model_class(spec)
    state = network.untrained(spec.stems, spec.settings["network"]).state_dict()
    keys = list(state)
    assert sum(value.numel() for value in state.values()) == 159_758_796
    assert (len(keys), keys[0]) == (699, "layers.0.0.layers.0.0.rotary_embed.freqs")
    assert keys[-1] == "mask_estimators.0.to_freqs.61.0.2.bias"
    size = sum(value.numel() * value.element_size() for value in state.values())
    assert checkpoint.size is not None
    assert 0 < checkpoint.size - size < 0.001 * size
