"""The client: one class, each method one thing that the HTTP API offers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from stemwise.client import upload
from stemwise.client.answers import (
    Health,
    ModelInfo,
    ModelList,
    RecipeInfo,
    RecipeList,
    Separation,
    SeparationList,
)
from stemwise.client.download import fetch
from stemwise.client.errors import JobFailedError, NotStemwiseError, ServerError
from stemwise.client.retries import Policy
from stemwise.client.transport import Transport
from stemwise.client.watching import Watch, Watcher, job_path
from stemwise.core.errors import ConfigError
from stemwise.core.stems import check_name

FORMATS = ("flac", "wav")
DOWNLOADS = (*FORMATS, "mp3")
# How long an interrupted `separate` tries to cancel its job.
_CANCEL_S = 5.0

OnDownload = Callable[[str, int, int | None], None]


class Client:
    """A stemwise service at an address.

    `key` is the bearer key where the service has keys; None takes STEMWISE_KEY from the
    environment. All methods raise `ServerError`s (`stemwise.client.errors`) and try again where
    that helps; `policy` says how often. One client is for one thread.
    """

    def __init__(
        self, server: str, key: str | None = None, *, policy: Policy | None = None
    ) -> None:
        self._transport = Transport(server, key, policy or Policy())

    def __repr__(self) -> str:
        return f"Client({self.server!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def server(self) -> str:
        """The address of the service."""
        return self._transport.base

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def submit(
        self,
        file: Path,
        *,
        recipe: str | None = None,
        stems: Sequence[str] = (),
        format: str = "flac",
        idempotency_key: str | None = None,
        deadline_s: float | None = None,
        on_upload: upload.Report | None = None,
    ) -> Separation:
        """Upload a song and return its job.

        No `recipe` means the server's default, no `stems` all of them. Under one `idempotency_key`
        the same upload is the same job; without one, a new one is made for this call, so that its
        own repetitions never make two jobs. After `deadline_s` seconds the best tier of the recipe that
        is ready is the answer. `on_upload` gets the bytes sent and those in all.

        Raises:
            AudioError: the file cannot be read.
            ConfigError: another format than flac and wav.
            ServerError: the service refuses it or cannot be reached.
        """
        _check_format(format, FORMATS)
        fields = [("format", format)]
        fields += [("recipe", recipe)] if recipe is not None else []
        names = [stems] if isinstance(stems, str) else stems
        fields += [("stems", ",".join(names))] if names else []
        fields += [("deadline_s", f"{deadline_s:g}")] if deadline_s is not None else []
        headers = {"Idempotency-Key": idempotency_key or secrets.token_urlsafe(24)}
        with upload.opened(Path(file)) as (source, size):

            def body() -> upload.MultipartBody:
                source.seek(0)
                return upload.MultipartBody(fields, Path(file).name, source, size, on_upload)

            return self._transport.ask(
                Separation, "POST", "/v1/separations", body=body, headers=headers
            )

    def wait(
        self,
        job: str,
        *,
        on_progress: Watcher | None = None,
        timeout: float | None = None,
    ) -> Separation:
        """Return the job once it is final: succeeded, failed, cancelled or expired.

        `on_progress` gets the job at the start and at each change. `timeout` is in seconds.

        Raises:
            WaitTimeoutError: it is not final in that time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        return Watch(self._transport, job, on_progress, deadline).run()

    def download(
        self,
        job: Separation,
        folder: Path,
        *,
        format: str | None = None,
        on_download: OnDownload | None = None,
    ) -> dict[str, Path]:
        """Fetch the stems of a job to `<folder>/<stem>.<format>`; return where each one is.

        `format` is flac, wav or mp3 (320 kbit/s), by default the job's own. Each file is whole or not
        there. `on_download` gets the stem, its bytes so far and in all.

        Raises:
            ConfigError: another format.
            JobFailedError: the job has no stems; the message says why.
            OutputError: the folder cannot be written.
        """
        if not job.succeeded:
            raise self._failure(job)
        suffix, asked = _wanted(job, format)
        made = {}
        for stem, size in self._offered(job).items():
            target = Path(folder) / f"{stem}.{suffix}"
            path = f"{job_path(job.id)}/stems/{quote(stem, safe='')}{asked}"
            report, new = _named(stem, on_download), asked != ""
            fetch(
                self._transport, path, target, size=None if new else size, report=report, made=new
            )
            made[stem] = target
        return made

    def separate(
        self,
        file: Path,
        folder: Path,
        *,
        recipe: str | None = None,
        stems: Sequence[str] = (),
        format: str = "flac",
        deadline_s: float | None = None,
        timeout: float | None = None,
        on_upload: upload.Report | None = None,
        on_progress: Watcher | None = None,
        on_download: OnDownload | None = None,
    ) -> tuple[Separation, dict[str, Path]]:
        """Submit, wait and download; return the finished job and where each stem is.

        With `format` mp3 the job is made as flac and downloaded as MP3 of 320 kbit/s. An interrupt
        (KeyboardInterrupt) cancels the job. `deadline_s` is the server's to keep (see `submit`),
        `timeout` the time after which nobody waits here any longer.

        Raises:
            as `submit`, `wait` and `download` do.
        """
        _check_format(format, DOWNLOADS)
        kept = format if format in FORMATS else "flac"
        job = self.submit(
            file,
            recipe=recipe,
            stems=stems,
            format=kept,
            deadline_s=deadline_s,
            on_upload=on_upload,
        )
        try:
            job = self.wait(job.id, on_progress=on_progress, timeout=timeout)
            return job, self.download(job, folder, format=format, on_download=on_download)
        except KeyboardInterrupt as interrupt:
            if not job.final:
                self._cancel_quickly(job.id, interrupt)
            raise

    def archive(
        self,
        job: str,
        path: Path,
        *,
        format: str | None = None,
        on_download: Callable[[int, int | None], None] | None = None,
    ) -> Path:
        """Fetch all stems of a job as one zip file to `path`; `format` as in `download`."""
        target, asked = Path(path), ""
        if format is not None:
            _check_format(format, DOWNLOADS)
            asked = f"?format={format}"
        link = f"{job_path(job)}/archive{asked}"
        fetch(self._transport, link, target, report=on_download, made=asked != "")
        return target

    def get(self, job: str) -> Separation:
        """Return a job as it is now."""
        return self._transport.ask(Separation, "GET", job_path(job))

    def cancel(self, job: str) -> Separation:
        """Cancel a job, or delete the results of a finished one; return it."""
        return self._transport.ask(Separation, "DELETE", job_path(job))

    def recent(self, limit: int = 20) -> list[Separation]:
        """Return the newest jobs, newest first: those of the key, or all where there are no keys."""
        answer = self._transport.ask(
            SeparationList, "GET", "/v1/separations", params={"limit": limit}
        )
        return answer.separations

    def recipes(self) -> list[RecipeInfo]:
        """Return the recipes that the server runs, the default one first."""
        return self._transport.ask(RecipeList, "GET", "/v1/recipes").recipes

    def models(self) -> list[ModelInfo]:
        """Return the models of all recipes."""
        return self._transport.ask(ModelList, "GET", "/v1/models").models

    def health(self) -> Health:
        """Return whether the server would work on requests now; loading is an answer, not an error."""
        soon = time.monotonic() + self._transport.policy.connect_s
        return self._transport.ask(Health, "GET", "/healthz", also=503, deadline=soon)

    def _offered(self, job: Separation) -> dict[str, int | None]:
        """Return the stems of a job and their sizes. Names become file names, so they are checked."""
        offered = {result.stem: result.bytes for result in job.results}
        for stem in job.links.stems if job.links is not None else ():
            offered.setdefault(stem, None)
        try:
            names = [check_name(stem) for stem in offered]
        except ConfigError as error:
            raise NotStemwiseError(f"{self.server} offers a stem that is none: {error}") from error
        if not names or job.format not in FORMATS:
            raise NotStemwiseError(
                f"{self.server} offers no stems in a known format for the job {job.id!r}: "
                "update stemwise here or there."
            )
        return offered

    def _failure(self, job: Separation) -> JobFailedError:
        name = job.title or f"The job {job.id}"
        if job.error is not None:
            text = f"{name} could not be separated by {self.server}: {job.error.detail}"
            return JobFailedError(text, reason=job.error.reason, detail=job.error.detail)
        way_out = "submit the song again" if job.final else "wait for it first"
        return JobFailedError(
            f"{name} has no stems at {self.server} (its job is {job.status}): {way_out}.",
            reason=job.status,
        )

    def _cancel_quickly(self, job: str, interrupt: KeyboardInterrupt) -> None:
        """Cancel a job within seconds; where that fails, the interrupt carries a note of it."""
        soon = time.monotonic() + _CANCEL_S
        try:
            self._transport.ask(Separation, "DELETE", job_path(job), deadline=soon)
        except ServerError as error:
            interrupt.add_note(f"The job {job} could not be cancelled and may still run. {error}")


def _check_format(format: str, offered: Sequence[str]) -> None:
    if format not in offered:
        raise ConfigError(
            f"The format {format!r} is not offered: use {', '.join(offered[:-1])} or {offered[-1]}."
        )


def _wanted(job: Separation, format: str | None) -> tuple[str, str]:
    """Return how files are to end, and the query that asks for it; none for the job's own format."""
    if format is None or format == job.format:
        return job.format, ""
    _check_format(format, DOWNLOADS)
    return format, f"?format={format}"


def _named(stem: str, report: OnDownload | None) -> Callable[[int, int | None], None] | None:
    if report is None:
        return None
    return lambda done, total: report(stem, done, total)
