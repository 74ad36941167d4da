"""An entry of the zoo as a type. Light on purpose: listing models imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stemwise.core.stems import MIXTURE
from stemwise.models.augment import Augment
from stemwise.models.checkpoints.checkpoint import Checkpoint
from stemwise.models.entries import Entry


@dataclass(frozen=True)
class Published:
    """Scores in dB that others published; they say nothing without metric, dataset and source."""

    metric: str
    dataset: str
    source: str
    db: Mapping[str, float]


@dataclass(frozen=True)
class Cost:
    """CPU seconds on one core, of one `chunk` (samples) or of `audio_s` seconds of a track."""

    cpu_s: float
    source: str
    chunk: int | None = None
    audio_s: float | None = None


# Chunks of a pass on a GPU, unless the settings say otherwise.
GPU_BATCH = 4
Known = Literal["measured", "estimated"]


@dataclass(frozen=True)
class GpuMemory:
    """GB (1e9 bytes) of a GPU: `weights_gb` as long as the model is loaded, `pass_gb` on top of it while
    it runs `GPU_BATCH` chunks in float32.

    `source` says how that is known (benchmarks/gpu_memory.py), `device` on what it was measured.
    """

    weights_gb: float
    pass_gb: float
    source: Known
    device: str | None = None

    @property
    def gb(self) -> float:
        """What the model takes alone, at its most."""
        return self.weights_gb + self.pass_gb


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the zoo.

    `target` is the class, `settings` its keyword arguments; `stems` is empty where the checkpoint or
    the track decides; `selectable` is False for reference lines that never take part in a selection.
    `parent` is the stem that the model separates (`mixture` at level 1); `residual` names the
    sub-stem that is parent − Σ stems, as backing vocals are for a model of lead vocals. `extra`,
    `parameters`, `published` and `cost` are for people (`facts`), as licence, paper and notes are;
    `gpu_memory` decides which models share a GPU. None of them changes an estimate.
    `entry` is what a user gave instead of a name of the zoo, its paths absolute (`entries`);
    `augment` what estimates are averaged over, None as a rule (`augment.py`).
    """

    name: str
    target: str
    architecture: str
    stems: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    checkpoints: tuple[Checkpoint, ...] = ()
    sample_rate: int = 44_100
    selectable: bool = True
    licence: str | None = None
    trained_on: tuple[str, ...] = ()
    paper: str | None = None
    notes: str | None = None
    parent: str = MIXTURE
    residual: str | None = None
    extra: str | None = None
    parameters: int | None = None
    published: tuple[Published, ...] = ()
    cost: Cost | None = None
    gpu_memory: GpuMemory | None = None
    entry: Entry | None = None
    augment: Augment | None = None

    def with_residual(self, stems: Iterable[str]) -> tuple[str, ...]:
        """Return `stems` of this model, and its residual last where it has one."""
        return (*stems, *([self.residual] if self.residual else []))
