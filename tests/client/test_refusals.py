"""What a client does about refusals: which it waits out, which it tells, in what words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from stemwise import client as api
from stemwise.client.retries import Policy, Retries, retry_after_seconds
from stemwise.core import errors

from .conftest import QUICK
from .scripted_service import HTML, answer, cut, problem


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
