"""Arguments `key=value` of commands that compose no configuration: the value is YAML, as in a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from stemwise.core.errors import ConfigError


def key_values(given: Iterable[str]) -> dict[str, Any]:
    """Return arguments as a mapping: `margin={vocals: 0.2}`, `stems=[vocals,drums]`, `alpha=0.1`.

    Raises:
        ConfigError: an argument without `=`, a key twice, or a value that is no YAML.
    """
    found: dict[str, Any] = {}
    for argument in given:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"{argument} is not usable: write key=value, and lists and mappings in quotes, as in "
                "'stems=[vocals,drums]'."
            )
        if key in found:
            raise ConfigError(f"{key}= is given twice: leave one out.")
        found[key] = _value(key, value)
    return found


def _value(key: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{key}={text} is not usable: a list is [a,b], a mapping {{key: value}}, and text with "
            "other characters stands in quotes."
        ) from error
