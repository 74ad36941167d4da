"""Where things lie: a local path, or a URI that fsspec knows (`s3://bucket/path`).

Local text becomes a plain `pathlib.Path`, a URI a `UPath`. What is read and written here behaves alike
on both: files appear whole, and whatever goes wrong is an `OSError`. fsspec is imported for URIs only.
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias
from urllib.parse import unquote

from stemwise.core.errors import (
    ConfigError,
    MissingDependencyError,
    StemwiseError,
    StorageError,
    require,
)

if TYPE_CHECKING:
    from typing_extensions import TypeIs
    from upath import UPath

Place: TypeAlias = "Path | UPath"

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]*)://")
_LOCAL = ("file", "local")
# These show an object only when all of it is there; renaming would be copying.
_SHOWN_WHOLE = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "memory"}


def place(text: Place | str, setting: str = "The place") -> Place:
    """Return what a path or URI names, `~` expanded.

    Args:
        text: as somebody gave it; a place is returned as it is.
        setting: what the text was given for, for messages (`output=`).

    Raises:
        ConfigError: a URI of a kind that nobody knows.
        MissingDependencyError: a URI for which a package is missing.
    """
    if not isinstance(text, str):
        return text.expanduser() if isinstance(text, Path) else text
    found = _URI.match(text)
    if found is None:
        return Path(text).expanduser()
    scheme = found[1].lower()
    if scheme in _LOCAL:
        return Path(unquote(re.sub("^localhost(?=/)", "", text[found.end() :])))
    _check(scheme, text, setting)
    rest = text[found.end() :].rstrip("/")
    if not rest:
        raise ConfigError(
            f"{setting}{text} names no bucket or folder: give {scheme}://BUCKET/PATH."
        )
    from upath import UPath

    return UPath(f"{scheme}://{rest}")


def _check(scheme: str, text: str, setting: str) -> None:
    """Refuse a scheme that fsspec does not know, or cannot serve here."""
    import fsspec

    known = fsspec.available_protocols()
    if scheme not in known:
        near = difflib.get_close_matches(scheme, known, n=3, cutoff=0.5)
        advice = f"{' or '.join(f'{name}://' for name in near)}, or " if near else ""
        raise ConfigError(
            f"{setting}{text} cannot be used, since {scheme}:// is unknown: give {advice}a local path."
        )
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        if scheme in ("s3", "s3a"):
            raise require("s3fs", "s3", f"{setting}{text}") from error
        raise MissingDependencyError(
            f"{setting}{text} needs a package that is not installed: {error}."
        ) from error


def is_local(where: Place) -> TypeIs[Path]:
    """Tell whether a place is a path of this machine."""
    return isinstance(where, Path)


def resolved(where: Place) -> Place:
    """Return a local path absolute and without links, a URI as it is."""
    return where.resolve() if isinstance(where, Path) else where


def name_of(where: Place) -> str:
    """Return the last part of a place's name; of a whole bucket, the bucket's."""
    return where.name or str(where).rstrip("/").rpartition("/")[2]


def read_bytes(where: Place) -> bytes:
    """Return the content of a file (OSError where there is none, or it cannot be read)."""
    if isinstance(where, Path):
        return where.read_bytes()
    with _told():
        return bytes(where.fs.cat_file(where.path))


@contextmanager
def opened(where: Place) -> Iterator[Path | BinaryIO]:
    """Yield what decoders can read and seek in: a local path, or a remote file that is read in parts.

    Raises:
        OSError: it cannot be read.
    """
    if isinstance(where, Path):
        yield where
        return
    with _told():
        file = where.fs.open(where.path, "rb")
    with file:
        yield file


def write_whole(where: Place, content: bytes) -> None:
    """Write a file that readers see as it was before, or with all its new content.

    Raises:
        OSError: it cannot be written.
    """
    if isinstance(where, Path):
        temporary = where.with_name(f".{where.name}.{os.getpid()}.tmp")
        where.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            temporary.replace(where)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return
    with _told(), _shown_whole(where) as target:
        where.fs.pipe_file(target, content)


def send(local: Path, where: Place) -> None:
    """Copy a local file to a place, where it appears whole (OSError where that is impossible)."""
    if isinstance(where, Path):
        write_whole(where, local.read_bytes())
        return
    with _told(), _shown_whole(where) as target:
        where.fs.put_file(str(local), target)


def fetch(where: UPath, local: Path) -> None:
    """Copy a remote file to a local one (OSError where that is impossible)."""
    with _told():
        where.fs.get_file(where.path, str(local))


def remove(where: Place) -> None:
    """Delete a file, if it is there (OSError where that is impossible)."""
    if isinstance(where, Path):
        where.unlink(missing_ok=True)
        return
    with _told():
        try:
            where.fs.rm_file(where.path)
        except FileNotFoundError:
            return


def sizes(folder: UPath) -> dict[str, int]:
    """Return name → bytes of the files in a remote folder as it is now; empty where there is none.

    Raises:
        OSError: it cannot be listed.
    """
    with _told():
        try:
            found = folder.fs.ls(folder.path, detail=True, refresh=True)
        except FileNotFoundError:
            return {}
        finally:
            folder.fs.invalidate_cache(folder.path)
    return {str(entry["name"]).rpartition("/")[2]: int(entry["size"] or 0) for entry in found}


def files_below(folder: UPath) -> dict[str, dict[str, object]]:
    """Return all files below a remote folder as they are now: path relative to it → facts.

    The listing stays in fsspec's cache where it has one, so that what is asked of these files and
    folders afterwards needs no requests.

    Raises:
        FileNotFoundError: the bucket does not exist.
        OSError: it cannot be listed.
    """
    with _told():
        folder.fs.invalidate_cache()
        found = folder.fs.find(folder.path, detail=True)
    root = folder.path.rstrip("/") + "/"
    return {name.removeprefix(root): facts for name, facts in found.items() if name != folder.path}


def version(where: Place) -> tuple[int, int | str]:
    """Return size and what tells a file's contents apart: its time, or the store's own mark.

    Raises:
        OSError: there is no such file.
    """
    if isinstance(where, Path):
        status = where.stat()
        return status.st_size, status.st_mtime_ns
    with _told():
        facts = where.fs.info(where.path)
    marks = ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "mtime", "created")
    mark = next((facts[name] for name in marks if facts.get(name) is not None), "")
    return int(facts["size"] or 0), str(mark)


@contextmanager
def local_copy(where: Place) -> Iterator[Path]:
    """Yield a local file with the content of a place: itself, or a copy that is removed on leaving.

    Errors of what is done with the copy name the place.

    Raises:
        StorageError: it cannot be fetched.
    """
    if isinstance(where, Path):
        yield where
        return
    with tempfile.TemporaryDirectory(prefix="stemwise-") as folder:
        file = Path(folder) / where.name
        try:
            fetch(where, file)
        except OSError as error:
            raise StorageError(
                f"{where} cannot be fetched ({cause(error)}): check that it is there, the credentials "
                "and the connection."
            ) from error
        with naming(file, where):
            yield file


@contextmanager
def naming(local: Path, where: Place) -> Iterator[None]:
    """Let errors that speak of a local copy speak of the place that it is a copy of."""
    try:
        yield
    except StemwiseError as error:
        if str(local) not in str(error):
            raise
        raise type(error)(str(error).replace(str(local), str(where))) from error


def scratch_of(root: Place) -> Path:
    """Return the folder of this machine for work in progress of a place (not created here).

    It is the place itself where that is local.
    """
    if isinstance(root, Path):
        return root
    return scratch_folder() / uuid.uuid5(uuid.NAMESPACE_URL, str(root)).hex[:16]


def scratch_folder() -> Path:
    """Return this user's folder for what need not outlive a run (not created here)."""
    return Path(tempfile.gettempdir()) / f"stemwise-{os.getuid()}"


def unwritable(folder: Place) -> str | None:
    """Say why files cannot be made in a folder (made here if absent); None where they can."""
    try:
        if isinstance(folder, Path):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder):
                return None if os.access(folder, os.W_OK) else "no permission"
        probe = folder / f".probe-{uuid.uuid4().hex}"
        write_whole(probe, b"")
        remove(probe)
    except OSError as error:
        return cause(error)
    return None


def cause(error: BaseException) -> str:
    """Return what went wrong, in one line."""
    told = getattr(error, "strerror", None) or str(error)
    return " ".join(str(told).split()) or type(error).__name__


@contextmanager
def _shown_whole(where: UPath) -> Iterator[str]:
    """Yield the name to write under so that nobody sees half a file."""
    if where.protocol in _SHOWN_WHOLE:
        yield where.path
        return
    folder, _, name = where.path.rpartition("/")
    temporary = f"{folder}/.{name}.{uuid.uuid4().hex}.tmp"
    where.fs.makedirs(folder, exist_ok=True)
    yield temporary
    where.fs.mv(temporary, where.path)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what file systems raise (each has errors of its own) into an OSError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(cause(error)) from error
