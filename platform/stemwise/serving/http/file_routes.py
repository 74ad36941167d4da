"""Routes of finished stems (DESIGN: HTTP API). They only compose and call.

No `from __future__ import annotations` here: FastAPI reads these annotations at run time.
"""

from collections.abc import AsyncIterator, Mapping
from email.message import Message
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool
from zipstream import ZipStream

from stemwise.serving.http.depends import JobId, Owner, Served, StemName
from stemwise.serving.http.describe import audio, errors
from stemwise.serving.http.schemas import Peaks
from stemwise.serving.http.service import Service
from stemwise.serving.http.stored_file import PassingFile, StoredFile
from stemwise.serving.jobs.exports import MEDIA_TYPES
from stemwise.serving.jobs.records import Job

router = APIRouter(tags=["stems"])
_GONE = errors(401, 404, 409, 422, 503)
Format = Annotated[
    Literal["flac", "wav", "mp3"] | None,
    Query(description="The job's own where absent; `mp3` has 320 kbit/s."),
]
_MIX = "Stems with levels in dB (0 where absent), for example `vocals:-3.5,drums`."
Levels = Annotated[str, Query(description=_MIX, max_length=2000)]
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
async def download(
    id: JobId, stem: StemName, who: Owner, service: Served, format: Format = None
) -> StoredFile:
    """Download a stem, or the song itself as `mixture`; ranges are answered."""
    job, path = await service.stem(id, stem, who)
    kind = format or job.format
    name, media = f"{_base(job)} - {stem}.{kind}", MEDIA_TYPES[kind]
    if kind == job.format:
        return StoredFile(path, media_type=media, filename=name)
    made = await service.exported(job, stem, path, kind)
    return PassingFile(made, media_type=media, filename=name)


@router.get(
    "/v1/separations/{id}/mix",
    response_class=StoredFile,
    responses={
        200: audio("The mix.", *MEDIA_TYPES.values()),
        206: audio("The range that was asked for.", *MEDIA_TYPES.values(), _IN_RANGES),
        **errors(416),
        **_GONE,
    },
)
async def mix(
    id: JobId, who: Owner, service: Served, stems: Levels, format: Format = None
) -> StoredFile:
    """Download a mix of stems. Where FLAC or MP3 would clip, it is turned down."""
    job, path = await service.mix(id, stems, format, who)
    kind = format or job.format
    return PassingFile(path, media_type=MEDIA_TYPES[kind], filename=f"{_base(job)} - mix.{kind}")


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
async def archive(
    id: JobId, who: Owner, service: Served, format: Format = None
) -> StreamingResponse:
    """Download all stems in one zip."""
    job, paths = await service.all_stems(id, who)
    kind = format or job.format
    shown = Message()
    shown.add_header(
        "Content-Disposition", "attachment", filename=("utf-8", "", f"{_base(job)}.zip")
    )
    headers = {"Content-Disposition": str(shown["Content-Disposition"])}
    if kind != job.format:
        content = _converted(service, job, paths, kind)
        return StreamingResponse(content, media_type="application/zip", headers=headers)
    zipped = ZipStream(sized=True)  # stored: FLAC does not shrink, and the size is known at once
    for stem, path in paths.items():
        zipped.add_path(path, f"{stem}.{kind}")
    headers["Content-Length"] = str(len(zipped))
    return StreamingResponse(
        iterate_in_threadpool(iter(zipped)), media_type="application/zip", headers=headers
    )


async def _converted(
    service: Service, job: Job, paths: Mapping[str, Path], kind: str
) -> AsyncIterator[bytes]:
    """Yield a zip whose files are made while it is sent: the first one comes after one encoding."""
    zipped = ZipStream()
    for stem, path in paths.items():
        made = await service.exported(job, stem, path, kind)
        try:
            zipped.add_path(made, f"{stem}.{kind}")
            async for piece in iterate_in_threadpool(zipped.all_files()):
                yield piece
        finally:
            made.unlink()
    async for piece in iterate_in_threadpool(zipped.finalize()):
        yield piece


def _base(job: Job) -> str:
    """Return a title without its suffix, for the names of downloads."""
    name = job.title.rpartition(".")[0] or job.title
    return name.replace("/", "_").replace("\\", "_") or "separation"
