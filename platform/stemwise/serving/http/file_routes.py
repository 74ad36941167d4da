"""Routes of finished stems (DESIGN: HTTP API). They only compose and call.

No `from __future__ import annotations` here: FastAPI reads these annotations at run time.
"""

from email.message import Message

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool
from zipstream import ZipStream

from stemwise.serving.http.depends import JobId, Owner, Served, StemName
from stemwise.serving.http.describe import audio, errors
from stemwise.serving.http.schemas import Peaks
from stemwise.serving.http.stored_file import StoredFile
from stemwise.serving.jobs.records import Job

router = APIRouter(tags=["stems"])
MEDIA_TYPES = {"flac": "audio/flac", "wav": "audio/wav"}
_GONE = errors(401, 404, 409, 422, 503)
_IN_RANGES = "multipart/byteranges"  # where several are asked for at once


@router.get(
    "/v1/separations/{id}/stems/{stem}",
    response_class=StoredFile,
    responses={
        200: audio("The stem.", *MEDIA_TYPES.values()),
        206: audio("The range that was asked for.", *MEDIA_TYPES.values(), _IN_RANGES),
        **errors(416),
        **_GONE,
    },
)
async def download(id: JobId, stem: StemName, who: Owner, service: Served) -> StoredFile:
    """Download a stem; ranges are answered."""
    job, path = await service.stem(id, stem, who)
    name = f"{_base(job)} - {stem}.{job.format}"
    return StoredFile(path, media_type=MEDIA_TYPES[job.format], filename=name)


@router.get(
    "/v1/separations/{id}/stems/{stem}/peaks",
    response_class=StoredFile,
    responses={
        200: {"model": Peaks},
        206: audio("The range that was asked for.", "application/json", _IN_RANGES),
        **errors(416),
        **_GONE,
    },
)
async def peaks(id: JobId, stem: StemName, who: Owner, service: Served) -> StoredFile:
    """Get a stem's waveform for drawing."""
    return StoredFile(await service.peaks(id, stem, who), media_type="application/json")


@router.get(
    "/v1/separations/{id}/archive",
    response_class=StreamingResponse,
    responses={200: audio("A zip of all stems.", "application/zip"), **_GONE},
)
async def archive(id: JobId, who: Owner, service: Served) -> StreamingResponse:
    """Download all stems in one zip."""
    job, paths = await service.all_stems(id, who)
    zipped = ZipStream(sized=True)  # stored: FLAC does not shrink, and the size is known at once
    for stem, path in paths.items():
        zipped.add_path(path, f"{stem}.{job.format}")
    shown = Message()
    shown.add_header(
        "Content-Disposition", "attachment", filename=("utf-8", "", f"{_base(job)}.zip")
    )
    headers = {
        "Content-Length": str(len(zipped)),
        "Content-Disposition": str(shown["Content-Disposition"]),
    }
    return StreamingResponse(
        iterate_in_threadpool(iter(zipped)), media_type="application/zip", headers=headers
    )


def _base(job: Job) -> str:
    """Return a title without its suffix, for the names of downloads."""
    name = job.title.rpartition(".")[0] or job.title
    return name.replace("/", "_").replace("\\", "_") or "separation"
