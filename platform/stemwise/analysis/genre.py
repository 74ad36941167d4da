"""Where genre matters: means per genre, a test of genre × model, and whether routing would pay."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from stemwise.analysis.clusters import interval
from stemwise.analysis.cross_fit import folds_of
from stemwise.analysis.matched import STEM_KEY, Matched
from stemwise.analysis.multiplicity import DRAWS

Row = dict[str, Any]
Float = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
_FEWEST = 2  # tracks of a genre from which a mean is more than that track


def genre_scores(matched: Matched) -> list[Row]:
    """Return one row per genre and model: mean score, 95 % interval, tracks, and the genre's winner.

    A genre with one track has a mean but neither interval nor winner.
    """
    rows: list[Row] = []
    for genre in sorted({genre for genre in matched.genres if genre is not None}):
        here = np.array([g == genre for g in matched.genres])
        artists = [artist for artist, inside in zip(matched.artists, here, strict=True) if inside]
        values = matched.values[:, here]
        best = int(np.argmax(values.mean(axis=1)))
        for index, model in enumerate(matched.models):
            low, high = interval(values[index], artists)
            rows.append(
                dict(zip(STEM_KEY, matched.stem, strict=True))
                | {
                    "genre": genre,
                    "model": model,
                    "tracks": int(here.sum()),
                    "artists": len(set(artists)),
                    "mean_score": float(values[index].mean()),
                    "low": low,
                    "high": high,
                    "winner": index == best and int(here.sum()) >= _FEWEST,
                }
            )
    return rows


def interaction_p(matched: Matched, draws: int = DRAWS, seed: int = 0) -> float | None:
    """Return the p-value of genre × model: do models differ in *where* they are good?

    Permutation test. The statistic is Σ_g n_g Σ_m (mean of the scores of model m in genre g, after
    the track's and the model's own means are taken off)². Genres are permuted over artists whose
    songs are all of one genre, so that songs of one artist move together. None where fewer than two
    genres have two artists, or there are fewer than two models.
    """
    kept, labels, index = _pure_artists(matched)
    counts = Counter(labels)
    if len(matched.models) < 2 or sum(count >= _FEWEST for count in counts.values()) < 2:
        return None
    values = matched.values[:, kept]
    residual = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    # songs of an artist move together, so that their sums are all that a permutation needs
    songs = np.bincount(index, minlength=len(labels))
    sums = np.array([np.bincount(index, row, len(labels)) for row in residual])
    genres = {genre: place for place, genre in enumerate(sorted(counts))}
    code = np.array([genres[label] for label in labels])
    random = np.random.default_rng(seed)
    observed = _between(sums, songs, code)
    drawn = [_between(sums, songs, random.permutation(code)) for _ in range(draws)]
    return float((1 + np.sum(np.array(drawn) >= observed * (1 - 1e-12))) / (draws + 1))


def _pure_artists(matched: Matched) -> tuple[list[int], list[str], Index]:
    """Return the tracks of artists of one genre, the artists' genres, and whose each track is."""
    seen: dict[str, set[str | None]] = {}
    for artist, genre in zip(matched.artists, matched.genres, strict=True):
        seen.setdefault(artist, set()).add(genre)
    pure = {a: next(iter(g)) for a, g in sorted(seen.items()) if len(g) == 1 and None not in g}
    place = {artist: number for number, artist in enumerate(pure)}
    kept = [i for i, artist in enumerate(matched.artists) if artist in pure]
    index = np.array([place[matched.artists[i]] for i in kept], dtype=np.int64)
    return kept, [str(genre) for genre in pure.values()], index


def _between(sums: Float, songs: Index, code: Index) -> float:
    """Return the statistic from the artists' sums `(models, artists)`, songs and genres."""
    counts = np.bincount(code, songs)
    totals = np.array([np.bincount(code, row) for row in sums])
    return float(((totals**2).sum(axis=0)[counts > 0] / counts[counts > 0]).sum())


def routing_gain(
    matched: Matched, folds: int = 5, seed: int = 0
) -> tuple[float, float | None, float | None] | None:
    """Return what choosing the model by genre gains over one model for all, on held-out tracks.

    Both choices are made on the other folds' tracks. A genre that those do not hold gets the model
    that is best over all. Returns (mean gain in dB, low, high), or None where there are too few
    artists to hold any out.
    """
    parts = folds_of(matched.artists, folds, seed)
    if parts is None:
        return None
    gains = np.zeros(len(matched.tracks))
    for held in parts:
        learned = np.setdiff1d(np.arange(len(matched.tracks)), held)
        overall = _best(matched.values[:, learned])
        routed = _best_of_genres(matched, learned)
        for track in held:
            own = routed.get(matched.genres[track], overall)
            gains[track] = matched.values[own, track] - matched.values[overall, track]
    low, high = interval(gains, matched.artists)
    return float(gains.mean()), low, high


def _best_of_genres(matched: Matched, learned: npt.NDArray[np.int64]) -> dict[str | None, int]:
    """Return the best model of each genre that enough of the learned tracks have."""
    of: dict[str | None, list[int]] = {}
    for track in learned:
        of.setdefault(matched.genres[track], []).append(int(track))
    return {
        genre: _best(matched.values[:, same])
        for genre, same in of.items()
        if genre is not None and len(same) >= _FEWEST
    }


def _best(values: Float) -> int:
    return int(np.argmax(values.mean(axis=1)))


def genre_effects(matched: Matched, seed: int = 0) -> Row:
    """Return the row of a stem: the test of genre × model, and the held-out gain of routing."""
    gain = routing_gain(matched, seed=seed)
    mean, low, high = gain if gain is not None else (None, None, None)
    return dict(zip(STEM_KEY, matched.stem, strict=True)) | {
        "genres": len({genre for genre in matched.genres if genre is not None}),
        "tracks": len(matched.tracks),
        "p_value": interaction_p(matched, seed=seed),
        "routing_gain": mean,
        "low": low,
        "high": high,
    }
