"""Fetching a published checkpoint: resumable, verified before it gets its name, one at a time.

The bytes go to `<file>.part`. It becomes `<file>` only after its size and digest were checked, so a
file under its final name is never half a file, whatever kills the process.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock
from urllib3.exceptions import NewConnectionError

from stemwise.core.config import HOME_VARIABLE
from stemwise.core.errors import CheckpointError
from stemwise.models.checkpoints.checkpoint import (
    Checkpoint,
    Progress,
    mismatch,
    remember,
    sha256_of,
)
from stemwise.models.checkpoints.safe_load import looks_like_html

_CHUNK = 1 << 17
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_OFFLINE = (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError)


@dataclass(frozen=True)
class Policy:
    """How patient to be: pauses double from `pause_s`; the timeouts are for one connect or read."""

    attempts: int = 5
    pause_s: float = 1.0
    connect_s: float = 10.0
    read_s: float = 60.0


class _DroppedError(Exception):
    """The transfer ended early; another attempt resumes where it stopped."""


_DROPPED = (
    _DroppedError,
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


def fetch(
    checkpoint: Checkpoint,
    target: Path,
    *,
    progress: Progress | None = None,
    policy: Policy | None = None,
) -> None:
    """Fetch `checkpoint.url` to `target`; a second process waits, then finds it done.

    Raises:
        CheckpointError: no network, a refusing server, a wrong file, or no room for it.
    """
    try:
        locks = target.parent / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{target.name}.lock"):
            if not target.is_file():
                _Transfer(checkpoint, target, progress, policy or Policy()).run()
    except OSError as error:
        raise CheckpointError(
            f"{target.name} cannot be stored in the folder {target.parent} "
            f"({error.strerror or error}): make room or rights there, "
            f"or point {HOME_VARIABLE} to another folder."
        ) from error


class _Transfer:
    def __init__(
        self, checkpoint: Checkpoint, target: Path, progress: Progress | None, policy: Policy
    ) -> None:
        self.checkpoint, self.target, self.progress = checkpoint, target, progress
        self.url = str(checkpoint.url)
        self.policy = policy
        self.part = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")

    def run(self) -> None:
        """Fetch with retries, then verify and give the file its name."""
        for attempt in range(1, self.policy.attempts + 1):
            try:
                self._attempt()
                break
            except (_DroppedError, requests.RequestException) as error:
                if attempt == self.policy.attempts or not _may_pass(error):
                    raise self._failure(_reason(error)) from error
            time.sleep(self.policy.pause_s * 2 ** (attempt - 1))
        self._accept()

    def _attempt(self) -> None:
        start, headers = self._resume_point()
        if start and start == self.checkpoint.size:
            return  # whole, but the process ended before it was verified
        timeouts = (self.policy.connect_s, self.policy.read_s)
        with requests.get(self.url, headers=headers, stream=True, timeout=timeouts) as response:
            if response.status_code == 416 and start:
                self._after_416(start, response.headers.get("Content-Range", ""))
                return
            self._refuse_errors(response)
            if response.status_code == 206 and not _starts_at(response, start):
                self._discard()
                raise _DroppedError("the server sent another range than asked")
            self._receive(response, start if response.status_code == 206 else 0)

    def _resume_point(self) -> tuple[int, dict[str, str]]:
        """Return the bytes to keep and the request's headers.

        Half a file is only continued where a changed file would be noticed: by the server
        (If-Range) or by the published digest.
        """
        headers = {"Accept-Encoding": "identity"}  # else offsets would count compressed bytes
        start = self.part.stat().st_size if self.part.is_file() else 0
        note: dict[str, str] = {}
        with suppress(FileNotFoundError, ValueError):
            note = dict(json.loads(self.note.read_text(encoding="utf-8")))
        validator = note.get("validator")
        known = note.get("url") == self.url and (validator or self.checkpoint.sha256)
        if not start or not known or start > (self.checkpoint.size or start):
            return 0, headers
        headers["Range"] = f"bytes={start}-"
        if validator:
            headers["If-Range"] = validator
        return start, headers

    def _after_416(self, start: int, content_range: str) -> None:
        """Nothing lies beyond `start`: either the part is whole, or it is of another file."""
        if content_range != f"bytes */{start}":
            self._discard()
            raise _DroppedError("the server has nothing to continue with")

    def _refuse_errors(self, response: requests.Response) -> None:
        status = response.status_code
        if status in _BUSY:
            raise _DroppedError(f"the server answers HTTP {status}")
        if status not in {200, 206}:
            raise self._failure(f"the server answers HTTP {status} {response.reason}")
        if response.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise self._html()

    def _receive(self, response: requests.Response, start: int) -> None:
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        if self.checkpoint.size is not None and total not in {None, self.checkpoint.size}:
            self._discard()
            raise self._failure(f"expected {self.checkpoint.size} bytes, offered {total}")
        validator = _validator(response)
        self.note.write_text(json.dumps({"url": self.url, "validator": validator}), "utf-8")
        done = start
        with self.part.open("ab" if start else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                if done == 0 and looks_like_html(chunk):
                    raise self._html()
                file.write(chunk)
                done += len(chunk)
                if self.progress is not None:
                    self.progress(done, total or self.checkpoint.size)
            file.flush()
            os.fsync(file.fileno())  # a digest must not be recorded for bytes a power cut can lose
        if total is not None and done < total:
            raise _DroppedError(f"the transfer ended at {done} of {total} bytes")

    def _accept(self) -> None:
        found = sha256_of(self.part)
        wrong = mismatch(self.checkpoint, self.part, found)
        if wrong is not None:
            self._discard()
            raise self._failure(f"what arrived is not the published file ({wrong})")
        self.part.replace(self.target)
        self.note.unlink(missing_ok=True)
        remember(self.target, found)

    def _discard(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def _html(self) -> CheckpointError:
        self._discard()
        return self._failure("it looks like an HTML page, the download was intercepted")

    def _failure(self, reason: str) -> CheckpointError:
        return CheckpointError(
            f"{self.target.name} could not be fetched from {self.url} ({reason}): "
            f"try again later, or put the file at {self.target} by hand."
        )


def _starts_at(response: requests.Response, start: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _validator(response: requests.Response) -> str | None:
    """Return what If-Range may carry: a strong ETag, else the date."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _offline(error: Exception) -> bool:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, _OFFLINE) or isinstance(cause, NewConnectionError)


def _may_pass(error: Exception) -> bool:
    """Tell a dropped connection, worth another attempt, from being offline or a malformed URL."""
    return isinstance(error, _DROPPED) and not _offline(error)


def _reason(error: Exception) -> str:
    if _offline(error):
        return "its server cannot be reached from here"
    if isinstance(error, _DroppedError):
        return str(error)
    return f"the connection broke, {type(error).__name__}"
