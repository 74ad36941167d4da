"""What a gate says, as a table for people and as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stemwise.analysis.gate import StemCheck
from stemwise.analysis.noninferiority import FAILED, PASSED, UNDECIDED, Outcome
from stemwise.report.tables import TextTable, number

WORDS: dict[Outcome, str] = {PASSED: "passed", FAILED: "FAILED", UNDECIDED: "too few songs"}
_COLUMNS = (
    "stem",
    "result",
    "difference",
    "bound",
    "margin",
    "songs",
    "artists",
    "needed",
    "model",
)
_NOTE = (
    "Difference: mean of run − baseline in dB on matched songs. Bound: of its one-sided {level:g} % "
    "interval, artists as clusters; a stem passes where it lies above −margin. Needed: songs that "
    "decide in 4 of 5 studies if both are equally good."
)


def gate_table(checks: Sequence[StemCheck], alpha: float) -> TextTable:
    """Return one row per stem."""
    rows = [
        (
            check.label,
            WORDS[check.outcome],
            _signed(check.comparison.difference),
            _signed(_bound(check)),
            f"{check.margin:g}",
            str(check.comparison.tracks),
            str(check.comparison.artists),
            number(check.comparison.tracks_needed, 0),
            _models(check),
        )
        for check in checks
    ]
    note = _NOTE.format(level=100 * (1 - alpha))
    return TextTable("check", "Not worse than the baseline?", _COLUMNS, tuple(rows), note)


def gate_json(checks: Sequence[StemCheck], facts: dict[str, Any]) -> dict[str, Any]:
    """Return `facts` and, under `stems`, everything that is known of each; unknown is null."""
    return {**facts, "stems": [_described(check) for check in checks]}


def _described(check: StemCheck) -> dict[str, Any]:
    parent, source, stem = check.stem
    found = check.comparison
    return {
        "parent": parent,
        "parent_source": source,
        "stem": stem,
        "outcome": check.outcome,
        "reason": check.reason,
        "model": check.model,
        "baseline_model": check.baseline_model,
        "margin_db": check.margin,
        "difference_db": found.difference,
        "low_db": found.low,
        "high_db": found.high,
        "p_value": found.p_value,
        "songs": found.tracks,
        "artists": found.artists,
        "songs_needed": found.tracks_needed,
        "artists_needed": found.artists_needed,
        "songs_lost": list(check.lost),
        "songs_unmatched": check.unmatched,
    }


def _bound(check: StemCheck) -> float | None:
    """Return the bound that the outcome rests on: the upper one where the run is worse."""
    found = check.comparison
    return found.high if found.outcome == FAILED else found.low


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"


def _models(check: StemCheck) -> str:
    if check.model in (None, check.baseline_model):
        return check.baseline_model if check.model else "–"
    return f"{check.model} / {check.baseline_model}"
