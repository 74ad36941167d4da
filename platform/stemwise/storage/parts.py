"""Finished tracks of a run: one file per track, written whole or not at all.

`<output>/parts/<track>.parquet` holds all table rows of one track (each table as an Arrow stream) and
the fingerprint of what they were made with. A run that is started again looks here for what is done;
writing a track twice replaces the file, so nothing is ever there twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemwise.core.errors import StorageError
from stemwise.core.places import Place, cause, is_local, read_bytes, sizes, version
from stemwise.core.types import Source, Track
from stemwise.storage.tables import Row, sort, to_table, write_atomic

_AT_ONCE = 16  # requests to a remote folder
_SCHEMA = pa.schema([("table", pa.string()), ("rows", pa.binary())])


@dataclass(frozen=True)
class Part:
    """Finished work on one track.

    Attributes:
        tables: as Arrow tables.
        fingerprint: of what they were made with.
        failures: how many models, stems or estimates failed.
        made: how many separations were computed for it.
        found: how many the estimate store had.
    """

    tables: Mapping[str, pa.Table]
    fingerprint: str
    failures: int
    made: int = 0
    found: int = 0


def encode(
    tables: Mapping[str, Sequence[Row] | pa.Table],
    fingerprint: str,
    failures: int,
    made: int = 0,
    found: int = 0,
) -> bytes:
    """Return the tables of a track as the bytes of an Arrow stream that `write` stores.

    Each is sorted, so that tracks in order make sorted tables.
    """
    names, payloads = list(tables), []
    for name in names:
        sink, rows = pa.BufferOutputStream(), tables[name]
        table = sort(rows if isinstance(rows, pa.Table) else to_table(name, rows))
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        payloads.append(sink.getvalue().to_pybytes())
    counts = {"failures": failures, "made": made, "found": found}
    metadata = {"fingerprint": fingerprint} | {name: str(n) for name, n in counts.items()}
    part = pa.table([names, payloads], schema=_SCHEMA.with_metadata(metadata))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, part.schema) as stream:
        stream.write_table(part)
    return bytes(sink.getvalue().to_pybytes())


def write(folder: Place, name: str, encoded: bytes) -> None:
    """Store an encoded track (OutputError where that is impossible)."""
    with pa.ipc.open_stream(encoded) as stream:
        write_atomic(path(folder, name), stream.read_all())


def path(folder: Place, name: str) -> Place:
    """Return the file of the track called `name`."""
    return folder / f"{name}.parquet"


def read(folder: Place, name: str) -> Part | None:
    """Return the finished track called `name`; None where it is absent or not a whole file.

    Raises:
        StorageError: a remote folder cannot be read.
    """
    try:
        content = read_bytes(path(folder, name))
    except OSError as error:
        if is_local(folder) or isinstance(error, FileNotFoundError):
            return None
        raise StorageError(f"{path(folder, name)} cannot be read ({cause(error)}).") from error
    try:
        return _decode(content)
    except (pa.ArrowException, OSError, ValueError, KeyError):
        return (
            None  # damaged, or not written by `write`, which never leaves half a file; made again
        )


def read_all(folder: Place, names: Iterable[str]) -> Iterator[Part | None]:
    """Read tracks as `read` does, in the order of their names; remote ones several at a time.

    Raises:
        StorageError: a remote folder cannot be read.
    """
    if is_local(folder):
        yield from (read(folder, name) for name in names)
        return
    try:
        there = sizes(folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be read ({cause(error)}).") from error

    def one(name: str) -> Part | None:
        return read(folder, name) if path(folder, name).name in there else None

    wanted = list(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # no more of them are held here than are asked for at once
        for start in range(0, len(wanted), _AT_ONCE):
            yield from pool.map(one, wanted[start : start + _AT_ONCE])


def _decode(content: bytes) -> Part:
    # threads would cost more than so small a file takes
    file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
    table = file.read(use_threads=False)
    metadata = {
        key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()
    }
    tables = {}
    for name, rows in zip(*(table.column(own) for own in _SCHEMA.names), strict=True):
        with pa.ipc.open_stream(rows.as_buffer()) as stream:
            tables[name.as_py()] = stream.read_all()
    counts = (int(metadata.get(name, "0")) for name in ("failures", "made", "found"))
    return Part(tables, metadata.get("fingerprint", ""), *counts)


def fingerprint(track: Track, run: Mapping[str, Any]) -> str:
    """Return a digest of the track's facts, its files (path, size, time) and the run's settings."""
    files = sorted(set(_sources(track)), key=str)
    content = {"track": repr(track), "files": [_stat(source) for source in files], "run": dict(run)}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _sources(track: Track) -> list[Source]:
    sources = [source for item in track.references.values() for source in item.sources]
    sources += [source for item in track.estimates.values() for source in item.values()]
    return sources + ([track.mixture] if track.mixture else [])


def _stat(source: Source) -> tuple[str, int, int | str]:
    try:
        size, mark = version(source.path)
    except OSError:
        return str(source.path), -1, -1
    return str(source.path), size, mark
