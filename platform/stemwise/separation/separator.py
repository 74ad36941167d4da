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
from stemwise.core.precision import AUTO, Choice, Precision
from stemwise.core.types import CHANNELS, Audio
from stemwise.models.base import Model
from stemwise.models.tiling import Tile
from stemwise.separation.device.decisions import Decisions
from stemwise.separation.device.gpu import Gpu
from stemwise.separation.device.halving import is_out_of_memory, too_small
from stemwise.separation.device.overlap_add import overlap_add_on_device
from stemwise.separation.device.passes import Passes
from stemwise.separation.device.precision import check_supported
from stemwise.separation.overlap_add import PLAIN, Forward, overlap_add

# Part of every estimate's key: raise it when a change here changes samples.
ENGINE_VERSION = 1
_STATISTICS_BLOCK = 1 << 22


class Separator:
    """Separates mixtures with one model: loads in `__init__`, works in `__call__` or `stream`.

    Args:
        model: the loaded model; it is moved to `device`.
        device: `auto` (CUDA, then Apple MPS, then CPU), or a torch device name.
        batch_size: chunks per forward pass; None is 1 on a CPU, where batching gains nothing, on CUDA as
            many as memory allows (`device/memory.py`), else 4. Where they do not fit the device's
            memory, this and all later passes take half as many.
        residual: a stem to add to the model's own: the input minus all of those.
        precision: in which passes are computed (`device/precision.py`); `auto` is float32 but on
            CUDA, where the first track with sound decides (`device/auto_precision.py`).
        decisions: where decisions of `auto` are kept for others; None keeps them here.
        gpu: what the device offers; None asks it.

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
        decisions: Decisions | None = None,
        gpu: Gpu | None = None,
    ) -> None:
        self.model, self.residual = model, residual
        self.device = pick_device(device)
        if self.device.type == "cpu":
            keep()
        check_supported(precision, self.device)
        gpu = gpu or Gpu.of(self.device)
        self._copies = None if gpu is None else gpu.copies
        self._passes = Passes(model, self.device, gpu, batch_size, precision, decisions)
        with _memory_of(self.device):
            model.to(self.device)

    @property
    def precision(self) -> Precision:
        """The precision in force: float32 as long as `auto` has heard nothing to decide on."""
        return self._passes.precision

    @property
    def forward(self) -> Forward:
        """What runs a pass: the model, with fewer chunks at once where memory is short."""
        return self._passes.halving

    @property
    def run(self) -> Forward:
        """What runs a pass of just as many chunks as it gets, in the precision in force."""
        return self._passes.run

    @property
    def batch_size(self) -> int:
        """Most chunks of a pass: what was asked for, or what memory has left of it."""
        assert self._passes.halving.limit is not None
        return self._passes.halving.limit

    @property
    def settled(self) -> bool:
        """Whether precision and chunks of a pass are known, as they always are on a CPU."""
        return self._passes.settled

    def settle(self, mixture: Signal, references: Mapping[str, Audio] | None = None) -> None:
        """Find out precision and chunks of a pass on a track, unless they are known.

        Raises:
            AudioError: as `stream`.
            DeviceMemoryError: the device's memory does not hold one chunk.
        """
        if not self.settled:
            track, tiles = self._track(mixture, references), self._tiles(mixture)
            with torch.inference_mode(), _memory_of(self.device):
                self._passes.settle(track, tiles, self._scale(mixture))

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
        self.settle(mixture, references)
        track, expected = self._track(mixture, references), len(self.stems_for(references))
        stretches = self._stretches(track, self._tiles(mixture), forward, self._scale(mixture))
        done = 0
        while True:
            # inference_mode must not be held while the caller's code runs between two stretches
            with torch.inference_mode(), _memory_of(self.device):
                stretch = next(stretches, None)
            if stretch is None:
                return
            if stretch.shape[:2] != (expected, CHANNELS):
                raise ModelError(
                    f"The model returned {tuple(stretch.shape[:2])} stems and channels instead of "
                    f"{(expected, CHANNELS)}."
                )
            done += stretch.shape[-1]
            if progress is not None:
                progress(done)
            yield stretch

    def _track(self, mixture: Signal, references: Mapping[str, Audio] | None) -> Signal:
        """Return what the model hears: the mixture, and below it the references that it uses."""
        if mixture.ndim != 2 or mixture.shape[0] != CHANNELS or mixture.shape[1] == 0:
            raise AudioError(f"A mixture must be (2, samples), but this one is {mixture.shape}.")
        if not self.model.uses_references:
            return mixture
        if not references:
            raise AudioError("This model needs the true stems, but the track has none.")
        if any(reference.shape != mixture.shape for reference in references.values()):
            raise AudioError("The true stems do not all have the mixture's shape.")
        heard: Audio = np.concatenate([mixture[:, :], *references.values()])
        return heard

    def _tiles(self, mixture: Signal) -> Iterator[Tile]:
        return self.model.tiling.tiles(mixture.shape[1])

    def _scale(self, mixture: Signal) -> tuple[float, float]:
        return track_scale(mixture) if self.model.normalisation == "zscore" else PLAIN

    def _stretches(
        self,
        track: Signal,
        tiles: Iterator[Tile],
        forward: Forward | None,
        scale: tuple[float, float],
    ) -> Iterator[Tensor]:
        run, size, residual = forward or self.forward, self.batch_size, self.residual is not None
        if self._copies is None:
            return overlap_add(track, tiles, run, self.device, size, scale, residual)
        return overlap_add_on_device(track, tiles, run, self._copies, size, scale, residual)

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
        if "device type" in str(error):  # torch lists two dozen, of which no model runs on most
            raise DeviceError(
                f"The device {name!r} is unknown: use auto, cpu, cuda, cuda:1 or mps."
            ) from error
        raise DeviceError(
            f"The device {name!r} is not available here ({str(error).splitlines()[0]}): "
            "use device=auto or device=cpu."
        ) from error
    return device
