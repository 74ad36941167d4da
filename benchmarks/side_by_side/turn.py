"""What one separation took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """CPU and wall seconds; `peak_gb` is the process's memory at most, weights included."""

    cpu_s: float
    wall_s: float
    peak_gb: float
