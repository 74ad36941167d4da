"""Outputs side by side, each from a longer input: how networks without padding separate a track."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from stemwise.core.errors import ConfigError
from stemwise.models.tiling import Tile


@dataclass(frozen=True)
class ContextTiling:
    """Every `output` samples are estimated from `context` more before and after them.

    Samples beyond the track are zeros. Outputs neither overlap nor fade, as in Stoller et al. 2018,
    section 3.2.2: with enough context there is no seam to hide.
    """

    output: int
    context: int

    def __post_init__(self) -> None:
        if self.output < 1 or self.context < 0:
            raise ConfigError(
                f"An output of {self.output} samples with {self.context} of context is not possible."
            )

    @property
    def chunk(self) -> int:
        """Samples that one tile reads."""
        return self.output + 2 * self.context

    def tiles(self, length: int) -> Iterator[Tile]:
        """Yield tiles until the end of the track; the last one keeps less."""
        for start in range(0, length, self.output):
            stop = min(start + self.output, length)
            before = start - self.context
            yield Tile(before, before + self.chunk, start, stop, torch.ones(stop - start))

    def heard(self, length: int) -> int:
        """Return the samples that the model hears of a track."""
        return self.chunk * len(range(0, length, self.output))

    def settings(self) -> dict[str, object]:
        """Return output and context."""
        return {"tiling": "context", "output": self.output, "context": self.context}
