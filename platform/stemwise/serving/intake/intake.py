"""From a POST to a queued job."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from stemwise.core.errors import NotReadyError, RequestError, UnprocessableError
from stemwise.separation.recipe import Recipe
from stemwise.separation.spool import SUBTYPES
from stemwise.serving.files.job_files import JobFiles
from stemwise.serving.intake.decoding import DecodeLimits, decode
from stemwise.serving.intake.uploads import Upload, read_form
from stemwise.serving.jobs import results
from stemwise.serving.jobs.records import ANYONE, Job, NewJob
from stemwise.serving.jobs.store import JobStore, QueueLimits
from stemwise.serving.settings import Limits

_log = logging.getLogger("ray.serve")
_LONGEST_KEY = 255
LONGEST_DEADLINE_S = 86_400.0
# Called with the bytes of an upload, and the seconds that its decoding took.
Accepted = Callable[[int, float], None]


@dataclass(frozen=True)
class Wish:
    """What a form asks for, checked."""

    recipe: Recipe
    stems: tuple[str, ...]
    format: str
    deadline_s: float | None = None


class Intake:
    """Accepts uploads within limits; a job is stored only when its audio is known to be sound.

    Args:
        recipes: by name, the default one first.
        accepted: told of each upload whose audio was sound.
    """

    def __init__(
        self,
        store: JobStore,
        files: JobFiles,
        recipes: Mapping[str, Recipe],
        limits: Limits,
        accepted: Accepted = lambda *_: None,
    ) -> None:
        self.store, self.files, self.recipes, self.limits = store, files, recipes, limits
        self._accepted = accepted
        self._decodes = asyncio.Semaphore(limits.decodes)
        self._uploads = 0

    async def __call__(
        self, request: Request, owner: str, key: str | None = None
    ) -> tuple[Job, bool]:
        """Return the job of a request, and whether it is a new one; `key` makes it repeatable.

        Raises:
            RequestError: see the API's description of each status.
        """
        _check_key(key)
        arrived = time.time()
        if key is None:  # a repeated request must get its answer even from a full queue
            await asyncio.to_thread(self.store.check_room, owner, self._queue(owner))
        if self._uploads >= self.limits.max_uploads:
            raise NotReadyError("Too many uploads are in progress: try again later.", retry_after=5)
        self._uploads += 1
        folder = Path(tempfile.mkdtemp(prefix="stemwise-upload-"))
        try:
            largest = int(self.limits.max_upload_mb * 1e6)
            upload = await read_form(request, folder, largest)
            return await self._accept(upload, owner, key, folder, arrived)
        except OSError as error:
            _log.exception("An upload could not be stored.")
            raise NotReadyError(
                "The server cannot store uploads now: try again later.", retry_after=60
            ) from error
        finally:
            self._uploads -= 1
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _queue(self, owner: str) -> QueueLimits:
        """Return the limits of the queue; without keys nobody can be told from another."""
        limits = self.limits
        per_owner = None if owner == ANYONE else limits.max_unfinished_per_key or None
        return QueueLimits(limits.max_unfinished, per_owner)

    async def _accept(
        self, upload: Upload, owner: str, key: str | None, folder: Path, arrived: float
    ) -> tuple[Job, bool]:
        wish = self.wish(upload.fields)
        digest = _digest(upload, wish)
        if key is not None:
            known = await asyncio.to_thread(self.store.find_repeat, owner, key, digest)
            if known is not None:
                return known, False
            await asyncio.to_thread(self.store.check_room, owner, self._queue(owner))
        mixture = folder / "mixture.f32"
        async with self._decodes:
            begun = time.monotonic()
            decoded = await decode(upload.path, mixture, DecodeLimits(self.limits.max_duration_s))
        self._accepted(upload.size, time.monotonic() - begun)
        new = NewJob(
            id=uuid.uuid4().hex,
            owner=owner,
            recipe=wish.recipe.name,
            stems=wish.stems,
            format=wish.format,
            title=upload.filename,
            samples=decoded.samples,
            digest=digest,
            idempotency_key=key,
            deadline_at=None if wish.deadline_s is None else arrived + wish.deadline_s,
        )
        return await asyncio.to_thread(self._store, new, mixture)

    def _store(self, new: NewJob, mixture: Path) -> tuple[Job, bool]:
        """Store the audio, then the job, so that no job is ever without its audio."""
        self.files.put(mixture, results.input_key(new.id))
        try:
            job, created = self.store.submit(new, self._queue(new.owner))
        except BaseException:
            self.files.delete(new.id)
            raise
        if not created:
            self.files.delete(new.id)
        return job, created

    def wish(self, fields: Mapping[str, Sequence[str]]) -> Wish:
        """Check what a form asks for.

        Raises:
            UnprocessableError: an unknown recipe, stem or format, or a deadline that is none.
        """
        name = _single(fields, "recipe") or next(iter(self.recipes))
        recipe = self.recipes.get(name)
        if recipe is None:
            raise UnprocessableError(
                f"There is no recipe {name[:80]!r}: this server has {', '.join(self.recipes)}."
            )
        file_format = _single(fields, "format") or "flac"
        if file_format not in SUBTYPES:
            raise UnprocessableError(
                f"The format {file_format[:80]!r} is not possible: use flac or wav."
            )
        text = ",".join(fields.get("stems", ()))
        asked = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
        known = recipe.all_stems()
        if not asked and any(value.strip() for value in fields.get("stems", ())):
            raise UnprocessableError(
                f"The field 'stems' ({text[:80]!r}) names no stem: leave it out for all of them, or "
                f"choose from {', '.join(known)}."
            )
        unknown = [stem for stem in asked if stem not in known]
        if unknown:
            raise UnprocessableError(
                f"The recipe {recipe.name!r} has no stem {unknown[0][:80]!r}: "
                f"it has {', '.join(known)}."
            )
        return Wish(recipe, tuple(asked), file_format, _deadline(_single(fields, "deadline_s")))


def _deadline(text: str | None) -> float | None:
    """Return seconds; what is empty was not given, as of an HTML form's field."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_DEADLINE_S:
        raise UnprocessableError(
            f"The field 'deadline_s' ({text[:80]!r}) is not usable: give seconds above 0, at most "
            f"{LONGEST_DEADLINE_S:.0f}."
        )
    return seconds


def _check_key(key: str | None) -> None:
    if key is None:
        return
    if not 0 < len(key) <= _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise RequestError(
            f"The Idempotency-Key must have 1 to {_LONGEST_KEY} printable ASCII characters."
        )


def _single(fields: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = [value.strip() for value in fields.get(name, ())]
    if len(values) > 1:
        raise UnprocessableError(f"The field {name!r} is given {len(values)} times: send it once.")
    return values[0] if values else None


def _digest(upload: Upload, wish: Wish) -> str:
    content: list[object] = [upload.sha256, wish.recipe.name, sorted(wish.stems), wish.format]
    if wish.deadline_s is not None:
        content.append(wish.deadline_s)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
