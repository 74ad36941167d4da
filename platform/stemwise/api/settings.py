"""Settings of jobs from keyword arguments: what Hydra composes of conf/, without its global state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from stemwise.core import config_dirs
from stemwise.core.config import conf_dir, load_yaml
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.jobs.targets import drop_targets
from stemwise.jobs.typed import read

T = TypeVar("T")
Value = str | Mapping[str, Any]
_TARGET = "_target_"


def settings_of(kind: type[T], job: str, given: Mapping[str, Any]) -> T:
    """Return the settings of a job: the defaults of conf/, with what is given laid over them.

    Args:
        kind: the dataclass of its settings.
        job: the configuration in conf/.
        given: key → value; groups (metric, selection, …) as `group` takes them.

    Raises:
        ConfigError: an unknown key or choice, or a value of the wrong type.
    """
    content = load_yaml(conf_dir() / f"{job}.yaml")
    groups = [entry for entry in content.pop("defaults") if isinstance(entry, dict)]
    chosen = {name: choice for entry in groups for name, choice in entry.items()}
    del content["hydra"]
    for name, choice in chosen.items():
        if not name.startswith("override"):
            content[name] = group(name, given.get(name, {}), choice)
    drop_targets(content)
    rest = {key: value for key, value in given.items() if key not in chosen}
    return read(kind, _unset(_over(content, rest)), what=f"stemwise.{job}")


def group(name: str, value: Value, default: str) -> dict[str, Any]:
    """Return the values of a group of conf/: those of a choice, with others laid over them.

    Args:
        name: of the group, such as `metric`.
        value: a choice (`"plain"`), or a mapping of values, of which `name` may be a choice; one with
            `_target_` stands alone.
        default: the choice where none is made.

    Raises:
        ConfigError: an unknown choice.
    """
    given = {"name": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name}={value!r} is not usable: give a name or a mapping of values.")
    if _TARGET in given:
        return dict(given)
    choice = str(given.get("name", default))
    known = config_dirs.names(name)
    if choice not in known:
        near = did_you_mean(choice, known)
        raise ConfigError(f"{name}={choice} is unknown: {near}{name} has {', '.join(known)}.")
    chosen = load_yaml(config_dirs.path(name, choice))
    return _over(chosen, {key: v for key, v in given.items() if key != "name"})


def _over(base: object, given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay values over others; mappings are laid over mappings, all else replaces."""
    found = dict(base) if isinstance(base, Mapping) else {}
    for key, value in given.items():
        own = found.get(key)
        both = isinstance(own, Mapping) and isinstance(value, Mapping)
        found[key] = _over(own, value) if both else _plain(value)
    return found


def _plain(value: object) -> object:
    """Return a value as YAML would hold it."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _unset(content: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Return the content where nothing is left to be given (ConfigError where something is)."""
    for key, value in content.items():
        if value == "???":
            raise ConfigError(f"{above}{key} is not set: give it, for example {key}='…'.")
        if isinstance(value, dict):
            _unset(value, f"{above}{key}.")
    return content
