"""The report's answer in sentences: what to deploy, how surely, at what cost, and what to beware of."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stemwise.analysis.aggregate import REFERENCE_LINES
from stemwise.report.cautions import cautions
from stemwise.report.deployment import (
    BLEND,
    NOTHING,
    beaten_sentence,
    cost_sentence,
    gain_sentence,
    held_out,
    set_of,
)
from stemwise.report.leading import listed, perfect, suspicion
from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import Row, RunTables, StemKey, finite, label

UNUSABLE = "nothing usable"


@dataclass(frozen=True)
class Verdict:
    """The answer for one stem.

    Attributes:
        key: the stem.
        kind: `blend`, `model` or `nothing` where the run says what to deploy; else `leads` (one model
            can be told apart from all others, or is alone), `tied` or `unknown`.
        models: what is deployed, or who leads: the first tie group, best first.
        weights: of the models of a blend; empty for all else.
        score: its mean score in dB; of a tie that of its first.
        sentence: beginning with the stem, what to use, how surely, and who ties.
        cost: what it costs, and what the last 0.1 dB would; may be empty.
        blend: what a blend gains on unseen tracks; empty where there is nothing to blend.
        cautions: what to know before relying on it.
    """

    key: StemKey
    kind: str
    models: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    score: float | None = None
    sentence: str = ""
    cost: str = ""
    blend: str = ""
    cautions: tuple[str, ...] = ()


def verdict(run: RunTables, key: StemKey) -> Verdict:
    """Return the answer for one stem.

    It is from `deployment`; where a run has no such table (imported scores, or an older version's run),
    from `leaderboard`, `comparisons` and `regret`, and names the winner of no tie.
    """
    every = sorted(run.rows("leaderboard", key), key=lambda row: row["rank"])
    board = finite(every)
    odd = suspicion(perfect(every))
    for row in run.rows("deployment", key):
        return _deployed(run, key, row, board, odd)
    if not board:
        said = f"{label(key)}: {_nothing(run, key)}"
        return Verdict(key, "unknown", sentence=said, cautions=(odd,) if odd else ())
    return _leading(run, key, board, odd)


def _deployed(run: RunTables, key: StemKey, row: Row, board: list[Row], odd: str | None) -> Verdict:
    pairs, models = run.rows("comparisons", key), tuple(row["models"] or ())
    if row["kind"] == NOTHING:
        said = f"{label(key)}: {UNUSABLE}; {beaten_sentence(row)}"
        return Verdict(key, NOTHING, sentence=said, cautions=(odd,) if odd else ())
    said = f"{label(key)}: deploy {set_of(row)} ({held_out(row)})"
    ties = "; it is the only model with this stem" if len(board) == 1 else ""
    if len(models) == 1 and len(board) > 1:
        ties = _of_the_chosen(models[0], board, pairs)
    return Verdict(
        key,
        row["kind"],
        models,
        tuple(row["weights"] or ()) if row["kind"] == BLEND else (),
        row["mean_score"],
        f"{said}{ties}.",
        cost_sentence(row),
        gain_sentence(row) or (blend_sentence(run.rows("regret", key)) if len(board) > 1 else ""),
        cautions(run, key, board, models, odd),
    )


def _leading(run: RunTables, key: StemKey, board: list[Row], odd: str | None) -> Verdict:
    first = board[0]
    tied = tuple(row["model"] for row in board if row["tie_group"] == first["tie_group"])
    said = f"{label(key)}: {first['model']} ({_sure(first)})"
    ties = _ties(first["model"], board, run.rows("comparisons", key))
    if len(board) == 1:
        said += "; it is the only model with this stem"
    elif len(tied) > 1:
        leader = f"{first['model']} has the best mean ({_sure(first)})"
        said = f"{label(key)}: no single winner; {leader}{ties}"
    else:
        said += ties
    rows = run.rows("regret", key)
    # of imported scores no blend can be known, which the section says once
    blend = "" if len(board) == 1 or run.imported else blend_sentence(rows)
    return Verdict(
        key,
        "tied" if len(tied) > 1 else "leads",
        tied,
        score=first["mean_score"],
        sentence=f"{said}.",
        blend=blend,
        cautions=cautions(run, key, board, tied[:1], odd),
    )


def _sure(row: Row) -> str:
    known = row["low"] is not None and row["high"] is not None
    sure = f"95 % {span_of(row['low'], row['high'], 1)}" if known else "no interval"
    return f"{db(row['mean_score'], 1)} dB, {sure}"


def made_by(run: RunTables, key: StemKey) -> list[str]:
    """Return the models that have rows of a stem, reference lines apart."""
    frame = run.of_stem("scores", key).filter(~pl.col("model").is_in(REFERENCE_LINES))
    return frame["model"].unique().sort().to_list()


def _nothing(run: RunTables, key: StemKey) -> str:
    frame = run.of_stem("scores", key)
    if not made_by(run, key):
        return "no model of this run makes this stem."
    if (frame["status"] == "silent_reference").all():
        return "silent in every track, so nothing can be said."
    if not (frame["status"] == "ok").any():
        return "no model has a score here, so nothing can be said."
    if run["leaderboard"].is_empty():
        return "this run has no leaderboard; `stemwise report` with its output= makes one."
    return "no track on which every model has a finite score, so nothing can be compared."


def _of_the_chosen(model: str, board: list[Row], pairs: list[Row]) -> str:
    """Say who cannot be told apart from the deployed model, and whether it costs least of them."""
    tied = _tied_with(model, board, pairs)
    costs = [row["seconds_per_minute"] for row in board if row["model"] in (model, *tied)]
    own = next((row["seconds_per_minute"] for row in board if row["model"] == model), None)
    least = tied and None not in costs and own == min(costs) and costs.count(own) == 1
    return _ties(model, board, pairs) + (", and it costs least" if least else "")


def _ties(model: str, board: list[Row], pairs: list[Row]) -> str:
    """Say who cannot be told apart from a model."""
    tied = _tied_with(model, board, pairs)
    if not tied:
        return "; it can be told apart from all others"
    told = [_needed(name, pair) for name, pair in list(tied.items())[:3]]
    if len(tied) > 3:
        told.append(f"{len(tied) - 3} more")
    return f"; {listed(told, 4)} cannot be told apart from it"


def _tied_with(model: str, board: list[Row], pairs: list[Row]) -> dict[str, Row]:
    """Return the models that cannot be told apart from one, best first, with the pair's row."""
    between = {
        row["model_b"] if row["model_a"] == model else row["model_a"]: row
        for row in pairs
        if model in (row["model_a"], row["model_b"]) and not row["told_apart"]
    }
    others = [row["model"] for row in board if row["model"] != model]
    return {name: between[name] for name in others if name in between}


def _needed(model: str, pair: Row) -> str:
    needed = pair["tracks_needed"]
    return model if needed is None else f"{model} (about {needed} tracks would be needed)"


def blend_sentence(rows: list[Row]) -> str:
    """Return what the deployable recipe gains over the best single model on held-out tracks."""
    by_level = {row["level"]: row for row in rows}
    if not by_level:
        return "No ledger for this stem, so no blend is promised."
    recipe = by_level.get("recipe")
    if recipe is None or recipe["gain"] is None:
        return "Nothing could be held out (fewer than two artists), so no blend is promised."
    gain, low, high = (recipe[name] for name in ("gain", "gain_low", "gain_high"))
    if gain == low == high == 0:
        return "Another model was never worth its cost: use the single model."
    if low is None or high is None:
        return "The blend's gain has no interval, so it is not promised: use the single model."
    if low > 0:
        measured, shrunken = f"{db(gain)} dB ({span_of(low, high)})", recipe["gain_shrunken"]
        if shrunken is not None and db(shrunken) == "0.00":
            return (
                f"A blend measured {measured} better on unseen tracks, which is no more than picking "
                "the luckiest of several blends would give: expect nothing of it."
            )
        if shrunken is None or db(shrunken) == db(gain):
            return f"Blending gains {measured} on unseen tracks."
        return (
            f"Blending gains about {db(shrunken)} dB on unseen tracks (measured {measured}; shrunk, "
            "since only blends that measure well are kept)."
        )
    return (
        f"No blend gained with certainty ({db(gain, sign=True)} dB, {span_of(low, high)} on unseen "
        "tracks): use the single model."
    )


def routing_sentence(row: Row) -> str:
    """Return what routing by genre gains on held-out tracks, from a row of `genre_effects`."""
    gain, low, high = row["routing_gain"], row["low"], row["high"]
    if gain is None:
        return "nothing could be held out, so routing by genre is not judged"
    shown = f"{db(gain, sign=True)} dB ({span_of(low, high)})"
    if low is not None and low > 0:
        return f"routing by genre gains {shown} on unseen tracks: it pays"
    if high is not None and high < 0:
        return f"routing by genre gains {shown} on unseen tracks: it costs, so one recipe for all"
    return f"routing by genre gains {shown} on unseen tracks: one recipe for all"
