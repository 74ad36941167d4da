"""A stand-in for the service, for tests of its page: the HTTP API, with tones instead of stems.

`python tests/serving/page_server.py [port]` runs it, for looking at the page by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sys
import threading
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import soundfile
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from stemwise.serving.intake.formats import UPLOAD_FORMATS
from stemwise.serving.page.files import page_file

RATE = 44_100
PARENT = {"lead_vocals": "vocals", "backing_vocals": "vocals"}
PARENT |= dict.fromkeys(("kick", "snare", "toms", "cymbals"), "drums")
# stem → (frequency, level, beats per second, offset)
SOUNDS = {
    "lead_vocals": (440.0, 0.34, 0.31, 0.0),
    "backing_vocals": (554.4, 0.12, 0.17, 0.5),
    "kick": (55.0, 0.5, 2.0, 0.0),
    "snare": (190.0, 0.3, 1.0, 0.5),
    "toms": (110.0, 0.12, 0.25, 0.2),
    "cymbals": (6000.0, 0.06, 4.0, 0.0),
    "bass": (82.4, 0.3, 1.0, 0.0),
    "guitar": (329.6, 0.2, 0.5, 0.1),
    "piano": (261.6, 0.16, 0.6, 0.3),
    "other": (880.0, 0.05, 0.1, 0.7),
}
ORDER = ("vocals", "lead_vocals", "backing_vocals", "drums", "kick", "snare", "toms", "cymbals")
ORDER = (*ORDER, "bass", "guitar", "piano", "other")
QUALITY = {
    "vocals": [9.4, 8.8, 10.1],
    "drums": [8.7, 8.0, 9.5],
    "bass": [8.1, 7.0, 9.0],
    "guitar": [4.2, 3.1, 5.2],
    "piano": [3.0, 1.6, 4.3],
    "other": [4.9, 4.2, 5.5],
    "lead_vocals": [7.7, 6.6, 8.8],
    "kick": [11.2, 9.9, 12.4],
}
WEIGHTS = {
    "vocals": {"mel_band_roformer": 0.71, "scnet_xl": 0.29},
    "drums": {"htdemucs_ft": 0.55, "scnet_xl": 0.45},
    "bass": {"htdemucs_ft": 1.0},
    "guitar": {"htdemucs_6s": 1.0},
    "piano": {"htdemucs_6s": 1.0},
    "other": {"htdemucs_ft": -1.0, "scnet_xl": -1.0},
    **{
        stem: {"karaoke" if parent == "vocals" else "drumsep": 1.0}
        for stem, parent in PARENT.items()
    },
}
MODELS = ("mel_band_roformer", "scnet_xl", "htdemucs_ft", "htdemucs_6s", "karaoke", "drumsep")
BEST = {
    "name": "best_blend",
    "default": True,
    "stems": [stem for stem in ORDER if stem not in PARENT],
    "children": {p: [s for s in ORDER if PARENT.get(s) == p] for p in ("vocals", "drums")},
    "models": list(MODELS),
    "weights": WEIGHTS,
    "quality_db": QUALITY,
    "provenance": {
        "dataset": "musdb18hq",
        "tracks": 50,
        "held_out_snr": QUALITY,
        "fitted_by": "least squares, 5 folds by artist, mean of snr and sdr",
        "established": {"vocals": True, "drums": True, "piano": False},
        "run": "blend-2",
    },
}
FOUR = ["vocals", "drums", "bass", "other"]
SINGLE = {
    "name": "htdemucs_ft",
    "default": False,
    "stems": FOUR,
    "children": {},
    "models": ["htdemucs_ft"],
    "weights": {stem: {"htdemucs_ft": 1.0} for stem in FOUR},
    "quality_db": {},
    "provenance": {},
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; media-src 'self' "
    "blob:; style-src 'self' 'unsafe-inline'; script-src 'self'; connect-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


FORMATS = [{"name": one.name, "suffixes": list(one.suffixes)} for one in UPLOAD_FORMATS]


@cache
def sound(stem: str, seconds: float) -> np.ndarray:
    """Return `(samples, 2)` of a stem: tones that swell and fade, so that waveforms differ."""
    parts = [child for child, parent in PARENT.items() if parent == stem]
    if stem == "mixture":
        parts = BEST["stems"]
    if parts:
        return np.sum([sound(part, seconds) for part in parts], axis=0)
    tone, level, beats, offset = SOUNDS[stem]
    at = np.arange(int(seconds * RATE)) / RATE
    phase = (at * beats + offset) % 1
    sharp = 14.0 if beats >= 1 else 1.5
    shape = np.exp(-sharp * phase) * (0.55 + 0.45 * np.sin(2 * np.pi * (at / seconds + offset)))
    wobble = 1 + 0.2 * np.sin(2 * np.pi * 5.3 * at + 1.7 * np.sin(2 * np.pi * 1.1 * at))
    signal = level * shape * wobble * np.sin(2 * np.pi * tone * at)
    return np.stack([signal, 0.9 * signal], axis=1).astype(np.float32)


@cache
def encoded(stem: str, seconds: float, kind: str) -> bytes:
    """Return a stem's file."""
    return written(sound(stem, seconds), kind)


