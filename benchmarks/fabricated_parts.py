"""Finished tracks of songs that nobody separated, varied from a few that were.

Real parts come from the demo's songs and its SCNet. A fabricated song has their blocks in another order
and at other levels, and its models are that model at another gain plus an error of their own that is
orthogonal to all else: a gain scales inner products, and such an error adds to the estimate's own energy
and to no projection.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stemwise.datasets.demo import DemoDataset
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.measurement.energy_ratios import decibels, si_sdr, snr
from stemwise.measurement.gram import pack, unpack
from stemwise.models.registry import get, prepare
from stemwise.storage import tables
from stemwise.storage.estimates import EstimateStore

Rows = list[dict[str, Any]]
Float = npt.NDArray[np.float64]
MODELS = ("demo_htdemucs", "demo_melband", "demo_scnet", "spleeter_2stems")
STEMS = {"vocals": "vocals", "drums": "drums", "bass": "bass", "guitar+piano+other": "other"}
GENRES = ("pop", "rock", "rap", "jazz", "electronic", "singer_songwriter")
BLOCKS = 12  # of the real songs
GAINS = (1.0, 0.9, 1.1, 0.8)
ERRORS_DB = (-6.0, -7.0, -9.0, -8.0)  # of the models' own errors, below the reference
SONGS_PER_ARTIST = 4


def real_tables(songs: int = 3) -> list[dict[str, Rows]]:
    """Evaluate a few songs of the demo with its SCNet; return the rows of each."""
    found = DemoDataset(songs_per_genre=1, duration_s=float(BLOCKS), real_track=False).tracks()
    with tempfile.TemporaryDirectory() as folder:
        zoo = Zoo.load([prepare(get("demo_scnet"))], "cpu", None)
        evaluate = TrackEvaluator(zoo, EstimateStore(Path(folder)), MetricSettings())
        return [evaluate(track).tables for track in found[:songs]]


def fabricated(real: Mapping[str, Rows], number: int, seconds: int) -> dict[str, Rows | pa.Table]:
    """Return the tables of a song made from those of a real one; `seconds` is a multiple of `BLOCKS`."""
    random = np.random.default_rng(number)
    head = {"dataset": "fabricated", "track_id": f"song-{number:05d}"}
    artist = f"artist {number // SONGS_PER_ARTIST}"
    genre = GENRES[(number // SONGS_PER_ARTIST) % len(GENRES)]
    facts = {
        "title": f"Song {number}",
        "artist": artist,
        "genre": genre,
        "stems": list(STEMS.values()),
    }
    out: dict[str, list[Any]] = {name: [] for name in real}
    track = real["tracks"][0]
    # songs that nothing takes for one recording
    fingerprint = np.array(track["fingerprint"]) + random.normal(0, 6, len(track["fingerprint"]))
    facts |= {"duration_s": float(seconds), "fingerprint": fingerprint.tolist()}
    out["tracks"] = [track | head | facts]
    for stem, name in STEMS.items():
        own = {
            table: [
                row | head | {"stem": name}
                for row in rows
                if row.get("stem") == (name if table == "estimates" else stem)
            ]
            for table, rows in real.items()
        }
        _stem(out, own, random, seconds, genre)
    return out | {"measurements": pa.concat_tables(out["measurements"])}


def _stem(
    out: dict[str, list[Any]],
    own: Mapping[str, Rows],
    random: np.random.Generator,
    seconds: int,
    genre: str,
) -> None:
    order = random.permutation(np.tile(np.arange(BLOCKS), seconds // BLOCKS))
    level = random.lognormal(0, 0.5) * random.lognormal(0, 0.3, seconds)
    shift, size = random.normal(0, 2, (2, len(MODELS)))
    gains = np.array([1.0, 1.0, *GAINS])
    blocks = own["measurements"]
    grams = unpack(np.array([row["gram"] for row in blocks]))[:, _SIGNALS][:, :, _SIGNALS]
    grams = level[:, None, None] * (grams * gains[:, None] * gains)[order]
    added = 10 ** ((np.array(ERRORS_DB) + shift) / 10) * grams[:, 0, 0].mean()
    errors = added * random.gamma(1.0, 1.0, (seconds, len(MODELS)))
    grams[:, _OWN, _OWN] += errors
    energies = {
        name: level[:, None]
        * np.array([row[name] for row in blocks])[:, _ESTIMATES][order]
        * gains[1:] ** 2
        for name in _ENERGIES
    }
    for name in ("bss_remainder", "si_artifacts"):
        energies[name][:, 1:] += errors
    signals = ["reference", "mixture", *MODELS]
    total = grams.sum(axis=0)
    out["measurements"].append(_blocks(blocks[0], signals, {"gram": pack(grams), **energies}))
    form = own["forms"][0]
    size = level.sum() / BLOCKS * gains[1:, None] * gains[1:]
    squares = {
        name: pack(size * unpack(form[name])[_ESTIMATES][:, _ESTIMATES]).tolist()
        for name in ("projection", "overlap", "span")
    }
    out["forms"].append(
        form
        | {"models": signals[1:], "energy": float(total[0, 0]), "cross": total[0, 1:].tolist()}
        | {"gram": pack(total[1:, 1:]).tolist(), **squares}
    )
    made = next(row for row in own["estimates"] if row["model"] == "demo_scnet")
    out["estimates"] += [made | {"model": model} for model in MODELS]
    sums = {name: energy.sum(axis=0) for name, energy in energies.items()}
    for place, model in enumerate(signals[1:], start=1):
        scored = next(r for r in own["scores"] if r["model"] == _REAL[_SIGNALS[place]])
        scores = _scores(total, sums, place) if scored["status"] == "ok" else {}
        out["scores"].append(scored | {"model": model, "genre": genre} | scores)


def _scores(total: Float, sums: Mapping[str, Float], place: int) -> dict[str, float]:
    """Return the whole-track scores of a signal from the sums over all blocks."""
    rr, ry, yy = total[0, 0], total[0, place], total[place, place]
    parts = {name: energy[place - 1] for name, energy in sums.items()}
    found = {
        "snr": snr(rr, ry, yy),
        "si_sdr": si_sdr(rr, ry, yy),
        "bss_sdr": decibels(parts["bss_projection"], parts["bss_remainder"]),
        "si_sir": decibels(ry**2 / rr, parts["si_interference"]),
        "si_sar": decibels(ry**2 / rr, parts["si_artifacts"]),
    }
    return {name: float(value) for name, value in found.items()}


def _blocks(
    first: Mapping[str, Any], signals: Sequence[str], lists: Mapping[str, Float]
) -> pa.Table:
    """Return the rows of `measurements` of one stem as Arrow, since there are many."""
    count = len(lists["gram"])
    own = {
        "block": np.arange(count),
        "start_s": np.arange(float(count)),
        "length_s": np.ones(count),
        "signals": [list(signals)] * count,
        **{
            name: pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
            for name, values in lists.items()
        },
    }
    schema = tables.SCHEMAS["measurements"]
    columns = [
        pa.array(own[field.name]).cast(field.type)
        if field.name in own
        else pa.repeat(pa.scalar(first[field.name], field.type), count)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


_ENERGIES = ("bss_projection", "bss_remainder", "si_interference", "si_artifacts")
_REAL = ("reference", "mixture", "demo_scnet")
_SIGNALS = [0, 1, 2, 2, 2, 2]
_ESTIMATES = [0, 1, 1, 1, 1]
_OWN = np.arange(2, 6)
