"""The paper's ensemble: per track and stem the model with the best score, chosen given the references.

Because the choice needs the references it cannot be served; its rows are named `oracle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from stemwise.core.checks import in_range
from stemwise.selection.keys import KEY, Key, PairOf
from stemwise.selection.rules import get_rule

ORACLE = "oracle"
CONFIDENCE = dict.fromkeys(KEY, pl.String) | dict.fromkeys(
    ("win_probability", "margin_low", "margin_high"), pl.Float64
)


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


def add_scores(scores: pl.DataFrame, pair_of: PairOf, rule_name: str) -> pl.DataFrame:
    """Return `scores` with paper_snr, paper_sdr and score filled in; null stays null."""
    rule = get_rule(rule_name)
    pairs = {stem: pair_of(stem) for stem in scores["stem"].unique().sort().to_list()}
    first, second = (
        pl.coalesce(
            pl.lit(None, pl.Float64),
            *(
                pl.when(
                    pl.col("stem").is_in([s for s, pair in pairs.items() if pair[place] == name])
                ).then(name)
                for name in sorted({pair[place] for pair in pairs.values()})
            ),
        )
        for place in (0, 1)
    )
    paired = scores.with_columns(first.alias("paper_snr"), second.alias("paper_sdr"))
    # what is null is NaN for the rule, and what the rule does not define is null
    values = (paired[name].fill_null(np.nan).to_numpy() for name in ("paper_snr", "paper_sdr"))
    return paired.with_columns(pl.Series("score", rule(*values), pl.Float64).fill_nan(None))


def rank(scores: pl.DataFrame, candidates: Sequence[str]) -> pl.DataFrame:
    """Return one row per stem of a track that has a score: its models from best to worst.

    Args:
        scores: rows of `scores` after `add_scores`.
        candidates: models that take part, in the order that breaks ties.

    Returns:
        The columns of `KEY`, `models` and `values` (lists).
    """
    order = {model: place for place, model in enumerate(candidates)}
    return (
        scores.filter(
            pl.col("model").is_in(list(candidates)),
            pl.col("status") == "ok",
            pl.col("score").is_not_null(),
        )
        .with_columns(
            pl.col("model")
            .replace_strict(order, default=None, return_dtype=pl.Int64)
            .alias("_order")
        )
        .sort(*KEY, "score", "_order", descending=[False] * len(KEY) + [True, False])
        .group_by(KEY, maintain_order=True)
        .agg(pl.col("model").alias("models"), pl.col("score").alias("values"))
    )


def models_by_key(ranked: pl.DataFrame) -> dict[Key, tuple[str, ...]]:
    """Return the models of each stem from best to worst, by its key."""
    return {row[:5]: tuple(row[5]) for row in ranked.select(*KEY, "models").iter_rows()}


def selections(ranked: pl.DataFrame, confidence: pl.DataFrame | None, rule: str) -> pl.DataFrame:
    """Return the rows of `selections`: the winner of every stem of every track.

    Args:
        ranked: see `rank`.
        confidence: the keys with win_probability, margin_low and margin_high, where they are known.
        rule: that made one score of two.
    """
    if confidence is None:
        confidence = pl.DataFrame(schema=CONFIDENCE)
    best, second = (pl.col("values").list.get(i, null_on_oob=True) for i in (0, 1))
    return ranked.join(confidence, on=list(KEY), how="left", maintain_order="left").select(
        *KEY,
        pl.col("models").list.first().alias("model"),
        best.alias("score"),
        pl.col("models").list.get(1, null_on_oob=True).alias("runner_up"),
        # two perfect estimates differ by inf − inf: no margin
        (best - second).fill_nan(None).alias("margin"),
        "margin_low",
        "margin_high",
        "win_probability",
        pl.lit(rule).alias("rule"),
    )


def oracle_rows(scores: pl.DataFrame, ranked: pl.DataFrame) -> pl.DataFrame:
    """Return rows of `scores` for the model `oracle`: the winners' numbers, without their cost."""
    winners = ranked.select(*KEY, pl.col("models").list.first().alias("model"))
    return scores.join(winners, on=[*KEY, "model"], how="semi").with_columns(
        pl.lit(ORACLE).alias("model"),
        pl.lit(None, pl.Float64).alias("wall_s"),
        pl.lit(None, pl.Float64).alias("realtime_factor"),
        pl.lit(None, pl.String).alias("device"),
    )
