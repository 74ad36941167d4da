"""What makes tracks dependent: songs of one artist, and one recording that a run holds twice.

Two tracks are one recording where their fingerprints (`measurement/fingerprint.py`) agree in two ways:

* *fine structure*: the correlation of the square roots of the energies, each divided by the mean of its
  neighbourhood (13 frequencies, 140 Hz), is at least 0.7;
* *colour*: the levels of 16 bands of 16 frequencies differ by at most 2 dB (RMS, after the gain).

Correlations of different recordings scatter around 0.02 by 0.08, whatever they are: 0.7 is eight of
these away, and of the 5·10⁷ pairs of 10,000 songs none is to be expected beyond 0.5. Beats of equal
tempo and length that differ in their sound only reach 0.95, and differ in their colour (3 dB and
more). Copies reach 0.96 through MP3 of 128 kbit/s, 0.8 through 64 kbit/s, and 0.8 where a seventh of
the song is cut off (docs/decisions.md has the measurements).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stemwise.measurement.fingerprint import BINS

Float = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
ALIKE = 0.7  # correlation of the fine structure
COLOUR_DB = 2.0
EQUAL, NEARLY = "equal", "nearly equal"
_EQUAL = 0.9999  # the same up to gain and rounding
_HALF = 6  # frequencies on either side of a neighbourhood
_BANDS = 16
_ROWS = 1024  # compared with all others at a time
_TRACK = ("dataset", "track_id")
_SCHEMA = {
    "dataset": pl.String,
    "track_id": pl.String,
    "other_dataset": pl.String,
    "other_track_id": pl.String,
    "similarity": pl.Float64,
    "kind": pl.String,
}


def duplicates_of(tracks: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of tracks that are one recording; of many equal ones, each beside the first.

    Args:
        tracks: rows of `tracks`; those without a fingerprint are not compared.

    Returns:
        The table `duplicates`: dataset, track_id, other_dataset, other_track_id, similarity (correlation
        of the fine structure), kind (`equal` up to gain and rounding, or `nearly equal`).
    """
    known = tracks.filter(pl.col("fingerprint").list.len() == BINS).sort(_TRACK)
    if known.height < 2:
        return pl.DataFrame(schema=_SCHEMA)
    levels = known["fingerprint"].explode().to_numpy().reshape(-1, BINS).astype(np.float32)
    one, other, similarity = _pairs(levels)
    names = known.select(_TRACK)
    found = pl.concat(
        [
            names[one],
            names[other].rename({name: f"other_{name}" for name in _TRACK}),
            pl.DataFrame({"similarity": similarity}),
        ],
        how="horizontal",
    )
    kind = pl.when(pl.col("similarity") >= _EQUAL).then(pl.lit(EQUAL)).otherwise(pl.lit(NEARLY))
    return found.with_columns(kind.alias("kind")).sort(list(_SCHEMA)[:4])


def _pairs(levels: Float) -> tuple[Index, Index, npt.NDArray[np.float64]]:
    """Return positions of either track of each pair, and their similarity."""
    first, copies = _exact(levels)
    fine, colour = _fine(levels[first]), _colour(levels[first])
    found = [_alike(fine, colour, start) for start in range(0, len(first), _ROWS)]
    one, other = (np.concatenate([pair[side] for pair in found]) for side in (0, 1))
    similarity = np.concatenate([pair[2] for pair in found])
    return (
        np.concatenate([first[one], copies[0]]),
        np.concatenate([first[other], copies[1]]),
        np.concatenate([similarity, np.ones(len(copies[0]))]),
    )


def _exact(levels: Float) -> tuple[Index, tuple[Index, Index]]:
    """Return the first track of each set of equal fingerprints, and (first, copy) of the others."""
    _, first, inverse = np.unique(levels, axis=0, return_index=True, return_inverse=True)
    origin = first[inverse.reshape(-1)]
    copies = np.flatnonzero(origin != np.arange(len(levels)))
    return np.sort(first), (origin[copies], copies)


