"""The zoo: what each model YAML says, and how a name becomes a loaded model.

Reading the zoo imports neither torch nor Hydra, so `stemwise models` answers at once.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemwise.config import conf_dir, load_yaml
from stemwise.errors import ConfigError
from stemwise.models.checkpoint import Checkpoint, ensure
from stemwise.stems import check_name

if TYPE_CHECKING:
    from stemwise.models.base import Model

Progress = Callable[[int, int | None], None]

# Only our own classes are built from configuration, so a YAML can never name arbitrary code.
_TARGET_PREFIX = "stemwise.models."


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the zoo.

    `target` is the class, `settings` its keyword arguments; `stems` is empty where the checkpoint or
    the track decides; `selectable` is False for reference lines that never take part in a selection.
    """

    name: str
    target: str
    architecture: str
    stems: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: tuple[Checkpoint, ...] = ()
    sample_rate: int = 44_100
    selectable: bool = True
    licence: str | None = None
    trained_on: tuple[str, ...] = ()
    paper: str | None = None
    notes: str | None = None


@dataclass(frozen=True)
class ReadyModel:
    """A spec whose checkpoints are on disk and verified; `identity` is the digest of all that decides
    its output besides the audio (class, settings, stems, checkpoint digests, not the name)."""

    spec: ModelSpec
    paths: tuple[Path, ...]
    identity: str


def names() -> tuple[str, ...]:
    """Return the zoo's model names, sorted."""
    return tuple(sorted(path.stem for path in (conf_dir() / "model").glob("*.yaml")))


def named_sets() -> dict[str, tuple[str, ...]]:
    """Return the named sets of models of conf/sets (`models=demo`)."""
    files = sorted((conf_dir() / "sets").glob("*.yaml"))
    return {path.stem: tuple(load_yaml(path)["names"]) for path in files}


def get(name: str) -> ModelSpec:
    """Return the zoo's entry called `name`.

    Raises:
        ConfigError: no such model.
    """
    path = conf_dir() / "model" / f"{name}.yaml"
    if name not in names():
        raise ConfigError(f"There is no model {name!r}: the zoo has {', '.join(names())}.")
    return _spec(load_yaml(path), str(path))


def resolve(entry: str | Mapping[str, Any]) -> ModelSpec:
    """Return the spec of a name, a checkpoint file, or a `{name, base, checkpoint, …}` mapping.

    Raises:
        ConfigError: unknown base or key, missing name, name already in the zoo.
    """
    if isinstance(entry, Mapping):
        return _user_spec(entry)
    if Path(entry).suffix == ".th":
        return _user_spec(
            {"name": Path(entry).stem.lower(), "base": "demucs_package", "checkpoint": entry}
        )
    if Path(entry).suffix in {".yaml", ".yml"}:
        return _user_spec(load_yaml(Path(entry)))
    return get(entry)


def resolve_all(entries: Iterable[str | Mapping[str, Any]]) -> list[ModelSpec]:
    """Resolve several entries.

    Raises:
        ConfigError: as `resolve`, or two entries share a name.
    """
    specs: dict[str, ModelSpec] = {}
    for entry in entries:
        spec = resolve(entry)
        if spec.name in specs:
            raise ConfigError(f"The model {spec.name!r} is listed twice in models=.")
        specs[spec.name] = spec
    return list(specs.values())


def prepare(spec: ModelSpec, progress: Progress | None = None) -> ReadyModel:
    """Fetch and verify the checkpoints of `spec` (CheckpointError where that fails)."""
    files = [ensure(item, name=spec.name, progress=progress) for item in spec.checkpoints]
    content = {
        "target": spec.target,
        "settings": dict(spec.settings),
        "stems": list(spec.stems),
        "checkpoints": [file.sha256 for file in files],
    }
    identity = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    return ReadyModel(spec, tuple(file.path for file in files), identity)


def build(ready: ReadyModel) -> Model:
    """Load the model: import its class and construct it with its checkpoints.

    Raises:
        ConfigError: a setting that the class does not know, or that it refuses.
    """
    spec = ready.spec
    module, _, name = spec.target.rpartition(".")
    target = getattr(importlib.import_module(module), name)
    arguments = dict(spec.settings)
    known = inspect.signature(target).parameters
    if "stems" in known and (spec.stems or known["stems"].default is inspect.Parameter.empty):
        arguments["stems"] = spec.stems
    if "checkpoint" in known:
        arguments["checkpoint"] = ready.paths if len(ready.paths) > 1 else ready.paths[0]
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ConfigError(
            f"The model {spec.name!r} has no setting {', '.join(unknown)}: "
            f"{name} knows {', '.join(known)}."
        )
    model: Model = target(**arguments)
    if model.sample_rate != 44_100:
        raise ConfigError(
            f"The model {spec.name!r} works at {model.sample_rate} Hz; stemwise compares models "
            "at 44100 Hz only."
        )
    return model


def _user_spec(entry: Mapping[str, Any]) -> ModelSpec:
    """Merge a user's `{name, base, checkpoint, sha256, …}` over the base's YAML."""
    given = dict(entry)
    missing = [key for key in ("name", "base") if not given.get(key)]
    if missing:
        raise ConfigError(f"The model entry {given} lacks {' and '.join(missing)}.")
    name, base = str(given.pop("name")), str(given.pop("base"))
    check_name(name)
    if name in names():
        raise ConfigError(f"The name {name!r} belongs to the zoo: give your checkpoint another.")
    get(base)  # says which names exist when `base` is unknown
    content = load_yaml(conf_dir() / "model" / f"{base}.yaml")
    content |= {"name": name, "licence": None, "trained_on": [], "paper": None, "notes": None}
    checkpoint, sha256 = given.pop("checkpoint", None), given.pop("sha256", None)
    if checkpoint is not None:
        path = Path(str(checkpoint)).expanduser().resolve()
        content["checkpoints"] = [{"filename": path.name, "path": path, "sha256": sha256}]
        if content.get("self_describing") and "stems" not in given:
            content["stems"] = []  # the file says which stems it separates
    content["settings"] = {**content.get("settings", {}), **given.pop("settings", {})}
    return _spec(content | given, f"the model entry {name!r}")


def _spec(content: Mapping[str, Any], origin: str) -> ModelSpec:
    values = {key: value for key, value in content.items() if key != "self_describing"}
    values["target"] = str(values.pop("_target_", ""))
    known = set(ModelSpec.__dataclass_fields__)
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"{origin} has unknown keys {', '.join(unknown)}.")
    if not values["target"].startswith(_TARGET_PREFIX):
        raise ConfigError(f"{origin}: _target_ must be a class under {_TARGET_PREFIX}")
    try:
        values["checkpoints"] = tuple(
            Checkpoint(**item) for item in values.get("checkpoints") or ()
        )
    except TypeError as error:
        raise ConfigError(f"{origin} has a malformed checkpoint: {error}.") from error
    values["stems"] = tuple(check_name(str(stem)) for stem in values.get("stems") or ())
    values["trained_on"] = tuple(values.get("trained_on") or ())
    return ModelSpec(**values)
