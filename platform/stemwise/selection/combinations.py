"""Which models belong together: every subset, and a greedy path that weighs gain against cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import Score, Strategy, finite_mean, simplex_grid

Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One step of the greedy path: the model added, all so far, their weights, mean score, cost."""

    model: str
    models: tuple[str, ...]
    weights: tuple[float, ...]
    mean_score: float
    seconds_per_minute: float | None


def greedy(
    forms: StemForms, strategy: Strategy, score: Score, cost: Mapping[str, float | None]
) -> list[Step]:
    """Return the path that adds, one by one, the model that raises the mean score most.

    Weights are fitted on these very tracks, so the scores flatter larger sets a little; what is held
    out is in the regret ledger. `cost` is each model's seconds per minute of audio; the cost of a set
    is unknown where a member's is.
    """
    path: list[Step] = []
    left = list(forms.models)
    while left:
        so_far = path[-1].models if path else ()
        tried = [_fit(forms.only((*so_far, m)), strategy, score) for m in left]
        best = int(np.argmax([mean for _, mean in tried]))
        models = (*so_far, left.pop(best))
        weights, mean = tried[best]
        known = [cost.get(model) for model in models]
        total = None if None in known else float(sum(value or 0.0 for value in known))
        path.append(Step(models[-1], models, tuple(map(float, weights)), mean, total))
    return path


def _fit(forms: StemForms, strategy: Strategy, score: Score) -> tuple[Float, float]:
    weights = strategy(forms, score)
    return weights, float(finite_mean(score(forms, weights)))


def subsets(models: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield every non-empty subset, the small ones first."""
    for size in range(1, len(models) + 1):
        yield from combinations(models, size)


def sweep(forms: StemForms, score: Score, steps: int) -> tuple[Float, Float]:
    """Score every blend k/steps of every subset of the models.

    Returns:
        Weights `(blends, models)`, each blend once, and mean scores over tracks `(blends,)`.
    """
    weights = simplex_grid(len(forms.models), steps)
    means = [
        finite_mean(score(forms, part))
        for part in np.array_split(weights, max(1, len(weights) // 2048))
    ]
    return weights, np.concatenate(means)
