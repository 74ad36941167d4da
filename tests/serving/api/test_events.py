"""Progress as it is pushed, over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection

import pytest
import requests

from stemwise.serving.http import service

from ..local import WAIT_S, limits, until
from .client import Api, Live, events_of


def test_events_of_a_finished_job_are_progress_and_done(finished: tuple[Api, dict]) -> None:
    client, job = finished
    answer = client.get(job["links"]["events"])
    assert answer.headers["cache-control"] == "no-store"
    assert events_of(answer.text) == [("progress", job), ("done", job)]


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
