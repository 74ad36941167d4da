"""What to deploy per stem, in words: from the table `deployment`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stemwise.report.leading import listed
from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import Row
from stemwise.report.tables import TextTable

BLEND, MODEL, NOTHING = "blend", "model", "nothing"
UNUSABLE = "unusable"
_TENTH = 0.1  # dB


def set_of(models: Sequence[str], weights: Sequence[float]) -> str:
    """Return models with their weights: "0.62 a + 0.38 b", of one model its name."""
    if len(models) == 1 or len(models) != len(weights):
        return " + ".join(models)
    return " + ".join(f"{db(w)} {model}" for w, model in zip(weights, models, strict=True))


def worth_of(row: Row) -> str:
    """Return in a few words what a blend brings."""
    gain = row["gain"]
    if gain is None:
        return "a blend"
    if float(f"{gain:.2f}") <= 0:
        return "no gain to expect over the best model"
    return f"{db(gain, sign=True)} dB over the best model"


def worth_sentence(row: Row) -> str | None:
    """Return what a blend gains over the best single model; None where no blend is deployed."""
    if row["kind"] != BLEND or row["gain"] is None:
        return None
    if float(f"{row['gain']:.2f}") <= 0:
        return (
            "The blend scored above the best single model, but the luckiest of several equally good "
            "blends would too: expect no gain."
        )
    return (
        f"Expect {db(row['gain'], sign=True)} dB over the best single model: the held-out gain, "
        "corrected for having picked the best blend."
    )


def more_sentence(row: Row) -> str | None:
    """Return what a higher score than that of the choice would cost; None where it is the best."""
    best, own = row["best_score"], row["mean_score"]
    if not row["tenth_s"] or row["tenth_s"] < 0 or best is None or own is None or best <= own:
        return None
    gap, change = best - own, _change(row["models"] or [], row["best_models"] or [])
    if gap < _TENTH:
        return f"The best blend found ({change}) scores only {db(gap)} dB more, for {_costs(row)}."
    limit = f"; {db(gap, sign=True)} dB at most" if db(gap, 1) != db(_TENTH, 1) else ""
    return f"Another 0.1 dB would cost {db(row['tenth_s'], 1)} s per minute of audio ({change}{limit})."


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


def deployment_table(rows: Iterable[tuple[str, Row]]) -> TextTable:
    """Return what to deploy as a table of text.

    Args:
        rows: label of the stem, and its row of `deployment`.
    """
    columns = ("stem", "deploy", "score dB", "95 %", "SNR dB", "gain dB", "s/min", "more", "tracks")
    note = (
        "Scores on held-out tracks, whose artists were not used for fitting. gain: over the best single "
        "model, corrected for the choice. s/min: seconds of compute per minute of audio. more: s/min "
        "that another 0.1 dB would cost, up to the best blend found."
    )
    lines = tuple((stem, *_cells(row)) for stem, row in rows)
    return TextTable("deployment", "What to deploy", columns, lines, note)


def _cells(row: Row) -> tuple[str, ...]:
    what = set_of(row["models"] or [], row["weights"] or [])
    if row.get("ensemble"):
        what = f"all stems of {listed(row['models'])}"
    if row["kind"] == NOTHING:
        beaten = "silence" if row["below"] == "silence" else f"the unprocessed {row['parent']}"
        what = f"{UNUSABLE}: {what or 'every model'} is no better than {beaten}"
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
