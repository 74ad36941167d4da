"""Networks of MSST that stemwise has: their class here, and its settings from a configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stemwise.core.checks import is_number
from stemwise.core.errors import ConfigError
from stemwise.models.msst_values import Reader


def _roformer(reader: Reader, outputs: Sequence[str]) -> dict[str, Any]:
    network = reader.network(outputs)
    if network.pop("linear_transformer_depth", 0):
        raise ConfigError(f"{reader.origin}: linear_transformer_depth above 0 is not supported.")
    if not network.get("stereo"):
        raise ConfigError(f"{reader.origin}: model.stereo is not true, but music here is stereo.")
    return {"network": network, "chunk": reader.chunk()}


def _mel_band(reader: Reader, outputs: Sequence[str]) -> dict[str, Any]:
    settings = _roformer(reader, outputs)
    network = settings["network"]
    # MSST's mask estimators had `depth` hidden layers when this key did not exist; a file with
    # another number is refused when it is loaded. The keys cannot tell whether the lowest bin was
    # zeroed in training: configurations that do not say so are older than that option.
    network.setdefault("mlp_hidden_layers", network.get("mask_estimator_depth", 1))
    network.setdefault("zero_dc", False)
    hop = network.get("stft_hop_length", 512)
    if settings["chunk"] % hop and not network.get("match_input_audio_length"):
        raise ConfigError(
            f"{reader.origin}: chunk_size {settings['chunk']} is not a multiple of the STFT's hop of "
            f"{hop} samples: set it to {settings['chunk'] // hop * hop}."
        )
    return settings


def _scnet(reader: Reader, outputs: Sequence[str]) -> dict[str, Any]:
    network = reader.network(outputs)
    if network.pop("audio_channels", 2) != 2:
        raise ConfigError(f"{reader.origin}: model.audio_channels must be 2.")
    return {"network": network, "chunk": reader.chunk()}


def _mdx23c(reader: Reader, outputs: Sequence[str]) -> dict[str, Any]:
    stft = {key: reader.whole(f"audio.{key}") for key in ("n_fft", "hop_length", "dim_f")}
    return {"network": {**reader.network(outputs), **stft}, "chunk": reader.chunk()}


def _demucs(reader: Reader, _: Sequence[str]) -> dict[str, Any]:
    name = str(reader.config.get("model"))
    network = reader.section(name)
    if network.pop("num_subbands", 1) != 1:
        raise ConfigError(f"{reader.origin}: num_subbands above 1 is not supported.")
    segment = reader.get("training.segment")
    if not is_number(segment) or segment <= 0:
        raise ConfigError(f"{reader.origin}: training.segment is {segment!r}: give its seconds.")
    return {"network": {"klass": DEMUCS[name], "segment": segment, **network}}


def _bandit(reader: Reader, outputs: Sequence[str]) -> dict[str, Any]:
    return _per_channel(reader, outputs, reader.section("model"), "in_channel")


def _bandit_v2(reader: Reader, outputs: Sequence[str]) -> dict[str, Any]:
    return _per_channel(reader, outputs, reader.section("kwargs"), "in_channels")


def _per_channel(
    reader: Reader, outputs: Sequence[str], network: dict[str, Any], channels: str
) -> dict[str, Any]:
    """Return the settings of a network that hears one channel at a time and names its own stems."""
    if network.get(channels) != 1:
        raise ConfigError(
            f"{reader.origin}: {channels} is {network.get(channels)!r}, but MSST hands Bandit one "
            "channel at a time: it must be 1."
        )
    named = network.get("stems")
    if not isinstance(named, list) or len(named) != len(outputs):
        raise ConfigError(
            f"{reader.origin}: the network makes {named!r}, but training names "
            f"{len(outputs)} ({', '.join(outputs)}): correct training.instruments."
        )
    return {"network": network, "chunk": reader.chunk()}


def _apollo(reader: Reader, _: Sequence[str]) -> dict[str, Any]:
    return {"network": reader.section("model"), "chunk": reader.chunk()}


DEMUCS = {"htdemucs": "HTDemucs", "hdemucs": "HDemucs"}
_Translation = Callable[[Reader, Sequence[str]], dict[str, Any]]
ARCHITECTURES: dict[str, tuple[str, str, _Translation]] = {
    "bs_roformer": ("bs_roformer.BsRoformerModel", "BS-RoFormer", _roformer),
    "mel_band_roformer": (
        "mel_band_roformer.MelBandRoformerModel",
        "Mel-Band RoFormer",
        _mel_band,
    ),
    "scnet": ("scnet.ScnetModel", "SCNet", _scnet),
    "htdemucs": ("msst_demucs.MsstDemucsModel", "HT-Demucs", _demucs),
    "mdx23c": ("mdx23c.Mdx23cModel", "MDX23C", _mdx23c),
    "bandit": ("bandit.BanditModel", "Bandit", _bandit),
    "bandit_v2": ("bandit.BanditV2Model", "Bandit v2", _bandit_v2),
    "apollo": ("apollo.ApolloModel", "Apollo", _apollo),
}
