"""Getting the file of a model's weights: found or fetched, and verified before anyone loads it."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from stemwise.core.errors import CheckpointError, require
from stemwise.models.checkpoints.checkpoint import (
    Checkpoint,
    Progress,
    digest,
    first_use,
    folder,
    locate,
    mismatch,
    record_of,
)


@dataclass(frozen=True)
class VerifiedFile:
    """A file that is what it was promised to be, with its full SHA-256."""

    path: Path
    sha256: str


def ensure(checkpoint: Checkpoint, *, name: str, progress: Progress | None = None) -> VerifiedFile:
    """Return the verified file of model `name`, fetching it where it is absent.

    Raises:
        CheckpointError: absent and not to be had, or not the file that was promised.
        MissingDependencyError: the package that carries it is not installed.
    """
    path = locate(checkpoint)
    if path is None:
        path = _obtain(checkpoint, name, progress)
    found = digest(path)
    wrong = mismatch(checkpoint, path, found)
    if wrong is not None:
        raise CheckpointError(
            f"{path} is not the file that model {name!r} needs ({wrong}): "
            + _way_out(checkpoint, path, name)
        )
    # a user may train the own file on; its digest is part of every estimate's key anyway
    if checkpoint.sha256 is None and checkpoint.path is None:
        _enforce_first_use(path, found, name)
    return VerifiedFile(path, found)


def _obtain(checkpoint: Checkpoint, name: str, progress: Progress | None) -> Path:
    target = folder() / checkpoint.filename
    if checkpoint.path is not None:
        what = "is no file" if Path(checkpoint.path).exists() else "does not exist"
        raise CheckpointError(
            f"The checkpoint {checkpoint.path} of model {name!r} {what}: put it there, or correct "
            "its path."
        )
    if checkpoint.url is not None:
        # here, since it imports an HTTP client, which listing models does not need
        from stemwise.models.checkpoints import download

        download.fetch(checkpoint, target, progress=progress)
        return target
    if checkpoint.package is None:
        raise CheckpointError(
            f"{checkpoint.filename} of model {name!r} is not published for download: "
            f"put the file at {target}."
        )
    package = checkpoint.package.split("/")[0]
    if checkpoint.extra is not None and importlib.util.find_spec(package) is None:
        raise require(package, checkpoint.extra, f"Model {name!r}")
    raise CheckpointError(
        f"Model {name!r} needs {checkpoint.package}, which no installed package carries: "
        f"install {package} again."
    )


def _way_out(checkpoint: Checkpoint, path: Path, name: str) -> str:
    if checkpoint.path is not None:
        return "name the right file, or the sha256 of this one."
    if checkpoint.package is not None and path.parent != folder():
        return f"install {checkpoint.package.split('/', maxsplit=1)[0]} again."
    return f"delete it, then run `stemwise models pull {name}`."


def _enforce_first_use(path: Path, found: str, name: str) -> None:
    first = first_use(path, found)
    if first != found:
        raise CheckpointError(
            f"{path} has changed since its first use (sha256 was {first}, is {found}): put the "
            f"old file back, or delete {record_of(path)} to accept the new one, then run "
            f"`stemwise models pull {name}`."
        )
