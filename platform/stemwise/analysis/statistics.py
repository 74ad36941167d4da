"""All statistics of a run that need its scores only: who is better, where, and what looks wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stemwise.analysis.anomalies import anomalies
from stemwise.analysis.comparisons import comparisons, leaderboard
from stemwise.analysis.genre import genre_effects, genre_scores
from stemwise.analysis.matched import by_stem
from stemwise.storage import tables


def statistics(
    scores: pl.DataFrame,
    tracks: pl.DataFrame,
    models: Sequence[str],
    trained_on: Mapping[str, Sequence[str]],
    seed: int = 0,
    duplicates: pl.DataFrame | None = None,
) -> dict[str, pl.DataFrame]:
    """Return the tables leaderboard, comparisons, genre_scores, genre_effects and anomalies.

    Args:
        scores: rows of `scores`.
        tracks: rows of `tracks`.
        models: who is compared, in the order that breaks ties.
        trained_on: datasets that each model was trained on.
        seed: of bootstraps and permutations.
        duplicates: rows of `duplicates`: tracks that count as one artist's.
    """
    found: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("leaderboard", "comparisons", "genre_scores", "genre_effects")
    }
    cost = seconds_per_minute(scores)
    flagged = {m: is_trained_here(trained_on.get(m, ()), tracks) for m in models}
    for matched in by_stem(scores, tracks, models, duplicates=duplicates):
        if not matched.tracks and not matched.extremes:
            continue
        pairs = comparisons(matched, seed)
        found["comparisons"] += pairs
        found["leaderboard"] += leaderboard(matched, pairs, cost, flagged)
        if not matched.tracks:
            continue
        found["genre_scores"] += genre_scores(matched)
        found["genre_effects"].append(genre_effects(matched, seed))
    found["anomalies"] = anomalies(scores)
    return {name: tables.framed(name, rows) for name, rows in found.items()}


def seconds_per_minute(scores: pl.DataFrame) -> dict[str, float | None]:
    """Return each model's mean seconds of compute per minute of audio, as measured in this run."""
    timed = scores.filter(pl.col("realtime_factor") > 0)
    means = timed.group_by("model").agg((60 / pl.col("realtime_factor")).mean().alias("cost"))
    return dict(means.iter_rows())


def is_trained_here(trained_on: Sequence[str], tracks: pl.DataFrame) -> bool:
    """Tell whether a model has seen songs of this dataset; its test split is not training data."""
    if tracks.is_empty() or (tracks["split"] == "test").fill_null(False).all():
        return False
    datasets = {_plain(name) for name in tracks["dataset"].unique()}
    return any(
        name.startswith(own) or own.startswith(name)
        for name in map(_plain, trained_on)
        for own in datasets
        if name
    )


def _plain(name: str) -> str:
    """Return a dataset's name without what spellings differ in: MUSDB18-HQ → musdb18hq."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
