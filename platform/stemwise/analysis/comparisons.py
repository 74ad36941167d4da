"""Who is better, and how surely: every pair of models of a stem, and the groups that tie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stemwise.analysis.clusters import LEVEL, clusters_of, interval, tracks_needed
from stemwise.analysis.matched import STEM_KEY, Extreme, Matched
from stemwise.analysis.multiplicity import Family, family

Row = dict[str, Any]


def comparisons(matched: Matched, seed: int = 0) -> list[Row]:
    """Return one row per pair of models, the better one as `model_a`.

    `difference` is the mean of A − B in dB over matched tracks; `low` and `high` are its 95 % interval
    and `p_value` the test of the pair alone. `low_adjusted`, `high_adjusted` and `p_adjusted` hold for
    all pairs of the stem together (`multiplicity`): the interval leaves 0 out just where `told_apart`,
    which is p_adjusted < 0.05. `tracks_needed` says about how many tracks would show a difference of
    this size in that test. A model whose scores are all infinite differs without a test.
    """
    order = _best_first(matched)
    first, second = (np.array(found, dtype=np.intp) for found in np.triu_indices(len(order), 1))
    a, b = order[first], order[second]
    found = None
    if len(set(matched.artists)) > 1 and len(a):
        found = family(matched.values, clusters_of(matched.artists), a, b, seed)
    rows = [_pair(matched, a[k], b[k], found, k) for k in range(len(a))]
    return [*rows, *_beside_extremes(matched)]


def _best_first(matched: Matched) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return positions of the models by mean score; ties stay in the given order."""
    if not matched.tracks:
        return np.zeros(0, dtype=np.intp)
    return np.argsort(-matched.values.mean(axis=1), kind="stable")


def _pair(matched: Matched, a: int, b: int, found: Family | None, place: int) -> Row:
    differences = matched.values[a] - matched.values[b]
    row = _head(matched, matched.models[a], matched.models[b]) | {
        "tracks": len(differences),
        "artists": len(set(matched.artists)),
        "difference": float(differences.mean()),
        "win_rate": float(np.mean(differences > 0) + np.mean(differences == 0) / 2),
    }
    if found is None:
        return row
    low, high = interval(differences, matched.artists)
    half = float(found.critical[place] * found.error[place])
    told_apart = bool(found.p_adjusted[place] < LEVEL)
    needed = tracks_needed(differences, matched.artists, float(found.critical[place]))
    if not told_apart and needed is not None and needed <= len(differences):
        needed = None  # signs that are flipped need not agree with a t-test at the edge
    return row | {
        "low": low,
        "high": high,
        "low_adjusted": row["difference"] - half,
        "high_adjusted": row["difference"] + half,
        "p_value": float(found.p_value[place]),
        "p_adjusted": float(found.p_adjusted[place]),
        "told_apart": told_apart,
        "tracks_needed": needed,
    }


def _head(matched: Matched, a: str, b: str) -> Row:
    unknown = ("low", "high", "low_adjusted", "high_adjusted", "p_value", "p_adjusted")
    return {
        **dict(zip(STEM_KEY, matched.stem, strict=True)),
        "model_a": a,
        "model_b": b,
        **dict.fromkeys((*unknown, "told_apart", "tracks_needed")),
    }


def _beside_extremes(matched: Matched) -> list[Row]:
    """Return the pairs of which a model's scores are all infinite."""
    rows: list[Row] = []
    for place, one in enumerate(matched.extremes):
        others = [(other.model, other.value) for other in matched.extremes[place + 1 :]]
        for model, value in [*((m, 0.0) for m in matched.models), *others]:
            same, better = one.value == value, one.value > value
            a, b = (one.model, model) if better or same else (model, one.model)
            rows.append(
                _head(matched, a, b)
                | {
                    "tracks": one.tracks,
                    "artists": one.artists,
                    "difference": 0.0 if same else np.inf,
                    "win_rate": 0.5 if same else 1.0,
                    "told_apart": not same,
                }
            )
    return rows


def tie_groups(models: Sequence[str], pairs: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the tie group of each model, 1 for the best.

    A group is its best model and those that tie with it; the first that does not opens
    the next group. `models` stand from best to worst.
    """
    apart = {frozenset((row["model_a"], row["model_b"])): bool(row["told_apart"]) for row in pairs}
    groups: dict[str, int] = {}
    leader, number = None, 0
    for model in models:
        if leader is None or apart[frozenset((leader, model))]:
            leader, number = model, number + 1
        groups[model] = number
    return groups


def leaderboard(
    matched: Matched,
    pairs: Sequence[Mapping[str, Any]],
    cost: Mapping[str, float | None],
    trained_here: Mapping[str, bool],
) -> list[Row]:
    """Return one row per model, best first: mean score with interval, tie group, cost, training.

    `rank_clean` is the rank among models that were not trained on this dataset. A model whose scores are
    all +inf or −inf has that as its mean and no interval.

    Args:
        matched: the scores.
        pairs: `comparisons` of the same.
        cost: seconds of compute per minute of audio by model.
        trained_here: models that were trained on this dataset, so that their scores flatter them.
    """
    finite = [_line(matched, int(index)) for index in _best_first(matched)]
    perfect = [_extreme(one) for one in matched.extremes if one.value > 0]
    hopeless = [_extreme(one) for one in matched.extremes if one.value < 0]
    rows = [*perfect, *finite, *hopeless]
    order = [row["model"] for row in rows]
    groups = tie_groups(order, pairs)
    clean = [model for model in order if not trained_here.get(model, False)]
    return [
        dict(zip(STEM_KEY, matched.stem, strict=True))
        | row
        | {
            "rank": rank,
            "rank_clean": clean.index(model) + 1 if model in clean else None,
            "tie_group": groups[model],
            "dropped": len(matched.dropped),
            "seconds_per_minute": cost.get(model),
            "trained_here": trained_here.get(model, False),
        }
        for rank, (model, row) in enumerate(zip(order, rows, strict=True), start=1)
    ]


def _line(matched: Matched, index: int) -> Row:
    low, high = interval(matched.values[index], matched.artists)
    return {
        "model": matched.models[index],
        "tracks": len(matched.tracks),
        "artists": len(set(matched.artists)),
        "mean_score": float(matched.values[index].mean()),
        "low": low,
        "high": high,
    }


def _extreme(one: Extreme) -> Row:
    counts = {"tracks": one.tracks, "artists": one.artists}
    return {"model": one.model, "mean_score": one.value, "low": None, "high": None} | counts
