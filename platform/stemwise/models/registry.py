"""The zoo: what each model YAML says, and how a name becomes a loaded model.

Reading the zoo imports neither torch nor Hydra, so `stemwise models` answers at once.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemwise.core import config_dirs, plugins
from stemwise.core.config import load_yaml
from stemwise.core.errors import CheckpointError, ConfigError, StemwiseError
from stemwise.core.nearest import did_you_mean
from stemwise.core.stems import CHILDREN, MIXTURE, check_name
from stemwise.models import audio_separator_entry, augment, entries, facts, msst_config, overlap
from stemwise.models.checkpoints.checkpoint import Checkpoint, digest, locate
from stemwise.models.checkpoints.obtain import ensure
from stemwise.models.spec import ModelSpec

if TYPE_CHECKING:
    from stemwise.models.base import Model

Progress = Callable[[int, int | None], None]

_GROUP, _SETS = "model", "sets"
# Names that mean something else in the tables, besides those of the zoo.
_RESERVED = {"reference", "oracle"}
# What a model has (models/base.py).
_ASKED = ("stems", "sample_rate", "tiling", "normalisation", "uses_references", "forward", "to")
# Settings that change neither a network nor its chunks, so that it takes as much of a GPU as its base.
_SAME_MEMORY = {"overlap", "num_overlap", "zscore", "tiling"}
# Keys of a user's entry beside those of the zoo's YAMLs.
_OWN_KEYS = {"base", "checkpoint", "msst_config", "model_type", "sha256", overlap.KEY}
_UNUSABLE = re.compile(r"[^a-z0-9_\-]+")


@dataclass(frozen=True)
class ReadyModel:
    """A spec whose checkpoints are on disk and verified; `identity` is the digest of all that decides
    its output besides the audio (class, settings, stems, checkpoint digests, not the name), `digests`
    are the SHA-256 of `paths`."""

    spec: ModelSpec
    paths: tuple[Path, ...]
    identity: str
    digests: tuple[str, ...] = ()

    @property
    def entry(self) -> entries.Entry | None:
        """What a recipe must carry to find this very model again; None for one of the zoo."""
        own = self.spec.entry
        return None if own is None else entries.with_digests(own, self.digests)


def names() -> tuple[str, ...]:
    """Return the zoo's model names, sorted."""
    return config_dirs.names(_GROUP)


def named_sets() -> dict[str, tuple[str, ...]]:
    """Return the named sets of models of conf/sets (`models=demo`)."""
    return {
        name: tuple(load_yaml(config_dirs.path(_SETS, name))["names"])
        for name in config_dirs.names(_SETS)
    }


def set_parents(name: str) -> dict[str, str]:
    """Return which of its models a named set prefers as parents of level 2; {} for other names."""
    if name not in config_dirs.names(_SETS):
        return {}
    return dict(load_yaml(config_dirs.path(_SETS, name)).get("parents") or {})


def set_ensembles(name: str) -> tuple[Any, ...]:
    """Return which ensembles a named set measures beside its models; () for other names."""
    if name not in config_dirs.names(_SETS):
        return ()
    listed = load_yaml(config_dirs.path(_SETS, name)).get("ensembles") or ()
    return (listed,) if isinstance(listed, str) else tuple(listed)


def get(name: str) -> ModelSpec:
    """Return the zoo's entry called `name`.

    Raises:
        ConfigError: no such model.
    """
    if name not in names():
        near = did_you_mean(name, names())
        known = "`stemwise models` lists them" if near else f"the zoo has {', '.join(names())}"
        raise ConfigError(f"There is no model {name!r}: {near}{known}.")
    path = config_dirs.path(_GROUP, name)
    return _spec(load_yaml(path), str(path))


def resolve(entry: str | Mapping[str, Any]) -> ModelSpec:
    """Return the spec of a name, a checkpoint file, or a `{name, base, checkpoint, …}` mapping.

    In a mapping, `msst_config` (a YAML of MSST) may stand in place of `base`. A name may be
    `audio_separator:<file name>`, of audio-separator's registry.

    Raises:
        ConfigError: unknown base or key, missing name, name already in the zoo.
    """
    if isinstance(entry, Mapping):
        return _user_spec(entry)
    if not isinstance(entry, str):
        raise ConfigError(f"{entry!r} is not a model: give a name, a file or a mapping.")
    if entry.startswith(audio_separator_entry.PREFIX):
        spec = _spec(audio_separator_entry.content(entry), entry)
        return replace(spec, entry={"name": spec.name, "base": entry})
    if Path(entry).suffix == ".th":
        name = _UNUSABLE.sub("_", Path(entry).stem.lower()).strip("_-") or "checkpoint"
        return _user_spec({"name": name, "base": "demucs_package", "checkpoint": entry})
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
    if spec.target == audio_separator_entry.TARGET:
        spec = audio_separator_entry.complete(spec)
    files = [ensure(item, name=spec.name, progress=progress) for item in spec.checkpoints]
    content = {
        "target": spec.target,
        "settings": dict(spec.settings),
        "stems": list(spec.stems),
        "checkpoints": [file.sha256 for file in files],
    }
    if spec.residual is not None:
        content["residual"] = spec.residual
    if spec.augment is not None:
        content["augment"] = spec.augment.content()
    if (code := _code(spec)) is not None:
        content["code"] = code
    identity = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    digests = tuple(file.sha256 for file in files)
    return ReadyModel(spec, tuple(file.path for file in files), identity, digests)


