"""`config.json`: the settings of a run, and what its names meant when it ran.

A recipe file may be rewritten and a checkpoint replaced after the run; its tables hold what they
were then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from pydantic.dataclasses import dataclass

from stemwise.core import config_dirs, plugins
from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.types import RECIPE_PREFIX
from stemwise.evaluation.hierarchy import HierarchySettings
from stemwise.jobs import run_ensembles
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.typed import STRICT, read, written
from stemwise.models.entries import Entry
from stemwise.models.registry import ReadyModel
from stemwise.separation.ensembles.spec import Ensemble
from stemwise.storage.disk import write_whole

_NAME = "config.json"
_KEY = "resolved"


@dataclass(frozen=True, config=STRICT)
class Resolved:
    """What names meant.

    Attributes:
        entries: models that are not in the zoo, with the digests of their files, by name.
        blends: weights of the recipes whose blends were parents at level 2, by their names.
        ensembles: the same of recipes that made a parent in another way, as recipes write it.
        config_dirs: where the YAMLs lie that it used and that are not ours.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    blends: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ensembles: Mapping[str, dict[str, JsonValue]] = field(default_factory=dict)
    config_dirs: tuple[str, ...] = ()

    @property
    def parents(self) -> dict[str, Mapping[str, Any]]:
        """What made the parents of level 2 that recipes made, by the recipes' names in tables."""
        return {**self.blends, **self.ensembles}

    @classmethod
    def of(cls, models: Iterable[ReadyModel], hierarchy: HierarchySettings) -> Resolved:
        """Gather both from the models and the level-2 settings of a run."""
        models = list(models)
        entries = {ready.spec.name: ready.entry for ready in models}
        used = [*entries, *(str(entry.get("base")) for entry in entries.values() if entry)]
        return cls(
            {name: entry for name, entry in entries.items() if entry is not None},
            {
                provider.name: dict(provider.weights)
                for provider in hierarchy.providers.values()
                if provider.name.startswith(RECIPE_PREFIX)
                and not isinstance(provider.weights, Ensemble)
            },
            {
                provider.name: provider.weights.written()
                for provider in hierarchy.providers.values()
                if isinstance(provider.weights, Ensemble)
            },
            config_dirs.own_folders_of({"model": used}),
        )


def save(output: Path, settings: EvaluateSettings, resolved: Resolved) -> None:
    """Write `<output>/config.json` (OutputError where that is impossible)."""
    folders = config_dirs.own_folders_of(
        {
            "dataset": plugins.named_by("dataset", settings.dataset.target),
            "selection": [settings.selection.rule],
            "decision": [settings.decision.strategy],
            "extra_metrics": settings.metric.extra,
            "ensemble": run_ensembles.kinds_of(
                run_ensembles.chosen(settings.ensembles, settings.models)
            ),
        }
    )
    both = tuple(dict.fromkeys([*resolved.config_dirs, *folders]))
    content = {**written(settings), _KEY: written(replace(resolved, config_dirs=both))}
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
        _check_config_dirs(output, resolved)
        return read(EvaluateSettings, config, what=str(path)), resolved
    except ConfigError as error:
        raise OutputError(
            f"{path} was written by another version ({str(error).rstrip('.')}): run `stemwise "
            "evaluate` with the same settings again, estimates are kept."
        ) from error


def _check_config_dirs(output: Path, resolved: Resolved) -> None:
    """Refuse a run that used YAMLs of folders that are not named now: their code is not run unasked."""
    known = {str(folder) for folder in config_dirs.own_config_dirs()}
    absent = [folder for folder in resolved.config_dirs if folder not in known]
    if absent:
        raise OutputError(
            f"{output} was made with YAMLs of {absent[0]}: name it again, by --config-dir "
            f"{absent[0]} or in {config_dirs.VARIABLE}."
        )
