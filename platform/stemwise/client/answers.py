"""What the service answers, as frozen dataclasses.

Fields that a newer service adds are ignored; one that is absent takes its default here, and is an
error where it has none.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

Kind = TypeVar("Kind")

_UNFINISHED = ("queued", "running")


@dataclass(frozen=True)
class Failure:
    """Why a job failed: a short word, and a sentence."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Links:
    """Where a job's parts are on the server."""

    self: str
    events: str
    archive: str | None = None
    stems: dict[str, str] = field(default_factory=dict)
    peaks: dict[str, str] = field(default_factory=dict)
    mixture: str | None = None
    mix: str | None = None


@dataclass(frozen=True)
class StemResult:
    """One finished stem; `bytes` is the size of its file, `models` their weights.

    In an ensemble of another `kind`, such as a median, models have no weights.
    """

    stem: str
    parent: str = "mixture"
    bytes: int | None = None
    peak: float | None = None
    rms_dbfs: float | None = None
    kind: str | None = None
    models: dict[str, float | None] = field(default_factory=dict)
    quality_db: list[float | None] | None = None


@dataclass(frozen=True)
class Prediction:
    """What is probably the SNR of a stem in dB, with its 90 % interval."""

    snr: float
    low: float
    high: float


@dataclass(frozen=True)
class Conservation:
    """How exactly `stems` add up to `parent`; the difference is None for digital silence."""

    parent: str
    stems: list[str]
    difference_dbfs: float | None = None
    exact: bool = False


@dataclass(frozen=True)
class Separation:
    """A job. `progress` is from 0 to 1; times are RFC 3339, UTC.

    `tier` is the one whose stems these are, of a recipe with tiers: while the job runs, the best so far.
    """

    id: str
    status: str
    progress: float = 0.0
    chunks_done: int = 0
    chunks_total: int | None = None
    title: str = ""
    recipe: str = ""
    format: str = "flac"
    stems: list[str] = field(default_factory=list)
    duration_s: float = 0.0
    attempts: int = 0
    created_at: str = ""
    started_at: str | None = None
    finished_at: str | None = None
    expires_at: str | None = None
    error: Failure | None = None
    results: list[StemResult] = field(default_factory=list)
    conservation: list[Conservation] = field(default_factory=list)
    quality: dict[str, Prediction] = field(default_factory=dict)
    gain: float | None = None
    tier: str | None = None
    note: str | None = None
    deadline_at: str | None = None
    timing: dict[str, float] = field(default_factory=dict)
    links: Links | None = None

    @property
    def final(self) -> bool:
        """Whether nothing more will be done for the job."""
        return self.status not in _UNFINISHED

    @property
    def succeeded(self) -> bool:
        """Whether its stems can be downloaded."""
        return self.status == "succeeded"


@dataclass(frozen=True)
class RecipeInfo:
    """A recipe that the server can run; `children` are the sub-stems taken from a stem.

    `kinds` are those of stems that are no weighted sum.
    """

    name: str
    default: bool = False
    stems: list[str] = field(default_factory=list)
    children: dict[str, list[str]] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    weights: dict[str, dict[str, float | None]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    quality_db: dict[str, list[float | None]] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelInfo:
    """A model that the server has loaded."""

    name: str
    architecture: str = ""
    stems: list[str] = field(default_factory=list)
    parent: str = "mixture"
    licence: str | None = None
    trained_on: list[str] = field(default_factory=list)
    notes: str | None = None
    ready: bool = False


@dataclass(frozen=True)
class Health:
    """Whether the server would work on requests now: `ok`, or `loading`."""

    status: str
    models: dict[str, bool] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether all models are loaded."""
        return self.status == "ok"


@dataclass(frozen=True)
class SeparationList:
    """The newest jobs first."""

    separations: list[Separation]


@dataclass(frozen=True)
class RecipeList:
    """All recipes, the default one first."""

    recipes: list[RecipeInfo]


@dataclass(frozen=True)
class ModelList:
    """The models of all recipes."""

    models: list[ModelInfo]


def read(kind: type[Kind], value: object) -> Kind:
    """Make a `kind` of this module from decoded JSON.

    Raises:
        ValueError: a field is absent or of another type; the message names it.
    """
    made: Kind = _convert(kind, value, kind.__name__)
    return made


def _convert(hint: Any, value: object, place: str) -> Any:
    if hint is Any:
        return value
    if is_dataclass(hint):
        return _record(hint, value, place)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {types.UnionType, typing.Union}:
        inner = next(choice for choice in arguments if choice is not type(None))
        return None if value is None else _convert(inner, value, place)
    if origin is list and isinstance(value, list):
        return [_convert(arguments[0], item, place) for item in value]
    if origin is dict and isinstance(value, dict):
        return {str(key): _convert(arguments[1], item, place) for key, item in value.items()}
    whole = isinstance(value, int) and not isinstance(value, bool)
    if hint is float and (whole or isinstance(value, float)):
        return float(value)  # type: ignore[arg-type]
    if (hint in {str, bool} and isinstance(value, hint)) or (hint is int and whole):
        return value
    raise ValueError(f"{place} is not what it should be")


def _record(kind: Any, value: object, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{place} is not an object")
    hints, given = _hints(kind), {}
    for item in fields(kind):
        if item.name in value:
            given[item.name] = _convert(hints[item.name], value[item.name], f"{place}.{item.name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise ValueError(f"{place}.{item.name} is absent")
    return kind(**given)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)
