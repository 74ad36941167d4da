"""Every route and status of the HTTP API, with a worker and models in this process."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import requests
import soundfile
import uvicorn
from jsonschema import Draft202012Validator

from stemwise.errors import ModelError, NotReadyError
from stemwise.models.registry import ModelSpec
from stemwise.separation.recipe import Recipe
from stemwise.serving import decoding, intake, job_runner, service
from stemwise.serving.keys import Keys, new_key

from .documented import PROBLEM, DocumentedClient
from .local import (
    WAIT_S,
    Bench,
    GainModel,
    World,
    application,
    bench,
    limits,
    until,
)
from .running import free_port

RECIPE = Recipe(
    "both",
    {"vocals": {"m": 0.5, "n": 0.5}, "drums": {"m": 1.0}},
    children={"drums": {"kick": {"p": 1.0}}},
    remainder="other",
    rests={"drums": "drums_rest"},
    provenance={"held_out_snr": {"vocals": [5, 4, 6.5]}, "worst": float("-inf"), "run": None},
)
RECIPES = {"both": RECIPE, "single": Recipe("single", {"drums": {"m": 1.0}})}
GAINS = {"m": {"vocals": 0.5, "drums": 0.25}, "n": {"vocals": 0.25}, "p": {"kick": 0.5}}
SPECS = {
    name: ModelSpec(name, "stemwise.models.x", "gains", stems=tuple(gains))
    for name, gains in GAINS.items()
}
STEMS = {"vocals", "drums", "kick", "drums_rest", "other"}
SAMPLES = 4410


def song(seed: int = 0, samples: int = SAMPLES, kind: str = "WAV") -> bytes:
    generator = np.random.default_rng(seed)
    out = io.BytesIO()
    soundfile.write(out, generator.uniform(-0.5, 0.5, (samples, 2)), 44_100, format=kind)
    return out.getvalue()


SONG = song()


async def decoded_here(path: Path, out: Path, limits: decoding.DecodeLimits) -> decoding.Decoded:
    """Decode without a child; that has its own tests, and some here."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples.tofile(out)
    return decoding.Decoded(out, len(samples), rate, samples.shape[1])


class Api(DocumentedClient):
    """A client, and what is behind the server that it talks to."""

    bench: Bench

    def submit(self, content: bytes = SONG, name: str = "song.wav", **fields: Any) -> Any:
        headers = fields.pop("headers", None)
        return self.post(
            "/v1/separations", files={"file": (name, content)}, data=fields, headers=headers
        )

    def separated(self, **fields: Any) -> dict[str, Any]:
        answer = self.submit(**fields, headers={"Prefer": "wait=20"})
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    @property
    def world(self) -> World:
        return self.bench.world


Serve = Callable[..., Api]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Return a function that serves in this process (options of `application` and a worker's)."""
    monkeypatch.setattr(intake, "decode", decoded_here)
    monkeypatch.setattr(job_runner, "PULSE_S", 0.02)
    monkeypatch.setattr(service, "_POLL_S", 0.01)
    with ExitStack() as stack:
        yield lambda **options: serving(stack, tmp_path, **options)


def serving(stack: ExitStack, folder: Path, worker: dict | None = None, **options: Any) -> Api:
    world = World({name: GainModel(gains) for name, gains in GAINS.items()})
    up = stack.enter_context(bench(folder, RECIPES, world))
    if worker is None or worker:
        up.runner(**(worker or {}))
    client = Api(application(up, SPECS, **options), raise_server_exceptions=False)
    client.bench = up
    return client


@pytest.fixture
def api(serve: Serve) -> Api:
    return serve()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, dict[str, Any]]]:
    """Return a client and a job that succeeded, decoded by a real child; to be read only."""
    with ExitStack() as stack:
        client = serving(stack, tmp_path_factory.mktemp("finished"))
        yield client, client.separated(format="wav")


# ---- facts


def test_the_document_is_whole(finished: tuple[Api, dict]) -> None:
    document = finished[0].document
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = [o["operationId"] for methods in document["paths"].values() for o in methods.values()]
    assert len(names) == len(set(names)) == 11
    assert set(document["paths"]) == {
        "/v1/separations",
        "/v1/separations/{id}",
        "/v1/separations/{id}/events",
        "/v1/separations/{id}/stems/{stem}",
        "/v1/separations/{id}/stems/{stem}/peaks",
        "/v1/separations/{id}/archive",
        "/v1/recipes",
        "/v1/models",
        "/healthz",
    }
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation.get("description"), operation["operationId"]
            for status, answer in operation["responses"].items():
                assert answer["description"] and answer["content"], status


