"""stemwise: measure every separator on every stem once, then choose with numbers you can rely on.

    datasets ─► separation(models) ─► estimate store ─► measurement ─► scores ─► selection ─► report
     tracks       estimates            FLAC, keyed        inner products   dB     who wins

Each word is a sub-package; imports run from right to left only. In Python (docs/python.md):

    stems = stemwise.separate("song.flac", "htdemucs_6s")          # {"vocals": (2, samples), …}
    scores = stemwise.measure({"vocals": truth}, stems, rate=44_100)
    run = stemwise.evaluate("demo", "demo", output="runs/demo")    # or stemwise.open_run("runs/demo")

This import is light: torch, polars and the rest are loaded when a function is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from stemwise.core.errors import (
    AudioError,
    CheckpointError,
    ClusterError,
    ConfigError,
    DatasetError,
    DeviceError,
    DeviceMemoryError,
    MissingDependencyError,
    MissingReferenceError,
    ModelError,
    OutputError,
    StemwiseError,
    StorageError,
)
from stemwise.core.version import __version__

if TYPE_CHECKING:
    from stemwise.api.evaluate import evaluate
    from stemwise.api.figure import Figure
    from stemwise.api.measure import measure
    from stemwise.api.run import Run, open_run
    from stemwise.api.separate import Separator, separate
    from stemwise.api.stems import Stems
    from stemwise.separation.recipe import Recipe
else:
    _WHERE = {
        "Figure": "stemwise.api.figure",
        "Recipe": "stemwise.separation.recipe",
        "Run": "stemwise.api.run",
        "Separator": "stemwise.api.separate",
        "Stems": "stemwise.api.stems",
        "evaluate": "stemwise.api.evaluate",
        "measure": "stemwise.api.measure",
        "open_run": "stemwise.api.run",
        "separate": "stemwise.api.separate",
    }

    def __getattr__(name: str) -> object:
        """Import what is asked for the first time."""
        if name not in _WHERE:
            raise AttributeError(f"module 'stemwise' has no attribute {name!r}")
        found = getattr(importlib.import_module(_WHERE[name]), name)
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        """Name what can be asked for."""
        return sorted({*globals(), *__all__})


__all__ = [
    "AudioError",
    "CheckpointError",
    "ClusterError",
    "ConfigError",
    "DatasetError",
    "DeviceError",
    "DeviceMemoryError",
    "Figure",
    "MissingDependencyError",
    "MissingReferenceError",
    "ModelError",
    "OutputError",
    "Recipe",
    "Run",
    "Separator",
    "Stems",
    "StemwiseError",
    "StorageError",
    "__version__",
    "evaluate",
    "measure",
    "open_run",
    "separate",
]
