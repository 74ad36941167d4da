"""`config.json`: the settings of a run, and what its names meant when it ran.

A recipe file may be written anew and a checkpoint replaced after the run; its tables hold what they
were then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.types import RECIPE_PREFIX
from stemwise.evaluation.hierarchy import HierarchySettings
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.typed import STRICT, read, written
from stemwise.models.entries import Entry
from stemwise.models.registry import ReadyModel
from stemwise.storage.disk import write_whole

_NAME = "config.json"
_KEY = "resolved"


@dataclass(frozen=True, config=STRICT)
class Resolved:
    """What names meant.

    Attributes:
        entries: models that are not in the zoo, with the digests of their files, by name.
        blends: weights of the recipes whose blends were taken apart at level 2, by their names.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    blends: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, models: Iterable[ReadyModel], hierarchy: HierarchySettings) -> Resolved:
        """Gather both from the models and the level-2 settings of a run."""
        entries = {ready.spec.name: ready.entry for ready in models}
        return cls(
            {name: entry for name, entry in entries.items() if entry is not None},
            {
                provider.name: dict(provider.weights)
                for provider in hierarchy.providers.values()
                if provider.name.startswith(RECIPE_PREFIX)
            },
        )


def save(output: Path, settings: EvaluateSettings, resolved: Resolved) -> None:
    """Write `<output>/config.json` (OutputError where that is impossible)."""
    content = {**written(settings), _KEY: written(resolved)}
    path = output / _NAME
    try:
        write_whole(path, json.dumps(content, indent=2))
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error}).") from error


def load(output: Path) -> tuple[EvaluateSettings, Resolved]:
    """Return the settings of a finished run, and what its names meant.

    Raises:
        OutputError: there is no finished run, or its file is damaged or of another version.
    """
    path = output / _NAME
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{output} holds no finished run: run `stemwise evaluate` first."
        ) from error
    if not isinstance(config, dict) or not {"metric", "models"} <= config.keys():
        raise OutputError(f"{path} is damaged: run `stemwise evaluate` again.")
    try:
        resolved = read(Resolved, config.pop(_KEY, {}), _KEY)
        return read(EvaluateSettings, config, what=str(path)), resolved
    except ConfigError as error:
        raise OutputError(
            f"{path} was written by another version ({str(error).rstrip('.')}): run `stemwise "
            "evaluate` with the same settings again, estimates are kept."
        ) from error
