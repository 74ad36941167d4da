"""The client against a service that misbehaves as told, over real sockets."""

from __future__ import annotations

import dataclasses
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from stemwise import client as api
from stemwise import errors
from stemwise.client import Client
from stemwise.client.retries import Policy, Retries, retry_after_seconds
from stemwise.serving import schemas

from .conftest import QUICK
from .scripted_service import HTML, STEMS, answer, chunks, cut, cut_after, problem


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


def test_refusals_to_wait_out_never_make_two_jobs(client, service, song):
    late = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    service.fault(
        "submit",
        problem(503, reason="queue_full", Retry_After=1),
        problem(429, Retry_After=late),
        cut,
    )
    job = client.submit(song)
    keys = {headers["Idempotency-Key"] for *_, headers in service.seen}
    assert service.count("submit") == 4 and len(keys) == 1 and len(service.jobs) == 1
    assert job.status == "queued"
    client.submit(song)
    assert len(service.jobs) == 2
    assert (
        client.submit(song, idempotency_key="mine").id
        == client.submit(song, idempotency_key="mine").id
    )


def test_an_answer_that_is_lost_is_asked_for_again(client, service, song):
    """The job is made, but the connection breaks before the client hears of it."""

    def make_and_drop(handler):
        handler.send = lambda *_: handler.drop()
        handler.submit()

    make_and_drop.reads = False
    service.fault("submit", make_and_drop)
    job = client.submit(song)
    assert service.count("submit") == 2 and list(service.jobs) == [job.id]


@pytest.mark.parametrize("status", [502, 504, 500, 503])
def test_a_proxy_that_cannot_reach_the_service_is_asked_again(client, service, status):
    service.fault("recent", answer(status, HTML, "text/html"))
    assert client.recent() == []
    assert service.count("recent") == 2


KINDS = [
    (400, errors.StemwiseError),
    (401, errors.UnauthorizedError),
    (403, errors.ForbiddenError),
    (404, errors.NotFoundError),
    (409, errors.ConflictError),
    (413, errors.TooLargeError),
    (415, errors.UnsupportedAudioError),
    (422, errors.UnprocessableError),
]


@pytest.mark.parametrize(("status", "kind"), KINDS)
def test_other_refusals_are_final_and_typed(client, service, song, status, kind):
    service.fault("submit", problem(status, "It is so: do that.", "a_word"))
    with pytest.raises(kind, match=r"It is so: do that\.") as caught:
        client.submit(song)
    error = caught.value
    assert isinstance(error, api.ServerError) and service.count("submit") == 1
    assert (error.status, error.reason, error.detail) == (status, "a_word", "It is so: do that.")
    assert service.url in str(error) and "\n" not in str(error)
    assert ("STEMWISE_KEY" in str(error)) == (status == 401)


def test_patience_ends_with_the_service_own_words(client, service, song):
    service.fault("submit", *[problem(503, "Full: later.", "queue_full", Retry_After=7)] * 9)
    with pytest.raises(errors.QueueFullError, match="Full: later") as caught:
        client.submit(song)
    assert service.count("submit") == QUICK.attempts
    assert caught.value.retry_after == 7 and isinstance(caught.value, api.ServerBusyError)
    service.fault("recent", *[problem(429)] * 9)
    with pytest.raises(errors.TooManyJobsError):
        client.recent()


def test_an_early_refusal_is_heard_although_the_upload_goes_on(client, service, tmp_path):
    """A server that closes on 413 without reading: the answer must not drown in a reset."""
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.truncate(40_000_000)

    def refuse(handler):
        problem(413, "At most 1 MB: cut it.")(handler)
        handler.close_connection = True

    refuse.reads = False
    service.fault("submit", refuse)
    with pytest.raises(errors.TooLargeError, match="At most 1 MB"):
        client.submit(big)


