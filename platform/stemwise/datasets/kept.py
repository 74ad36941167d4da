"""Decoded stems of one song, kept as raw files while it is worked on, so that each is decoded once.

A dozen stems in memory would take a gigabyte, and the process that measures a song may not be the one
that has decoded it.
"""

from __future__ import annotations

import pickle
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.core.types import CHANNELS, Audio

_STATE = "decoded.pickle"


@dataclass
class KeptStems:
    """Signals of a song in a folder, each with a mark that says what it was decoded under.

    Keeping is a courtesy: where there is no room, stems are decoded again.
    """

    folder: Path
    _known: dict[str, tuple[int, Hashable]] = field(default_factory=dict)

    def get(self, name: str, mark: Hashable) -> Audio | None:
        """Return the signal `(2, samples)` called `name`, if it was kept under an equal mark.

        It is mapped from its file, so that it takes memory only where it is changed.
        """
        samples, under = self._known.get(name, (0, None))
        if name not in self._known or under != mark:
            return None
        with suppress(OSError):
            path, shape = self._path(name), (CHANNELS, samples)
            if samples and path.stat().st_size == 4 * CHANNELS * samples:
                return np.asarray(np.memmap(path, np.float32, mode="c", shape=shape))
        return None

    def put(self, name: str, signal: Audio, mark: Hashable) -> None:
        """Keep a signal."""
        self._known.pop(name, None)
        with suppress(OSError):
            path = self._path(name)
            path.unlink(missing_ok=True)  # whoever has the old one mapped keeps it
            np.ascontiguousarray(signal, dtype=np.float32).tofile(path)
            self._known[name] = (signal.shape[1], mark)

    def save(self, state: Any) -> None:
        """Write down what else is known of the song, for `restored`."""
        with suppress(OSError):
            (self.folder / _STATE).write_bytes(pickle.dumps((self._known, state)))

    def restored(self) -> Any | None:
        """Return what another process has written down, and know its signals; None if nothing."""
        with suppress(OSError, EOFError, pickle.UnpicklingError):
            self._known, state = pickle.loads((self.folder / _STATE).read_bytes())
            return state
        return None

    def _path(self, name: str) -> Path:
        return self.folder / f"decoded-{name}.f32"
