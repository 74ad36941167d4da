"""Scores of one stem as a matrix of models × tracks, on matched tracks only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.dependence import cluster_labels

Float = npt.NDArray[np.float64]
STEM_KEY = ("parent", "parent_source", "stem")
_TRACK = ("dataset", "track_id")
# cluster label and genre of each track
Facts = Mapping[tuple[str, str], tuple[str, str | None]]


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
    labels = cluster_labels(tracks, duplicates).join(
        tracks.select(*_TRACK, "genre"), on=list(_TRACK), how="left"
    )
    facts = {row[:2]: row[2:] for row in labels.iter_rows()}
    for key, group in sorted(good.group_by(STEM_KEY), key=lambda item: str(item[0])):
        parent, source, stem = (str(part) for part in key)
        yield _matched((parent, source, stem), group, facts, models, column)


def _matched(
    stem: tuple[str, str, str],
    group: pl.DataFrame,
    facts: Facts,
    models: Sequence[str],
    column: str,
) -> Matched:
    extremes = _extremes(group, facts, models, column)
    group = group.filter(~pl.col("model").is_in([one.model for one in extremes]))
    present = set(group["model"])
    own = tuple(model for model in models if model in present)
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in group.select(*_TRACK, "model", column).iter_rows():
        found.setdefault((row[0], row[1]), {})[row[2]] = row[3]
    whole = {
        track: scores
        for track, scores in sorted(found.items())
        if len(scores) == len(own) and all(np.isfinite(list(scores.values())))
    }
    known = [facts.get(track, ("/".join(track), None)) for track in whole]
    return Matched(
        stem,
        own,
        tuple(whole),
        tuple(artist for artist, _ in known),
        tuple(genre for _, genre in known),
        np.array([[scores[model] for scores in whole.values()] for model in own]).reshape(
            len(own), len(whole)
        ),
        tuple(track for track in sorted(found) if track not in whole),
        extremes,
    )


def _extremes(
    group: pl.DataFrame,
    facts: Facts,
    models: Sequence[str],
    column: str,
) -> tuple[Extreme, ...]:
    """Return the models whose scores are one and the same infinity, in the order given."""
    only = group.group_by("model").agg(
        pl.col(column).n_unique().alias("values"), pl.col(column).first()
    )
    found = {
        model: value for model, values, value in only.iter_rows() if values == 1 and np.isinf(value)
    }
    extremes = []
    for model in (model for model in models if model in found):
        tracks = list(group.filter(pl.col("model") == model).select(_TRACK).iter_rows())
        artists = {facts[track][0] if track in facts else "/".join(track) for track in tracks}
        extremes.append(Extreme(model, found[model], len(tracks), len(artists)))
    return tuple(extremes)
