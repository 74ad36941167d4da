"""How jobs end, and faults of the server."""

from __future__ import annotations

import io
import zipfile
from urllib.parse import unquote

import pytest

from stemwise.core.errors import ModelError, NotReadyError
from stemwise.serving.jobs import runner as job_runner

from ..documented import PROBLEM, DocumentedClient
from ..local import WAIT_S, until
from .client import Api, Serve, events_of


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
