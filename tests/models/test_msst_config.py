"""MSST configurations, in the format in which they are published, become settings or a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stemwise.core.errors import ConfigError
from stemwise.models.msst_config import read, translate
from stemwise.models.msst_stems import tree_stems

# what every published file also holds, and what must not matter
TRAINING = """
  batch_size: 2
  grad_clip: 0
  lr: 1e-05
  patience: 2
  optimizer: adam
  use_amp: true
"""
AUGMENTATIONS = """
augmentations:
  enable: true
  mixup_probs: !!python/tuple
    - 0.2
    - 0.02
"""
BS_ROFORMER = f"""
audio: {{chunk_size: 352800, dim_f: 1024, dim_t: 801, hop_length: 441, n_fft: 2048, num_channels: 2,
         sample_rate: 44100, min_mean_abs: 0.000}}
model:
  dim: 512
  depth: 12
  stereo: true
  num_stems: 1
  time_transformer_depth: 1
  freq_transformer_depth: 1
  linear_transformer_depth: 0
  freqs_per_bands: !!python/tuple
  - 400
  - 625
  dim_head: 64
  heads: 8
  attn_dropout: 0.1
  ff_dropout: 0.1
  flash_attn: true
  dim_freqs_in: 1025
  stft_n_fft: 2048
  stft_hop_length: 441
  stft_win_length: 2048
  stft_normalized: false
  mask_estimator_depth: 2
  multi_stft_resolution_loss_weight: 1.0
  multi_stft_resolutions_window_sizes: !!python/tuple
  - 4096
  - 256
  multi_stft_hop_size: 147
  multi_stft_normalized: False
training:
  instruments:
  - vocals
  - other
  target_instrument: vocals
{TRAINING}
inference: {{batch_size: 4, dim_t: 801, num_overlap: 2}}
{AUGMENTATIONS}
"""
MEL_BAND = f"""
audio: {{chunk_size: 352800, sample_rate: 44100, num_channels: 2}}
model: {{dim: 384, depth: 6, stereo: true, num_stems: 2, num_bands: 60, dim_head: 64, heads: 8,
         sample_rate: 44100, stft_n_fft: 2048, stft_hop_length: 441, stft_win_length: 2048,
         time_transformer_depth: 1, freq_transformer_depth: 1, mask_estimator_depth: 2}}
training:
  instruments: [Vocals, Instrumental]
  target_instrument: null
{TRAINING}
inference: {{chunk_size: 441000, num_overlap: 4}}
"""
SCNET = f"""
audio: {{chunk_size: 485100, num_channels: 2, sample_rate: 44100, min_mean_abs: 0.0}}
model: {{sources: [drums, bass, other, vocals], audio_channels: 2, dims: [4, 32, 64, 128], nfft: 4096,
         hop_size: 1024, win_size: 4096, normalized: True, band_SR: [0.175, 0.392, 0.433],
         band_stride: [1, 4, 16], band_kernel: [3, 4, 16], conv_depths: [3, 2, 1], compress: 4,
         conv_kernel: 3, num_dplayer: 6, expand: 1}}
training:
  instruments: [drums, bass, other, vocals]
  target_instrument: null
{TRAINING}
inference: {{batch_size: 8, dim_t: 256, num_overlap: 4, normalize: true}}
"""
HTDEMUCS = f"""
audio: {{chunk_size: 485100, min_mean_abs: 0.001, hop_length: 1024}}
training:
  segment: 11
  shift: 1
  samplerate: 44100
  channels: 2
  normalize: true
  instruments: ['drums', 'bass', 'other', 'vocals']
  target_instrument: null
{TRAINING}
inference: {{num_overlap: 4, batch_size: 8}}
model: htdemucs
htdemucs:
  channels: 48
  channels_time:
  num_subbands: 1
  depth: 4
  dconv_init: 1e-3
  bottom_channels: 512
"""
MDX23C = f"""
audio: {{chunk_size: 261120, dim_f: 4096, dim_t: 256, hop_length: 1024, n_fft: 8192, num_channels: 2,
         sample_rate: 44100, min_mean_abs: 0.001}}
model: {{act: gelu, bottleneck_factor: 4, growth: 128, norm: InstanceNorm, num_blocks_per_scale: 2,
         num_channels: 128, num_scales: 5, num_subbands: 4, scale: [2, 2]}}