@pytest.mark.parametrize(
    "wrong",
    [
        answer(200, HTML, "text/html"),
        answer(404, HTML, "text/html"),
        answer(404, {"detail": "Not Found"}),
        answer(200, {"separations": [{"id": 3}]}),
        answer(200, [1]),
        answer(200, b"\xff\xfe{", "application/json"),
    ],
)
def test_what_is_not_stemwise_is_said(client, service, wrong):
    service.fault("recent", wrong)
    with pytest.raises(api.NotStemwiseError, match="not as a stemwise service does") as caught:
        client.recent()
    assert service.url in str(caught.value) and service.count("recent") == 1


def test_control_characters_of_a_server_do_not_reach_the_terminal(client, service):
    service.fault("recent", problem(422, "a\x1b[31mred\r\nx" + "y" * 5000))
    with pytest.raises(errors.UnprocessableError) as caught:
        client.recent()
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


def test_nobody_there(service, song):
    url = service.url
    service.close()
    started = time.monotonic()
    with Client(url) as client, pytest.raises(api.UnreachableError) as caught:
        client.submit(song)
    assert "stemwise serve" in str(caught.value) and url in str(caught.value)
    assert time.monotonic() - started < 10  # no long patience for a wrong address
    for wrong in ("http://no-such-host.invalid", url.replace("http:", "https:")):
        client = Client(wrong, policy=QUICK)
        with client, pytest.raises(api.UnreachableError, match=re.escape(wrong)):
            client.recipes()


def test_tls_where_there_is_none(service):
    client = Client(service.url.replace("http:", "https:"), policy=QUICK)
    with client, pytest.raises(api.UntrustedError, match="write http://"):
        client.recipes()


def test_a_proxy_never_stands_before_this_machine(service, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client(service.url, policy=QUICK) as client:
        assert client.recent() == []
    away = Client("http://10.0.0.1", policy=QUICK)
    with away, pytest.raises(api.UnreachableError, match="NO_PROXY"):
        away.recent()


def test_a_connection_that_is_closed_at_once(client, service):
    service.fault("recent", *[cut] * 9)
    with pytest.raises(api.UnreachableError, match="https://"):
        client.recent()
    assert service.count("recent") == QUICK.short_attempts


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost:8000",
        "ftp://x",
        "http://",
        "http://a b",
        "http://x:99999",
        "http://x?y",
        "//x",
    ],
)
def test_an_address_that_is_none(address):
    with pytest.raises(errors.ConfigError, match="http://HOST:PORT"):
        Client(address)


def test_a_password_in_the_address_is_refused_and_not_shown():
    with pytest.raises(errors.ConfigError) as caught:
        Client("http://me:secret@host")
    assert "secret" not in str(caught.value)


