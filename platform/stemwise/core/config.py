"""Where stemwise finds its configuration and keeps its files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from platformdirs import user_cache_path

from stemwise.core.errors import ConfigError

HOME_VARIABLE = "STEMWISE_HOME"
# Which recipe separates songs on this machine where none is named; a server has a default of its own.
DEFAULT_RECIPE = "spleeter_2stems"


def home() -> Path:
    """Return the cache folder: `$STEMWISE_HOME`, or the user's cache folder (not created here)."""
    chosen = os.environ.get(HOME_VARIABLE)
    return Path(chosen).expanduser() if chosen else user_cache_path("stemwise")


def conf_dir() -> Path:
    """Return the folder of the configuration YAMLs, in the installed wheel or in a source checkout."""
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "conf", package.parent.parent / "conf"):
        if (candidate / "evaluate.yaml").is_file():
            return candidate
    raise ConfigError(
        f"The configuration folder conf/ is missing beside {package}: install stemwise again."
    )


class _UniqueKeys(yaml.SafeLoader):
    """YAML's safe loader, which refuses a key that stands twice instead of taking the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of a node (ConstructorError where a key is repeated)."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            # "<<" may merge several mappings
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} appears twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: the file is absent, not YAML, or not a mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path} is not valid YAML ({reason}).") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} must hold a mapping of keys to values.")
    return dict(content)
