"""This run beside the paper's published numbers: tables side by side, then the paper's figures."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from stemwise.analysis.aggregate import matched_means
from stemwise.analysis.measures import in_their_place, pairs_of
from stemwise.core.stems import MIXTURE, in_order
from stemwise.report import paper_numbers as paper
from stemwise.report.figures import charts
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.markup import Html, db, el, join, of_text
from stemwise.report.paper_tables import paper_tables, wins_of
from stemwise.report.run_tables import RunTables, slug_of
from stemwise.report.tables import TextTable, model_order, stem_label


def beside_the_paper(run: RunTables, sheet: Sheet, palette: Palette) -> Html:
    """Return the section: tables side by side, then the paper's figures for this run."""
    tables = [_table(made) for made in paper_tables(run)]
    grid = el("div", _figure_3(run, sheet, palette), _figure_4(run, sheet, palette), cls="figures")
    others = in_their_place(pairs_of(run["scores"]))
    title = el("h3", "The paper's Figures 3 (SNR and SDR) and 4 for this run")
    return join([tables, title, el("p", others) if others else None, grid])


def _table(made: TextTable) -> Html:
    return of_text(made, 3 if "1" in made.name or "4" in made.name else 2)


def _figure_3(run: RunTables, sheet: Sheet, palette: Palette) -> list[Html]:
    means = matched_means(run["scores"].filter(pl.col("parent") == MIXTURE))
    known = means.filter(pl.all_horizontal(pl.col("paper_snr", "paper_sdr").is_finite()))
    by_key = {(r["stem"], r["model"]): (r["paper_snr"], r["paper_sdr"]) for r in known.to_dicts()}
    drawn = []
    for key in run.level1:
        models = model_order(run.models, [model for stem, model in by_key if stem == key[2]])
        rows = [(model, *by_key[key[2], model]) for model in models]
        title = f"Figure 3: {stem_label(key[2])}"
        colours = [palette.colour(model) for model in models]
        drawn += _bars(sheet, f"figure3-{slug_of(key)}", title, rows, colours)
    stems = in_order(s for s, m in by_key if m == paper.ENSEMBLE)
    rows = [(stem_label(stem), *by_key[stem, paper.ENSEMBLE]) for stem in stems]
    colours = [palette.colour(paper.ENSEMBLE)] * len(rows)
    return drawn + _bars(sheet, "figure3d-ensemble", "Figure 3d: track oracle", rows, colours)


def _bars(
    sheet: Sheet,
    name: str,
    title: str,
    rows: list[tuple[str, float, float]],
    colours: list[str],
) -> list[Html]:
    if not rows:
        return []
    alt = "; ".join(f"{row[0]}: SNR {db(row[1])}, SDR {db(row[2])} dB" for row in rows)
    height = charts.height_of(len(rows), 0.36)
    return [
        sheet.figure(
            name, title, alt, height, lambda axes: charts.pairs_of_bars(axes, rows, colours)
        )
    ]


def _figure_4(run: RunTables, sheet: Sheet, palette: Palette) -> list[Html]:
    wins = {stem_label(stem): own for stem, own in wins_of(run).items()}
    if not wins:
        return []
    alt = "; ".join(f"{stem}: {_told(own)}" for stem, own in wins.items())
    models = len({model for own in wins.values() for model in own})
    height = charts.height_of(len(wins), 0.36, extra=max(1.4, 1.0 + 0.2 * ((models + 1) // 2)))
    title = "Figure 4: number of songs by model and stem"
    return [
        sheet.figure(
            "figure4-choices", title, alt, height, lambda axes: charts.stacked(axes, wins, palette)
        )
    ]


def _told(own: Mapping[str, int]) -> str:
    return ", ".join(f"{model} {number}" for model, number in own.items())
