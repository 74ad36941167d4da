"""From failed requests and refusing answers to one error with one sentence."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from stemwise.client.address import origin
from stemwise.client.errors import (
    BY_STATUS,
    KEY_VARIABLE,
    NotStemwiseError,
    ServerBrokenError,
    ServerBusyError,
    ServerError,
    ServerQueueFullError,
    UnreachableError,
    UntrustedError,
)
from stemwise.client.retries import retry_after_seconds
from stemwise.core.errors import QueueFullError

_LONGEST_DETAIL = 600


def connection_error(error: requests.RequestException, base: str, reached: bool) -> ServerError:
    """Say why no answer came. `reached` tells whether the server answered earlier."""
    if isinstance(error, requests.exceptions.SSLError):
        return _tls_error(str(error), base)
    if isinstance(error, requests.exceptions.ProxyError):
        return UnreachableError(
            f"The proxy in front of {base} refuses or fails: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
        )
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return _unreachable(error, base, reached)
    if isinstance(error, requests.TooManyRedirects):
        return NotStemwiseError(f"{base} redirects in a loop: check the server's address.")
    return UnreachableError(
        f"The answer of {base} broke off or is damaged ({type(error).__name__}): try again later."
    )


def _unreachable(error: requests.RequestException, base: str, reached: bool) -> ServerError:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, NameResolutionError):
        return UnreachableError(
            f"The host of {base} is not known here: check the server's address."
        )
    if isinstance(error, requests.ReadTimeout):
        return UnreachableError(f"{base} accepts connections but does not answer: try again later.")
    if isinstance(error, requests.ConnectTimeout):
        return UnreachableError(
            f"{base} does not answer: check the server's address and its firewall."
        )
    if reached:
        return UnreachableError(
            f"The connection to {base} was lost and could not be restored: "
            "check that the service still runs."
        )
    if not isinstance(cause, NewConnectionError):
        return UnreachableError(
            f"{base} closes the connection without an answer: check the server's address, "
            "and whether it begins with https://."
        )
    return UnreachableError(
        f"There is no stemwise service at {base}: start one with `stemwise serve`, or check --server."
    )


def _tls_error(text: str, base: str) -> ServerError:
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text:
        way_out = "the port speaks no TLS, write http:// instead of https://"
    elif "CERTIFICATE_VERIFY_FAILED" in text:
        way_out = (
            "its certificate is not trusted here, name the file of its authority "
            "in REQUESTS_CA_BUNDLE"
        )
    else:
        way_out = "check the address and the server's certificate"
    return UntrustedError(f"No secure connection to {base}: {way_out}.")


def refusal(response: requests.Response, base: str) -> ServerError:
    """Make the error of an answer with status 300 or above."""
    status = response.status_code
    if status < 400:
        target = origin(urljoin(response.url, response.headers.get("Location", "")))
        return NotStemwiseError(
            f"{base} has moved to {_plain(target)}: give that as the server's address.",
            status=status,
        )
    problem = _problem(response)
    if problem is None:
        return _foreign(response, base)
    detail = _plain(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))
    reason = _plain(str(problem.get("reason") or ""))
    kind = _kind(status, reason)
    hint = (
        f" Give your key in {KEY_VARIABLE}." if status == 401 and KEY_VARIABLE not in detail else ""
    )
    return kind(
        f"{base} answers: {detail}{hint}",
        status=status,
        reason=reason,
        detail=detail,
        retry_after=retry_after_seconds(response.headers.get("Retry-After")),
    )


def _kind(status: int, reason: str) -> type[ServerError]:
    if reason == QueueFullError.reason:
        return ServerQueueFullError
    fallback = ServerBrokenError if status >= 500 else ServerError
    return BY_STATUS.get(status, fallback)


def _foreign(response: requests.Response, base: str) -> ServerError:
    """Name an answer that is not problem+json: a proxy's, or that of another program."""
    status = response.status_code
    retry_after = retry_after_seconds(response.headers.get("Retry-After"))
    if status in {429, 502, 503, 504}:
        text = f"{base} cannot answer now (HTTP {status}): try again later."
        kind = BY_STATUS.get(status, ServerBusyError)
    elif status == 500:
        text = f"{base} had an internal error (HTTP 500): try again, and look at the service's log."
        kind = ServerBrokenError
    elif status == 401:
        text = f"{base} requires a key (HTTP 401): give it in {KEY_VARIABLE}."
        kind = BY_STATUS[401]
    elif status == 413:
        text = (
            f"{base} takes no file of this size (HTTP 413): send a smaller one, for example FLAC."
        )
        kind = BY_STATUS[413]
    else:
        return not_stemwise(base, status)
    return kind(text, status=status, retry_after=retry_after)


def not_stemwise(base: str, status: int, what: str = "") -> NotStemwiseError:
    """Say that something else answers; `what` tells how that was seen."""
    seen = f"HTTP {status}{', ' if what else ''}{what}"
    return NotStemwiseError(
        f"{base} answers, but not as a stemwise service does ({seen}): check the server's address.",
        status=status,
    )


def _problem(response: requests.Response) -> dict[str, Any] | None:
    if response.headers.get("Content-Type", "").split(";")[0].strip() != "application/problem+json":
        return None
    with suppress(ValueError):  # a body that is cut or no JSON tells as little as none
        found = response.json()
        if isinstance(found, dict):
            return found
    return None


def _plain(text: str) -> str:
    """Return a server's text as one line without control characters, which terminals obey."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_DETAIL else f"{line[:_LONGEST_DETAIL]} …"