def test_recipes_and_models(finished: tuple[Api, dict]) -> None:
    client, _ = finished
    recipes = client.get("/v1/recipes").json()["recipes"]
    assert [(r["name"], r["default"]) for r in recipes] == [("both", True), ("single", False)]
    assert recipes[0]["stems"] == ["vocals", "drums", "other"]
    assert recipes[0]["children"] == {"drums": ["kick", "drums_rest"]}
    assert recipes[0]["weights"]["other"] == {"m": -1.0, "n": -1.0}
    assert recipes[0]["quality_db"] == {"vocals": [5, 4, 6.5]}
    assert recipes[0]["provenance"]["worst"] is None  # JSON knows no infinity
    models = client.get("/v1/models").json()["models"]
    assert [(m["name"], m["stems"], m["ready"]) for m in models] == [
        ("m", ["vocals", "drums"], True),
        ("n", ["vocals"], True),
        ("p", ["kick"], True),
    ]


@pytest.mark.parametrize("missing", ["m", "ensemble"])
def test_health_while_something_is_loading(serve: Serve, missing: str) -> None:
    ready = {name: name != missing for name in [*SPECS, "ensemble"]}
    client = serve(worker={}, ready=ready)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "loading")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["models"] == {name: name != missing for name in SPECS}
    listed = client.get("/v1/models").json()["models"]
    assert {m["name"]: m["ready"] for m in listed} == {name: name != missing for name in SPECS}


def test_health_when_all_is_well(finished: tuple[Api, dict]) -> None:
    answer = finished[0].get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_the_page_and_its_files(finished: tuple[Api, dict]) -> None:
    client, _ = finished
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    script = client.get("/assets/page.js")
    etag = script.headers["etag"]
    assert client.get("/assets/page.js", headers={"If-None-Match": etag}).status_code == 304
    for path in ("/assets/none.js", "/assets/../index.html", "/nothing", "/v1", "/docs"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v1/separations"),
        ("DELETE", "/v1/separations"),
        ("POST", "/v1/separations/x"),
        ("POST", "/v1/recipes"),
        ("POST", "/healthz"),
        ("POST", "/"),
        ("TRACE", "/v1/models"),
    ],
)
def test_methods_that_are_not_possible(finished: tuple[Api, dict], method: str, path: str) -> None:
    answer = finished[0].request(method, path)
    assert (answer.status_code, answer.json()["reason"]) == (405, "method_not_allowed")
    assert "allow" in answer.headers


# ---- from an upload to files


def test_a_job_is_accepted_worked_on_and_done(api: Api) -> None:
    api.world.hold()
    answer = api.submit(name="My song.flac", recipe="both", format="flac")
    job = answer.json()
    assert answer.status_code == 202 and "retry-after" not in answer.headers
    assert answer.headers["location"] == job["links"]["self"] == f"/v1/separations/{job['id']}"
    assert "preference-applied" not in answer.headers
    assert (job["title"], job["recipe"], job["format"]) == ("My song.flac", "both", "flac")
    assert job["duration_s"] == pytest.approx(SAMPLES / 44_100, abs=1e-3)
    assert (job["stems"], job["results"], job["links"]["stems"]) == ([], [], {})
    assert api.world.begun.acquire(timeout=WAIT_S)
    running = api.get(job["links"]["self"]).json()
    assert (running["status"], running["attempts"]) == ("running", 1)
    for part in ("stems/vocals", "stems/vocals/peaks", "archive"):
        refused = api.get(f"{job['links']['self']}/{part}")
        assert (refused.status_code, refused.json()["reason"]) == (409, "conflict")
    api.world.release()
    api.bench.final(job["id"])
    done = api.get(job["links"]["self"]).json()
    assert (done["status"], done["progress"], done["error"]) == ("succeeded", 1.0, None)
    assert set(done["links"]["stems"]) == set(done["links"]["peaks"]) == STEMS
    assert done["expires_at"] > done["finished_at"] >= done["started_at"] >= done["created_at"]
    assert {item["parent"] for item in done["conservation"]} == {"mixture", "drums"}


