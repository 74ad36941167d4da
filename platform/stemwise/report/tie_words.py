"""How a model compares with the others of its stem, in words."""

from __future__ import annotations

from collections.abc import Sequence

from stemwise.report.leading import listed
from stemwise.report.run_tables import Row

_NAMED = 2  # models of a short remark


def beside_the_rest(models: Sequence[str], board: Sequence[Row], pairs: Sequence[Row]) -> str:
    """Return in a few words why a model was chosen: alone, better than the others, or the cheapest."""
    if len(board) < 2:
        return "the only model for this stem"
    if len(models) != 1:
        return ""
    tied = tied_with(models[0], board, pairs)
    if not tied:
        return f"clearly the best of {len(board)}"
    names = listed(list(tied), _NAMED)
    return f"ties with {names}" + (", cheapest" if _costs_least(models[0], tied, board) else "")


def ties_sentence(model: str, board: Sequence[Row], pairs: Sequence[Row]) -> str:
    """Say which models tie with one, and how many tracks would settle it."""
    tied = tied_with(model, board, pairs)
    if not tied:
        return f"{model} scores higher than every other model (p < 0.05, adjusted for all pairs)."
    told = [_needed(name, pair) for name, pair in list(tied.items())[:3]]
    if len(tied) > 3:
        told.append(f"{len(tied) - 3} more")
    return f"{model} ties with {listed(told, 4)}."


def tied_with(model: str, board: Sequence[Row], pairs: Sequence[Row]) -> dict[str, Row]:
    """Return the models that tie with one, best first, with the pair's row."""
    between = {
        row["model_b"] if row["model_a"] == model else row["model_a"]: row
        for row in pairs
        if model in (row["model_a"], row["model_b"]) and not row["told_apart"]
    }
    others = [row["model"] for row in board if row["model"] != model]
    return {name: between[name] for name in others if name in between}


def _costs_least(model: str, tied: dict[str, Row], board: Sequence[Row]) -> bool:
    costs = {
        row["model"]: row["seconds_per_minute"] for row in board if row["model"] in (model, *tied)
    }
    if None in costs.values() or model not in costs:
        return False
    return costs[model] == min(costs.values()) and list(costs.values()).count(costs[model]) == 1


def _needed(model: str, pair: Row) -> str:
    needed = pair["tracks_needed"]
    return model if needed is None else f"{model} (it would take about {needed} tracks to decide)"
