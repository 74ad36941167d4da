"""From the tables of a run to what is fitted: the forms of every stem, on tracks that count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.dependence import cluster_labels
from stemwise.core import stems
from stemwise.decision.results import Content
from stemwise.measurement.matching import match_stems
from stemwise.selection.form_table import stack
from stemwise.selection.keys import KEY, STEM, TRACK, is_stem
from stemwise.selection.stem_forms import StemForms

Float = npt.NDArray[np.float64]
Stem = tuple[str, str, str]


@dataclass(frozen=True)
class Gathered:
    """A stem on the tracks on which all its candidates have a finite score.

    Attributes:
        stem: (parent, parent source, stem).
        forms: of the candidates that make it.
        artists: cluster label of each track (`dependence.cluster_labels`).
        parents: the models whose estimates of the parent it was measured on; empty at level 1.
        dropped: tracks with a score of some candidate that lack a finite one of another.
        makers: all models that make it themselves, candidates or not.
    """

    stem: Stem
    forms: StemForms
    artists: tuple[str, ...]
    parents: frozenset[str]
    dropped: int
    makers: tuple[str, ...] = ()


def gather(
    content: Content,
    candidates: Sequence[str],
    score: Callable[[StemForms, Float], Float],
    duplicates: pl.DataFrame | None = None,
) -> list[Gathered]:
    """Return every stem that some track has of all candidates that make it, level 1 first.

    Args:
        content: the run's tables.
        candidates: models that may be chosen.
        score: (forms, weights) → scores per track.
        duplicates: rows of `duplicates`; None where no recording is known to be there twice.
    """
    good = content.scores.filter(pl.col("status") == "ok", pl.col("model").is_in(list(candidates)))
    rows = content.forms.join(good.select(KEY).unique(), on=list(KEY), how="semi")
    named = _sets(good, ("parent", "stem"), "model")
    makes = _Makes(content)
    clusters = cluster_labels(content.tracks, duplicates)
    artists = {row[:2]: row[2] for row in clusters.iter_rows()}
    found = []
    for key, own in sorted(rows.group_by(STEM), key=lambda item: _order(item[0])):
        stem = parent, _, name = str(key[0]), str(key[1]), str(key[2])
        models = [m for m in candidates if m in named[parent, name] and makes(m, stem)]
        forms = stack(name, models, own) if models else None
        if forms is None or not len(forms):
            continue
        finite = np.isfinite(score(forms, np.eye(len(models)))).all(axis=0)
        if finite.any():
            kept = forms.at(finite)
            labels = tuple(artists[track] for track in kept.tracks)
            parents = _parents(content.scores, stem, kept)
            makers = tuple(model for model in makes.models(parent) if makes(model, stem))
            found.append(Gathered(stem, kept, labels, parents, len(own) - len(kept), makers))
    return found


def _order(stem: Sequence[Any]) -> tuple[Any, ...]:
    return stems.sort_key(stem[0]), stem[1], stems.sort_key(stem[2])


def _sets(frame: pl.DataFrame, keys: Sequence[str], value: str) -> dict[tuple[Any, ...], set[str]]:
    """Return the different values by key."""
    groups = frame.group_by(keys).agg(pl.col(value).unique())
    return {tuple(row[:-1]): set(row[-1]) for row in groups.iter_rows()}


def _parents(scores: pl.DataFrame, stem: Stem, forms: StemForms) -> frozenset[str]:
    """Return whose estimates of the parent the stem was measured on."""
    own = scores.filter(is_stem(stem), pl.col("parent_model").fill_null("") != "")
    kept = own.join(_tracks(forms), on=list(TRACK), how="semi")
    return frozenset(kept["parent_model"].unique().to_list())


def _tracks(forms: StemForms) -> pl.DataFrame:
    return pl.DataFrame(forms.tracks, schema=dict.fromkeys(TRACK, pl.String), orient="row")


class _Makes:
    """Tells whether a model's own output of this name is what was scored, not a sum of outputs."""

    def __init__(self, content: Content) -> None:
        self._own = _sets(content.estimates, ("model", "parent"), "stem")
        listed = content.tracks.select(pl.col("stems").explode()).drop_nulls().to_series()
        self._listed: set[str] = set(listed.unique().to_list())
        self._partition = stems.partition_of(self._listed)

    def models(self, parent: str) -> list[str]:
        """Return all models with estimates of parts of a stem, sorted."""
        return sorted(model for model, own in self._own if own == parent)

    def __call__(self, model: str, stem: Stem) -> bool:
        own = stems.in_order(self._own.get((model, stem[0]), set()))
        for match in match_stems(own, self._partition, self._listed):
            if match.stem == stem[2]:
                # where nobody makes the hi-hat, cymbals hold it
                return match.parts in ((stem[2],), ("cymbals",))
        return False


def held_out(
    gathered: Gathered, scores: Mapping[str, Float], described: pl.DataFrame
) -> pl.DataFrame:
    """Return rows of `scores`: every track of a stem with the numbers given.

    Args:
        gathered: the stem.
        scores: column → `(tracks,)`.
        described: rows of `scores` that say what else is known of the stem of a track.
    """
    place = [pl.lit(v).alias(k) for k, v in zip(STEM, gathered.stem, strict=True)]
    values = [pl.Series(name, values, pl.Float64) for name, values in scores.items()]
    shared = described.select(
        *KEY, "genre", "voice", "has_bleed", "reference_dbfs", "parent_model"
    ).unique(KEY, keep="last", maintain_order=True)
    made = _tracks(gathered.forms).with_columns(*place, *values)
    return made.join(shared, on=list(KEY), how="left", maintain_order="left")


def input_snr(gathered: Gathered, scores: pl.DataFrame) -> Float:
    """Return the SNR in dB of the unprocessed input on a stem's tracks, NaN where it is not known."""
    own = scores.filter(is_stem(gathered.stem), pl.col("model") == stems.MIXTURE)
    found = _tracks(gathered.forms).join(
        own.select(*TRACK, "snr"), on=list(TRACK), how="left", maintain_order="left"
    )
    return found["snr"].fill_null(np.nan).to_numpy()
