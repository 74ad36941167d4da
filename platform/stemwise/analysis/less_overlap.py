"""What less overlap costs: models that a run cut in both ways, paired track by track."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from stemwise.analysis.clusters import interval
from stemwise.analysis.matched import STEM_KEY, Matched, by_stem
from stemwise.core.types import SAMPLE_RATE
from stemwise.selection.keys import TRACK, is_stem

Row = dict[str, Any]
Heard = Callable[[int], int]


@dataclass(frozen=True)
class Twins:
    """One model under two names.

    Attributes:
        reference: its name as its authors cut tracks.
        fast: its name under the least redundant tiling.
        heard: samples that each of them hears of a track of so many samples; None where not known.
    """

    reference: str
    fast: str
    heard: tuple[Heard, Heard] | None = None


def less_overlap(
    scores: pl.DataFrame,
    tracks: pl.DataFrame,
    twins: Iterable[Twins],
    duplicates: pl.DataFrame | None = None,
) -> list[Row]:
    """Return one row per twins and stem: what fast minus reference is in dB, and how much less work.

    `score` and `snr` are mean differences over the tracks on which both have a finite score, with 95 %
    intervals over artists (`clusters.interval`). `time_ratio` is the time of reference over fast,
    its median over those of these tracks that both separated on one kind of device; `heard_reference`
    and `heard_fast` are samples that the model heard per sample of these tracks.
    """
    rows = []
    for pair in twins:
        names = [pair.reference, pair.fast]
        snr = {one.stem: one for one in _both(scores, tracks, names, "snr", duplicates)}
        rows += [
            dict(zip(STEM_KEY, matched.stem, strict=True))
            | {"model": pair.reference, "fast_model": pair.fast}
            | {"tracks": len(matched.tracks), "artists": len(set(matched.artists))}
            | _difference(matched, "score")
            | (_difference(snr[matched.stem], "snr") if matched.stem in snr else {})
            | {"time_ratio": _time_ratio(scores, matched)}
            | _heard(pair, matched, tracks)
            for matched in _both(scores, tracks, names, "score", duplicates)
        ]
    return rows


def _both(
    scores: pl.DataFrame,
    tracks: pl.DataFrame,
    names: Sequence[str],
    column: str,
    duplicates: pl.DataFrame | None,
) -> list[Matched]:
    found = by_stem(scores, tracks, names, column, duplicates)
    return [one for one in found if len(one.models) == len(names) and one.tracks]


def _difference(matched: Matched, name: str) -> Row:
    reference, fast = matched.values
    low, high = interval(fast - reference, matched.artists)
    return {name: float((fast - reference).mean()), f"{name}_low": low, f"{name}_high": high}


def _time_ratio(scores: pl.DataFrame, matched: Matched) -> float | None:
    """Return the median time of reference / fast, which a pause of the machine does not move much."""
    kept = pl.DataFrame(matched.tracks, list(TRACK), orient="row")
    timed = scores.filter(is_stem(matched.stem), pl.col("wall_s") > 0)
    timed = timed.select(*TRACK, "model", "device", "wall_s").join(kept, on=list(TRACK))
    reference, fast = (timed.filter(pl.col("model") == name) for name in matched.models)
    both = reference.join(fast, on=[*TRACK, "device"], suffix="_fast")
    if both.is_empty():
        return None
    return float(np.median(both["wall_s"].to_numpy() / both["wall_s_fast"].to_numpy()))


def _heard(pair: Twins, matched: Matched, tracks: pl.DataFrame) -> Row:
    if pair.heard is None:
        return {}
    kept = pl.DataFrame(matched.tracks, list(TRACK), orient="row")
    seconds = tracks.join(kept, on=list(TRACK), how="semi")["duration_s"].drop_nulls()
    lengths = [length for s in seconds if (length := round(s * SAMPLE_RATE)) > 0]
    if not lengths:
        return {}
    reference, fast = (sum(map(count, lengths)) / sum(lengths) for count in pair.heard)
    return {"heard_reference": reference, "heard_fast": fast}
