"""The unprocessed mixture, which some publish as a system: the baseline, not a competitor.

A folder of imported scores has one floor, and its `config.json` says what it was called.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import polars as pl

from stemwise.core.errors import ConfigError
from stemwise.core.stems import MIXTURE
from stemwise.importing.published import Published, named

# What such systems are usually called, in any case.
USUAL = ("MIX", MIXTURE)


def floor_of(models: Collection[str], names: Collection[str], held: str | None) -> str | None:
    """Return which of the models is the mixture, or None.

    Args:
        models: of an input, or of a folder.
        names: what the unprocessed mixture may be called (`floor=`).
        held: what it is called in the folder, if it is there.

    Raises:
        ConfigError: two of them are, one is beside the folder's, or a name that there is not.
    """
    asked = {name.casefold() for name in names}
    found = [model for model in sorted(models) if model.casefold() in {*asked, MIXTURE}]
    strange = [n for n in names if n not in USUAL and n.casefold() not in map(str.casefold, models)]
    if strange and not (held and held.casefold() in asked):
        raise ConfigError(
            f"floor={strange[0]} is not a system here: there are {named(sorted(models))}."
        )
    if len(found) > 1:
        raise ConfigError(
            f"{' and '.join(found)} are both the unprocessed mixture: leave one out with models=."
        )
    if found and held is not None and found[0] != held:
        raise ConfigError(
            f"The floor of this folder was called {held}, and {found[0]} is the unprocessed mixture "
            "too: leave it out with models=, or choose another output=."
        )
    return found[0] if found else None


def with_floor(found: Published, own: str | None) -> Published:
    """Return what was read, with the system `own` under the name of the mixture."""
    if own is None:
        return found
    return replace(
        found,
        tracks=[replace(t, model=MIXTURE if t.model == own else t.model) for t in found.tracks],
        sources=[replace(s, model=MIXTURE if s.model == own else s.model) for s in found.sources],
    )


def scores_with_floor(scores: pl.DataFrame, own: str | None) -> pl.DataFrame:
    """Return `scores` that were imported before, the system `own` as the mixture."""
    if own is None:
        return scores
    return scores.with_columns(pl.col("model").replace({own: MIXTURE}))
