"""Configurations of ZFTurbo's Music-Source-Separation-Training (MSST) as entries of the zoo.

Nearly every community checkpoint comes with such a YAML: sections `audio`, `model`, `training`,
`inference`. It is translated here to the class and settings that do what MSST's own inference does
with it (`utils/model_utils.py`, `demix`). Plain dicts only: listing models imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stemwise.core.errors import ConfigError
from stemwise.models.msst_stems import tree_stems

_Section = Mapping[str, Any]

# Keys of `model` that say nothing about the output: for training only, or said elsewhere.
_IGNORED = {
    "architecture",
    "attn_dropout",
    "dim_freqs_in",
    "ff_dropout",
    "model_type",
    "multi_stft_hop_size",
    "multi_stft_normalized",
    "multi_stft_resolution_loss_weight",
    "multi_stft_resolutions_window_sizes",
    "multi_stft_window_fn",
    "num_stems",
    "sage_attention",
    "sources",
    "type",
    "use_torch_checkpoint",
}


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which builds plain values only, plus the one tag that MSST's files use."""


def _tuple(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise yaml.constructor.ConstructorError(
            None, None, "a tuple must be a list", node.start_mark
        )
    return loader.construct_sequence(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", _tuple)
# YAML 1.1 takes 1e-3 for a text, the loaders of MSST for a number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read(path: Path) -> dict[str, Any]:
    """Read an MSST configuration; `!!python/tuple` becomes a list, other Python tags are refused.

    Raises:
        ConfigError: absent, not YAML, not a mapping, or with a tag that could run code.
    """
    try:
        # this is a SafeLoader: it builds no objects
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise ConfigError(f"The MSST config {path} cannot be read ({error.strerror}).") from error
    except yaml.constructor.ConstructorError as error:
        raise ConfigError(
            f"{path} holds what a configuration must not ({_problem(error)}): nothing was run, "
            "remove it from the file."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid YAML ({_problem(error)}).") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must be a mapping with the sections audio, model, training, …")
    return content


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or " ".join(str(error).split())[:200])


def translate(
    config: _Section,
    origin: str,
    model_type: str | None = None,
    stems: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return what conf/model/*.yaml would say: `_target_`, `architecture`, `stems`, `settings`.

    Args:
        config: the whole configuration.
        origin: its file, for error messages.
        model_type: MSST's name of the architecture; None takes the config's own, or detects it.
        stems: names for the outputs instead of the config's instruments.

    Raises:
        ConfigError: an architecture that we do not have, or a value missing or not usable.
    """
    kind = _architecture(config, origin, model_type)
    target, name, network = _ARCHITECTURES[kind]
    reader = _Reader(config, origin)
    rate = reader.get("audio.sample_rate") or reader.get("training.samplerate") or 44_100
    channels = reader.get("audio.num_channels") or reader.get("training.channels") or 2
    if rate != 44_100:
        raise ConfigError(
            f"{origin} works at {rate} Hz; stemwise compares models at 44100 Hz only."
        )
    if channels != 2:
        raise ConfigError(f"{origin} takes {channels} channels, but stemwise separates stereo.")
    instruments, wanted = reader.instruments()
    if kind == "htdemucs":
        wanted = None  # it always makes all stems; MSST picks the target from them
    outputs = instruments if wanted is None else [wanted]
    if stems is not None and len(stems) != len(outputs):
        raise ConfigError(
            f"{origin} has {len(outputs)} outputs ({', '.join(outputs)}), but stems names {len(stems)}."
        )
    settings = network(reader, outputs)
    settings["num_overlap"] = reader.whole("inference.num_overlap")
    # as MSST's inference: `training.normalize` is about batches in training
    settings["zscore"] = reader.get("inference.normalize") is True
    return {
        "_target_": f"stemwise.models.{target}",
        "architecture": name,
        "stems": list(stems) if stems is not None else tree_stems(instruments, wanted, origin),
        "settings": settings,
    }


class _Reader:
    """Values of a configuration by their dotted names, with errors that name file and key."""

    def __init__(self, config: _Section, origin: str) -> None:
        self.config, self.origin = config, origin

    def section(self, name: str) -> dict[str, Any]:
        value = self.config.get(name)
        if not isinstance(value, Mapping):
            raise ConfigError(f"{self.origin} lacks the section {name}.")
        return {str(key): item for key, item in value.items()}

    def get(self, key: str) -> Any:
        section, _, name = key.partition(".")
        values = self.config.get(section)
        return values.get(name) if isinstance(values, Mapping) else None

    def whole(self, *keys: str) -> int:
        """Return the first of these keys that is there, a whole number from 1."""
        key, value = next(
            ((key, found) for key in keys if (found := self.get(key)) is not None), (keys[-1], None)
        )
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            said = "is missing" if value is None else f"is {value!r}"
            raise ConfigError(f"{self.origin}: {key} {said}: give a whole number from 1.")
        return value

    def instruments(self) -> tuple[list[str], str | None]:
        """Return `training.instruments`, and the target where the network has only one output."""
        named = self.section("training").get("instruments")
        if not isinstance(named, list) or not named or not all(isinstance(n, str) for n in named):
            raise ConfigError(
                f"{self.origin}: training.instruments is {named!r}: it must list the stems."
            )
        target = self.get("training.target_instrument")
        return named, str(target) if target else None

    def network(self, outputs: Sequence[str]) -> dict[str, Any]:
        """Return the section `model` without what does not matter; its outputs must be those named."""
        model = self.section("model")
        sources = model.get("sources")
        count = model.get("num_stems", len(sources) if isinstance(sources, list) else None)
        if count is not None and count != len(outputs):
            raise ConfigError(
                f"{self.origin}: the network has {count} outputs, but training names "
                f"{len(outputs)} ({', '.join(outputs)}): correct training.instruments."
            )
        return {key: value for key, value in model.items() if key not in _IGNORED}

    def chunk(self) -> int:
        """Return samples per chunk; where no chunk_size is given, (dim_t − 1) hops."""
        if self.get("inference.chunk_size") or self.get("audio.chunk_size"):
            return self.whole("inference.chunk_size", "audio.chunk_size")
        if self.get("inference.dim_t") is None and self.get("audio.dim_t") is None:
            raise ConfigError(f"{self.origin} lacks audio.chunk_size: give the samples of a chunk.")
        frames = self.whole("inference.dim_t", "audio.dim_t")
        return self.whole("audio.hop_length") * (frames - 1)


def _roformer(reader: _Reader, outputs: Sequence[str]) -> dict[str, Any]:
    network = reader.network(outputs)
    if network.pop("linear_transformer_depth", 0):
        raise ConfigError(f"{reader.origin}: linear_transformer_depth above 0 is not supported.")
    if not network.get("stereo"):
        raise ConfigError(f"{reader.origin}: model.stereo is not true, but music here is stereo.")
    return {"network": network, "chunk": reader.chunk()}


def _mel_band(reader: _Reader, outputs: Sequence[str]) -> dict[str, Any]:
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


def _scnet(reader: _Reader, outputs: Sequence[str]) -> dict[str, Any]:
    network = reader.network(outputs)
    if network.pop("audio_channels", 2) != 2:
        raise ConfigError(f"{reader.origin}: model.audio_channels must be 2.")
    return {"network": network, "chunk": reader.chunk()}


def _mdx23c(reader: _Reader, outputs: Sequence[str]) -> dict[str, Any]:
    stft = {key: reader.whole(f"audio.{key}") for key in ("n_fft", "hop_length", "dim_f")}
    return {"network": {**reader.network(outputs), **stft}, "chunk": reader.chunk()}


def _demucs(reader: _Reader, _: Sequence[str]) -> dict[str, Any]:
    name = str(reader.config.get("model"))
    network = reader.section(name)
    if network.pop("num_subbands", 1) != 1:
        raise ConfigError(f"{reader.origin}: num_subbands above 1 is not supported.")
    segment = reader.get("training.segment")
    if isinstance(segment, bool) or not isinstance(segment, int | float) or segment <= 0:
        raise ConfigError(f"{reader.origin}: training.segment is {segment!r}: give its seconds.")
    return {"network": {"klass": _DEMUCS[name], "segment": segment, **network}}


_DEMUCS = {"htdemucs": "HTDemucs", "hdemucs": "HDemucs"}
_Translation = Callable[[_Reader, Sequence[str]], dict[str, Any]]
_ARCHITECTURES: dict[str, tuple[str, str, _Translation]] = {
    "bs_roformer": ("bs_roformer.BsRoformerModel", "BS-RoFormer", _roformer),
    "mel_band_roformer": (
        "mel_band_roformer.MelBandRoformerModel",
        "Mel-Band RoFormer",
        _mel_band,
    ),
    "scnet": ("scnet.ScnetModel", "SCNet", _scnet),
    "htdemucs": ("msst_demucs.MsstDemucsModel", "HT-Demucs", _demucs),
    "mdx23c": ("mdx23c.Mdx23cModel", "MDX23C", _mdx23c),
}
# What only one architecture's `model` section has.
_MARKS = {
    "bs_roformer": {"freqs_per_bands"},
    "mel_band_roformer": {"num_bands"},
    "scnet": {"band_SR", "band_stride"},
    "mdx23c": {"num_subbands", "num_scales", "bottleneck_factor"},
}
# Relatives with the same marks, that are other networks.
_FOREIGN = {"time_conformer_depth", "freq_conformer_depth", "band_specs"}


def _architecture(config: _Section, origin: str, model_type: str | None) -> str:
    """Return MSST's name of the architecture: given, written in the config, or told by its keys."""
    model = config.get("model")
    named = model_type or config.get("model_type")
    if isinstance(model, Mapping):
        named = named or model.get("model_type") or model.get("type") or model.get("architecture")
        marks = [kind for kind, keys in _MARKS.items() if keys <= set(model)]
        detected = marks[0] if len(marks) == 1 and not _FOREIGN & set(model) else None
    else:
        detected = "htdemucs" if str(model) in _DEMUCS else None
    kind = str(named).strip().lower() if named else detected
    fits = isinstance(model, Mapping) if kind != "htdemucs" else str(model) in _DEMUCS
    if kind in _ARCHITECTURES and fits:
        return str(kind)
    said = f"{named!r} is not" if named else "its section model does not look like"
    raise ConfigError(
        f"{origin}: {said} an architecture that stemwise has: use one of {', '.join(_ARCHITECTURES)}, "
        "named with model_type where the file does not say so."
    )
