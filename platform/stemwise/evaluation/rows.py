"""Table rows of one track."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stemwise.core import stems
from stemwise.core.types import SAMPLE_RATE, WHOLE, Parent, Track, any_bleed
from stemwise.evaluation.settings import MetricSettings
from stemwise.measurement.blend import BlendStatistics
from stemwise.measurement.gram import pack
from stemwise.measurement.track_stem import StemMeasurement
from stemwise.storage.estimates import Entry

Row = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """Where a model's estimates of a track come from, as the tables tell it."""

    model: str
    parent: Parent = WHOLE
    key: str | None = None
    wall_s: float | None = None
    realtime_factor: float | None = None
    device: str | None = None
    precision: str | None = None
    batch_size: int | None = None
    uris: Mapping[str, str | None] = field(default_factory=dict)
    gains: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_entry(cls, model: str, parent: Parent, entry: Entry) -> Origin:
        """Describe an entry of the estimate store."""
        return cls(
            model=model,
            parent=parent,
            key=entry.key,
            wall_s=entry.wall_s,
            realtime_factor=entry.samples / SAMPLE_RATE / entry.wall_s
            if entry.wall_s > 0
            else None,
            device=entry.device,
            precision=entry.precision,
            batch_size=entry.batch_size,
            uris={stem: entry.uri(stem) for stem in entry.stems},
            gains=entry.gains,
        )


def _head(track: Track, parent: Parent, stem: str) -> Row:
    return {
        "dataset": track.dataset,
        "track_id": track.track_id,
        "parent": parent.stem,
        "parent_source": parent.source,
        "parent_model": parent.model,
        "stem": stem,
    }


def track_row(
    track: Track,
    problems: Iterable[str],
    samples: int | None,
    file_format: tuple[int, int] | None = None,
    fingerprint: list[float] | None = None,
) -> Row:
    """Return the row of `tracks`.

    Args:
        track: as it was heard (`TrackAudio.used`).
        problems: sentences about its files.
        samples: at 44.1 kHz; None where it cannot be decoded.
        file_format: rate in Hz and channels of its files.
        fingerprint: of the mixture (`stemwise.measurement.fingerprint`).
    """
    rate, channels = file_format or (None, None)
    return {
        "dataset": track.dataset,
        "track_id": track.track_id,
        "title": track.title,
        "artist": track.artist,
        "genre": track.genre,
        "split": track.split,
        "duration_s": samples / SAMPLE_RATE if samples is not None else None,
        "sample_rate": rate,
        "channels": channels,
        "has_bleed": track.has_bleed,
        "stems": list(track.references),
        "problems": list(problems),
        "drum_parts": track.drum_parts,
        "fingerprint": fingerprint,
    }


def estimate_rows(
    track: Track,
    origin: Origin,
    stems: Iterable[str],
    error: str | None = None,
    attempt: int = 1,
) -> list[Row]:
    """Return the rows of `estimates`, one per stem."""
    return [
        _head(track, origin.parent, stem)
        | {
            "model": origin.model,
            "uri": origin.uris.get(stem),
            "key": origin.key,
            "gain": origin.gains.get(stem, None if error else 1.0),
            "wall_s": origin.wall_s,
            "realtime_factor": origin.realtime_factor,
            "device": origin.device,
            "precision": origin.precision,
            "batch_size": origin.batch_size,
            "attempt": attempt,
            "status": "failed" if error else "ok",
            "error": error,
        }
        for stem in stems
    ]


def measurement_rows(
    track: Track, parent: Parent, stem: str, measured: StemMeasurement
) -> list[Row]:
    """Return the rows of `measurements`, one per block."""
    return [
        _head(track, parent, stem)
        | {
            "block": block,
            "start_s": float(measured.starts[block]),
            "length_s": float(measured.lengths[block]),
            "signals": list(measured.signals),
            "gram": measured.gram[block].tolist(),
            "bss_projection": measured.projection[block].tolist(),
            "bss_remainder": measured.remainder[block].tolist(),
            "si_interference": measured.interference[block].tolist(),
            "si_artifacts": measured.artifacts[block].tolist(),
        }
        for block in range(len(measured.starts))
    ]


def form_row(track: Track, parent: Parent, stem: str, measured: StemMeasurement) -> Row:
    """Return the row of `forms` of one stem."""
    forms = measured.forms()
    return _head(track, parent, stem) | {
        "models": list(forms.models),
        "references": [stem, *measured.references[1:]],
        **_matrices(forms),
    }


def cross_row(
    track: Track, parent: Parent, stem: str, forms: BlendStatistics, beside: Iterable[str]
) -> Row:
    """Return the row of `cross` of one stem; `beside` are the references beside its own."""
    return _head(track, parent, stem) | {
        "signals": list(forms.models),
        "references": [stem, *beside],
        **_matrices(forms),
    }


def _matrices(forms: BlendStatistics) -> Row:
    return {
        "energy": forms.energy,
        "cross": forms.cross.tolist(),
        "gram": pack(forms.gram).tolist(),
        "projection": pack(forms.projection).tolist(),
        "overlap": pack(forms.overlap).tolist(),
        "span": pack(forms.span).tolist(),
    }


def status_row(
    track: Track, origin: Origin, stem: str, status: str, error: str | None = None
) -> Row:
    """Return a row of `scores` without scores: only what is known before measuring."""
    reference = track.references.get(stem)
    return _head(track, origin.parent, stem) | {
        "genre": track.genre,
        "model": origin.model,
        "voice": reference.voice if reference else None,
        "has_bleed": reference.has_bleed if reference else _bleed_of_sum(track, stem),
        "wall_s": origin.wall_s,
        "realtime_factor": origin.realtime_factor,
        "device": origin.device,
        "status": status,
        "error": error,
    }


def _bleed_of_sum(track: Track, stem: str) -> bool | None:
    """Return whether a sum of stems has bleed, from the parts of it that the song has."""
    parts = stems.parts_of(stem)
    if stem == stems.INSTRUMENTAL:
        parts = stems.without_voices(track.partition)
    present = [track.references[part] for part in parts if part in track.references]
    return any_bleed(reference.has_bleed for reference in present)


def score_row(
    track: Track,
    origin: Origin,
    stem: str,
    metric: MetricSettings,
    measured: StemMeasurement,
    signal: str,
) -> Row:
    """Return the row of `scores` of one signal against its reference.

    A silent reference has no defined score at all; a silent estimate has an SNR (0 dB: all of the
    stem is missing) but no scale-free one.
    """
    level = measured.reference_dbfs()
    row = status_row(track, origin, stem, "ok") | {
        "reference_dbfs": level if math.isfinite(level) else None
    }
    reference = track.references.get(stem)
    if reference is not None and reference.status != "ok":
        return row | {"status": reference.status}
    if level < metric.silence_dbfs:
        return row | {"status": "silent_reference"}
    row["snr"] = defined(measured.snr(signal))
    if measured.is_silent(signal):
        return row | {"status": "silent_estimate"}
    return row | {
        "si_sdr": defined(measured.si_sdr(signal)),
        "si_sir": defined(measured.si_sir(signal)),
        "si_sar": defined(measured.si_sar(signal)),
        "bss_sdr": defined(measured.bss_sdr(signal)),
        "gain_db": defined(measured.gain_db(signal)),
        "lag_samples": measured.lag_samples(signal),
    }


def defined(value: float) -> float | None:
    """Return None for NaN: what is undefined is null in tables, never a number."""
    return None if math.isnan(value) else value
