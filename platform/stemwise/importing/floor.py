"""The unprocessed mixture, which some publish as a system of its own: it is the floor, no competitor."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stemwise.core.errors import ConfigError
from stemwise.core.stems import MIXTURE
from stemwise.importing.published import Published


def with_floor(found: Published, names: Collection[str]) -> Published:
    """Return what was read, with the system of one of these names (in any case) as the mixture.

    Raises:
        ConfigError: two systems are the mixture.
    """
    own = [model for model in found.models if is_floor(model, names)]
    if len(own) > 1:
        raise ConfigError(
            f"{' and '.join(own)} are both the unprocessed mixture (floor=): leave one out with "
            "models=, or name one in floor=."
        )
    renamed = dict.fromkeys(own, MIXTURE)
    return replace(
        found,
        tracks=[replace(t, model=renamed.get(t.model, t.model)) for t in found.tracks],
        sources=[replace(s, model=renamed.get(s.model, s.model)) for s in found.sources],
    )


def rows_with_floor(
    rows: Sequence[Mapping[str, Any]], names: Collection[str]
) -> list[dict[str, Any]]:
    """Return rows of `scores` that were imported before, their floor under its name."""
    return [
        dict(row) | ({"model": MIXTURE} if is_floor(str(row["model"]), names) else {})
        for row in rows
    ]


def is_floor(model: str, names: Collection[str]) -> bool:
    """Tell whether a system of this name is the mixture."""
    return model.casefold() in {MIXTURE, *(name.casefold() for name in names)}
