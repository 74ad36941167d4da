"""A song as a multipart body that is read from disk while it is sent."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stemwise.core.errors import AudioError

_BLOCK = 1 << 18
Report = Callable[[int, int], None]


class MultipartBody:
    """Fields and one file as `multipart/form-data` (RFC 7578), of known length.

    `requests` streams it, since it can be iterated and has a length. It serves one request: make
    another for a repetition. `report` gets the bytes sent so far and those in all.
    """

    def __init__(
        self,
        fields: Sequence[tuple[str, str]],
        name: str,
        file: BinaryIO,
        size: int,
        report: Report | None = None,
    ) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_escape(key)}"\r\n\r\n{value}\r\n'
            for key, value in fields
        ]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{_escape(name)}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        )
        self._head = "".join(parts).encode("utf-8", "replace")
        self._tail = f"\r\n--{boundary}--\r\n".encode("ascii")
        self._name, self._file, self._size, self._report = name, file, size, report

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        for block in self._blocks():
            yield block
            sent += len(block)
            if self._report is not None:
                self._report(sent, len(self))

    def _blocks(self) -> Iterator[bytes]:
        yield self._head
        left = self._size
        while left:
            block = self._read(min(_BLOCK, left))
            left -= len(block)
            yield block
        yield self._tail

    def _read(self, count: int) -> bytes:
        """Read from the file; an OSError would pass for one of the connection."""
        try:
            block = self._file.read(count)
        except OSError as error:
            raise AudioError(f"{self._name} cannot be read ({error.strerror or error}).") from error
        if not block:
            raise AudioError(f"{self._name} became shorter while it was sent: send it again.")
        return block


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a song and yield it with its size in bytes.

    Raises:
        AudioError: it is absent, empty, not a regular file, or may not be read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise AudioError(f"{path} does not exist or is not a file.") from error
    except OSError as error:
        raise AudioError(f"{path} cannot be read ({error.strerror or error}).") from error
    with file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise AudioError(f"{path} does not exist or is not a file.")
        if not facts.st_size:
            raise AudioError(f"{path} holds no audio samples.")
        yield file, facts.st_size


def _escape(text: str) -> str:
    """Escape a name as browsers do (WHATWG): it can neither end the quotes nor the line."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
