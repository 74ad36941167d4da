"""Estimates that are late, inverted or of another level: bugs of a pipeline, not bad separation."""

from __future__ import annotations

from typing import Any

import polars as pl

Row = dict[str, Any]
LAG_SAMPLES = 8
FORGIVEN_DB = 3.0
GAIN_DB = 6.0
_KEY = ("dataset", "track_id", "model", "parent", "parent_source", "stem")
_REFERENCE_LINES = ("mixture", "oracle")


def anomalies(scores: pl.DataFrame) -> list[Row]:
    """Return a row per suspicious estimate: its kind, the number behind it, and a sentence.

    * `late`, `early`: the best lag is 8 samples or more, and a score that allows a filter is at least
      3 dB better than the plain one.
    * `inverted`: the scale-free score is at least 3 dB better, and the plain one below −3 dB: of a
      loud part that is like the reference, the sign is wrong.
    * `loud`, `quiet`: the part that is the reference is 6 dB or more off its level, and undoing that
      would gain at least 3 dB.
    """
    good = scores.filter(pl.col("status") == "ok", ~pl.col("model").is_in(_REFERENCE_LINES)).sort(
        _KEY
    )
    gained = pl.max_horizontal("si_sdr", "bss_sdr") - pl.col("snr")
    odd = good.drop_nulls(["snr", "si_sdr", "bss_sdr"]).filter(gained >= FORGIVEN_DB)
    return [row for found in odd.iter_rows(named=True) for row in _of(found)]


def _of(row: dict[str, Any]) -> list[Row]:
    snr, si_sdr, bss = (row[name] for name in ("snr", "si_sdr", "bss_sdr"))
    lag, gain = row["lag_samples"] or 0, row["gain_db"]
    found: list[tuple[str, float, str]] = []
    if abs(lag) >= LAG_SAMPLES and bss - snr >= FORGIVEN_DB:
        kind = "late" if lag > 0 else "early"
        found.append((kind, float(lag), f"{abs(lag)} samples {kind}"))
    elif (
        si_sdr - snr >= FORGIVEN_DB and snr < -FORGIVEN_DB and (gain is None or abs(gain) < GAIN_DB)
    ):
        found.append(("inverted", float(si_sdr - snr), "its polarity is inverted"))
    if gain is not None and abs(gain) >= GAIN_DB and si_sdr - snr >= FORGIVEN_DB:
        kind = "loud" if gain > 0 else "quiet"
        found.append((kind, float(gain), f"{abs(gain):.1f} dB too {kind}"))
    return [
        {name: row[name] for name in _KEY} | {"kind": kind, "value": value, "text": text}
        for kind, value, text in found
    ]