def test_the_key_is_sent_and_never_shown(service, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("STEMWISE_KEY", " sk-environment\n")
    with Client(service.url, policy=QUICK) as client:
        client.recent()
        service.fault("recent", problem(401, "Key sk-environment is unknown: get another."))
        with pytest.raises(errors.UnauthorizedError) as caught:
            client.recent()
        assert "sk-environment" not in f"{caught.value}{caught.value.detail}{client!r}"
    with Client(service.url, key="sk-given", policy=QUICK) as client:
        client.recent()
    sent = [headers["Authorization"] for *_, headers in service.seen]
    assert sent == ["Bearer sk-environment", "Bearer sk-environment", "Bearer sk-given"]
    for bad in ("sk two", "schlüssel", "a\nb"):
        with pytest.raises(errors.ConfigError) as told:
            Client(service.url, key=bad)
        assert bad not in str(told.value)


def test_a_redirect_elsewhere_never_carries_the_key(service, song):
    from .scripted_service import Service

    other = Service()
    try:
        with Client(service.url, key="sk-secret", policy=QUICK) as client:
            moved = answer(307, Location=f"{other.url}/v1/separations")
            service.fault("recent", moved)
            assert client.recent() == []
            assert "Authorization" not in other.seen[0][3]
            service.fault("submit", moved)
            with pytest.raises(api.NotStemwiseError, match="moved to " + other.url):
                client.submit(song)
            assert len(other.seen) == 1  # a song goes only where it was sent
            service.fault("recent", *[answer(302, Location="/v1/separations")] * 9)
            with pytest.raises(api.NotStemwiseError, match="circles"):
                client.recent()
    finally:
        other.close()


def test_events_go_on_after_a_cut(client, service, song):
    job = client.submit(song)
    first = b'event: progress\ndata: {"id": "job0", "status": "running"}\n\n'
    service.fault("events", cut, chunks(first, end=False), chunks(first, first), problem(503))
    seen = []
    assert client.wait(job.id, on_progress=seen.append).succeeded
    assert service.count("events") == 5 and service.count("get") == 0
    assert [one.status for one in seen] == ["running", "queued", "running", "succeeded"]


def test_events_that_come_in_shreds(client, service, song):
    job = client.submit(song)
    text = (
        b'\xef\xbb\xbfevent: progress\r\ndata: {"id": "job0", "status": "running"}\r\n\r\n: x\n\n'
    )
    text += b"event: new\ndata: what?\n\n"
    text += b'event: done\ndata: {"id": "job0",\ndata: "status": "of_the_future"}\n\n'
    service.fault("events", chunks(*[text[i : i + 7] for i in range(0, len(text), 7)]))
    assert client.wait(job.id).status == "of_the_future"
    assert service.count("events") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        answer(200, HTML, "text/html"),
        chunks(b": nothing but comments\n\n"),
        chunks(b"event: progress\ndata: no json\n\n"),
        chunks(b"event: progress\ndata: {}\n\n"),
    ],
)
def test_without_events_it_asks_again_and_again(client, service, song, wrong):
    job = client.submit(song)
    service.fault("events", wrong, wrong)
    seen = []
    assert client.wait(job.id, on_progress=seen.append).succeeded
    assert service.count("events") == 2 and service.count("get") == 3
    assert [one.status for one in seen] == ["queued", "running", "succeeded"]


def test_events_that_fall_silent(client, service, song):
    """A proxy that holds everything back: the silence ends the stream."""
    job = client.submit(song)
    service.fault("events", chunks(b": here\n\n", pause=0.7))
    assert client.wait(job.id).succeeded
    assert service.count("events") == 2


def test_a_job_that_is_gone(client, service):
    with pytest.raises(api.ServerNotFoundError):
        service.fault("events", problem(404))
        client.wait("../../other?x")
    assert service.seen[0][2] == "/v1/separations/..%2F..%2Fother%3Fx/events"


def test_waiting_keeps_to_its_time(client, service, song):
    service.steps = [("running", 1)]
    job = client.submit(song)
    started = time.monotonic()
    with pytest.raises(api.WaitTimeoutError, match=job.id):
        client.wait(job.id, timeout=0.2)
    assert 0.15 < time.monotonic() - started < 2
    assert service.jobs[job.id]["status"] == "running"


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired", "running"])
def test_a_job_without_stems_says_why(client, service, song, tmp_path, status):
    job = client.submit(song)
    service.jobs[job.id]["status"] = status
    service.steps = [(status, 1)]
    with pytest.raises(api.JobFailedError, match=r"song\.flac") as caught:
        client.download(client.get(job.id), tmp_path / "out")
    assert ("gave up" if status == "failed" else status) in str(caught.value)
    assert caught.value.reason == ("models_failed" if status == "failed" else status)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def done(client, service, song):
    job = client.submit(song)
    service.jobs[job.id]["status"] = "succeeded"
    return client.get(job.id)


def test_a_cut_download_goes_on_where_it_stopped(client, service, done, tmp_path):
    service.fault("stem", cut_after(200_000), cut, cut_after(100_000), problem(503))
    made = client.download(done, tmp_path / "out")
    assert made["vocals"].read_bytes() == STEMS["vocals"]
    ranges = [headers.get("Range") for *_, path, headers in service.seen if path.endswith("vocals")]
    starts = [int(text[6:-1]) if text else 0 for text in ranges]
    assert starts[0] == 0 and starts[1] == starts[2] and starts[3] == starts[4]
    assert 150_000 < starts[1] <= 200_000 < starts[3] <= 300_000


