"""Server-sent events (WHATWG HTML, 9.2), from bytes that arrive in any pieces."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile("\r\n|\r|\n")


@dataclass(frozen=True)
class Event:
    """One event; `name` is `message` where the stream gives none."""

    name: str
    data: str


class EventParser:
    """Turns bytes into events. An event that the stream's end cuts off is not one."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False
        self._after_cr = False
        self._pieces: list[str] = []
        self._name = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that `piece` completes."""
        for line in self._lines(self._decoder.decode(piece)):
            event = self._take(line)
            if event is not None:
                yield event

    def _lines(self, text: str) -> Iterator[str]:
        """Yield complete lines. A CR ends its line at once; an LF right after it is no other end."""
        if text and not self._begun:
            self._begun = True
            text = text.removeprefix("\ufeff")
        if text and self._after_cr:
            self._after_cr = False
            text = text.removeprefix("\n")
        if not text:
            return
        self._after_cr = text.endswith("\r")
        *whole, rest = _LINE_END.split(text)
        for part in whole:
            yield "".join([*self._pieces, part])
            self._pieces.clear()
        if rest:
            self._pieces.append(rest)

    def _take(self, line: str) -> Event | None:
        if not line:
            event = Event(self._name or "message", "\n".join(self._data)) if self._data else None
            self._name, self._data = "", []
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        return None  # comments (an empty field), `id`, `retry` and unknown fields say nothing here
