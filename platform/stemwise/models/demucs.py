"""Demucs of every generation (Demucs v3, HDemucs, HTDemucs) through the `demucs` package.

A checkpoint is a Demucs package: a dict of class, constructor arguments and (half precision) state,
so it describes itself; stems and segment are read from it. Inference equals
`demucs.apply.apply_model(shifts=0)` inside `demucs.api.Separator`.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.core.stems import check_name
from stemwise.core.types import CHANNELS
from stemwise.models.base import Normalisation
from stemwise.models.checkpoints.safe_load import load, metadata
from stemwise.models.checkpoints.state_dict import fit, unwrap
from stemwise.models.demucs_quantised import is_quantised, quantisers, restore
from stemwise.models.fast.hybrid_demucs import demucs_pass
from stemwise.models.fast.layout import Pass
from stemwise.models.overlap import FAST, REFERENCE, Overlap
from stemwise.models.tiling import CenteredTiling

_PACKAGE = "demucs_package"  # metadata key of a package that is kept as safetensors
# Names that packages use for stems of our tree.
RENAMES = {
    "guitars": "guitar",
    "keys": "piano",
    "vocal": "vocals",
    "drum": "drums",
    # drumsep's package is in Spanish
    "bombo": "kick",
    "redoblante": "snare",
    "platillos": "cymbals",
}


class DemucsModel:
    """A Demucs package as a model.

    Args:
        checkpoint: the package, `.th`.
        stems: names of the stems, in the package's order; None takes the package's own (renamed by
            `RENAMES` to our tree). A name of its own may not label another of its stems.
        overlap: share of a chunk that overlaps the next one.
        segment_s: chunk in seconds; None is what the model was trained on.
        tiling: demucs' own, or the one without chunks that lie within others.

    Raises:
        CheckpointError: not a Demucs package, or one of another shape than it claims.
        ConfigError: `stems` does not fit the package.
    """

    normalisation: Normalisation = "zscore"
    uses_references = False

    def __init__(
        self,
        checkpoint: Path,
        stems: Sequence[str] | None = None,
        overlap: float = 0.25,
        segment_s: float | None = None,
        tiling: Overlap = REFERENCE,
    ) -> None:
        self.network = load_package(checkpoint)
        self._pass: Pass = demucs_pass(self.network)
        self.stems = stems_of(self.network, stems, str(checkpoint))
        self.sample_rate = int(self.network.samplerate)
        fast = tiling == FAST
        self.tiling = CenteredTiling(
            chunk_of(self.network, segment_s),
            min(overlap, 0.25) if fast else overlap,
            valid_length=valid_length_of(self.network, segment_s),
            exact=fast,
        )

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, channels, samples)` into `(batch, stems, channels, samples)`."""
        out: Tensor = self._pass(chunks)
        return out

    def to(self, device: torch.device) -> None:
        """Move the network."""
        self.network.to(device)
        self._pass = demucs_pass(self.network)

    @staticmethod
    def untrained(stems: Sequence[str], network: Mapping[str, Any]) -> nn.Module:
        """Return the network without weights; its `klass` is HTDemucs, HDemucs or Demucs."""
        arguments = {"sources": list(stems), **network}
        made: nn.Module = _class_of(arguments.pop("klass", "HTDemucs"))(**arguments)
        return made


def stems_of(network: Any, stems: Sequence[str] | None, where: str) -> tuple[str, ...]:
    """Return the names of a network's stems: its own, or those given, in its order.

    Raises:
        ConfigError: too few or many, one twice, or one that labels another stem.
    """
    sources = [RENAMES.get(name, name) for name in network.sources]
    named = tuple(check_name(name) for name in stems or sources)
    if len(named) != len(sources) or len(set(named)) != len(sources):
        raise ConfigError(
            f"{where} separates {len(sources)} stems ({', '.join(sources)}), but "
            f"{len(set(named))} names were given: {', '.join(named)}."
        )
    moved = [a for a, b in zip(named, sources, strict=True) if a != b and a in sources]
    if moved:
        # silently, kick would be scored as snare
        raise ConfigError(
            f"{where} separates {', '.join(sources)} in this order, but the given stems "
            f"({', '.join(named)}) put {moved[0]} elsewhere: give them in the file's order."
        )
    return named


