"""The paper's six checkpoints: facts, networks at true and reduced size, files in the true format.

The weights are random, since the real ones cannot be had where the tests run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs
from demucs.states import serialize_model
from omegaconf import OmegaConf
from torch import nn

from stemwise.models.registry import get

CHUNK = 17_640  # of the reduced MSST networks: a multiple of MelBand's hop, as 352800 is
SEGMENT = Fraction(3, 5)  # of the reduced Demucs networks, in seconds

_MEL_SMALL = {"dim": 16, "depth": 1, "num_bands": 16, "dim_head": 8, "heads": 2}
_SCNET_SMALL = {"num_dplayer": 2, "nfft": 512, "hop_size": 128, "win_size": 512}
SMALL: Mapping[str, dict[str, Any]] = {
    "scnet": {"dims": [4, 8, 8, 8], **_SCNET_SMALL},
    "scnet_large": {"dims": [4, 8, 16, 16], **_SCNET_SMALL},
    "melband_roformer_vocals": _MEL_SMALL,
    "melband_roformer_karaoke": _MEL_SMALL,
    "htdemucs_6s": {"channels": 8, "segment": SEGMENT},
    "drumsep": {"channels": 8, "segment": SEGMENT},
}
# Of the classes in the package demucs: what the two published packages hold beside the sources.
_DEMUCS: Mapping[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "htdemucs_6s": (
        HTDemucs,
        {
            "depth": 4,
            "t_layers": 5,
            "t_heads": 8,
            "bottom_channels": 0,
            "dconv_mode": 3,
            "dconv_comp": 8,
            "segment": Fraction(39, 5),
        },
    ),
    "drumsep": (HDemucs, {"depth": 6, "dconv_mode": 1, "dconv_comp": 4, "segment": 40}),
}
# The stems of the files, by the names that the files use.
SOURCES = {
    "scnet": ("drums", "bass", "other", "vocals"),
    "scnet_large": ("drums", "bass", "other", "vocals"),
    "melband_roformer_vocals": ("vocals",),
    "melband_roformer_karaoke": ("lead_vocals",),
    "htdemucs_6s": ("drums", "bass", "other", "vocals", "guitar", "piano"),
    "drumsep": ("bombo", "redoblante", "platillos", "toms"),
}
NAMES = tuple(SOURCES)
DEMUCS = tuple(_DEMUCS)
MSST = tuple(name for name in NAMES if name not in DEMUCS)


@dataclass(frozen=True)
class Facts:
    """What is known of a published file: parameters, tensors, first and last key, how it is cut."""

    parameters: int
    tensors: int
    first: str
    last: str
    tiling: dict[str, object]


def _mel(num_overlap: int) -> Facts:
    return Facts(
        228_202_852,
        684,
        "layers.0.0.layers.0.0.rotary_embed.freqs",
        "mask_estimators.0.to_freqs.59.0.4.bias",
        {"tiling": "reflect", "chunk": 352_800, "num_overlap": num_overlap},
    )


def _scnet(parameters: int) -> Facts:
    return Facts(
        parameters,
        372,
        "encoder.0.SDlayer.convs.0.weight",
        "separation_net.dp_modules.5.norm_layers.1.bias",
        {"tiling": "reflect", "chunk": 485_100, "num_overlap": 4},
    )


def _demucs(parameters: int, tensors: int, last: str, chunk: int) -> Facts:
    tiling: dict[str, object] = {"tiling": "centered", "chunk": chunk, "overlap": 0.25}
    return Facts(parameters, tensors, "encoder.0.conv.weight", last, tiling)


OFFICIAL = {
    "scnet": _scnet(10_578_768),
    "scnet_large": _scnet(42_181_232),
    "melband_roformer_vocals": _mel(2),
    "melband_roformer_karaoke": _mel(4),
    "htdemucs_6s": _demucs(27_414_996, 525, "crosstransformer.layers_t.4.gamma_2.scale", 343_980),
    "drumsep": _demucs(83_637_832, 395, "freq_emb.embedding.weight", 1_764_000),
}


def network_of(name: str, changes: Mapping[str, Any] | None = None, seed: int = 0) -> Any:
    """Build the reference class with the published arguments and seeded random weights."""
    from pymss_core.modules.bs_roformer import MelBandRoformer
    from pymss_core.modules.scnet import SCNet

    torch.manual_seed(seed)
    sources = list(SOURCES[name])
    if name in DEMUCS:
        klass, arguments = _DEMUCS[name]
        network = klass(sources=sources, **{**arguments, **(changes or {})})
        with torch.no_grad():
            for key, value in network.named_parameters():
                if "scale" in key or "gamma" in key:
                    value.fill_(0.5)  # layer scales start near zero: hear the layers too
        return network.eval()
    arguments = {**get(name).settings["network"], **(changes or {})}
    if name.startswith("scnet"):
        return SCNet(sources=sources, **arguments).eval()
    return MelBandRoformer(num_stems=1, **arguments).eval()


def content_of(name: str, network: Any, wrap: str = "flat") -> dict[str, Any]:
    """Return what the published file holds: a state dict, or a half-precision Demucs package.

    `wrap` is `flat`, `module` (prefix of distributed training), `best_state` (nested, as SCNet's
    author does) or `both`.
    """
    if name in DEMUCS:
        training = OmegaConf.create({"epochs": 360, "optim": {"lr": 3e-4}, "dset": {"segment": 11}})
        return dict(serialize_model(network, training))
    state = network.state_dict()
    if wrap in ("module", "both"):
        state = {f"module.{key}": value for key, value in state.items()}
    return {"best_state": state, "epoch": 3} if wrap in ("best_state", "both") else state


def file_name(name: str) -> str:
    """Return the published file's name."""
    (checkpoint,) = get(name).checkpoints
    return checkpoint.filename


def entry(name: str, path: Path, **settings: Any) -> dict[str, Any]:
    """Return a user's entry for a reduced file at `path`; what a package holds is read from it."""
    if name not in DEMUCS:
        network = {**get(name).settings["network"], **SMALL[name]}
        settings = {"network": network, "chunk": CHUNK, **settings}
    return {"name": "mine", "base": name, "checkpoint": str(path), "settings": settings}