def _code(spec: ModelSpec) -> str | None:
    """Return the digest of a user's own class; None for ours, whose changes raise versions."""
    if spec.target.startswith("stemwise."):
        return None
    model_class(spec)
    return plugins.code_digest(spec.target)


def on_this_machine(ready: ReadyModel) -> ReadyModel:
    """Return the model with its checkpoints on this machine, fetched where another one prepared it.

    Raises:
        CheckpointError: they are not to be had here, or are other files here than there.
    """
    if all(path.is_file() for path in ready.paths):
        return ready
    found = prepare(ready.spec)
    if found.identity != ready.identity:
        raise CheckpointError(
            f"{socket.gethostname()} has another file for {ready.spec.name!r} than the machine that "
            "started the run: name its sha256, or use one checkpoint folder (STEMWISE_HOME) for all."
        )
    return found


def build(ready: ReadyModel) -> Model:
    """Load the model: import its class and construct it with its checkpoints.

    Raises:
        ConfigError: a setting that the class does not know, or that it refuses.
    """
    spec = ready.spec
    target = model_class(spec)
    arguments = dict(spec.settings)
    known = inspect.signature(target).parameters
    if "stems" in known and (spec.stems or known["stems"].default is inspect.Parameter.empty):
        arguments["stems"] = spec.stems
    if bool(ready.paths) != ("checkpoint" in known):
        raise ConfigError(
            f"The model {spec.name!r} has no weights: leave its checkpoint out."
            if ready.paths
            else f"The model {spec.name!r} needs a file: {{name: …, base: …, checkpoint: FILE}}."
        )
    if len(ready.paths) > 1 and known["checkpoint"].annotation in (Path, "Path"):
        raise ConfigError(
            f"The model {spec.name!r} is one file, and its entry names {len(ready.paths)}: name one in "
            "checkpoint, and give others entries of their own."
        )
    if ready.paths:
        arguments["checkpoint"] = ready.paths if len(ready.paths) > 1 else ready.paths[0]
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ConfigError(
            f"The model {spec.name!r} has no setting {', '.join(unknown)}: "
            f"{target.__name__} knows {', '.join(known)}."
        )
    try:
        model: Model = target(**arguments)
    except StemwiseError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"The model {spec.name!r} cannot be built with {dict(spec.settings)}: {reason}."
        ) from error
    absent = [name for name in _ASKED if not hasattr(model, name)]
    if absent:
        raise ConfigError(
            f"The model {spec.name!r}: {spec.target} lacks {', '.join(absent)}, which models/base.py "
            "explains."
        )
    if model.sample_rate != 44_100:
        raise ConfigError(
            f"The model {spec.name!r} works at {model.sample_rate} Hz; stemwise compares models "
            "at 44100 Hz only."
        )
    if spec.augment is None:
        return model
    from stemwise.models.augmented import AugmentedModel

    return AugmentedModel(model, spec.augment)


def needs_references(spec: ModelSpec) -> bool:
    """Tell whether the model uses the true stems, without loading its weights."""
    return bool(model_class(spec).uses_references)


def same_model(one: ModelSpec, other: ModelSpec) -> bool:
    """Tell whether two specs of one name are one model: class, settings, stems and weights."""
    own, others = (
        (s.target, dict(s.settings), s.stems, s.parent, s.residual, s.augment) for s in (one, other)
    )
    if own != others or len(one.checkpoints) != len(other.checkpoints):
        return False
    return all(_same_weights(a, b) for a, b in zip(one.checkpoints, other.checkpoints, strict=True))


