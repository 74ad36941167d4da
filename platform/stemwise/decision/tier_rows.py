"""Rows of the table `tiers`: each tier alone, cascades over thresholds, the recipe, and an oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise.analysis.cascade import Ladder, Policy

Row = dict[str, Any]
Float = npt.NDArray[np.float64]
TIER, CASCADE, RECIPE, ORACLE = "tier", "cascade", "recipe", "oracle"
_SHARES = np.linspace(0.05, 0.95, 7)  # of the promises: thresholds of the curves


@dataclass(frozen=True)
class Replay:
    """What is replayed.

    Attributes:
        names: of all tiers.
        kept: numbers of those in the recipe, the first among them.
        every, ladder: all tiers, and those kept.
        promised: what the estimates promise of each step between kept tiers, `(songs,)` each.
        rule: what the recipe goes by, likewise.
        worth_db: its threshold.
        priced: whether costs are seconds per minute of audio.
    """

    names: Sequence[str]
    kept: Sequence[int]
    every: Ladder
    ladder: Ladder
    promised: Sequence[Float]
    rule: Sequence[Float]
    worth_db: float
    priced: bool


def rows_of(replay: Replay, recipe: str) -> list[Row]:
    """Return the rows, in their order."""
    artists = replay.ladder.artists
    shared = {"recipe": recipe, "tracks": len(artists), "artists": len(set(artists))}
    return [shared | row | {"step": step} for step, row in enumerate(_rows(replay), start=1)]


def _rows(replay: Replay) -> Iterator[Row]:
    for number, name in enumerate(replay.names):
        row = _row(replay, TIER, replay.every.tier(number))
        row |= {"tier": name, "left_out": number not in replay.kept}
        yield row | dict.fromkeys(("over_mix", "over_mix_low", "over_mix_high"))
    if not replay.promised:
        return
    promised, truth = np.array(replay.promised), replay.ladder.true_promises()
    for threshold in _thresholds(promised, replay.worth_db):
        yield _cascade(replay, CASCADE, promised, threshold)
    yield _cascade(replay, RECIPE, np.array(replay.rule), replay.worth_db)
    for threshold in _thresholds(truth, replay.worth_db):
        yield _cascade(replay, ORACLE, truth, threshold)


def _cascade(replay: Replay, policy: str, promised: Float, threshold: float) -> Row:
    found = replay.ladder.cascade(promised, threshold)
    return _row(replay, policy, found) | {"threshold": threshold}


def _thresholds(promised: Float, worth_db: float) -> list[float]:
    """Return thresholds at which about 5, 20 … 95 % of the songs go on, and the recipe's."""
    spread = np.round(np.quantile(promised, _SHARES), 3)
    return sorted({*map(float, spread), worth_db})


def _row(replay: Replay, policy: str, found: Policy) -> Row:
    row: Row = {"policy": policy, "share": found.share, "left_out": False}
    row["seconds_per_minute"] = found.cost if replay.priced else None
    columns = {
        "score": ("mean_score", "low", "high"),
        "gain": ("gain", "gain_low", "gain_high"),
        "over_mix": ("over_mix", "over_mix_low", "over_mix_high"),
    }
    for name, own in columns.items():
        row |= dict(zip(own, getattr(found, name), strict=True))
    return row
