"""Fitting every stem of a run: regret ledger, held-out rows, front, recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.cross_fit import each
from stemwise.analysis.regret import Ledger, ledger
from stemwise.analysis.stem_fit import FitRule, StemFit
from stemwise.core import stems
from stemwise.core.types import ESTIMATE, FILE_PREFIX, HELD_OUT, RECIPE_PREFIX
from stemwise.decision.cross_stem import Crossed, crossed
from stemwise.decision.deployment import deployment_row
from stemwise.decision.gathering import Gathered, gather, held_out, input_snr
from stemwise.decision.kinds import Compared, kinds_rows
from stemwise.decision.kinds import Stem as StemKinds
from stemwise.decision.quality import StemQuality
from stemwise.decision.recipes import Choice, Recipe, Unclaimed, alone, in_recipe
from stemwise.decision.results import Content
from stemwise.decision.settings import DecisionSettings
from stemwise.evaluation.measured import Measured
from stemwise.selection.combinations import greedy
from stemwise.selection.keys import STEM, PairOf
from stemwise.selection.segments import SegmentOracle
from stemwise.selection.sets import Models, Offer, cheapest, cost_of
from stemwise.selection.stem_blocks import Visitor, over_blocks
from stemwise.selection.stem_forms import LINEAR_SCORES, StemForms
from stemwise.selection.weights import get_strategy, most_selected
from stemwise.storage import tables

Row = dict[str, Any]
Float = npt.NDArray[np.float64]
Stem = tuple[str, str, str]


@dataclass(frozen=True)
class Decision:
    """What a run decides.

    Attributes:
        regret, front, deployment, quality, predictions: the tables.
        scores: rows of `scores` of the model `recipe:deployable`, each track held out; by stem.
        recipes: content of the recipe YAMLs by name.
        unclaimed: sub-stems of `deployable` that were not measured as it makes them.
        notes: what could not be fitted, and why.
    """

    scores: list[pl.DataFrame] = field(default_factory=list)
    regret: pl.DataFrame = field(default_factory=lambda: tables.framed("regret", ()))
    front: pl.DataFrame = field(default_factory=lambda: tables.framed("front", ()))
    kinds: pl.DataFrame = field(default_factory=lambda: tables.framed("kinds", ()))
    deployment: pl.DataFrame = field(default_factory=lambda: tables.framed("deployment", ()))
    quality: pl.DataFrame = field(default_factory=lambda: tables.framed("quality", ()))
    predictions: pl.DataFrame = field(default_factory=lambda: tables.framed("predictions", ()))
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    unclaimed: list[Unclaimed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fitting:
    """What is fitted, and by which score: the same for all stems.

    `pair_of` names the two scores of a stem. `blends` are the weights of those parents of level 2 that
    recipes estimated, by their names; `duplicates` the rows of that table: tracks that count as one
    artist's. `cost` is what a minute of audio takes, as measured in this run; `price` is what decides
    between sets of models, so that equal runs decide alike. `ensembles` are those of other kinds that
    the run measured.
    """

    candidates: Sequence[str]
    pair_of: PairOf
    rule: str
    settings: DecisionSettings
    cost: Mapping[str, float | None]
    price: Mapping[str, float | None]
    blends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    duplicates: pl.DataFrame | None = None
    ensembles: Sequence[Measured] = ()

    @property
    def fit_rule(self) -> FitRule:
        """How a stem is fitted."""
        own = self.settings
        return FitRule(
            own.strategy, self.score, self.price, own.parsimony, own.worth_db, own.folds, own.seed
        )

    def score(self, forms: StemForms, weights: Float) -> Float:
        """Return scores in dB, `(..., tracks)`."""
        return forms.score(weights, self.pair_of(forms.stem), self.rule)


def decide(content: Content, fitting: Fitting, run: str, also: Sequence[Visitor] = ()) -> Decision:
    """Fit every stem of a run.

    Args:
        content: the run's tables.
        fitting: candidates, score and settings.
        run: the run's name, for the provenance.
        also: what else is to see the blocks of the run, which are read once.

    Raises:
        OutputError: the table `measurements` is damaged.
    """
    needs = _needs_audio(content, fitting)
    stems_found = (
        [] if needs else gather(content, fitting.candidates, fitting.score, fitting.duplicates)
    )
    own = fitting.settings
    segments = SegmentOracle(
        {found.stem: found.forms.models for found in stems_found},
        fitting.pair_of,
        fitting.rule,
        own.segment_s,
    )
    over_blocks(content.measurements, [*also, segments])
    if needs:
        return Decision(notes=[f"No recipe is fitted: blends have no {needs} without their audio."])
    regret: list[Row] = []
    front: list[Row] = []
    kinds: list[Row] = []
    fits: dict[Stem, _Fit] = {}
    tried = [StemFit(g.stem, g.forms, g.artists, fitting.fit_rule) for g in stems_found]
    taken = _taken({fit.stem: fit.offer() for fit in tried}, _alone(content), fitting.price)
    for found, fit in zip(stems_found, tried, strict=True):
        models = taken[found.stem]
        made = fits[found.stem] = _fit(found, fit, models, segments, content, fitting)
        lost = {"dropped": found.dropped}
        regret += [row | lost for row in made.regret]
        front += [row | lost for row in _front(found.stem, found.forms, fitting)]
        of_kinds = StemKinds(found, fit, content.scores, fitting.ensembles, made.compared)
        kinds += kinds_rows(of_kinds, fitting.cost)
    decision = Decision(
        regret=tables.framed("regret", regret),
        front=tables.framed("front", front),
        kinds=tables.framed("kinds", kinds),
        deployment=tables.framed("deployment", (made.deployment for made in fits.values())),
        quality=tables.framed("quality", (made.quality_row() for made in fits.values())),
        predictions=tables.framed(
            "predictions", (row for made in fits.values() for row in made.quality.predictions())
        ),
    )
    if not fits:
        decision.notes.append(_why_nothing(content, fitting))
        return decision
    _add_recipes(decision, fits, content, fitting, run)
    return decision


def _taken(
    offers: Mapping[Stem, Offer], whole: str | None, cost: Mapping[str, float | None]
) -> dict[Stem, Models]:
    """Choose the models of every stem: of those of a recipe together, of others each for itself."""
    together = in_recipe(list(offers), whole)
    apart = [[stem] for stem in offers if stem not in together]
    return {
        stem: offers[stem].sets[number]
        for group in (*apart, together)
        for stem, number in zip(group, cheapest([offers[s] for s in group], cost), strict=True)
    }


def _alone(content: Content) -> str | None:
    """Return the stem that all songs are recordings of, None for whole songs."""
    return alone(
        [stems.partition_of(own or ()) for own in content.tracks["stems"].unique().to_list()]
    )


def _needs_audio(content: Content, fitting: Fitting) -> str:
    """Name the scores that do not follow from `forms`."""
    pairs = {fitting.pair_of(stem): None for stem in content.scores["stem"].unique().sort()}
    return next((", ".join(pair) for pair in pairs if not set(pair) <= set(LINEAR_SCORES)), "")


@dataclass(frozen=True)
class _Fit:
    """What was fitted to one stem."""

    regret: list[Row]
    chosen: Choice
    paper: Choice
    held_out: pl.DataFrame
    deployment: Row
    quality: StemQuality
    compared: tuple[Compared, ...] = ()

    def quality_row(self) -> Row:
        """Return the row of `quality`, which tells of the plain blend: of no other is it shipped."""
        row = self.quality.row()
        if self.chosen.ensemble is None:
            return row
        return row | {"shipped": False, "why": "no prediction knows weights over all stems"}


def _fit(
    found: Gathered,
    fit: StemFit,
    models: Models,
    segments: SegmentOracle,
    content: Content,
    fitting: Fitting,
) -> _Fit:
    best = np.array([segments.scores[*track, *found.stem] for track in found.forms.tracks])
    made = ledger(fit, models, best)
    quality = StemQuality(found, made, content.forms, fitting.settings.seed)
    regret, papers = made.rows, _papers(fit, found.parents)
    cross = _crossed(found, fit, models, content, fitting)
    compared: tuple[Compared, ...] = ()
    if cross is not None:
        regret = [*regret, cross.regret_row()]
        compared = (cross.compared(found.forms.tracks),)
    if cross is not None and cross.taken:
        found, made = cross.found, cross.ledger(made)
    else:
        cross = None
    deployed = deployment_row(
        fit, models, made, input_snr(found, content.scores), fitting.cost, cross
    )
    chosen = Choice(
        made.weights,
        found.parents,
        made.oracle_gap,
        made.held_out_snr,
        made.established,
        made.gain,
        deployed["below"],
        None if cross else quality.fit.quality,
        cross.content if cross else None,
        cross.over_blend if cross else None,
    )
    return _Fit(
        regret,
        chosen,
        papers,
        _held_out_rows(found, made, content, fitting),
        deployed,
        quality,
        compared,
    )


def _crossed(
    found: Gathered, fit: StemFit, models: Models, content: Content, fitting: Fitting
) -> Crossed | None:
    """Return weights over the estimates of all stems, where the settings ask for them."""
    if not fitting.settings.cross_stem:
        return None
    return crossed(found, fit, models, fitting.candidates, content.cross)


def _add_recipes(
    decision: Decision,
    fits: Mapping[Stem, _Fit],
    content: Content,
    fitting: Fitting,
    run: str,
) -> None:
    """Add the recipes, the held-out rows that they may claim, and what is to be said of them."""
    whole = _alone(content)
    chosen = {stem: fit.chosen for stem, fit in fits.items()}
    recipe = Recipe.of(HELD_OUT, chosen, fitting.blends, whole)
    if not recipe.top:
        decision.notes.append(
            "No recipe is written: the candidates make parts of stems only, and not all songs are "
            "recordings of that stem alone."
        )
        return
    decision.unclaimed.extend(recipe.unclaimed())
    silent = {(u.parent, ESTIMATE, stem) for u in decision.unclaimed for stem in u.stems}
    for stem, fit in fits.items():
        if stem not in silent:
            decision.scores.append(fit.held_out)
    if files := _files(content):
        decision.notes.append(
            f"Recipes and the regret ledger leave {files} out: a recipe must run on new songs, "
            "and these are estimates of other tools."
        )
    facts = facts_of(content, fitting, run)
    total = cost_of(recipe.models(), fitting.cost)
    price = {} if total is None else {"seconds_per_minute": round(total, 3)}
    decision.recipes[HELD_OUT] = recipe.content(facts | price)
    papers = {stem: fit.paper for stem, fit in fits.items()}
    theirs = {"fitted_by": "the model that wins most tracks, per stem (the paper)"}
    paper = Recipe.of("paper", papers, fitting.blends, whole)
    decision.recipes["paper"] = paper.content(facts | theirs)


def _papers(fit: StemFit, parents: frozenset[str]) -> Choice:
    """Return the paper's choice: the model that wins most tracks, given the references."""
    winner = int(np.argmax(most_selected(fit.forms, fit.rule.score)))
    gap = float((fit.singles.max(axis=0) - fit.singles[winner]).mean())
    return Choice({fit.forms.models[winner]: 1.0}, parents, gap)


