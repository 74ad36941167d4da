"""Receiving an upload: a multipart form whose file goes to disk as it comes, within limits.

The file is never in memory as a whole, nor twice on disk; what is counted are the bytes that really
come, whatever the headers promise.
"""

from __future__ import annotations

import asyncio
import errno
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from stemwise.core.errors import NotReadyError, RequestError, UnsupportedAudioError
from stemwise.serving.intake.form import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    Form,
    display_name,
    file_too_large,
)

__all__ = ["Upload", "display_name", "read_form"]

IDLE_S = 60.0
# What a form has beside its file: its other fields, boundaries and headers.
OVERHEAD = MAX_FIELDS * MAX_FIELD_BYTES + (64 << 10)
_BATCH = 1 << 20


@dataclass(frozen=True)
class Upload:
    """A received form: its file, under a name of our own at `path`, and the other fields' values.

    `filename` is harmless text for people, `size` is in bytes, `sha256` is the file's in hex.
    """

    path: Path
    filename: str
    size: int
    sha256: str
    fields: dict[str, list[str]] = field(default_factory=dict)


async def read_form(
    request: Request, folder: Path, max_bytes: int, idle_s: float = IDLE_S
) -> Upload:
    """Receive a form with exactly one part `file`, which may have at most `max_bytes`.

    The file lies in `folder`, and the caller deletes it; on any error it is deleted here.

    Raises:
        TooLargeError: more bytes than allowed, announced or real.
        UnsupportedAudioError: the request is not multipart/form-data.
        UnprocessableError: no file, an empty one, several, or a field that is unknown or too long.
        NotReadyError: the disk is full.
        RequestError: a malformed form, or a sender that leaves or sends nothing for `idle_s`.
    """
    boundary = _boundary(request)
    _check_announced(request, max_bytes)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-", delete=False) as out:
        path = Path(out.name)
        try:
            form = Form(boundary, out, max_bytes)
            async with aclosing(_batches(request, max_bytes, idle_s)) as batches:
                async for data in batches:
                    # In a thread, so that neither parsing nor the disk holds up other requests.
                    await asyncio.to_thread(form.feed, data)
            form.finish()
            out.flush()
        except OSError as error:
            path.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise NotReadyError(
                "The server has no space for this upload now: try again later.", retry_after=60
            ) from error
        except BaseException:  # a refusal, or the request is cancelled
            path.unlink(missing_ok=True)
            raise
    return Upload(path, display_name(form.filename), form.size, form.sha256, form.fields)


def _boundary(request: Request) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").lower()
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or encoding != "identity":
        raise UnsupportedAudioError(
            "The request is not an uncompressed form: send the audio as the part `file` of "
            "multipart/form-data."
        )
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046
        raise RequestError(
            "The Content-Type has no boundary of 1 to 70 characters: let the HTTP library set it."
        )
    return boundary


def _check_announced(request: Request, max_bytes: int) -> None:
    """Refuse by the Content-Length before anything is read."""
    announced = request.headers.get("content-length")
    if announced is None:  # chunked: only what comes can be counted
        return
    if not (announced.isascii() and announced.isdigit()):
        raise RequestError("The Content-Length is not a number: let the HTTP library set it.")
    # Longer digits than any limit has; Python would refuse to read thousands of them.
    if len(announced.lstrip("0")) > 18 or int(announced) > max_bytes + OVERHEAD:
        raise file_too_large(max_bytes)


async def _batches(request: Request, max_bytes: int, idle_s: float) -> AsyncGenerator[bytes, None]:
    """Yield the body in pieces of about 1 MiB, since each costs a change of threads."""
    total, waiting = 0, bytearray()
    async with aclosing(request.stream()) as stream:
        while True:
            try:
                async with asyncio.timeout(idle_s):
                    data = await anext(stream, None)
            except TimeoutError:
                raise RequestError(
                    f"The upload stalled for {idle_s:g} s and was aborted: send it again."
                ) from None
            except ClientDisconnect:
                raise RequestError("The upload was interrupted: send it again.") from None
            if data is None:
                break
            total += len(data)
            if total > max_bytes + OVERHEAD:
                raise file_too_large(max_bytes)
            waiting += data
            if len(waiting) >= _BATCH:
                yield bytes(waiting)
                waiting.clear()
    if waiting:
        yield bytes(waiting)
