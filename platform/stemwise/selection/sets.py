"""Which sets of models are tried, and which of them is worth its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import optimize

Float = npt.NDArray[np.float64]
Models = tuple[str, ...]
_MOST = 130  # sets beyond pairs: each is fitted some fifteen times
# of the cost of a set, so that costs of all stems together come first
_OWN_COST, _BETTER = 1e-4, 1e-6


def candidate_sets(models: Sequence[str]) -> tuple[Models, ...]:
    """Return every set of models, the small ones first; of many models the small sets and all of them.

    Up to 7 models these are all sets; of 8 and 9, those of up to three models; of more, up to two.
    """
    found: list[Models] = [(model,) for model in models]
    for size in range(2, len(models)):
        larger = list(combinations(models, size))
        if size > 2 and len(found) + len(larger) > _MOST:
            break
        found += larger
    return tuple(found if len(models) == 1 else [*found, tuple(models)])


def cost_of(models: Sequence[str], cost: Mapping[str, float | None]) -> float | None:
    """Return the seconds of compute per minute of audio of a set; None where a model's is unknown."""
    known = [cost.get(model) for model in models]
    return None if None in known else float(sum(value or 0.0 for value in known))


def cheapest_alone(
    sets: Sequence[Models],
    scores: Float,
    enough: npt.NDArray[np.bool_],
    cost: Mapping[str, float | None],
) -> int:
    """Return the position of the cheapest set that is good enough; of equally cheap ones the best.

    Where the cost of a model is not known, all models cost the same.
    """
    allowed = [int(number) for number in np.flatnonzero(enough)]
    costs = [cost_of(sets[number], cost) for number in allowed]
    unknown = None in costs
    keys = [
        (len(sets[number]) if unknown else own, -scores[number])
        for number, own in zip(allowed, costs, strict=True)
    ]
    return allowed[min(range(len(keys)), key=keys.__getitem__)]


@dataclass(frozen=True)
class Offer:
    """What one stem would do with: sets of models that are good enough, and how good.

    Attributes:
        sets: models of each.
        scores: mean score of each in dB.
    """

    sets: tuple[Models, ...]
    scores: tuple[float, ...]


def cheapest(offers: Sequence[Offer], cost: Mapping[str, float | None]) -> list[int]:
    """Choose a set for every stem so that all models together cost the least; return positions.

    A model that one stem needs anyway costs nothing more for another. Among choices that cost the same,
    each stem takes the set that is cheapest alone, then the best one. Where the cost of a model is not
    known, all cost the same. It is solved exactly, as an integer program.
    """
    if not offers:
        return []
    models = sorted({model for offer in offers for group in offer.sets for model in group})
    unknown = any(cost.get(model) is None for model in models)
    price = {model: 1.0 if unknown else float(cost[model] or 0.0) for model in models}
    unit = max(sum(price.values()), 1e-12)
    column = {model: place for place, model in enumerate(models)}
    weights = [price[model] / unit for model in models]
    rows: list[tuple[dict[int, float], float, float]] = []
    starts = []
    for offer in offers:
        starts.append(len(weights))
        best = max(offer.scores)
        for group, score in zip(offer.sets, offer.scores, strict=True):
            own = sum(price[model] for model in group) / unit
            # a set that is taken has its models run
            rows += [({len(weights): 1.0, column[m]: -1.0}, -np.inf, 0.0) for m in group]
            weights.append(_OWN_COST * own + _BETTER * min(best - score, 100.0) / 100)
        rows.append((dict.fromkeys(range(starts[-1], len(weights)), 1.0), 1.0, 1.0))
    chosen = _solve(np.array(weights), rows)
    ends = [*starts[1:], len(weights)]
    return [int(np.argmax(chosen[a:b])) for a, b in zip(starts, ends, strict=True)]


def _solve(weights: Float, rows: Sequence[tuple[dict[int, float], float, float]]) -> Float:
    """Minimise weights·z over z of zeros and ones with low ≤ row·z ≤ high for each row."""
    from scipy.sparse import lil_array

    matrix = lil_array((len(rows), len(weights)))
    for number, (entries, _, _) in enumerate(rows):
        for place, value in entries.items():
            matrix[number, place] = value
    low, high = (np.array([row[side] for row in rows]) for side in (1, 2))
    found = optimize.milp(
        weights,
        constraints=optimize.LinearConstraint(matrix.tocsr(), low, high),
        integrality=np.ones(len(weights)),
        bounds=optimize.Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    return np.asarray(np.round(found.x))