def test_finished_files_are_what_the_models_made(finished: tuple[Api, dict]) -> None:
    client, job = finished
    mixture, _ = soundfile.read(io.BytesIO(SONG), dtype="float32")
    factors = {"vocals": 0.375, "drums": 0.25, "kick": 0.125, "drums_rest": 0.125, "other": 0.375}
    for stem, factor in factors.items():
        answer = client.get(job["links"]["stems"][stem])
        assert answer.headers["content-type"] == "audio/wav"
        samples, _ = soundfile.read(io.BytesIO(answer.content), dtype="float32")
        np.testing.assert_allclose(samples, factor * mixture, atol=1e-6)
        facts = next(item for item in job["results"] if item["stem"] == stem)
        assert facts["bytes"] == len(answer.content) == int(answer.headers["content-length"])
        peaks = client.get(job["links"]["peaks"][stem]).json()
        assert (peaks["stem"], peaks["samples_per_peak"]) == (stem, 3)
        assert max(peaks["peaks"]) == pytest.approx(facts["peak"], abs=1e-4)


def test_the_archive_holds_every_stem(finished: tuple[Api, dict]) -> None:
    client, job = finished
    answer = client.get(job["links"]["archive"])
    assert answer.headers["content-type"] == "application/zip"
    assert int(answer.headers["content-length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as zipped:
        assert zipped.testzip() is None
        assert set(zipped.namelist()) == {f"{stem}.wav" for stem in STEMS}
        assert {info.compress_type for info in zipped.infolist()} == {zipfile.ZIP_STORED}
        drums = client.get(job["links"]["stems"]["drums"]).content
        assert zipped.read("drums.wav") == drums


@pytest.mark.parametrize("part", ["stems", "peaks"])
@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-5", -5, None), ("bytes=0-0", 0, 1)],
)
def test_ranges(
    finished: tuple[Api, dict], part: str, asked: str, start: int, stop: int | None
) -> None:
    client, job = finished
    link = job["links"][part]["vocals"]
    whole = client.get(link)
    assert whole.headers["accept-ranges"] == "bytes"
    answer = client.get(link, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == whole.content[start:stop]
    size = len(whole.content)
    first, last = range(size)[start:stop][0], range(size)[start:stop][-1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"


def test_several_ranges_and_a_range_of_an_older_file(finished: tuple[Api, dict]) -> None:
    client, job = finished
    link = job["links"]["stems"]["vocals"]
    several = client.get(link, headers={"Range": "bytes=0-3,8-11"})
    assert several.status_code == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")
    old = client.get(link, headers={"Range": "bytes=0-3", "If-Range": '"another"'})
    assert old.status_code == 200


@pytest.mark.parametrize("part", ["stems", "peaks"])
def test_ranges_that_cannot_be_answered(finished: tuple[Api, dict], part: str) -> None:
    client, job = finished
    link = job["links"][part]["vocals"]
    size = len(client.get(link).content)
    outside = client.get(link, headers={"Range": f"bytes={size}-"})
    assert (outside.status_code, outside.headers["content-type"]) == (416, PROBLEM)
    assert outside.headers["content-range"] == f"bytes */{size}"
    nonsense = client.get(link, headers={"Range": "bytes=x-y"})
    assert (nonsense.status_code, nonsense.headers["content-type"]) == (400, PROBLEM)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/separations/none",
        "/v1/separations/none/events",
        "/v1/separations/none/archive",
        "/v1/separations/none/stems/vocals",
        "/v1/separations/none/stems/vocals/peaks",
        "/v1/separations/{id}/stems/none",
        "/v1/separations/{id}/stems/none/peaks",
        "/v1/separations/{id}/stems/..%2F..%2Finput%2Fmixture",
        "/v1/separations/..%2F{id}",
        "/v1/separations/%00",
    ],
)
def test_what_is_not_there(finished: tuple[Api, dict], path: str) -> None:
    client, job = finished
    answer = client.get(path.replace("{id}", job["id"]))
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


@pytest.mark.parametrize(
    "path", [f"/v1/separations/{'x' * 65}", "/v1/separations?limit=0", "/v1/separations?limit=x"]
)
def test_parameters_that_are_not_usable(finished: tuple[Api, dict], path: str) -> None:
    answer = finished[0].get(path)
    assert (answer.status_code, answer.json()["reason"]) == (422, "unprocessable")


def test_the_list_shows_the_newest_first(api: Api) -> None:
    ids = [api.submit(name=f"{number}.wav").json()["id"] for number in range(3)]
    listed = api.get("/v1/separations").json()["separations"]
    assert [job["id"] for job in listed] == ids[::-1]
    two = api.get("/v1/separations?limit=2").json()["separations"]
    assert [job["title"] for job in two] == ["2.wav", "1.wav"]


@pytest.mark.parametrize(
    "stems", ["drums,kick", " kick , drums,", ["drums", "kick"], "drums,drums,kick"]
)
def test_stems_may_be_chosen_in_several_ways(api: Api, stems: str | list[str]) -> None:
    job = api.separated(stems=stems)
    assert set(job["stems"]) == {"drums", "kick"} == set(job["links"]["stems"])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"recipe": "none"}, "both, single"),
        ({"stems": "bass"}, "vocals"),
        ({"recipe": "single", "stems": "vocals"}, "drums"),
        ({"format": "mp3"}, "flac or wav"),
        ({"colour": "red"}, "recipe, stems, format"),
        ({"recipe": ["both", "single"]}, "2 times"),
    ],
)
def test_fields_that_are_not_usable(api: Api, fields: dict, said: str) -> None:
    answer = api.submit(**fields)
    assert (answer.status_code, answer.json()["reason"]) == (422, "unprocessable")
    assert said in answer.json()["detail"]
    assert api.get("/v1/separations").json()["separations"] == []


