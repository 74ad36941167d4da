"""Where the audio of jobs is kept: a local folder, or a remote one with local copies.

A key is `<job id>/<part>/…/<name>`. All keys lie in a folder of their own, below the one that was
chosen, so that `orphans` never speaks of foreign files; each job database needs a place of its own.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stemwise.core.errors import ConfigError
from stemwise.serving.files.folder import FolderFiles
from stemwise.serving.files.remote import RemoteFiles

_FOLDER = "stemwise-jobs"
# No part begins with a dot: neither `..` nor the names of unfinished files.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")


class JobFiles:
    """The files of all jobs. Several processes, and threads, may use them at once.

    Args:
        url: a path or `file://` for a local folder (one that all machines share, or of the only
            one); else what fsspec knows, for example `s3://bucket/prefix`.
        cache: a folder for local copies of remote files; not used with a local folder.

    Raises:
        ConfigError, MissingDependencyError: such a URL cannot be used.
        OutputError: the folder, or the cache, cannot be written.
    """

    def __init__(self, url: str, cache: Path) -> None:
        folder = _local_folder(url)
        self._files = (
            RemoteFiles(url, _FOLDER, FolderFiles(cache / _FOLDER))
            if folder is None
            else FolderFiles(folder / _FOLDER)
        )

    def put(self, local: Path, key: str) -> None:
        """Move the finished file `local` to `key`, where it replaces an earlier one.

        A reader never sees half a file. `local` is gone afterwards.

        Raises:
            ConfigError: `key` is none.
            OutputError: the file cannot be stored.
        """
        self._files.put(local, checked(key))

    def local(self, key: str) -> Path:
        """Return a local path to read; remote files are fetched once, whole or not at all.

        Raises:
            ConfigError: `key` is none.
            NotFoundError: there is no such file.
            NotReadyError, OutputError: it cannot be fetched.
        """
        return self._files.local(checked(key))

    def exists(self, key: str) -> bool:
        """Tell whether there is such a file; NotReadyError where the remote side does not answer."""
        return self._files.exists(checked(key))

    def size(self, key: str) -> int:
        """Return a file's size in bytes; raises as `local`."""
        return self._files.size(checked(key))

    def remove(self, key: str) -> None:
        """Delete one file, here and remotely; it is no error if it is not there.

        Raises:
            ConfigError: `key` is none.
            NotReadyError, OutputError: it cannot be deleted.
        """
        self._files.remove(checked(key))

    def delete(self, job_id: str) -> None:
        """Delete all files of a job, here and remotely; without files it is no error.

        Raises:
            ConfigError: `job_id` is none.
            NotReadyError, OutputError: they cannot be deleted.
        """
        if not _PART.fullmatch(job_id):
            raise ConfigError(f"{job_id!r} is not a job id: give letters, digits and _ - only.")
        self._files.delete(job_id)

    def orphans(self, known: set[str], older_than_s: float) -> list[str]:
        """Return the jobs that have files, but are not `known`, untouched for `older_than_s`.

        Such files remain where an upload never became a job, or a process died before it deleted
        them. Ask for `known` shortly before: a job that came later is young enough to be left.

        Raises:
            NotReadyError: the files cannot be listed.
        """
        found = self._files.orphans(known, older_than_s)
        return [job_id for job_id in found if _PART.fullmatch(job_id)]


def checked(key: str) -> str:
    """Return `key` if it is a relative path of at least two harmless parts.

    Raises:
        ConfigError: it is not.
    """
    parts = key.split("/")
    if len(parts) < 2 or not all(_PART.fullmatch(part) for part in parts):
        raise ConfigError(
            f"{key!r} is not a file of a job: its parts are separated by '/' and made of letters, "
            "digits and _ . + - with no dot in front."
        )
    return key


def _local_folder(url: str) -> Path | None:
    if "://" not in url and "::" not in url:
        return Path(url)
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme in {"file", "local"} else None
