"""Where YAMLs lie: in conf/, and in folders of users and installed packages that are laid out like it.

Ours comes first, then the `conf` folders of installed packages (entry points `stemwise.plugins`, whose
values are packages), then the folders that `$STEMWISE_CONFIG_DIR` names, separated as in PATH
(`--config-dir` adds to them). Python files beside such a folder can be imported (`plugins.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from stemwise.core.config import conf_dir
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean

VARIABLE, ENTRY_POINTS = "STEMWISE_CONFIG_DIR", "stemwise.plugins"
OPTION = ("--config-dir", "-cd")
# what is in the groups that name code, in sentences
_WORDS = {
    "selection": "rule",
    "decision": "strategy",
    "extra_metrics": "extra metric",
    "ensemble": "kind of ensemble",
}


def config_dirs() -> tuple[Path, ...]:
    """Return all config dirs, ours first.

    Raises:
        ConfigError: one that is named is no folder.
    """
    return (_our_conf(), *own_config_dirs())


def own_config_dirs() -> tuple[Path, ...]:
    """Return the config dirs of users and installed packages (ConfigError as `config_dirs`)."""
    return _own(os.environ.get(VARIABLE, ""))


def add(folder: str) -> None:
    """Add a config dir for this process and those that it starts (ConfigError where it is no folder)."""
    path = str(_checked(Path(folder).expanduser().resolve(), "--config-dir"))
    named = [str(known) for known in _named(os.environ.get(VARIABLE, ""))]
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*named, path]))
    let_import()


def without_option(given: Sequence[str]) -> list[str]:
    """Add the folders of `--config-dir DIR` and return the rest of a command line.

    Raises:
        ConfigError: one of them is no folder.
    """
    rest: list[str] = []
    items = iter(given)
    for item in items:
        option, equals, value = item.partition("=")
        if option in OPTION:
            add(value if equals else next(items, ""))
        else:
            rest.append(item)
    return rest


def environment() -> dict[str, str]:
    """Return the variable with which other processes find the same folders; empty without any."""
    folders = [str(path) for path in _named(os.environ.get(VARIABLE, ""))]
    return {VARIABLE: os.pathsep.join(folders)} if folders else {}


def names(group: str) -> tuple[str, ...]:
    """Return the names of a group's YAMLs, sorted (ConfigError where two are called alike)."""
    return tuple(sorted(files_of(group)))


def path(group: str, name: str) -> Path:
    """Return the YAML called `name`.

    Raises:
        ConfigError: there is none.
    """
    files = files_of(group)
    if name not in files:
        raise ConfigError(unknown(group, name, sorted(files)))
    return files[name]


def files_of(group: str) -> Mapping[str, Path]:
    """Return the YAMLs of a group by name (ConfigError where two are called alike)."""
    return _files(group, config_dirs())


def own_folders_of(used: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the folders of the variable in which YAMLs lie, given as their names by group."""
    found = {
        str(files[name].parent.parent)
        for group, wanted in used.items()
        for files in [files_of(group)]
        for name in wanted
        if name in files
    }
    return tuple(sorted(found & {str(folder) for folder in _named(os.environ.get(VARIABLE, ""))}))


def unknown(group: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence that says that there is no such YAML, which is near, and which there are."""
    word, known = _WORDS.get(group, group), list(known)
    return f"There is no {word} {name!r}: {did_you_mean(name, known)}use one of {', '.join(known)}."


def let_import() -> None:
    """Let Python files beside these folders be imported, behind everything else."""
    for folder in _named(os.environ.get(VARIABLE, "")):
        if str(folder.parent) not in sys.path:
            sys.path.append(str(folder.parent))


@cache
def _our_conf() -> Path:
    return conf_dir()


@cache
def _own(named: str) -> tuple[Path, ...]:
    folders = [_folder_of(point) for point in entry_points(group=ENTRY_POINTS)]
    folders += [_checked(folder, VARIABLE) for folder in _named(named)]
    return tuple(dict.fromkeys(folders))


def _named(text: str) -> list[Path]:
    """Return the folders that the variable names."""
    return [Path(part).expanduser().resolve() for part in text.split(os.pathsep) if part]


def _folder_of(point: EntryPoint) -> Path:
    """Return the config dir of an installed package, without importing it."""
    try:
        spec = find_spec(point.value)
    except ImportError:  # of what is above a package inside another
        spec = None
    places = (spec.submodule_search_locations or ()) if spec else ()
    return _checked(Path(next(iter(places), "")) / "conf", f"the plugin {point.name!r}")


def _checked(folder: Path, named_by: str) -> Path:
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}, which {named_by} names, is no folder: name one with model/, dataset/ … in it."
        )
    return folder


@cache
def _files(group: str, folders: tuple[Path, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted((folder / group).glob("*.yaml")):
            if file.stem in found:
                raise ConfigError(
                    f"{file} and {found[file.stem]} have one name: give your {group} another."
                )
            found[file.stem] = file
    return found


# a worker gets tracks whose classes may lie there, before anybody asks for a YAML
let_import()
