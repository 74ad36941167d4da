"""A model made ready to separate whole tracks. Jobs and serving share this one class."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemwise.audio.raw import Signal
from stemwise.core.errors import AudioError, DeviceError, ModelError
from stemwise.core.memory import keep
from stemwise.core.precision import AUTO, FP32, Choice, Precision, named
from stemwise.core.types import CHANNELS, Audio
from stemwise.models.base import Model
from stemwise.models.spec import GPU_BATCH
from stemwise.separation.halving import Halving, is_out_of_memory, too_small
from stemwise.separation.overlap_add import Forward, overlap_add
from stemwise.separation.precision import check_supported, computing

# Part of every estimate's key: raise it when a change here changes samples.
ENGINE_VERSION = 1
_STATISTICS_BLOCK = 1 << 22


class Separator:
    """Separates mixtures with one model: loads in `__init__`, works in `__call__` or `stream`.

    Args:
        model: the loaded model; it is moved to `device`.
        device: `auto` (CUDA, then Apple MPS, then CPU), or a torch device name.
        batch_size: chunks per forward pass; None is 1 on a CPU, where batching gains nothing, else 4.
            Where they do not fit the device's memory, this and all later passes take half as many.
        residual: a stem to add to the model's own: the input minus all of those.
        precision: in which passes are computed (`precision.py`).

    Raises:
        DeviceError: the device is not there, or does not compute in the precision.
        DeviceMemoryError: its memory does not hold the model.
    """

    def __init__(
        self,
        model: Model,
        device: str = "auto",
        batch_size: int | None = None,
        residual: str | None = None,
        precision: Choice = AUTO,
    ) -> None:
        self.model, self.residual = model, residual
        self.device = pick_device(device)
        if self.device.type == "cpu":
            keep()
        check_supported(precision, self.device)
        self._precision: Precision = named(precision) or FP32
        size = batch_size or (1 if self.device.type == "cpu" else GPU_BATCH)
        self._forward = Halving(self.run, size)
        with _memory_of(self.device):
            model.to(self.device)

    @property
    def precision(self) -> Precision:
        """The precision in force."""
        return self._precision

    def run(self, chunks: Tensor) -> Tensor:
        """Run one pass, `(batch, channels, samples)` to float32 `(batch, stems, channels, samples)`."""
        with computing(self.device, self.precision):
            return self.model.forward(chunks).float()

    @property
    def forward(self) -> Forward:
        """What runs a pass: the model, with fewer chunks at once where memory is short."""
        return self._forward

    @property
    def batch_size(self) -> int:
        """Most chunks of a pass: what was asked for, or what memory has left of it."""
        assert self._forward.limit is not None
        return self._forward.limit

    def stream(
        self,
        mixture: Signal,
        references: Mapping[str, Audio] | None = None,
        progress: Callable[[int], None] | None = None,
        forward: Forward | None = None,
    ) -> Iterator[Tensor]:
        """Yield consecutive stretches `(stems, channels, n)` of the estimates.

        Args:
            mixture: `(2, samples)` float32 at the model's rate; may lie on disk.
            references: the true stems, for models that use them.
            progress: called with the number of samples finished so far.
            forward: what runs the chunks in place of the model itself, for example together with
                those of other tracks.

        Raises:
            AudioError: the mixture has another shape, or the references that the model uses are
                absent or of another length.
            ModelError: the model returned something that is not an estimate.
            DeviceMemoryError: the device's memory does not hold one chunk.
        """
        if mixture.ndim != 2 or mixture.shape[0] != CHANNELS or mixture.shape[1] == 0:
            raise AudioError(f"A mixture must be (2, samples), but this one is {mixture.shape}.")
        track: Signal = mixture
        if self.model.uses_references:
            if not references:
                raise AudioError("This model needs the true stems, but the track has none.")
            if any(reference.shape != mixture.shape for reference in references.values()):
                raise AudioError("The true stems do not all have the mixture's shape.")
            track = np.concatenate([mixture[:, :], *references.values()])
        scale = track_scale(mixture) if self.model.normalisation == "zscore" else (0.0, 1.0)
        done = 0
        stretches = overlap_add(
            track,
            self.model.tiling.tiles(mixture.shape[1]),
            forward or self._forward,
            self.device,
            self.batch_size,
            scale,
        )
        while True:
            # inference_mode must not be held while the caller's code runs between two stretches
            with torch.inference_mode(), _memory_of(self.device):
                stretch = next(stretches, None)
            if stretch is None:
                return
            own = len(self.stems_for(references)) - (self.residual is not None)
            expected = (own, CHANNELS)
            if stretch.shape[:2] != expected:
                raise ModelError(
                    f"The model returned {tuple(stretch.shape[:2])} stems and channels instead of "
                    f"{expected}."
                )
            if self.residual is not None:
                heard = torch.from_numpy(np.array(mixture[:, done : done + stretch.shape[-1]]))
                stretch = torch.cat([stretch, (heard - stretch.sum(dim=0))[None]])
            done += stretch.shape[-1]
            if progress is not None:
                progress(done)
            yield stretch

    def stems_for(self, references: Mapping[str, Audio] | None = None) -> tuple[str, ...]:
        """Return the stems of the estimates: the model's own, or those of the references it uses."""
        own = tuple(references or ()) if self.model.uses_references else self.model.stems
        return own if self.residual is None else (*own, self.residual)

    def __call__(self, mixture: Signal, references: Mapping[str, Audio] | None = None) -> Tensor:
        """Return all estimates `(stems, channels, samples)` in memory."""
        return torch.cat(list(self.stream(mixture, references)), dim=-1)


@contextmanager
def _memory_of(device: torch.device) -> Iterator[None]:
    """Name what ends where memory ends outside of a pass (DeviceMemoryError)."""
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise too_small(device, error) from error


def track_scale(mixture: Signal) -> tuple[float, float]:
    """Return mean and standard deviation (unbiased, + 1e-8) of the mono mixture, as demucs does."""
    count = mixture.shape[1]
    starts = range(0, count, _STATISTICS_BLOCK)

    def mono(start: int) -> npt.NDArray[np.float64]:
        block = mixture[:, start : start + _STATISTICS_BLOCK]
        return np.asarray(block.mean(axis=0, dtype=np.float64))

    mean = sum(float(mono(start).sum()) for start in starts) / count
    squares = sum(float(np.square(mono(start) - mean).sum()) for start in starts)
    return mean, math.sqrt(squares / max(1, count - 1)) + 1e-8


def pick_device(name: str = "auto") -> torch.device:
    """Return the torch device called `name`.

    Raises:
        DeviceError: unknown, or not on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DeviceError(
            f"The device {name!r} is not available here ({str(error).splitlines()[0]}): "
            "use device=auto or device=cpu."
        ) from error
    return device
