"""Fitting every stem of a run: regret ledger, held-out rows, front, recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stemwise.analysis.cross_fit import each
from stemwise.analysis.dependence import cluster_labels
from stemwise.analysis.regret import Ledger, ledger
from stemwise.core import stems
from stemwise.core.checks import in_range
from stemwise.core.types import ESTIMATE, FILE_PREFIX, HELD_OUT, RECIPE_PREFIX
from stemwise.decision.recipes import Choice, Recipe, Unclaimed, alone
from stemwise.measurement.matching import match_stems
from stemwise.selection.combinations import greedy
from stemwise.selection.oracle import KEY, key_of
from stemwise.selection.segments import segment_oracle
from stemwise.selection.stem_forms import LINEAR_SCORES, StemForms, collect, stack
from stemwise.selection.weights import get_strategy, most_selected
from stemwise.storage import tables

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]
Float = npt.NDArray[np.float64]
Stem = tuple[str, str, str]


@dataclass(frozen=True)
class DecisionSettings:
    """How recipes are fitted (conf/decision).

    Args:
        strategy: how weights are fitted (`selection/weights.py`).
        folds: parts of the tracks that are held out in turn, no artist in two of them.
        segment_s: segment of the segment oracle in seconds.
        seed: of folds, bootstraps and permutations.
    """

    strategy: str = "simplex"
    folds: int = 5
    segment_s: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        get_strategy(self.strategy)
        in_range("decision.folds", self.folds, least=2)
        in_range("decision.segment_s", self.segment_s, above=0)
        in_range("decision.seed", self.seed, least=0)


@dataclass(frozen=True)
class Decision:
    """What a run decides.

    Attributes:
        regret: rows of the table.
        front: rows of the table.
        scores: rows of `scores` of the model `recipe:deployable`, each track held out.
        recipes: content of the recipe YAMLs by name.
        unclaimed: sub-stems of `deployable` that were not measured as it makes them.
        notes: what could not be fitted, and why.
    """

    scores: list[Row] = field(default_factory=list)
    regret: list[Row] = field(default_factory=list)
    front: list[Row] = field(default_factory=list)
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    unclaimed: list[Unclaimed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fitting:
    """What is fitted, and by which score: the same for all stems.

    `blends` are the weights of those parents of level 2 that recipes estimated, by their names;
    `duplicates` the rows of that table: tracks that count as one artist's.
    """

    candidates: Sequence[str]
    pair: tuple[str, str]
    rule: str
    settings: DecisionSettings
    cost: Mapping[str, float | None]
    blends: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    duplicates: pl.DataFrame | None = None

    def score(self, forms: StemForms, weights: Float) -> Float:
        """Return scores in dB, `(..., tracks)`."""
        return forms.score(weights, self.pair, self.rule)


def decide(content: Mapping[str, Rows], fitting: Fitting, run: str) -> Decision:
    """Fit every stem of a run.

    Args:
        content: rows of tracks, estimates, measurements, forms and scores.
        fitting: candidates, score and settings.
        run: the run's name, for the provenance.
    """
    if not set(fitting.pair) <= set(LINEAR_SCORES):
        needs = ", ".join(fitting.pair)
        return Decision(notes=[f"No recipe is fitted: blends have no {needs} without their audio."])
    decision = Decision()
    fits: dict[Stem, _Fit] = {}
    clusters = _clusters(content["tracks"], fitting.duplicates)
    below = {key_of(row): row["parent_model"] for row in content["scores"] if row["parent_model"]}
    for stem, forms, blocks, dropped in _stems(content, fitting):
        labels = [clusters[track] for track in forms.tracks]
        parents = frozenset(below[k] for t in forms.tracks if (k := (*t, *stem)) in below)
        fits[stem] = _fit(stem, forms, blocks, labels, parents, fitting)
        lost = {"dropped": dropped}
        decision.regret.extend(row | lost for row in fits[stem].regret)
        decision.front.extend(row | lost for row in _front(stem, forms, fitting))
    if not fits:
        decision.notes.append(_why_nothing(content, fitting))
        return decision
    _add_recipes(decision, fits, content, fitting, run)
    return decision


def _clusters(tracks: Rows, duplicates: pl.DataFrame | None) -> dict[tuple[str, str], str]:
    """Return the cluster label of each track."""
    names = ("dataset", "track_id", "artist")
    columns = {name: [row[name] for row in tracks] for name in names}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    return {row[:2]: row[2] for row in cluster_labels(frame, duplicates).iter_rows()}


@dataclass(frozen=True)
class _Fit:
    """What was fitted to one stem."""

    regret: list[Row]
    chosen: Choice
    paper: Choice
    held_out: list[Row]


def _fit(
    stem: Stem,
    forms: StemForms,
    blocks: Mapping[tuple[str, str], list[Mapping[str, Any]]],
    artists: list[str],
    parents: frozenset[str],
    fitting: Fitting,
) -> _Fit:
    own = fitting.settings
    segments = [
        segment_oracle(blocks[t], forms.models, fitting.pair, fitting.rule, own.segment_s)
        for t in forms.tracks
    ]
    found = ledger(
        stem,
        forms,
        artists,
        np.array(segments),
        own.strategy,
        fitting.score,
        own.folds,
        own.seed,
    )
    chosen = Choice(
        found.weights,
        parents,
        found.oracle_gap,
        found.held_out_snr,
        found.established,
        found.gain,
    )
    rows = _held_out_rows(stem, forms, found, fitting)
    return _Fit(found.rows, chosen, _papers(forms, fitting, parents), rows)


def _add_recipes(
    decision: Decision,
    fits: Mapping[Stem, _Fit],
    content: Mapping[str, Rows],
    fitting: Fitting,
    run: str,
) -> None:
    """Add the recipes, the held-out rows that they may claim, and what is to be said of them."""
    whole = alone([stems.partition_of(row["stems"] or ()) for row in content["tracks"]])
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
            decision.scores.extend(fit.held_out)
    if files := _files(content):
        decision.notes.append(
            f"Recipes and the regret ledger leave {files} out: a recipe runs its models on new songs, "
            "and these are finished files."
        )
    facts = _facts(content, fitting, run)
    decision.recipes[HELD_OUT] = recipe.content(facts)
    papers = {stem: fit.paper for stem, fit in fits.items()}
    theirs = {"fitted_by": "the model that wins most tracks, per stem (the paper)"}
    paper = Recipe.of("paper", papers, fitting.blends, whole)
    decision.recipes["paper"] = paper.content(facts | theirs)


def _papers(forms: StemForms, fitting: Fitting, parents: frozenset[str]) -> Choice:
    """Return the paper's choice: the model that wins most tracks, with the truth at hand."""
    winner = most_selected(forms, fitting.score)
    singles = fitting.score(forms, np.eye(len(forms.models)))
    gap = float((singles.max(axis=0) - singles[int(np.argmax(winner))]).mean())
    return Choice({forms.models[int(np.argmax(winner))]: 1.0}, parents, gap)


