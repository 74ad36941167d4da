"""Routes of jobs (DESIGN: HTTP API). They only compose and call.

No `from __future__ import annotations` here: FastAPI reads these annotations at run time.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from stemwise.serving.http import views
from stemwise.serving.http.depends import JobId, Owner, Served
from stemwise.serving.http.describe import EVENT, UPLOAD, errors
from stemwise.serving.http.schemas import Separation, SeparationList
from stemwise.serving.http.service import Service
from stemwise.serving.jobs.records import Job

router = APIRouter(tags=["separations"])
_LARGEST_WAIT = 10**6


@router.post(
    "/v1/separations",
    status_code=202,
    responses={
        200: {"model": Separation, "description": "Finished already."},
        **errors(400, 401, 403, 409, 413, 415, 422, 429, 503),
    },
    openapi_extra={"requestBody": UPLOAD},
)
async def separate(
    request: Request,
    response: Response,
    who: Owner,
    service: Served,
    idempotency_key: Annotated[
        str | None, Header(description="A repeated request with it gets the same job.")
    ] = None,
    prefer: Annotated[
        str | None, Header(description="`wait=N` waits up to N seconds for the stems.")
    ] = None,
) -> Separation:
    """Upload a song and queue its separation."""
    job, created = await service.intake(request, who, idempotency_key)
    if created:
        service.wake()
    seconds = _wait_of(prefer)
    if seconds is not None:
        seconds = min(seconds, service.limits.max_wait_s)
        job = await service.wait(job, seconds)
        response.headers["Preference-Applied"] = f"wait={seconds:g}"
    response.headers["Location"] = f"/v1/separations/{job.id}"
    response.status_code = 200 if job.status.final else 202
    return views.separation(job)


@router.get("/v1/separations", responses=errors(401, 422, 503))
async def list_separations(
    who: Owner,
    service: Served,
    limit: Annotated[int, Query(ge=1, le=100, description="How many.")] = 20,
) -> SeparationList:
    """List the newest jobs first."""
    jobs = await service.recent(who, limit)
    return SeparationList(separations=[views.separation(job) for job in jobs])


@router.get("/v1/separations/{id}", responses=errors(401, 404, 422, 503))
async def get_separation(id: JobId, who: Owner, service: Served) -> Separation:
    """Show a job."""
    return views.separation(await service.get(id, who))


@router.delete("/v1/separations/{id}", responses=errors(401, 403, 404, 422, 503))
async def cancel_separation(id: JobId, who: Owner, service: Served) -> Separation:
    """Cancel a job, or delete the files of one that is finished."""
    return views.separation(await service.cancel(id, who))


@router.get(
    "/v1/separations/{id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `progress` and, at the end, `done`, each with the job as JSON.",
            "content": {"text/event-stream": {"schema": EVENT}},
        },
        **errors(401, 404, 422, 503),
    },
)
async def events(id: JobId, who: Owner, service: Served) -> StreamingResponse:
    """Follow a job's progress as server-sent events."""
    job = await service.get(id, who)
    service.check_streams()
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(service, job), media_type="text/event-stream", headers=headers)


async def _events(service: Service, job: Job) -> AsyncIterator[str]:
    async for state in service.changes(job):
        if state is None:
            yield ": still here\n\n"
            continue
        text = views.separation(state).model_dump_json()
        yield f"event: progress\ndata: {text}\n\n"
        if state.status.final:
            yield f"event: done\ndata: {text}\n\n"


def _wait_of(prefer: str | None) -> float | None:
    """Return the seconds of `Prefer: wait=N`; preferences that are not understood are ignored."""
    for part in (prefer or "").split(","):
        name, _, value = part.partition(";")[0].partition("=")
        value = value.strip().strip('"')
        if name.strip().lower() == "wait" and value.isascii() and value.isdigit():
            return float(min(int(value[:9]), _LARGEST_WAIT))
    return None
