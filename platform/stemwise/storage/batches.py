"""Tables of blocks, written and read in batches of whole tracks: no process ever holds all of one.

A batch is a row group of the Parquet file. Batches come in the order of the tracks and each is sorted
within, so that the file as a whole is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stemwise.core.errors import OutputError
from stemwise.core.places import cause
from stemwise.storage.definitions import Protocol, described
from stemwise.storage.tables import schema_of, sort

TRACKS_AT_ONCE = 32
_TRACK = ("dataset", "track_id")


class BatchWriter:
    """Writes the table called `name` below a folder; the file appears when all of it is written.

    Raises:
        OutputError: it cannot be written; the older file, if any, stays.
    """

    def __init__(self, folder: Path, name: str, protocol: Protocol | None = None) -> None:
        self.path = folder / name / f"{name}.parquet"
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        self._schema, self._last = described(name, schema_of(name), protocol), ("", "")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> BatchWriter:
        self._guarded(self._open)
        return self

    def write(self, table: pa.Table) -> None:
        """Write a sorted batch, whose tracks come after those of the batches before."""
        if not table.num_rows:
            return
        first, last = (tuple(table.column(key)[at].as_py() for key in _TRACK) for at in (0, -1))
        if first <= self._last:
            raise ValueError(f"{self.path.name}: {first} after {self._last} is not in order.")
        self._last = last
        assert self._writer is not None
        writer, size = self._writer, table.num_rows
        self._guarded(lambda: writer.write_table(table, row_group_size=size))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._guarded(self._close)
        finally:
            if self._writer is not None:
                with suppress(OSError):  # it is thrown away
                    self._writer.close()
            with suppress(OSError):  # moved away already, or the folder is a file
                self._temporary.unlink(missing_ok=True)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = pq.ParquetWriter(self._temporary, self._schema, **_encoding(self._schema))

    def _close(self) -> None:
        assert self._writer is not None
        self._writer.close()
        self._temporary.replace(self.path)

    def _guarded(self, step: Callable[[], Any]) -> None:
        try:
            step()
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be written ({cause(error)}): choose another output= folder or "
                "make room."
            ) from error


def _encoding(schema: pa.Schema) -> dict[str, Any]:
    """Return how columns are encoded: names by dictionary, measured numbers by their bytes.

    Measured numbers hardly repeat. Split into streams of bytes they shrink by a sixth, and the lowest
    level of zstd finds as much as higher ones do, in half the time.
    """
    leaves = {
        f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name: (
            field.type.value_type if pa.types.is_list(field.type) else field.type
        )
        for field in schema
    }
    names = [leaf for leaf, kind in leaves.items() if pa.types.is_string(kind)]
    numbers = [leaf for leaf, kind in leaves.items() if pa.types.is_floating(kind)]
    return {
        "compression": "zstd",
        "compression_level": 1,
        "write_page_checksum": True,
        "use_dictionary": names,
        "use_byte_stream_split": numbers,
        "write_statistics": [name for name in schema.names if name in names],
    }


@dataclass(frozen=True)
class Batches:
    """A table that stays on disk (or, where it is small, in memory) and is read some tracks at a time.

    Args:
        name: of the table.
        path: its Parquet file; None where `table` holds it.
        table: its rows, in any order.
    """

    name: str
    path: Path | None = None
    table: pa.Table | None = None

    def read(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a few tracks at a time, sorted; no track is in two batches.

        Names of tracks and stems are dictionaries, one for each batch.

        Raises:
            OutputError: the file is damaged, or was not written in batches of whole tracks.
        """
        last = None
        for group in self._groups(list(columns) if columns else None):
            if not group.num_rows:
                continue
            batch = group.unify_dictionaries().combine_chunks()
            first, end = (tuple(batch.column(key)[at].as_py() for key in _TRACK) for at in (0, -1))
            if first == last:
                raise OutputError(
                    f"{self.path} was written by an older version: run `stemwise evaluate` again."
                )
            last = end
            yield batch

    def columns(self) -> list[str]:
        """Return its columns' names (OutputError where there is no file, or a damaged one)."""
        if self.path is None:
            return list(schema_of(self.name).names)
        if not self.path.is_file():
            raise OutputError(f"{self.path} is not there: run `stemwise evaluate` first.")
        try:
            return list(pq.read_schema(self.path).names)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> OutputError:
        reason = str(error).splitlines()[0]
        return OutputError(f"{self.path} is damaged ({reason}): run `stemwise evaluate` again.")

    def _groups(self, columns: list[str] | None) -> Iterator[pa.Table]:
        names = [field.name for field in schema_of(self.name) if pa.types.is_string(field.type)]
        if self.path is None:
            table = self.table if self.table is not None else schema_of(self.name).empty_table()
            yield _with_dictionaries(sort(table), names)
            return
        try:
            file = pq.ParquetFile(self.path, read_dictionary=names, page_checksum_verification=True)
            for number in range(file.num_row_groups):
                # one thread: what comes after takes longer than reading, and batches are small
                yield file.read_row_group(number, columns=columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error


def _with_dictionaries(table: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in names:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).dictionary_encode())
    return table
