"""`stemwise.measure`: scores of estimates in memory or in files, without a run's folder."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from stemwise.api.arrays import AudioLike
from stemwise.api.settings import group
from stemwise.api.signals import Estimates, References, song_of
from stemwise.core.errors import AudioError
from stemwise.core.stems import MIXTURE
from stemwise.core.types import FILE_PREFIX
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.track import TrackEvaluator
from stemwise.evaluation.zoo import Zoo
from stemwise.jobs.typed import read
from stemwise.selection.oracle import add_scores
from stemwise.storage import tables
from stemwise.storage.estimates import EstimateStore

_MUSEVAL = "museval_"


def measure(
    reference: References,
    estimate: Estimates,
    *,
    rate: int | None = None,
    mixture: AudioLike | None = None,
    metric: str | Mapping[str, Any] = "paper",
    rule: str = "linear",
) -> pl.DataFrame:
    """Score estimates against references, with the code and by the rules of `stemwise evaluate`.

    All audio is brought to stereo at 44.1 kHz; estimates are trimmed or padded at their end to the
    length of the mixture, with a warning. Nothing is shifted: `lag_samples` says how late they are.

    Args:
        reference: the true stems, stem → audio; or the audio of one stem. Audio is a file, or an array
            or tensor of shape `(samples,)`, `(1, samples)` or `(2, samples)`.
        estimate: with references by stem, stem → audio (such as `Stems`) or model → stem → audio;
            with one reference, its estimate or model → estimate.
        rate: sample rate in Hz of all arrays (`Stems` know their own).
        mixture: the models' input; None where it is the sum of the references. It is scored too, as
            the model `mixture` (of a single reference only where it is given).
        metric: a protocol of conf/metric, or values that differ: `{"museval": True}`,
            `{"extra": ["bleedless"]}`.
        rule: makes one score of two: `linear`, `paper_guarded` or `paper_naive`.

    Returns:
        One row per model and stem: `model`, `stem`, the scores in dB (`snr`, `si_sdr`, `bss_sdr`,
        `si_sir`, `si_sar`; null where not defined), `score`, `gain_db`, `lag_samples` (at 44.1 kHz),
        `reference_dbfs` and `status`, as in a run's table `scores`.

    Raises:
        ConfigError: arguments that do not fit together, or an unknown metric.
        AudioError: audio that cannot be read or is not sound.

    Example:
        >>> stemwise.measure(truth, estimate, rate=44_100)["snr"][0]
        >>> stemwise.measure({"vocals": "vocals.wav", "other": "band.wav"},
        ...                  {"mine": {"vocals": "v.wav"}, "theirs": {"vocals": "w.wav"}})
    """
    settings = read(MetricSettings, group("metric", metric, "paper"), "metric")
    with tempfile.TemporaryDirectory(prefix="stemwise-") as folder:
        track = song_of(reference, estimate, mixture, rate, Path(folder))
        store = EstimateStore(Path(folder) / "store")
        result = TrackEvaluator(Zoo([]), store, settings, files=None)(track)
        rows = result.tables["scores"]
        failed = next((row for row in rows if row["status"] == "failed"), None)
        if failed is not None:
            raise AudioError(f"{failed['stem']} cannot be measured: {failed['error']}")
        problems = result.tables["tracks"][0]["problems"]
    for problem in problems:
        warnings.warn(problem, stacklevel=2)
    scored = add_scores(tables.framed("scores", rows), settings.pair_of, rule)
    if mixture is None and len(track.references) == 1:
        scored = scored.filter(pl.col("model") != MIXTURE)
    named = scored.with_columns(pl.col("model").str.strip_prefix(FILE_PREFIX))
    return named.select(_columns(settings))


def _columns(settings: MetricSettings) -> list[str]:
    """Return the columns of `scores` that say something of audio alone."""
    asked = [name for name in tables.METRICS if settings.museval or not name.startswith(_MUSEVAL)]
    ends = ["score", "gain_db", "lag_samples", "reference_dbfs", "status"]
    return ["model", "stem", *asked, *settings.extra, *ends]
