"""From the tables of a run to what to do: ledger, recipes that hold up, quality against cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise import stems
from stemwise.analysis.cross_fit import each
from stemwise.analysis.regret import Ledger, ledger
from stemwise.errors import ConfigError
from stemwise.measurement.matching import match_stems
from stemwise.selection.combinations import greedy
from stemwise.selection.oracle import KEY, key_of
from stemwise.selection.segments import segment_oracle
from stemwise.selection.stem_forms import LINEAR_SCORES, StemForms, collect, stack
from stemwise.selection.weights import get_strategy, most_selected
from stemwise.types import ESTIMATE, HELD_OUT, RECIPE_PREFIX, REFERENCE

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
        if self.folds < 2 or self.segment_s <= 0 or self.seed < 0:
            raise ConfigError(
                "decision: folds start at 2, segment_s is positive, seed is not negative."
            )


@dataclass(frozen=True)
class Decision:
    """What a run decides.

    Attributes:
        regret: rows of the table.
        front: rows of the table.
        scores: rows of `scores` of the model `recipe:deployable`, each track held out.
        recipes: content of the recipe YAMLs by name.
        notes: what could not be fitted, and why.
    """

    scores: list[Row] = field(default_factory=list)
    regret: list[Row] = field(default_factory=list)
    front: list[Row] = field(default_factory=list)
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fitting:
    """What is fitted, and by which score: the same for all stems."""

    candidates: Sequence[str]
    pair: tuple[str, str]
    rule: str
    settings: DecisionSettings
    cost: Mapping[str, float | None]

    def score(self, forms: StemForms, weights: Float) -> Float:
        """Return scores in dB, `(..., tracks)`."""
        return forms.score(weights, self.pair, self.rule)


def decide(content: Mapping[str, Rows], fitting: Fitting, run: str) -> Decision:
    """Fit every stem of a run.

    Args:
        content: rows of tracks, estimates, measurements, correlations and scores.
        fitting: candidates, score and settings.
        run: the run's name, for the provenance.
    """
    if not set(fitting.pair) <= set(LINEAR_SCORES):
        needs = ", ".join(fitting.pair)
        return Decision(notes=[f"No recipe is fitted: blends have no {needs} without their audio."])
    decision = Decision()
    artists = {(r["dataset"], r["track_id"]): r["artist"] for r in content["tracks"]}
    fitted: dict[Stem, Ledger] = {}
    papers: dict[Stem, Mapping[str, float]] = {}
    for stem, forms, blocks in _stems(content, fitting):
        segments = np.array(
            [
                segment_oracle(
                    blocks[t], forms.models, fitting.pair, fitting.rule, fitting.settings.segment_s
                )
                for t in forms.tracks
            ]
        )
        labels = [artists.get(t) or "/".join(t) for t in forms.tracks]
        own = fitting.settings
        found = ledger(
            stem, forms, labels, segments, own.strategy, fitting.score, own.folds, own.seed
        )
        decision.regret.extend(found.rows)
        decision.front.extend(_front(stem, forms, fitting))
        decision.scores.extend(_held_out_rows(stem, forms, found, fitting))
        fitted[stem] = found
        winner = most_selected(forms, fitting.score)
        papers[stem] = {forms.models[int(np.argmax(winner))]: 1.0}
    if fitted:
        facts = _facts(content, fitting, fitted, run)
        weights = {stem: found.weights for stem, found in fitted.items()}
        decision.recipes[HELD_OUT] = _recipe(HELD_OUT, weights, facts)
        chosen = {**facts, "fitted_by": "the model that wins most tracks, per stem (the paper)"}
        chosen = {k: v for k, v in chosen.items() if k not in ("held_out_snr", "established")}
        decision.recipes["paper"] = _recipe("paper", papers, chosen)
    else:
        decision.notes.append("No recipe is fitted: no stem has a track that all candidates share.")
    return decision


def _stems(
    content: Mapping[str, Rows], fitting: Fitting
) -> Iterator[tuple[Stem, StemForms, dict[tuple[str, str], list[Mapping[str, Any]]]]]:
    """Yield each stem with the forms of its candidates, and its measured blocks by track."""
    good = [
        row
        for row in content["scores"]
        if row["status"] == "ok" and row["model"] in fitting.candidates
    ]
    keys = {key_of(row) for row in good}
    found = collect(content["measurements"], content["correlations"], keys)
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
            yield stem, forms.at(finite), {t: blocks[(*t, *stem)] for t in forms.tracks}


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
            return match.parts == (stem[2],)
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


def _facts(
    content: Mapping[str, Rows], fitting: Fitting, fitted: Mapping[Stem, Ledger], run: str
) -> dict[str, Any]:
    """Return the provenance that all recipes of a run share."""
    served = {stem[2]: found for stem, found in fitted.items() if stem[1] != REFERENCE}
    own = fitting.settings
    return {
        "dataset": ", ".join(sorted({str(row["dataset"]) for row in content["tracks"]})),
        "tracks": len(content["tracks"]),
        "fitted_by": f"{own.strategy}, {own.folds} folds by artist, {fitting.rule} of "
        f"{' and '.join(fitting.pair)}",
        "held_out_snr": {
            stem: [None if v is None else round(v, 4) for v in found.held_out_snr]
            for stem, found in served.items()
        },
        "established": {stem: found.established for stem, found in served.items()},
        "oracle_gap_db": {stem: round(found.oracle_gap, 4) for stem, found in served.items()},
        "run": run,
    }


def _recipe(
    name: str, weights: Mapping[Stem, Mapping[str, float]], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a recipe's content: level-1 stems, and children of those that it makes."""
    top = {stem: own for (parent, _, stem), own in weights.items() if parent == stems.MIXTURE}
    named = [stem for stem in top if stem in stems.LEVEL1]
    # a two-stem model's instrumental is a stem of its own only where nothing else makes it up
    made = named if set(named) - {"vocals"} else [*named, *(s for s in top if s in _WHOLE)]
    children: dict[str, dict[str, Any]] = {}
    for (parent, source, stem), own in weights.items():
        if source == ESTIMATE and parent in made and stem in stems.PARENT:
            children.setdefault(parent, {})[stem] = _rounded(own)
    recipe: dict[str, Any] = {
        "name": name,
        "sample_rate": 44_100,
        "stems": {stem: _rounded(top[stem]) for stem in made},
    }
    if children:
        recipe["children"] = children
    if "other" not in made and stems.INSTRUMENTAL not in made:
        recipe["remainder"] = "other"
    return recipe | {"provenance": dict(provenance)}


def _rounded(weights: Mapping[str, float]) -> dict[str, float]:
    return {model: round(weight, 6) for model, weight in weights.items()}


_WHOLE = (stems.INSTRUMENTAL,)
