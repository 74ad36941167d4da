"""The report's answer in sentences: which model, how surely, and whether a blend is worth it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stemwise.analysis.aggregate import REFERENCE_LINES
from stemwise.analysis.matched import STEM_KEY
from stemwise.core.stems import MIXTURE
from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import Row, RunTables, StemKey, finite, label


@dataclass(frozen=True)
class Verdict:
    """The answer for one stem.

    Attributes:
        key: the stem.
        best: the model that leads, or None where none can be named.
        score: its mean score in dB.
        sentence: beginning with the stem, who is best, how surely, and who ties.
        blend: what a blend gains on unseen tracks; empty where there is nothing to blend.
        cautions: what to know before relying on it.
    """

    key: StemKey
    best: str | None
    score: float | None
    sentence: str
    blend: str
    cautions: tuple[str, ...]


def verdict(run: RunTables, key: StemKey) -> Verdict:
    """Return the answer for one stem, from `leaderboard`, `comparisons` and `regret`."""
    board = sorted(finite(run.rows("leaderboard", key)), key=lambda row: row["rank"])
    blend = blend_sentence(run.rows("regret", key))
    if not board:
        return Verdict(key, None, None, f"{label(key)}: {_nothing(run, key)}", "", ())
    best = board[0]
    score = f"{db(best['mean_score'], 1)} dB"
    known = best["low"] is not None and best["high"] is not None
    sure = f", 95 % {span_of(best['low'], best['high'], 1)}" if known else ", no interval"
    sentence = f"{label(key)}: {best['model']} ({score}{sure})"
    if len(board) == 1:
        blend = ""  # of what?
        sentence += "; it is the only model with this stem"
    else:
        sentence += _ties(board, run.rows("comparisons", key))
    return Verdict(
        key, best["model"], best["mean_score"], f"{sentence}.", blend, _cautions(run, key, board)
    )


def made_by(run: RunTables, key: StemKey) -> list[str]:
    """Return the models that have rows of a stem, reference lines apart."""
    frame = run["scores"].filter(
        [pl.col(column) == value for column, value in zip(STEM_KEY, key, strict=True)],
        ~pl.col("model").is_in(REFERENCE_LINES),
    )
    return frame["model"].unique().sort().to_list()


def _nothing(run: RunTables, key: StemKey) -> str:
    frame = run["scores"].filter(
        [pl.col(column) == value for column, value in zip(STEM_KEY, key, strict=True)]
    )
    if not made_by(run, key):
        return "no model of this run makes this stem."
    if (frame["status"] == "silent_reference").all():
        return "silent in every track, so nothing can be said."
    if not (frame["status"] == "ok").any():
        return "no model has a score here, so nothing can be said."
    if run["leaderboard"].is_empty():
        return "this run has no leaderboard; `stemwise report` with its output= makes one."
    return "no track on which every model has a finite score, so nothing can be compared."


def _ties(board: list[Row], pairs: list[Row]) -> str:
    best = board[0]["model"]
    tied = [row["model"] for row in board[1:] if row["tie_group"] == board[0]["tie_group"]]
    if not tied:
        return "; it can be told apart from all others"
    between = {
        row["model_b"] if row["model_a"] == best else row["model_a"]: row
        for row in pairs
        if best in (row["model_a"], row["model_b"])
    }
    told = [_needed(model, between.get(model)) for model in tied[:3]]
    if len(tied) > 3:
        told.append(f"{len(tied) - 3} more")
    names = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"; {names} cannot be told apart from it"


def _needed(model: str, pair: Row | None) -> str:
    needed = pair["tracks_needed"] if pair else None
    return model if needed is None else f"{model} (about {needed} tracks would be needed)"


def _cautions(run: RunTables, key: StemKey, board: list[Row]) -> tuple[str, ...]:
    best = board[0]
    found = []
    if best["trained_here"]:
        clean = next((row for row in board if not row["trained_here"]), None)
        other = f"the best that was not is {clean['model']}" if clean else "so were all others"
        found.append(f"{best['model']} was trained on this dataset, which flatters it; {other}.")
    if best["tracks"] < 10:
        found.append(
            f"Only {counted(best['tracks'], 'track')} by {counted(best['artists'], 'artist')}."
        )
    if best["dropped"]:
        found.append(
            f"{counted(best['dropped'], 'track')} left out: not every model has a finite score there."
        )
    floor = _floor(run, key, best["model"])
    if floor is not None and floor >= 0:
        what = "mixture" if key[0] == MIXTURE else key[0]
        found.append(
            f"The untouched {what} scores {db(floor, 1)} dB more: separating does harm here."
        )
    return tuple(found)


def counted(number: int, noun: str) -> str:
    """Return "1 track", "2 tracks"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _floor(run: RunTables, key: StemKey, best: str) -> float | None:
    """Return how much the unprocessed input scores above `best`, on tracks where both have scores."""
    own = run["scores"].filter(
        [pl.col(column) == value for column, value in zip(STEM_KEY, key, strict=True)]
    )
    finite_score = pl.col("score").is_finite()
    both = own.filter(pl.col("status") == "ok", finite_score).pivot(
        "model", index=["dataset", "track_id"], values="score"
    )
    if not {MIXTURE, best} <= set(both.columns):
        return None
    gaps = both.select((pl.col(MIXTURE) - pl.col(best)).drop_nulls()).to_series()
    return None if gaps.is_empty() else float(gaps.mean())  # type: ignore[arg-type]


def blend_sentence(rows: list[Row]) -> str:
    """Return what the deployable recipe gains over the best single model on held-out tracks."""
    by_level = {row["level"]: row for row in rows}
    if not by_level:
        return "No ledger for this stem, so no blend is promised."
    recipe = by_level.get("recipe")
    if recipe is None or recipe["gain"] is None:
        return "Nothing could be held out (fewer than two artists), so no blend is promised."
    gain, low, high = (recipe[name] for name in ("gain", "gain_low", "gain_high"))
    if low is None or high is None:
        return "The blend's gain has no interval, so it is not promised: use the single model."
    if low > 0:
        measured, shrunken = f"{db(gain)} dB ({span_of(low, high)})", recipe["gain_shrunken"]
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
