"""The run's result as tables of text: the paper's Table 1, winners per stem, winner per track."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from stemwise.analysis.aggregate import (
    REFERENCE_LINES,
    matched_means,
    win_counts,
    with_floor,
)
from stemwise.analysis.measures import pairs_of, titles
from stemwise.core.errors import OutputError
from stemwise.core.stems import LEVEL1, MIXTURE, in_order, parts_of
from stemwise.core.types import REFERENCE

# Models that are reference lines stand first and last; all others in the order of the run.
_FIRST, _LAST = ("mixture",), ("oracle_irm", "oracle")


@dataclass(frozen=True)
class TextTable:
    """A titled table of finished text; `groups` are column ranges that belong together (a stem)."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    groups: tuple[int, ...] = field(default=())


def stem_label(stem: str) -> str:
    """Return a stem's name for people: a long sum is told by what it leaves out."""
    parts = parts_of(stem)
    left_out = [name for name in LEVEL1 if name not in parts]
    if len(parts) > len(LEVEL1) // 2 and set(parts) <= set(LEVEL1) and left_out:
        return f"all but {', '.join(left_out)}"
    return stem


def left_out(dropped: Mapping[str, int]) -> str:
    """Say how many tracks of each stem a table leaves out, and why; nothing where it is none."""
    told = [f"{stem} {count}" for stem, count in dropped.items() if count]
    if not told:
        return ""
    return f" Tracks left out because a model has no finite score there: {', '.join(told)}."


def number(value: float | None, digits: int = 2) -> str:
    """Return a number for a table; "–" where it is unknown."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}"


def model_order(models: Sequence[str], present: Sequence[str]) -> list[str]:
    """Return the models that are present, in the order that tables show them."""
    middle = [name for name in models if name not in (*_FIRST, *_LAST)]
    known = [*_FIRST, *middle, *sorted(set(present) - {*middle, *_FIRST, *_LAST}), *_LAST]
    return [name for name in known if name in present]


def table_one(scores: pl.DataFrame, models: Sequence[str]) -> TextTable:
    """Return mean paper_snr and paper_sdr per model and level-1 stem, as the paper's Table 1."""
    means = matched_means(scores.filter(pl.col("parent") == MIXTURE))
    stems = in_order(means["stem"].unique())
    cells = {(row["model"], row["stem"]): row for row in means.iter_rows(named=True)}
    counts = matched_counts(means)
    rows = []
    pairs = pairs_of(scores)
    names = {stem: titles(pairs[stem]) for stem in stems}
    for model in model_order(models, means["model"].unique().to_list()):
        found = {stem: cells.get((model, stem)) for stem in stems}
        texts = [
            number(row[metric] if row else None)
            for stem, row in found.items()
            for metric, _ in zip(("paper_snr", "paper_sdr"), names[stem], strict=False)
        ]
        rows.append((_label(model), *texts))
    if rows:
        beside = (text for stem in stems for text in (str(counts[stem][0]), "")[: len(names[stem])])
        rows.append(("tracks", *beside))
    columns = ("model", *(f"{stem_label(stem)} {name}" for stem in stems for name in names[stem]))
    note = "Means in dB over tracks on which every model of the column has a finite score."
    note += left_out({stem_label(s): counts[s][1] for s in stems})
    note += lines_on_fewer(means)
    groups = tuple(len(names[stem]) for stem in stems)
    return TextTable("table1", "Mean scores per model and stem", columns, tuple(rows), note, groups)


