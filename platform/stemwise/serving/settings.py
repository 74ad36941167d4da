"""What can be set of the service: conf/serve/<profile>.yaml, and changes to single keys."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stemwise.core.config import conf_dir, home, load_yaml
from stemwise.core.errors import ConfigError
from stemwise.core.precision import AUTO, Choice
from stemwise.models.overlap import Overlap

# In place of arguments, set on every node: URLs may hold passwords, and Serve shows an application's
# arguments to everyone who may see its dashboard.
STATE, DATABASE, FILES = "STEMWISE_STATE", "STEMWISE_DATABASE", "STEMWISE_FILES"


class Part(BaseModel):
    """Base of all parts: a key that is not known is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Replicas(Part):
    """Copies of a deployment, and what each books."""

    replicas: int = Field(ge=1)
    num_cpus: float = Field(ge=0)


class EnsembleSettings(Replicas):
    """Songs and pieces of work at a time of each replica; 0 follows from the cores (`sizes`).

    `turns` models and encoders work at a time for its songs, the most urgent song's first.
    """

    jobs_per_replica: int = Field(ge=0)
    turns: int = Field(ge=0)


class SeparatorSettings(Part):
    """One model's deployment. `num_gpus` may be a fraction; `threads` 0 follows from the cores."""

    device: str
    precision: Choice = AUTO
    num_cpus: float = Field(ge=0)
    num_gpus: float = Field(ge=0)
    memory_mb: int = Field(ge=0)
    threads: int = Field(ge=0)
    min_replicas: int = Field(ge=1)
    max_replicas: int = Field(ge=1)
    target_ongoing: float = Field(gt=0)
    upscale_delay_s: float = Field(ge=0)
    downscale_delay_s: float = Field(ge=0)
    max_batch: int = Field(ge=1)
    batch_wait_ms: float = Field(ge=0)
    warm_up: bool

    @model_validator(mode="after")
    def _enough(self) -> SeparatorSettings:
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas is below min_replicas")
        return self


class Limits(Part):
    """What a request, a key and the whole service may take; `max_unfinished_per_key` 0 is no limit."""

    max_upload_mb: float = Field(gt=0)
    max_duration_s: float = Field(gt=0)
    max_unfinished: int = Field(ge=1)
    max_unfinished_per_key: int = Field(ge=0)
    max_wait_s: float = Field(ge=0)
    max_events: int = Field(ge=1)
    max_uploads: int = Field(ge=1)
    decodes: int = Field(ge=1)


class JobSettings(Part):
    """Life of a job: lease of its worker, attempts, seconds until files go and until rows go."""

    lease_s: float = Field(gt=0)
    max_attempts: int = Field(ge=1)
    keep_s: float = Field(gt=0)
    forget_s: float = Field(gt=0)


class ServeSettings(Part):
    """A whole profile. `overlap` None cuts the models of each recipe as it was measured."""

    ingress: Replicas
    ensemble: EnsembleSettings
    separator: SeparatorSettings
    models: dict[str, dict[str, Any]]
    limits: Limits
    jobs: JobSettings
    overlap: Overlap | None = None

    @field_validator("models", mode="before")
    @classmethod
    def _no_models(cls, value: object) -> object:
        return value or {}

    def for_model(self, name: str) -> SeparatorSettings:
        """Return the settings of one model's deployment (ConfigError for a key that is none)."""
        changes = self.models.get(name, {})
        try:
            return SeparatorSettings(**{**self.separator.model_dump(), **changes})
        except ValidationError as error:
            raise ConfigError(f"conf/serve, models.{name}: {_first(error)}") from error


class AppArgs(BaseModel):
    """Arguments of the application builder: `serve run`'s key=value pairs, or a YAML's `args`.

    `recipes` (names or YAML files; the first is the default) may be comma-separated text. `state` is
    the folder of jobs and files; `database` and `files` are URLs in its place where several nodes
    serve. Where one of the three is absent, the variable of its name (`STEMWISE_STATE`, …) is read.
    `keys_file` has lines `name:sha256`. `settings` are changes to the profile.
    """

    model_config = ConfigDict(extra="forbid")

    recipes: list[str] = Field(default_factory=lambda: ["demo"])
    profile: str = "cpu"
    state: str | None = None
    database: str | None = None
    files: str | None = None
    keys_file: str | None = None
    allowed_hosts: list[str] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("recipes", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [name.strip() for name in value.split(",") if name.strip()]

    def state_folder(self) -> Path:
        """Return the folder of jobs and files (made where it is absent)."""
        chosen = self.state or os.environ.get(STATE)
        return Path(chosen).expanduser().resolve() if chosen else home() / "serve"

    def database_url(self) -> str:
        """Return where jobs are: SQLite in the state folder, unless `database` says otherwise."""
        chosen = self.database or os.environ.get(DATABASE)
        return chosen or f"sqlite:///{self.state_folder() / 'jobs.sqlite3'}"

    def files_url(self) -> str:
        """Return where their files are: in the state folder, unless `files` says otherwise."""
        return self.files or os.environ.get(FILES) or str(self.state_folder() / "files")

    def load(self) -> ServeSettings:
        """Return the profile with the changes.

        Raises:
            ConfigError: no such profile, an unknown key, a value out of range.
        """
        folder = conf_dir() / "serve"
        known = sorted(path.stem for path in folder.glob("*.yaml"))
        path = folder / f"{self.profile}.yaml"
        if self.profile not in known:
            raise ConfigError(f"There is no profile {self.profile!r}: use {', '.join(known)}.")
        try:
            loaded = ServeSettings(**_merged(load_yaml(path), self.settings))
        except ValidationError as error:
            raise ConfigError(f"The settings of the service: {_first(error)}") from error
        for name in loaded.models:
            loaded.for_model(name)
        return loaded


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        old = out.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        out[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return out


def _first(error: ValidationError) -> str:
    """Say the first of pydantic's complaints in one line."""
    found = error.errors()[0]
    place = ".".join(map(str, found["loc"]))
    return f"{place} is not usable ({found['msg']})."
