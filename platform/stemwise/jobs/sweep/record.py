"""`sweep.json`: what became of each job of a sweep, kept so that the same command goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from stemwise.core.errors import PARTLY_FAILED, OutputError
from stemwise.core.places import Place, cause, read_bytes, write_whole
from stemwise.core.version import __version__
from stemwise.jobs.sweep.plan import SweepJob
from stemwise.jobs.typed import written

NAME = "sweep.json"
FINISHED, PARTLY, FAILED, KILLED = "finished", "partly failed", "failed", "killed"
INTERRUPTED, WAITING = "interrupted", "not run"
_WORDS = {0: FINISHED, PARTLY_FAILED: PARTLY, 130: INTERRUPTED}


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        status: `finished`, `partly failed`, `failed`, `killed`, `interrupted` or `not run`.
        exit_code: as of the command alone; 128 and the signal's number where one ended it.
        error: the reason, where there is one.
        wall_s: how long it took.
        settings: what it was run with.
        songs: digest of the facts and files of its songs.
        differs: the overrides that not all jobs of the sweep share.
        made: separations that were computed for it.
        found: separations that the estimate store had.
        taken: songs that another job of the sweep had measured.
    """

    status: str = WAITING
    exit_code: int | None = None
    error: str | None = None
    wall_s: float | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    songs: str | None = None
    differs: Mapping[str, str] = field(default_factory=dict)
    made: int = 0
    found: int = 0
    taken: int = 0

    @classmethod
    def of(cls, code: int, error: str | None, wall_s: float) -> Outcome:
        """Return what an exit code means; negative ones are signals."""
        if code < 0:
            return cls(KILLED, 128 - code, error, wall_s)
        return cls(_WORDS.get(code, FAILED), code, error, wall_s)

    @property
    def has_tables(self) -> bool:
        """Whether the job came to its end and wrote what it found."""
        return self.status in (FINISHED, PARTLY)

    def told_of(self, job: SweepJob, songs: str | None) -> Outcome:
        """Return it with what the job was run with."""
        facts = _facts(job)
        return replace(self, settings=facts, songs=songs, differs=dict(job.differs))

    def holds_for(self, job: SweepJob, songs: str | None) -> bool:
        """Tell whether a job is finished: with the same settings, on the same songs."""
        same = self.settings == _facts(job) and self.songs == songs is not None
        return self.status == FINISHED and same


def _facts(job: SweepJob) -> dict[str, object]:
    settings = {k: v for k, v in written(job.settings).items() if k not in ("sweep", "cluster")}
    return {**settings, "version": __version__}


def load(folder: Place) -> dict[str, Outcome]:
    """Return the outcomes of a sweep's folder by job; empty where there is no record that is whole."""
    try:
        content = json.loads(read_bytes(folder / NAME))
        return {name: Outcome(**outcome) for name, outcome in content["jobs"].items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}  # it is only what saves work: without it, finished songs are found job by job


def save(folder: Place, outcomes: Iterable[tuple[str, Outcome]]) -> None:
    """Write the outcomes of all jobs (OutputError where that is impossible)."""
    content = {"jobs": {name: asdict(outcome) for name, outcome in outcomes}}
    try:
        write_whole(folder / NAME, json.dumps(content, indent=2).encode())
    except OSError as error:
        raise OutputError(f"{folder / NAME} cannot be written ({cause(error)}).") from error
