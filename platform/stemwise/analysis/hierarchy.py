"""Level 2 in numbers: sub-stems by parent and voice, and what bleed does to them."""

from __future__ import annotations

import polars as pl

from stemwise.analysis.aggregate import matched_means
from stemwise.core.stems import MIXTURE

_ORACLE = "oracle"
_ROW = ("parent", "parent_source", "stem", "model")


def sub_stem_means(scores: pl.DataFrame) -> pl.DataFrame:
    """Return mean scores per sub-stem, over tracks on which every model has one for every parent.

    The true and the estimated parent are thus compared on the same tracks. Lead vocals are split by
    `voice`, which is null for all other stems.

    Returns:
        Columns parent, stem, voice, model, parent_source, paper_snr, paper_sdr, score, tracks, dropped.
    """
    below = scores.filter(pl.col("parent") != MIXTURE, pl.col("model") != _ORACLE)
    lead = pl.when(pl.col("stem") == "lead_vocals").then("voice")
    return matched_means(
        below.with_columns(lead.alias("voice")),
        ("parent", "stem", "voice"),
        ("model", "parent_source"),
    )


def bleed_contrast(scores: pl.DataFrame) -> pl.DataFrame:
    """Return mean |SNR − SDR| with and without bleed, as section 6.4 of the paper compares it.

    Only stems and models with tracks of both kinds have a row: without either, there is no contrast.

    Returns:
        Columns parent, parent_source, stem, model, with_bleed, without (means in dB), tracks_with,
        tracks_without, dropped (tracks on which either score is infinite or unknown) and difference
        (with − without).
    """
    gap = (pl.col("paper_snr") - pl.col("paper_sdr")).abs().alias("_gap")
    known = scores.filter(
        pl.col("status") == "ok", pl.col("has_bleed").is_not_null(), pl.col("model") != _ORACLE
    ).with_columns(gap)
    usable = pl.col("_gap").is_finite().fill_null(False)
    bleeding, clean = pl.col("has_bleed") & usable, ~pl.col("has_bleed") & usable
    found = known.group_by(_ROW).agg(
        pl.col("_gap").filter(bleeding).mean().alias("with_bleed"),
        pl.col("_gap").filter(clean).mean().alias("without"),
        bleeding.sum().cast(pl.Int64).alias("tracks_with"),
        clean.sum().cast(pl.Int64).alias("tracks_without"),
        (~usable).sum().cast(pl.Int64).alias("dropped"),
    )
    both = found.filter(pl.col("tracks_with") > 0, pl.col("tracks_without") > 0)
    difference = (pl.col("with_bleed") - pl.col("without")).alias("difference")
    return both.with_columns(difference).sort(_ROW)
