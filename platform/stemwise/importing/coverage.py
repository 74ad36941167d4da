"""Who can be compared with whom: published scores seldom cover the same tracks for every model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import polars as pl

from stemwise.analysis.matched import STEM_KEY, by_stem
from stemwise.importing.published import named
from stemwise.report.tables import stem_label


def comparable(
    scores: pl.DataFrame, fewest: int | None, models: Sequence[str]
) -> tuple[pl.DataFrame, list[str]]:
    """Leave out models with few tracks of a stem, for the sake of whom all others would lose theirs.

    Args:
        scores: rows of `scores` with `score`.
        fewest: tracks that a model must have; None: half as many as the model that has most.
        models: the candidates.

    Returns:
        Rows of those who stay (and of all who are no candidates), and sentences on who does not.
    """
    counts = (
        scores.filter(pl.col("status") == "ok", pl.col("model").is_in(list(models)))
        .drop_nulls("score")
        .group_by(*STEM_KEY, "model")
        .agg(_usable().cast(pl.Int64).alias("_tracks"))
        .with_columns(pl.col("_tracks").max().over(STEM_KEY).alias("_most"))
        .with_columns(
            # a model without any usable score has nothing to rank, whatever is asked for
            pl.lit(fewest, pl.Float64)
            .fill_null(pl.col("_most") / 2)
            .ceil()
            .clip(1)
            .alias("_needed")
        )
    )
    few = counts.filter(pl.col("_tracks") < pl.col("_needed")).sort(*STEM_KEY, "model")
    kept = scores.join(few.select(*STEM_KEY, "model"), on=[*STEM_KEY, "model"], how="anti")
    return kept, list(_told(few))


def _usable() -> pl.Expr:
    """Return on how many tracks a model can be ranked: those of finite scores.

    A model that is infinitely good (or bad) on every track is ranked before (or after) all others.
    """
    score = pl.col("score")
    one = score.is_infinite().all() & (score.n_unique() == 1)
    return pl.when(one).then(score.len()).otherwise(score.is_finite().sum())


def _told(few: pl.DataFrame) -> Iterator[str]:
    for key, group in few.group_by(STEM_KEY, maintain_order=True):
        names, counts = group["model"].to_list(), group["_tracks"].to_list()
        whole = "1 model has" if len(names) == 1 else f"{len(names)} models have"
        fewest = min((count for count in counts if count), default=None)
        way_out = f"; min_tracks={fewest} ranks more, on fewer matched tracks" if fewest else ""
        yield (
            f"{stem_label(str(key[2]))}: {whole} a finite score on fewer than "
            f"{math.ceil(group['_needed'][0])} tracks (the best covered one on "
            f"{group['_most'][0]}) and no rank: {named(names)}{way_out}."
        )


def limits(scores: pl.DataFrame, tracks: pl.DataFrame, models: Sequence[str]) -> list[str]:
    """Return sentences on what the statistics cannot say, and which tracks dropped out."""
    found = []
    for matched in by_stem(scores, tracks, models):
        stem = stem_label(matched.stem[2])
        number, lost = len(matched.tracks), len(matched.dropped)
        if not matched.models:
            found.append(f"{stem}: no model has a finite score, so none can be compared.")
        elif number == 0:
            found.append(
                f"{stem}: no track has a finite score of all {len(matched.models)} models, so they "
                "are not ranked: leave some out with models= or raise min_tracks=."
            )
        elif lost:
            found.append(
                f"{stem}: {lost} of {number + lost} tracks lack a finite score of some model and "
                "count for none."
            )
        if len(matched.models) == 1 and not matched.extremes:
            found.append(f"{stem}: {matched.models[0]} is the only model, nothing to compare.")
        elif number and len(set(matched.artists)) == 1:
            found.append(
                f"{stem}: {number} matched track{'s' if number > 1 else ''} of one artist say "
                "nothing about others: no intervals, no tests."
            )
    if not found and not any(True for _ in by_stem(scores, tracks, models)):
        found.append(_why_nobody(scores, models))
    return found


def _why_nobody(scores: pl.DataFrame, models: Sequence[str]) -> str:
    """Say why no model is ranked in any stem."""
    if not models:
        return "Nothing is ranked: every system is the mixture or another reference line."
    if scores.filter(pl.col("model").is_in(list(models))).is_empty():
        return "Nothing is ranked: no model has scores on enough tracks (min_tracks=)."
    return "No model has a defined score of any stem: there is nothing to rank."
