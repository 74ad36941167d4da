"""Fetching a file of a job: whole or not at all, continued where a connection was cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import requests

from stemwise.client.errors import ServerConflictError, ServerError, TransferError
from stemwise.client.replies import not_stemwise
from stemwise.client.retries import Retries
from stemwise.client.transport import Transport
from stemwise.core.errors import OutputError

Report = Callable[[int, int | None], None]

# A cut loses what is left of a block, so blocks are small.
_BLOCK = 1 << 15
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


def fetch(
    transport: Transport,
    path: str,
    target: Path,
    *,
    size: int | None = None,
    report: Report | None = None,
    made: bool = False,
) -> None:
    """Fetch `path` of the server to `target`, which appears only when it is whole.

    `size` is what the job says of the file, in bytes; `report` gets the bytes that are there and
    those in all. What the server has yet to make (`made`) may take as long to begin as an upload.

    Raises:
        ServerError: no such file, or it is incomplete.
        OutputError: `target` cannot be written.
    """
    unfinished = target.with_name(f".{target.stem}.unfinished{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                _Transfer(transport, path, file, size, report, made).run()
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{target.parent} cannot be written ({error.strerror or error}): choose another folder."
        ) from error


class _Transfer:
    def __init__(
        self,
        transport: Transport,
        path: str,
        file: BinaryIO,
        size: int | None,
        report: Report | None,
        made: bool,
    ) -> None:
        self.read_s = transport.policy.upload_read_s if made else transport.policy.read_s
        self.transport, self.path, self.file = transport, path, file
        self.size, self.report = size, report
        self.done = self.furthest = 0
        self.validator: str | None = None

    def run(self) -> None:
        """Receive all bytes, with as many requests as it takes."""
        retries = Retries(self.transport.policy)
        while True:
            try:
                self._attempt()
            except ServerError as error:
                if self.done > self.furthest:
                    self.furthest = self.done
                    retries.progress()
                # a cut transfer is worth another attempt like a cut connection
                if isinstance(error, TransferError):
                    retries.pause(error)
                else:
                    self.transport.pause_or_raise(retries, error)
            else:
                return

    def _attempt(self) -> None:
        headers = {"Accept-Encoding": "identity"}  # else lengths would count compressed bytes
        if self.done and self.validator:
            headers |= {"Range": f"bytes={self.done}-", "If-Range": self.validator}
        else:
            self._restart()
        with self.transport.open("GET", self.path, headers, self.read_s) as answer:
            total = self._total(answer)
            try:
                self._receive(answer, total)
            except requests.RequestException as error:
                raise self._cut(total) from error
        if total is not None and self.done != total:
            raise self._cut(total)

    def _total(self, answer: requests.Response) -> int | None:
        """Return the size of the whole file; go to where the answer begins."""
        if answer.status_code == 416:
            self._restart()
            raise self._cut(self.size)
        sort = answer.headers.get("Content-Type", "")
        if sort.lower().startswith("text/html"):
            raise not_stemwise(self.transport.base, answer.status_code, "a page instead of a file")
        if answer.status_code == 206:
            return self._continued(answer)
        self._restart()
        self.validator = _validator(answer)
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else self.size
        if self.size is not None and total != self.size:
            raise ServerConflictError(
                f"{self.transport.base}{self.path} has {total} bytes, but the job says {self.size}: "
                "ask for the job again, it may have changed.",
                status=answer.status_code,
            )
        return total

    def _continued(self, answer: requests.Response) -> int | None:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if not self.done or found is None or int(found[1]) != self.done:
            self._restart()
            self.validator = None  # ask for the whole file next time
            raise self._cut(self.size)
        return self.size if found[3] == "*" else int(found[3])

    def _receive(self, answer: requests.Response, total: int | None) -> None:
        for block in answer.iter_content(_BLOCK):
            self.file.write(block)
            self.done += len(block)
            if self.report is not None:
                self.report(self.done, total)

    def _restart(self) -> None:
        self.done = 0
        self.file.seek(0)
        self.file.truncate()

    def _cut(self, total: int | None) -> TransferError:
        of = "" if total is None else f" of {total}"
        return TransferError(
            f"{self.transport.base}{self.path} is incomplete ({self.done}{of} bytes): "
            "try the download again later."
        )


def _validator(answer: requests.Response) -> str | None:
    """Return what If-Range may carry: a strong ETag, else the date."""
    tag = answer.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified")
