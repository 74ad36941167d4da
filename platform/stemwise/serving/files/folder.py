"""Files of jobs in a local folder: `<root>/<job id>/…`."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from errno import EXDEV
from pathlib import Path

from stemwise.core.errors import NotFoundError, OutputError
from stemwise.storage.disk import writable

_SCRATCH = ".fetching-"


class FolderFiles:
    """A folder that several processes read and write. Nothing else may be kept in it.

    Raises:
        OutputError: the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        if not writable(self.root):
            raise OutputError(
                f"The folder {self.root} for the files of jobs cannot be written: "
                "choose another place, or make room."
            )

    def put(self, local: Path, key: str) -> None:
        """Move a file to `key`; readers see the old file or all of the new one.

        Raises:
            OutputError: it cannot be stored.
        """
        target = self.root / key
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync(local)  # the job store's rows are durable, so what they speak of is as well
            try:
                local.replace(target)
            except OSError as error:
                if error.errno != EXDEV:
                    raise
                _copy(local, target)
                local.unlink()
            _sync(target.parent)
        except OSError as error:
            raise OutputError(
                f"{target} cannot be stored ({error.strerror}): make room, or check the folder."
            ) from error

    def local(self, key: str) -> Path:
        """Return the file's path.

        Raises:
            NotFoundError: there is none.
        """
        path = self.root / key
        if not path.is_file():
            raise missing(key)
        return path

    def exists(self, key: str) -> bool:
        """Tell whether there is such a file."""
        return (self.root / key).is_file()

    def size(self, key: str) -> int:
        """Return the file's size in bytes.

        Raises:
            NotFoundError: there is none.
        """
        try:
            return self.local(key).stat().st_size
        except FileNotFoundError as error:
            raise missing(key) from error

    def remove(self, key: str) -> None:
        """Delete one file, if it is there."""
        (self.root / key).unlink(missing_ok=True)

    def delete(self, job_id: str) -> None:
        """Delete all files of a job; a job without files is no error.

        Raises:
            OutputError: they cannot be deleted.
        """
        aside = self.scratch()  # what others still add lies in a new folder, an orphan later
        try:
            (self.root / job_id).rename(aside)
            os.utime(aside)
            shutil.rmtree(aside)
        except FileNotFoundError:  # none, or another process was first
            return
        except OSError as error:
            raise OutputError(
                f"{self.root / job_id} cannot be deleted ({error.strerror}): check its permissions."
            ) from error

    def orphans(self, known: set[str], older_than_s: float) -> list[str]:
        """Return the job ids with files that are not `known` and were not touched for so long."""
        before = time.time() - older_than_s
        for scratch in self.root.glob(f"{_SCRATCH}*"):  # of processes that were killed
            with suppress(FileNotFoundError):
                if scratch.stat().st_mtime < before:
                    shutil.rmtree(scratch) if scratch.is_dir() else scratch.unlink()
        folders = [f for f in self.root.glob("[!.]*") if f.is_dir() and f.name not in known]
        return sorted(f.name for f in folders if max(_times(f), default=before) < before)

    def scratch(self) -> Path:
        """Return a new path in this folder's file system for a file that `put` will take."""
        return self.root / f"{_SCRATCH}{uuid.uuid4().hex}"


def missing(key: str) -> NotFoundError:
    """Return the error for a file that does not exist."""
    return NotFoundError(f"There is no file {key}: it was deleted, or never made.")


def _copy(source: Path, target: Path) -> None:
    part = target.parent / f".{uuid.uuid4().hex}.part"
    try:
        shutil.copyfile(source, part)
        _sync(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _times(folder: Path) -> Iterator[float]:
    for parent, _, names in os.walk(
        folder
    ):  # it passes over what another process deletes meanwhile
        for path in (Path(parent), *(Path(parent, name) for name in names)):
            with suppress(FileNotFoundError):
                yield path.stat().st_mtime