def test_a_file_that_changed_begins_anew(client, service, done, tmp_path):
    service.fault("stem", cut_after(200_000, ETag='"zero"'))
    assert client.download(done, tmp_path)["vocals"].read_bytes() == STEMS["vocals"]


def test_without_a_validator_it_begins_anew(client, service, done, tmp_path):
    service.fault("stem", cut_after(200_000, ETag='W/"weak"'))
    assert client.download(done, tmp_path)["vocals"].read_bytes() == STEMS["vocals"]
    assert all("Range" not in headers for *_, headers in service.seen)


@pytest.mark.parametrize(
    "wrong",
    [
        answer(206, b"xx", "audio/flac", Content_Range="bytes 0-1/9"),
        answer(416, b"", "audio/flac", Content_Range="bytes */3"),
    ],
)
def test_a_wrong_range_begins_anew(client, service, done, tmp_path, wrong):
    service.fault("stem", cut_after(200_000), wrong)
    assert client.download(done, tmp_path)["vocals"].read_bytes() == STEMS["vocals"]


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ([cut_after(10)] * 9, api.TransferError),
        ([cut_after(0)] * 9, api.TransferError),
        ([cut] * 9, api.UnreachableError),
        ([answer(200, b"fLaC short", "audio/flac")], api.ServerConflictError),
        ([answer(200, HTML, "text/html")], api.NotStemwiseError),
        ([problem(404)], api.ServerNotFoundError),
    ],
)
def test_what_stays_incomplete_leaves_nothing(client, service, done, tmp_path, faults, kind):
    out = tmp_path / "out"
    out.mkdir()
    (out / "vocals.flac").write_bytes(b"the earlier one")
    service.fault("stem", *faults)
    with pytest.raises(kind) as caught:
        client.download(done, out)
    assert service.url in str(caught.value)
    assert [path.read_bytes() for path in out.iterdir()] == [b"the earlier one"]


@pytest.mark.parametrize("stem", ["../x", "a/b", "", ".", "UPPER", "a\\b"])
def test_a_stem_of_a_server_is_never_a_path(client, service, done, tmp_path, stem):
    result = dataclasses.replace(done.results[0], stem=stem)
    with pytest.raises(api.NotStemwiseError, match="stem"):
        client.download(dataclasses.replace(done, results=[result]), tmp_path / "out")
    with pytest.raises(api.NotStemwiseError):
        client.download(dataclasses.replace(done, format="flac/../../x"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(client, done, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.OutputError, match="cannot be written"):
        client.download(done, tmp_path / "file")


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


def test_retry_after_in_both_forms():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 28 < retry_after_seconds(soon) <= 30
    assert retry_after_seconds("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    assert retry_after_seconds("17") == 17.0
    assert [retry_after_seconds(text) for text in (None, "", "-1", "soon", "1.5", "²")] == [
        None
    ] * 6


def pauses(policy, retry_after=None):
    slept = []
    retries = Retries(policy, sleep=slept.append)
    error = api.ServerBusyError("busy", retry_after=retry_after)
    with pytest.raises(api.ServerBusyError):
        while True:
            retries.pause(error)
    return slept


def test_pauses_double_and_end():
    slept = pauses(Policy(attempts=9, pause_s=1, longest_pause_s=8, total_s=1000))
    expected = [1, 2, 4, 8, 8, 8, 8, 8]
    assert len(slept) == 8
    assert all(want / 2 <= got <= want for want, got in zip(expected, slept, strict=True))
    assert sum(pauses(Policy(attempts=10**6, total_s=50))) <= 50
    asked = pauses(Policy(attempts=4, total_s=1000, longest_retry_after_s=60), retry_after=9999)
    assert len(asked) == 3 and all(60 <= got <= 61 for got in asked)
    assert pauses(Policy(total_s=30), retry_after=40) == []