def chunk_of(network: Any, segment_s: float | None) -> int:
    """Return a chunk's samples (ConfigError where an HTDemucs was trained on shorter ones)."""
    trained = network.segment
    segment = trained if segment_s is None else segment_s
    if is_transformed(network) and segment > trained:
        raise ConfigError(
            f"segment_s={segment_s} is longer than the {float(trained):g} s that this HTDemucs "
            "was trained on: give at most that."
        )
    return int(network.samplerate * segment)  # rounded as demucs rounds it


def valid_length_of(network: Any, segment_s: float | None) -> Callable[[int], int]:
    """Return what the network reads for a chunk, as a function of the chunk's samples.

    HTDemucs pads a shorter segment than it was trained on itself, at the end. HDemucs pads inside its
    forward and has no valid_length: it reads the chunk as it is.
    """
    if segment_s is not None and is_transformed(network):
        chunk = chunk_of(network, segment_s)
        return lambda _: chunk
    valid: Callable[[int], int] = getattr(network, "valid_length", int)
    return valid


def is_transformed(network: Any) -> bool:
    """Tell an HTDemucs, whose chunks are of one length, from older networks."""
    return type(network).__name__ == "HTDemucs"


def load_package(path: Path) -> Any:
    """Build the network that a Demucs package describes, with every weight accounted for.

    Raises:
        CheckpointError: another format, unknown class, or keys that do not fit.
    """
    classes = tuple(_classes().values())
    described = path.suffix.lower() == ".safetensors"
    allowed = (*classes, Fraction, *quantisers())
    package = _described(path) if described else load(path, allow=allowed)
    if not isinstance(package, Mapping) or not {"klass", "kwargs", "state"} <= set(package):
        raise CheckpointError(
            f"{path} is not a Demucs package (a dict with klass, args, kwargs, state): "
            "choose a `base` of the architecture it was trained with."
        )
    if package["klass"] not in classes:
        raise CheckpointError(f"{path} names {package['klass']!r}, which is not a Demucs class.")
    if not isinstance(package["state"], Mapping):
        raise CheckpointError(f"{path} holds no weights under its key state.")
    try:
        network = _construct(package["klass"], package["args"], package["kwargs"])
    except Exception as error:  # anything, from a constructor that a stranger's file calls
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path} does not fit the network it describes: {reason}") from error
    if is_quantised(package["state"]):
        restore(network, package["state"], path)
    else:
        fit(network, unwrap(package["state"], path), path, "the arguments it holds")
    network.eval()
    if network.audio_channels != CHANNELS:
        raise CheckpointError(
            f"{path} takes {network.audio_channels} channels, but stemwise separates stereo."
        )
    return network


def save_package(network: nn.Module, path: Path, facts: Mapping[str, str]) -> None:
    """Write a Demucs package as safetensors: half-precision weights, class and arguments as JSON.

    It holds what a `.th` package holds, in a format that cannot carry code. `facts` are more
    metadata.
    """
    from safetensors.torch import save_file

    made: Any = network
    args, kwargs = made._init_args_kwargs  # kept by demucs for its packages
    package = {"klass": type(network).__name__, "args": list(args), "kwargs": dict(kwargs)}
    state = {name: value.half().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(state, path, {**facts, _PACKAGE: json.dumps(package)})


def _described(path: Path) -> dict[str, Any]:
    """Return the package in a safetensors file whose metadata says which network it is."""
    state = load(path)
    text = metadata(path).get(_PACKAGE)
    try:
        package = dict(json.loads(text or ""))
        return {**package, "klass": _class_of(str(package["klass"])), "state": state}
    except (ValueError, TypeError, KeyError, ConfigError) as error:
        raise CheckpointError(
            f"{path} has no metadata {_PACKAGE!r} that names a Demucs network: choose a `base` of "
            "the architecture it was trained with."
        ) from error


def _construct(klass: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Build a network as demucs does: without the arguments that newer versions have dropped.

    The strict loading of the state is what tells whether the network is still the same.
    """
    known = inspect.signature(klass).parameters
    return klass(*args, **{name: value for name, value in kwargs.items() if name in known})


def _classes() -> dict[str, Any]:
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs

    return {"Demucs": Demucs, "HDemucs": HDemucs, "HTDemucs": HTDemucs}


def _class_of(name: str) -> Any:
    classes = _classes()
    if name not in classes:
        raise ConfigError(f"There is no Demucs class {name!r}: use {', '.join(classes)}.")
    return classes[name]
