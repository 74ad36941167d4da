"""What the HTTP API answers with; OpenAPI's schemas are made from these classes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from stemwise.serving.jobs.records import Status


class Answer(BaseModel):
    """Base of all answers: no field beyond those described."""

    model_config = ConfigDict(extra="forbid")


class Problem(Answer):
    """An error as RFC 9457 problem details."""

    type: str = Field("about:blank", description="A URI reference that names the kind of problem.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(
        description="One sentence: what is wrong with this request, and the way out."
    )
    reason: str = Field(description="A short word for programs, for example `queue_full`.")
    instance: str | None = Field(None, description="The path that was asked for.")


class Links(Answer):
    """Where a job's parts are."""

    self: str
    events: str = Field(description="Progress as server-sent events.")
    archive: str | None = Field(None, description="All stems as one zip, once the job succeeded.")
    stems: dict[str, str] = Field(
        default_factory=dict, description="Stem name → its file, once the job succeeded."
    )
    peaks: dict[str, str] = Field(
        default_factory=dict, description="Stem name → its waveform as JSON, for players."
    )
    mixture: str | None = Field(
        None, description="The song itself, as the models received it, once the job succeeded."
    )
    mix: str | None = Field(None, description="A mix of chosen stems, once the job succeeded.")


class StemResult(Answer):
    """One finished stem."""

    stem: str
    parent: str = Field(description="`mixture`, or the stem it was separated from.")
    bytes: int = Field(description="Size of the encoded file.")
    peak: float | None = Field(description="Largest absolute sample before encoding.")
    rms_dbfs: float | None = Field(description="Level before encoding; null for digital silence.")
    kind: str | None = Field(
        None, description="Kind of ensemble, such as `median`; null for weights."
    )
    models: dict[str, float | None] = Field(
        description="Which models made it, with what weights; null in an ensemble without weights."
    )
    quality_db: list[float | None] | None = Field(
        None,
        description="Held-out SNR where the recipe knows it: [mean, low, high] of its 95 % interval.",
    )


class Prediction(Answer):
    """What is probably the SNR of a stem, told without its reference."""

    snr: float = Field(description="In dB.")
    low: float = Field(description="Lower end of the 90 % interval.")
    high: float = Field(description="Upper end of the 90 % interval.")


class Conservation(Answer):
    """How exactly parts add up to their parent."""

    parent: str = Field(description="`mixture`, or a stem that was separated further.")
    stems: list[str] = Field(description="The stems that were added up.")
    difference_dbfs: float | None = Field(
        description="RMS level of parent − sum, re full scale; null where it is digital silence."
    )
    exact: bool = Field(description="Whether the difference is digital silence.")


class Failure(Answer):
    """Why a job failed."""

    reason: str
    detail: str


class Separation(Answer):
    """A job."""

    id: str
    status: Status
    progress: float = Field(description="Share of all chunks that are done, 0 to 1.", ge=0, le=1)
    chunks_done: int = Field(description="Chunks that models have separated so far.")
    chunks_total: int | None = Field(description="Chunks in all; null until that is known.")
    title: str = Field(description="The name of the uploaded file, for people.")
    recipe: str
    format: str = Field(description="`flac` or `wav`.")
    stems: list[str] = Field(description="The stems that were asked for; empty means all.")
    duration_s: float
    attempts: int = Field(description="How often a worker has started it.")
    created_at: str = Field(description="RFC 3339, UTC.")
    started_at: str | None
    finished_at: str | None
    expires_at: str | None = Field(description="When its files are deleted.")
    error: Failure | None = None
    results: list[StemResult] = Field(default_factory=list)
    conservation: list[Conservation] = Field(default_factory=list)
    quality: dict[str, Prediction] = Field(
        default_factory=dict,
        description="Stem → its predicted SNR, where the recipe predicts it of such a song.",
    )
    gain: float | None = Field(
        None,
        description="Factor by which all stems were attenuated where FLAC would have clipped; else 1.",
    )
    tier: str | None = Field(
        None,
        description="Tier of the recipe whose stems these are, where it has tiers; while the job runs, "
        "the best so far.",
    )
    note: str | None = Field(None, description="Why a better tier is not the answer, if it failed.")
    deadline_at: str | None = Field(
        None, description="When the best tier so far becomes the answer. RFC 3339, UTC."
    )
    timing: dict[str, float] = Field(
        default_factory=dict, description="Seconds per stage, and the real-time factor."
    )
    links: Links


class SeparationList(Answer):
    """The newest jobs first."""

    separations: list[Separation]


class RecipeInfo(Answer):
    """A recipe that this server can run."""

    name: str
    default: bool
    stems: list[str] = Field(description="Level-1 stems in the order of the stem tree.")
    children: dict[str, list[str]] = Field(description="Stem → the sub-stems taken from it.")
    models: list[str]
    weights: dict[str, dict[str, float | None]] = Field(
        description="Stem → model → weight; null in an ensemble without weights."
    )
    kinds: dict[str, str] = Field(
        default_factory=dict,
        description="Stem → kind of ensemble, such as `median`, for stems that are no weighted sum.",
    )
    quality_db: dict[str, list[float | None]] = Field(
        description="Stem → held-out SNR [mean, low, high], where the recipe's provenance has it."
    )
    provenance: dict[str, Any] = Field(description="The recipe's provenance.")


class AudioFormat(Answer):
    """A format of uploads."""

    name: str = Field(description="Its common name, for example `M4A`.")
    suffixes: list[str] = Field(description="How names of such files end; only content counts.")


class UploadLimits(Answer):
    """What an upload may be."""

    max_bytes: int
    max_duration_s: float
    formats: list[AudioFormat]


class RecipeList(Answer):
    """All recipes, the default one first, and what may be sent to them."""

    recipes: list[RecipeInfo]
    limits: UploadLimits


class ModelInfo(Answer):
    """A model that this server has loaded."""

    name: str
    architecture: str
    stems: list[str]
    parent: str
    licence: str | None
    trained_on: list[str]
    notes: str | None
    ready: bool


class ModelList(Answer):
    """The models of all recipes."""

    models: list[ModelInfo]


class Health(Answer):
    """Whether requests would be worked on now."""

    status: str = Field(description="`ok`, or `loading`.")
    models: dict[str, bool] = Field(description="Model → loaded and warmed up.")


class Peaks(Answer):
    """A stem's waveform, for drawing."""

    stem: str
    samples_per_peak: int
    peaks: list[float] = Field(
        description="Largest absolute sample of each stretch, 0 to 1 and more."
    )
