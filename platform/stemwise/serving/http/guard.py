"""What stands before every route: hosts, other sites' pages, security headers, metrics."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stemwise.core.errors import ForbiddenError, RequestError
from stemwise.serving.http.problems import REASON, problem

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self' blob:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_SAFE = {"GET", "HEAD", "OPTIONS"}
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}


class Counts(Protocol):
    """What the guard tells of each request."""

    def request(self, method: str, route: str, status: int) -> None:
        """Count one answer."""

    def rejected(self, reason: str) -> None:
        """Count one refusal."""


class Guard:
    """Wraps an application.

    Args:
        hosts: names under which the server may be called; empty allows all. A name that is not ours
            means that another site has pointed its own at this machine (DNS rebinding).
        counts: told of each request and refusal.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], counts: Counts) -> None:
        self.app, self.hosts, self.counts = app, {host.lower() for host in hosts}, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                self._count(scope, message["status"])
            await send(message)

        refused = self._refusal(scope)
        await (refused or self.app)(scope, receive, answer)

    def _count(self, scope: Scope, status: int) -> None:
        # a client may call its method anything; what it makes up must not become a label
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.counts.request(method, _route(scope), status)
        if REASON in scope:
            self.counts.rejected(scope[REASON])

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts and _hostname(host) not in self.hosts:
            return problem(
                RequestError(
                    f"The Host {host[:80]!r} is not one of this server's: call it as "
                    f"{', '.join(sorted(self.hosts))}, or start it with --allow-host."
                ),
                scope,
            )
        foreign = headers.get("sec-fetch-site") == "cross-site" or _foreign(headers, host)
        if scope["method"] not in _SAFE and foreign:
            return problem(ForbiddenError("Pages of other sites may not use this server."), scope)
        return None


def _foreign(headers: Headers, host: str) -> bool:
    """Tell whether a browser says that another site's page makes the request."""
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower()
    except ValueError:  # no browser sends brackets that are not closed
        return True


def _hostname(host: str) -> str:
    """Return a Host header's name without its port, or nothing where it is malformed."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _route(scope: Scope) -> str:
    """Return the route's pattern, so that ids do not become labels."""
    route = scope.get("route")
    return getattr(route, "path", "unknown")
