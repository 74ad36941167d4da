"""Runs side by side: what each would deploy, and models that several of them ran, on the same songs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from stemwise.analysis.aggregate import REFERENCE_LINES
from stemwise.analysis.comparisons import comparisons, leaderboard
from stemwise.analysis.dependence import duplicates_of
from stemwise.analysis.matched import Matched, by_stem
from stemwise.core.types import HELD_OUT, RECIPE_PREFIX
from stemwise.selection.keys import STEM, TRACK

Row = dict[str, Any]
# what a run would deploy, scored on held-out artists
ANSWER = RECIPE_PREFIX + HELD_OUT
_FACTS = (*TRACK, "artist", "genre", "fingerprint")
_ALIKE_DB = 1e-9


@dataclass(frozen=True)
class RunSide:
    """A finished run among others.

    Attributes:
        name: unique among them.
        scores: its rows of `scores`.
        tracks: its rows of `tracks`.
        cost: seconds of compute per minute of audio by (parent, parent source, stem, model).
    """

    name: str
    scores: pl.DataFrame
    tracks: pl.DataFrame
    cost: Mapping[tuple[str, str, str, str], float | None]


def between_runs(runs: Sequence[RunSide], seed: int = 0) -> tuple[list[Row], list[Row]]:
    """Return the rows of `sweep_scores` and `sweep_pairs`: ranked runs per stem, and all pairs of them.

    Means are over the songs on which all runs with a stem have a finite score, matched by dataset and
    track id; intervals and tests are those of `comparisons`. They are of what runs would deploy, and of
    each model that several ran and that scores differently in them.

    Args:
        runs: of one protocol, in the order that breaks ties.
        seed: of the permutations.
    """
    songs = pl.concat([run.tracks.select(_FACTS) for run in runs], how="vertical_relaxed")
    songs = songs.unique(TRACK, keep="first", maintain_order=True)
    twice, names = duplicates_of(songs), [run.name for run in runs]
    boards: list[Row] = []
    pairs: list[Row] = []
    for model in _models(runs):
        scores = pl.concat([_renamed(run, model) for run in runs])
        for matched in by_stem(scores, songs, names, duplicates=twice):
            if not (matched.tracks or matched.extremes) or (model != ANSWER and _alike(matched)):
                continue
            found = comparisons(matched, seed)
            boards += _board(matched, found, model, runs)
            pairs += [_pair(row, model) for row in found]
    return boards, pairs


def _models(runs: Sequence[RunSide]) -> Iterator[str]:
    """Yield what several runs have scores of: what they would deploy first."""
    counted: dict[str, int] = {}
    for run in runs:
        for model in run.scores["model"].unique(maintain_order=True):
            counted[model] = counted.get(model, 0) + 1
    yield ANSWER
    left_out = {ANSWER, *REFERENCE_LINES}
    yield from (model for model, count in counted.items() if count > 1 and model not in left_out)


def _renamed(run: RunSide, model: str) -> pl.DataFrame:
    """Return the scores of one model under the name of its run."""
    own = run.scores.filter(pl.col("model") == model)
    name = pl.lit(run.name, pl.String).alias("model")
    return own.select(*TRACK, name, *STEM, "score", "status")


def _alike(matched: Matched) -> bool:
    """Tell whether a model scores the same in all runs, so that there is nothing to compare."""
    values = matched.values
    return len(values) < 2 or not values.size or float(np.ptp(values, axis=0).max()) < _ALIKE_DB


def _board(
    matched: Matched, pairs: Sequence[Row], model: str, runs: Sequence[RunSide]
) -> Iterator[Row]:
    costs = {run.name: run.cost.get((*matched.stem, model)) for run in runs}
    for row in leaderboard(matched, pairs, costs, {}):
        name = row.pop("model")
        yield {**row, "model": model, "run": name}


def _pair(row: Row, model: str) -> Row:
    own = {key: value for key, value in row.items() if key not in ("model_a", "model_b")}
    return {**own, "model": model, "run_a": row["model_a"], "run_b": row["model_b"]}
