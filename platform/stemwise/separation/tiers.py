"""Tiers of a recipe, cheap first: the YAML key `tiers`.

```yaml
name: cascade
worth_db: 0.1            # what the next tier must promise to be run
tiers:
  - name: fast
    stems: {vocals: {scnet: 1.0}, drums: {scnet: 1.0}}
  - name: best
    stems: {vocals: {scnet: 0.4, melband: 0.6}, drums: {scnet: 1.0}}
    gain: {vocals: {intercept: 1.2, level: -0.03}, drums: {intercept: 0.0}}
```

Each tier is a recipe of its own, all make the same stems, and `models`, `sample_rate` and `overlap` are
the whole recipe's. A tier without `gain` is always run, as long as there is time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.separation.promise import Promise, promise_of

TIERS, WORTH, GAIN, QUALITY = "tiers", "worth_db", "gain", "quality"
# what a tier is made of, and what is said once for all of them
_OWN = ("stems", "children", "remainder", QUALITY)
_SHARED = ("sample_rate", "overlap", "models")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,39}")  # part of the paths of stored stems
_MOST = 8


def bodies(content: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the content of each tier as a recipe of its own, cheap first; keys of tiers are left out.

    Raises:
        ConfigError: fewer than two tiers, one of an unknown shape, or one name twice.
    """
    given = content[TIERS]
    if not isinstance(given, list) or not 2 <= len(given) <= _MOST:
        raise ConfigError(
            f"{path}: tiers must be a list of 2 to {_MOST} recipes, the cheapest first."
        )
    if both := [key for key in _OWN if key in content]:
        raise ConfigError(f"{path}: {both[0]} stands beside tiers: move it into the tiers.")
    shared = {key: content[key] for key in _SHARED if key in content}
    made = [shared | _body(tier, path) for tier in given]
    names = [tier["name"] for tier in made]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"{path}: two tiers are called {twice[0]!r}: rename one.")
    return made


def _body(tier: object, path: Path) -> dict[str, Any]:
    known = ("name", *_OWN, GAIN)
    if not isinstance(tier, Mapping) or "stems" not in tier:
        raise ConfigError(
            f"{path}: a tier must be a mapping of name, stems and gain, not {tier!r}."
        )
    if unknown := [str(key) for key in tier if key not in known]:
        raise ConfigError(f"{path}: {unknown[0]!r} is not a key of a tier: use {', '.join(known)}.")
    name = tier.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(
            f"{path}: a tier is called {name!r}: give it a short name of letters, digits, _ and -."
        )
    return {key: value for key, value in tier.items() if key != GAIN}


def promises(content: Mapping[str, Any], path: Path) -> list[Promise | None]:
    """Return what each tier promises over the one before (ConfigError where that cannot be read)."""
    try:
        found = [promise_of(tier[GAIN]) if GAIN in tier else None for tier in content[TIERS]]
    except ValueError as error:
        raise ConfigError(f"{path}: {error}.") from error
    if found[0] is not None:
        raise ConfigError(
            f"{path}: the first tier has a gain, but no tier before it: leave it out."
        )
    return found


def refuse_gains_of_others(
    tier: str, stems: Sequence[str], promise: Promise | None, path: Path
) -> None:
    """Refuse gains of stems that are not among a tier's `stems` of level 1 (ConfigError)."""
    if odd := sorted(set(promise.stems if promise else ()) - set(stems)):
        raise ConfigError(
            f"{path}: the tier {tier!r} has a gain of {odd[0]!r}, which is not among its stems: "
            f"{did_you_mean(odd[0], stems)}use {', '.join(stems)}."
        )


def worth_of(content: Mapping[str, Any], path: Path) -> float:
    """Return the dB that a tier must promise to be run (ConfigError where it is no number)."""
    value = content.get(WORTH, 0.0)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value):
        raise ConfigError(f"{path}: worth_db {value!r} is no number: give dB, such as 0.1.")
    return float(value)


def refuse_unequal(made: Sequence[tuple[str, Sequence[str]]], path: Path) -> None:
    """Refuse tiers, as (name, stems), that do not all make the same stems (ConfigError)."""
    first, wanted = made[0]
    for name, stems in made[1:]:
        if odd := sorted(set(wanted) ^ set(stems)):
            has, lacks = (first, name) if odd[0] in wanted else (name, first)
            raise ConfigError(
                f"{path}: the tier {has!r} makes {odd[0]} and the tier {lacks!r} does not: all tiers "
                "must make the same stems."
            )
