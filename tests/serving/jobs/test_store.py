"""What the job store promises, on SQLite and on a real PostgreSQL where one is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from stemwise.core.errors import (
    ConfigError,
    ConflictError,
    MissingDependencyError,
    NotFoundError,
    NotReadyError,
    OutputError,
    QueueFullError,
    TooManyJobsError,
)
from stemwise.serving.jobs.records import NewJob, Status
from stemwise.serving.jobs.store import JobStore, QueueLimits

NO_LIMITS = QueueLimits(max_unfinished=10_000, max_unfinished_per_owner=None)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def new_job(id: str, owner: str = "ann", **changes: Any) -> NewJob:
    fields = {
        "recipe": "best",
        "stems": ("vocals", "bass+drums"),
        "format": "flac",
        "title": "Übung.wav",
        "samples": 3_000_000_000,
        "digest": "d1",
    }
    return NewJob(id=id, owner=owner, **(fields | changes))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a PostgreSQL of our own on a socket, and return its URL."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([*map(str, debian), os.environ.get("PATH", "")])
    initdb, server = shutil.which("initdb", path=path), shutil.which("postgres", path=path)
    if not initdb or not server:
        pytest.skip("no PostgreSQL server is installed")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    run: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL}
    if os.geteuid() == 0:  # the server refuses to run as root
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("run as root, and there is no account `postgres`")
        os.chown(folder, account.pw_uid, account.pw_gid)
        run |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    data = str(folder / "data")
    subprocess.run([initdb, "-D", data, "-U", "stemwise", "-A", "trust", "-N"], check=True, **run)
    options = ["-k", str(folder), "-c", "listen_addresses=", "-F"]
    process = subprocess.Popen([server, "-D", data, *options], stderr=subprocess.DEVNULL, **run)
    url = f"postgresql+psycopg://stemwise@/postgres?host={folder}"
    for _ in range(200):
        try:
            JobStore(url).close()
            break
        except OutputError:
            assert process.poll() is None
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/jobs.db"
    server: str = request.getfixturevalue("postgresql")
    import psycopg

    with psycopg.connect(server.replace("+psycopg", "")) as connection:
        connection.execute("DROP TABLE IF EXISTS stemwise_jobs, stemwise_schema")
    return server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[JobStore]:
    store = JobStore(url, clock)
    yield store
    store.close()


def in_threads(count: int, work: Callable[[int], object]) -> list[object]:
    """Call `work(number)` from `count` threads at once; return results and exceptions."""
    barrier, results = Barrier(count), list[object]([None] * count)

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = work(number)
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[number] = error

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_job_from_queue_to_expiry_survives_reopening(
    store: JobStore, url: str, clock: Clock
) -> None:
    job, new = store.submit(new_job("j1", title="a\0b\ud800"), NO_LIMITS)
    assert new and job.status is Status.QUEUED and job.created_at == 1000
    assert job.title == "a\ufffdb\ufffd" and job.stems == ("vocals", "bass+drums")
    clock.now = 1007
    assert store.oldest_queued_age() == 7
    claimed = store.claim("w", lease_s=10)
    assert claimed and (claimed.id, claimed.attempts, claimed.started_at) == ("j1", 1, 1007)
    assert claimed.lease_until == 1017 and store.oldest_queued_age() is None
    assert store.heartbeat("j1", "w", 10, 2, 8)
    assert store.heartbeat("j1", "w", 10, 4, None)
    assert store.get("j1", "ann").progress == 0.5
    clock.now = 1020
    assert store.finish("j1", "w", {"gain": None, "stems": [{"rms": -12.5}]}, ttl_s=60)
    store.close()

    again = JobStore(url, clock)
    done = again.get("j1")
    assert done.status is Status.SUCCEEDED and done.samples == 3_000_000_000
    assert done.result == {"gain": None, "stems": [{"rms": -12.5}]}
    assert (done.finished_at, done.expires_at) == (1020, 1080)
    clock.now = 1079.9
    assert again.expire() == [] and again.ids() == {"j1"}
    clock.now = 1080
    assert again.forget(0) == 0  # its files are still there
    assert again.expire() == ["j1"] and again.expire() == [] and again.ids() == set()
    assert again.get("j1").status is Status.EXPIRED
    assert again.forget(60) == 0 and again.forget(59) == 1
    with pytest.raises(NotFoundError, match="'j1'"):
        again.get("j1")
    again.close()


def test_owners_see_only_their_own(store: JobStore, clock: Clock) -> None:
    for number, owner in enumerate(["ann", "bob", "ann", "ann"]):
        clock.now += 1
        store.submit(new_job(f"j{number}", owner), NO_LIMITS)
    assert [job.id for job in store.recent("ann", 2)] == ["j3", "j2"]
    assert [job.id for job in store.recent("eve", 2)] == []
    for call in (store.get, store.cancel):
        with pytest.raises(NotFoundError):
            call("j1", "ann")
    assert store.get("j1").status is Status.QUEUED


def test_the_same_key_means_the_same_job(store: JobStore) -> None:
    first = new_job("j1", idempotency_key="k")
    assert store.find_repeat("ann", "k", "d1") is None
    store.submit(first, NO_LIMITS)
    full = QueueLimits(0, 0)
    job, new = store.submit(new_job("j2", idempotency_key="k"), full)
    assert job.id == "j1" and not new
    repeat = store.find_repeat("ann", "k", "d1")
    assert repeat and repeat.id == "j1"
    assert store.submit(new_job("j3", "bob", idempotency_key="k"), NO_LIMITS)[1]
    assert store.find_repeat("ann", None, "d1") is None
    with pytest.raises(ConflictError, match="'k'"):
        store.submit(new_job("j4", idempotency_key="k", digest="d2"), NO_LIMITS)
    with pytest.raises(ConflictError, match="'k'"):
        store.find_repeat("ann", "k", "d2")


def test_cancelling(store: JobStore, clock: Clock) -> None:
    for name in ("queued", "running", "done", "failed"):
        store.submit(new_job(name), NO_LIMITS)
    for name in ("done", "failed", "queued", "running"):
        store.claim(name, 10)
    claims = {job.id: job.worker or "" for job in store.recent("ann", 9)}
    assert store.release("queued", claims["queued"])
    assert store.finish("done", claims["done"], {}, 60)
    assert store.fail("failed", claims["failed"], "broken", "It broke.", 60, {"stems": []})
    clock.now += 1
    assert store.cancel("queued", "ann").status is Status.CANCELLED
    assert store.cancel("running", "ann").finished_at == clock.now
    assert not store.heartbeat("running", claims["running"], 10, 1, 2)
    assert not store.finish("running", claims["running"], {}, 60)
    assert store.cancel("done").status is Status.EXPIRED
    failed = store.cancel("failed")
    assert failed.status is Status.FAILED and failed.result == {"stems": []}
    assert sorted(store.expire()) == ["done", "failed", "queued", "running"]
    assert store.cancel("queued").status is Status.CANCELLED
    assert store.counts()[Status.CANCELLED] == 2 and store.expire() == []


def test_a_worker_that_lost_its_lease_can_do_nothing_more(store: JobStore, clock: Clock) -> None:
    store.submit(new_job("j1"), NO_LIMITS)
    store.claim("paused", 10)
    clock.now += 9.9
    assert store.claim("next", 10) is None
    clock.now += 0.1
    taken = store.claim("next", 10)
    assert taken and taken.attempts == 2 and taken.chunks_done == 0
    assert not store.heartbeat("j1", "paused", 10, 5, 8)
    assert not store.finish("j1", "paused", {}, 60)
    assert not store.fail("j1", "paused", "r", "e", 60)
    assert not store.release("j1", "paused")
    assert not store.finish("j1", "next", {}, 60, attempt=1)
    assert store.finish("j1", "next", {}, 60, attempt=2)


def test_a_job_that_kills_its_workers_fails(store: JobStore, clock: Clock) -> None:
    store.submit(new_job("bad"), NO_LIMITS)
    clock.now += 1
    store.submit(new_job("good"), NO_LIMITS)
    for attempt in (1, 2):
        job = store.claim(f"w{attempt}", 10, max_attempts=2)
        assert job and job.id == "bad"
        clock.now += 10
    job = store.claim("w3", 10, max_attempts=2, lost_ttl_s=5)
    assert job and job.id == "good"
    bad = store.get("bad")
    assert (bad.status, bad.reason) == (Status.FAILED, "worker_lost")
    assert bad.error and "2 attempts" in bad.error and bad.expires_at == clock.now + 5


def test_a_release_costs_no_attempt_and_keeps_the_place(store: JobStore, clock: Clock) -> None:
    for name in ("first", "second"):
        clock.now += 1
        store.submit(new_job(name), NO_LIMITS)
    for number in range(5):
        job = store.claim(f"w{number}", 10, max_attempts=1)
        assert job and (job.id, job.attempts) == ("first", 1)
        assert store.release("first", f"w{number}")
    assert store.get("first").started_at is None


def test_no_room_and_when_to_come_back(store: JobStore, clock: Clock) -> None:
    limits = QueueLimits(max_unfinished=4, max_unfinished_per_owner=2)
    store.submit(new_job("j1"), limits)
    store.submit(new_job("j2"), limits)
    with pytest.raises(TooManyJobsError) as refused:
        store.submit(new_job("j3"), limits)
    assert refused.value.retry_after == 10  # nothing is known yet
    assert store.backlog_s() is None
    store.claim("w", 100)
    clock.now += 30
    store.finish("j1", "w", {}, 60)
    for name in ("j3", "j4", "j5"):
        clock.now += 1
        store.submit(new_job(name, name), limits)
    store.claim("w", 100)  # j2 runs; j3, j4 and j5 wait
    with pytest.raises(QueueFullError) as full:
        store.check_room("new", limits)
    assert full.value.retry_after == 30  # one worker, 30 s for each job, the oldest ends first
    with pytest.raises(TooManyJobsError) as own:
        store.check_room("j4", QueueLimits(99, 1))
    assert own.value.retry_after == 90  # after j2, j3 and j4 itself
    assert store.backlog_s() == 90
    store.check_room("j4", NO_LIMITS)


def test_limits_and_keys_hold_under_concurrent_submits(store: JobStore) -> None:
    limits = QueueLimits(max_unfinished=5, max_unfinished_per_owner=3)

    def submit(number: int) -> object:
        return store.submit(new_job(f"j{number}", "ann" if number % 2 else "bob"), limits)[1]

    results = in_threads(12, submit)
    assert results.count(True) == 5
    refused = [type(result) for result in results if result is not True]
    assert set(refused) <= {QueueFullError, TooManyJobsError} and len(refused) == 7

    def repeat(number: int) -> object:
        return store.submit(new_job(f"r{number}", "eve", idempotency_key="k"), NO_LIMITS)

    repeats = in_threads(8, repeat)
    assert [new for _, new in repeats].count(True) == 1  # type: ignore[misc]
    assert len({job.id for job, _ in repeats}) == 1  # type: ignore[misc]


def test_concurrent_claims_never_meet(store: JobStore) -> None:
    for number in range(40):
        store.submit(new_job(f"j{number}"), NO_LIMITS)

    def claim_all(number: int) -> list[str]:
        ids = []
        while job := store.claim(f"w{number}", 100):
            ids.append(job.id)
        return ids

    results = in_threads(4, claim_all)
    ids = [id for result in results for id in result]  # type: ignore[attr-defined]
    assert sorted(ids) == sorted(f"j{number}" for number in range(40))


def test_stores_that_open_at_once_make_one_schema(url: str) -> None:
    opened = in_threads(6, lambda _: JobStore(url))
    assert [type(store) for store in opened] == [JobStore] * 6
    for store in opened:
        assert isinstance(store, JobStore)
        assert store.counts() == dict.fromkeys(Status, 0)
        store.close()


def test_results_are_json_in_both_databases(store: JobStore) -> None:
    store.submit(new_job("j1"), NO_LIMITS)
    store.claim("w", 100)
    with pytest.raises(Exception, match="JSON compliant"):
        store.finish("j1", "w", {"level": float("nan")}, 60)
    assert store.get("j1").status is Status.RUNNING


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    JobStore(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE stemwise_schema SET version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="version 99"):
        JobStore(f"sqlite:///{path}")


def test_what_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("no database, but long enough that SQLite reads a header here\n" * 20)
    with pytest.raises(OutputError, match=r"notes\.db"):
        JobStore(f"sqlite:///{path}")
    with pytest.raises(OutputError, match=r"notes\.db"):
        JobStore(f"sqlite:///{path}/below/jobs.db")
    with pytest.raises(OutputError, match=str(tmp_path)):
        JobStore(f"sqlite:///{tmp_path}")
    for url in ("sqlite://", "mysql://h/d", "nonsense", "postgresql://h:port/d"):
        with pytest.raises(ConfigError, match="sqlite:///PATH"):
            JobStore(url)


def test_postgresql_without_server_or_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(OutputError) as refused:
        JobStore("postgresql://ann:secret@127.0.0.1:1/jobs")
    assert "secret" not in str(refused.value)
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match=r"stemwise\[postgres\]"):
        JobStore("postgresql://127.0.0.1/jobs")


def test_a_database_that_is_lost_is_a_503(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = JobStore(f"sqlite:///{tmp_path}/state/jobs.db")
    store.close()
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(NotReadyError) as error:
        store.get("j1")
    # clients have no business with the place; the log has it
    assert "jobs.db" in caplog.text and "jobs.db" not in str(error.value)
    assert error.value.retry_after == 5
    store.close()
