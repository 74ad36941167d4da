"""One side of a comparison, in a process of its own, since the allocator's settings are a process's."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from side_by_side import cases, operations
from side_by_side.process import forget_peak, peak_gb
from side_by_side.turn import Turn
from stemwise.core.memory import keep
from stemwise.core.types import SAMPLE_RATE
from stemwise.models import registry
from stemwise.separation.separator import Separator

# What MSST and demucs do with a track is written down once, for the tests of equality.
sys.path.append(str(Path(__file__).parents[2] / "tests" / "models"))

Separate = Callable[[np.ndarray], Tensor]


class Side:
    """A process that separates when it is asked to.

    Args:
        ours: stemwise, or the peer.
        name: of the model.
        checkpoint: its file.
        threads: of PyTorch.
        kept: whether a peer, too, keeps the memory that it frees.
    """

    def __init__(self, ours: bool, name: str, checkpoint: Path, threads: int, kept: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, end = context.Pipe()
        arguments = (end, ours, name, checkpoint, threads, kept)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        end.close()

    def ask(self, what: str, *arguments: Any) -> Any:
        """Return the answer; RuntimeError where the process has ended, which says why itself."""
        try:
            self._line.send((what, arguments))
            return self._line.recv()
        except (EOFError, BrokenPipeError):
            self._process.join()
            code = self._process.exitcode
            raise RuntimeError(f"A side has ended ({code}) when asked to {what}.") from None

    def close(self) -> None:
        """End the process."""
        self._line.close()
        self._process.join()


def _serve(
    line: Connection, ours: bool, name: str, checkpoint: Path, threads: int, kept: bool
) -> None:
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")  # SCNet's STFT has no window
    if kept:
        keep()
    work = _Ours(name, checkpoint) if ours else _Theirs(name, checkpoint)
    while True:
        try:
            what, arguments = line.recv()
        except EOFError:
            return
        line.send(getattr(work, what)(*arguments))


class _Work:
    """What both sides can be asked: `separate`, and how many chunks that puts through the network."""

    separator: Separate
    forward: Callable[[Tensor], Tensor]

    def __init__(self) -> None:
        self.samples = 0

    def count(self, chunks: Tensor) -> Tensor:
        self.samples += chunks.shape[0] * chunks.shape[-1]
        return self.forward(chunks)

    def separate(self, audio: Path, out: Path) -> Turn:
        mixture = np.load(audio)
        forget_peak(os.getpid())
        cpu, wall = time.process_time(), time.perf_counter()
        estimates = self.separator(mixture)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        peak = peak_gb(os.getpid())
        np.save(out, estimates.numpy())
        return Turn(cpu, wall, peak)

    def passed(self) -> int:
        """Return how many samples went through the network since this was last asked."""
        samples, self.samples = self.samples, 0
        return samples


class _Ours(_Work):
    def __init__(self, name: str, checkpoint: Path) -> None:
        super().__init__()
        separator = Separator(cases.ours(name, checkpoint), "cpu")
        self.forward = separator.forward
        self.separator = self._separate
        self._loaded = separator

    def _separate(self, mixture: np.ndarray) -> Tensor:
        return torch.cat(list(self._loaded.stream(mixture, forward=self.count)), dim=-1)


class _Theirs(_Work):
    def __init__(self, name: str, checkpoint: Path) -> None:
        super().__init__()
        self._name, self.network = name, cases.theirs(name, checkpoint)
        self.forward = self.network.__call__
        self.network.register_forward_pre_hook(self._counted)
        self.separator = self._demucs() if cases.CASES[name].peer == "demucs" else self._msst()

    def _counted(self, _: nn.Module, chunks: tuple[Tensor, ...]) -> None:
        self.samples += chunks[0].shape[0] * chunks[0].shape[-1]

    def _demucs(self) -> Separate:
        from reference_inference import demucs_apply

        return partial(demucs_apply, self.network)

    def _msst(self) -> Separate:
        from reference_inference import msst_separate

        settings = registry.get(self._name).settings
        keys = ("chunk", "num_overlap")
        arguments = {key: settings[key] for key in keys} | {"normalize": settings["zscore"]}
        return partial(msst_separate, self.network, **arguments)

    def operations(self) -> tuple[int, int]:
        """Return the operations of a pass, and its samples; warms the network up, too."""
        segment = getattr(self.network, "segment", None)
        chunk = registry.get(self._name).settings.get("chunk")
        length = int(segment * SAMPLE_RATE) if segment else int(chunk)
        noise = 0.1 * torch.randn(1, 2, length, generator=torch.Generator().manual_seed(0))
        return operations.of_a_pass(self.network, noise), length
