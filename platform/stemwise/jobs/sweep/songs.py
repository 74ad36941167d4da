"""Songs that another job of the sweep has measured are taken over; those of each job are counted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from stat import S_ISREG

from stemwise.core.places import Place, is_local, place, read_bytes, sizes, write_whole
from stemwise.core.types import Track
from stemwise.datasets.base import short_hash
from stemwise.storage import parts

FOLDERS = ("parts", "parts-separated")


def take_over(of: str, into: str) -> None:
    """Give one job's folder the finished songs of another's.

    The job itself decides, by their fingerprints, whether they are what it would measure.

    Raises:
        OSError: a folder cannot be read or written.
    """
    for name in FOLDERS:
        source, target = place(of) / name, place(into) / name
        there = {file.name for file in _files(target)}
        for file in _files(source):
            if file.name not in there:
                _copy(file, target / file.name)


def _files(folder: Place) -> Iterator[Place]:
    if is_local(folder):
        yield from sorted(folder.glob("*.parquet"))
        return
    yield from (folder / name for name in sorted(sizes(folder)) if name.endswith(".parquet"))


def _copy(file: Place, target: Place) -> None:
    if is_local(file) and is_local(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)  # parts are replaced whole, and never written into
        except FileExistsError:
            return
        except OSError:  # a file system without links
            write_whole(target, file.read_bytes())
        return
    write_whole(target, read_bytes(file))


def counts(output: str, known: set[tuple[str, str]]) -> tuple[int, int, int]:
    """Return of a job: separations computed, found in the store, and songs that were taken over.

    Args:
        output: the job's folder.
        known: (track, fingerprint) of the songs of earlier jobs, to which those of this one are added.
    """
    made = found = taken = 0
    folders = [place(output) / name for name in FOLDERS]
    for folder in folders:
        names = [file.stem for file in _files(folder)]
        for name, part in zip(names, parts.read_all(folder, names) if names else (), strict=True):
            if part is None:
                continue
            if (name, part.fingerprint) in known:
                taken += 1
                continue
            known.add((name, part.fingerprint))
            made, found = made + part.made, found + part.found
    return made, found, taken


def digest(tracks: Iterable[Track], settings: Mapping[str, object]) -> str:
    """Return a digest of the facts and files of songs, and of the files that settings name."""
    named = {name: _facts(Path(name)) for name in _texts(settings)}
    files = {name: facts for name, facts in named.items() if facts is not None}
    known = [parts.fingerprint(track, {}) for track in tracks]
    return short_hash("\n".join([*known, *(str(item) for item in sorted(files.items()))]), 16)


def _texts(value: object) -> Iterator[str]:
    """Yield every text below a value: recipes, entries and checkpoints are named in many places."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Iterable):
        for item in value:
            yield from _texts(item)


def _facts(path: Path) -> tuple[int, int] | None:
    """Return size and time of a file; None where there is none of that name."""
    try:
        found = path.expanduser().stat()
    except (OSError, ValueError, RuntimeError):  # a text that is no path
        return None
    return (found.st_size, found.st_mtime_ns) if S_ISREG(found.st_mode) else None
