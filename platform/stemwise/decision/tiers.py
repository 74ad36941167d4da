"""Tiers of models replayed from a run's tables: what going on is worth, and the recipe that does it.

A tier is a list of models, blended per stem with weights that are fitted like all others. Everything
that is shown is held out by artist: weights, the prediction of the next tier's gain from the estimates
at hand, and the scores. Gains that the prediction learns from are held out themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.cascade import Ladder
from stemwise.analysis.cross_fit import folds_of
from stemwise.analysis.tier_gain import Estimate, over_chance
from stemwise.core.errors import ConfigError
from stemwise.core.stems import MIXTURE
from stemwise.decision.deciding import Fitting, facts_of
from stemwise.decision.gathering import Gathered, gather
from stemwise.decision.recipes import level1_of, remainder_of
from stemwise.decision.results import Content
from stemwise.decision.tier_rows import Replay, rows_of
from stemwise.decision.tier_stems import TierStem, models_of, over_stems
from stemwise.selection.form_table import stack
from stemwise.selection.keys import is_stem
from stemwise.selection.sets import Models, cost_of
from stemwise.selection.weights import get_strategy
from stemwise.storage import tables

Float = npt.NDArray[np.float64]
_SHOWN = 0.005  # dB: what two digits show as 0.00 is no gain


@dataclass(frozen=True)
class Tiers:
    """What was made of some tiers.

    Attributes:
        table: rows of `tiers`.
        recipe: content of the YAML; None where no tier beats the first.
        notes: what is to be said of them.
    """

    table: pl.DataFrame
    recipe: dict[str, Any] | None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Step:
    """Going on from one tier to another.

    Attributes:
        names: of both.
        promised: gain in dB that the estimates at hand promise, held out, `(songs,)`.
        mean: the mean gain of the songs that this was learned from, `(songs,)`.
        gain: mean gain in dB.
        worth: what the promises are worth over chance (`over_chance`).
    """

    names: tuple[str, str]
    promised: Float
    mean: Float
    gain: float
    worth: Estimate

    @property
    def established(self) -> bool:
        """Whether songs that gain are told from songs that do not."""
        return self.worth[1] is not None and self.worth[1] > 0

    @property
    def rule(self) -> Float:
        """What the recipe goes by, held out."""
        return self.promised if self.established else self.mean


class _Study:
    """Tiers on the songs of a run."""

    def __init__(self, content: Content, fitting: Fitting, plans: Mapping[str, Models]) -> None:
        self.fitting, self.names = fitting, tuple(plans)
        self.stems, self.artists = _stems(content, fitting, plans)
        self.scores = self._over([stem.scores for stem in self.stems])
        self.weights = [
            {stem.stem: stem.weights(tier) for stem in self.stems} for tier in range(len(plans))
        ]

    def _over(self, values: Sequence[Float]) -> Float:
        return over_stems(values, self.stems, len(self.artists))

    def step(self, before: int, after: int) -> _Step:
        """Return what going on from one tier to another is worth."""
        held = [stem.held(before, after) for stem in self.stems]
        promised, mean = (
            self._over([getattr(one, name) for one in held]) for name in ("promised", "mean")
        )
        gains = self.scores[after] - self.scores[before]
        worth = over_chance(np.round(promised - mean, 9), gains, self.artists)
        names = self.names[before], self.names[after]
        return _Step(names, promised, mean, float(gains.mean()), worth)

    def keeps(self, tier: int) -> bool:
        """Tell whether a tier ever beats the first one: on average, or where that can be told."""
        step = self.step(0, tier)
        return step.gain > _SHOWN or step.established

    def ladder(self, tiers: Sequence[int]) -> Ladder:
        """Return some tiers, cheap first, with their costs; where one is unknown, models cost 1."""
        cost: Mapping[str, float | None] = self.fitting.cost
        runs = [models_of(list(own.values())) for own in self.weights]
        if not self.priced:
            cost = {model: 1.0 for run in runs for model in run}
        ends = range(1, len(tiers) + 1)
        so_far = [sorted({m for tier in tiers[:end] for m in runs[tier]}) for end in ends]
        alone = np.array([cost_of(runs[tier], cost) for tier in tiers], np.float64)
        total = np.array([cost_of(run, cost) for run in so_far], np.float64)
        return Ladder(self.scores[list(tiers)], alone, total, self.artists)

    @property
    def priced(self) -> bool:
        """Whether the cost of every model is known."""
        models = {model for own in self.weights for model in models_of(list(own.values()))}
        return cost_of(sorted(models), self.fitting.cost) is not None


def decide_tiers(
    content: Content, fitting: Fitting, plans: Mapping[str, Models], name: str, run: str
) -> Tiers:
    """Fit and replay tiers.

    Args:
        content: the run's tables.
        fitting: score, settings and costs; a tier is worth `settings.worth_db`.
        plans: models of each tier by its name, the cheapest first.
        name: of the recipe.
        run: the run's name, for the provenance.

    Raises:
        ConfigError: fewer than two tiers, a stem that not all tiers make, or too few artists.
    """
    if len(plans) < 2:
        raise ConfigError("tiers= needs two tiers or more, such as tiers=[[fast],[fast,better]].")
    study = _Study(content, fitting, plans)
    kept = [0, *(tier for tier in range(1, len(plans)) if study.keeps(tier))]
    steps = [study.step(*pair) for pair in pairwise(kept)]
    replay = Replay(
        study.names,
        kept,
        study.ladder(range(len(plans))),
        study.ladder(kept),
        [step.promised for step in steps],
        [step.rule for step in steps],
        fitting.settings.worth_db,
        study.priced,
    )
    table = tables.framed("tiers", rows_of(replay, name))
    out = [_left_out(study, tier) for tier in range(len(plans)) if tier not in kept]
    if not steps:
        return Tiers(
            table, None, [*out, f"No recipe is written: {study.names[0]!r} alone is left."]
        )
    notes = [*out, *(_told(step, fitting.settings.worth_db) for step in steps)]
    facts = facts_of(content, fitting, run)
    return Tiers(table, _recipe(study, name, kept, steps, facts), notes)


def _left_out(study: _Study, tier: int) -> str:
    gain = study.step(0, tier).gain
    return (
        f"The tier {study.names[tier]!r} is left out: it never beats {study.names[0]!r} "
        f"({gain:+.2f} dB on held-out artists)."
    )


def _told(step: _Step, worth_db: float) -> str:
    """Say whether songs that gain are told from others, and what the recipe does."""
    before, after = step.names
    value, low, high = step.worth
    span = "" if low is None or high is None else f" [{low:+.3f}, {high:+.3f}]"
    if step.established:
        return (
            f"Where {after!r} gains over {before!r} can be predicted: choosing songs by it is worth "
            f"{value:+.3f} dB{span} over choosing them at random."
        )
    rule = "for every song" if step.gain >= worth_db else "for no song"
    return (
        f"Where {after!r} gains over {before!r} cannot be predicted (worth {value:+.3f} dB{span} over "
        f"choosing songs at random): no better than a random mix, so the recipe runs it {rule}, by its "
        f"mean gain of {step.gain:+.2f} dB against worth_db of {worth_db:g}."
    )


def _stems(
    content: Content, fitting: Fitting, plans: Mapping[str, Models]
) -> tuple[list[TierStem], list[str]]:
    """Return the level-1 stems under every tier, and the cluster of every song."""
    models = tuple(dict.fromkeys(model for own in plans.values() for model in own))
    every = gather(content, models, fitting.score, fitting.duplicates)
    top = level1_of([one.stem for one in every], None)
    found = [one for one in every if one.stem in top]
    clusters = {t: a for one in found for t, a in zip(one.forms.tracks, one.artists, strict=True)}
    songs = sorted(clusters)
    artists = [clusters[song] for song in songs]
    own = fitting.settings
    folds = folds_of(artists, own.folds, own.seed)
    if not found or folds is None:
        raise ConfigError(
            "tiers= needs songs of two artists or more that all its models were run on."
        )
    fold = {songs[int(i)]: number for number, part in enumerate(folds) for i in part}
    place = {song: number for number, song in enumerate(songs)}
    return [_stem(one, content, fitting, plans, fold, place) for one in found], artists


def _stem(
    one: Gathered,
    content: Content,
    fitting: Fitting,
    plans: Mapping[str, Models],
    fold: Mapping[tuple[str, str], int],
    place: Mapping[tuple[str, str], int],
) -> TierStem:
    name = one.stem[2]
    own = [tuple(m for m in models if m in one.forms.models) for models in plans.values()]
    if () in own:
        lacks = list(plans)[own.index(())]
        raise ConfigError(
            f"No model of the tier {lacks!r} makes {name}, which others make: all tiers must make the "
            "same stems."
        )
    rows = content.forms.filter(is_stem(one.stem))
    forms = stack(name, [*one.forms.models, MIXTURE], rows)
    wanted = set(one.forms.tracks)
    forms = forms.at(np.array([track in wanted for track in forms.tracks], np.bool_))
    folds = np.array([fold[track] for track in forms.tracks], np.int64)
    parts = [np.flatnonzero(folds == number) for number in np.unique(folds)]
    if len(parts) < 2:
        raise ConfigError(f"tiers= needs {name} of two artists or more: leave its models out.")
    songs = np.array([place[track] for track in forms.tracks])
    strategy = get_strategy(fitting.settings.strategy)
    return TierStem(name, forms, songs, parts, own, strategy, fitting.score)


def _recipe(
    study: _Study, name: str, kept: Sequence[int], steps: Sequence[_Step], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of the YAML."""
    tiers: list[dict[str, Any]] = []
    for place, number in enumerate(kept):
        body = {"name": study.names[number], "stems": study.weights[number]}
        body |= remainder_of(study.weights[number])
        if place:
            told = steps[place - 1].established
            before = kept[place - 1]
            body["gain"] = {s.stem: s.promise(before, number, told) for s in study.stems}
        tiers.append(body)
    claims = {"gain_db": {step.names[1]: round(step.gain, 4) for step in steps}}
    claims["gain_predicted"] = {step.names[1]: step.established for step in steps}
    return {
        "name": name,
        "sample_rate": 44_100,
        "worth_db": study.fitting.settings.worth_db,
        "tiers": tiers,
        "provenance": {**facts, **claims},
    }
