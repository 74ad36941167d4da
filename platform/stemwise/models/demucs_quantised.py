"""Demucs packages whose weights DiffQ quantised (Défossez, Adi & Synnaeve 2021), such as mdx_extra_q.

Such a file keeps lists of parameters in the order in which the package `diffq` finds them in the
network, and the class that packed them. `diffq` (CC BY-NC 4.0) unpacks them; here they are counted and
compared in shape first, since it would leave a parameter that is not there at random.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from stemwise.core.errors import CheckpointError


def quantisers() -> tuple[Callable[..., Any], ...]:
    """Return the classes that a quantised package may name; none where `diffq` is not installed."""
    if find_spec("diffq") is None:
        return ()
    from diffq import DiffQuantizer, UniformQuantizer

    return DiffQuantizer, UniformQuantizer


def is_quantised(state: Mapping[str, Any]) -> bool:
    """Tell whether the state of a Demucs package is packed by a quantiser."""
    return bool(state.get("__quantized"))


def restore(network: nn.Module, state: Mapping[str, Any], path: Path) -> None:
    """Unpack the weights into `network`.

    Raises:
        CheckpointError: a state of another network, or of no known quantiser.
    """
    meta = state.get("meta")
    # without `diffq` a file that names its classes was refused on opening
    if not isinstance(meta, Mapping) or meta.get("klass") not in quantisers():
        raise CheckpointError(
            f"{path} does not say how its quantised weights are packed: take the full version."
        )
    try:
        quantiser = meta["klass"](network, **meta["init_kwargs"])
        _compare(quantiser, state)
        quantiser.restore_quantized_state(state)
        quantiser.detach()
    except (
        AssertionError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise CheckpointError(f"{path} does not fit the network it describes: {reason}.") from error
    _drop_scales(network, getattr(quantiser, "suffix", None))


def _compare(quantiser: Any, state: Mapping[str, Any]) -> None:
    """Compare how many parameters there are, and shapes where they are not packed (ValueError)."""
    packed = [item for item in quantiser._qparams if item.other is None]
    wanted = {"quantized": packed, "float16": quantiser._float16, "others": quantiser._others}
    for key, own in wanted.items():
        found = state[key]
        if len(found) != len(own):
            raise ValueError(f"it holds {len(found)} weights under {key}, not {len(own)}")
        if key == "quantized":
            continue
        for mine, theirs in zip(own, found, strict=True):
            if mine.shape != theirs.shape:
                raise ValueError(
                    f"a weight under {key} is {tuple(theirs.shape)}, not {tuple(mine.shape)}"
                )


def _drop_scales(network: nn.Module, suffix: str | None) -> None:
    """Remove the parameters that the quantiser adds for training, as if it had never been there."""
    for module in network.modules():
        for name in list(module._parameters):
            if suffix is not None and name.endswith(suffix):
                del module._parameters[name]
