"""From an upload to stems, waveforms and archives."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ..documented import PROBLEM
from ..local import WAIT_S
from .client import SAMPLES, SONG, STEMS, Api


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
    # 3/8 of the mixture lie 8.52 dB below it
    assert done["quality"] == {"vocals": {"snr": 6.48, "low": 4.48, "high": 8.48}}


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


def _sound(content: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(content), dtype="float32")[0]


def test_the_song_itself_can_be_compared(finished: tuple[Api, dict]) -> None:
    client, job = finished
    answer = client.get(job["links"]["mixture"])
    assert answer.headers["content-type"] == "audio/wav"
    np.testing.assert_array_equal(_sound(answer.content), _sound(SONG))
    assert "mixture" not in job["links"]["stems"]


@pytest.mark.parametrize("part", ["stems/vocals", "mix?stems=vocals"])
def test_other_formats(finished: tuple[Api, dict], part: str) -> None:
    client, job = finished
    link, joint = f"{job['links']['self']}/{part}", "&" if "?" in part else "?"
    wav = _sound(client.get(link).content)
    flac = client.get(f"{link}{joint}format=flac")
    assert flac.headers["content-type"] == "audio/flac"
    np.testing.assert_allclose(_sound(flac.content), wav, atol=2**-23)
    mp3 = client.get(f"{link}{joint}format=mp3")
    assert mp3.headers["content-type"] == "audio/mpeg"
    assert ".mp3" in mp3.headers["content-disposition"]
    heard = _sound(mp3.content)
    assert heard.shape == wav.shape and 0 < np.abs(heard).max() < 1
    refused = client.get(f"{link}{joint}format=ogg")
    assert (refused.status_code, refused.json()["reason"]) == (422, "unprocessable")


def test_an_archive_of_mp3(finished: tuple[Api, dict]) -> None:
    client, job = finished
    answer = client.get(f"{job['links']['archive']}?format=mp3")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as zipped:
        assert zipped.testzip() is None
        assert set(zipped.namelist()) == {f"{stem}.mp3" for stem in STEMS}
        assert zipped.read("kick.mp3")[:3] in (b"ID3", b"\xff\xfb\xe0")


def test_a_mix_is_the_sum_at_its_levels(finished: tuple[Api, dict]) -> None:
    client, job = finished
    song = _sound(SONG)
    link = f"{job['links']['mix']}?stems=vocals:-6.02,drums,other:%2B6.02"
    mixed = _sound(client.get(link).content)
    factor = 0.375 * 10 ** (-6.02 / 20) + 0.25 + 0.375 * 10 ** (6.02 / 20)
    np.testing.assert_allclose(mixed, factor * song, atol=1e-6)
    loud = f"{job['links']['mix']}?stems=vocals:12,other:12&format=flac"
    turned_down = _sound(client.get(loud).content)
    np.testing.assert_allclose(turned_down, song / np.abs(song).max(), atol=1e-5)


@pytest.mark.parametrize("mix", ["", "none", "vocals,vocals", "vocals:x", "vocals:99", "mixture"])
def test_a_mix_that_cannot_be_read(finished: tuple[Api, dict], mix: str) -> None:
    client, job = finished
    answer = client.get(f"{job['links']['mix']}?stems={mix}")
    assert (answer.status_code, answer.json()["reason"]) == (422, "unprocessable")


def test_exports_leave_nothing_behind(
    finished: tuple[Api, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, job = finished
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for part in ("stems/kick?format=mp3", "mix?stems=kick&format=mp3", "archive?format=mp3"):
        assert client.get(f"{job['links']['self']}/{part}").status_code == 200
    assert list(tmp_path.iterdir()) == []
