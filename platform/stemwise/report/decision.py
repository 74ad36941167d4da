"""The statistics of a run as tables of text: who leads each stem, and what blending is worth."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

import polars as pl

from stemwise.core.stems import MIXTURE, in_order
from stemwise.core.types import REFERENCE
from stemwise.report.deployment import UNUSABLE, deployment_table
from stemwise.report.leading import leading, suspicion
from stemwise.report.ledgers import LEVELS
from stemwise.report.quality import quality_table
from stemwise.report.tables import TextTable, left_out, number, stem_label

_MOST_LEADERS = 5  # of a stem in the terminal
_LEVELS = {**LEVELS, "equal_models": "equal models (chance)"}


def leaders(leaderboard: pl.DataFrame) -> TextTable:
    """Return who leads each stem, level 1 and what users get of level 2: its first tie group.

    Of the others a line says how many there are, and that the table `leaderboard` has them.
    """
    served = _served(leaderboard, "rank")
    rows = []
    for _, group in groupby(served, key=_stem_of):
        every = list(group)
        shown = leading(every, _MOST_LEADERS)
        rows += [_leader(row) for row in shown]
        if more := len(every) - len(shown):
            file = "tables/leaderboard"
            rows.append((_label(every[0]), "", f"and {more} more: {file}", "", "", "", ""))
    note = (
        "Mean score in dB over matched tracks, 95 % interval by artist, seconds of compute per minute "
        "of audio. Models of one group tie with its best (p ≥ 0.05, adjusted for all pairs of the stem)."
    )
    note += left_out({_label(row): row["dropped"] for row in served})
    odd = [row for row in served if row["mean_score"] == math.inf]
    for stem, group in groupby(odd, key=_label):
        note += f" {stem}: {suspicion([row['model'] for row in group])}"
    if leaderboard["trained_here"].any():
        note += " *: trained on this dataset."
    columns = ("stem", "group", "model", "score", "95 %", "s/min", "tracks")
    return TextTable("leaderboard", "Leaderboard", columns, tuple(rows), note)


def _leader(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        _label(row),
        # a model that silence beats leads nothing
        f"{row['tie_group']}" if row["mean_score"] > 0 else UNUSABLE,
        row["model"] + (" *" if row["trained_here"] else ""),
        number(row["mean_score"]),
        _range(row["low"], row["high"]),
        number(row["seconds_per_minute"], 1),
        str(row["tracks"]),
    )


def deployments(deployment: pl.DataFrame) -> TextTable:
    """Return what to deploy per stem, level 1 and what users get of level 2."""
    return deployment_table((_label(row), row) for row in _served(deployment, "kind"))


def qualities(quality: pl.DataFrame) -> TextTable:
    """Return how well the SNR of what is deployed is predicted without references."""
    return quality_table((_label(row), row) for row in _served(quality, "shipped"))


def ledger(regret: pl.DataFrame) -> TextTable:
    """Return the regret ledger of every stem that more than one model makes."""
    alone = (pl.col("level") == "equal_models") & (pl.col("gain").abs() < 1e-9)
    regret = regret.filter(~alone.any().over("parent", "parent_source", "stem"))
    rows = [
        (
            _label(row),
            _LEVELS[row["level"]],
            number(row["mean_score"]),
            "" if row["level"] == "best_single" else _signed(row["gain"]),
            _range(row["gain_low"], row["gain_high"]),
            "" if row["gain_shrunken"] is None else _signed(row["gain_shrunken"]),
            str(row["tracks"]),
        )
        for row in _served(regret, "level")
    ]
    note = (
        "Score in dB; gain over the best single model with its 95 % interval (equal models: over "
        "their mean). Best single model and blend are chosen on other artists' tracks; oracles use the "
        "true stems and cannot be deployed. shrunk: the blend's gain, corrected for having been picked."
    )
    note += left_out({_label(row): row["dropped"] for row in _served(regret, "level")})
    columns = ("stem", "choice", "score", "gain", "95 % of gain", "shrunk", "tracks")
    return TextTable("regret", "What blending is worth", columns, tuple(rows), note)


def front(steps: pl.DataFrame) -> TextTable:
    """Return the greedy path of every stem that more than one model makes: gain against cost."""
    steps = steps.filter((pl.col("step").max() > 1).over("parent", "parent_source", "stem"))
    rows = [
        (
            _label(row),
            str(row["step"]),
            f"+ {row['model']}" if row["step"] > 1 else row["model"],
            number(row["mean_score"]),
            number(row["seconds_per_minute"], 1),
        )
        for row in _served(steps, "step")
    ]
    note = (
        "Models in the order in which they help most, weights fitted; score in dB on the fitted tracks, "
        "seconds of compute per minute of audio for all models so far."
    )
    note += left_out({_label(row): row["dropped"] for row in _served(steps, "step")})
    columns = ("stem", "step", "model", "score", "s/min")
    return TextTable("front", "What each further model adds", columns, tuple(rows), note)


def _served(frame: pl.DataFrame, within: str) -> list[dict[str, Any]]:
    """Return rows in the order of the stem tree, and of a column within.

    True parents are left out, unless there is nothing else: recordings of drums alone.
    """
    served = frame.filter(pl.col("parent_source") != REFERENCE)
    served = frame if served.is_empty() else served
    order = {stem: i for i, stem in enumerate(in_order(served["stem"].unique()))}

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        value = list(_LEVELS).index(row[within]) if within == "level" else row[within]
        return order[row["stem"]], _stem_of(row), value

    return sorted(served.iter_rows(named=True), key=place)


def _stem_of(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["parent"], row["parent_source"], row["stem"]


def _label(row: dict[str, Any]) -> str:
    label = stem_label(str(row["stem"]))
    if row["parent"] == MIXTURE:
        return label
    kind = "true" if row["parent_source"] == REFERENCE else "estimated"
    return f"{label} (of {kind} {row['parent']})"


def _signed(value: object) -> str:
    return f"{value:+.2f}" if isinstance(value, float) else "–"


def _range(low: object, high: object) -> str:
    if not isinstance(low, float) or not isinstance(high, float):
        return "–"
    return f"{low:.2f} … {high:.2f}"
