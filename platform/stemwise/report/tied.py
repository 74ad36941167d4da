"""Which models of a ranking tie: maximal runs of neighbours none of whose pairs can be told apart.

These are the bars of a critical-difference diagram (Demšar 2006, "Statistical comparisons of classifiers
over multiple data sets", section 3.2.2). A run is not a tie group of the leaderboard, which is a leader
and whoever ties with it: "cannot be told apart" is not transitive, so runs may overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Run = tuple[int, int]


def tied_runs(models: Sequence[str], pairs: Iterable[Mapping[str, Any]]) -> list[Run]:
    """Return first and last position of every maximal run of two or more models that tie.

    Args:
        models: from best to worst.
        pairs: rows of `comparisons`; a pair that is not among them, or was not tested, ties.
    """
    place = {model: index for index, model in enumerate(models)}
    # where a run that reaches down to a model can begin at the earliest
    first = [0] * len(models)
    for row in pairs:
        a, b = place.get(row["model_a"]), place.get(row["model_b"])
        if row["told_apart"] and a is not None and b is not None:
            last = max(a, b)
            first[last] = max(first[last], min(a, b) + 1)
    for index in range(1, len(models)):
        first[index] = max(first[index], first[index - 1])
    ends = [i for i in range(len(models)) if i + 1 == len(models) or first[i + 1] > first[i]]
    return [(first[end], end) for end in ends if end > first[end]]


def columns_of(runs: Sequence[Run]) -> list[int]:
    """Return a column for each run so that runs of one column do not touch; `runs` begin in order."""
    ends: list[int] = []
    columns = []
    for start, end in runs:
        free = next((c for c, last in enumerate(ends) if last < start), len(ends))
        ends[free : free + 1] = [end]
        columns.append(free)
    return columns


def were_tested(pairs: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether any pair was tested (of one artist none can be, and infinite scores need not be)."""
    return any(row["p_adjusted"] is not None for row in pairs)
