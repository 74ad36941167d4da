"""Imported scores as tables of text: the numbers as published, and who won."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from stemwise.analysis.measures import titles
from stemwise.core.stems import MIXTURE, in_order
from stemwise.report.tables import TextTable, number, stem_label, winners
from stemwise.report.troubles import failures, problems
from stemwise.selection.oracle import ORACLE
from stemwise.storage.tables import METRICS

_METRICS = {
    "museval_sdr": "SDR",
    "museval_isr": "ISR",
    "museval_sir": "SIR",
    "museval_sar": "SAR",
}
_SHOWN = 3  # measures of a song on the page


def published_columns(scores: pl.DataFrame) -> dict[str, str]:
    """Return column → title of what was published: museval's four, and of tables what they have."""
    present = [name for name in METRICS if scores[name].null_count() < scores.height]
    if set(present) <= _METRICS.keys():
        return _METRICS
    return {name: titles((name, name))[0] for name in present}


def imported_measures(scores: pl.DataFrame) -> dict[str, str]:
    """Return title → column of the three measures of a song that the page shows."""
    known = published_columns(scores)
    if known is _METRICS:
        return {_METRICS[name]: name for name in ("museval_sdr", "museval_sir", "museval_sar")}
    # a table of fewer has the score beside them, and columns that stay empty
    others = {name: titles((name, name))[0] for name in ("score", *METRICS) if name not in known}
    return {title: name for name, title in [*known.items(), *others.items()][:_SHOWN]}


def published(scores: pl.DataFrame) -> TextTable:
    """Return medians over each model's own tracks, as museval aggregates them."""
    good = scores.filter(pl.col("status") == "ok", pl.col("model") != ORACLE)
    known = published_columns(scores)
    medians = good.group_by("stem", "model").agg(
        *(pl.col(metric).drop_nulls().median() for metric in known),
        pl.col(next(iter(known))).count().alias("tracks"),
    )
    order = {stem: place for place, stem in enumerate(in_order(good["stem"].unique()))}
    rows = [
        (
            stem_label(row["stem"]),
            row["model"],
            *(number(row[metric]) for metric in known),
            str(row["tracks"]),
        )
        for row in sorted(
            medians.iter_rows(named=True), key=lambda row: (order[row["stem"]], row["model"])
        )
    ]
    note = (
        "Median over tracks in dB (museval's: of medians over frames), on each model's own tracks: for "
        "comparison with publications. Do not rank by it where track counts differ."
    )
    columns = ("stem", "model", *known.values(), "tracks")
    return TextTable("published", "As published", columns, tuple(rows), note)


def imported_winners(selections: pl.DataFrame, scores: pl.DataFrame) -> TextTable:
    """Return how often each model was the best, without what published scores cannot tell."""
    table = winners(selections, scores)
    unknown = {"mean P(win)"}
    note = "Tracks won, tracks in all, and the median lead over the second in dB."
    if MIXTURE in scores["model"]:
        note += " Above mixture: wins that beat the unprocessed mixture."
    else:
        unknown.add("above mixture")
    kept = [place for place, name in enumerate(table.columns) if name not in unknown]
    return replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows),
        note=note,
    )


def imported_failures(scores: pl.DataFrame) -> TextTable:
    """Return what could not be read, a row per track and reason."""
    return replace(failures(scores), note="Fix the file and import its method again.")


def imported_problems(tracks: pl.DataFrame) -> TextTable:
    """Return what is wrong with the files, a row each."""
    note = "These files were left out; docs/import-scores.md says what is read."
    return replace(problems(tracks), title="Problems in the imported files", note=note)
