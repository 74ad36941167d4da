"""From a trained network to a checkpoint of the zoo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from stemwise.models.checkpoints.state_dict import save_state
from stemwise.models.demucs import save_package


def export(network: nn.Module, path: Path, facts: Mapping[str, str]) -> None:
    """Write half-precision safetensors: for Demucs a package, else a state dict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save = save_package if hasattr(network, "_init_args_kwargs") else save_state
    save(network, path, facts)
