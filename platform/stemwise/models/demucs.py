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
        self.stems = tuple(stems or sources)
        if len(self.stems) != len(sources):
            raise ConfigError(
                f"{checkpoint} separates {len(sources)} stems ({', '.join(sources)}), but "
                f"{len(self.stems)} names were given: {', '.join(self.stems)}."
            )
        self.sample_rate = int(self.network.samplerate)
        segment = Fraction(str(segment_s)) if segment_s is not None else self.network.segment
        self.tiling = CenteredTiling(
            chunk=int(self.sample_rate * segment), overlap=overlap, valid_length=self._valid_length
        )

    def _valid_length(self, length: int) -> int:
        # HDemucs pads inside its forward and has no valid_length: it reads the chunk as it is.
        valid = getattr(self.network, "valid_length", None)
        return int(valid(length)) if valid is not None else length

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
    try:
        with warnings.catch_warnings():
            # demucs warns about constructor arguments that it has dropped since; the strict loading
            # of the state below is what tells whether the network is the same.
            warnings.filterwarnings("ignore", message="Dropping inexistant parameter")
            return load_model(dict(package)).eval()
    except (RuntimeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} does not fit the network it describes: {error}") from error
