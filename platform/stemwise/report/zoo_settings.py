"""The settings that matter to people, in words: chunk, overlap, normalisation."""

from __future__ import annotations

import math
from typing import Any

from stemwise.core.types import SAMPLE_RATE
from stemwise.models.registry import model_class
from stemwise.models.spec import ModelSpec

_TOLD_OTHERWISE = {"chunk", "chunk_s", "num_overlap", "overlap", "zscore", "network"}


def settings_text(spec: ModelSpec) -> str:
    """Return the settings that decide the output, but for those of the network itself."""
    parts = [text for text in (_cut(spec), _normalised(spec)) if text]
    parts += [
        f"{key} {_value(value)}"
        for key, value in spec.settings.items()
        if key not in _TOLD_OTHERWISE
    ]
    parts += [str(spec.augment)] if spec.augment is not None else []
    return "; ".join(parts)


def _cut(spec: ModelSpec) -> str:
    settings = spec.settings
    if "chunk" in settings and "num_overlap" in settings:
        every = settings["chunk"] // settings["num_overlap"]
        return f"{_chunk(settings['chunk'])}, a new one every {_seconds(every)}"
    if "overlap" in settings:
        known = spec.cost.chunk if spec.cost is not None else None
        chunk = _chunk(known) if known else "chunks of the length that the checkpoint names"
        return f"{chunk}, overlap {settings['overlap']:.0%}"
    if "chunk_s" in settings:
        return f"chunks of {settings['chunk_s']:g} s"
    return ""


def _chunk(samples: int) -> str:
    return f"chunks of {_seconds(samples)} ({samples} samples)"


def _seconds(samples: int) -> str:
    return f"{samples / SAMPLE_RATE:.3g} s"


def _normalised(spec: ModelSpec) -> str:
    # the class says it where it never changes; otherwise it is a setting
    always = getattr(model_class(spec), "normalisation", None)
    zscore = spec.settings.get("zscore", False) if always is None else always == "zscore"
    if zscore:
        return "the track is standardised (z-score of its mono mixture)"
    return "no normalisation" if spec.checkpoints or "zscore" in spec.settings else ""


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(item)}" for key, item in value.items())
    if isinstance(value, float):
        return "∞" if math.isinf(value) else f"{value:g}"
    return str(value)
