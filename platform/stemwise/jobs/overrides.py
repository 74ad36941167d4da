"""What is wrong with overrides, said before Hydra prints a trace, search paths and advice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from stemwise.core import config_dirs
from stemwise.core.config import conf_dir, load_yaml
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.jobs.no_setting import no_setting, unparsed
from stemwise.jobs.targets import drop_targets
from stemwise.jobs.typed import read, unknown_key

_TAKES_VALUE = {"--cfg", "-c", "--package", "-p", "--config-name", "-cn", "--config-dir", "-cd"}
_SWEEP = {"-m", "--multirun"}


def command(name: str) -> str:
    """Return what people call the job of a configuration."""
    return str(load_yaml(conf_dir() / f"{name}.yaml")["hydra"]["help"]["app_name"])


def search_path() -> list[str]:
    """Return the override with which Hydra finds the YAMLs of other config dirs than ours."""
    own = ",".join(f'"{folder.as_uri()}"' for folder in config_dirs.own_config_dirs())
    return [f"hydra.searchpath=[{own}]"] if own else []


def plain(config: DictConfig) -> Any:
    """Return the resolved configuration as plain values.

    Rules and strategies are known by their names, so only a dataset keeps its `_target_`.

    Raises:
        ConfigError: a mandatory value (`???`) is missing, or one refers to what is not there.
    """
    try:
        missing = sorted(OmegaConf.missing_keys(config))
        content = None if missing else OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key} is not usable: {_first_line(error)}.") from error
    if missing:
        raise ConfigError(
            f"{missing[0]} is not set: give it on the command line, for example {missing[0]}=VALUE."
        )
    drop_targets(content)
    return content


def complaint(name: str, kind: type[Any], given: Sequence[str]) -> str | None:
    """Return one sentence on the first override that cannot be meant, or None.

    Of a sweep, the settings of all jobs are read, so that none has run when one cannot.

    Args:
        name: of a configuration in conf/.
        kind: the dataclass of its settings.
        given: a command line: overrides, and options of Hydra.
    """
    overrides = [
        item
        for before, item in zip(["", *given], given, strict=False)
        if not item.startswith("-") and before not in _TAKES_VALUE
    ]
    sweep = bool(_SWEEP & set(given))
    if (strange := no_setting(given)) is not None:
        return strange
    try:
        for job in _jobs(overrides) if sweep else [overrides]:
            try:
                config = _compose(name, job)
            except OverrideParseException:
                raise
            except (HydraException, OmegaConfBaseException, ValueError) as error:
                return _unknown_choice(name, job) or _sentence(name, job, error)
            if sweep:
                read(kind, plain(config), what=command(name))
    except ConfigError as error:
        return str(error)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        return _sentence(name, overrides, error)
    return None


def _jobs(overrides: Sequence[str]) -> Iterable[list[str]]:
    """Return the overrides of each job of a sweep."""
    parsed = OverridesParser.create().parse_overrides(overrides=list(overrides))
    (jobs,) = BasicSweeper.split_arguments(parsed, None)
    return jobs


def _compose(name: str, overrides: Sequence[str]) -> DictConfig:
    with hydra.initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = hydra.compose(name, [*overrides, *search_path()], return_hydra_config=True)
    # the number of a job, to which its output may refer, is known to Hydra's own sweep only
    config.hydra.job.num, config.hydra.job.id = 0, "0"
    HydraConfig.instance().set_config(config)
    with open_dict(config):
        del config["hydra"]
    return config


def _sentence(name: str, overrides: Sequence[str], error: Exception) -> str:
    """Say what Hydra or OmegaConf complains about in our words, else in the first line of theirs."""
    if isinstance(error, OverrideParseException):
        return unparsed(name, str(error.override))
    text = _first_line(error)
    if listed := re.fullmatch(r"Ambiguous value for argument '([^=]+)=(.*)'", text):
        key, items = listed.groups()
        return f"{key}={items} is not usable: a list has brackets, '{key}=[{items}]'."
    if merged := re.fullmatch(r"Error merging override (([^=]+)=.*)", text):
        return f"{merged[1]} is not usable: {merged[2]} takes another kind of value."
    if unset := re.search(r"You must specify '(\w+)'", text):
        return f"{unset[1]} is not set: use one of {', '.join(_options(unset[1]))}."
    absent = re.search(r"override '([\w.]+)'. No match|'([\w.]+)' does not exist", text)
    key = getattr(error.__cause__, "full_key", absent and (absent[1] or absent[2]))
    return (_unknown_key(name, overrides, key) if key else None) or text


def _groups(name: str) -> list[str]:
    """Return the groups of conf/ that a configuration chooses from."""
    defaults = load_yaml(conf_dir() / f"{name}.yaml").get("defaults", [])
    return [group for entry in defaults if isinstance(entry, dict) for group in entry]


def _options(group: str) -> list[str]:
    return list(config_dirs.names(group))


def _unknown_choice(name: str, overrides: Sequence[str]) -> str | None:
    """Say which choices a group has: `metric=papr`."""
    for text in overrides:
        group, _, option = text.lstrip("+").partition("=")
        if group in _groups(name) and not option.startswith("{") and option not in _options(group):
            near, known = did_you_mean(option, _options(group)), ", ".join(_options(group))
            return f"{group}={option} is unknown: {near}{group} has {known}."
    return None


def _unknown_key(name: str, overrides: Sequence[str], key: str) -> str | None:
    """Say which keys there are where one is not: `metric.block=1`."""
    if key.startswith("hydra"):
        return None
    # the keys of a group depend on the choices: dataset=folder has others than dataset=demo
    chosen = [text.lstrip("+").partition("=") for text in overrides]
    choices = [f"{group}={x}" for group, _, x in chosen if group in _groups(name) and x[:1] != "{"]
    found: object = _compose(name, choices)
    path: list[str] = []
    for part in key.split("."):
        if not isinstance(found, DictConfig) or part not in found:
            keys = _keys(found) if isinstance(found, DictConfig) else ()
            return unknown_key(".".join([*path, part]), keys, ".".join(path) or command(name))
        path.append(part)
        found = found._get_node(part)
    return None


def _keys(group: DictConfig) -> list[str]:
    """Return what a user may set; the class of a dataset follows from the choice of it."""
    return [key for key in map(str, group) if not key.startswith("_")]


def _first_line(error: Exception) -> str:
    # what follows are search paths, links and advice that Hydra gives to programmers
    return str(error).strip().splitlines()[0].split(" To append to")[0]
