"""Where a run lies and keeps its estimates: `output=` and `store=`, local paths or URIs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic.dataclasses import dataclass as typed_dataclass

from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.places import (
    Place,
    cause,
    fetch,
    files_below,
    is_local,
    name_of,
    naming,
    place,
    remove,
    resolved,
    send,
    sizes,
    version,
)
from stemwise.jobs.fields import Where
from stemwise.jobs.typed import STRICT, read

if TYPE_CHECKING:
    from upath import UPath

_AT_ONCE = 8  # requests
KEEP = ("all", "none")
CONFIG, TABLES, RECIPES, REPORT = "config.json", "tables", "recipes", "report"


@typed_dataclass(frozen=True, config=STRICT)
class StoreSettings:
    """Where estimates are kept (conf/evaluate.yaml).

    Args:
        root: a folder or URI; None is `<output>/store`.
        keep: `all`, or `none` to measure estimates without keeping them.
    """

    root: Where | None = None
    keep: str = "all"

    def __post_init__(self) -> None:
        if self.keep not in KEEP:
            raise ConfigError(f"store.keep={self.keep} is unknown: use {' or '.join(KEEP)}.")

    @classmethod
    def of(cls, value: object) -> StoreSettings:
        """Return the settings that a configuration gives; a path alone is the root.

        Raises:
            ConfigError: an unknown setting or value.
        """
        if isinstance(value, cls):
            return value
        return read(cls, value if isinstance(value, Mapping) else {"root": value}, "store")

    def place(self, output: Place) -> Place:
        """Return the estimate store of a run in `output`."""
        return resolved(place(self.root, "store=")) if self.root else output / "store"


def output_folder(output: str | None) -> Place:
    """Return the run's folder (ConfigError where none, or an unknown kind of URI, is named)."""
    if not output:
        raise ConfigError("output= is empty: name a folder for the results.")
    return resolved(place(output, "output="))


def local_output(output: str | None, what: str) -> Path:
    """Return the folder of a job that writes to this machine only (ConfigError for a URI)."""
    folder = output_folder(output)
    if not is_local(folder):
        raise ConfigError(f"output={folder} is not usable: {what} writes local folders only.")
    return folder


@dataclass(frozen=True)
class RunFolder:
    """A run's folder.

    Attributes:
        place: as the user named it.
        local: where its files are read and written here; the same where that is local.
    """

    place: Place
    local: Path

    @property
    def is_remote(self) -> bool:
        """Whether the files here are copies."""
        return not is_local(self.place)

    def shown(self, path: Path) -> str:
        """Return what a file of the local folder is called for people."""
        return str(self.place / path.relative_to(self.local).as_posix())


@contextmanager
def mirrored(output: Place, names: Sequence[str]) -> Iterator[RunFolder]:
    """Yield a local folder to read and write the run's files in.

    It is the output itself where that is local; else one with copies of its files and folders called
    `names`. What is new or changed in it is uploaded on leaving without an error.

    Raises:
        OutputError: the files cannot be fetched or written.
    """
    if is_local(output):
        yield RunFolder(output, output)
        return
    with tempfile.TemporaryDirectory(prefix="stemwise-") as temporary:
        local = Path(temporary) / name_of(output)
        try:
            before = _fetch_all(output, local, names)
        except OSError as error:
            raise OutputError(
                f"{output} cannot be read ({cause(error)}): check that it is there, the credentials "
                "and the connection."
            ) from error
        with naming(local, output):
            yield RunFolder(output, local)
        try:
            _send_all(local, output, before)
        except OSError as error:
            raise OutputError(
                f"{output} cannot be written ({cause(error)}): the same command resumes when it can be."
            ) from error


Facts = Mapping[str, tuple[int, int | str]]


def _fetch_all(output: UPath, local: Path, names: Sequence[str]) -> Facts:
    """Copy files here; return what they look like, by their path below the folder."""
    local.mkdir(parents=True)
    wanted = [
        (output / name / below, local / name / below)
        for name in names
        for below in files_below(output / name)
    ]
    wanted += [(output / name, local / name) for name in sizes(output) if name in names]
    for _, target in wanted:
        target.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda pair: fetch(*pair), wanted))
    return _facts(local)


def _facts(local: Path) -> Facts:
    files = (file for file in local.rglob("*") if file.is_file())
    return {file.relative_to(local).as_posix(): version(file) for file in files}


def _send_all(local: Path, output: UPath, before: Facts) -> None:
    """Upload what is new or changed, pages and settings last; remove what is no longer there."""
    now = _facts(local)
    changed = {name for name, facts in now.items() if before.get(name) != facts}
    last = {name for name in changed if name == CONFIG or name.endswith(".html")}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for group in (changed - last, last):
            list(pool.map(lambda name: send(local / name, output / name), sorted(group)))
        list(pool.map(lambda name: remove(output / name), before.keys() - now.keys()))
