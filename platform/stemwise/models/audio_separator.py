"""A model of audio-separator's registry, run by audio-separator in a process of its own.

The process, not this one, bears what audio-separator does to it: exits, changed search paths,
silenced warnings. It may belong to another virtual environment (`STEMWISE_AUDIO_SEPARATOR_PYTHON`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stemwise.core.errors import CheckpointError, ConfigError, ModelError
from stemwise.core.types import CHANNELS
from stemwise.models.audio_separator_process import Worker
from stemwise.models.base import Normalisation
from stemwise.models.whole_tiling import WholeTiling


class AudioSeparatorModel:
    """Reads a track as a whole, since audio-separator has a tiling of its own.

    Args:
        checkpoint: the weights, for Roformers and MDX23C (`*.ckpt`) with their YAML.
        stems: names for its outputs, in its order.
        version: of audio-separator, as it was when the estimates' key was made.

    Raises:
        ConfigError: a checkpoint without its YAML.
    """

    sample_rate = 44_100
    normalisation: Normalisation = "none"
    uses_references = False

    def __init__(
        self, checkpoint: Path | Sequence[Path], stems: Sequence[str], version: str
    ) -> None:
        self.files = (checkpoint,) if isinstance(checkpoint, Path) else tuple(checkpoint)
        if self.files[0].suffix == ".ckpt" and len(self.files) != 2:
            raise ConfigError(f"{self.files[0]} needs its YAML beside it: name both.")
        self.stems = tuple(stems)
        self.version = version
        self.tiling = WholeTiling()
        self._worker: Worker | None = None

    def to(self, device: torch.device) -> None:
        """Start the process, which loads the model on `device`.

        Raises:
            MissingDependencyError: audio-separator, or a package that it needs, is not installed.
            CheckpointError: it cannot load the files.
        """
        if self._worker is not None:
            self._worker.close()
        environment = {
            "CUDA_VISIBLE_DEVICES": _visible(device),
            "OMP_NUM_THREADS": str(torch.get_num_threads()),
        }
        first = self.files[0]
        # other kinds of models are told from their name, or have a YAML that is no configuration
        names = [file.name for file in self.files[: 2 if first.suffix == ".ckpt" else 1]]
        self._worker = Worker("serve", str(first.parent), *names, environment=environment)
        try:
            loaded, _ = self._worker.ask()
        except (CheckpointError, ModelError) as error:
            raise CheckpointError(
                f"{' with '.join([str(first), *names[1:]])} cannot be loaded "
                f"({str(error).rstrip('.')}): replace it with a complete copy, all from one source."
            ) from error
        if loaded.get("version") != self.version:
            raise ModelError(
                f"audio-separator is now {loaded.get('version')}, but was {self.version} when the "
                "run began: start it again."
            )

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`.

        Raises:
            ModelError: the process fails, ends, or answers with another shape.
        """
        if self._worker is None:
            self.to(chunks.device)
        found = [self._separate(chunk) for chunk in chunks.cpu().numpy()]
        return torch.stack(found).to(chunks.device)

    def _separate(self, mixture: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
        if self._worker is None:
            raise ModelError("The process of audio-separator was not started.")
        samples = np.ascontiguousarray(mixture, dtype=np.float32)
        answer, data = self._worker.ask({"shape": list(samples.shape)}, samples.tobytes())
        shape = tuple(int(size) for size in answer.get("shape") or ())
        wanted = (CHANNELS, mixture.shape[1])
        if len(shape) != 3 or shape[0] < len(self.stems) or shape[1:] != wanted:
            raise ModelError(
                f"audio-separator returned {shape} instead of {(len(self.stems), *wanted)}."
            )
        if len(data) != 4 * int(np.prod(shape)):
            raise ModelError(f"audio-separator sent {len(data)} bytes for the shape {shape}.")
        estimates = np.frombuffer(data, np.float32).reshape(shape)
        # what a single-stem model leaves over has no name where there are more than two stems
        return torch.from_numpy(estimates[: len(self.stems)].copy())


def _visible(device: torch.device) -> str:
    """Return the CUDA devices that the process may see: `device` alone, since it takes the first."""
    if device.type != "cuda":
        return ""
    ours = [item for item in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if item]
    index = device.index or 0
    return ours[index] if index < len(ours) else str(index)
