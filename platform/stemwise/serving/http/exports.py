"""Downloads in another format than a job's own: a few are made at a time, and go once they are sent."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from stemwise.core.errors import UnprocessableError
from stemwise.serving.jobs.exports import Mix, export

# A level of a mix in dB; below the lowest one a stem is better left out.
LEVELS = (-60.0, 12.0)
_PART = re.compile(r"([^:]+)(?::([+-]?\d{1,2}(?:\.\d{1,2})?))?")


class Exports:
    """Makes files for downloads, `at_a_time` of them; the others wait."""

    def __init__(self, at_a_time: int) -> None:
        self._turns = asyncio.Semaphore(at_a_time)

    async def make(
        self, parts: Sequence[tuple[Path, float]], file_format: str, peak: float | None = None
    ) -> Path:
        """Return a new file with Σ gain · stem; whoever called removes it.

        `peak` is the largest absolute sample of what must be turned down alike, by default the mix.
        """
        async with self._turns:
            return await asyncio.to_thread(_make, Mix(parts), file_format, peak)


def _make(mix: Mix, file_format: str, peak: float | None) -> Path:
    with tempfile.NamedTemporaryFile(
        prefix="stemwise-export-", suffix=f".{file_format}", delete=False
    ) as file:
        path = Path(file.name)
    try:
        export(mix, path, mix.peak() if peak is None else peak)
    except BaseException:
        path.unlink()
        raise
    return path


def levels(text: str, known: Collection[str]) -> dict[str, float]:
    """Return stem → gain of a mix that is written as `vocals:-3.5,drums` (dB; 0 where absent).

    Raises:
        UnprocessableError: it is written otherwise, or a stem is unknown or named twice.
    """
    made: dict[str, float] = {}
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        stem, db = (found[1].strip(), float(found[2] or 0)) if found else ("", 0.0)
        if not found or not LEVELS[0] <= db <= LEVELS[1]:
            raise UnprocessableError(
                f"The mix cannot be read at {part.strip()[:80]!r}: write stems with levels from "
                f"{LEVELS[0]:g} to {LEVELS[1]:g} dB, for example `vocals:-3.5,drums`."
            )
        if stem not in known:
            raise UnprocessableError(
                f"The separation has no stem {stem[:80]!r}: it has {', '.join(known)}."
            )
        if stem in made:
            raise UnprocessableError(f"The mix has {stem!r} twice: name each stem once.")
        made[stem] = 10 ** (db / 20)
    return made
