"""The parts of an upload's multipart form, parsed piece by piece."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from stemwise.core.errors import RequestError, TooLargeError, UnprocessableError

FIELDS = ("recipe", "stems", "format", "deadline_s")
MAX_FIELDS = 8
MAX_FIELD_BYTES = 10_000
_NAME_LENGTH = 120


class Form:
    """One form that is being received; its part `file` goes to `out`.

    After `finish`, `filename` is what the client called the file (not to be trusted), `size` its
    bytes, `sha256` their hash in hex and `fields` the values of the other parts.
    """

    def __init__(self, boundary: bytes, out: IO[bytes], max_bytes: int) -> None:
        self.filename = ""
        self.size = 0
        self.fields: dict[str, list[str]] = {}
        self._out = out
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256()
        self._files = 0
        self._ended = False
        # Of the part that is being read: its header so far, its name, its value.
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._field = ""
        self._value = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes so far, in hex."""
        return self._hash.hexdigest()

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            RequestError: the form is malformed, has parts it may not have, or is too large.
        """
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise RequestError(
                f"The form is malformed ({error}): let an HTTP library build it."
            ) from error

    def finish(self) -> None:
        """Check that the form is whole and has its file.

        Raises:
            RequestError: it ends midway. UnprocessableError: there is no file, or an empty one.
        """
        if not self._ended:
            raise RequestError("The form ends before its last boundary: send the upload again.")
        if not self._files:
            raise UnprocessableError("The form has no part `file`: send the audio under this name.")
        if not self.size:
            raise UnprocessableError("The file is empty: choose one that holds audio.")

    def _part_begin(self) -> None:
        self._header, self._disposition, self._value = (bytearray(), bytearray()), b"", bytearray()

    def _header_end(self) -> None:
        if bytes(self._header[0]).lower() == b"content-disposition":
            self._disposition = bytes(self._header[1])
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise RequestError("A part of the form has no name: let an HTTP library build it.")
        self._field = options[b"name"].decode("utf-8", "replace")
        is_file = b"filename" in options
        if self._field == "file":
            self._begin_file(options.get(b"filename"))
        elif self._field not in FIELDS or is_file:
            what = "file" if is_file else "field"
            raise UnprocessableError(
                f"The form has an unknown {what} {display_name(self._field)!r}: it may have the "
                f"file `file` and the fields {', '.join(FIELDS)}."
            )
        elif sum(map(len, self.fields.values())) >= MAX_FIELDS:
            raise UnprocessableError(f"The form has more than {MAX_FIELDS} fields: leave some out.")

    def _begin_file(self, filename: bytes | None) -> None:
        self._files += 1
        if self._files > 1:
            raise UnprocessableError("The form has several parts `file`: send one at a time.")
        if filename is None:
            raise UnprocessableError("The part `file` has no filename: send it as a file.")
        self.filename = filename.decode("utf-8", "replace")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        if self._field != "file":
            self._value += piece
            if len(self._value) > MAX_FIELD_BYTES:
                raise UnprocessableError(
                    f"The field {self._field!r} is too long: at most {MAX_FIELD_BYTES} bytes are "
                    "allowed."
                )
            return
        self.size += len(piece)
        if self.size > self._max_bytes:
            raise file_too_large(self._max_bytes)
        self._hash.update(piece)
        self._out.write(piece)

    def _part_end(self) -> None:
        if self._field == "file":
            return
        try:
            text = self._value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnprocessableError(f"The field {self._field!r} is not UTF-8 text.") from error
        self.fields.setdefault(self._field, []).append(text)

    def _end(self) -> None:
        self._ended = True


def file_too_large(max_bytes: int) -> TooLargeError:
    """Return the error for a file of more than `max_bytes`."""
    return TooLargeError(
        f"The file is too large: at most {max_bytes / 1e6:.4g} MB are allowed; send FLAC or MP3 "
        "instead of WAV, or a shorter part."
    )


def display_name(filename: str) -> str:
    """Return a client's file name as harmless text: never a path, nothing invisible, 120 characters.

    Categories C* and Zl, Zp of Unicode go: control characters, bidi overrides, line separators.
    """
    name = unicodedata.normalize("NFC", filename).replace("\\", "/").rpartition("/")[2]
    kept = "".join(
        letter if not unicodedata.category(letter).startswith(("C", "Zl", "Zp")) else " "
        for letter in name
    )
    short = " ".join(kept.split())[:_NAME_LENGTH].strip(" .")
    return short or "audio"
