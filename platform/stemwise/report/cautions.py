"""What to know before relying on the answer for a stem: training data, few tracks, blind measures."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemwise.analysis.measures import blind_stems
from stemwise.core.stems import MIXTURE
from stemwise.report.leading import listed
from stemwise.report.run_tables import Row, RunTables, StemKey

_FEW = 10  # tracks


def cautions(
    run: RunTables, key: StemKey, board: list[Row], models: Sequence[str], odd: str | None
) -> tuple[str, ...]:
    """Return what to know before relying on an answer.

    Args:
        run: the tables.
        key: the stem.
        board: its leaderboard, without infinite means.
        models: what is deployed, or who leads.
        odd: what to think of models with infinite means.
    """
    found = [odd] if odd else []
    if key[2] in blind_stems(run["scores"]):
        found.append(
            "SI-SAR does not measure interference from other stems: do not decide by it alone."
        )
    used = [row for row in board if row["model"] in models]
    seen = [row["model"] for row in used if row["trained_here"]]
    if seen:
        clean = next((row for row in board if not row["trained_here"]), None)
        other = f"the best that was not is {clean['model']}" if clean else "so were all others"
        was, whose = ("was", "its score is") if len(seen) == 1 else ("were", "their scores are")
        found.append(
            f"{listed(seen)} {was} trained on this dataset, so {whose} flattering; {other}."
        )
    for row in used[:1]:
        found += _few(row)
    return tuple(found)


def _few(row: Row) -> list[str]:
    """Say how few tracks stand behind a row of the leaderboard, and how many do not."""
    found = []
    if row["tracks"] < _FEW:
        found.append(
            f"Only {counted(row['tracks'], 'track')} by {counted(row['artists'], 'artist')}."
        )
    if row["dropped"]:
        found.append(
            f"{counted(row['dropped'], 'track')} left out: not every model has a finite score there."
        )
    return found


def counted(number: int, noun: str) -> str:
    """Return "1 track", "2 tracks"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def beaten_by_input(run: RunTables, key: StemKey, best: str) -> bool:
    """Tell whether the unprocessed input scores at least as high as a model, on the tracks of both."""
    own = run.of_stem("scores", key)
    by = "snr" if key[2] in blind_stems(run["scores"]) else "score"
    both = own.filter(pl.col("status") == "ok", pl.col(by).is_finite()).pivot(
        "model", index=["dataset", "track_id"], values=by
    )
    if not {MIXTURE, best} <= set(both.columns):
        return False
    gaps = both.select((pl.col(MIXTURE) - pl.col(best)).drop_nulls()).to_series()
    return not gaps.is_empty() and float(gaps.mean()) >= 0  # type: ignore[arg-type]