def _files(content: Content) -> str:
    """Name the estimates of other tools that have scores."""
    present = content.scores.filter(pl.col("status") == "ok")["model"].unique()
    files = sorted(name for name in present if name.startswith(FILE_PREFIX))
    return ", ".join(files[:4]) + (" and others" if len(files) > 4 else "")


def _why_nothing(content: Content, fitting: Fitting) -> str:
    """Say why no stem could be fitted."""
    if not fitting.candidates and (files := _files(content)):
        return (
            f"No recipe is fitted: a recipe must run on new songs, and {files} are estimates of other "
            "tools. The leaderboard ranks them."
        )
    if not fitting.candidates:
        return "No recipe is fitted: the run has no model that could be chosen."
    return "No recipe is fitted: no stem has a track that all candidates share."


def _front(stem: Stem, forms: StemForms, fitting: Fitting) -> list[Row]:
    steps = greedy(forms, get_strategy(fitting.settings.strategy), fitting.score, fitting.cost)
    return [
        dict(zip(STEM, stem, strict=True))
        | {
            "step": number,
            "model": step.model,
            "models": list(step.models),
            "weights": list(step.weights),
            "mean_score": step.mean_score,
            "seconds_per_minute": step.seconds_per_minute,
            "tracks": len(forms),
        }
        for number, step in enumerate(steps, start=1)
    ]


