"""The client as it is used: a song, its stems, what else the API offers, an interrupt."""

from __future__ import annotations

import dataclasses

import pytest

from stemwise import client as api
from stemwise.core import errors
from stemwise.serving.http import schemas

from .scripted_service import STEMS, answer, problem


def test_a_deadline_is_the_servers_to_keep(client, service, song):
    job = client.submit(song, deadline_s=2.5)
    assert service.uploads[0]["deadline_s"] == "2.5"
    assert (job.tier, job.note, job.deadline_at) == (None, None, None)  # of an older server


def test_a_song_becomes_stems(client, service, song, tmp_path):
    sent, seen, got = [], [], []
    job, made = client.separate(
        song,
        tmp_path / "out",
        stems=("vocals", "drums"),
        recipe="other",
        format="wav",
        on_upload=lambda *now: sent.append(now),
        on_progress=seen.append,
        on_download=lambda *now: got.append(now),
    )
    assert job.succeeded and job.final and job.gain == 1.0
    assert {stem: path.read_bytes() for stem, path in made.items()} == STEMS
    assert [path.name for path in made.values()] == ["vocals.wav", "drums.wav"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["drums.wav", "vocals.wav"]
    upload = service.uploads[0]
    assert upload == {
        "name": "song.flac",
        "file": song.read_bytes(),
        "recipe": "other",
        "stems": "vocals,drums",
        "format": "wav",
    }
    assert sent[-1][0] == sent[-1][1] > song.stat().st_size
    assert [(one.status, one.chunks_done) for one in seen] == service.steps
    assert got[-1] == ("drums", len(STEMS["drums"]), len(STEMS["drums"]))


def test_mp3_is_asked_for_when_stems_are_fetched(client, service, song, tmp_path):
    job, made = client.separate(song, tmp_path / "out", format="mp3")
    assert service.uploads[0]["format"] == job.format == "flac"
    assert {path.name for path in made.values()} == {f"{stem}.mp3" for stem in STEMS}
    client.archive(job.id, tmp_path / "all.zip", format="mp3")
    fetched = [path for route, _, path, _ in service.seen if route in ("stem", "archive")]
    assert fetched and all(path.endswith("?format=mp3") for path in fetched)
    with pytest.raises(errors.ConfigError, match="'ogg' is not offered: use flac, wav or mp3"):
        client.download(job, tmp_path, format="ogg")
    with pytest.raises(errors.ConfigError, match="'mp3' is not offered: use flac or wav"):
        client.submit(song, format="mp3")


def test_what_is_not_given_is_not_sent(client, service, song):
    client.submit(song)
    assert set(service.uploads[0]) == {"name", "file", "format"}


def test_all_else_that_the_api_offers(client, service, song, tmp_path):
    job = client.submit(song)
    assert client.get(job.id).id == client.recent()[0].id == job.id
    assert client.recipes()[1].children == {"drums": ["kick"]} and client.recipes()[0].default
    assert client.models()[0].ready and client.health().ready
    assert client.archive(job.id, tmp_path / "all.zip").read_bytes().startswith(b"PK")
    assert client.cancel(job.id).status == "cancelled"
    service.fault("health", answer(503, {"status": "loading", "models": {"m": False}}))
    assert client.health().models == {"m": False}


def test_answers_have_the_fields_of_the_service():
    for name in ("Separation", "StemResult", "Links", "Conservation", "Failure"):
        ours = {field.name for field in dataclasses.fields(getattr(api, name))}
        assert ours == set(getattr(schemas, name).model_fields)
    for name in ("RecipeInfo", "ModelInfo", "Health"):
        ours = {field.name for field in dataclasses.fields(getattr(api, name))}
        assert ours == set(getattr(schemas, name).model_fields)


def interrupt(job):
    if job.status == "running":
        raise KeyboardInterrupt


def test_an_interrupt_cancels_the_job(client, service, song, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        client.separate(song, tmp_path / "out", on_progress=interrupt)
    assert service.jobs["job0"]["status"] == "cancelled"


def test_an_interrupt_says_when_it_could_not_cancel(client, service, song, tmp_path):
    service.fault("cancel", problem(422, "No."))
    with pytest.raises(KeyboardInterrupt) as caught:
        client.separate(song, tmp_path / "out", on_progress=interrupt)
    assert "job0" in caught.value.__notes__[0] and "No." in caught.value.__notes__[0]


def test_a_format_that_is_not_offered(client, song):
    with pytest.raises(errors.ConfigError, match="mp3"):
        client.submit(song, format="mp3")
