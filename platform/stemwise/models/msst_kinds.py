"""Which architecture an MSST configuration is of: one that stemwise has, or another, by its name.

Some relatives have the same keys and more, one has the very same and differs by its file's name only;
taken for each other, they would load nothing, or worse, something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from stemwise.core.errors import ConfigError
from stemwise.models.msst_networks import ARCHITECTURES, DEMUCS
from stemwise.models.msst_values import Section

# What only one architecture's `model` section has; Bandit v2 calls that section `kwargs`.
_MARKS = {
    "bs_roformer": {"freqs_per_bands"},
    "mel_band_roformer": {"num_bands"},
    "scnet": {"band_SR", "band_stride"},
    "mdx23c": {"num_subbands", "num_scales", "bottleneck_factor"},
    "bandit": {"in_channel", "stems", "band_specs"},
    "apollo": {"sr", "win", "feature_dim", "layer"},
}
_MARKS_V2 = {"in_channels", "stems", "n_sqm_modules"}


@dataclass(frozen=True)
class Foreign:
    """An architecture that stemwise does not have.

    Attributes:
        name: for people.
        types: MSST's names of it (`model_type`).
        keys: what its `model` section has, and none of ours.
        exactly: whether that section has nothing else.
        file: what its file's name has, where its keys are those of another.
    """

    name: str
    types: frozenset[str]
    keys: frozenset[str] = frozenset()
    exactly: bool = False
    file: str | None = None

    def has(self, model: Mapping[str, object]) -> bool:
        """Tell whether a section `model` is of this architecture."""
        found = set(model)
        return bool(self.keys) and (self.keys == found if self.exactly else self.keys <= found)


def _foreign(name: str, types: str, keys: str = "", **more: object) -> Foreign:
    return Foreign(name, frozenset(types.split()), frozenset(keys.split()), **more)  # type: ignore[arg-type]


FOREIGN = (
    _foreign("BS-Conformer", "bs_conformer", "freqs_per_bands time_conformer_depth"),
    _foreign("Mel-Band Conformer", "mel_band_conformer", "num_bands time_conformer_depth"),
    _foreign("Conformer", "conformer", "embed_dim freq_bins conv_kernel_size"),
    _foreign("BS-Mamba2", "bs_mamba2", "num_repeat_mask num_repeat_map"),
    _foreign("SCNet-Tran", "scnet_tran", "band_SR tran_depth"),
    _foreign("SCNet with masks", "scnet_masked"),
    _foreign("the unofficial SCNet", "scnet_unofficial"),
    _foreign("MDX23C with Hartley transforms", "experimental_mdx23c_stht", file="stht"),
    _foreign("an experimental RoFormer", "bs_roformer_experimental mel_band_roformer_experimental"),
    _foreign("BS-RoFormer HyperACE", "bs_roformer_hyperace"),
    _foreign("Moises-Light", "moises_light", "n_split_enc n_split_dec"),
    _foreign("an image segmentation network", "segm_models torchseg", "encoder_name decoder_type"),
    _foreign("Swin-UPerNet", "swin_upernet", "act num_channels num_subbands", exactly=True),
    _foreign("DTTNet", "dttnet", "block_type bandsequence"),
    _foreign("SSLAM", "sslam", "pretrained_model_args"),
    _foreign("UVR's VR network", "vr"),
)


def architecture(config: Section, origin: str, model_type: str | None) -> str:
    """Return MSST's name of the architecture: given, written in the config, or told by its keys.

    Raises:
        ConfigError: one that stemwise does not have, by its name where it is known.
    """
    model = config.get("model")
    named = _named(config, model_type)
    if isinstance(model, Mapping):
        keyed = next((other for other in FOREIGN if other.has(model)), None)
    else:
        keyed = None
    other = next((other for other in FOREIGN if named in other.types), keyed)
    if other is None and named is None:
        # the keys are those of the plain network, which a given model_type may say it is
        stem = PurePath(origin).stem.lower()
        other = next((other for other in FOREIGN if other.file and other.file in stem), None)
    if other is not None:
        raise ConfigError(_refusal(other, origin))
    kind = named or _detected(config)
    if kind in ARCHITECTURES and _fits(config, kind):
        return kind
    said = f"{named!r} is not" if named else "its section model does not look like"
    raise ConfigError(
        f"{origin}: {said} an architecture that stemwise has: use one of {', '.join(ARCHITECTURES)}, "
        "named with model_type where the file does not say so."
    )


def _refusal(other: Foreign, origin: str) -> str:
    plain = "; if it is the plain MDX23C, say model_type: mdx23c" if other.file else ""
    return (
        f"{origin} is a configuration of {other.name}, which stemwise does not have{plain}: separate "
        "with MSST and compare its stems as files (models=files, docs/datasets.md), or add the network "
        "as a model of your own (CONTRIBUTING.md)."
    )


def _named(config: Section, model_type: str | None) -> str | None:
    named = model_type or config.get("model_type")
    for section in (config.get("model"), config.get("training")):
        if isinstance(section, Mapping):
            named = named or section.get("model_type")
    model = config.get("model")
    if isinstance(model, Mapping):
        named = named or model.get("type") or model.get("architecture")
    return str(named).strip().lower() if named else None


def _detected(config: Section) -> str | None:
    model, v2 = config.get("model"), config.get("kwargs")
    if isinstance(model, Mapping):
        marks = [kind for kind, keys in _MARKS.items() if keys <= set(model)]
        return marks[0] if len(marks) == 1 else None
    if isinstance(v2, Mapping) and set(v2) >= _MARKS_V2:
        return "bandit_v2"
    return "htdemucs" if str(model) in DEMUCS else None


def _fits(config: Section, kind: str) -> bool:
    """Tell whether the section that describes such a network is there."""
    model = config.get("model")
    if kind == "htdemucs":
        return str(model) in DEMUCS
    return isinstance(config.get("kwargs" if kind == "bandit_v2" else "model"), Mapping)
