"""Level 2 as tables of text: the paper's Tables 2 and 3, and its comparison by bleed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stemwise.analysis.hierarchy import bleed_contrast, sub_stem_means
from stemwise.analysis.measures import in_their_place, pairs_of, shared_titles
from stemwise.core.stems import MIXTURE, in_order
from stemwise.core.types import ESTIMATE, REFERENCE
from stemwise.report.tables import TextTable, left_out, model_order, number, stem_label

TITLES = {
    "drums": ("table2", "Parts of drums"),
    "vocals": ("table3", "Parts of vocals"),
}
_SOURCES = {ESTIMATE: "from estimate", REFERENCE: "from truth"}
# By the dataset's rule for parts of drums (dataset.drum_parts).
_DRUM_PARTS = {
    "strict": "only songs without overheads, full kits and drum machines have references",
    "close_mics": "close microphones count as references although overheads, full kits or drum "
    "machines may hold the same drums, so the parts do not sum to the drums",
    "overheads_as_cymbals": "close microphones count as references, and overheads as cymbals, although "
    "each may hold other drums too, so the parts do not sum to the drums",
}


def drum_parts(tracks: pl.DataFrame) -> str:
    """Say by which rule recordings of drums are references of their parts; empty without a rule."""
    rules = tracks["drum_parts"].drop_nulls().unique().sort().to_list()
    return "".join(
        f"Drum parts: {_DRUM_PARTS.get(rule, rule)} (dataset.drum_parts={rule}). " for rule in rules
    )


def sub_stems(
    scores: pl.DataFrame, parent: str, models: Sequence[str], tracks: pl.DataFrame | None = None
) -> TextTable:
    """Return mean paper_snr and paper_sdr per sub-stem of `parent`, as the paper's Tables 2 and 3.

    With `tracks`, the note says what counts as a part of drums.
    """
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
                name = "input (floor)" if model == MIXTURE else model
                rows.append((_label(stem, voice), name, *_numbers(found), tracks_of(found)))
    own = scores.filter(pl.col("parent") == parent)
    measures = shared_titles(pairs_of(own).values()) if len(own) else ("SNR", "SDR")
    columns = [f"{text} {metric}" for text in _SOURCES.values() for metric in measures]
    name, title = TITLES[parent]
    dropped = {_label(key[0], key[1]): row["dropped"] for key, row in cells.items()}
    return TextTable(
        name,
        title,
        ("sub-stem", "model", *columns, "tracks"),
        tuple(rows),
        f"Means in dB over tracks scored from both parents. {_whose(scores, parent)}"
        f"{drum_parts(tracks) if tracks is not None and parent == 'drums' else ''}"
        "From the true parent: an upper bound. Input: the unprocessed parent; its mean excludes "
        f"infinite scores.{left_out(dropped)}",
        (1, 2, 2, 1),
    )


def _label(stem: str, voice: str | None) -> str:
    return stem_label(stem) + (f" ({voice})" if voice else "")


def tracks_of(found: Sequence[dict[str, int] | None]) -> str:
    """Return over how many tracks the means of both parents are, once where they agree."""
    counts = [str(row["tracks"]) for row in found if row]
    return " / ".join(dict.fromkeys(counts) if len(set(counts)) == 1 else counts)


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
    dropped = {
        f"{row['model']} of {stem_label(row['stem'])}": row["dropped"]
        for row in contrast.iter_rows(named=True)
    }
    note += left_out(dropped)
    note = f"{note} {in_their_place(pairs_of(scores))}".rstrip()
    return TextTable("bleed", "|SNR − SDR| with and without bleed", columns, tuple(rows), note)
