"""The references of BSS Eval as rows of samples: which channels are distinct, and frame by frame.

A silent channel, or one that equals another bit by bit (mono doubled to stereo), would make the filters'
equations singular without adding anything to the space that they span; such channels share one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from stemwise.core.errors import AudioError
from stemwise.core.types import Audio


class Signals:
    """Stems of equal shape, read as float64 frames.

    Args:
        stems: name → `(channels, samples)`.
        window: samples per frame; a shorter track is one frame.
        device: where the frames go.

    Attributes:
        frames: frames that are scored: the whole ones, or the only one.
        steps: frames that are read: those, and a last part that is padded with zeros.

    Raises:
        AudioError: there is no stem, no sample, or stems differ in shape.
    """

    def __init__(self, stems: Mapping[str, Audio], window: int, device: str) -> None:
        self.names, self.device = tuple(stems), device
        shapes = {name: signal.shape for name, signal in stems.items()}
        if len(set(shapes.values())) != 1 or 0 in next(iter(shapes.values())):
            raise AudioError(f"BSS Eval needs stems of one shape with samples, not {shapes}.")
        self.channels, self.samples = next(iter(shapes.values()))
        self.rows = [channel for signal in stems.values() for channel in signal]
        self.window = min(window, self.samples)
        self.frames = self.samples // self.window
        self.steps = -(-self.samples // self.window)

    def read(self, step: int, rows: Sequence[int] | None = None) -> Tensor:
        """Return frame `step` of `rows` (default all), `(rows, window)`, float64."""
        part = slice(step * self.window, (step + 1) * self.window)
        chosen = self.rows if rows is None else [self.rows[row] for row in rows]
        out = np.zeros((len(chosen), self.window))
        for target, row in zip(out, chosen, strict=True):
            values = row[part]
            target[: len(values)] = values
        return torch.from_numpy(out).to(self.device)

    def is_silent(self, step: int) -> bool:
        """Tell whether a stem is silent in a frame as museval sees it: its channels cancel."""
        start, stop = step * self.window, (step + 1) * self.window
        # a stem that sounds nearly always shows it in a few samples
        return self._cancels(slice(start, stop, 64)) and self._cancels(slice(start, stop))

    def _cancels(self, part: slice) -> bool:
        for first in range(0, len(self.rows), self.channels):
            stem = [row[part] for row in self.rows[first : first + self.channels]]
            if not np.sum(stem, axis=0, dtype=np.float64).any():
                return True
        return False

    def energies(self, frame: Tensor) -> Tensor:
        """Return the energy of each stem in a frame, `(stems,)`."""
        energies: Tensor = torch.linalg.vecdot(frame, frame)
        return energies.reshape(len(self.names), self.channels).sum(dim=-1)

    def distinct(self) -> tuple[list[int], list[int]]:
        """Return the rows neither silent nor repeated, and each row's place there (−1: silent)."""
        rows: list[int] = []
        places: list[int] = []
        for index, row in enumerate(self.rows):
            equal = [place for place, other in enumerate(rows) if _equal(row, self.rows[other])]
            if not equal and row.any():
                equal = [len(rows)]
                rows.append(index)
            places.append(equal[0] if equal else -1)
        return rows, places


def _equal(one: Audio, two: Audio) -> bool:
    probe = slice(0, None, max(1, len(one) // 64))  # most channels differ at once
    return bool(np.array_equal(one[probe], two[probe]) and np.array_equal(one, two))