def _fine(levels: Float) -> Float:
    """Return what correlates: `(tracks, BINS)` of mean 0 and norm 1."""
    energies = 10 ** (levels / 10)
    sums = np.pad(np.cumsum(energies, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    place = np.arange(BINS)
    low, high = np.maximum(place - _HALF, 0), np.minimum(place + _HALF + 1, BINS)
    around = (sums[:, high] - sums[:, low]) / (high - low)
    roots = np.sqrt(energies / around)
    roots -= roots.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(roots, axis=1, keepdims=True)
    # energies that are all alike have no structure to be recognised by
    fine = np.divide(roots, norm, out=np.zeros_like(roots), where=norm > 0)
    return np.asarray(fine, dtype=np.float32)


def _colour(levels: Float) -> Float:
    """Return the levels of bands in dB re their mean, `(tracks, bands)`."""
    energies = (10 ** (levels / 10)).reshape(len(levels), _BANDS, -1).mean(axis=2)
    bands = 10 * np.log10(energies + 1e-4)
    return np.asarray(bands - bands.mean(axis=1, keepdims=True), dtype=np.float32)


def _alike(fine: Float, colour: Float, start: int) -> tuple[Index, Index, npt.NDArray[np.float64]]:
    """Return the pairs of the tracks from `start` on, each with a later one."""
    products = fine[start : start + _ROWS] @ fine[start:].T
    one, other = np.nonzero(np.triu(products >= ALIKE, k=1))
    gaps = colour[start + one] - colour[start + other]
    kept = np.sqrt((gaps**2).mean(axis=1)) <= COLOUR_DB
    one, other = one[kept], other[kept]
    return start + one, start + other, np.minimum(1.0, products[one, other].astype(np.float64))


def copies(duplicates: pl.DataFrame) -> list[list[tuple[str, str]]]:
    """Return the recordings that appear more than once, each as its (dataset, track id), all sorted."""
    rows = duplicates.select(list(_SCHEMA)[:4]).rows()
    names = sorted({end for row in rows for end in (row[:2], row[2:])})
    number = {name: place for place, name in enumerate(names)}
    root = _first_of_each(len(names), [(number[row[:2]], number[row[2:]]) for row in rows])
    groups: dict[int, list[tuple[str, str]]] = {}
    for name, first in zip(names, root, strict=True):
        groups.setdefault(first, []).append(name)
    return list(groups.values())


def cluster_labels(tracks: pl.DataFrame, duplicates: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the cluster of each track: what intervals and folds may not split.

    Tracks of one artist are a cluster; a track of an unknown artist is one of its own. Clusters that
    share a recording are one, called by the first of their names.

    Args:
        tracks: rows of `tracks`.
        duplicates: rows of `duplicates`; None where no recording is known to be there twice.

    Returns:
        Columns dataset, track_id, cluster, in the order of `tracks`.
    """
    alone = pl.concat_str("dataset", "track_id", separator="/")
    artist = pl.col("artist").cast(pl.String).replace("", None)
    own = tracks.select(*_TRACK, pl.coalesce(artist, alone).alias("cluster"))
    names = own["cluster"].unique().sort()
    number = {name: place for place, name in enumerate(names)}
    of_track = {row[:2]: number[row[2]] for row in own.iter_rows()}
    joined = pl.DataFrame(schema=_SCHEMA) if duplicates is None else duplicates
    pairs = [
        (of_track[row[:2]], of_track[row[2:]])
        for row in joined.select(list(_SCHEMA)[:4]).iter_rows()
        if row[:2] in of_track and row[2:] in of_track
    ]
    root = _first_of_each(len(names), pairs)
    merged = {name: names[root[place]] for name, place in number.items()}
    return own.with_columns(pl.col("cluster").replace_strict(merged, return_dtype=pl.String))


def _first_of_each(count: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Return for each of `count` nodes the smallest node that pairs join it with."""
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(pairs)), (ends[0], ends[1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    return [int(place) for place in first[component]]