def _held_out_rows(
    found: Gathered, made: Ledger, content: Content, fitting: Fitting
) -> pl.DataFrame:
    """Return rows of `scores`: every track under weights that were fitted without its artist."""
    values = {
        name: each(found.forms, made.of_track, getattr(StemForms, name)) for name in LINEAR_SCORES
    }
    first, second = fitting.pair_of(found.forms.stem)
    values |= {"paper_snr": values[first], "paper_sdr": values[second]}
    values["score"] = each(found.forms, made.of_track, fitting.score)
    return held_out(found, values, content.scores).with_columns(
        pl.lit(RECIPE_PREFIX + HELD_OUT).alias("model"), pl.lit("ok").alias("status")
    )


def _pairs(content: Content, fitting: Fitting) -> str:
    """Name the scores that recipes are fitted by; by stem, where it depends on that."""
    stems_of: dict[str, list[str]] = {}
    for stem in stems.in_order(content.scores["stem"].unique()):
        stems_of.setdefault(" and ".join(fitting.pair_of(stem)), []).append(stem)
    if len(stems_of) < 2:
        return "".join(stems_of)
    return ", ".join(f"{pair} ({', '.join(own)})" for pair, own in stems_of.items())


def facts_of(content: Content, fitting: Fitting, run: str) -> dict[str, Any]:
    """Return the provenance that all recipes of a run share."""
    own = fitting.settings
    silent = {"estimates": tables.NOT_KEPT} if tables.none_kept(content.estimates) else {}
    return {
        "dataset": ", ".join(content.tracks["dataset"].unique().sort()),
        "tracks": len(content.tracks),
        "fitted_by": f"{own.strategy}, parsimony {own.parsimony}, {own.folds} folds by artist, "
        f"{fitting.rule} of "
        f"{_pairs(content, fitting)}",
        "run": run,
    } | silent
