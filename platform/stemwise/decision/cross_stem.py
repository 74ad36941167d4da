"""Weights over the estimates of all stems, from the table `cross`: fitted, held out, and taken or not.

They are compared with what the stem would get without them and with the plain blend of all its models,
on the same tracks, with the same folds and by the same score. They are taken where both gains, and that
over the best single model, are certain, and where models that the stem does without otherwise are worth
their time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.clusters import interval
from stemwise.analysis.cross_fit import CrossFit, Index
from stemwise.analysis.cross_stem import CrossStemRule
from stemwise.analysis.regret import Ledger, level_row
from stemwise.analysis.stem_fit import StemFit, certain
from stemwise.core.signals import WIENER, models_of_signals, parts_of_signal, signal_name
from stemwise.core.stems import MIXTURE
from stemwise.decision.gathering import Gathered
from stemwise.decision.kinds import Compared
from stemwise.decision.recipes import rounded
from stemwise.selection.form_table import stack
from stemwise.selection.keys import TRACK, is_stem
from stemwise.selection.sets import Models
from stemwise.selection.weights import get_strategy

Float = npt.NDArray[np.float64]
Row = dict[str, Any]
KIND, LEVEL = "cross_stem", "cross_stem"
NOT_MEASURED = (
    "decision.cross_stem needs the table `cross`, which this run has not measured: run `stemwise "
    "evaluate` with the same settings and metric.cross_stem=true (kept estimates are not made again)."
)


@dataclass(frozen=True)
class Crossed:
    """Weights over all stems, fitted to one stem.

    Attributes:
        found: the stem on the tracks on which all signals were measured; its `models` are signals.
        fit: what they score held out, and their weights without each fold.
        parts: positions of the tracks of each fold.
        weights: fitted to all tracks, without those that round to 0.
        makers: of the masks of the Wiener estimates, by stem; empty where none has a weight.
        single: the held-out scores of the best single model on these tracks.
        oracle: the scores of the best model of each of these tracks.
        gain: over the best single model, shrunken; None where the weights are not taken.
        over_blend: over what the stem would get without them, shrunken; None where not certain.
    """

    found: Gathered
    fit: CrossFit
    parts: Sequence[Index]
    weights: Mapping[str, float]
    makers: Mapping[str, Models]
    single: Float
    oracle: Float
    gain: float | None
    over_blend: float | None

    @property
    def taken(self) -> bool:
        """Whether they are deployed."""
        return self.gain is not None

    @property
    def models(self) -> Models:
        """The models that have to run."""
        masks = [model for own in self.makers.values() for model in own]
        return tuple(dict.fromkeys([*models_of_signals(self.weights), *masks]))

    @property
    def content(self) -> dict[str, Any]:
        """What a recipe holds of them."""
        makers = {WIENER: {stem: list(own) for stem, own in self.makers.items()}}
        content = {"kind": KIND, "models": list(self.models), "weights": dict(self.weights)}
        return content | (makers if self.makers else {})

    def compared(self, tracks: Sequence[tuple[str, str]]) -> Compared:
        """Return it as a row of `kinds` sees it, on all `tracks` of the stem."""
        known = dict(zip(self.found.forms.tracks, self.fit.scores, strict=True))
        scores = np.array([known.get(track, np.nan) for track in tracks], np.float64)
        return Compared(KIND, self.models, scores)

    def regret_row(self) -> Row:
        """Return the row of the regret ledger, whether they are taken or not."""
        found = self.found
        row = level_row(found.stem, LEVEL, self.fit.scores, self.single, found.artists)
        return row | {"gain_shrunken": self.gain}

    def ledger(self, made: Ledger) -> Ledger:
        """Return the ledger of the stem with these weights in the place of the plain blend's."""
        scores, artists = self.fit.scores, self.found.artists
        of_track = self.fit.of_track(self.parts)
        snr = np.array(
            [self.found.forms.at([t]).snr(own)[0] for t, own in enumerate(of_track)], np.float64
        )
        return replace(
            made,
            weights=self.weights,
            established=True,
            held_out_score=(float(scores.mean()), *interval(scores, artists)),
            held_out_snr=(float(snr.mean()), *interval(snr, artists)),
            snr=snr,
            oracle_gap=float((self.oracle - scores).mean()),
            of_track=of_track,
            gain=self.gain,
        )