def with_digests_of(spec: ModelSpec, other: ModelSpec) -> ModelSpec:
    """Return the spec with the digests that another one of the same model knows."""
    joined = [
        replace(a, sha256=max(a.sha256 or "", b.sha256 or "", key=len) or None)
        for a, b in zip(spec.checkpoints, other.checkpoints, strict=True)
    ]
    return replace(spec, checkpoints=tuple(joined))


def _same_weights(one: Checkpoint, other: Checkpoint) -> bool:
    """Tell whether two checkpoints are one file of weights, as far as their digests or files tell."""
    if one.sha256 and other.sha256:  # either may be the beginning of the whole digest
        return one.sha256.startswith(other.sha256) or other.sha256.startswith(one.sha256)
    if one.path == other.path and one.filename == other.filename:
        return True
    files = [Path(c.path) for c in (one, other) if c.path is not None]
    if not all(file.is_file() for file in files):
        return False
    found = {c.sha256 or (digest(Path(c.path)) if c.path else c.filename) for c in (one, other)}
    return len(found) == 1


def is_cached(spec: ModelSpec) -> bool:
    """Tell whether all checkpoints of the model are on this machine (nothing is verified)."""
    return all(locate(item) is not None for item in spec.checkpoints)


def model_class(spec: ModelSpec) -> type[Any]:
    """Return the class of a model (ConfigError where it is none of ours)."""
    target = plugins.load(_GROUP, spec.target, f"The model {spec.name!r}")
    if not inspect.isclass(target) or not hasattr(target, "uses_references"):
        raise ConfigError(
            f"The model {spec.name!r}: {spec.target} is not a model's class, which has "
            "uses_references, forward and to (models/base.py)."
        )
    return target


def _user_spec(entry: Mapping[str, Any]) -> ModelSpec:
    """Merge a user's `{name, base, checkpoint, sha256, …}` over the base's YAML or MSST's."""
    entry = entries.absolute(entry, Path.cwd())
    given = dict(entry)
    origin = "msst_config" if given.get("msst_config") else "base"
    missing = [key for key in ("name", origin) if not given.get(key)]
    if missing:
        raise ConfigError(f"The model entry {given} lacks {' and '.join(missing)}.")
    name = str(given.pop("name"))
    if _UNUSABLE.search(name) or name != name.strip("_-"):
        raise ConfigError(
            f"Model name {name!r} is not usable: use lower-case letters, digits, '_' and '-' only."
        )
    if name in names() or name in _RESERVED:
        raise ConfigError(f"The name {name!r} is taken: give your model another.")
    content = _msst_base(given, name) if origin == "msst_config" else _zoo_base(given, name)
    word = given.pop(overlap.KEY, None)
    content |= {"name": name, "published": []}
    if origin != "base" or set(given) - {
        "sha256",
        augment.KEY,
    }:  # facts are of the base's file and settings
        content |= dict.fromkeys(("licence", "paper", "notes", "parameters", "cost"))
        content["trained_on"] = []
    checkpoint, sha256 = given.pop("checkpoint", None), given.pop("sha256", None)
    paths = [Path(str(file)) for file in entries.as_list(checkpoint)]
    digests = entries.as_list(sha256) or [None] * len(paths)
    carried = content.get("checkpoints") or []
    if not paths and carried and len(digests) in (1, len(carried)):
        # one digest is that of the first of several files: the one with the weights
        named = zip(carried, digests, strict=False)
        own = [{**file, "sha256": found} for file, found in named]
        content["checkpoints"] = [*own, *carried[len(own) :]]
    elif len(digests) != len(paths):
        raise ConfigError(f"The model {name!r} must give one sha256 per checkpoint, or none.")
    if checkpoint is not None:
        content["checkpoints"] = [
            {"filename": path.name, "path": path, "sha256": found}
            for path, found in zip(paths, digests, strict=True)
        ]
        if content.get("self_describing") and "stems" not in given:
            content["stems"] = []  # the file says which stems it separates
    elif content.get("self_describing") and not content.get("checkpoints"):
        raise ConfigError(f"The model {name!r} needs a file: add checkpoint: FILE to its entry.")
    settings = given.pop("settings", None) or {}
    if not isinstance(settings, Mapping):
        raise ConfigError(f"The model {name!r}: settings must map names to values.")
    if origin == "msst_config" and isinstance(settings.get("network"), Mapping):
        # single arguments are corrected, the others stay those of the configuration
        network = content["settings"].get("network", {}) | dict(settings["network"])
        settings = {**settings, "network": network}
    described = paths and content.get("self_describing")
    if described or "stems" in given or set(settings) - _SAME_MEMORY:
        content["gpu_memory"] = None  # the base's is that of another network or chunk
    content["settings"] = {**content.get("settings", {}), **settings}
    where = f"the model entry {name!r}"
    spec = replace(_spec(content | given, where), entry=entry)
    return spec if word is None else overlap.cut(spec, overlap.check(word, where))


