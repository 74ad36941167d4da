"""From spooled stems to a job's files, and to what is said of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemwise.audio.raw import RawAudio, Signal
from stemwise.core.stems import MIXTURE, in_order, partition_of
from stemwise.separation.ensembles.spec import Ensemble, Value, models_of
from stemwise.separation.quality import Interval
from stemwise.separation.recipe import Recipe
from stemwise.separation.spool import FULL_SCALE, SUBTYPES, Spool, encode
from stemwise.serving.files.job_files import JobFiles

PEAKS = 2000
_BLOCK = 1 << 20
_CACHED = 1 << 14  # frames whose sums stay in the CPU's cache

Spools = Mapping[str, Spool]


def input_key(job_id: str) -> str:
    """Return where a job's decoded mixture lies: raw frames, as `RawAudio` reads them."""
    return f"{job_id}/input/mixture.f32"


def stem_key(job_id: str, stem: str, file_format: str, tier: str | None = None) -> str:
    """Return where a finished stem lies; each tier has files of its own, so that all change at once."""
    return f"{job_id}/stems/{_below(tier)}{stem}.{file_format}"


def peaks_key(job_id: str, stem: str, tier: str | None = None) -> str:
    """Return where a finished stem's waveform lies."""
    return f"{job_id}/peaks/{_below(tier)}{stem}.json"


def _below(tier: str | None) -> str:
    return "" if tier is None else f"{tier}/"


def write_stem(
    job_id: str,
    stem: str,
    spool: Spool,
    file_format: str,
    gain: float,
    files: JobFiles,
    folder: Path,
    tier: str | None = None,
) -> dict[str, Any]:
    """Encode one stem and its waveform, store both, and return size and levels."""
    encoded = folder / f"{stem}.{file_format}"
    spool.encode(stem, encoded, gain, SUBTYPES[file_format])
    size = encoded.stat().st_size
    drawing = folder / f"{stem}.json"
    step, peaks = waveform(spool.read(stem))
    drawing.write_text(json.dumps({"stem": stem, "samples_per_peak": step, "peaks": peaks}))
    files.put(encoded, stem_key(job_id, stem, file_format, tier))
    files.put(drawing, peaks_key(job_id, stem, tier))
    level = rms_dbfs([spool.read(stem)], [1.0])
    return {"bytes": size, "peak": spool.peaks[stem], "rms_dbfs": level}


def write_mixture(
    job_id: str, mixture: RawAudio, file_format: str, files: JobFiles, folder: Path
) -> dict[str, Any]:
    """Encode and store the song itself, so that stems can be compared with it; return its size.

    Where FLAC would clip, it alone is turned down: players match loudness in any case.
    """
    encoded = folder / f"{MIXTURE}.{file_format}"
    peak = max((float(np.abs(part).max()) for part in mixture.frames(_BLOCK)), default=0.0)
    gain = FULL_SCALE / peak if file_format == "flac" and peak > FULL_SCALE else 1.0
    encode(mixture, encoded, gain, SUBTYPES[file_format])
    size = encoded.stat().st_size
    files.put(encoded, stem_key(job_id, MIXTURE, file_format))
    return {"bytes": size}


def waveform(signal: Signal, count: int = PEAKS) -> tuple[int, list[float]]:
    """Return a step and the largest |sample| of each stretch of that many samples."""
    step = max(1, math.ceil(signal.shape[1] / count))
    per_read = max(1, _BLOCK // step) * step
    peaks: list[float] = []
    for start in range(0, signal.shape[1], per_read):
        block = np.abs(signal[:, start : start + per_read]).max(axis=0)
        edges = np.arange(0, len(block), step)
        peaks += [round(float(peak), 4) for peak in np.maximum.reduceat(block, edges)]
    return step, peaks


def rms_dbfs(signals: Sequence[Signal], signs: Sequence[float]) -> float | None:
    """Return the RMS level of Σ ±signal over both channels, re full scale; None for silence."""
    total, samples = 0.0, signals[0].shape[1]
    for start in range(0, samples, _BLOCK):
        read = [signal[:, start : start + _BLOCK] for signal in signals]
        for first in range(0, read[0].shape[1], _CACHED):
            few = [part[:, first : first + _CACHED] for part in read]
            mixed = np.zeros(few[0].shape)
            for sign, one in zip(signs, few, strict=True):
                (np.add if sign > 0 else np.subtract)(mixed, one, out=mixed)
            total += float(np.vdot(mixed, mixed))
    return 10 * math.log10(total / (2 * samples)) if total > 0 else None


def conservation(recipe: Recipe, mixture: Signal, spools: Spools) -> list[dict[str, Any]]:
    """Return how exactly the parts of the mixture, and of each parent, add up to it.

    Only complete sets are added up: a request for single stems says nothing of conservation.
    """
    level1 = recipe.level1()
    # with a remainder everything was subtracted, whatever the stems are called
    parts = {MIXTURE: in_order(level1) if recipe.remainder else partition_of(level1)}
    parts |= {parent: recipe.parts_of(parent) for parent in recipe.children}
    found = []
    for parent, stems in parts.items():
        heard = mixture if parent == MIXTURE else _spooled(parent, spools)
        if heard is None or not all(stem in spools for stem in stems):
            continue
        signals = [heard, *(spools[stem].read(stem) for stem in stems)]
        level = rms_dbfs(signals, [1.0, *([-1.0] * len(stems))])
        found.append(
            {
                "parent": parent,
                "stems": list(stems),
                "difference_dbfs": level,
                "exact": level is None,
            }
        )
    return found


def _spooled(stem: str, spools: Spools) -> Signal | None:
    return spools[stem].read(stem) if stem in spools else None


# parent, kind of ensemble (none: weights), model → weight
Origin = tuple[str, str | None, dict[str, float | None]]


def origin(recipe: Recipe, stem: str) -> Origin:
    """Return a stem's parent, how it is made, and the models with their weights.

    The models of an ensemble of another kind have no weights.
    """
    if stem == recipe.remainder:
        return MIXTURE, None, _all_models(recipe.stems)
    for parent, group in {MIXTURE: recipe.stems, **recipe.children}.items():
        if stem in group:
            value = group[stem]
            kind = value.kind if isinstance(value, Ensemble) else None
            weights = {} if isinstance(value, Ensemble) else value
            return parent, kind, {model: weights.get(model) for model in models_of(value)}
        if recipe.rests.get(parent) == stem:
            return parent, None, _all_models(group)
    return MIXTURE, None, {}


def _all_models(group: Mapping[str, Value]) -> dict[str, float | None]:
    """Return the models whose estimates a remainder subtracts, each with weight −1 per stem."""
    return {model: -1.0 for value in group.values() for model in models_of(value)}


def quality(recipe: Recipe) -> dict[str, list[float | None]]:
    """Return held-out SNR [mean, low, high] of the stems whose recipe says it."""
    known = recipe.provenance.get("held_out_snr")
    if not isinstance(known, Mapping):
        return {}
    found = {str(stem): list(v) for stem, v in known.items() if isinstance(v, list | tuple)}
    return {stem: values for stem, values in found.items() if _is_interval(values)}


def predictions(told: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    """Return the SNR that is predicted of stems, with its 90 % interval, in dB as it is shown."""
    names = ("snr", "low", "high")
    return {
        stem: {name: round(value, 2) for name, value in zip(names, values, strict=True)}
        for stem, values in told.items()
    }


def _is_interval(values: Sequence[object]) -> bool:
    # a recipe is written by people: its .nan or .inf would be no JSON
    numbers = [v for v in values if v is not None]
    return len(values) == 3 and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in numbers
    )
