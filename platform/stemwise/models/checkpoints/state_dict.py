"""State dicts as they are published: flat, or wrapped by a training script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from stemwise.core.errors import CheckpointError
from stemwise.models.checkpoints.safe_load import load

# Keys under which training scripts keep the weights, the best ones first.
_WRAPPERS = ("best_state", "state_dict", "model_state_dict", "state", "model")
_PREFIX = "module."  # of DistributedDataParallel
_SHOWN = 3


def load_state(network: nn.Module, path: Path) -> None:
    """Load a checkpoint strictly.

    Raises:
        CheckpointError: not a state dict, or a key that is missing, unexpected or of another shape.
    """
    fit(network, unwrap(load(path), path), path, "these settings")


def fit(network: nn.Module, state: Mapping[str, Tensor], path: Path, arguments: str) -> None:
    """Give `network`, built with `arguments` (words for the error), the weights of `path`.

    Raises:
        CheckpointError: a key that is missing, unexpected or of another shape, by its name.
    """
    own = network.state_dict()
    missing, unexpected = [k for k in own if k not in state], [k for k in state if k not in own]
    reshaped = [k for k in own if k in state and own[k].shape != state[k].shape]
    for what, keys in (("lacks", missing), ("has unexpected", unexpected), ("reshapes", reshaped)):
        if keys:
            more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
            raise CheckpointError(
                f"{path} is of another architecture than {type(network).__name__} with {arguments}: "
                f"it {what} {', '.join(keys[:_SHOWN])}{more}."
            )
    network.load_state_dict(state)


def unwrap(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the flat state dict inside a checkpoint, without the prefix of distributed training.

    Raises:
        CheckpointError: there is none.
    """
    while isinstance(content, Mapping):
        inner = next((content[k] for k in _WRAPPERS if isinstance(content.get(k), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise CheckpointError(
            f"{path} holds no state dict (a mapping of names to tensors): choose a `base` whose "
            "checkpoints have this format."
        )
    return {str(key).removeprefix(_PREFIX): value for key, value in content.items()}


def save_state(network: nn.Module, path: Path, facts: Mapping[str, str]) -> None:
    """Write a network's state dict as half-precision safetensors; `facts` become its metadata."""
    from safetensors.torch import save_file

    state = {name: value.half().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(state, path, dict(facts))
