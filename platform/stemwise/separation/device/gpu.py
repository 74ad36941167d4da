"""What the engine asks of a GPU, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from stemwise.core.precision import Precision
from stemwise.separation.device.copies import Copies, CudaCopies
from stemwise.separation.device.graphs import Capture, capture
from stemwise.separation.device.memory import bytes_of, free_bytes
from stemwise.separation.device.precision import supported
from stemwise.separation.device.stopwatch import Stopwatch, stopwatch


@dataclass(frozen=True)
class Gpu:
    """A device that computes beside the CPU.

    Attributes:
        name: of its kind, as decisions about it are kept.
        precisions: in which it computes.
        copies: to and from it.
        timed: its stopwatch.
        capture: makes a graph of a pass.
        free: returns the bytes that are free.
        taken: returns the most bytes that some work takes.
    """

    name: str
    precisions: tuple[Precision, ...]
    copies: Copies
    timed: Stopwatch
    capture: Capture
    free: Callable[[], int]
    taken: Callable[[Callable[[], Tensor]], int]

    @classmethod
    def of(cls, device: torch.device) -> Gpu | None:
        """Return the CUDA GPU that `device` is, None for all others."""
        if device.type != "cuda":
            return None
        return cls(
            torch.cuda.get_device_name(device),
            supported(device),
            CudaCopies(device),
            stopwatch(device),
            capture,
            partial(free_bytes, device),
            partial(bytes_of, device=device),
        )
