"""Rows of the table `kinds`: per stem, what each kind of ensemble gains over the best single model.

All are scored on the same tracks, and nothing on tracks that it was fitted to: the single model and the
weights of the blend are chosen without a track's artist, and other kinds have nothing to fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.clusters import LEVEL, interval, p_value
from stemwise.analysis.multiplicity import holm
from stemwise.analysis.stem_fit import StemFit
from stemwise.decision.gathering import Gathered
from stemwise.evaluation.measured import Measured
from stemwise.selection.keys import STEM, TRACK, is_stem
from stemwise.selection.sets import cost_of

Float = npt.NDArray[np.float64]
Row = dict[str, Any]
BEST_SINGLE, MEAN, BLEND = "best_single", "mean", "blend"
BETTER, WORSE = "beats the blend", "below the blend"


@dataclass(frozen=True)
class Compared:
    """One kind on a stem.

    Attributes:
        kind: its name.
        models: what it runs.
        scores: of each track in dB, `(tracks,)`, held out; NaN where it has none.
        established: whether its gain is certain, where its own procedure says so.
    """

    kind: str
    models: tuple[str, ...]
    scores: Float
    established: bool | None = None


@dataclass(frozen=True)
class Stem:
    """What the kinds of a stem are made from: its tracks, what was fitted, all scores of the run."""

    found: Gathered
    fit: StemFit
    scores: pl.DataFrame
    ensembles: Sequence[Measured]
    # fitted beside the blend, in other ways
    further: Sequence[Compared] = ()


Maker = Callable[[Stem], Iterable[Compared]]


def linear(stem: Stem) -> Iterable[Compared]:
    """Yield the best single model, equal weights, and the fitted blend where tracks can be held out."""
    fit, models = stem.fit, stem.fit.forms.models
    best = models[int(np.argmax(np.nanmean(fit.singles, axis=1)))]
    yield Compared(BEST_SINGLE, (best,), fit.single.scores)
    if len(models) > 1:
        equal = np.full(len(models), 1 / len(models))
        yield Compared(MEAN, models, np.asarray(fit.rule.score(fit.forms, equal)))
        if fit.recipe is not None:
            yield Compared(BLEND, fit.preferred, fit.recipe.scores, fit.blends_pay)


def other_kinds(stem: Stem) -> Iterable[Compared]:
    """Yield the ensembles that the run measured, on the tracks of the stem."""
    own = stem.scores.filter(is_stem(stem.found.stem))
    for ensemble in stem.ensembles:
        one = ensemble.of(stem.found.stem[2], stem.found.makers)
        if one is None:
            continue
        good = own.filter(pl.col("model") == ensemble.model, pl.col("status") == "ok")
        found = {row[:2]: row[2] for row in good.select(*TRACK, "score").iter_rows()}
        listed = [found.get(track) for track in stem.fit.forms.tracks]
        scores = np.array([np.nan if value is None else value for value in listed], np.float64)
        if np.isfinite(scores).any():
            yield Compared(ensemble.name, one.models, scores)


def fitted(stem: Stem) -> Iterable[Compared]:
    """Yield what was fitted in other ways: weights over all stems."""
    yield from stem.further


# who makes rows, in their order
MAKERS: tuple[Maker, ...] = (linear, fitted, other_kinds)


def kinds_rows(
    stem: Stem, cost: Mapping[str, float | None], makers: Sequence[Maker] = MAKERS
) -> list[Row]:
    """Return the rows of a stem.

    `established` of other kinds, and the note on the blend, hold for all of them together (Holm 1979).

    Args:
        stem: what they are made from.
        cost: seconds of compute per minute of audio, of each model.
        makers: of rows.
    """
    compared = [one for maker in makers for one in maker(stem)]
    single = stem.fit.single.scores
    over = {one.kind: one.scores - single for one in compared if one.kind != BEST_SINGLE}
    others = [one.kind for one in compared if one.kind in over and one.established is None]
    certain = _adjusted({kind: over[kind] for kind in others}, stem.fit.artists)
    blend = next((one.scores for one in compared if one.kind == BLEND), None)
    apart: dict[str, float | None] = {}
    if blend is not None:
        against = {one.kind: one.scores - blend for one in compared if one.kind in others}
        apart = _adjusted(against, stem.fit.artists)
    made = []
    for one in compared:
        row = _row(stem, one, single, cost)
        row["established"] = one.established
        if (p := certain.get(one.kind)) is not None:
            row["established"] = row["gain"] > 0 and p < LEVEL
        row["note"] = _note(one.scores, blend, apart.get(one.kind))
        made.append(row)
    return made


def _row(stem: Stem, one: Compared, single: Float, cost: Mapping[str, float | None]) -> Row:
    kept = np.isfinite(one.scores) & np.isfinite(single)
    artists = [label for label, keep in zip(stem.fit.artists, kept, strict=True) if keep]
    gains = (one.scores - single)[kept]
    low, high = (None, None) if one.kind == BEST_SINGLE else interval(gains, artists)
    return dict(zip(STEM, stem.found.stem, strict=True)) | {
        "kind": one.kind,
        "models": list(one.models),
        "tracks": len(gains),
        "artists": len(set(artists)),
        "score": float(one.scores[kept].mean()),
        "gain": float(gains.mean()),
        "gain_low": low,
        "gain_high": high,
        "seconds_per_minute": cost_of(one.models, cost),
    }


def _adjusted(differences: Mapping[str, Float], artists: Sequence[str]) -> dict[str, float | None]:
    """Return p-values of mean differences of 0, for all together; None where there is one artist."""
    found: dict[str, float | None] = {}
    for kind, values in differences.items():
        kept = np.isfinite(values)
        labels = [label for label, keep in zip(artists, kept, strict=True) if keep]
        found[kind] = p_value(values[kept], labels) if kept.any() else None
    known = {kind: p for kind, p in found.items() if p is not None}
    adjusted = holm(np.array(list(known.values())))
    return found | dict(zip(known, map(float, adjusted), strict=True))


def _note(scores: Float, blend: Float | None, p: float | None) -> str | None:
    if blend is None or p is None or p >= LEVEL:
        return None
    return BETTER if np.nanmean(scores - blend) > 0 else WORSE