def matched_counts(means: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Return stem → matched tracks and dropped ones, of `matched_means` of one parent."""
    counts = means.group_by("stem").agg(pl.col("tracks", "dropped").max())
    return {row["stem"]: (row["tracks"], row["dropped"]) for row in counts.iter_rows(named=True)}


def lines_on_fewer(means: pl.DataFrame) -> str:
    """Say which lines of reference have a mean over fewer tracks than the models beside them."""
    matched = matched_counts(means)
    fewer = [
        f"{_label(row['model'])} of {stem_label(row['stem'])} {row['tracks']}"
        for row in means.filter(pl.col("model").is_in(REFERENCE_LINES)).iter_rows(named=True)
        if row["tracks"] < matched[row["stem"]][0]
    ]
    return f" Over fewer tracks, those where it is finite: {', '.join(fewer)}." if fewer else ""


def winners(selections: pl.DataFrame, scores: pl.DataFrame) -> TextTable:
    """Return how often each model was the best per stem, and better than no separation at all.

    Sub-stems that only one model makes have no winner and no row.
    """
    contested = pl.col("runner_up").is_not_null().any().over("parent", "parent_source", "stem")
    counts = win_counts(
        with_floor(selections.filter((pl.col("parent") == MIXTURE) | contested), scores)
    )
    rows = [
        (
            _stem_of(row),
            row["model"],
            str(row["wins"]),
            str(row["tracks"]),
            str(row["above_floor"]),
            number(row["win_probability"]),
            number(row["median_margin"]),
        )
        for stem in in_order(counts["stem"].unique())
        for row in counts.filter(pl.col("stem") == stem).iter_rows(named=True)
    ]
    columns = ("stem", "model", "won", "of", "above mixture", "mean P(win)", "median margin dB")
    note = (
        "Tracks won, tracks in all, wins that beat the unprocessed mixture. P(win): share of "
        "block-bootstrap draws in which the winner wins again."
    )
    return TextTable("winners", "Winners per stem", columns, tuple(rows), note)


def _stem_of(row: dict[str, str]) -> str:
    """Return a stem's label, at level 2 with what it was made from."""
    label = stem_label(row["stem"])
    if row["parent"] == MIXTURE:
        return label
    return (
        f"{label} ({'true' if row['parent_source'] == REFERENCE else 'estimated'} {row['parent']})"
    )


def winners_per_track(selections: pl.DataFrame, scores: pl.DataFrame) -> TextTable:
    """Return the chosen model per track and level-1 stem."""
    selections = selections.filter(pl.col("parent") == MIXTURE)
    stems = in_order(selections["stem"].unique())
    chosen = {
        (row["dataset"], row["track_id"], row["stem"]): row
        for row in with_floor(selections, scores).iter_rows(named=True)
    }
    tracks = sorted({(dataset, track) for dataset, track, _ in chosen})
    rows = [
        (track, *(_winner(chosen.get((dataset, track, stem))) for stem in stems))
        for dataset, track in tracks
    ]
    columns = ("track", *(stem_label(stem) for stem in stems))
    note = "The model with the best score, and its P(win). ↓: worse than the unprocessed mixture."
    return TextTable("winners_per_track", "Winner per track and stem", columns, tuple(rows), note)


def _winner(row: dict[str, object] | None) -> str:
    if row is None:
        return "–"
    probability = row["win_probability"] if row["runner_up"] is not None else None
    sure = f" {probability:.2f}" if isinstance(probability, float) else ""
    return f"{row['model']}{' ↓' if row['above_floor'] is False else ''}{sure}"


def _label(model: str) -> str:
    return {
        "oracle": "oracle (ensemble)",
        "oracle_irm": "oracle_irm (ideal mask)",
        "mixture": "mixture (unprocessed)",
    }.get(model, model)


def to_markdown(table: TextTable) -> str:
    """Return the table as a Markdown section."""
    lines = [f"## {table.title}", "", "| " + " | ".join(table.columns) + " |"]
    lines.append("|---" + "|--:" * (len(table.columns) - 1) + "|")
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table.rows
    ]
    return "\n".join([*lines, "", table.note, ""])


def _without_dashes(row: tuple[str, ...]) -> tuple[str, ...]:
    """Leave unknown numbers empty in CSV, so that columns of numbers parse as such."""
    return tuple("" if cell == "–" else cell for cell in row)


def write_all(folder: Path, tables: Sequence[TextTable], heading: str) -> list[Path]:
    """Write each table as CSV and all of them as `report.md`.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for table in tables:
            path = folder / f"{table.name}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([table.columns, *map(_without_dashes, table.rows)])
            markdown = folder / f"{table.name}.md"
            markdown.write_text(to_markdown(table), encoding="utf-8")
            written += [path, markdown]
        report = folder / "report.md"
        sections = "\n".join(to_markdown(table) for table in tables)
        report.write_text(f"# {heading}\n\n{sections}", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return [*written, report]
