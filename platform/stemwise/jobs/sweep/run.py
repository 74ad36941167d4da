"""Running a sweep: what is finished is skipped, the rest runs side by side, one summary is written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from stemwise.core.errors import PARTLY_FAILED, ConfigError, StemwiseError
from stemwise.core.places import cause, place
from stemwise.core.types import Track
from stemwise.evaluation import connection
from stemwise.evaluation.cluster import ClusterSettings, pool
from stemwise.jobs.holding import exclusive
from stemwise.jobs.run_places import CONFIG, REPORT, RunFolder, mirrored, output_folder
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.sweep import record, songs
from stemwise.jobs.sweep.child import Request
from stemwise.jobs.sweep.plan import SweepJob, jobs_of, leaders
from stemwise.jobs.sweep.process import JobProcess
from stemwise.jobs.sweep.queue import Queue
from stemwise.jobs.sweep.record import FINISHED, WAITING, Outcome
from stemwise.jobs.sweep.summary import summarise
from stemwise.jobs.typed import written
from stemwise.jobs.work import list_tracks
from stemwise.report.console import make_console
from stemwise.report.songs_display import duration
from stemwise.report.terminal import show_note

_LOGS = "logs"
_PATIENCE_S = 20.0  # of who is interrupted
_MANY = 10**9  # songs: the number of workers is the machine's


@dataclass
class _Sweep:
    """The state of a sweep that runs.

    Attributes:
        folder: where it lies.
        jobs: all of them.
        command: `module:function` of what each runs.
        digests: of each job's songs, None where they cannot be listed.
        outcomes: of the jobs so far, by name.
    """

    folder: RunFolder
    jobs: Sequence[SweepJob]
    command: str
    console: Console
    digests: Mapping[str, str | None]
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def finished(self, job: SweepJob, outcome: Outcome) -> None:
        """Note and tell what became of a job."""
        self.outcomes[job.name] = outcome.told_of(job, self.digests[job.name])
        record.save(self.folder.place, self.outcomes.items())
        done = sum(item.status != WAITING for item in self.outcomes.values())
        took = "" if outcome.wall_s is None else f" in {duration(outcome.wall_s)}"
        text = f"{job.name} {outcome.status}{took} ({done} of {len(self.jobs)}): {job.told}"
        reason = f" {outcome.error}" if outcome.error else ""
        style = "dim" if outcome.status == FINISHED else "red"
        show_note(self.console, text.rstrip(": ") + ("." if reason else "") + reason, style)

    def log(self, job: SweepJob) -> Path:
        """Return the file for what a job prints."""
        return self.folder.local / _LOGS / f"{job.name}.txt"


def sweep(
    gathered: Sequence[tuple[EvaluateSettings, Sequence[str]]], command: str, quiet: bool = False
) -> int:
    """Run the jobs of a sweep and return its exit code: 0, 3 where some failed, else the worst.

    Args:
        gathered: settings of each job, and the overrides that they were composed with.
        command: `module:function` of what each job runs.
        quiet: print errors only.

    Raises:
        StemwiseError: the sweep's folder cannot be written, is a run's, or another sweep is writing it.
    """
    console = make_console(quiet=quiet)
    output = output_folder(gathered[0][0].output)
    jobs = jobs_of(gathered)
    tell = partial(show_note, console)
    with exclusive(output, tell), mirrored(output, (REPORT, "tables", _LOGS)) as folder:
        if (output / CONFIG).exists():
            raise ConfigError(
                f"output={output} is a single run, whose report would be lost: choose another folder."
            )
        state = _Sweep(folder, jobs, command, console, _digests(jobs))
        _take_up(state)
        waiting = [job for job in jobs if state.outcomes[job.name].status == WAITING]
        try:
            if waiting:
                _work_off(state, waiting, gathered[0][0])
        except KeyboardInterrupt:
            summarise(folder, jobs, state.outcomes, console)
            raise
        summarise(folder, jobs, state.outcomes, console)
    return _code([state.outcomes[job.name] for job in jobs])


def _digests(jobs: Sequence[SweepJob]) -> dict[str, str | None]:
    """Return a digest of each job's files; None where it will say that songs cannot be listed."""
    known: dict[str, str | None] = {}
    listed: dict[str, list[Track] | None] = {}
    for job in jobs:
        content = written(job.settings)
        facts = str((content["dataset"], job.settings.tracks))
        if facts not in listed:
            try:
                listed[facts] = list_tracks(job.settings)
            except (StemwiseError, OSError):
                listed[facts] = None
        tracks = listed[facts]
        known[job.name] = None if tracks is None else songs.digest(tracks, content)
    return known


