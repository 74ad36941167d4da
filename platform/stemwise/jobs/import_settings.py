"""The settings of `stemwise import-scores`, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stemwise.core.errors import ConfigError
from stemwise.core.stems import check_name
from stemwise.importing.published import COLUMNS
from stemwise.jobs import configuration

FORMATS = ("museval", "audio_separator")
_LISTS = ("models", "trained_on", "reference_lines", "floor")


@dataclass(frozen=True)
class _Single:
    """The settings of one value, whose types `configuration.settings` can check."""

    format: str = "museval"
    input: str | None = None
    dataset_name: str = "musdb18hq"
    split: str | None = None
    score: str = "museval_sdr"
    min_tracks: int | None = None
    genres: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(f"format={self.format} is unknown: use one of {', '.join(FORMATS)}.")
        if self.score not in COLUMNS.values():
            raise ConfigError(
                f"score={self.score} is not imported: use one of {', '.join(COLUMNS.values())}."
            )
        if not self.dataset_name.strip():
            raise ConfigError("dataset_name= is empty: name the songs, for example musdb18hq.")
        if (self.min_tracks is not None and self.min_tracks < 1) or self.seed < 0:
            raise ConfigError("min_tracks starts at 1, and seed is not negative.")


@dataclass(frozen=True)
class ImportSettings(_Single):
    """What is imported, and how it is compared (conf/import_scores.yaml says what each means)."""

    models: list[str] | None = None
    trained_on: list[str] | None = None
    reference_lines: list[str] = field(default_factory=list)
    floor: list[str] = field(default_factory=list)
    stems: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.stems.values():
            check_name(name)


def import_settings(config: Mapping[str, Any]) -> ImportSettings:
    """Return the settings of a configuration; a single name may stand for a list of names.

    Raises:
        ConfigError: an unknown setting, or a value that cannot be used.
    """
    single = {k: v for k, v in config.items() if k not in (*_LISTS, "stems", "output")}
    checked = configuration.settings(_Single, single, "import_scores")
    lists = {key: _names(key, config.get(key)) for key in _LISTS}
    stems = config.get("stems") or {}
    if not isinstance(stems, dict):
        raise ConfigError(f"stems={stems} is not usable: give 'stems={{theirs: ours}}'.")
    return ImportSettings(
        **vars(checked),
        models=lists["models"],
        trained_on=lists["trained_on"],
        reference_lines=lists["reference_lines"] or [],
        floor=lists["floor"] or [],
        stems={str(theirs): str(ours) for theirs, ours in stems.items()},
    )


def _names(key: str, value: Any) -> list[str] | None:
    if value is None:
        return None
    found = value if isinstance(value, list) else [value]
    if any(isinstance(name, dict | list) or name is None for name in found):
        raise ConfigError(f"{key}={value} is not usable: give a name or a list of names.")
    if key == "models" and not found:
        raise ConfigError("models=[] is empty: leave it out for all.")
    return [str(name) for name in found]
