"""CPU seconds per minute of audio, from what was measured and from how a track is cut."""

from __future__ import annotations

from stemwise.core.errors import ConfigError
from stemwise.core.types import SAMPLE_RATE
from stemwise.models.msst import reflected
from stemwise.models.overlap import FAST, is_fast, overlap_of
from stemwise.models.spec import ModelSpec
from stemwise.models.tiling import CenteredTiling, CountedTiling

SONG_MINUTES = 4  # short songs pay more for their ends


def minute_cost(spec: ModelSpec) -> float | None:
    """Return CPU seconds per minute of a song with the model's default tiling; None if unknown.

    Raises:
        ConfigError: the cost is of another chunk than the model's, or its tiling is not known.
    """
    cost = spec.cost
    if cost is None:
        return None
    passes = 1 if spec.augment is None else spec.augment.passes
    if cost.audio_s is not None:
        return passes * cost.cpu_s * 60 / cost.audio_s * _less_heard(spec, cost.audio_s)
    tiles = sum(1 for _ in default_tiling(spec).tiles(SONG_MINUTES * 60 * SAMPLE_RATE))
    return passes * cost.cpu_s * tiles / SONG_MINUTES


def _less_heard(spec: ModelSpec, seconds: float) -> float:
    """Return how much of what was heard of a track when its cost was measured is heard now."""
    settings, length = spec.settings, round(seconds * SAMPLE_RATE)
    if not is_fast(spec) or not {"chunk", "num_overlap"} <= settings.keys():
        return 1.0  # Demucs hears at most one chunk less
    cut = int(settings["chunk"]), int(settings["num_overlap"])
    return reflected(*cut, FAST).heard(length) / reflected(*cut).heard(length)


def default_tiling(spec: ModelSpec) -> CountedTiling:
    """Return how the model cuts a track, without its weights; a Demucs chunk is that of its cost.

    Raises:
        ConfigError: as `minute_cost`.
    """
    chunk = spec.cost.chunk if spec.cost is not None else None
    own = spec.settings.get("chunk", chunk)
    if chunk is None or chunk != own:
        raise ConfigError(
            f"The model {spec.name!r}: its cost is of a chunk of {chunk} samples, but it uses {own}: "
            "measure again with benchmarks/model_cost.py --chunk."
        )
    if "num_overlap" in spec.settings:
        return reflected(chunk, int(spec.settings["num_overlap"]), overlap_of(spec))
    if "overlap" in spec.settings:
        return CenteredTiling(chunk, float(spec.settings["overlap"]), exact=is_fast(spec))
    raise ConfigError(
        f"The model {spec.name!r}: how it cuts a track is not in its settings: give its cost for "
        "audio_s seconds instead of a chunk."
    )