def _zoo_base(given: dict[str, Any], name: str) -> dict[str, Any]:
    """Take `base` out of an entry and return its YAML."""
    base = str(given.pop("base"))
    if base.startswith(audio_separator_entry.PREFIX):
        return audio_separator_entry.content(base)
    from stemwise.core.types import FILE_PREFIX  # here, since it imports numpy

    if base.startswith(FILE_PREFIX):
        raise ConfigError(
            f"The model entry {name!r}: {base} are finished estimates, which no model can "
            "make anew: use them as they are, models=[file:NAME]."
        )
    get(base)  # says which names exist when `base` is unknown
    return load_yaml(config_dirs.path(_GROUP, base))


def _msst_base(given: dict[str, Any], name: str) -> dict[str, Any]:
    """Take `msst_config` and `model_type` out of an entry and return what they say."""
    if "base" in given or not given.get("checkpoint"):
        raise ConfigError(
            f"The model {name!r} with an msst_config needs its checkpoint, and no base: "
            "{name: …, msst_config: FILE, checkpoint: FILE}."
        )
    path = Path(str(given.pop("msst_config")))
    entries.check_config(given.pop("msst_config_sha256", None), path, name)
    stems, kind = given.get("stems"), given.pop("model_type", None)
    named = stems if isinstance(stems, list | tuple) else None
    return msst_config.translate(msst_config.read(path), str(path), kind, named)


def _check_types(values: Mapping[str, Any], origin: str) -> None:
    """Refuse values that would only show later, or never (ConfigError)."""
    parent, residual = values.get("parent", MIXTURE), values.get("residual")
    if parent not in (MIXTURE, *CHILDREN):
        raise ConfigError(f"{origin}: parent must be one of {', '.join((MIXTURE, *CHILDREN))}.")
    if residual is not None and check_name(str(residual)) in values["stems"]:
        raise ConfigError(f"{origin}: {residual} is a stem of its own, not what they leave.")
    kinds = {"selectable": bool, "sample_rate": int, "residual": str, "trained_on": (list, tuple)}
    for name, kind in kinds.items():
        value = values.get(name)
        if value is not None and not isinstance(value, kind):  # type: ignore[arg-type]
            raise ConfigError(f"{origin}: {name} is not usable as {value!r}.")


def _spec(content: Mapping[str, Any], origin: str) -> ModelSpec:
    values = {key: value for key, value in content.items() if key != "self_describing"}
    values["target"] = str(values.pop("_target_", ""))
    fields = set(ModelSpec.__dataclass_fields__) - {"entry"}
    unknown = sorted(set(values) - fields)
    known = fields - {"target"} | _OWN_KEYS
    if unknown:
        raise ConfigError(
            f"{origin} has unknown keys {', '.join(unknown)}: {did_you_mean(unknown[0], known)}use any "
            f"of {', '.join(sorted(known))}."
        )
    if not plugins.may_name(_GROUP, values["target"]):
        raise ConfigError(
            f"{origin}: _target_ must begin with stemwise.models., or be one that a YAML of model/ "
            "in a config dir names."
        )
    try:
        values["checkpoints"] = tuple(
            Checkpoint(**item) for item in values.get("checkpoints") or ()
        )
    except TypeError as error:
        raise ConfigError(f"{origin} has a malformed checkpoint: {error}.") from error
    stems = values.get("stems") or []
    if not isinstance(stems, list | tuple) or len(set(map(str, stems))) != len(stems):
        raise ConfigError(f"{origin}: stems must be a list of different names, not {stems!r}.")
    reserved = {"stems", "checkpoint"} & set(values.get("settings") or {})
    if reserved:
        raise ConfigError(f"{origin}: {reserved.pop()} is a key of its own, not one of settings.")
    values["stems"] = tuple(check_name(str(stem)) for stem in stems)
    trained_on = values.get("trained_on") or ()
    values["trained_on"] = (trained_on,) if isinstance(trained_on, str) else trained_on
    _check_types(values, origin)
    values["trained_on"] = tuple(map(str, values["trained_on"]))
    values |= facts.check(values, origin)
    if (asked := values.get(augment.KEY)) is not None:
        values[augment.KEY] = augment.check(asked, origin)
    spec = ModelSpec(**values)
    if spec.augment is not None and needs_references(spec):
        raise ConfigError(
            f"{origin}: {augment.KEY} averages what a model makes of its input, and this one computes "
            "its estimates from the true stems: leave it out."
        )
    return spec
