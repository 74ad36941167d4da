"""Kinds of ensembles: the functions that the YAMLs of conf/ensemble name.

A kind combines what several models made of one stem. Its function gets
(estimates, models, settings): the array of all estimates, the models' names in the same order, and all
settings of the kind. With `domain: samples` it is a function of each sample alone, of `(models, 2, n)`
float32 to `(2, n)`; with `domain: stft` one of each bin alone, of `(models, 2, frames, n_fft/2 + 1)`
complex64 to the same without `models`. With `domain: stems` the estimates are a mapping of signals by
name (`core/signals.py`), `(2, n)` each, of all stems, and `weights` among the settings names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from stemwise.core import config_dirs, plugins
from stemwise.core.config import load_yaml
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.types import CHANNELS
from stemwise.separation.ensembles.stft import Framing

GROUP = "ensemble"
PARAMETERS = ("estimates", "models", "settings")
REQUIRED = "???"  # the default of a setting that has none
Domain = Literal["samples", "stft", "stems"]
Settings = Mapping[str, Any]
Combine = Callable[[Any, Sequence[str], Settings], npt.NDArray[Any]]
_KEYS = (plugins.TARGET, "domain", "least", "settings", "description")
_TRIED = 4  # samples or frames on which settings are tried


@dataclass(frozen=True)
class Kind:
    """One way to combine estimates of a stem.

    Attributes:
        name: of its YAML.
        combine: its function (see above).
        domain: what one call of it sees.
        least: models that it needs.
        defaults: of its settings; `REQUIRED` where one must be given.
        description: one line for people.
    """

    name: str
    combine: Combine
    domain: Domain
    least: int
    defaults: Settings
    description: str = ""

    def settings(self, given: Settings, origin: str) -> dict[str, Any]:
        """Return all settings, those that are `given` before the defaults.

        Raises:
            ConfigError: one that the kind does not know, or lacks; `origin` begins the sentence.
        """
        for key in given:
            if key not in self.defaults:
                near = did_you_mean(key, self.defaults)
                known = ", ".join(self.defaults) or "none"
                raise ConfigError(
                    f"{origin}: {key!r} is no setting of {self.name}: {near}it has {known}."
                )
        found = {**self.defaults, **given}
        if absent := [key for key, value in found.items() if value == REQUIRED]:
            raise ConfigError(f"{origin}: the ensemble {self.name} needs {absent[0]}: give it.")
        return found

    @property
    def stems(self) -> bool:
        """Whether it needs the estimates of several stems."""
        return self.domain == "stems"

    def framing(self, settings: Settings) -> Framing | None:
        """Return the STFT that the kind works on; None where it works on samples."""
        return Framing(settings["n_fft"], settings["hop"]) if self.domain == "stft" else None

    def check(self, models: Sequence[str], settings: Settings, origin: str) -> None:
        """Try models and settings on silence, so that a mistake is said before any song is read.

        Raises:
            ConfigError: too few models, or settings that cannot be used.
        """
        if len(models) < self.least:
            raise ConfigError(
                f"{origin}: {self.name} needs {self.least} models or more, and has "
                f"{', '.join(models) or 'none'}: add some, or name one model with its weight."
            )
        try:
            framing = self.framing(settings)
            shape: tuple[int, ...] = (len(models), CHANNELS, _TRIED)
            silence = np.zeros(shape, np.float32)
            if framing is not None:
                silence = np.zeros((*shape, framing.bins), np.complex64)
            tried = dict.fromkeys(settings["weights"], silence[0]) if self.stems else silence
            made = np.asarray(self.combine(tried, models, settings))
        except ConfigError as error:
            raise ConfigError(f"{origin}: {error}") from error
        except Exception as error:
            raise ConfigError(
                f"{origin}: {self.name} fails with these settings ({type(error).__name__}: {error})."
            ) from error
        if made.shape != silence.shape[1:]:
            raise ConfigError(
                f"{origin}: {self.name} makes {made.shape} of {silence.shape}; its function must return "
                f"one estimate, {silence.shape[1:]}."
            )


def kinds() -> tuple[str, ...]:
    """Return the names of all kinds, ours and users', sorted."""
    return plugins.having_target(GROUP)


def get_kind(name: str) -> Kind:
    """Return the kind that conf/ensemble/NAME.yaml describes.

    Raises:
        ConfigError: there is none, or its YAML or function cannot be used.
    """
    return _kind(name, config_dirs.config_dirs())


def own_code(names: Sequence[str]) -> dict[str, str]:
    """Return the digests of the files of users' kinds among `names`: other code is another ensemble."""
    found = {name: plugins.code_digest(plugins.target(GROUP, name)) for name in names}
    return {name: digest for name, digest in found.items() if digest is not None}


@cache
def _kind(name: str, _: tuple[Path, ...]) -> Kind:
    combine: Combine = plugins.function(GROUP, name, PARAMETERS)
    path = config_dirs.path(GROUP, name)
    content = load_yaml(path)
    if unknown := [key for key in content if key not in _KEYS]:
        near = did_you_mean(unknown[0], _KEYS)
        raise ConfigError(
            f"{path}: {unknown[0]!r} is no key of a kind: {near}use {', '.join(_KEYS)}."
        )
    domain, least = content.get("domain", "samples"), content.get("least", 2)
    if domain not in get_args(Domain):
        raise ConfigError(
            f"{path}: domain: {domain} is unknown: use {' or '.join(get_args(Domain))}."
        )
    if not isinstance(least, int) or least < 1:
        raise ConfigError(f"{path}: least: {least!r} must be a whole number of models from 1 up.")
    defaults = dict(content.get("settings") or {})
    if domain == "stft":
        defaults = {**defaults, **{k: v for k, v in _STFT.items() if k not in defaults}}
    return Kind(name, combine, domain, least, defaults, str(content.get("description", "")))


# as MSST's ensemble.py and UVR's spec_utils.py
_STFT = {"n_fft": 2048, "hop": 1024}
