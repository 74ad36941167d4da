"""Every error as problem+json (RFC 9457) with one clear sentence."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from stemwise.core.errors import RequestError, StemwiseError
from stemwise.serving.http.schemas import Problem

_log = logging.getLogger("ray.serve")
MEDIA_TYPE = "application/problem+json"
# Where a request's scope says why it was refused, for those that count.
REASON = "stemwise.reason"


def problem(error: RequestError, scope: Scope) -> Response:
    """Return the answer to a request that is refused, and note the reason in its `scope`."""
    headers = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(scope, error.status, error.reason, str(error), headers)


def _answer(
    scope: Scope, status: int, reason: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    scope[REASON] = reason
    content = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        reason=reason,
        instance=scope["path"],
    )
    return JSONResponse(content.model_dump(), status, headers, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Let `app` answer all errors this way."""

    @app.exception_handler(RequestError)
    async def refused(request: Request, error: RequestError) -> Response:
        return problem(error, request.scope)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = " ".join(map(str, first["loc"]))
        detail = f"The {place} is not usable: {first['msg']}."
        return _answer(request.scope, 422, "unprocessable", detail)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        words = HTTPStatus(error.status_code).phrase
        reason = words.lower().replace(" ", "_")
        detail = (
            f"There is no page {request.url.path[:120]!r}: see /openapi.json."
            if error.status_code == HTTPStatus.NOT_FOUND
            else f"{words}: {request.method} is answered with {error.status_code} here."
        )
        headers = dict(error.headers or {})
        return _answer(request.scope, error.status_code, reason, detail, headers)

    @app.exception_handler(StemwiseError)
    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> Response:
        _log.error("Internal error while handling a request.", exc_info=error)
        detail = "Internal error while handling this request; see the server's log."
        return _answer(request.scope, 500, "internal", detail)
