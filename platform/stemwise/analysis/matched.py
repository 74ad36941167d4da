"""Scores of one stem as a matrix of models × tracks, on matched tracks only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.dependence import cluster_labels
from stemwise.selection.keys import STEM, TRACK

Float = npt.NDArray[np.float64]
STEM_KEY, _TRACK = STEM, TRACK


@dataclass(frozen=True)
class Extreme:
    """A model whose scores are all +inf (it equals the reference) or all −inf."""

    model: str
    value: float
    tracks: int
    artists: int


@dataclass(frozen=True)
class Matched:
    """What models score on the tracks on which all of them have a finite score.

    Attributes:
        stem: (parent, parent source, stem).
        models: names, in the order given.
        tracks: (dataset, track id).
        artists: cluster label of each track (`dependence.cluster_labels`).
        genres: genre of each track or None.
        values: scores in dB, `(models, tracks)`.
        dropped: tracks with a score of some model, but not a finite one of each.
        extremes: models that are not among `models`, since none of their scores is finite; they have no
            say in which tracks match.
    """

    stem: tuple[str, str, str]
    models: tuple[str, ...]
    tracks: tuple[tuple[str, str], ...]
    artists: tuple[str, ...]
    genres: tuple[str | None, ...]
    values: Float
    dropped: tuple[tuple[str, str], ...]
    extremes: tuple[Extreme, ...] = ()

    def of(self, model: str) -> Float:
        """Return the scores of one model, `(tracks,)`."""
        return np.asarray(self.values[self.models.index(model)])


def by_stem(
    scores: pl.DataFrame,
    tracks: pl.DataFrame,
    models: Sequence[str],
    column: str = "score",
    duplicates: pl.DataFrame | None = None,
) -> Iterator[Matched]:
    """Yield a matrix per stem, for those of `models` that have a score of it on any track.

    Args:
        scores: rows of `scores`.
        tracks: rows of `tracks` (for the artists and genres).
        models: names, in the order that breaks ties.
        column: which score.
        duplicates: rows of `duplicates`; None where no recording is known to be there twice.
    """
    good = scores.filter(
        pl.col("status") == "ok", pl.col(column).is_not_null(), pl.col("model").is_in(list(models))
    )
    facts = cluster_labels(tracks, duplicates).join(
        tracks.select(*_TRACK, "genre"), on=list(_TRACK), how="left"
    )
    for key, group in sorted(good.group_by(STEM_KEY), key=lambda item: str(item[0])):
        parent, source, stem = (str(part) for part in key)
        yield _matched((parent, source, stem), _described(group, facts), models, column)


def _described(group: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Add the cluster and genre of each row's track; a track that nothing is known of is a cluster."""
    alone = pl.concat_str(*_TRACK, separator="/")
    return (
        group.drop("genre", strict=False)
        .join(facts, on=list(_TRACK), how="left")
        .with_columns(pl.coalesce("cluster", alone))
    )


def _matched(
    stem: tuple[str, str, str], group: pl.DataFrame, models: Sequence[str], column: str
) -> Matched:
    extremes = _extremes(group, models, column)
    group = group.filter(~pl.col("model").is_in([one.model for one in extremes]))
    present = set(group["model"].unique())
    own = tuple(model for model in models if model in present)
    tracks = group.select(*_TRACK, "cluster", "genre").unique(_TRACK).sort(_TRACK)
    values = _matrix(group, tracks, own, column)
    whole = np.asarray(np.isfinite(values).all(axis=0))
    kept, dropped = tracks.filter(whole), tracks.filter(~whole)
    return Matched(
        stem,
        own,
        tuple(kept.select(_TRACK).iter_rows()),
        tuple(kept["cluster"]),
        tuple(kept["genre"]),
        values[:, whole],
        tuple(dropped.select(_TRACK).iter_rows()),
        extremes,
    )


def _matrix(group: pl.DataFrame, tracks: pl.DataFrame, models: Sequence[str], column: str) -> Float:
    """Return scores `(models, tracks)`, NaN where there is none."""
    if not models:
        return np.zeros((0, len(tracks)))
    place = {model: number for number, model in enumerate(models)}
    found = group.join(tracks.select(_TRACK).with_row_index("_track"), on=list(_TRACK))
    own = found["model"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    values = np.full((len(models), len(tracks)), np.nan)
    values[own, found["_track"].to_numpy()] = found[column].to_numpy()
    return values


def _extremes(group: pl.DataFrame, models: Sequence[str], column: str) -> tuple[Extreme, ...]:
    """Return the models whose scores are one and the same infinity, in the order given."""
    only = group.group_by("model").agg(
        pl.col(column).n_unique().alias("values"),
        pl.col(column).first().alias("value"),
        pl.struct(_TRACK).n_unique().alias("tracks"),
        pl.col("cluster").n_unique().alias("artists"),
    )
    found = {
        row["model"]: Extreme(row["model"], row["value"], row["tracks"], row["artists"])
        for row in only.iter_rows(named=True)
        if row["values"] == 1 and np.isinf(row["value"])
    }
    return tuple(found[model] for model in models if model in found)
