"""From records to what the API answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from stemwise.core.stems import MIXTURE, in_order
from stemwise.core.types import SAMPLE_RATE
from stemwise.models.spec import ModelSpec
from stemwise.separation.recipe import Recipe
from stemwise.serving.http.schemas import (
    Conservation,
    Failure,
    Links,
    ModelInfo,
    Prediction,
    RecipeInfo,
    Separation,
    StemResult,
)
from stemwise.serving.jobs import results
from stemwise.serving.jobs.records import Job


def separation(job: Job) -> Separation:
    """Return a job as its owner sees it. Files are linked as long as they are there."""
    kept = job.result if job.has_stems else {}
    stems = [StemResult(**stem) for stem in kept.get("results", ())]
    return Separation(
        id=job.id,
        status=job.status,
        progress=round(job.progress, 4),
        chunks_done=job.chunks_done,
        chunks_total=job.chunks_total,
        title=job.title,
        recipe=job.recipe,
        format=job.format,
        stems=list(job.stems),
        duration_s=round(job.samples / SAMPLE_RATE, 3),
        attempts=job.attempts,
        created_at=_time(job.created_at) or "",
        started_at=_time(job.started_at),
        finished_at=_time(job.finished_at),
        expires_at=_time(job.expires_at),
        error=Failure(reason=job.reason or "failed", detail=job.error) if job.error else None,
        results=stems,
        conservation=[Conservation(**item) for item in kept.get("conservation", ())],
        quality={stem: Prediction(**own) for stem, own in kept.get("quality", {}).items()},
        gain=kept.get("gain"),
        tier=kept.get("tier"),
        note=kept.get("note"),
        deadline_at=_time(job.deadline_at),
        timing=dict(kept.get("timing", {})),
        links=links(job, [stem.stem for stem in stems], mixture="mixture" in kept),
    )


def links(job: Job, stems: list[str], mixture: bool = False) -> Links:
    """Return the paths of a job and of its stems."""
    base = f"/v1/separations/{job.id}"
    return Links(
        self=base,
        events=f"{base}/events",
        archive=f"{base}/archive" if stems else None,
        stems={stem: f"{base}/stems/{stem}" for stem in stems},
        peaks={stem: f"{base}/stems/{stem}/peaks" for stem in stems},
        mixture=f"{base}/stems/{MIXTURE}" if mixture else None,
        mix=f"{base}/mix" if stems else None,
    )


def recipe_info(recipe: Recipe, default: bool) -> RecipeInfo:
    """Return what people choose a recipe by."""
    groups = {parent: recipe.parts_of(parent) for parent in recipe.children}
    made = {stem: results.origin(recipe, stem) for stem in recipe.all_stems()}
    return RecipeInfo(
        name=recipe.name,
        default=default,
        stems=list(in_order(recipe.level1())),
        children={parent: list(group) for parent, group in groups.items()},
        models=list(recipe.models()),
        kinds={stem: kind for stem, (_, kind, _) in made.items() if kind is not None},
        weights={stem: models for stem, (_, _, models) in made.items()},
        quality_db=results.quality(recipe),
        provenance={key: _plain(value) for key, value in recipe.provenance.items()},
    )


def model_info(spec: ModelSpec, ready: bool) -> ModelInfo:
    """Return what the zoo says of a model."""
    return ModelInfo(
        name=spec.name,
        architecture=spec.architecture,
        stems=list(spec.with_residual(spec.stems)),
        parent=spec.parent,
        licence=spec.licence,
        trained_on=list(spec.trained_on),
        notes=spec.notes,
        ready=ready,
    )


def _plain(value: object) -> object:
    """Return YAML's values as JSON knows them (dates as text, .nan and .inf as null)."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
