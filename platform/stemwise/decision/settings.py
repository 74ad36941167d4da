"""The settings of deciding, as conf/decision gives them."""

from __future__ import annotations

from dataclasses import dataclass

from stemwise.analysis.stem_fit import PARSIMONIES
from stemwise.core.checks import in_range, one_of
from stemwise.selection.weights import get_strategy


@dataclass(frozen=True)
class DecisionSettings:
    """How recipes are fitted (conf/decision).

    Args:
        strategy: how weights are fitted (`selection/weights.py`).
        parsimony: `one_se` deploys the cheapest set of models whose held-out score is less than one
            standard error of the difference below the best set's; `none`, a blend of all models.
        worth_db: what a dearer set must gain at the least to be deployed by `one_se`.
        folds: parts of the tracks that are held out in turn, no artist in two of them.
        segment_s: segment of the segment oracle in seconds.
        seed: of folds, bootstraps and permutations.
        cross_stem: whether weights over the estimates of all stems are tried beside the blend of
            `strategy`, and taken where they gain over it (`selection/cross_stem.py`).
    """

    strategy: str = "simplex"
    parsimony: str = "one_se"
    worth_db: float = 0.1
    folds: int = 5
    segment_s: float = 10.0
    seed: int = 0
    cross_stem: bool = False

    def __post_init__(self) -> None:
        get_strategy(self.strategy)
        one_of("decision.parsimony", self.parsimony, PARSIMONIES)
        in_range("decision.worth_db", self.worth_db, least=0)
        in_range("decision.folds", self.folds, least=2)
        in_range("decision.segment_s", self.segment_s, above=0)
        in_range("decision.seed", self.seed, least=0)
