"""Holding a remote folder: one run at a time, and what the dead leave behind is taken over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from stemwise.core.errors import OutputError
from stemwise.core.places import place, read_bytes, write_whole
from stemwise.jobs.holding import exclusive
from stemwise.storage.lease import NAME, Holder, Lease, Pace, this_host

QUICK = Pace(beat_s=0.05, watch_s=0.6, look_s=0.05, settle_s=0.15, warn_s=0.2)


@pytest.fixture
def folder(bucket):
    return place(f"s3://{bucket}/run")


def held(folder, **changes):
    """Leave the lock of another run."""
    content = {"host": "elsewhere x y", "pid": 1, "id": "other", "beat": 7} | changes
    write_whole(folder / NAME, json.dumps(content).encode())


def on_folder(folder):
    return json.loads(read_bytes(folder / NAME))


def wait_for(condition):
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_it_is_renewed_while_held_and_gone_afterwards(folder):
    with exclusive(folder, pace=QUICK):
        first = on_folder(folder)
        assert (first["pid"], first["host"]) == (os.getpid(), this_host())
        wait_for(lambda: on_folder(folder)["beat"] > first["beat"] + 1)
    with pytest.raises(FileNotFoundError):
        on_folder(folder)


def test_a_second_run_is_refused_as_soon_as_the_first_is_seen_to_live(folder):
    told = []
    with exclusive(folder, pace=QUICK):
        with (
            pytest.raises(OutputError, match=f"Another run is writing {folder}"),
            exclusive(folder, told.append, QUICK),
        ):
            raise AssertionError("two runs hold one folder")
        assert f"held by process {os.getpid()}" in told[0]
        before = on_folder(folder)["beat"]
        wait_for(lambda: on_folder(folder)["beat"] > before)  # and the first is not disturbed


def test_a_lock_that_stands_still_is_taken_over_after_watching(folder):
    held(folder)
    began = time.monotonic()
    with exclusive(folder, pace=QUICK):
        assert time.monotonic() - began >= QUICK.watch_s
        assert on_folder(folder)["pid"] == os.getpid()


def test_clocks_do_not_matter(folder, monkeypatch):
    held(folder)
    monkeypatch.setattr(time, "time", lambda: 0.0)  # a machine that thinks that it is 1970
    with exclusive(folder, pace=QUICK):
        pass


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_at_once(folder):
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    held(folder, host=this_host(), pid=int(dead.stdout))
    began = time.monotonic()
    with exclusive(folder, pace=Pace(watch_s=60, settle_s=0.1)):
        assert time.monotonic() - began < 10


def test_the_same_process_id_elsewhere_is_another_process():
    assert not Holder("elsewhere", 2**22 + 1, "x").ended
    assert Holder(this_host(), 2**22 + 1, "x").ended
    assert not Holder(this_host(), 1, "x").ended


def test_a_lock_that_cannot_be_read_is_watched(folder):
    write_whole(folder / NAME, b"{")
    with exclusive(folder, pace=QUICK):
        assert on_folder(folder)["pid"] == os.getpid()


def test_of_two_that_find_it_dead_one_gets_it(folder):
    held(folder)
    gate, won, refused = threading.Barrier(2), [], []

    def run():
        lease = Lease(folder, pace=QUICK, on_lost=lambda: None)
        gate.wait()
        try:
            lease.take()
        except OutputError:
            refused.append(lease)
        else:
            won.append(lease)

    runs = [threading.Thread(target=run) for _ in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert (len(won), len(refused)) == (1, 1)
    won[0].release()


def test_a_run_that_was_taken_over_is_told_and_leaves_the_lock_alone(folder):
    lost = threading.Event()
    lease = Lease(folder, pace=QUICK, on_lost=lost.set)
    lease.take()
    held(folder)
    assert lost.wait(5)
    lease.release()
    assert on_folder(folder)["id"] == "other"


@pytest.fixture
def interruptible():
    """As a command is: tests before this one may have left another handler."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_run_that_was_taken_over_stops_with_one_sentence(folder):
    with (
        pytest.raises(OutputError, match=f"Another run has taken over {folder}"),
        exclusive(folder, pace=QUICK),
    ):
        held(folder)
        time.sleep(60)  # interrupted
        raise AssertionError("the run went on")


def test_a_failing_renewal_is_told_once_and_ends_nothing(folder, bucket):
    told = []
    lease = Lease(folder, told.append, QUICK, on_lost=lambda: told.append("lost"))
    lease.take()
    try:
        folder.fs.rm(bucket, recursive=True)
        wait_for(lambda: told)
        time.sleep(4 * QUICK.warn_s)
        assert len(told) == 1
        assert "could not be renewed" in told[0]
        folder.fs.mkdir(bucket)
        wait_for(lambda: folder.fs.exists((folder / NAME).path))
    finally:  # else it goes on renewing through all later tests
        lease.release()
    assert len(told) == 1


def test_a_bucket_that_is_not_there(s3_server):
    with (
        pytest.raises(OutputError, match=r"no-such-bucket/run cannot be written \(The specified"),
        exclusive(place("s3://no-such-bucket/run"), pace=QUICK),
    ):
        pass


def test_a_store_without_conditions_is_held_too(tmp_path):
    folder = place(f"memory://{tmp_path.name}")

    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError

    pipe = folder.fs.pipe_file
    folder.fs.pipe_file = lambda path, data, mode="overwrite": (
        refuse() if mode == "create" else pipe(path, data)
    )
    try:
        with (
            exclusive(folder, pace=QUICK),
            pytest.raises(OutputError, match="Another run"),
            exclusive(folder, pace=QUICK),
        ):
            pass
    finally:
        del folder.fs.pipe_file
