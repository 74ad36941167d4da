"""Which file holds a model's weights, where it lies, and whether it is the right one.

Three kinds of file: published (fetched into `home()/checkpoints`), carried by an installed package,
or a user's own. A published digest is enforced. Where nobody publishes one, the digest of the first
use is recorded and enforced from then on, so that a model's name keeps meaning the same weights.

Light on purpose: listing models must import neither torch nor an HTTP client.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stemwise.core.config import home
from stemwise.core.errors import CheckpointError, ConfigError

Progress = Callable[[int, int | None], None]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """One file of weights; `path` wins over `package`, `package` over the cache and `url`.

    Attributes:
        filename: its name in the cache folder.
        url: where it is published.
        size: published size in bytes.
        sha256: published hex digest or its first 8 or more digits (Demucs puts 8 in file names);
            None where nobody publishes one.
        package: file of an installed package, `top_level_name/relative/path`.
        extra: the extra of stemwise that installs that package.
        path: a user's own file.

    Raises:
        ConfigError: a value that cannot be meant.
    """

    filename: str
    url: str | None = None
    size: int | None = None
    sha256: str | None = None
    package: str | None = None
    extra: str | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        """Refuse names that would leave the cache folder, and digests that are none."""
        if not isinstance(self.filename, str) or not re.fullmatch(r"[\w][^/\\\0]*", self.filename):
            raise ConfigError(f"{self.filename!r} is not a plain file name for a checkpoint.")
        if self.url is not None and not re.match(r"https?://[^/]", str(self.url)):
            raise ConfigError(f"{self.filename}: {self.url!r} is not an http(s) address.")
        if self.sha256 is not None:
            if not re.fullmatch(r"[0-9a-fA-F]{8,64}", str(self.sha256)):
                raise ConfigError(
                    f"{self.filename}: sha256 must be 8 to 64 hex digits in quotes, "
                    f"not {self.sha256!r}."
                )
            object.__setattr__(self, "sha256", str(self.sha256).lower())
        parts = PurePosixPath(self.package or "a/b").parts
        if len(parts) < 2 or ".." in parts or parts[0] == "/":
            raise ConfigError(f"{self.filename}: package {self.package!r} is not package/file.")


def folder() -> Path:
    """Return the folder of fetched checkpoints (not created here)."""
    return home() / "checkpoints"


def locate(checkpoint: Checkpoint) -> Path | None:
    """Return where the file lies, or None; nothing is verified, imported or fetched."""
    if checkpoint.path is not None:
        own = Path(checkpoint.path).expanduser()
        return own if own.is_file() else None
    if checkpoint.package is not None and (carried := _in_package(checkpoint.package)):
        return carried
    cached = folder() / checkpoint.filename
    return cached if cached.is_file() else None


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, from its record while size and modification time stay.

    Raises:
        CheckpointError: the file or its record cannot be read.
    """
    record = _recall(path)
    try:
        stamp = _stamp(path)
        if record.items() >= stamp.items():
            return str(record["sha256"])
        found = sha256_of(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from error
    # The stamp was taken before hashing: a file that changes meanwhile is hashed again next time.
    _write(path, {**record, "file": str(path), **stamp, "sha256": found})
    return found


def sha256_of(path: Path) -> str:
    """Hash a file without keeping a record."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember(path: Path, found: str) -> None:
    """Record the digest of a file that was hashed just now, so that `digest` need not."""
    _write(path, {**_recall(path), "file": str(path), **_stamp(path), "sha256": found})


def first_use(path: Path, found: str) -> str:
    """Return the digest of a file's first use; it is `found`, and recorded, where this is the first."""
    record = _recall(path)
    if record.get("first_use") is None:
        _write(path, {**record, "first_use": found})
        return found
    return str(record["first_use"])


def record_of(path: Path) -> Path:
    """Return where the digest of `path` is kept: never beside a user's own file."""
    if path.parent == folder():
        # By name only, so that the records stay true when the cache folder is moved.
        return folder() / ".digests" / f"{path.name}.json"
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    return folder() / ".digests" / f"{place}-{path.name}.json"


def mismatch(checkpoint: Checkpoint, path: Path, found: str) -> str | None:
    """Say what differs between a file of digest `found` and the published one, or None."""
    size = path.stat().st_size
    if checkpoint.size is not None and size != checkpoint.size:
        return f"expected {checkpoint.size} bytes, found {size}"
    if not found.startswith(checkpoint.sha256 or ""):
        return f"expected sha256 {checkpoint.sha256}, found {found}"
    return None


def _in_package(location: str) -> Path | None:
    top, *rest = PurePosixPath(location).parts
    # Finding a top-level package runs none of its code.
    spec = importlib.util.find_spec(top)
    places = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    return next((file for place in places if (file := place.joinpath(*rest)).is_file()), None)


def _stamp(path: Path) -> dict[str, int]:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _recall(path: Path) -> dict[str, Any]:
    record = record_of(path)
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        return {**content, "sha256": str(content["sha256"])}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Starting afresh would silently drop the digest of the first use.
        raise CheckpointError(f"The record {record} cannot be read: delete it.") from error


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write the record in one step; a cache folder that cannot be written costs only time."""
    record = record_of(path)
    new = record.with_name(f".{record.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps(content, indent=1), encoding="utf-8")
        new.replace(record)
    except OSError as error:
        _LOG.warning("The digest of %s cannot be recorded (%s).", path, error)