def _take_up(state: _Sweep) -> None:
    """Take over what an earlier run of the same sweep has finished."""
    before = record.load(state.folder.place)
    for job in state.jobs:
        known, digest = before.get(job.name), state.digests[job.name]
        kept = known is not None and known.holds_for(job, digest) and _is_there(job)
        outcome = known if known is not None and kept else Outcome()
        state.outcomes[job.name] = outcome.told_of(job, digest)
    count = sum(outcome.status == FINISHED for outcome in state.outcomes.values())
    if count:
        show_note(state.console, f"{count} of {len(state.jobs)} jobs are finished already.", "")


def _is_there(job: SweepJob) -> bool:
    """Tell whether a job's folder still holds its result."""
    folder = place(job.settings.output or "")
    return any((folder / name).exists() for name in (CONFIG, *songs.FOLDERS))


def _work_off(state: _Sweep, waiting: Sequence[SweepJob], first: EvaluateSettings) -> None:
    """Run jobs side by side."""
    by_number = {job.number: job for job in state.jobs}
    followed = leaders(state.jobs)
    undone = {job.number for job in waiting}
    # a job whose songs another has measured needs no workers
    measuring = [job for job in waiting if followed.get(job.number, job.number) in undone]
    with _ray(first.cluster.address, bool(measuring)) as ray:
        fit = _fit(first.cluster, ray, first.device)
        at_once = min(len(waiting), first.sweep.at_once or fit)
        _say(state, waiting, at_once)
        share = max(1, fit // min(at_once, max(1, len(measuring))))
        queue = Queue[JobProcess](waiting, followed, state.finished)

        def run(worker: JobProcess, job: SweepJob) -> Outcome:
            leader = by_number.get(followed.get(job.number, -1))
            return _run(state, worker, job, leader, ray, share, first.cluster)

        workers = [JobProcess() for _ in range(at_once)]
        try:
            queue.work_off(workers, run)
        except KeyboardInterrupt:
            queue.stop()
            for worker in workers:
                worker.interrupt()
            queue.wait(_PATIENCE_S)
            raise
        finally:
            for worker in workers:
                worker.close()


def _say(state: _Sweep, waiting: Sequence[SweepJob], at_once: int) -> None:
    logs = state.folder.shown(state.folder.local / _LOGS)
    how = "one after another" if at_once == 1 else f"{at_once} at a time"
    jobs = "1 job" if len(waiting) == 1 else f"{len(waiting)} jobs, {how}"
    show_note(state.console, f"{jobs}. What each prints: {logs}", "")


@contextmanager
def _ray(address: str | None, needed: bool) -> Iterator[connection.SharedRay | None]:
    with ExitStack() as stack:
        yield stack.enter_context(connection.shared(address)) if needed else None


def _fit(cluster: ClusterSettings, ray: connection.SharedRay | None, device: str) -> int:
    """Return how many workers fit on the machine or cluster."""
    if ray is None:
        return os.cpu_count() or 1
    try:
        return pool(replace(cluster, actors=None), ray.resources, _MANY, device)[0]
    except StemwiseError:  # it cannot run at all, as each job will say
        return 1


def _run(
    state: _Sweep,
    worker: JobProcess,
    job: SweepJob,
    leader: SweepJob | None,
    ray: connection.SharedRay | None,
    share: int,
    cluster: ClusterSettings,
) -> Outcome:
    """Run one job in a process."""
    began = time.monotonic()
    settings = job.settings
    if leader is not None:
        try:
            songs.take_over(leader.settings.output or "", settings.output or "")
        except OSError as problem:
            told = f"The songs of {leader.name} cannot be taken over ({cause(problem)})."
            return Outcome.of(StemwiseError.exit_code, told, time.monotonic() - began)
    own = settings.cluster
    # of a machine that jobs share, none takes all workers and lets the others wait
    if own.actors is None:
        settings = replace(settings, cluster=replace(own, actors=share))
    joins = ray is not None and own.address == cluster.address
    address = ray.address if ray is not None and joins else None
    request = Request(state.command, written(settings), address, state.log(job))
    code, error = worker.run(request)
    return Outcome.of(code, error, time.monotonic() - began)


def _code(outcomes: Sequence[Outcome]) -> int:
    """Return 0 where all jobs are finished, 3 where some are, 2 where none can be, else 1."""
    codes = {outcome.exit_code or 0 for outcome in outcomes}
    if codes == {0}:
        return 0
    if any(outcome.has_tables for outcome in outcomes):
        return PARTLY_FAILED
    return ConfigError.exit_code if codes == {ConfigError.exit_code} else StemwiseError.exit_code
