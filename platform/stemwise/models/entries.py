"""A user's own models as entries: what a recipe carries so that others find the same model again.

An entry is a mapping (`{name, base, checkpoint, …}`). In a recipe its paths are relative to the
recipe's folder, so that both can be moved together, and the digests of its files say whether they are
still the ones that were measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models.checkpoints import checkpoint

Entry = Mapping[str, Any]
_CONFIG = "msst_config"


def absolute(entry: Entry, folder: Path) -> dict[str, Any]:
    """Return the entry with its paths absolute; relative ones begin at `folder`.

    Raises:
        ConfigError: a path that no file can have.
    """

    def move(path: str) -> Path:
        try:
            moved = (folder / Path(path).expanduser()).resolve()
            moved.exists()
        except (OSError, ValueError, RuntimeError) as error:
            reason = " ".join(str(getattr(error, "strerror", None) or error).split())
            raise ConfigError(
                f"The model {entry.get('name')!r} names a file that cannot be ({path[:80]!r}: "
                f"{reason}): correct its path."
            ) from error
        return moved

    return _moved(entry, move)


def relative(entry: Entry, folder: Path) -> dict[str, Any]:
    """Return the entry with its paths relative to `folder`."""
    return _moved(entry, lambda path: Path(os.path.relpath(path, folder.resolve())))


def _moved(entry: Entry, move: Callable[[str], Path]) -> dict[str, Any]:
    out = dict(entry)
    for key in ("checkpoint", _CONFIG):
        if out.get(key):
            paths = [str(move(str(path))) for path in as_list(out[key])]
            out[key] = paths if isinstance(out[key], list) else paths[0]
    return out


def with_digests(entry: Entry, digests: Sequence[str]) -> dict[str, Any]:
    """Return the entry with the SHA-256 of its files.

    Raises:
        CheckpointError: its configuration cannot be read.
    """
    out = dict(entry)
    if digests:
        out["sha256"] = list(digests) if isinstance(out.get("checkpoint"), list) else digests[0]
    if out.get(_CONFIG):
        out[f"{_CONFIG}_sha256"] = checkpoint.digest(Path(out[_CONFIG]))
    return out


def check_config(expected: object, path: Path, name: str) -> None:
    """Refuse the configuration of a model that is no longer the one that was measured.

    Raises:
        ConfigError: it has another digest, or cannot be read.
    """
    if expected is None:
        return
    try:
        found = checkpoint.digest(path)
    except CheckpointError as error:
        raise ConfigError(f"The configuration of model {name!r}: {error}") from error
    if found != expected:
        raise ConfigError(
            f"{path} is not the configuration that model {name!r} needs (expected sha256 {expected}, "
            f"found {found}): put the right one there, or correct its msst_config_sha256."
        )


def as_list(value: object) -> list[Any]:
    """Return one value, a list of them, or None as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
