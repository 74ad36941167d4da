"""Means over tracks, on matched tracks only, and how often each model was chosen."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemwise.analysis.measures import blind_stems

_STEM = ("parent", "parent_source", "stem")
_TRACK = ("dataset", "track_id")
# Reference lines rather than separators: the mixture, the ideal mask, and the oracle choice.
REFERENCE_LINES = ("mixture", "oracle_irm", "oracle")


def matched_means(
    scores: pl.DataFrame,
    groups: Sequence[str] = _STEM,
    compared: Sequence[str] = ("model",),
) -> pl.DataFrame:
    """Return mean scores over the tracks on which *all* that is compared in a group has one.

    Models must never be ranked on different tracks: a track on which one of them failed, is undefined
    or infinite counts for none of them. Lines of reference (`REFERENCE_LINES`) have no veto: where the
    input *is* the stem (lead vocals of a song without backing vocals), its own score is infinite, and
    that says nothing about the models. Their means are over those of the matched tracks on which they
    have a score. Nor has a model whose scores are all +inf (it equals the reference) or all −inf: its
    mean is that, over its own tracks.

    Args:
        scores: rows of `scores`.
        groups: columns within which tracks are matched (a stem).
        compared: columns that tell the competitors of a group apart.

    Returns:
        The columns of groups and compared, paper_snr, paper_sdr, score (means, dB), tracks (that the
        means are over) and dropped (tracks with some score, but not a finite one of each model).
    """
    groups, compared = list(groups), list(compared)
    who, keys = pl.struct(compared), [*groups, *compared]
    good = scores.filter(pl.col("status") == "ok", pl.col("score").is_not_null())
    # where nothing but lines was scored, they are what is compared
    lines = pl.col("model").is_in(REFERENCE_LINES)
    good = good.with_columns((~lines & _extreme().over(keys)).alias("_extreme"))
    votes = good.with_columns((~lines | lines.all().over(groups)).alias("_votes"))
    votes = votes.with_columns((pl.col("_votes") & ~pl.col("_extreme")).alias("_votes"))
    finite = pl.all_horizontal(pl.col("paper_snr", "paper_sdr", "score").is_finite())
    rivals = votes.filter("_votes").group_by(groups).agg(who.n_unique().alias("_rivals"))
    present = who.filter(finite & pl.col("_votes")).n_unique().alias("_present")
    per_track = votes.group_by(*groups, *_TRACK).agg(present)
    per_track = per_track.join(rivals, on=groups, nulls_equal=True)
    per_track = per_track.with_columns((pl.col("_present") == pl.col("_rivals")).alias("_all"))
    dropped = per_track.group_by(groups).agg(
        (~pl.col("_all")).sum().cast(pl.Int64).alias("dropped")
    )
    matched = per_track.filter("_all").select(*groups, *_TRACK)
    counted = pl.concat(
        [
            good.filter(finite & ~pl.col("_extreme")).join(
                matched, on=[*groups, *_TRACK], how="semi", nulls_equal=True
            ),
            good.filter("_extreme"),
        ]
    )
    means = counted.group_by(keys).agg(
        pl.col("paper_snr", "paper_sdr", "score").mean(),
        pl.len().cast(pl.Int64).alias("tracks"),
    )
    joined = good.select(keys).unique().join(dropped, on=groups, how="left", nulls_equal=True)
    joined = joined.join(means, on=keys, how="left", nulls_equal=True)
    return (
        joined.with_columns(pl.col("tracks", "dropped").fill_null(0))
        .select(*keys, "tracks", "dropped", "paper_snr", "paper_sdr", "score")
        .sort(keys)
    )


def _extreme() -> pl.Expr:
    """Tell whether all scores of a group are one and the same infinity."""
    score = pl.col("score")
    return score.is_infinite().all() & (score.n_unique() == 1)


def with_floor(selections: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Add `above_floor` to selections: whether the winner beats the unprocessed mixture (or null).

    It does so by the score, and by the SNR where that does not notice leaks (`measures.blind_stems`).
    """
    keys = [*_TRACK, *_STEM]
    blind = pl.col("stem").is_in(blind_stems(scores))
    judged = scores.select(
        *keys, "model", pl.when(blind).then("snr").otherwise("score").alias("_by")
    )
    floor = judged.filter(pl.col("model") == "mixture").select(*keys, pl.col("_by").alias("_floor"))
    joined = selections.join(floor, on=keys, how="left", maintain_order="left")
    joined = joined.join(judged, on=[*keys, "model"], how="left", maintain_order="left")
    own = pl.when(blind).then("_by").otherwise("score")
    return joined.with_columns((own > pl.col("_floor")).alias("above_floor")).drop("_floor", "_by")


def win_counts(selections: pl.DataFrame) -> pl.DataFrame:
    """Return per stem and model: wins, share of tracks, mean win probability, median margin in dB.

    Where `selections` has `above_floor` (see `with_floor`), also how many wins beat the mixture.
    """
    if "above_floor" not in selections.columns:
        selections = selections.with_columns(pl.lit(None, pl.Boolean).alias("above_floor"))
    total = selections.group_by(*_STEM).len("tracks")
    wins = selections.group_by(*_STEM, "model").agg(
        pl.len().alias("wins"),
        # without a rival a win says nothing
        pl.col("win_probability").filter(pl.col("runner_up").is_not_null()).mean(),
        pl.col("margin").median().alias("median_margin"),
        pl.col("above_floor").sum().alias("above_floor"),
    )
    return (
        wins.join(total, on=list(_STEM))
        .with_columns((pl.col("wins") / pl.col("tracks")).alias("share"))
        .sort(*_STEM, "wins", "model", descending=[False, False, False, True, False])
    )


def problem_counts(scores: pl.DataFrame) -> pl.DataFrame:
    """Return per status other than ok how many rows, tracks and models it concerns."""
    return (
        scores.filter(pl.col("status") != "ok", pl.col("model") != "oracle")
        .group_by("status")
        .agg(
            pl.len().alias("rows"),
            pl.struct(*_TRACK).n_unique().alias("tracks"),
            pl.col("model").n_unique().alias("models"),
        )
        .sort("status")
    )
