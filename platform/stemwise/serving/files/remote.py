"""Files of jobs in an object store, or any other file system that fsspec knows."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import fsspec

from stemwise.core.errors import (
    ConfigError,
    MissingDependencyError,
    NotReadyError,
    OutputError,
    StemwiseError,
)
from stemwise.serving.files.folder import FolderFiles, missing

# Object stores show a file once its upload is complete, and renaming there means copying.
_WHOLE_PUT = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"}
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
_RETRY_S = 5


class RemoteFiles:
    """A remote folder, and local copies of what was read from it."""

    def __init__(self, url: str, folder: str, cache: FolderFiles) -> None:
        """Prepare access to `folder` below `url`; nothing is asked of the server yet.

        Raises:
            ConfigError: fsspec knows no such kind of URL.
            MissingDependencyError: it needs a package for it that is not installed.
        """
        scheme = url.split("://", 1)[0]
        try:
            self._system, path = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise MissingDependencyError(
                f"Files at {scheme}:// need a package that is not installed: {error}"
            ) from error
        except ValueError as error:
            raise ConfigError(
                f"Files cannot be kept at {scheme}:// ({error}): give a folder, or a URL such as "
                "s3://BUCKET/PREFIX."
            ) from error
        self._root = f"{path.rstrip('/')}/{folder}"
        self._name = f"{scheme}://{self._root.lstrip('/')}"
        self._scheme, self._cache = scheme, cache
        self._fetching = [Lock() for _ in range(64)]

    def put(self, local: Path, key: str) -> None:
        """Upload a file to `key` and delete it here; readers see no part of it.

        Raises:
            OutputError: it cannot be stored.
        """
        target = f"{self._root}/{key}"
        try:
            if self._scheme in _WHOLE_PUT:
                self._system.put_file(str(local), target)
            else:
                folder = target.rsplit("/", 1)[0]
                part = f"{folder}/.{uuid.uuid4().hex}.part"
                self._system.makedirs(folder, exist_ok=True)
                self._system.put_file(str(local), part)
                self._system.mv(part, target)
        except Exception as error:  # each file system has errors of its own
            raise OutputError(
                f"{self._name}/{key} cannot be stored ({_cause(error)}): "
                "check the address, the access rights and the connection."
            ) from error
        local.unlink()
        self._cache.remove(key)

    def local(self, key: str) -> Path:
        """Return a local copy; the first call fetches it.

        Raises:
            NotFoundError: there is no such file.
            NotReadyError: it cannot be fetched now.
            OutputError: the cache cannot be written.
        """
        with self._fetching[hash(key) % len(self._fetching)]:
            if not self._cache.exists(key):
                self._fetch(key)
        return self._cache.local(key)

    def exists(self, key: str) -> bool:
        """Tell whether there is such a file; NotReadyError where that is unknown."""
        with self._reading(key):
            return bool(self._system.exists(f"{self._root}/{key}"))

    def size(self, key: str) -> int:
        """Return the file's size in bytes; NotFoundError, or NotReadyError where it is unknown."""
        with self._reading(key):
            return int(self._system.size(f"{self._root}/{key}"))

    def remove(self, key: str) -> None:
        """Delete one file and its local copy; NotReadyError where it cannot be deleted now."""
        self._cache.remove(key)
        with self._reading(key):
            try:
                self._system.rm_file(f"{self._root}/{key}")
            except FileNotFoundError:
                return

    def delete(self, job_id: str) -> None:
        """Delete all files of a job, the local copies as well.

        Raises:
            NotReadyError: they cannot be deleted now.
        """
        self._cache.delete(job_id)
        with self._reading(job_id):
            try:
                self._system.rm(f"{self._root}/{job_id}", recursive=True)
            except FileNotFoundError:
                return

    def orphans(self, known: set[str], older_than_s: float) -> list[str]:
        """Return job ids that are not `known`, with files or local copies at least that old.

        Raises:
            NotReadyError: the files cannot be listed now.
        """
        before = time.time() - older_than_s
        found = set(self._cache.orphans(known, older_than_s))
        with self._reading(""):
            for folder in self._folders():
                name = folder.rstrip("/").rsplit("/", 1)[-1]
                if name not in known and self._newest(folder) < before:
                    found.add(name)
        return sorted(found)

    def _folders(self) -> list[str]:
        try:
            entries = self._system.ls(self._root, detail=True)
        except FileNotFoundError:
            return []
        return [entry["name"] for entry in entries if entry["type"] == "directory"]

    def _newest(self, folder: str) -> float:
        """Return the newest file's time; a folder that is still empty counts as new."""
        files = self._system.find(folder, detail=True).values()
        return max((_changed(info) for info in files), default=float("inf"))

    def _fetch(self, key: str) -> None:
        source, scratch = f"{self._root}/{key}", self._cache.scratch()
        try:
            with self._reading(key):
                size = self._system.size(source)
                self._system.get_file(source, str(scratch))
                got = scratch.stat().st_size
                if got != size:
                    raise EOFError(f"{got} bytes of {size} came")
            self._cache.put(scratch, key)
        finally:
            scratch.unlink(missing_ok=True)

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        self._system.invalidate_cache()  # other nodes add and delete files, too
        try:
            yield
        except FileNotFoundError as error:
            raise missing(key) from error
        except StemwiseError:
            raise
        except Exception as error:
            raise NotReadyError(
                f"{self._name}/{key} cannot be reached now ({_cause(error)}): "
                "try again in a few seconds.",
                retry_after=_RETRY_S,
            ) from error


def _changed(info: Mapping[str, Any]) -> float:
    """Return when a file was last changed, in seconds since the epoch."""
    value = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    raise OutputError(
        f"The file system of {info['name']} tells no times of files, so that files without a job "
        "cannot be found there: keep the files elsewhere."
    )


def _cause(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
