"""Copies between this machine's memory and a device's, begun before they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Arriving = Callable[[], Tensor]


class Copies(Protocol):
    """Begins copies; what it returns waits for one to end and gives the copy."""

    device: torch.device

    def bring(self, here: Tensor) -> Arriving:
        """Begin to copy a tensor of the CPU to the device."""
        ...

    def fetch(self, there: Tensor) -> Arriving:
        """Begin to copy a tensor of the device to the CPU; it may change afterwards."""
        ...


class PlainCopies:
    """Copies at once, to any device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def bring(self, here: Tensor) -> Arriving:
        """Copy to the device."""
        there = here.to(self.device, copy=True)
        return lambda: there

    def fetch(self, there: Tensor) -> Arriving:
        """Copy to the CPU."""
        here = there.to("cpu", copy=True)
        return lambda: here


class CudaCopies:
    """Copies through pinned memory while the GPU computes.

    What goes there takes a stream of its own. What comes back waits for its turn in the stream of the
    computation, and the CPU waits for it only where it is needed. PyTorch keeps pinned memory for
    later, so that each copy may have its own.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def bring(self, here: Tensor) -> Arriving:
        """Begin to copy to the GPU."""
        with torch.cuda.stream(self._side):
            there = here.pin_memory().to(self.device, non_blocking=True)
            arrived = self._side.record_event()

        def take() -> Tensor:
            stream = torch.cuda.current_stream(self.device)
            stream.wait_event(arrived)
            there.record_stream(stream)  # it was made in the other one
            return there

        return take

    def fetch(self, there: Tensor) -> Arriving:
        """Begin to copy to the CPU."""
        here = torch.empty(there.shape, dtype=there.dtype, pin_memory=True)
        here.copy_(there, non_blocking=True)
        arrived = torch.cuda.current_stream(self.device).record_event()

        def take() -> Tensor:
            arrived.synchronize()
            return here

        return take
