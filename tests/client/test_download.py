"""Downloads: whole or not there, however the connection is cut."""

from __future__ import annotations

import dataclasses

import pytest

from stemwise import client as api
from stemwise.core import errors

from .scripted_service import HTML, STEMS, answer, cut, cut_after, problem


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