def _files(content: Mapping[str, Rows]) -> str:
    """Name the finished estimates of other tools that have scores."""
    present = {str(row["model"]) for row in content["scores"] if row["status"] == "ok"}
    files = sorted(name for name in present if name.startswith(FILE_PREFIX))
    return ", ".join(files[:4]) + (" and others" if len(files) > 4 else "")


def _why_nothing(content: Mapping[str, Rows], fitting: Fitting) -> str:
    """Say why no stem could be fitted."""
    if not fitting.candidates and (files := _files(content)):
        return (
            f"No recipe is fitted: a recipe runs its models on new songs, and {files} are finished "
            "files. The leaderboard says which of them is best."
        )
    if not fitting.candidates:
        return "No recipe is fitted: the run has no model that could be chosen."
    return "No recipe is fitted: no stem has a track that all candidates share."


def _stems(
    content: Mapping[str, Rows], fitting: Fitting
) -> Iterator[tuple[Stem, StemForms, dict[tuple[str, str], list[Mapping[str, Any]]], int]]:
    """Yield each stem with the forms of its candidates, its measured blocks by track, and how many
    tracks with a score of some candidate lack a finite one of another.
    """
    good = [
        row
        for row in content["scores"]
        if row["status"] == "ok" and row["model"] in fitting.candidates
    ]
    keys = {key_of(row) for row in good}
    found = collect(content["forms"], keys)
    blocks: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in content["measurements"]:
        blocks.setdefault(key_of(row), []).append(row)
    for stem, tracks in sorted(found.items(), key=lambda item: _order(item[0])):
        named = {row["model"] for row in good if (row["parent"], row["stem"]) == stem[::2]}
        models = [m for m in fitting.candidates if m in named and _makes(m, stem, content)]
        forms = stack(stem[2], models, tracks) if models else None
        if forms is None or not len(forms):
            continue
        finite = np.isfinite(fitting.score(forms, np.eye(len(models)))).all(axis=0)
        if finite.any():
            kept = forms.at(finite)
            own = {t: blocks[(*t, *stem)] for t in kept.tracks}
            yield stem, kept, own, len(tracks) - len(kept)