training:
  instruments: [vocals, other]
  target_instrument: null
{TRAINING}
inference: {{batch_size: 1, dim_t: 256, num_overlap: 4}}
"""
ALL = {
    "bs_roformer": BS_ROFORMER,
    "mel_band_roformer": MEL_BAND,
    "scnet": SCNET,
    "htdemucs": HTDEMUCS,
    "mdx23c": MDX23C,
}


def parsed(tmp_path: Path, text: str) -> dict[str, Any]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return read(path)


@pytest.fixture
def config(tmp_path, request):
    return parsed(tmp_path, ALL[request.param])


def the(kind: str) -> Any:
    return pytest.mark.parametrize("config", [kind], indirect=True)


@the("bs_roformer")
def test_a_bs_roformer(config):
    entry = translate(config, "here")
    assert entry["_target_"] == "stemwise.models.bs_roformer.BsRoformerModel"
    assert entry["stems"] == ["vocals"]
    network = entry["settings"].pop("network")
    assert entry["settings"] == {"chunk": 352_800, "num_overlap": 2, "zscore": False}
    assert network == {
        "dim": 512,
        "depth": 12,
        "stereo": True,
        "time_transformer_depth": 1,
        "freq_transformer_depth": 1,
        "freqs_per_bands": [400, 625],
        "dim_head": 64,
        "heads": 8,
        "flash_attn": True,
        "stft_n_fft": 2048,
        "stft_hop_length": 441,
        "stft_win_length": 2048,
        "stft_normalized": False,
        "mask_estimator_depth": 2,
    }


@the("mel_band_roformer")
def test_a_mel_band_roformer_gets_what_msst_meant_before_the_keys_existed(config):
    entry = translate(config, "here")
    assert entry["_target_"] == "stemwise.models.mel_band_roformer.MelBandRoformerModel"
    assert entry["stems"] == ["vocals", "instrumental"]
    settings = entry["settings"]
    assert (settings["chunk"], settings["num_overlap"]) == (441_000, 4)  # inference wins
    assert (settings["network"]["mlp_hidden_layers"], settings["network"]["zero_dc"]) == (2, False)
    config["model"] |= {"mlp_hidden_layers": 1, "zero_dc": True}
    network = translate(config, "here")["settings"]["network"]
    assert (network["mlp_hidden_layers"], network["zero_dc"]) == (1, True)


@the("scnet")
def test_an_scnet(config):
    entry = translate(config, "here")
    assert entry["_target_"] == "stemwise.models.scnet.ScnetModel"
    assert entry["stems"] == ["drums", "bass", "other", "vocals"]
    network = entry["settings"].pop("network")
    assert entry["settings"] == {"chunk": 485_100, "num_overlap": 4, "zscore": True}
    assert {"sources", "audio_channels"}.isdisjoint(network)
    assert network["band_SR"] == [0.175, 0.392, 0.433]


@the("htdemucs")
def test_an_htdemucs(config):
    entry = translate(config, "here")
    assert entry["_target_"] == "stemwise.models.msst_demucs.MsstDemucsModel"
    network = entry["settings"].pop("network")
    # training.normalize is about batches in training: MSST's inference does not ask it
    assert entry["settings"] == {"num_overlap": 4, "zscore": False}
    assert network == {
        "klass": "HTDemucs",
        "segment": 11,
        "channels": 48,
        "channels_time": None,
        "depth": 4,
        "dconv_init": 0.001,
        "bottom_channels": 512,
    }
    config["training"]["target_instrument"] = "vocals"
    assert translate(config, "here")["stems"] == entry["stems"]  # it makes all stems anyway


@the("mdx23c")
def test_an_mdx23c(config):
    entry = translate(config, "here")
    assert entry["_target_"] == "stemwise.models.mdx23c.Mdx23cModel"
    assert entry["stems"] == ["vocals", "instrumental"]
    settings = entry["settings"]
    assert (settings["chunk"], settings["network"]["dim_f"]) == (261_120, 4096)
    del config["audio"]["chunk_size"]
    config["inference"]["dim_t"] = 128
    assert translate(config, "here")["settings"]["chunk"] == 1024 * 127


@pytest.mark.parametrize("kind", ALL)
def test_the_type_may_be_given_written_or_told_by_the_keys(tmp_path, kind):
    config = parsed(tmp_path, ALL[kind])
    entry = translate(config, "here")
    assert translate(config, "here", kind) == entry
    assert translate({**config, "model_type": kind}, "here") == entry
    others = [other for other in ALL if ("htdemucs" in (other, kind)) and other != kind]
    for other in others:  # Demucs files name their section, which nothing else can be built from
        with pytest.raises(ConfigError, match="an architecture that stemwise has"):
            translate(config, "here", other)


@pytest.mark.parametrize(
    ("section", "change", "says"),
    [
        ("model", {"freqs_per_bands": None, "num_bands": None}, "bs_roformer, mel_band"),
        ("model", {"time_conformer_depth": 1}, "is a configuration of BS-Conformer, which"),
        ("model", {"type": "waveunet"}, "'waveunet' is not an architecture"),
        ("model", {"num_stems": 4}, "4 outputs"),
        ("model", {"stereo": False}, "stereo"),
        ("model", {"linear_transformer_depth": 2}, "linear_transformer_depth"),
        ("training", {"instruments": None}, "training.instruments"),
        ("training", {"instruments": []}, "training.instruments"),
        ("training", {"instruments": "vocals"}, "training.instruments"),
        ("training", {"instruments": [1, 2]}, "training.instruments"),
        ("training", {"target_instrument": "../up"}, r"stems: \[NAME"),
        ("audio", {"sample_rate": 48_000}, "48000 Hz"),
        ("audio", {"num_channels": 1}, "1 channels"),
        ("audio", {"chunk_size": "long"}, "audio.chunk_size is 'long'"),
        ("audio", {"chunk_size": -1}, "audio.chunk_size is -1"),
        ("inference", {"num_overlap": None}, "inference.num_overlap is missing"),
        ("inference", {"num_overlap": 0}, "inference.num_overlap is 0"),
        ("inference", {"num_overlap": True}, "inference.num_overlap is True"),
    ],
)
@the("bs_roformer")
def test_what_is_missing_or_wrong_is_named(config, section, change, says):
    values = {**config[section], **change}
    if "freqs_per_bands" in change:
        values = {key: value for key, value in values.items() if key not in change}
    with pytest.raises(ConfigError, match=says) as caught:
        translate({**config, section: values}, "my.yaml")
    assert "my.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("section", ["model", "training"])
@the("scnet")
def test_a_missing_section_is_named(config, section):
    del config[section]
    with pytest.raises(ConfigError, match=r"lacks the section|does not look like"):
        translate(config, "my.yaml")


@the("mel_band_roformer")
def test_a_mel_band_chunk_off_the_hop_is_refused_with_the_next_one(config):
    config["inference"]["chunk_size"] = 352_801
    with pytest.raises(ConfigError, match="set it to 352800"):
        translate(config, "here")
    config["model"]["match_input_audio_length"] = True
    assert translate(config, "here")["settings"]["chunk"] == 352_801


@the("mdx23c")
def test_stems_of_the_entry_must_be_as_many_as_the_outputs(config):
    assert translate(config, "here", None, ["a", "b"])["stems"] == ["a", "b"]
    with pytest.raises(ConfigError, match="2 outputs"):
        translate(config, "here", None, ["a"])


@pytest.mark.parametrize(
    ("instruments", "target", "stems"),
    [
        (["Vocals", "Instrumental"], None, ["vocals", "instrumental"]),
        (["vocals", "other"], None, ["vocals", "instrumental"]),
        (["vocals", "other"], "other", ["instrumental"]),
        (["drums", "bass", "other", "vocals"], "other", ["other"]),
        (["kick", "snare", "toms", "hh", "ride", "crash"], None, [
            "kick", "snare", "toms", "hihat", "ride", "crash"]),
        (["drum-bass", "no drum-bass"], "drum-bass", ["drum-bass"]),
        (["Lead", "Back_Vocals"], None, ["lead_vocals", "backing_vocals"]),
        (["Guitars", "Keys"], None, ["guitar", "piano"]),
        (["Keys", "Piano", "hh"], None, ["keys", "piano", "hihat"]),
        (["keys", "piano"], "keys", ["keys"]),
    ],
)  # fmt: skip
def test_names_become_those_of_the_tree(instruments, target, stems):
    assert tree_stems(instruments, target, "here") == stems


@pytest.mark.parametrize("instruments", [["Vocals", "vocals"], ["(dry)", "x"], ["a/b"], [""]])
def test_names_that_cannot_be_used_say_how_to_give_others(instruments):
    with pytest.raises(ConfigError, match=r"stems: \[NAME"):
        tree_stems(instruments, None, "here")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "must be a mapping"),
        ("just text", "must be a mapping"),
        ("", "must be a mapping"),
        ("{a: [", "not valid YAML"),
        ("\x00", "not valid YAML"),
        ("a: !!python/tuple {b: 1}", "must not"),
        ("a: " + "[" * 5000, "not valid YAML"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        parsed(tmp_path, text)
    assert "config.yaml" in str(caught.value)
    with pytest.raises(ConfigError, match=r"gone\.yaml cannot be read"):
        read(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:pathlib.Path.touch [{path}]",
        "!!python/object/new:os.system ['touch {path}']",
        "!!python/object/apply:os.system ['touch {path}']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!custom 1",
    ],
)
def test_a_tag_that_would_run_code_is_refused_and_runs_nothing(tmp_path, tag):
    trace = tmp_path / "ran"
    with pytest.raises(ConfigError, match="nothing was run"):
        parsed(tmp_path, f"audio: {tag.format(path=trace)}")
    assert not trace.exists()