def crossed(
    found: Gathered,
    fit: StemFit,
    models: Models,
    candidates: Sequence[str],
    rows: pl.DataFrame,
) -> Crossed | None:
    """Fit weights over all stems; None where nothing can be held out or no track has all signals.

    Args:
        found: the stem as it was gathered.
        fit: its plain blends.
        models: the set that is deployed without these weights.
        candidates: the models that may be chosen, also those that do not make this stem.
        rows: of the table `cross`.
    """
    own = rows.filter(is_stem(found.stem), pl.col("energy") > 0).sort(TRACK)
    own = own.rename({"signals": "models"})
    signals = _signals(own, candidates)
    estimates = _estimates(found, signals)
    if fit.parts is None or not own.height or len(estimates) != len(found.forms.models):
        return None
    at = {track: place for place, track in enumerate(found.forms.tracks)}
    forms = stack(found.forms.stem, signals, own)
    forms = forms.at(np.array([track in at for track in forms.tracks], dtype=np.bool_))
    places = np.array([at[track] for track in forms.tracks], dtype=np.int64)
    parts = [np.flatnonzero(np.isin(places, part)) for part in fit.parts]
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return None
    here = replace(found, forms=forms, artists=tuple(found.artists[place] for place in places))
    rule = fit.rule
    fitted = CrossStemRule(
        estimates, get_strategy(rule.strategy), rule.score, rule.folds, rule.seed
    )
    held = fitted.held_out(forms, here.artists, parts)
    weights = rounded(dict(zip(signals, fitted.fit(forms, here.artists), strict=True)))
    masked = any(parts_of_signal(name)[0] == WIENER for name in weights)
    used = _makers(signals) if masked else {}
    single, oracle = fit.single.scores[places], fit.singles[:, places].max(axis=0)
    made = Crossed(here, held, parts, weights, used, single, oracle, None, None)
    return _judged(made, fit, models, places)


def _judged(made: Crossed, fit: StemFit, models: Models, places: Index) -> Crossed:
    """Return the same with its gains, where they are certain."""
    artists, scores = made.found.artists, made.fit.scores
    plain = [models, fit.forms.models]
    over = [certain(scores - fit.held_out(own)[0][places], artists) for own in plain]
    kept, every = over
    gain = certain(scores - made.single, artists)
    if kept is None or every is None or gain is None:
        return made
    dearer = fit.rule.parsimony == "one_se" and bool(set(made.models) - set(models))
    worth = not dearer or kept >= fit.rule.worth_db
    return replace(made, gain=gain if worth else None, over_blend=kept)


def _signals(rows: pl.DataFrame, models: Sequence[str]) -> list[str]:
    """Return the signals that these models make; Wiener estimates, if nobody else has a part in them."""
    every = dict.fromkeys(name for names in rows["models"].to_list() for name in names)
    others = set(models_of_signals(every)) - set(models)
    known = {MIXTURE, *models} | (set() if others else {WIENER})
    return [name for name in every if parts_of_signal(name)[0] in known]


def _makers(signals: Sequence[str]) -> dict[str, Models]:
    """Return whose estimates make the Wiener estimates, by stem, as they were measured."""
    names = [parts_of_signal(name) for name in signals]
    stems = [stem for model, stem in names if model == WIENER]
    return {
        stem: tuple(model for model, made in names if made == stem and model != WIENER)
        for stem in stems
    }


def _estimates(found: Gathered, signals: Sequence[str]) -> list[str]:
    """Return the models' own estimates of the stem; where nobody makes the hi-hat, cymbals hold it."""
    names = [
        [signal_name(model, stem) for stem in (found.stem[2], "cymbals")]
        for model in found.forms.models
    ]
    return [next(name for name in own if name in signals) for own in names if {*own} & {*signals}]