def test_forms_that_are_none(api: Api) -> None:
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    answers = {
        "no form": api.post("/v1/separations", content=SONG),
        "json": api.post("/v1/separations", json={"file": "x"}),
        "no file": api.post("/v1/separations", files={"recipe": (None, "both")}),
        "empty": api.submit(b""),
        "cut": api.post("/v1/separations", content=b"--x\r\n", headers=form),
        "no boundary": api.post(
            "/v1/separations", content=b"x", headers={"Content-Type": "multipart/form-data"}
        ),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "no form": 415,
        "json": 415,
        "no file": 422,
        "empty": 422,
        "cut": 400,
        "no boundary": 400,
    }


def test_audio_that_is_none_or_too_long_or_too_large(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serve(limits=limits(max_duration_s=0.2, max_upload_mb=0.1))
    monkeypatch.setattr(intake, "decode", decoding.decode)
    assert api.submit(b"not audio at all" * 9).status_code == 415
    assert api.submit(song(samples=12_000)).json()["reason"] == "too_large"
    assert api.submit(b"x" * 200_000).status_code == 413
    cut = api.submit(SONG[:30])
    assert cut.status_code in {415, 422}
    assert api.get("/v1/separations").json()["separations"] == []


# ---- Prefer and Idempotency-Key


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=20", "wait=20"),
        ("wait=0020", "wait=20"),
        ('respond-async, WAIT = "20"', "wait=20"),
        ("wait=20;x=y", "wait=20"),
        ("wait=x, wait=20", "wait=20"),
    ],
)
def test_prefer_wait_waits_until_the_job_is_done(api: Api, prefer: str, applied: str) -> None:
    answer = api.submit(headers={"Prefer": prefer})
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == applied
    assert answer.headers["location"] == answer.json()["links"]["self"]


@pytest.mark.parametrize(
    "prefer", ["wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", b"wait=\xb2", "x=1", "", ",,"]
)
def test_preferences_that_are_not_understood_are_ignored(api: Api, prefer: str) -> None:
    api.world.hold()
    answer = api.submit(headers={"Prefer": prefer})
    assert answer.status_code == 202
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize(("asked", "applied"), [("0", "0"), ("9" * 12, "0.05"), ("7", "0.05")])
def test_prefer_wait_is_capped(serve: Serve, asked: str, applied: str) -> None:
    api = serve(limits=limits(max_wait_s=0.05))
    api.world.hold()
    answer = api.submit(headers={"Prefer": f"wait={asked}"})
    assert (answer.status_code, answer.json()["progress"]) == (202, 0.0)
    assert answer.headers["preference-applied"] == f"wait={applied}"


