"""How long a device takes for a pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

# Returns the output of some work and its milliseconds.
Stopwatch = Callable[[Callable[[], Tensor]], tuple[Tensor, float]]
_TIMES = 3


def stopwatch(device: torch.device) -> Stopwatch:
    """Return what times work on `device`: once for warming up, then the median of three."""

    def timed(work: Callable[[], Tensor]) -> tuple[Tensor, float]:
        made = work()
        return made, median(_milliseconds(work, device) for _ in range(_TIMES))

    return timed


def _milliseconds(work: Callable[[], Tensor], device: torch.device) -> float:
    if device.type != "cuda":
        began = time.perf_counter()
        work()
        return 1e3 * (time.perf_counter() - began)
    stream = torch.cuda.current_stream(device)
    began_at, ended_at = (_timing_event() for _ in range(2))
    began_at.record(stream)
    work()
    ended_at.record(stream)
    ended_at.synchronize()
    return float(began_at.elapsed_time(ended_at))


def _timing_event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