def written(samples: np.ndarray, kind: str) -> bytes:
    """Return samples as a file."""
    buffer = io.BytesIO()
    subtype = None if kind == "mp3" else "PCM_16"
    soundfile.write(buffer, samples, RATE, format=kind.upper(), subtype=subtype)
    return buffer.getvalue()


@dataclass
class Fake:
    """The service's state, and how it misbehaves; tests change the fields as they go."""

    seconds: float = 6.0
    chunks: int = 20
    chunk_s: float = 0.01
    key: str | None = None
    loading: list[str] = field(default_factory=list)
    limits: dict[str, Any] = field(default_factory=lambda: {"formats": FORMATS})
    refuse: list[tuple[int, str, int | None]] = field(default_factory=list)
    fail: str | None = None
    break_stream: bool = False
    lost_stems: set[str] = field(default_factory=set)
    gain: float = 1.0
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    posts: list[dict[str, Any]] = field(default_factory=list)
    mixes: list[dict[str, float]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def reset(self) -> None:
        """Forget all jobs and behave again."""
        self.__dict__.update(Fake().__dict__)

    def job(self, title: str, recipe: str = "best_blend", **changes: Any) -> dict[str, Any]:
        """Add a job and return it."""
        name = f"job-{len(self.jobs) + 1:04d}"
        made = {
            "id": name,
            "status": "queued",
            "progress": 0.0,
            "chunks_done": 0,
            "chunks_total": None,
            "title": title,
            "recipe": recipe,
            "format": "flac",
            "stems": [],
            "duration_s": self.seconds,
            "attempts": 0,
            "created_at": _now(),
            "started_at": None,
            "finished_at": None,
            "expires_at": None,
            "error": None,
            "results": [],
            "conservation": [],
            "quality": {},
            "gain": None,
            "timing": {},
            "links": {
                "self": f"/v1/separations/{name}",
                "events": "",
                "stems": {},
                "peaks": {},
                "mixture": f"/v1/separations/{name}/stems/mixture",
            },
        }
        self.jobs[name] = made | changes
        return self.jobs[name]

    def finish(self, job: dict[str, Any]) -> dict[str, Any]:
        """Give a job its results."""
        recipe = BEST if job["recipe"] == "best_blend" else SINGLE
        known = [*recipe["stems"], *(s for group in recipe["children"].values() for s in group)]
        made = [stem for stem in ORDER if stem in (job["stems"] or known)]
        job["results"] = [self._result(stem, recipe, job) for stem in made]
        groups = {"mixture": recipe["stems"], **recipe["children"]}
        job["conservation"] = [
            {"parent": p, "stems": s, "difference_dbfs": -143.2, "exact": p == "mixture"}
            for p, s in groups.items()
            if set(s) <= set(made)
        ]
        if recipe is BEST:  # which predicts nothing of guitar and piano
            told = {"vocals": 10.4, "drums": 8.4, "bass": -0.3, "kick": 11.6}
            job["quality"] = {
                stem: {"snr": snr, "low": snr - 2.2, "high": snr + 2.2}
                for stem, snr in told.items()
                if stem in made
            }
        job["gain"] = self.gain
        job["timing"] = {
            "separate_s": 14.8,
            "encode_s": 1.3,
            "total_s": 16.1,
            "realtime_factor": 1.49,
        }
        job["expires_at"] = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        job |= {"status": "succeeded", "progress": 1.0, "finished_at": _now()}
        job["started_at"] = job["started_at"] or _now()
        return job

    def _result(self, stem: str, recipe: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
        samples = sound(stem, self.seconds)
        return {
            "stem": stem,
            "parent": PARENT.get(stem, "mixture"),
            "bytes": len(encoded(stem, self.seconds, job["format"])),
            "peak": float(np.abs(samples).max()),
            "rms_dbfs": float(20 * np.log10(np.sqrt(np.mean(samples**2)))),
            "models": recipe["weights"][stem],
            "quality_db": recipe["quality_db"].get(stem),
        }

    async def run(self, job: dict[str, Any]) -> None:
        """Work on a job as the service would."""
        await asyncio.sleep(self.chunk_s)
        job |= {"status": "running", "started_at": _now(), "attempts": 1}
        job["chunks_total"] = self.chunks
        while job["chunks_done"] < self.chunks:
            await asyncio.sleep(self.chunk_s)
            if job["status"] != "running":
                return
            job["chunks_done"] += 1
            job["progress"] = job["chunks_done"] / self.chunks
        if self.fail:
            job |= {"status": "failed", "finished_at": _now()}
            job["error"] = {"reason": "model_error", "detail": self.fail}
        else:
            self.finish(job)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def problem(status: int, detail: str, retry_after: int | None = None) -> Response:
    """Return an error as RFC 9457 has it."""
    content = {"type": "about:blank", "title": "Error", "status": status, "detail": detail}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    media = "application/problem+json"
    return JSONResponse(content | {"reason": "fake"}, status, headers, media)


class Api:
    """The routes."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.tasks: set[asyncio.Task[None]] = set()

    def app(self) -> Starlette:
        """Return the application."""
        job = "/v1/separations/{id}"
        routes = [
            Route("/v1/separations", self.create, methods=["POST"]),
            Route("/v1/separations", self.listing),
            Route(job, self.delete, methods=["DELETE"]),
            Route(job, self.show),
            Route(f"{job}/events", self.events),
            Route(f"{job}/stems/{{stem}}", self.stem),
            Route(f"{job}/stems/{{stem}}/peaks", self.peaks),
            Route(f"{job}/archive", self.archive),
            Route(f"{job}/mix", self.mix),
            Route("/v1/recipes", self.recipes),
            Route("/healthz", self.health),
            Route("/openapi.json", lambda _: JSONResponse({})),
            Route("/{name:path}", self.page),
        ]
        guard = Middleware(BaseHTTPMiddleware, dispatch=self.guard)
        return Starlette(routes=routes, middleware=[guard])

    async def guard(self, request: Request, answer: Any) -> Response:
        """Check the key and add the headers of the real service."""
        fake = self.fake
        fake.seen.append(f"{request.method} {request.url.path}")
        sent = request.headers.get("authorization")
        if fake.key and request.url.path.startswith("/v1") and sent != f"Bearer {fake.key}":
            response = problem(401, "This server needs a key: send it as a bearer token.")
        else:
            response = await answer(request)
        response.headers.update(HEADERS)
        return response

    async def page(self, request: Request) -> Response:
        """Answer with a file of the page."""
        found = page_file(request.path_params["name"] or "index.html")
        if found is None:
            return problem(404, "No such file.")
        return Response(found.content, headers={"Content-Type": found.media_type})

    async def health(self, _: Request) -> Response:
        fake = self.fake
        models = {name: name not in fake.loading for name in MODELS}
        status = "loading" if fake.loading else "ok"
        return JSONResponse({"status": status, "models": models}, 503 if fake.loading else 200)

    async def recipes(self, _: Request) -> Response:
        return JSONResponse({"recipes": [BEST, SINGLE], "limits": self.fake.limits})

    async def create(self, request: Request) -> Response:
        fake, key = self.fake, request.headers["idempotency-key"]
        form = await request.form()
        post = {name: value for name, value in form.items() if name != "file"}
        upload: Any = form["file"]
        content = await upload.read()
        await form.close()
        fake.posts.append(post | {"key": key, "bytes": content, "name": upload.filename})
        if fake.refuse:
            return problem(*fake.refuse.pop(0))
        if key not in fake.keys:
            stems = [name for name in str(post.get("stems", "")).split(",") if name]
            recipe, kind = str(post["recipe"]), str(post["format"])
            job = fake.job(upload.filename, recipe, stems=stems, format=kind)
            fake.keys[key] = job["id"]
            task = asyncio.create_task(fake.run(job))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return JSONResponse(fake.jobs[fake.keys[key]], 202)

    async def listing(self, request: Request) -> Response:
        jobs = sorted(self.fake.jobs.values(), key=lambda job: job["created_at"], reverse=True)
        return JSONResponse({"separations": jobs[: int(request.query_params["limit"])]})

    def find(self, request: Request) -> dict[str, Any] | None:
        """Return the job of a request."""
        return self.fake.jobs.get(request.path_params["id"])

    async def show(self, request: Request) -> Response:
        job = self.find(request)
        return JSONResponse(job) if job else problem(404, "There is no separation of that name.")

    async def delete(self, request: Request) -> Response:
        job = self.find(request)
        if job is None:
            return problem(404, "There is no separation of that name.")
        over = job["status"] not in {"queued", "running"}
        job |= {"status": "expired" if over else "cancelled", "finished_at": _now()}
        return JSONResponse(job)

    async def events(self, request: Request) -> Response:
        job = self.find(request)
        if job is None:
            return problem(404, "There is no separation of that name.")
        return StreamingResponse(self.stream(job), media_type="text/event-stream")

    async def stream(self, job: dict[str, Any]) -> AsyncIterator[str]:
        """Yield a job's events."""
        last = ""
        yield ": here\n\n"
        while True:
            state, final = json.dumps(job), job["status"] not in {"queued", "running"}
            if state != last:
                yield f"event: progress\ndata: {state}\n\n"
                last = state
                if self.fake.break_stream and job["chunks_done"] > 2:
                    return
            if final:
                yield f"event: done\ndata: {state}\n\n"
                return
            await asyncio.sleep(0.01)

    async def stem(self, request: Request) -> Response:
        job, stem = self.find(request), request.path_params["stem"]
        if job is None or not job["results"] or stem in self.fake.lost_stems:
            return problem(404, f"The file of {stem} is gone.")
        kind = request.query_params.get("format", job["format"])
        headers = {"Content-Disposition": f'attachment; filename="{stem}.{kind}"'}
        content = encoded(stem, self.fake.seconds, kind)
        return Response(content, media_type=f"audio/{kind}", headers=headers)

    async def mix(self, request: Request) -> Response:
        job = self.find(request)
        assert job is not None
        levels = [part.split(":") for part in request.query_params["stems"].split(",")]
        parts = [sound(stem, self.fake.seconds) * 10 ** (float(db) / 20) for stem, db in levels]
        kind = request.query_params.get("format", job["format"])
        self.fake.mixes.append({stem: float(db) for stem, db in levels})
        return Response(written(np.sum(parts, axis=0), kind), media_type=f"audio/{kind}")

    async def peaks(self, request: Request) -> Response:
        stem = request.path_params["stem"]
        samples = np.abs(sound(stem, self.fake.seconds)).max(axis=1)
        step = 512
        whole = samples[: len(samples) // step * step].reshape(-1, step).max(axis=1)
        peaks = [round(float(value), 4) for value in whole]
        return JSONResponse({"stem": stem, "samples_per_peak": step, "peaks": peaks})

    async def archive(self, request: Request) -> Response:
        job = self.find(request)
        if job is None or job["status"] != "succeeded":
            return problem(404, "There are no files.")
        buffer, kind = io.BytesIO(), request.query_params.get("format", job["format"])
        with zipfile.ZipFile(buffer, "w") as archive:
            for result in job["results"]:
                content = encoded(result["stem"], self.fake.seconds, kind)
                archive.writestr(f"{result['stem']}.{kind}", content)
        headers = {"Content-Disposition": 'attachment; filename="stems.zip"'}
        return Response(buffer.getvalue(), media_type="application/zip", headers=headers)


@contextlib.contextmanager
def serving(fake: Fake, port: int = 0) -> Iterator[str]:
    """Serve in a thread; yield the page's address."""
    config = uvicorn.Config(Api(fake).app(), port=port, log_level="warning", lifespan="off")
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(10)


def main(port: int) -> None:
    """Serve slowly, with some jobs, until interrupted."""
    fake = Fake(
        seconds=24.0, chunks=60, chunk_s=0.25, limits={"max_bytes": 5e8, "formats": FORMATS}
    )
    fake.finish(fake.job("Blue Monday rehearsal.wav"))
    with serving(fake, port) as url:
        print(url)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