def _order(stem: Stem) -> tuple[Any, ...]:
    return stems.sort_key(stem[0]), stem[1], stems.sort_key(stem[2])


def _makes(model: str, stem: Stem, content: Mapping[str, Rows]) -> bool:
    """Tell whether a model's own output of this name is what was scored, not a sum of outputs."""
    own = {
        row["stem"]
        for row in content["estimates"]
        if row["model"] == model and row["parent"] == stem[0]
    }
    listed = {name for row in content["tracks"] for name in row["stems"] or ()}
    for match in match_stems(stems.in_order(own), stems.partition_of(listed), listed):
        if match.stem == stem[2]:
            # where nobody makes the hi-hat, cymbals hold it
            return match.parts in ((stem[2],), ("cymbals",))
    return False


def _front(stem: Stem, forms: StemForms, fitting: Fitting) -> list[Row]:
    steps = greedy(forms, get_strategy(fitting.settings.strategy), fitting.score, fitting.cost)
    return [
        dict(zip(("parent", "parent_source", "stem"), stem, strict=True))
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


def _held_out_rows(stem: Stem, forms: StemForms, found: Ledger, fitting: Fitting) -> list[Row]:
    """Return rows of `scores`: every track under weights that were fitted without its artist."""
    columns = {
        name: each(forms, found.of_track, getattr(StemForms, name)) for name in LINEAR_SCORES
    }
    score = each(forms, found.of_track, fitting.score)
    return [
        dict(zip(KEY, (*track, *stem), strict=True))
        | {
            "model": RECIPE_PREFIX + HELD_OUT,
            "status": "ok",
            **{name: float(values[t]) for name, values in columns.items()},
            "paper_snr": float(columns[fitting.pair[0]][t]),
            "paper_sdr": float(columns[fitting.pair[1]][t]),
            "score": float(score[t]),
        }
        for t, track in enumerate(forms.tracks)
    ]


def _facts(content: Mapping[str, Rows], fitting: Fitting, run: str) -> dict[str, Any]:
    """Return the provenance that all recipes of a run share."""
    own = fitting.settings
    silent = {"estimates": tables.NOT_KEPT} if tables.none_kept(content["estimates"]) else {}
    return {
        "dataset": ", ".join(sorted({str(row["dataset"]) for row in content["tracks"]})),
        "tracks": len(content["tracks"]),
        "fitted_by": f"{own.strategy}, {own.folds} folds by artist, {fitting.rule} of "
        f"{' and '.join(fitting.pair)}",
        "run": run,
    } | silent
