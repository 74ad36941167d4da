"""Routes of the web page: exactly the files that were built."""

from fastapi import FastAPI, Request, Response

from stemwise.core.errors import NotFoundError
from stemwise.serving.page.files import page_file


def add_page(app: FastAPI) -> None:
    """Add `/` and `/assets/…`."""

    @app.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return _answer(request, "index.html")

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        return _answer(request, f"assets/{name}")


def _answer(request: Request, name: str) -> Response:
    found = page_file(name)
    if found is None:
        raise NotFoundError(f"There is no page {request.url.path[:120]!r}.")
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers={"ETag": found.etag})
    headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
    return Response(found.content, media_type=found.media_type, headers=headers)
