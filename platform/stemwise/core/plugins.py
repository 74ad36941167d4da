"""The classes and functions that YAMLs name by `_target_`: models, datasets, rules, strategies, metrics.

Only what a YAML of a config dir names is imported. So a recipe, an entry of `models=` and the
`config.json` of a run, which may come from others, never name code of their own.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from stemwise.core.config import load_yaml
from stemwise.core.config_dirs import VARIABLE, config_dirs, files_of, let_import, path, unknown
from stemwise.core.errors import ConfigError

TARGET = "_target_"
# entries of users and saved runs may name these too
_OURS = {"model": "stemwise.models.", "dataset": "stemwise.datasets."}


def having_target(group: str) -> tuple[str, ...]:
    """Return the names of the YAMLs of a group that name code, sorted."""
    return tuple(sorted(_targets_of(group)))


def target(group: str, name: str) -> str:
    """Return the `_target_` of the YAML called `name` (ConfigError where there is none)."""
    found = _targets_of(group)
    if name not in found:
        raise ConfigError(unknown(group, name, sorted(found)))
    return found[name]


def may_name(group: str, dotted: str) -> bool:
    """Tell whether a `_target_` is a class of ours, or one that a YAML of the group names."""
    if group in _OURS and dotted.startswith(_OURS[group]):
        return True
    return dotted in _targets_of(group).values()


def load(group: str, dotted: str, origin: str) -> Any:
    """Import the class or function called `dotted`, which a YAML of the group must name.

    Args:
        group: folder of the YAMLs.
        dotted: module and name.
        origin: of the name, to begin a sentence.

    Raises:
        ConfigError: no YAML names it, or there is no such thing, or its module cannot be imported.
    """
    if not may_name(group, dotted):
        ours = f"is not in {_OURS[group].rstrip('.')}, and " if group in _OURS else ""
        raise ConfigError(
            f"{origin}: {dotted} {ours}no YAML of {group}/ names it: write one, and name its config "
            f"dir by --config-dir or {VARIABLE}."
        )
    let_import()
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{origin}: there is no such class or function ({_first_line(error)}): {TARGET} "
            "names a module beside the config dir or an installed one, and what is in it."
        ) from error
    except Exception as error:
        raise ConfigError(
            f"{origin}: {module} cannot be imported ({type(error).__name__}: {_first_line(error)})."
        ) from error


def function(group: str, name: str, parameters: tuple[str, ...]) -> Callable[..., Any]:
    """Return the function that the YAML called `name` names.

    Args:
        group: folder of the YAML.
        name: of the YAML.
        parameters: what it is called with, in order.

    Raises:
        ConfigError: there is no such YAML or function, or it takes other parameters.
    """
    return _function(group, name, parameters, config_dirs())


@cache
def _function(
    group: str, name: str, parameters: tuple[str, ...], _: tuple[Path, ...]
) -> Callable[..., Any]:
    dotted = target(group, name)
    origin = str(path(group, name))
    found: Callable[..., Any] = load(group, dotted, origin)
    if not callable(found):
        raise ConfigError(f"{origin}: {dotted} is no function.")
    try:
        inspect.signature(found).bind(*parameters)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{origin}: {dotted} must take {', '.join(parameters)}, in this order ({error})."
        ) from error
    return found


def named_by(group: str, dotted: str) -> list[str]:
    """Return the names of the YAMLs whose `_target_` is `dotted`."""
    return [name for name, known in _targets_of(group).items() if known == dotted]


def code_digest(dotted: str) -> str | None:
    """Return the SHA-256 of the file of a user's own class or function; None for ours.

    With it, what other code computed is not taken for the same. What the file imports is not in it.
    """
    if dotted.startswith("stemwise."):
        return None
    file = getattr(sys.modules.get(dotted.rpartition(".")[0]), "__file__", None)
    return None if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _targets_of(group: str) -> Mapping[str, str]:
    return _targets(group, config_dirs())


@cache
def _targets(group: str, _: tuple[Path, ...]) -> dict[str, str]:
    contents = {name: load_yaml(file) for name, file in files_of(group).items()}
    return {name: str(values[TARGET]) for name, values in contents.items() if TARGET in values}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
