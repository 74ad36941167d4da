"""What a POST may ask for, and how: fields, Prefer, Idempotency-Key."""

from __future__ import annotations

import pytest

from stemwise.serving.intake import decoding, intake

from ..local import limits
from .client import SONG, Api, Serve, song


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
        ({"stems": ",,,,"}, "names no stem"),
        ({"stems": " , "}, "names no stem"),
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
