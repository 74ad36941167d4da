"""Demucs of every generation (Demucs v3, HDemucs, HTDemucs) through the `demucs` package.

A checkpoint is a Demucs package: a dict of class, constructor arguments and (half precision) state,
so it describes itself; stems and segment are read from it. Inference equals
`demucs.apply.apply_model(shifts=0)` inside `demucs.api.Separator`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stemwise.errors import CheckpointError, ConfigError
from stemwise.models.base import Normalisation
from stemwise.models.safe_load import load
from stemwise.models.tiling import CenteredTiling
from stemwise.stems import check_name
from stemwise.types import CHANNELS

# Names that packages use for stems of our tree.
RENAMES = {"guitars": "guitar", "keys": "piano", "vocal": "vocals", "drum": "drums"}


class DemucsModel:
    """A Demucs package as a model.

    Args:
        checkpoint: the package, `.th`.
        stems: expected stems, in the package's order; None takes the package's own (renamed by
            `RENAMES` to our tree).
        overlap: share of a chunk that overlaps the next one.
        segment_s: chunk in seconds; None is what the model was trained on.

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
    ) -> None:
        self.network = load_package(checkpoint)
        sources = [RENAMES.get(name, name) for name in self.network.sources]
        self.stems = tuple(check_name(name) for name in stems or sources)
        if len(self.stems) != len(sources) or len(set(self.stems)) != len(sources):
            raise ConfigError(
                f"{checkpoint} separates {len(sources)} stems ({', '.join(sources)}), but "
                f"{len(set(self.stems))} names were given: {', '.join(self.stems)}."
            )
        self.sample_rate = int(self.network.samplerate)
        chunk = self._chunk(segment_s)
        # HTDemucs pads a shorter segment than it was trained on itself, at the end. HDemucs pads
        # inside its forward and has no valid_length: it reads the chunk as it is.
        fixed = segment_s is not None and type(self.network).__name__ == "HTDemucs"
        valid = (lambda _: chunk) if fixed else getattr(self.network, "valid_length", int)
        self.tiling = CenteredTiling(chunk, overlap, valid_length=valid)

    def _chunk(self, segment_s: float | None) -> int:
        trained = self.network.segment
        segment = trained if segment_s is None else segment_s
        if type(self.network).__name__ == "HTDemucs" and segment > trained:
            raise ConfigError(
                f"segment_s={segment_s} is longer than the {float(trained):g} s that this HTDemucs "
                "was trained on: give at most that."
            )
        return int(self.sample_rate * segment)  # rounded as demucs rounds it

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, channels, samples)` into `(batch, stems, channels, samples)`."""
        out: Tensor = self.network(chunks)
        return out

    def to(self, device: torch.device) -> None:
        """Move the network."""
        self.network.to(device)


def load_package(path: Path) -> Any:
    """Build the network that a Demucs package describes, with every weight accounted for.

    Raises:
        CheckpointError: another format, unknown class, or keys that do not fit.
    """
    from demucs.demucs import Demucs
    from demucs.hdemucs import HDemucs
    from demucs.htdemucs import HTDemucs
    from demucs.states import load_model

    package = load(path, allow=(Demucs, HDemucs, HTDemucs, Fraction))
    if not isinstance(package, Mapping) or not {"klass", "kwargs", "state"} <= set(package):
        raise CheckpointError(
            f"{path} is not a Demucs package (a dict with klass, args, kwargs, state): "
            "choose a `base` of the architecture it was trained with."
        )
    if package["klass"] not in (Demucs, HDemucs, HTDemucs):
        raise CheckpointError(f"{path} names {package['klass']!r}, which is not a Demucs class.")
    if not isinstance(package["state"], Mapping) or package["state"].get("__quantized"):
        raise CheckpointError(
            f"{path} holds quantised weights, which need the package diffq: take the full version."
        )
    try:
        with warnings.catch_warnings():
            # demucs warns about constructor arguments that it has dropped since; the strict loading
            # of the state below is what tells whether the network is the same.
            warnings.filterwarnings("ignore", message="Dropping inexistant parameter")
            network = load_model(dict(package)).eval()
    except Exception as error:  # anything, from a constructor that a stranger's file calls
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path} does not fit the network it describes: {reason}") from error
    if network.audio_channels != CHANNELS:
        raise CheckpointError(
            f"{path} takes {network.audio_channels} channels, but stemwise separates stereo."
        )
    return network
