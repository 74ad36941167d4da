"""A row of the table: a model, ours against one peer."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from side_by_side.cases import Case
from side_by_side.turn import Turn

HEAD = (
    "model | peer | audio s | CPU s ours / peer | CPU ratio (range) | CPU ratio per chunk | "
    "wall ratio | × real time | peak GB | share of peak | chunks | difference"
)


@dataclass(frozen=True)
class Row:
    """Both sides' turns and what they tell; `own_window` where the peer weights chunks otherwise."""

    case: Case
    peer: str
    seconds: float
    ours: Sequence[Turn]
    theirs: Sequence[Turn]
    chunks: tuple[float, float]
    operations: int
    peak: float
    difference: float
    own_window: bool

    def median(self, what: str) -> tuple[float, float]:
        """Return the median of `cpu_s`, `wall_s` or `peak_gb`, ours and the peer's."""
        ours, theirs = (
            statistics.median(getattr(turn, what) for turn in turns)
            for turns in (self.ours, self.theirs)
        )
        return ours, theirs

    def ratios(self) -> list[float]:
        """Return the peer's CPU seconds over ours, per round."""
        return [b.cpu_s / a.cpu_s for a, b in zip(self.ours, self.theirs, strict=True)]

    def ratio_per_chunk(self) -> float:
        """Return the peer's CPU seconds per chunk over ours."""
        (ours, theirs), (few, many) = self.median("cpu_s"), self.chunks
        return theirs / many / (ours / few)

    def shares(self) -> list[float]:
        """Return the share of the machine's matmul peak, ours and the peer's."""
        pairs = zip(self.chunks, self.median("cpu_s"), strict=True)
        return [chunks * self.operations / cpu_s / self.peak for chunks, cpu_s in pairs]

    def line(self) -> str:
        """Return the row of the table."""
        cpu, wall = self.median("cpu_s"), self.median("wall_s")
        ratios, memory, shares = self.ratios(), self.median("peak_gb"), self.shares()
        cells = [
            self.case.name,
            self.peer,
            f"{self.seconds:g}",
            f"{cpu[0]:.2f} / {cpu[1]:.2f}",
            f"{cpu[1] / cpu[0]:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            f"{self.ratio_per_chunk():.2f}",
            f"{wall[1] / wall[0]:.2f}",
            f"{self.seconds / wall[0]:.2f} / {self.seconds / wall[1]:.2f}",
            f"{memory[0]:.2f} / {memory[1]:.2f}",
            f"{shares[0]:.0%} / {shares[1]:.0%}",
            f"{self.chunks[0]:.3g} / {self.chunks[1]:.3g}",
            f"{self.difference:.0e}{' (own window)' if self.own_window else ''}",
        ]
        return f"| {' | '.join(cells)} |"

    def content(self) -> dict[str, Any]:
        """Return all that was measured."""
        made = {"shares": self.shares(), "ratios": self.ratios()}
        return asdict(self) | made | {"ratio_per_chunk": self.ratio_per_chunk()}
