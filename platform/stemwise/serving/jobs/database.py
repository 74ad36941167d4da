"""Opens the database of the job store: SQLite in a file, or PostgreSQL where several nodes serve."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from stemwise.core.errors import ConfigError, NotReadyError, OutputError, require
from stemwise.serving.jobs.table import SCHEMA_VERSION, metadata, schema

_log = logging.getLogger("ray.serve")
_WAIT_S = 30  # for another process that writes
_WRITES = "stemwise_writes"
_SILENT = (OperationalError, InterfaceError, PoolTimeoutError, sqlite3.OperationalError)
# Keys of PostgreSQL's advisory locks; any two numbers that nothing else in the database uses.
_SCHEMA_LOCK = 0x5374656D
SUBMIT_LOCK = 0x5374656E


class JobDatabase:
    """Transactions on the job store's database, for many threads and processes at once.

    Raises (all of its methods):
        NotReadyError: the database does not answer, is locked for long, or its disk is full.
    """

    def __init__(self, url: str) -> None:
        """Open the database and create what is absent; safe when several processes do so at once.

        Raises:
            ConfigError: `url` names no database that is supported, or one of a newer version.
            MissingDependencyError: PostgreSQL's driver is not installed.
            OutputError: the database cannot be reached, read or written.
        """
        parsed = _parse(url)
        self.embedded = parsed.get_backend_name() == "sqlite"
        self.name = parsed.database if self.embedded else parsed.render_as_string()
        self._engine = _sqlite(parsed) if self.embedded else _postgresql(parsed)
        # SQLite lets one connection write at a time, and those that wait poll with growing pauses.
        # Threads of one process wait for each other here instead: fair and without pauses.
        self._writing = Lock() if self.embedded else nullcontext()
        try:
            if self.embedded:
                _use_wal(self._engine)
            with self._writer() as connection, connection.begin():
                self._create(connection)
        except (DBAPIError, sqlite3.Error) as error:
            self.close()
            raise OutputError(
                f"The job database {self.name} cannot be used ({_cause(error)}): "
                "check that it is one and can be written, or choose another."
            ) from error
        except ConfigError:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection for queries; with SQLite all of them see one state of the database."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection that commits at the end, or rolls back where an error leaves it."""
        with self._translated(), self._writing, self._writer() as connection, connection.begin():
            yield connection

    def lock(self, connection: Connection, key: int) -> None:
        """Let one transaction at a time go on from here (SQLite: a writing one is alone anyway)."""
        if not self.embedded:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _writer(self) -> Connection:
        return self._engine.connect().execution_options(**{_WRITES: True})

    def _create(self, connection: Connection) -> None:
        self.lock(connection, _SCHEMA_LOCK)
        metadata.create_all(connection)
        _add_columns(connection)
        version = connection.scalar(select(schema.c.version))
        if version is None:
            connection.execute(insert(schema).values(version=SCHEMA_VERSION))
        elif version != SCHEMA_VERSION:
            raise ConfigError(
                f"The job database {self.name} has version {version} of the tables, this program "
                f"knows version {SCHEMA_VERSION}: install the stemwise that made it, or choose "
                "another database."
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _SILENT as error:
            # the driver's words name hosts and paths: they are for the log, not for clients
            _log.error("The job database %s does not answer: %s", self.name, _cause(error))
            raise NotReadyError(
                "The job database does not answer: try again in a few seconds.", retry_after=5
            ) from error


def _add_columns(connection: Connection) -> None:
    """Add the columns that the tables of an earlier program lack; it still works with them."""
    for table in metadata.sorted_tables:
        known = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.execute(
                    text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
                )


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "The job database's URL cannot be read: give sqlite:///PATH or "
            "postgresql+psycopg://USER@HOST/NAME."
        ) from error
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise ConfigError(
            f"The job database {parsed.render_as_string()} is of a kind that is not supported: "
            "give sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME."
        )
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigError(
            f"The job database {url} would be in memory, where no other process sees it: "
            "give sqlite:///PATH."
        )
    return parsed


# NaN is no JSON: PostgreSQL refuses it, so SQLite shall not take it either.
_JSON: dict[str, Any] = {"json_serializer": partial(json.dumps, allow_nan=False)}


def _sqlite(url: URL) -> Engine:
    folder = Path(str(url.database)).absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} of the job database cannot be made ({error.strerror}): "
            "choose another place."
        ) from error
    engine = create_engine(url, connect_args={"timeout": _WAIT_S}, **_JSON)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin` does
    # FULL, not NORMAL: in WAL mode NORMAL may lose the last commits when the power fails. The
    # database would stay whole, but a job that was answered with 202 would be gone. The price is
    # one fsync for each commit, and a job has a few commits in seconds to minutes of work.
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once where another has written in
    # between; one that is to write takes the lock first, and waits for it.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(engine: Engine) -> None:
    """Let readers go on while one process writes. The file remembers it.

    Two processes that switch at the same time get "locked" without SQLite's own waiting.
    """
    deadline = time.monotonic() + _WAIT_S
    connection = engine.raw_connection()
    try:
        while True:
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    finally:
        connection.close()


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url,
            pool_pre_ping=True,  # a server that was restarted costs no request
            connect_args={"connect_timeout": 10},
            **_JSON,
        )
    except ModuleNotFoundError as error:
        raise require("psycopg", "postgres", "A job database in PostgreSQL") from error


def _cause(error: Exception) -> str:
    """Return the driver's own words on one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())
