"""The folder of imported scores: what it holds, and who may write into it.

A folder holds scores of one protocol. `config.json` says which, and where each model's came from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.places import Place, read_bytes
from stemwise.importing.published import COLUMNS, MUSEVAL, Frames, Source
from stemwise.storage.disk import write_whole

KEY = "imported"
_RUN_FOLDERS = ("tables", "parts", "parts-separated", "store")


@dataclass(frozen=True)
class Imported:
    """What `config.json` says of imported scores.

    Attributes:
        frames: what the medians were taken over.
        sources: one entry per model and input.
        trained_on: datasets of each model.
        score: the column that models are compared by.
        floor: what the system was called that is the unprocessed mixture, if there is one.
        measure: what was measured.
        columns: the scores that it has.
    """

    frames: Frames
    sources: list[Source] = field(default_factory=list)
    trained_on: dict[str, list[str]] = field(default_factory=dict)
    score: str = "museval_sdr"
    floor: str | None = None
    measure: str = MUSEVAL
    columns: tuple[str, ...] = tuple(COLUMNS.values())

    def as_config(self) -> dict[str, Any]:
        """Return the content of `config.json`."""
        protocol = {
            "measure": self.measure,
            "columns": list(self.columns),
            "frames": asdict(self.frames) if self.measure == MUSEVAL else None,
            "over_frames": "median" if self.measure == MUSEVAL else None,
        }
        return {
            KEY: {
                "protocol": protocol,
                "score": self.score,
                "floor": self.floor,
                "models": {name: {"trained_on": on} for name, on in self.trained_on.items()},
                "sources": [asdict(source) for source in self.sources],
            }
        }


def _config(folder: Place) -> Mapping[str, Any] | None:
    """Return a folder's `config.json`, or None where it has none that can be read."""
    try:
        content = json.loads(read_bytes(folder / "config.json"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def is_imported(folder: Place) -> bool:
    """Tell whether a folder holds imported scores."""
    return KEY in (_config(folder) or {})


def open_folder(folder: Path) -> Imported | None:
    """Return what a folder holds, or None where it holds nothing yet.

    Raises:
        ConfigError: it holds a run of stemwise, whose scores are of another protocol.
        OutputError: its `config.json` is not what this version writes.
    """
    config = _config(folder)
    if config is None or KEY not in config:
        if config is not None or any((folder / name).exists() for name in _RUN_FOLDERS):
            raise ConfigError(
                f"{folder} holds {_run_of(config)}, and imported scores are a "
                "different measure: choose another output=."
            )
        return None
    try:
        own = config[KEY]
        protocol = own["protocol"]
        return Imported(
            Frames(**(protocol["frames"] or {"window_s": 1.0, "hop_s": 1.0})),
            [Source(**source) for source in own["sources"]],
            {name: list(model["trained_on"]) for name, model in own["models"].items()},
            own["score"],
            own.get("floor"),
            protocol["measure"],
            tuple(protocol["columns"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise OutputError(
            f"{folder / 'config.json'} was written by another version: import into a new output=."
        ) from error


def _run_of(config: Mapping[str, Any] | None) -> str:
    metric = (config or {}).get("metric")
    if not isinstance(metric, dict):
        return "a run of stemwise"
    pair = f"{metric.get('paper_snr')} and {metric.get('paper_sdr')}"
    return f"a run of stemwise with protocol {metric.get('protocol')!r} ({pair})"


def check_same(folder: Path, held: Imported, measure: str, frames: Frames) -> None:
    """Raise `ConfigError` unless scores of a measure over frames may stand beside those held."""
    if held.measure != measure:
        raise ConfigError(
            f"{folder} holds scores of another measure ({held.measure}) than the input ({measure}), "
            "which are not comparable: choose another output=."
        )
    if not held.frames.fits(frames):
        raise ConfigError(
            f"{folder} holds medians over {held.frames}, the input has {frames}, which are "
            "not comparable: choose another output=."
        )


def add_sources(held: Iterable[Source], new: Iterable[Source]) -> list[Source]:
    """Return all sources, those of the same model and input replaced, sorted."""
    found = {(source.model, source.input): source for source in (*held, *new)}
    return [found[key] for key in sorted(found)]


def write_config(folder: Path, imported: Imported) -> None:
    """Write `config.json` whole or not at all (OutputError where that is impossible)."""
    path = folder / "config.json"
    try:
        write_whole(path, json.dumps(imported.as_config(), indent=2))
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error


def refuse_imported(folder: Place) -> None:
    """Raise `ConfigError` where another job than the import is to work in a folder of imported scores.

    It would replace what was imported, or look for measurements that there are none of.
    """
    if is_imported(folder):
        raise ConfigError(
            f"{folder} holds imported scores and no measurements: choose another output=, or score "
            "and report them again with `stemwise import-scores output=DIR`."
        )
