"""The whole service killed and started again, with keys, on one light model."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest
import requests

from stemwise.serving.http.keys import new_key

from .conftest import song_file
from .running import Running, final, running

pytestmark = pytest.mark.ray


def post(service: Running, path: Path, key: str, **headers: str) -> dict:
    with path.open("rb") as file:
        answer = requests.post(
            f"{service.url}/v1/separations",
            files={"file": file},
            headers={"Authorization": f"Bearer {key}"} | headers,
            timeout=60,
        )
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()


def test_killed_as_a_whole_it_goes_on_where_it_was(tmp_path: Path) -> None:
    (alice, line), (bob, other) = new_key("alice"), new_key("bob")
    keys = tmp_path / "keys"
    keys.write_text(f"# who may come\n{line}\n{other}\n")
    arguments = ["--recipe", "band_split", "--keys", str(keys), "--set", "jobs.lease_s=3"]
    arguments += ["--set", "ensemble.jobs_per_replica=1", "--set", "jobs.keep_s=600"]
    song, long = song_file(tmp_path / "a.wav", 3.0), song_file(tmp_path / "b.flac", 40.0, seed=1)
    hers = {"Authorization": f"Bearer {alice}"}

    with running(tmp_path / "up", *arguments) as service:
        done = post(service, song, alice, Prefer="wait=60", **{"Idempotency-Key": "first"})
        assert done["status"] == "succeeded"
        jobs = [post(service, long, alice, **{"Idempotency-Key": f"k{n}"}) for n in range(2)]
        for path in ("/v1/separations", "/v1/recipes", jobs[0]["links"]["self"]):
            assert requests.get(service.url + path, timeout=10).status_code == 401
        assert requests.get(service.url + "/", timeout=10).status_code == 200
        theirs = requests.get(
            service.url + done["links"]["self"],
            headers={"Authorization": f"Bearer {bob}"},
            timeout=10,
        )
        assert theirs.status_code == 404
        wait_for_a_running_one(service)
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait()
    assert {row[0] for row in rows(service, "status")} >= {"succeeded", "running"}

    with running(tmp_path / "up", *arguments) as again:
        # the same requests once more, as a client would that never got its answer
        repeated = [post(again, long, alice, **{"Idempotency-Key": f"k{n}"}) for n in range(2)]
        assert [job["id"] for job in repeated] == [job["id"] for job in jobs]
        ends = [final(again.url, job, headers=hers) for job in jobs]
        assert [job["status"] for job in ends] == ["succeeded"] * 2, ends
        assert max(job["attempts"] for job in ends) == 2
        kept = requests.get(
            again.url + done["links"]["stems"][next(iter(done["links"]["stems"]))],
            headers=hers,
            timeout=10,
        )
        assert kept.status_code == 200 and len(kept.content) > 1000
        assert len(rows(again, "id")) == 3
        assert again.stop(signal.SIGTERM) == 0
        assert again.log.read_text().rstrip().endswith("Stopping.")  # nothing of Ray's own ends


def rows(service: Running, column: str) -> list[tuple]:
    with sqlite3.connect(service.state / "jobs.sqlite3") as database:
        table = next(
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
            if name.endswith("jobs")
        )
        return database.execute(f"SELECT {column} FROM {table}").fetchall()


def wait_for_a_running_one(service: Running) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if ("running",) in rows(service, "status"):
            return
        time.sleep(0.02)
    raise AssertionError("no job was begun")
