"""Who is better, and how surely: every pair of models of a stem, and the groups that tie."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from stemwise.analysis.clusters import DRAWS, holm, interval, paired_p, tracks_needed
from stemwise.analysis.matched import STEM_KEY, Matched

Row = dict[str, Any]
LEVEL = 0.05


def comparisons(matched: Matched, seed: int = 0) -> list[Row]:
    """Return one row per pair of models, the better one as `model_a`.

    `difference` is the mean of A − B in dB over matched tracks with its 95 % interval (artists are
    drawn); `p_adjusted` is Holm's over all pairs of the stem; `told_apart` is p_adjusted < 0.05;
    `tracks_needed` says about how many tracks would show a difference of this size in that test.
    """
    names = [matched.models[i] for i in _best_first(matched)]
    pairs = list(combinations(names, 2))
    rows = [_pair(matched, a, b, seed) for a, b in pairs]
    for row, adjusted in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_adjusted"] = adjusted
        row["told_apart"] = None if adjusted is None else adjusted < LEVEL
        row["tracks_needed"] = _needed(matched, row, len(pairs))
    return rows


def _needed(matched: Matched, row: Row, pairs: int) -> int | None:
    """Return `tracks_needed` of a pair; None where it would contradict the test's own answer.

    With many artists p-values come from sign flips, which need not agree with a t-test at the edge,
    and which no number of tracks makes smaller than one of their patterns.
    """
    differences = matched.of(row["model_a"]) - matched.of(row["model_b"])
    needed = tracks_needed(differences, matched.artists, pairs, LEVEL)
    if needed is None or pairs >= LEVEL * DRAWS:
        return None
    return None if row["told_apart"] is False and needed <= row["tracks"] else needed


def _best_first(matched: Matched) -> list[int]:
    """Return positions of the models by mean score; ties stay in the given order."""
    if not matched.tracks:
        return []
    return [int(i) for i in np.argsort(-matched.values.mean(axis=1), kind="stable")]


def _pair(matched: Matched, a: str, b: str, seed: int) -> Row:
    differences = matched.of(a) - matched.of(b)
    low, high = interval(differences, matched.artists, seed=seed)
    return dict(zip(STEM_KEY, matched.stem, strict=True)) | {
        "model_a": a,
        "model_b": b,
        "tracks": len(differences),
        "artists": len(set(matched.artists)),
        "difference": float(differences.mean()),
        "low": low,
        "high": high,
        "win_rate": float(np.mean(differences > 0) + np.mean(differences == 0) / 2),
        "p_value": paired_p(differences, matched.artists, seed),
    }


def tie_groups(models: Sequence[str], pairs: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the tie group of each model, 1 for the best.

    A group is its best model and those that cannot be told apart from it; the first that can opens
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
    seed: int = 0,
) -> list[Row]:
    """Return one row per model, best first: mean score with interval, tie group, cost, training.

    `rank_clean` is the rank among models that were not trained on this dataset.

    Args:
        matched: the scores.
        pairs: `comparisons` of the same.
        cost: seconds of work per minute of audio by model.
        trained_here: models that were trained on this dataset, so that their scores flatter them.
        seed: of the bootstrap.
    """
    if not matched.tracks:
        return []
    means, order = matched.values.mean(axis=1), _best_first(matched)
    groups = tie_groups([matched.models[i] for i in order], pairs)
    clean = [matched.models[i] for i in order if not trained_here.get(matched.models[i], False)]
    rows: list[Row] = []
    for rank, index in enumerate(order, start=1):
        model = matched.models[index]
        low, high = interval(matched.values[index], matched.artists, seed=seed)
        rows.append(
            dict(zip(STEM_KEY, matched.stem, strict=True))
            | {
                "model": model,
                "rank": rank,
                "rank_clean": clean.index(model) + 1 if model in clean else None,
                "tie_group": groups[model],
                "tracks": len(matched.tracks),
                "artists": len(set(matched.artists)),
                "dropped": len(matched.dropped),
                "mean_score": float(means[index]),
                "low": low,
                "high": high,
                "seconds_per_minute": cost.get(model),
                "trained_here": trained_here.get(model, False),
            }
        )
    return rows
