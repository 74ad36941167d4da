"""The `_target_` of rules and strategies, which are settings by their names only."""

from __future__ import annotations

from typing import Any

from stemwise.core.errors import ConfigError
from stemwise.core.plugins import TARGET

# groups whose YAMLs name code, and the setting that is the name of such a YAML
_NAMED = {"selection": "rule", "decision": "strategy"}


def drop_targets(content: Any) -> None:
    """Take `_target_` out of composed settings: `core/plugins.py` finds it again by the name beside it.

    Raises:
        ConfigError: a YAML names code and not itself.
    """
    for group, key in _NAMED.items():
        own = content.get(group)
        named = isinstance(own, dict) and own.pop(TARGET, None)
        if named and key not in own:
            raise ConfigError(
                f"The YAML of {group}= that names {named} does not say its own name: add "
                f"`{key}: NAME` to it, NAME as the file is called."
            )
