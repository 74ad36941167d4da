"""Optional scores, `metric.extra=[…]`: functions of audio that conf/extra_metrics/NAME.yaml name.

A function takes reference, estimate and mixture (what the model heard), each `(channels, samples)` at
44.1 kHz. It returns a number, higher for what is better, or numbers by name where YAMLs share its work.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Collection, Mapping

from stemwise.core import config_dirs, plugins
from stemwise.core.config import load_yaml
from stemwise.core.errors import ConfigError, MissingDependencyError, ModelError
from stemwise.core.nearest import did_you_mean
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.measurement.spectral_metrics import bleedless_fullness, l1_freq
from stemwise.storage.tables import EXTRA_METRICS, SCHEMAS

GROUP = "extra_metrics"
_PARAMETERS = ("reference", "estimate", "mixture")
_USABLE = re.compile(r"[a-z][a-z0-9_]*")
Function = Callable[[Audio, Audio, Audio], float | Mapping[str, float]]


def extra_scores(
    names: Collection[str],
    reference: Audio,
    estimate: Audio,
    mixture: Audio,
    lost: Callable[[str, Exception], None] | None = None,
) -> dict[str, float | None]:
    """Return the scores `names` of one estimate; null where one is not defined (NaN).

    Args:
        names: what to compute.
        reference: `(channels, samples)`.
        estimate: of the same shape.
        mixture: what the model heard, of the same shape.
        lost: told of a score whose function fails, which is then left out; None raises its error.

    Raises:
        MissingDependencyError: the package of a score is not installed.
        ModelError: a score's function returned something else than a number.
    """
    made: dict[Function, float | Mapping[str, float]] = {}
    found: dict[str, float | None] = {}
    for name in names:
        function = _function(name)
        try:
            if function not in made:
                made[function] = function(reference, estimate, mixture)
            found[name] = _number(name, made[function])
        except MissingDependencyError:
            raise  # true for every song
        except Exception as error:
            if lost is None:
                raise
            lost(name, error)
    return found


def _function(name: str) -> Function:
    function: Function = plugins.function(GROUP, name, _PARAMETERS)
    return function


def _number(name: str, made: float | Mapping[str, float]) -> float | None:
    try:
        value = float(made[name] if isinstance(made, Mapping) else made)
    except (TypeError, ValueError, KeyError) as error:
        raise ModelError(
            f"The extra metric {name!r} returned {type(made).__name__} instead of a number, or of "
            f"numbers by name with {name!r} among them."
        ) from error
    return None if math.isnan(value) else value


def check_names(names: Collection[str]) -> None:
    """Refuse what is no extra metric, or would take the column of another.

    Raises:
        ConfigError: no such YAML, a name that no column can have, or a function of other parameters.
    """
    for name in names:
        known = plugins.having_target(GROUP)
        if name not in known:
            near = did_you_mean(name, known)
            raise ConfigError(
                f"metric.extra: {name!r} is unknown: {near}use any of {', '.join(known)}."
            )
        taken = name in SCHEMAS["scores"].names and name not in EXTRA_METRICS
        if taken or not _USABLE.fullmatch(name):
            raise ConfigError(
                f"{config_dirs.path(GROUP, name)}: {name!r} is another column, or no lower-case "
                "word: give your metric another name."
            )
        _function(name)


def own_code(names: Collection[str]) -> dict[str, str]:
    """Return the digests of the code of users' metrics: measured by other code, they are others."""
    digests = {}
    for name in names:
        _function(name)
        digests[name] = plugins.code_digest(plugins.target(GROUP, name))
    return {name: digest for name, digest in digests.items() if digest is not None}


def check_installed(name: str) -> None:
    """Refuse a metric whose `package` is not there (MissingDependencyError)."""
    content = load_yaml(config_dirs.path(GROUP, name))
    package = content.get("package")
    if package is None:
        return
    try:
        importlib.import_module(str(package))
    except ImportError as error:
        way_out = content.get("install", f"pip install {package}")
        raise MissingDependencyError(
            f"metric.extra=[{name}] needs the package {str(package).replace('_', '-')!r}, which is not "
            f"installed: run `{way_out}`."
        ) from error


def l1_freq_score(reference: Audio, estimate: Audio, mixture: Audio) -> float:  # noqa: ARG001
    """Return `l1_freq`, which needs no mixture."""
    return l1_freq(reference, estimate)


def mel_scores(reference: Audio, estimate: Audio, mixture: Audio) -> dict[str, float]:  # noqa: ARG001
    """Return `bleedless` and `fullness`, which compare the same mel spectrograms."""
    return dict(
        zip(("bleedless", "fullness"), bleedless_fullness(reference, estimate), strict=True)
    )


def log_wmse(reference: Audio, estimate: Audio, mixture: Audio) -> float:
    """Return `calculate_log_wmse` of the metric's own authors (MissingDependencyError without it)."""
    check_installed("log_wmse")
    module = importlib.import_module("log_wmse_audio_quality")
    return float(module.calculate_log_wmse(mixture, estimate, reference, SAMPLE_RATE))
