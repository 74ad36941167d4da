"""Spleeter's 4- and 5-stem models, from the archives that its authors publish.

An archive holds one TensorFlow checkpoint with the U-Nets of all stems. Their layers are numbered
through in the order in which they were made: per stem six convolutions and the one of the mask, six
transposed ones, and twelve batch norms.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from stemwise.core.errors import CheckpointError
from stemwise.models.checkpoints.tensorflow_bundle import Variables, load_variables
from stemwise.models.spleeter import SpleeterModel, UNet

_LAYERS = 6
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


class SpleeterArchiveModel(SpleeterModel):
    """Stems by ratio masks |Xᵢ|²/Σ|Xⱼ|² below 11 kHz; above, all are empty.

    Args:
        checkpoint: the published `.tar.gz`.
        stems: in the order of the archive's networks.
        softmax: whether the masks of the networks are a softmax over the stems, as with 5 stems.

    Raises:
        CheckpointError: another file, or networks of another number or shape.
    """

    def __init__(self, checkpoint: Path, stems: Sequence[str], softmax: bool = False) -> None:
        self._softmax = softmax
        self._set_up(stems, load_unets(checkpoint, len(stems)))

    def _magnitudes(self, magnitude: Tensor) -> Tensor:
        if not self._softmax:
            return super()._magnitudes(magnitude)
        networks = cast("list[UNet]", list(self.networks))
        logits = torch.stack([network.logit(magnitude) for network in networks], dim=1)
        return torch.softmax(logits, dim=1) * magnitude[:, None]


def load_unets(path: Path, count: int) -> list[UNet]:
    """Build the U-Nets of all stems; every variable of the checkpoint but the optimiser's is used.

    Raises:
        CheckpointError: a variable that is missing, of another shape, or not accounted for.
    """
    variables = {
        name: value for name, value in load_variables(path).items() if not _of_training(name)
    }
    networks, unused = [], set(variables)
    for number in range(count):
        names = _names(number)
        network = UNet(elu=True)
        state = network.state_dict()
        for key in state:
            if "num_batches" in key:
                continue  # exists only in training
            state[key] = _tensor(variables, names[key], state[key], path)
            unused.discard(names[key])
        network.load_state_dict(state)
        networks.append(network)
    if unused:
        raise CheckpointError(
            f"{path} holds more than the U-Nets of {count} stems: it has {min(unused)}, which none uses."
        )
    return networks


def _of_training(name: str) -> bool:
    return name.endswith(("/Adam", "/Adam_1")) or name in ("beta1_power", "beta2_power")


def _names(number: int) -> dict[str, str]:
    """Return the variable of each key of the `number`-th U-Net."""
    names: dict[str, str] = {}
    for layer in range(_LAYERS):
        convolutions = {
            f"down.{layer}": (_numbered("conv2d", number * (_LAYERS + 1) + layer), layer),
            f"up.{layer}": (
                _numbered("conv2d_transpose", number * _LAYERS + layer),
                _LAYERS + layer,
            ),
        }
        for block, (name, norm) in convolutions.items():
            names |= {
                f"{block}.conv.weight": f"{name}/kernel",
                f"{block}.conv.bias": f"{name}/bias",
            }
            normed = _numbered("batch_normalization", number * 2 * _LAYERS + norm)
            names |= {f"{block}.norm.{own}": f"{normed}/{their}" for own, their in _NORM.items()}
    mask = _numbered("conv2d", number * (_LAYERS + 1) + _LAYERS)
    return names | {"mask.weight": f"{mask}/kernel", "mask.bias": f"{mask}/bias"}


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _tensor(variables: Variables, name: str, like: Tensor, path: Path) -> Tensor:
    value = variables.get(name)
    if value is None:
        raise CheckpointError(f"{path} is not of this Spleeter model: it lacks {name}.")
    # (height, width, inputs, outputs) and, transposed, (height, width, outputs, inputs)
    turned = np.transpose(value, (3, 2, 0, 1)) if value.ndim == 4 else value
    if turned.shape != tuple(like.shape):
        raise CheckpointError(
            f"{path} is not of this Spleeter model: {name} is {value.shape} and not what a U-Net has."
        )
    return torch.from_numpy(np.ascontiguousarray(turned))
