"""What is compared: networks of true size with random weights, in files of the true format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from demucs.states import serialize_model
from omegaconf import OmegaConf
from torch import nn

from model_cost import untrained
from stemwise.models import registry
from stemwise.models.base import Model
from stemwise.models.checkpoints.checkpoint import Checkpoint

# Layer scales start near zero: with these the layers behind them are heard in the output.
_LAYER_SCALE = 0.5


@dataclass(frozen=True)
class Case:
    """One architecture.

    `seconds` of audio: few, since a pass of a large network takes a minute; and such that both sides
    run as many passes, as they nearly do on a song (MSST also separates the chunks that lie wholly in
    its extension, which on a song of four minutes are 3 of 100).
    """

    name: str
    peer: str
    seconds: float
    rounds: int
    why: str


CASES = {
    case.name: case
    for case in (
        Case("htdemucs_6s", "demucs", 24, 5, "five chunks of 7.8 s, 25 % overlap"),
        Case("drumsep", "demucs", 45, 3, "a chunk of 40 s and one of 15 s, 25 % overlap"),
        Case("scnet", "MSST", 11, 5, "four chunks of 11 s, num_overlap 4"),
        Case("scnet_large", "MSST", 2.75, 3, "one chunk of 11 s, the rest silence"),
        Case("melband_roformer_vocals", "MSST", 4, 3, "one chunk of 8 s, half of it silence"),
        Case("bs_roformer", "MSST", 4, 2, "one chunk of 8 s, half of it silence"),
    )
}


def write(name: str, folder: Path) -> Path:
    """Write a checkpoint of the model `name` with random weights; return its path."""
    spec = registry.get(name)
    torch.manual_seed(0)
    made = untrained(spec)
    if made is None:
        raise ValueError(f"{name} has no network that can be built without its checkpoint.")
    network, _ = made
    _be_heard(network)
    path = folder / spec.checkpoints[0].filename
    if spec.target.endswith(".DemucsModel"):
        training = OmegaConf.create({"epochs": 360, "optim": {"lr": 3e-4}, "dset": {"segment": 11}})
        torch.save(dict(serialize_model(network, training)), path)
    else:
        torch.save(network.state_dict(), path)
    return path


def _be_heard(network: nn.Module) -> None:
    with torch.no_grad():
        for key, value in network.named_parameters():
            if "gamma_" in key or key.endswith("scale"):
                value.fill_(_LAYER_SCALE)


def ours(name: str, path: Path) -> Model:
    """Load the checkpoint at `path` as stemwise does."""
    spec = replace(registry.get(name), checkpoints=(Checkpoint(filename=path.name, path=path),))
    return registry.build(registry.ReadyModel(spec, (path,), identity="benchmark"))


def theirs(name: str, path: Path) -> nn.Module:
    """Load the checkpoint at `path` into the class of the package that defines the network."""
    from demucs.states import load_model
    from pymss_core.modules.bs_roformer import BSRoformer, MelBandRoformer
    from pymss_core.modules.scnet import SCNet

    spec = registry.get(name)
    arguments: Mapping[str, Any] = spec.settings.get("network", {})
    if spec.target.endswith(".DemucsModel"):
        network = load_model(torch.load(path, weights_only=False))
    elif spec.target.endswith(".ScnetModel"):
        network = SCNet(sources=list(spec.stems), **arguments)
    elif spec.target.endswith(".BsRoformerModel"):
        network = BSRoformer(num_stems=len(spec.stems), **arguments)
    else:
        network = MelBandRoformer(num_stems=len(spec.stems), **arguments)
    if not spec.target.endswith(".DemucsModel"):
        network.load_state_dict(torch.load(path, weights_only=True))
    made: nn.Module = network.eval()
    return made
