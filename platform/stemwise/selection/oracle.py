"""The paper's ensemble: per track and stem the model with the best score, chosen with the truth.

Because the choice needs the references it cannot be served; its rows are named `oracle`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stemwise.core.checks import in_range
from stemwise.selection.block_energies import BLOCK_ENERGIES
from stemwise.selection.bootstrap import (
    Confidence,
    Energies,
    regroup,
    stable_seed,
    win_confidence,
)
from stemwise.selection.rules import get_rule

Row = dict[str, Any]
Key = tuple[str, str, str, str, str]
ORACLE = "oracle"
KEY = ("dataset", "track_id", "parent", "parent_source", "stem")


@dataclass(frozen=True)
class SelectionSettings:
    """How winners are chosen (conf/selection): rule, bootstrap block in seconds, draws, seed."""

    rule: str = "linear"
    bootstrap_block_s: float = 10.0
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        get_rule(self.rule)
        in_range("selection.draws", self.draws, least=1)
        in_range("selection.bootstrap_block_s", self.bootstrap_block_s, above=0)
        in_range("selection.seed", self.seed, least=0)


def add_scores(rows: Iterable[Row], pair: tuple[str, str], rule_name: str) -> list[Row]:
    """Return the rows of `scores` with paper_snr, paper_sdr and score filled in; null stays null."""
    rule = get_rule(rule_name)
    out = []
    for row in rows:
        first, second = row.get(pair[0]), row.get(pair[1])
        score = None if first is None or second is None else float(rule(first, second))
        undefined = score is None or math.isnan(score)
        out.append(
            row | {"paper_snr": first, "paper_sdr": second, "score": None if undefined else score}
        )
    return out


def select(
    scores: Sequence[Row],
    measurements: Mapping[Key, Sequence[Row]],
    candidates: Sequence[str],
    pair: tuple[str, str],
    settings: SelectionSettings,
) -> tuple[list[Row], list[Row]]:
    """Choose a winner for every track and stem that has a score.

    Args:
        scores: rows of `scores` after `add_scores`.
        measurements: rows of `measurements` by (dataset, track, parent, parent source, stem).
        candidates: models that take part, in the order that breaks ties.
        pair: the two columns that the score is made of.
        settings: rule and bootstrap.

    Returns:
        Rows of `selections`, and rows of `scores` for the model `oracle`.
    """
    groups: dict[Key, list[Row]] = {}
    for row in scores:
        if row["model"] in candidates and row["status"] == "ok" and row["score"] is not None:
            groups.setdefault(key_of(row), []).append(row)
    selections, oracle = [], []
    for key, group in groups.items():
        ranked = sorted(group, key=lambda row: (-row["score"], candidates.index(row["model"])))
        confidence = _confidence(ranked, measurements.get(key, ()), pair, settings)
        selections.append(_selection(key, ranked, confidence, settings))
        oracle.append(
            ranked[0] | {"model": ORACLE, "wall_s": None, "realtime_factor": None, "device": None}
        )
    return selections, oracle


def key_of(row: Mapping[str, Any]) -> Key:
    """Return what a stem of a track is known by: dataset, track, parent, its source, stem."""
    dataset, track, parent, source, stem = (str(row[name]) for name in KEY)
    return dataset, track, parent, source, stem


def _selection(
    key: Key, ranked: list[Row], confidence: Confidence | None, settings: SelectionSettings
) -> Row:
    runner_up = ranked[1] if len(ranked) > 1 else None
    margin = ranked[0]["score"] - runner_up["score"] if runner_up else None
    return dict(zip(KEY, key, strict=True)) | {
        "model": ranked[0]["model"],
        "score": ranked[0]["score"],
        "runner_up": runner_up["model"] if runner_up else None,
        # two perfect estimates differ by inf − inf: no margin
        "margin": None if margin is None or math.isnan(margin) else margin,
        "margin_low": confidence.margin_low if confidence else None,
        "margin_high": confidence.margin_high if confidence else None,
        "win_probability": confidence.win_probability if confidence else None,
        "rule": settings.rule,
    }


def _confidence(
    ranked: list[Row],
    blocks: Sequence[Row],
    pair: tuple[str, str],
    settings: SelectionSettings,
) -> Confidence | None:
    """Return the winner's confidence; None where a score has no energies per block (museval)."""
    if not blocks or not set(pair) <= set(BLOCK_ENERGIES):
        return None
    ordered = sorted(blocks, key=lambda row: int(row["block"]))
    models = [row["model"] for row in ranked]
    seconds = float(ordered[0]["length_s"])
    first, second = (
        _grouped(BLOCK_ENERGIES[name](ordered, models), seconds, settings.bootstrap_block_s)
        for name in pair
    )
    return win_confidence(
        first,
        second,
        get_rule(settings.rule),
        winner=0,
        runner_up=1 if len(models) > 1 else None,
        draws=settings.draws,
        seed=stable_seed(settings.seed, [str(ranked[0]["dataset"]), str(ranked[0]["track_id"])]),
    )


def _grouped(energies: Energies, seconds: float, block_s: float) -> Energies:
    return Energies(
        regroup(energies.target, seconds, block_s), regroup(energies.residual, seconds, block_s)
    )
