"""What to know before relying on the answer for a stem: training data, few tracks, harm."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemwise.analysis.measures import blind_stems
from stemwise.core.stems import MIXTURE
from stemwise.report.leading import listed
from stemwise.report.markup import db
from stemwise.report.run_tables import Row, RunTables, StemKey


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
            "Its score, SI-SAR, does not notice what leaks in: a second opinion, not one to deploy by."
        )
    used = [row for row in board if row["model"] in models]
    seen = [row["model"] for row in used if row["trained_here"]]
    if seen:
        clean = next((row for row in board if not row["trained_here"]), None)
        other = f"the best that was not is {clean['model']}" if clean else "so were all others"
        was, what = ("was", "it") if len(seen) == 1 else ("were", "them")
        found.append(
            f"{listed(seen)} {was} trained on this dataset, which flatters {what}; {other}."
        )
    for row in used[:1]:
        found += _few(row)
        floor = _floor(run, key, row["model"]) if len(used) == 1 else None
        if floor is not None and floor >= 0:
            what = "mixture" if key[0] == MIXTURE else key[0]
            found.append(
                f"The untouched {what} scores {db(floor, 1)} dB more: separating does harm here."
            )
    return tuple(found)


def _few(row: Row) -> list[str]:
    """Say how few tracks stand behind a row of the leaderboard, and how many do not."""
    found = []
    if row["tracks"] < 10:
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


def _floor(run: RunTables, key: StemKey, best: str) -> float | None:
    """Return how much the unprocessed input scores above `best`, on tracks where both have scores."""
    own = run.of_stem("scores", key)
    by = "snr" if key[2] in blind_stems(run["scores"]) else "score"
    both = own.filter(pl.col("status") == "ok", pl.col(by).is_finite()).pivot(
        "model", index=["dataset", "track_id"], values=by
    )
    if not {MIXTURE, best} <= set(both.columns):
        return None
    gaps = both.select((pl.col(MIXTURE) - pl.col(best)).drop_nulls()).to_series()
    return None if gaps.is_empty() else float(gaps.mean())  # type: ignore[arg-type]
