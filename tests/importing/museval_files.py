"""Files as museval writes them, by the real package, which needs no ffmpeg for this part of it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

METRICS = ("SDR", "ISR", "SIR", "SAR")


@contextmanager
def museval_aggregate() -> Iterator[ModuleType]:
    """Give `museval.aggregate`; the package's own `__init__` refuses to start without ffmpeg."""
    found = importlib.util.find_spec("museval")
    if found is None or found.origin is None:
        pytest.skip("museval is not installed")
    package = ModuleType("museval")
    package.__path__ = [str(Path(found.origin).parent)]
    package.__spec__ = found
    before = {name: sys.modules.pop(name) for name in [*sys.modules] if _ours(name)}
    sys.modules["museval"] = package
    try:
        yield importlib.import_module("museval.aggregate")
    finally:
        for name in [*sys.modules]:
            if _ours(name):
                del sys.modules[name]
        sys.modules.update(before)


def _ours(name: str) -> bool:
    return name == "museval" or name.startswith("museval.")


def track(
    stems: Mapping[str, Sequence[float | None]], window: float = 1.0, hop: float = 1.0
) -> dict[str, Any]:
    """Return a track file's content; ISR, SIR and SAR of a frame are its SDR plus 1, 2 and 3 dB."""
    return {
        "targets": [
            {
                "name": name,
                "frames": [
                    {
                        "time": index * hop,
                        "duration": window,
                        "metrics": {
                            metric: None if value is None else value + offset
                            for offset, metric in enumerate(METRICS)
                        },
                    }
                    for index, value in enumerate(values)
                ],
            }
            for name, values in stems.items()
        ],
        "museval_version": "0.4.1",
    }


def write(path: Path, content: Any) -> Path:
    """Write JSON with the literals NaN and Infinity, as museval does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def write_with_museval(root: Path) -> None:
    """Let museval itself write two methods of three tracks with undefined and infinite frames."""
    random = np.random.default_rng(3)
    with museval_aggregate() as aggregate:
        for method in ("UMX", "TAU"):
            for number in range(3):
                store = aggregate.TrackStore(f"Artist {number} - Song", win=1.0, hop=1.0)
                for target in ("vocals", "accompaniment"):
                    values = random.normal(5, 4, (4, 8 + number))
                    values[:, 2], values[0, 3], values[1, 4] = math.nan, math.inf, -math.inf
                    if (method, number, target) == ("TAU", 1, "vocals"):
                        values[:] = math.nan
                    store.add_target(target, dict(zip(METRICS, values, strict=True)))
                path = root / method / "test" / f"{store.track_name}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                store.save(path)
