"""A model's passes on a device: in which precision, of how many chunks, as a graph or not.

On a GPU two things are found out on the first chunk with sound: the precision, where it is `auto`, and
how many chunks a pass takes, where nobody said it. Until then passes are float32.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from stemwise.audio.raw import Signal
from stemwise.core.precision import FP32, Choice, Precision, named
from stemwise.models.base import Model
from stemwise.models.spec import GPU_BATCH
from stemwise.models.tiling import Tile
from stemwise.separation.device.auto_precision import Decision, decide, first_with_sound
from stemwise.separation.device.decisions import Decisions
from stemwise.separation.device.gpu import Gpu
from stemwise.separation.device.graphs import Graphed
from stemwise.separation.device.halving import Halving
from stemwise.separation.device.memory import batch_for
from stemwise.separation.device.precision import computing
from stemwise.separation.overlap_add import Forward, read_tile

_LOG = logging.getLogger(__name__)


class Passes:
    """Runs a model's passes.

    Args:
        model: it lies on `device` by the time of the first pass.
        device: where it is.
        gpu: what that device offers beside the CPU; None where it is the CPU itself.
        batch_size: chunks of a pass; None is 1 on a CPU, else as many as memory allows.
        precision: in which passes are computed.
        decisions: of others about `auto`.
    """

    def __init__(
        self,
        model: Model,
        device: torch.device,
        gpu: Gpu | None,
        batch_size: int | None,
        precision: Choice,
        decisions: Decisions | None,
    ) -> None:
        self._model, self._device, self._gpu, self._decisions = model, device, gpu, decisions
        self._precision = named(precision) or (FP32 if gpu is None else None)
        self._sized = gpu is None or batch_size is not None
        size = batch_size or (1 if device.type == "cpu" and gpu is None else GPU_BATCH)
        self.halving = Halving(self.run, size)
        self._graphed = gpu and Graphed(model.forward, gpu.capture, gpu.timed)
        self._deciding = threading.Lock()

    @property
    def precision(self) -> Precision:
        """The precision in force."""
        return self._precision or FP32

    @property
    def settled(self) -> bool:
        """Whether nothing is left to find out."""
        return self._sized and self._precision is not None

    def run(self, chunks: Tensor) -> Tensor:
        """Run one pass, `(batch, channels, samples)` to float32 `(batch, stems, channels, samples)`."""
        forward = self._graphed if self._graphed and self.settled else self._model.forward
        made = self._in(self.precision, chunks, forward)
        if self.precision == "fp16" and not bool(torch.isfinite(made).all()):
            _LOG.warning("float16 does not hold the numbers of a pass: it runs in float32.")
            made = self._in(FP32, chunks, self._model.forward)
        return made

    def settle(self, track: Signal, tiles: Iterator[Tile], scale: tuple[float, float]) -> None:
        """Find out what is left to, on the first chunk with sound; a silent track changes nothing.

        Args:
            track: `(channels, samples)`.
            tiles: of the track.
            scale: mean and deviation that are taken off the input.
        """
        with self._deciding:
            if self._gpu is None or self.settled:
                return
            if self._decisions is not None:
                self._follow(self._decisions.of(self._gpu.name))
            if self.settled or (tile := first_with_sound(track, tiles)) is None:
                return
            chunk = self._gpu.copies.bring(read_tile(track, tile, scale)[None])()
            self._size(self._gpu, chunk)
            if self._precision is None:
                self._decide(self._gpu, chunk, tile.kept)

    def _follow(self, decision: Decision | None) -> None:
        if self._precision is None and decision is not None:
            self._precision = decision.precision

    def _size(self, gpu: Gpu, chunk: Tensor) -> None:
        if not self._sized:
            self._in(self.precision, chunk, self._model.forward)  # libraries take their share first
            taken = gpu.taken(lambda: self._in(self.precision, chunk, self._model.forward))
            self.halving.limit = batch_for(gpu.free(), taken)
            self._sized = True

    def _decide(self, gpu: Gpu, chunk: Tensor, kept: slice) -> None:
        """Try all precisions on passes of the size that will be run."""
        chunks = chunk.expand(self.halving.limit or 1, -1, -1)

        def run(precision: Precision) -> Tensor:
            forward: Callable[[Tensor], Tensor] = self._model.forward
            return Halving(lambda part: self._in(precision, part, forward), limit)(chunks)

        limit = self.halving.limit
        decision = decide(run, gpu.precisions, kept, gpu.timed)
        for trial in decision.trials:
            _LOG.info("%s on %s: %s", type(self._model).__name__, gpu.name, trial)
        self._follow(self._decisions.settle(gpu.name, decision) if self._decisions else decision)

    def _in(self, precision: Precision, chunks: Tensor, forward: Forward) -> Tensor:
        with computing(self._device, precision):
            return forward(chunks).float()
