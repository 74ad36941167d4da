"""Following a job: events that are cut, shredded, held back or absent, and time limits."""

from __future__ import annotations

import time

import pytest

from stemwise import client as api

from .scripted_service import HTML, answer, chunks, cut, problem


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
