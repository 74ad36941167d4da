"""Files of finished jobs as answers, whole or in ranges."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from stemwise.core.errors import RangeError, RequestError
from stemwise.serving.http.problems import problem


class _RefusedError(Exception):
    """What Starlette would answer with a line of plain text."""

    def __init__(self, start: Message) -> None:
        super().__init__()
        self.outside = start["status"] == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        self.headers = {key.decode("latin-1"): v.decode("latin-1") for key, v in start["headers"]}


class StoredFile(FileResponse):
    """A file; a range that cannot be answered is refused as everything else is."""

    # Each block is a message between Serve's processes; Starlette's 64 KiB are many for a song.
    chunk_size = 1 << 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the file, with the range that was asked for, or with a problem."""

        async def answer(message: Message) -> None:
            if message.get("status", HTTPStatus.OK) >= HTTPStatus.BAD_REQUEST:
                raise _RefusedError(message)
            await send(message)

        try:
            await super().__call__(scope, receive, answer)
        except _RefusedError as refused:
            await _refusal(refused, scope)(scope, receive, send)


class PassingFile(StoredFile):
    """A file that is removed once it is sent, or once nobody listens any more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and remove the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            Path(self.path).unlink(missing_ok=True)


def _refusal(refused: _RefusedError, scope: Scope) -> Response:
    if not refused.outside:
        return problem(RequestError("The Range cannot be read: write `bytes=0-1023`."), scope)
    size = refused.headers["content-range"]
    said = problem(RangeError(f"The Range lies outside the file ({size})."), scope)
    said.headers["Content-Range"] = size
    return said
