"""One request with its repetitions: connections, key, retries, errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests

from stemwise.client.address import base_url, bearer, is_local
from stemwise.client.answers import Kind, read
from stemwise.client.errors import (
    ServerBrokenError,
    ServerBusyError,
    ServerError,
    ServerTooManyJobsError,
    UnreachableError,
    UntrustedError,
)
from stemwise.client.replies import connection_error, not_stemwise, refusal
from stemwise.client.retries import Policy, Retries
from stemwise.client.upload import MultipartBody

_WORTH_ANOTHER = (UnreachableError, ServerBusyError, ServerTooManyJobsError, ServerBrokenError)
_DIRECT = {"http": "", "https": ""}


class Transport:
    """The connection to one service. Not for several threads at a time."""

    def __init__(self, server: str, key: str | None, policy: Policy) -> None:
        self.base = base_url(server)
        self.policy = policy
        self._auth = bearer(key)
        self._session = requests.Session()
        self._session.max_redirects = 5
        self._reached = False

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def ask(
        self,
        kind: type[Kind],
        method: str,
        path: str,
        *,
        body: Callable[[], MultipartBody] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, int] | None = None,
        deadline: float | None = None,
        also: int | None = None,
    ) -> Kind:
        """Send a request and read its answer as a `kind`; try again where that helps.

        `body` makes a fresh body for each attempt. A status `also` is an answer like 200.

        Raises:
            ServerError: of the kind that fits, once no attempt is left.
        """
        retries = Retries(self.policy, deadline=deadline)
        while True:
            try:
                return self._once(kind, method, path, body, headers, params, deadline, also)
            except ServerError as error:
                self.pause_or_raise(retries, error)

    def pause_or_raise(self, retries: Retries, error: ServerError) -> None:
        """Sleep before another attempt, or raise `error` where that is hopeless or was the last."""
        fleeting = isinstance(error, _WORTH_ANOTHER)
        if not fleeting and not (isinstance(error, UntrustedError) and self._reached):
            raise error
        retries.pause(error, short=isinstance(error, UnreachableError) and not self._reached)

    def _once(
        self,
        kind: type[Kind],
        method: str,
        path: str,
        body: Callable[[], MultipartBody] | None,
        headers: Mapping[str, str] | None,
        params: Mapping[str, int] | None,
        deadline: float | None,
        also: int | None,
    ) -> Kind:
        made = None if body is None else body()
        read_s = self.policy.read_s if made is None else self.policy.upload_read_s
        if deadline is not None:
            read_s = min(read_s, max(1.0, deadline - time.monotonic()))
        all_headers = {"Accept": "application/json", **(headers or {})}
        if made is not None:
            all_headers["Content-Type"] = made.content_type
        options: dict[str, Any] = {"data": made, "params": params}
        with self.open(method, path, all_headers, read_s, also=also, **options) as response:
            return self._read(kind, response)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        read_s: float,
        *,
        also: int | None = None,
        **options: Any,
    ) -> Iterator[requests.Response]:
        """Yield an answer whose body is still to be read; one attempt, errors are `ServerError`s.

        Only what reads (GET) follows redirects: an upload must not go where nobody pointed it. The
        key never goes to another origin.
        """
        try:
            with self._session.request(
                method,
                self.base + path,
                headers=dict(headers),
                auth=self._auth,
                timeout=(self.policy.connect_s, read_s),
                stream=True,
                allow_redirects=method == "GET",
                proxies=_DIRECT if is_local(self.base) else None,
                **options,
            ) as response:
                self._reached = True
                if response.status_code >= 300 and response.status_code not in {also, 416}:
                    raise self._redacted(refusal(response, self.base))
                yield response
        except requests.RequestException as error:
            raise connection_error(error, self.base, self._reached) from error

    def _read(self, kind: type[Kind], response: requests.Response) -> Kind:
        try:
            return read(kind, response.json())
        except ValueError as error:  # no JSON, or of another shape
            if response.status_code >= 300:
                raise self._redacted(refusal(response, self.base)) from error
            sort = response.headers.get("Content-Type", "no type").split(";")[0]
            no_json = isinstance(error, requests.exceptions.JSONDecodeError)
            seen = f"{sort[:60]!r} instead of JSON" if no_json else str(error)
            raise not_stemwise(self.base, response.status_code, seen) from error

    def _redacted(self, error: ServerError) -> ServerError:
        """Return `error` without the key, should the server have repeated it."""
        if self._auth is not None:
            error.args = (self._auth.redact(str(error)),)
            error.detail = self._auth.redact(error.detail)
        return error
