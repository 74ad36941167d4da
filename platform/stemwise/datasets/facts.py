"""Sentences about files that are no problem: what was converted by rule and lost nothing."""

from __future__ import annotations

import re

from stemwise.core.types import SAMPLE_RATE

MONO = "is mono: doubled."
RESAMPLED = f": resampled to {SAMPLE_RATE} Hz."
_SHORT_S = 0.1
_LENGTH = re.compile(
    r"\((\d+\.\d+) s\) (shorter|longer) than .*: (padded|trimmed)( at its end)?\.$"
)


def fact_of(sentence: str) -> str | None:
    """Return what a sentence of a track's `problems` is a case of; None of a real problem.

    A length that differs by less than 0.1 s is evened out by rule; a larger one is a problem.
    """
    if sentence.endswith(MONO):
        return "mono, doubled to stereo"
    if sentence.endswith(RESAMPLED):
        return f"resampled to {SAMPLE_RATE} Hz"
    found = _LENGTH.search(sentence)
    if found and float(found[1]) < _SHORT_S:
        return "padded or trimmed by less than 0.1 s"
    return None
