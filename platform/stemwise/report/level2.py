"""Level 2 as tables of text: the paper's Tables 2 and 3, and its comparison by bleed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemwise.analysis.hierarchy import bleed_contrast, sub_stem_means
from stemwise.report.tables import TextTable, model_order, number, stem_label
from stemwise.stems import MIXTURE, in_order
from stemwise.types import ESTIMATE, REFERENCE

TITLES = {
    "drums": ("table2", "Drums taken apart"),
    "vocals": ("table3", "Vocals taken apart"),
}
_SOURCES = {ESTIMATE: "from estimate", REFERENCE: "from truth"}


def sub_stems(scores: pl.DataFrame, parent: str, models: Sequence[str]) -> TextTable:
    """Return mean paper_snr and paper_sdr per sub-stem of `parent`, as the paper's Tables 2 and 3."""
    means = sub_stem_means(scores.filter(pl.col("parent") == parent))
    cells = {
        (row["stem"], row["voice"], row["model"], row["parent_source"]): row
        for row in means.iter_rows(named=True)
    }
    rows = []
    for stem in in_order(means["stem"].unique()):
        voices = sorted({key[1] for key in cells if key[0] == stem}, key=str)
        for voice in voices:
            group = [key for key in cells if key[:2] == (stem, voice)]
            for model in model_order(models, [key[2] for key in group]):
                found = [cells.get((stem, voice, model, source)) for source in _SOURCES]
                tracks = max(row["tracks"] for row in found if row)
                label = stem_label(stem) + (f" ({voice})" if voice else "")
                name = "input (floor)" if model == MIXTURE else model
                rows.append((label, name, *_numbers(found), str(tracks)))
    columns = [f"{text} {metric}" for text in _SOURCES.values() for metric in ("SNR", "SDR")]
    name, title = TITLES[parent]
    return TextTable(
        name,
        title,
        ("sub-stem", "model", *columns, "tracks"),
        tuple(rows),
        f"Means in dB over the tracks on which both parents have a score. {_whose(scores, parent)}"
        "The true parent is an upper bound; the input is the parent itself, not taken apart.",
        (1, 2, 2, 1),
    )


def _numbers(found: Sequence[dict[str, float] | None]) -> list[str]:
    metrics = ("paper_snr", "paper_sdr")
    return [number(row[metric] if row else None) for row in found for metric in metrics]


def _whose(scores: pl.DataFrame, parent: str) -> str:
    """Say whose estimates of the parent were taken apart."""
    estimated = scores.filter(pl.col("parent") == parent, pl.col("parent_source") == ESTIMATE)
    names = estimated["parent_model"].drop_nulls().unique().sort().to_list()
    return f"Estimated {parent} by {', '.join(names)}. " if names else ""


def by_bleed(scores: pl.DataFrame) -> TextTable:
    """Return mean |SNR − SDR| of tracks with and without bleed, as section 6.4 of the paper."""
    contrast = bleed_contrast(scores)
    rows = [
        (
            stem_label(row["stem"]),
            row["model"],
            "mixture" if row["parent"] == MIXTURE else f"{row['parent']} ({row['parent_source']})",
            number(row["with_bleed"]),
            number(row["without"]),
            number(row["difference"]),
            str(row["tracks_with"]),
            str(row["tracks_without"]),
        )
        for stem in in_order(contrast["stem"].unique())
        for row in contrast.filter(pl.col("stem") == stem).iter_rows(named=True)
    ]
    columns = (
        "stem",
        "model",
        "from",
        "with bleed",
        "without",
        "difference",
        "tracks with",
        "tracks without",
    )
    note = (
        "Mean |SNR − SDR| in dB of tracks whose recordings of the stem have bleed, and of those "
        "without; only where there are both."
    )
    return TextTable("bleed", "|SNR − SDR| with and without bleed", columns, tuple(rows), note)
