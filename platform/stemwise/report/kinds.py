"""Kinds of ensembles per stem, as a table and in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stemwise.report.leading import listed
from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import Row
from stemwise.report.tables import TextTable

BEST_SINGLE, MEAN, BLEND = LINEAR = "best_single", "mean", "blend"
TITLE = "Kinds of ensembles"
WORDS = {
    BEST_SINGLE: "best single model",
    MEAN: "mean",
    BLEND: "fitted blend",
    "cross_stem": "all stems",
}
BEATS = "beats the blend"
_NOTE = (
    "gain: over the best single model, on the same tracks; model and weights are chosen without the "
    "track's artist. certain: other kinds of a stem are judged together (Holm). s per minute: compute "
    "of all models."
)
_COLUMNS = (
    "stem",
    "kind",
    "models",
    "score dB",
    "gain dB",
    "95 %",
    "certain",
    "s per minute",
    "note",
)


def kinds_table(rows: Iterable[tuple[str, Row]]) -> TextTable:
    """Return the rows of `kinds` as text, the best kind of a stem first.

    Args:
        rows: label of the stem, and its row, those of a stem in a row.
    """
    lines = tuple((stem, *_line(row)) for stem, row in rows)
    return TextTable("kinds", TITLE, _COLUMNS, lines, _NOTE)


def name_of(kind: str) -> str:
    """Return a kind's name for people."""
    return WORDS.get(kind, kind)


def verdict(rows: Sequence[tuple[str, Row]]) -> str:
    """Say of which stems another kind beats the fitted blend with certainty."""
    better: dict[str, list[str]] = {}
    for stem, row in rows:
        if row["note"] == BEATS:
            better.setdefault(stem, []).append(name_of(row["kind"]))
    kinds = {row["kind"] for _, row in rows}
    if not {MEAN, BLEND} & kinds:
        return "Each stem is made by one model, so there is no blend."
    if BLEND not in kinds:
        return "With one artist no blend is fitted, so nothing is held out."
    if not better:
        return "On no stem does another kind of ensemble beat the fitted blend with certainty."
    told = "; ".join(f"{stem}: {listed(own, 4)}" for stem, own in better.items())
    return f"Better than the fitted blend with certainty: {told}."


def _line(row: Row) -> tuple[str, ...]:
    models = row["models"]
    return (
        name_of(row["kind"]),
        models[0] if len(models) == 1 else str(len(models)),
        db(row["score"]),
        "–" if row["kind"] == BEST_SINGLE else db(row["gain"], sign=True),
        span_of(row["gain_low"], row["gain_high"]),
        "–" if row["established"] is None else "yes" if row["established"] else "no",
        db(row["seconds_per_minute"], 1),
        row["note"] or "",
    )
