"""Genres of the tracks, which model wins where, and whether that matters."""

from __future__ import annotations

import polars as pl

from stemwise.report import ledgers
from stemwise.report import paper_numbers as paper
from stemwise.report.figures import charts
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import LIGHT, Palette
from stemwise.report.genres import UNKNOWN, counts_of, distribution
from stemwise.report.ledger_words import routing_sentence
from stemwise.report.markup import Html, coded, db, el, join, of_text, table
from stemwise.report.page.model_mark import dot
from stemwise.report.paper_tables import ran_the_papers
from stemwise.report.run_tables import RunTables, StemKey, finite, label, slug_of
from stemwise.report.tables import stem_label

_MOST_MODELS = 8  # of a figure: as many as there are colours
_FIGURE_5 = "Figure 5 of the paper, for this run: mean SNR and SDR of the track oracle"


def genre_section(run: RunTables, sheet: Sheet, palette: Palette) -> Html:
    """Return the section."""
    counts = list(counts_of(run).items())
    if not counts:
        return Html("")
    if set(dict(counts)) == {UNKNOWN}:
        way_out = " `genres=FILE` takes them from a table." if run.imported else ""
        return el("p", coded(f"The genres of these tracks are unknown.{way_out}"))
    alt = "; ".join(f"{genre}: {number} tracks" for genre, number in counts)
    height = charts.height_of(len(counts))
    first = sheet.figure(
        "figure1-genres",
        "Tracks by genre",
        alt,
        height,
        lambda axes: charts.shares(axes, counts, LIGHT[0]),
    )
    shown = [key for key in run.level1 if run.rows("genre_scores", key)]
    means = [made for key in shown if (made := _means(run, key, sheet, palette))]
    return join(
        [
            _said(run),
            el("div", first, _beside(run), cls="figures"),
            _winners(run, shown, palette),
            _figures("Score by genre (tracks in brackets)", means),
            _figures(_FIGURE_5, _figure_5(run, sheet)) if ran_the_papers(run) else None,
            _numbers(run),
        ]
    )


def _beside(run: RunTables) -> Html | None:
    """Return the paper's distribution in numbers, beside a run of one of its models."""
    if not ran_the_papers(run):
        return None
    return el("div", of_text(distribution(run)), cls="figure")


def _figures(title: str, drawn: list[Html]) -> Html | None:
    return join([el("h3", title), el("div", drawn, cls="figures")]) if drawn else None


def _said(run: RunTables) -> Html | None:
    said: dict[str, list[str]] = {}
    for key in run.level1:
        for row in run.rows("genre_effects", key):
            p = row["p_value"]
            test = (
                "genre × model: too few artists to test"
                if p is None
                else f"genre × model: p {_p(p)}"
            )
            said.setdefault(f"{test}; {routing_sentence(row)}.", []).append(label(key))
    lines = [el("li", el("b", ", ".join(names)), f": {text}") for text, names in said.items()]
    return el("ul", lines, cls="plain said") if lines else None


def _p(value: float) -> str:
    shown = ledgers.probability(value)
    return shown if shown.startswith("<") else f"= {shown}"


def _winners(run: RunTables, keys: list[StemKey], palette: Palette) -> Html | None:
    found = {
        (row["genre"], key): row
        for key in keys
        for row in run.rows("genre_scores", key)
        if row["winner"]
    }
    genres = sorted({genre for genre, _ in found})
    if not genres:
        return None
    rows = [
        [
            genre,
            *(
                dot(palette, found[genre, key]["model"]) if (genre, key) in found else "–"
                for key in keys
            ),
        ]
        for genre in genres
    ]
    columns = ["genre", *map(label, keys)]
    note = "The model with the best mean; the test above says whether genre matters beyond chance."
    made = table(columns, rows, "Best model per genre", texts=len(columns))
    return join([made, el("p", note, cls="note")])


def _means(run: RunTables, key: StemKey, sheet: Sheet, palette: Palette) -> Html | None:
    rows = finite(run.rows("genre_scores", key))
    every = len({row["model"] for row in rows})
    if every < 2:
        return None
    board = sorted(finite(run.rows("leaderboard", key)), key=lambda row: row["rank"])
    best = [row["model"] for row in board[:_MOST_MODELS]]
    rows = [row for row in rows if row["model"] in best] if every > _MOST_MODELS else rows
    models = min(every, _MOST_MODELS)
    alt = "; ".join(f"{r['genre']}, {r['model']}: {db(r['mean_score'])} dB" for r in rows)
    slot = max(0.3, 0.11 * models)
    extra = 0.7 + 0.2 * ((models + 1) // 2)
    height = charts.height_of(len({row["genre"] for row in rows}), slot, extra)
    return sheet.figure(
        f"genre-{slug_of(key)}",
        label(key) + (f" (the best {models} of {every})" if models < every else ""),
        alt,
        height,
        lambda axes: charts.genre_models(axes, rows, palette),
    )


def _figure_5(run: RunTables, sheet: Sheet) -> list[Html]:
    metrics = ("paper_snr", "paper_sdr")
    chosen = run["scores"].filter(
        pl.col("model") == paper.ENSEMBLE,
        pl.col("genre").is_not_null(),
        pl.all_horizontal(pl.col(metrics).is_finite().fill_null(False)),
    )
    drawn = []
    for key in run.level1:
        means = (
            chosen.filter(pl.col("parent") == key[0], pl.col("stem") == key[2])
            .group_by("genre")
            .agg(pl.len().alias("tracks"), pl.col(metrics).mean())
            .sort("genre")
        )
        rows = [(g, n, snr, sdr) for g, n, snr, sdr in means.iter_rows()]
        if not rows:
            continue
        alt = "; ".join(f"{g}: SNR {db(snr)}, SDR {db(sdr)} dB" for g, _, snr, sdr in rows)
        drawn.append(
            sheet.figure(
                f"figure5-{slug_of(key)}",
                stem_label(key[2]),
                alt,
                charts.height_of(len(rows), extra=0.9),
                lambda axes, rows=rows: charts.genre_pairs(axes, rows),  # type: ignore[misc]
            )
        )
    return drawn


def _numbers(run: RunTables) -> Html | None:
    tests, scores = ledgers.effects(run), ledgers.genres(run)
    if not tests.rows and not scores.rows:
        return None
    parts = [of_text(tests), of_text(scores, 3)]
    return el("details", el("summary", "Genres in numbers"), parts)