def test_the_same_key_and_content_are_the_same_job(api: Api) -> None:
    key = {"Idempotency-Key": "once"}
    api.world.hold()
    first = api.submit(headers=key, stems="drums,vocals")
    again = api.submit(headers=key, stems="vocals,drums")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    api.world.release()
    api.bench.final(first.json()["id"])
    done = api.submit(headers=key, stems="vocals,drums", name="renamed.wav")
    assert (done.status_code, done.json()["id"]) == (200, first.json()["id"])
    assert len(api.get("/v1/separations").json()["separations"]) == 1


@pytest.mark.parametrize(
    "other", [{"stems": "drums"}, {"format": "wav"}, {"recipe": "single"}, {"content": song(1)}]
)
def test_the_same_key_with_other_content_is_a_conflict(api: Api, other: dict) -> None:
    key = {"Idempotency-Key": "once"}
    first = api.submit(headers=key)
    answer = api.submit(headers=key, **other)
    assert (answer.status_code, answer.json()["reason"]) == (409, "conflict")
    assert first.json()["id"] in answer.json()["detail"]


@pytest.mark.parametrize("key", ["", "x" * 256, b"\xfc", "a\tb"])
def test_keys_of_repetition_that_are_not_usable(api: Api, key: str) -> None:
    answer = api.submit(headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_request")


def test_a_repeated_request_is_answered_although_the_queue_is_full(serve: Serve) -> None:
    api = serve(limits=limits(max_unfinished=1))
    api.world.hold()
    key = {"Idempotency-Key": "once"}
    first = api.submit(headers=key).json()
    for headers in ({}, {"Idempotency-Key": "twice"}):
        refused = api.submit(headers=headers)
        assert (refused.status_code, refused.json()["reason"]) == (503, "queue_full")
    assert api.submit(headers=key).json()["id"] == first["id"]


# ---- keys


@pytest.fixture
def guarded(serve: Serve) -> tuple[Api, dict[str, dict[str, str]]]:
    """Return a client of a server with keys, and the headers of two people."""
    made = {name: new_key(name) for name in ("ann", "bob")}
    keys = Keys(tuple(tuple(line.split(":")) for _, line in made.values()))  # type: ignore[misc]
    headers = {name: {"Authorization": f"Bearer {secret}"} for name, (secret, _) in made.items()}
    return serve(keys=keys, limits=limits(max_unfinished_per_key=1)), headers


def test_without_a_key_nothing_but_page_health_and_document(
    guarded: tuple[Api, dict],
) -> None:
    api, headers = guarded
    paths = {path for path in api.document["paths"] if path.startswith("/v1/")}
    for path in paths:
        place = path.replace("{id}", "x").replace("{stem}", "y")
        for method in api.document["paths"][path]:
            for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic YTpi"}):
                answer = api.request(method.upper(), place, headers=wrong)
                assert answer.status_code == 401, (method, path)
            assert api.document["paths"][path][method]["security"] == [{"key": []}]
    for path in ("/healthz", "/", "/openapi.json"):
        assert api.get(path).status_code == 200
    assert api.get("/v1/recipes", headers=headers["ann"]).status_code == 200


def test_one_key_does_not_see_the_jobs_of_another(guarded: tuple[Api, dict]) -> None:
    api, who = guarded
    answer = api.submit(headers=who["ann"] | {"Prefer": "wait=20", "Idempotency-Key": "k"})
    link, stem = answer.json()["links"]["self"], answer.json()["links"]["stems"]["drums"]
    for path in (link, f"{link}/events", f"{link}/archive", stem, f"{stem}/peaks"):
        assert api.get(path, headers=who["ann"]).status_code == 200
        hidden = api.get(path, headers=who["bob"])
        nothing = api.get(path.replace(link, "/v1/separations/none"), headers=who["bob"])
        assert hidden.status_code == nothing.status_code == 404
    assert api.delete(link, headers=who["bob"]).status_code == 404
    assert api.get("/v1/separations", headers=who["bob"]).json()["separations"] == []
    assert len(api.get("/v1/separations", headers=who["ann"]).json()["separations"]) == 1
    own = api.submit(song(1), headers=who["bob"] | {"Idempotency-Key": "k"})
    assert own.status_code == 202  # keys of repetition are one's own, too


def test_each_key_has_its_own_room(guarded: tuple[Api, dict]) -> None:
    api, who = guarded
    api.world.hold()
    first = api.submit(headers=who["ann"])
    refused = api.submit(headers=who["ann"])
    assert (refused.status_code, refused.json()["reason"]) == (429, "too_many_jobs")
    assert api.submit(headers=who["bob"]).status_code == 202
    assert api.delete(first.json()["links"]["self"], headers=who["ann"]).status_code == 200
    assert api.submit(headers=who["ann"]).status_code == 202


# ---- events


def events_of(text: str) -> list[tuple[str, dict]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_events_of_a_finished_job_are_progress_and_done(finished: tuple[Api, dict]) -> None:
    client, job = finished
    answer = client.get(job["links"]["events"])
    assert answer.headers["cache-control"] == "no-store"
    assert events_of(answer.text) == [("progress", job), ("done", job)]


class Live:
    """The application on a real port."""

    def __init__(self, api: Api) -> None:
        port = free_port()
        config = uvicorn.Config(api.app, "127.0.0.1", port, log_level="error", lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.thread.start()
        until(lambda: self.server.started)

    def close(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(WAIT_S)


@pytest.fixture
def live(serve: Serve) -> Iterator[Callable[..., tuple[Api, Live]]]:
    made: list[Live] = []

    def start(**options: Any) -> tuple[Api, Live]:
        api = serve(**options)
        made.append(Live(api))
        return api, made[-1]

    yield start
    for one in made:
        one.close()


def test_events_are_pushed_while_the_job_goes_on(live: Callable[..., tuple[Api, Live]]) -> None:
    api, up = live()
    api.world.hold()
    job = api.submit(recipe="single").json()
    assert api.world.begun.acquire(timeout=WAIT_S)
    with requests.get(up.url + job["links"]["events"], stream=True, timeout=WAIT_S) as stream:
        blocks = stream.iter_content(None, decode_unicode=False)
        text = next(blocks)
        assert text.startswith(b"event: progress\ndata: {")  # before anything is released
        api.world.release()
        text += b"".join(blocks)
    seen = events_of(text.decode())
    assert [name for name, _ in seen[-2:]] == ["progress", "done"]
    assert {name for name, _ in seen[:-1]} == {"progress"}
    done = [state["chunks_done"] for _, state in seen]
    assert done == sorted(done) and done[-1] == 5
    assert seen[-1][1] == api.get(job["links"]["self"]).json()


def test_a_quiet_stream_says_that_it_is_still_there(
    live: Callable[..., tuple[Api, Live]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_KEEP_ALIVE_S", 0.02)
    api, up = live()
    api.world.hold()
    job = api.submit().json()
    with requests.get(up.url + job["links"]["events"], stream=True, timeout=WAIT_S) as stream:
        lines = stream.iter_lines()
        assert any(line.startswith(b":") for line in (next(lines) for _ in range(30)))


def test_streams_are_counted_and_those_that_are_left_are_not(
    live: Callable[..., tuple[Api, Live]],
) -> None:
    api, up = live(limits=limits(max_events=1))
    api.world.hold()
    link = api.submit().json()["links"]["events"]
    with requests.get(up.url + link, stream=True, timeout=WAIT_S) as stream:
        blocks = stream.iter_content(None)
        assert next(blocks)
        refused = api.get(link)
        assert (refused.status_code, refused.json()["reason"]) == (503, "not_ready")
    until(lambda: api.app.app.state.service._streams == 0)
    with requests.get(up.url + link, stream=True, timeout=WAIT_S) as stream:
        assert stream.status_code == 200


def test_more_uploads_at_a_time_than_allowed(live: Callable[..., tuple[Api, Live]]) -> None:
    api, up = live(limits=limits(max_uploads=1))
    slow = HTTPConnection("127.0.0.1", up.port, timeout=WAIT_S)
    slow.putrequest("POST", "/v1/separations")
    slow.putheader("Content-Type", "multipart/form-data; boundary=x")
    slow.putheader("Content-Length", "1000")
    slow.endheaders(b"--x\r\n")
    until(lambda: api.app.app.state.service.intake._uploads == 1)
    refused = api.submit()
    assert (refused.status_code, refused.json()["reason"]) == (503, "not_ready")
    slow.close()
    until(lambda: api.app.app.state.service.intake._uploads == 0)
    assert api.submit().status_code == 202


# ---- the end of jobs


def test_deleting_a_queued_a_running_and_a_cancelled_job(serve: Serve) -> None:
    api = serve(worker={"slots": 1})
    api.world.hold()
    running, queued = (api.submit().json()["links"]["self"] for _ in range(2))
    assert api.world.begun.acquire(timeout=WAIT_S)
    assert api.get(queued).json()["status"] == "queued"
    for link in (queued, running):
        for _ in range(2):  # again is no error
            answer = api.delete(link)
            assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert api.get(link).json()["links"]["stems"] == {}
        for part in ("stems/drums", "stems/drums/peaks", "archive"):
            gone = api.get(f"{link}/{part}")
            assert gone.status_code == 404 and "cancelled" in gone.json()["detail"]
        assert [name for name, _ in events_of(api.get(f"{link}/events").text)][-1] == "done"
    until(lambda: [outcome for _, outcome in api.bench.ends] == ["stopped"])


def test_deleting_a_finished_job_deletes_its_files_at_once(api: Api) -> None:
    job = api.separated()
    assert any(path.is_file() for path in (api.bench.folder / "files").rglob(f"{job['id']}/**/*"))
    for _ in range(2):
        answer = api.delete(job["links"]["self"])
        assert (answer.status_code, answer.json()["status"]) == (200, "expired")
        assert answer.json()["links"]["archive"] is None and answer.json()["results"] == []
    left = (api.bench.folder / "files").rglob(f"{job['id']}/**/*")
    assert not any(path.is_file() for path in left)
    assert api.get(job["links"]["stems"]["drums"]).status_code == 404


def test_a_job_whose_time_has_come_is_expired(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "_CLEAN_S", 0.02)
    api = serve(worker={"keep_s": 0.3})
    link = api.submit().json()["links"]["self"]
    until(lambda: api.get(link).json()["status"] == "expired")
    gone = api.get(f"{link}/stems/drums")
    assert gone.status_code == 404 and "expired" in gone.json()["detail"]
    assert api.get(f"{link}/archive").status_code == 404
    assert api.delete(link).json()["status"] == "expired"


def test_a_job_that_failed_in_part_gives_what_was_made(api: Api) -> None:
    api.world.faults["p"] = ModelError("The model 'p' was lost.")
    answer = api.submit(headers={"Prefer": "wait=20"}).json()
    assert answer["status"] == "failed" and answer["error"]["reason"] == "stems_failed"
    assert set(answer["links"]["stems"]) == {"vocals", "drums", "other"}
    assert api.get(answer["links"]["stems"]["vocals"]).status_code == 200
    assert api.get(f"{answer['links']['self']}/stems/kick").status_code == 404
    with zipfile.ZipFile(io.BytesIO(api.get(answer["links"]["archive"]).content)) as zipped:
        assert len(zipped.namelist()) == 3
    assert api.delete(answer["links"]["self"]).json()["status"] == "failed"


def test_a_job_that_failed_has_no_files(api: Api) -> None:
    api.world.faults["m"] = ModelError("The model 'm' was lost.")
    job = api.submit(recipe="single", headers={"Prefer": "wait=20"}).json()
    assert job["error"] == {"reason": "separation_failed", "detail": "The model 'm' was lost."}
    assert job["links"]["archive"] is None
    assert api.get(f"{job['links']['self']}/archive").status_code == 404
    assert api.get(f"{job['links']['self']}/stems/drums").status_code == 404


@pytest.mark.parametrize(
    ("title", "base"),
    [
        ("Übung – 日本.flac", "Übung – 日本"),
        ("it's; name=x, y.wav", "it's; name=x, y"),
        ("../../etc/passwd.mp3", "passwd"),
        ("C:\\music\\song.wav", "song"),
        ("100%.wav", "100%"),
        ("a\u202egpj.wav", "a gpj"),
        ("no suffix", "no suffix"),
        (".wav", "wav"),
        ("e\u0301.wav", "é"),
        ("x" * 300 + ".wav", "x" * 120),
    ],
)
def test_names_of_downloads_are_those_of_the_upload(api: Api, title: str, base: str) -> None:
    job = api.separated(name=title, recipe="single")
    for link, name in (
        (job["links"]["stems"]["drums"], f"{base} - drums.flac"),
        (job["links"]["archive"], f"{base}.zip"),
    ):
        said = api.get(link).headers["content-disposition"]
        assert said.isascii() and said.startswith("attachment;"), said
        value = said.partition("filename")[2]
        found = unquote(value.removeprefix("*=utf-8''")) if value[0] == "*" else value[2:-1]
        assert found == name
        assert "\n" not in said and "\r" not in said


# ---- faults


def test_a_database_that_does_not_answer_is_said_on_every_route(
    finished: tuple[Api, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, job = finished

    def away(*_: object, **__: object) -> None:
        raise NotReadyError("The job database does not answer: try again.", retry_after=5)

    for name in ("get", "recent", "cancel", "check_room"):
        monkeypatch.setattr(client.bench.store, name, away)
    links = job["links"]
    answers = [client.get(path) for path in ("/v1/separations", links["self"], links["events"])]
    answers += [client.get(links["stems"]["drums"]), client.get(links["archive"])]
    answers += [client.delete(links["self"]), client.submit()]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"5"}


def test_a_fault_of_the_server_is_a_problem_without_its_reason(
    finished: tuple[Api, dict], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client, job = finished

    def broken(*_: object) -> None:
        raise ValueError("/a/secret/path")

    monkeypatch.setattr(client.bench.store, "get", broken)
    answer = super(DocumentedClient, client).request("GET", job["links"]["self"])
    assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
    assert "secret" not in answer.text and "secret" in caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_full_disk_is_not_the_client_s_fault(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(api.bench.files, "put", full)
    answer = api.submit()
    assert (answer.status_code, answer.json()["reason"]) == (503, "not_ready")


# ---- who may ask


HOSTS = ("localhost", "127.0.0.1", "::1")


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Return a client of a server that is called by its own names only."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("home")
        yield serving(stack, folder, worker={}, hosts=(*HOSTS, "testserver"))


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "[::1]", "testserver"],
)
def test_the_server_s_own_names(at_home: Api, host: str) -> None:
    assert at_home.get("/v1/recipes", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "evil.example#localhost",
        "",
        "::1",
        "[::1",
        "[evil]",
        "localhost]",
        "127.0.0.1.",
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/recipes", "/v1/separations/x"])
def test_a_name_that_another_site_has_pointed_here(at_home: Api, host: str, path: str) -> None:
    answer = at_home.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_request")
    assert "--allow-host" in answer.json()["detail"]


def test_any_name_where_none_are_given(serve: Serve) -> None:
    api = serve(worker={}, hosts=())
    assert api.get("/v1/recipes", headers={"Host": "whoever.example"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:9000", "Host": "localhost:8000"},
        {"Origin": "http://[::1"},
        {"Origin": "http://localhost.evil.example", "Host": "localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost", "Host": "localhost"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/separations"), ("DELETE", "/v1/separations/x")]
)
def test_pages_of_other_sites_change_nothing(
    at_home: Api, headers: dict, method: str, path: str
) -> None:
    answer = at_home.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, "cross_site")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000", "Host": "localhost:8000"},
        {"Origin": "https://LocalHost", "Host": "localhost"},
        {"Origin": "http://[::1]:8000", "Host": "[::1]:8000", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_the_server_s_own_page_and_programs_may_change_things(at_home: Api, headers: dict) -> None:
    answer = at_home.delete("/v1/separations/none", headers=headers)
    assert answer.status_code == 404
    assert at_home.post("/v1/separations", headers=headers).status_code == 415


def test_reading_from_elsewhere_is_allowed_but_not_shared(at_home: Api) -> None:
    headers = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = at_home.get("/v1/recipes", headers=headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_requests_and_refusals_are_counted_by_pattern(at_home: Api) -> None:
    counts = at_home.app.counts
    counts.requests.clear(), counts.reasons.clear()
    at_home.get("/v1/separations/one")
    at_home.get("/v1/separations/two")
    at_home.request("BREW", "/pot")
    at_home.get("/v1/recipes", headers={"Host": "evil.example"})
    assert counts.requests == [
        ("GET", "/v1/separations/{id}", 404),
        ("GET", "/v1/separations/{id}", 404),
        ("other", "unknown", 404),
        ("GET", "unknown", 400),
    ]
    assert counts.reasons == ["not_found", "not_found", "not_found", "bad_request"]
