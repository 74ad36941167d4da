"""What to deploy per stem, in words: from the table `deployment`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stemwise.report.leading import listed
from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import Row
from stemwise.report.tables import TextTable

BLEND, NOTHING = "blend", "nothing"
_TENTH = 0.1  # dB


def set_of(row: Row) -> str:
    """Return the models with their weights: "0.62 a + 0.38 b", of one model its name."""
    models, weights = row["models"] or [], row["weights"] or []
    if len(models) == 1 or len(models) != len(weights):
        return " + ".join(models)
    return " + ".join(f"{db(w)} {model}" for w, model in zip(weights, models, strict=True))


def held_out(row: Row) -> str:
    """Return the held-out score with its interval, and the SNR."""
    known = row["low"] is not None and row["high"] is not None
    sure = f"95 % {span_of(row['low'], row['high'], 1)}" if known else "no interval"
    snr = "" if row["snr"] is None else f"; SNR {db(row['snr'], 1)} dB"
    return f"{db(row['mean_score'], 1)} dB, {sure}{snr}"


def beaten_by(row: Row) -> str:
    """Return what a stem's best does not beat."""
    return "silence" if row["below"] == "silence" else f"the unprocessed {row['parent']}"


def beaten_sentence(row: Row) -> str:
    """Return by what the best that was found is beaten, with its held-out score and SNR."""
    best, score, snr = set_of(row) or "of these models", row["mean_score"], row["snr"]
    head = (
        f"the best found, {best}, scores {db(score, 1)} dB (SNR {db(snr, 1)} dB) on held-out tracks"
    )
    if row["below"] == "silence":
        return f"{head}, and silence has 0 dB."
    return f"{head}, with no better SNR than the unprocessed {row['parent']}."


def cost_sentence(row: Row) -> str:
    """Return what the choice costs, and what more would cost; empty where no cost is known."""
    cost = row["seconds_per_minute"]
    told = [] if cost is None else [f"{db(cost, 1)} s of work per minute of audio."]
    return " ".join([*told, *([more] if (more := more_sentence(row)) else [])])


def more_sentence(row: Row) -> str | None:
    """Return what a higher score than that of the choice would cost; None where it is the best."""
    best, own = row["best_score"], row["mean_score"]
    if not row["tenth_s"] or row["tenth_s"] < 0 or best is None or own is None or best <= own:
        return None
    gap, change = best - own, _change(row["models"] or [], row["best_models"] or [])
    if gap < _TENTH:
        return f"The best set found ({change}) has only {db(gap)} dB more, for {_costs(row)}."
    limit = f"; up to {db(gap, sign=True)} dB" if db(gap, 1) != db(_TENTH, 1) else ""
    return (
        f"+0.1 dB more would cost {db(row['tenth_s'], 1)} s per minute of audio ({change}{limit})."
    )


def _costs(row: Row) -> str:
    own, best = row["seconds_per_minute"], row["best_seconds_per_minute"]
    if own is None or best is None:
        return f"{db(row['tenth_s'], 1)} s per minute of audio and 0.1 dB"
    return f"{db(best - own, 1, sign=True)} s per minute of audio"


def _change(own: Sequence[str], best: Sequence[str]) -> str:
    """Return how the best set differs: "add a", "add a and b, drop c"."""
    more = [model for model in best if model not in own]
    less = [model for model in own if model not in best]
    told = [f"add {listed(more)}"] if more else []
    told += [f"drop {listed(less)}"] if less else []
    return ", ".join(told) or "other weights"


def gain_sentence(row: Row) -> str | None:
    """Return what a blend gains over the best single model; None where no blend is deployed."""
    if row["kind"] != BLEND or row["gain"] is None:
        return None
    if float(f"{row['gain']:.2f}") <= 0:
        return (
            "It scores above the best single model, but by no more than picking the luckiest of several "
            "blends would: expect the same score from it."
        )
    return (
        f"Expect {db(row['gain'], sign=True)} dB over the best single model (what was measured, shrunk, "
        "since only blends that measure well are kept)."
    )


def deployment_table(rows: Iterable[tuple[str, Row]]) -> TextTable:
    """Return what to deploy as a table of text.

    Args:
        rows: label of the stem, and its row of `deployment`.
    """
    columns = ("stem", "deploy", "score dB", "95 %", "SNR dB", "gain dB", "s/min", "more", "tracks")
    note = (
        "Held-out scores: of artists that nothing was fitted on. Gain: over the best single model, "
        "shrunk. s/min: seconds of work per minute of audio. More: what a further 0.1 dB costs in "
        "s/min, up to the best set found."
    )
    lines = tuple((stem, *_cells(row)) for stem, row in rows)
    return TextTable("deployment", "What to deploy", columns, lines, note)


def _cells(row: Row) -> tuple[str, ...]:
    what = f"nothing beats {beaten_by(row)}" if row["kind"] == NOTHING else set_of(row)
    more = row["tenth_s"]
    change = _change(row["models"] or [], row["best_models"] or [])
    return (
        what,
        db(row["mean_score"]),
        span_of(row["low"], row["high"]),
        db(row["snr"]),
        db(row["gain"], sign=True),
        db(row["seconds_per_minute"], 1),
        "–" if more is None else f"{db(more, 1, sign=True)} ({change})",
        str(row["tracks"]),
    )
