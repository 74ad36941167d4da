"""This run beside the paper's published numbers as tables of text, each in columns of its own."""

from __future__ import annotations

import polars as pl

from stemwise.analysis.aggregate import matched_means, win_counts
from stemwise.analysis.hierarchy import sub_stem_means
from stemwise.analysis.measures import in_their_place, pairs_of
from stemwise.core.stems import MIXTURE, in_order, parts_of
from stemwise.core.types import ESTIMATE, REFERENCE
from stemwise.report import paper_numbers as paper
from stemwise.report.level2 import drum_parts, tracks_of
from stemwise.report.markup import db
from stemwise.report.run_tables import RunTables
from stemwise.report.tables import TextTable, left_out, matched_counts, model_order, stem_label

_SIDES = ("SNR here", "SNR paper", "SDR here", "SDR paper")


def beside_table_1(run: RunTables) -> TextTable:
    """Return mean SNR and SDR per stem and model, ours and the paper's Table 1."""
    means = matched_means(run["scores"].filter(pl.col("parent") == MIXTURE))
    ours = {(r["stem"], r["model"]): r for r in means.iter_rows(named=True)}
    rows = []
    for stem in in_order({*means["stem"].to_list(), *paper.TABLE_1}):
        theirs = paper.TABLE_1.get(stem, {})
        here = [model for found, model in ours if found == stem]
        for model in model_order(run.models, [*here, *theirs]):
            row = ours.get((stem, model))
            own = (row["paper_snr"], row["paper_sdr"]) if row else (None, None)
            name = model if row else f"{model} (not run)"
            tracks = str(row["tracks"]) if row else "–"
            texts = _sides(own, theirs.get(model))
            rows.append((stem_label(stem), name, paper.NAMES.get(model, "–"), *texts, tracks))
    columns = ("stem", "model", "in the paper", *_SIDES, "tracks here")
    note = (
        f"Means in dB; paper: its Table 1, {paper.SONGS} songs of MoisesDB. Another dataset gives "
        "other numbers: compare differences between models, not levels. `oracle` picks the best "
        "model per track by the true stems: the paper's Final Ensemble."
    )
    note += left_out({stem_label(s): n for s, (_, n) in matched_counts(means).items()})
    note = f"{note} {in_their_place(pairs_of(run['scores']))}".rstrip()
    return TextTable("paper_table1", "Table 1, here and in the paper", columns, tuple(rows), note)


def _sides(own: tuple[float | None, float | None], theirs: paper.Pair | None) -> tuple[str, ...]:
    snr, sdr = theirs or (None, None)
    return db(own[0]), db(snr), db(own[1]), db(sdr)


def beside_table_2_or_3(run: RunTables, parent: str) -> TextTable:
    """Return sub-stems of drums (the paper's Table 2) or of vocals (Table 3), ours and the paper's."""
    number, theirs = (2, paper.TABLE_2) if parent == "drums" else (3, paper.TABLE_3)
    means = sub_stem_means(run["scores"].filter(pl.col("parent") == parent))
    found = means.filter(pl.col("model") != MIXTURE)
    rows = []
    dropped: dict[str, int] = {}
    for stem in in_order({*found["stem"].to_list(), *(stem for stem, _ in theirs)}):
        published = {key: pair for key, pair in theirs.items() if key[0] == _paper_stem(stem)}
        own = found.filter(pl.col("stem") == stem).to_dicts()
        if not own and stem != _paper_stem(stem):
            continue
        voices = {row["voice"] for row in own} | {voice for _, voice in published}
        if not own and any(_paper_stem(s) == stem for s in found["stem"].to_list()):
            continue  # told by the row of a sum that means the same
        for voice in sorted(voices, key=str):
            mine = [row for row in own if row["voice"] == voice]
            for model in sorted({row["model"] for row in mine}) or ["–"]:
                by_source = {r["parent_source"]: r for r in mine if r["model"] == model}
                cells = [
                    db(by_source[source][metric] if source in by_source else None)
                    for source in (ESTIMATE, REFERENCE)
                    for metric in ("paper_snr", "paper_sdr")
                ]
                pair = published.get((_paper_stem(stem), voice), (None, None))
                name = stem_label(stem) + (f" ({voice})" if voice else "")
                over = tracks_of([by_source.get(source) for source in (ESTIMATE, REFERENCE)]) or "–"
                rows.append((name, model, *cells, db(pair[0]), db(pair[1]), over))
                dropped[name] = max((row["dropped"] for row in mine), default=0)
    sides = [
        f"{side} {m}" for side in ("from estimate", "from truth", "paper") for m in ("SNR", "SDR")
    ]
    columns = ("sub-stem", "model", *sides, "tracks here")
    note = (
        f"Means in dB; paper: its Table {number}, {paper.SONGS} songs of MoisesDB. It does not say "
        "whether the parent was the true stem or an estimate. Its cymbals include the hi-hat."
        f"{left_out(dropped)}"
    )
    if parent == "drums":
        note = f"{note} {drum_parts(run['tracks'])}".rstrip()
    return TextTable(
        f"paper_table{number}",
        f"Table {number}, here and in the paper",
        columns,
        tuple(rows),
        note,
        (1, 2, 2, 2, 1),
    )


def _paper_stem(stem: str) -> str:
    return "cymbals" if set(parts_of(stem)) == {"hihat", "cymbals"} else stem


def beside_figure_4(run: RunTables) -> TextTable:
    """Return how often each model was chosen, ours and what the paper says of its Figure 4."""
    wins = wins_of(run)
    rows = []
    for stem in in_order({*wins, *paper.FIGURE_4}):
        theirs, own = paper.FIGURE_4.get(stem, {}), wins.get(stem, {})
        total = sum(own.values())
        for model in dict.fromkeys([*own, *theirs]):
            here = f"{100 * own[model] / total:.0f} % ({own[model]})" if own.get(model) else "–"
            percent = f"{theirs[model]:.0f} %" if model in theirs else "–"
            rows.append((stem_label(stem), model, paper.NAMES.get(model, "–"), here, percent))
    columns = ("stem", "model", "in the paper", "chosen here", "chosen in paper")
    note = "Share of songs on which a model was the best."
    return TextTable("paper_figure4", "Choices, here and in the paper", columns, tuple(rows), note)


def wins_of(run: RunTables) -> dict[str, dict[str, int]]:
    """Return level-1 stem → model → on how many tracks it was the best."""
    counts = win_counts(run["selections"].filter(pl.col("parent") == MIXTURE))
    return {
        stem: {r["model"]: r["wins"] for r in counts.filter(pl.col("stem") == stem).to_dicts()}
        for stem in in_order(counts["stem"].unique())
    }


def ran_the_papers(run: RunTables) -> bool:
    """Tell whether any of the paper's own models ran; else its numbers stand beside nothing."""
    return bool({*run.separators} & {*paper.NAMES} - {paper.ENSEMBLE})


def paper_tables(run: RunTables) -> list[TextTable]:
    """Return what stands beside the paper's tables; none where none of its models ran."""
    if not ran_the_papers(run):
        return []
    level2 = set(run["scores"]["parent"].unique().to_list())
    made = [beside_table_1(run)]
    made += [beside_table_2_or_3(run, p) for p in ("drums", "vocals") if p in level2]
    return [*made, beside_figure_4(run)]
